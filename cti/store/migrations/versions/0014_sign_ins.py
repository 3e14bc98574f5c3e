"""When agents were signed in, for their occupancy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Key, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "agent_sign_ins",
        sa.Column("agent", Key, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("agent", "since", name=op.f("pk_agent_sign_ins")),
    )
    op.create_index(op.f("ix_agent_sign_ins_until"), "agent_sign_ins", ["until"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("agent_sign_ins")
