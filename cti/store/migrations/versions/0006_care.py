"""Complaints: steps that are only added to, with result and changes; problem items."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Id, Json, Key, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OPEN = "closed_at IS NULL AND waybill <> ''"
KEEP = {
    "sqlite": (
        """
        CREATE TRIGGER complaint_events_kept BEFORE UPDATE ON complaint_events BEGIN
            SELECT RAISE(ABORT, 'complaint_events: steps are only added');
        END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION complaint_events_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'complaint_events: steps are only added'; END $$
        """,
        """
        CREATE TRIGGER complaint_events_kept BEFORE UPDATE ON complaint_events
        FOR EACH ROW EXECUTE FUNCTION complaint_events_kept()
        """,
    ),
}


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    """Add the columns, the trigger and the table."""
    op.add_column("complaints", sa.Column("call_at", UtcDateTime))
    op.add_column("complaint_events", _text("result"))
    op.add_column(
        "complaint_events", sa.Column("changes", Json, nullable=False, server_default=sa.text("'{}'"))
    )
    op.add_column(
        "complaint_events", sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    for statement in KEEP[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_table(
        "problem_items",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", Key, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("shift", sa.Text, nullable=False),
        sa.Column("same_day", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("waybill", Key, nullable=False, server_default=""),
        sa.Column("customer_id", Id),
        sa.Column("remark", sa.Text, nullable=False),
        _text("site"),
        sa.Column("arose_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("registered_at", UtcDateTime, nullable=False),
        sa.Column("registered_by", sa.Text, nullable=False),
        sa.Column("closed_at", UtcDateTime),
        *(_text(n) for n in ("closed_by", "result", "node", "linkedid", "source")),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id", name="pk_problem_items"),
        sa.UniqueConstraint("code", name="uq_problem_items_code"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_problem_items_customer_id", ondelete="SET NULL"
        ),
    )
    op.create_index(
        "uq_problem_items_open",
        "problem_items",
        ["waybill", "kind"],
        unique=True,
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    )
    op.create_index(
        "ix_problem_items_customer_id_registered_at", "problem_items", ["customer_id", "registered_at"]
    )
    op.create_index("ix_problem_items_closed_at_due_at", "problem_items", ["closed_at", "due_at"])
    op.create_index("ix_problem_items_registered_at", "problem_items", ["registered_at"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("problem_items")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER complaint_events_kept ON complaint_events")
        op.execute("DROP FUNCTION complaint_events_kept")
    else:
        op.execute("DROP TRIGGER complaint_events_kept")
    for name in ("version", "changes", "result"):
        op.drop_column("complaint_events", name)
    op.drop_column("complaints", "call_at")
