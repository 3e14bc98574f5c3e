"""Commands of call control: who pressed what, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Key, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    op.create_table(
        "call_commands",
        sa.Column("id", Key, primary_key=True),
        sa.Column("pop_id", Key, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("linkedid", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        _text("target"),
        sa.Column("situation", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        _text("code"),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("done_at", UtcDateTime),
    )
    op.create_index("ix_call_commands_call", "call_commands", ["node", "linkedid", "asked_at"])
    op.create_index("ix_call_commands_pop", "call_commands", ["pop_id"])
    op.create_index("ix_call_commands_asked", "call_commands", ["asked_at"])


def downgrade() -> None:
    op.drop_table("call_commands")
