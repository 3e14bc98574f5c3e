"""How talks sounded in browsers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Id, Key, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MEASURES = (
    *("rtt_ms", "rtt_max_ms", "jitter_ms", "jitter_max_ms", "loss_in", "loss_out"),
    "silent_s",
)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "phone_quality",
        sa.Column("id", Id, nullable=False),
        sa.Column("pop_id", Key, nullable=False),
        sa.Column("leg", Key, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("told_at", UtcDateTime, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        *(sa.Column(name, sa.Float) for name in MEASURES),
        sa.Column("codec", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_phone_quality"),
        sa.UniqueConstraint("pop_id", "leg", name="uq_phone_quality_pop_id_leg"),
    )
    op.create_index("ix_phone_quality_agent_told_at", "phone_quality", ["agent", "told_at"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("phone_quality")
