"""Live help: flags for supervisors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Key, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "live_flags",
        sa.Column("id", Key, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        _text("node"),
        _text("linkedid"),
        _text("pop_id"),
        sa.Column("agent", Key, nullable=False),
        _text("queue"),
        sa.Column("rule", sa.Text, nullable=False),
        _text("title"),
        _text("heard"),
        sa.Column("sure", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_flags")),
    )
    op.create_index(op.f("ix_live_flags_at"), "live_flags", ["at"])
    op.create_index(op.f("ix_live_flags_agent_at"), "live_flags", ["agent", "at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("live_flags")
