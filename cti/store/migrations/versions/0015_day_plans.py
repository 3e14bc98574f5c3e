"""When the day's tasks were last planned, so that a service that starts again does not plan them twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "outreach_plans",
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("at", name=op.f("pk_outreach_plans")),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("outreach_plans")
