"""Self-service: callbacks, requests by key and voice, scores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Id, Json, Key, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, Json, nullable=False, server_default=sa.text("'{}'"))


def upgrade() -> None:
    op.create_table(
        "callbacks",
        sa.Column("id", Id, nullable=False),
        sa.Column("number_key", Key, nullable=False),
        sa.Column("number_display", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("requested_at", UtcDateTime, nullable=False),
        sa.Column("waiting_since", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        _text("reason"),
        _text("agent"),
        _text("node"),
        _text("linkedid"),
        _json("context"),
        sa.PrimaryKeyConstraint("id", name="pk_callbacks"),
    )
    live = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_callbacks_live",
        "callbacks",
        ["number_key"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index("ix_callbacks_state_requested_at", "callbacks", ["state", "requested_at"])
    op.create_table(
        "ivr_requests",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("number_key", Key, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        _text("waybill"),
        _text("recording_id"),
        _json("detail"),
        _text("state", "open"),
        _text("node"),
        _text("linkedid"),
        sa.PrimaryKeyConstraint("id", name="pk_ivr_requests"),
    )
    op.create_index("ix_ivr_requests_kind_state_at", "ivr_requests", ["kind", "state", "at"])
    op.create_index("ix_ivr_requests_number_key_at", "ivr_requests", ["number_key", "at"])
    op.create_table(
        "surveys",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        _text("agent"),
        sa.Column("number_key", Key, nullable=False, server_default=""),
        _text("node"),
        _text("linkedid"),
        sa.PrimaryKeyConstraint("id", name="pk_surveys"),
        sa.UniqueConstraint("node", "linkedid", name="uq_surveys_node_linkedid"),
    )
    op.create_index("ix_surveys_agent_at", "surveys", ["agent", "at"])


def downgrade() -> None:
    for table in ("surveys", "ivr_requests", "callbacks"):
        op.drop_table(table)
