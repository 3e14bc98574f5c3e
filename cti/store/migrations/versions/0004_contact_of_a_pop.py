"""One contact a pop: found by the pop, not by the call, whose columns are empty in most contacts.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "uq_contacts_pop_id",
        "contacts",
        ["pop_id"],
        unique=True,
        sqlite_where=sa.text("pop_id <> ''"),
        postgresql_where=sa.text("pop_id <> ''"),
    )


def downgrade() -> None:
    """Remove the index."""
    op.drop_index("uq_contacts_pop_id", table_name="contacts")
