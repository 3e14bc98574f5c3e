"""The supervisor's figures: visits to queues, hold and wrap-up of contacts, indexes by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Key, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OPEN = "ended_at IS NULL"
BY_DAY = (("contacts", "at"), ("surveys", "at"), ("callbacks", "requested_at"), ("complaints", "opened_at"))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    """Add the table, the columns and the indexes."""
    op.create_table(
        "queue_visits",
        sa.Column("id", Key, nullable=False),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("node", "linkedid", "queue", "kind")),
        *(_text(n) for n in ("scheme", "tier_id", "tier_label")),
        sa.Column("arrived_at", UtcDateTime, nullable=False),
        sa.Column("queued_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        _text("outcome"),
        _text("agent"),
        sa.Column("wait_s", sa.Float),
        sa.Column("recovered", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id", name="pk_queue_visits"),
    )
    op.create_index("ix_queue_visits_arrived_at", "queue_visits", ["arrived_at"])
    op.create_index("ix_queue_visits_node_linkedid", "queue_visits", ["node", "linkedid"])
    op.create_index(
        "ix_queue_visits_open",
        "queue_visits",
        ["queue"],
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    )
    op.add_column("contacts", sa.Column("hold_s", sa.Float))
    op.add_column("contacts", sa.Column("wrapup_s", sa.Float))
    for table, column in BY_DAY:
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Take them away again."""
    for table, column in BY_DAY:
        op.drop_index(f"ix_{table}_{column}", table)
    op.drop_column("contacts", "wrapup_s")
    op.drop_column("contacts", "hold_s")
    op.drop_table("queue_visits")
