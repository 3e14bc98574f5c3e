"""What we owe customers: tasks, their steps, satisfaction, calls out; indexes that the planning needs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from cti.store.types import Id, Json, Key, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LIVE = "state IN ('open', 'taken')"
GOES_ON = "ended_at IS NULL"
WAYBILLS = (
    ("ix_waybills_delivered_at", "delivered_at", "delivered_at IS NOT NULL"),
    ("ix_waybills_promised_open", "promised_at", "delivered_at IS NULL AND promised_at IS NOT NULL"),
    ("ix_waybills_to_deliver", "updated_at", "state IN ('arrived', 'at_pickup')"),
)
KEEP = {
    "sqlite": (
        """
        CREATE TRIGGER outreach_steps_kept BEFORE UPDATE ON outreach_steps BEGIN
            SELECT RAISE(ABORT, 'outreach_steps: steps are only added');
        END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION outreach_steps_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'outreach_steps: steps are only added'; END $$
        """,
        """
        CREATE TRIGGER outreach_steps_kept BEFORE UPDATE ON outreach_steps
        FOR EACH ROW EXECUTE FUNCTION outreach_steps_kept()
        """,
    ),
}


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _may(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind)


def _key(table: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete=on_delete
    )


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make them."""
    _tasks()
    _steps()
    _satisfaction()
    _attempts()
    for name, column, condition in WAYBILLS:
        op.create_index(name, "waybills", [column], **_where(condition))
    for statement in KEEP[op.get_bind().dialect.name]:
        op.execute(statement)


def _tasks() -> None:
    name = "outreach_tasks"
    op.create_table(
        name,
        _must("id", Id),
        _must("key", Key),
        _must("kind", sa.Text),
        _must("state", sa.Text),
        _may("customer_id", Id),
        _text("name"),
        sa.Column("number_key", Key, nullable=False, server_default=""),
        _text("number_display"),
        sa.Column("waybill", Key, nullable=False, server_default=""),
        _may("complaint_id", Id),
        _may("parent_id", Id),
        _must("title", sa.Text),
        _text("detail"),
        sa.Column("slot", sa.Integer, nullable=False, server_default=sa.text("0")),
        _text("period"),
        _must("due_at", UtcDateTime),
        _may("lapses_at", UtcDateTime),
        *(_text(n) for n in ("owner", "outcome", "result")),
        sa.Column("answers", Json, nullable=False, server_default=sa.text("'{}'")),
        _may("contact_id", Id),
        _must("created_at", UtcDateTime),
        _text("created_by"),
        _may("taken_at", UtcDateTime),
        _may("ended_at", UtcDateTime),
        _must("updated_at", UtcDateTime),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint("key", name=f"uq_{name}_key"),
        _key(name, "customer_id", "customers", "CASCADE"),
        _key(name, "complaint_id", "complaints", "CASCADE"),
        _key(name, "parent_id", name, "SET NULL"),
        _key(name, "contact_id", "contacts", "SET NULL"),
    )
    op.create_index("ix_outreach_tasks_due", name, ["due_at"], **_where(LIVE))
    op.create_index("ix_outreach_tasks_owner", name, ["owner", "due_at"], **_where(LIVE))
    op.create_index("ix_outreach_tasks_customer_id_due_at", name, ["customer_id", "due_at"])
    op.create_index("ix_outreach_tasks_ended_at", name, ["ended_at"])
    op.create_index("ix_outreach_tasks_complaint_id", name, ["complaint_id"])


def _steps() -> None:
    name = "outreach_steps"
    op.create_table(
        name,
        _must("id", Id),
        _must("task_id", Id),
        _must("at", UtcDateTime),
        _must("who", sa.Text),
        _must("action", sa.Text),
        *(_text(n) for n in ("from_state", "to_state", "note")),
        _must("version", sa.Integer),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        _key(name, "task_id", "outreach_tasks", "CASCADE"),
    )
    op.create_index("ix_outreach_steps_task_id_id", name, ["task_id", "id"])


def _satisfaction() -> None:
    name = "satisfaction"
    op.create_table(
        name,
        _must("id", Id),
        _must("at", UtcDateTime),
        _must("task_id", Id),
        _must("aspect", sa.Text),
        _must("score", sa.Integer),
        _must("who", sa.Text),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        _key(name, "task_id", "outreach_tasks", "CASCADE"),
        sa.UniqueConstraint("task_id", "aspect", name=f"uq_{name}_task_id_aspect"),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f(f"ck_{name}_score")),
    )
    op.create_index("ix_satisfaction_at", name, ["at"])


def _attempts() -> None:
    name = "dial_attempts"
    op.create_table(
        name,
        _must("id", Id),
        _must("key", Key),
        _must("at", UtcDateTime),
        _must("agent", sa.Text),
        _must("username", sa.Text),
        _may("task_id", Id),
        _may("customer_id", Id),
        _must("number_key", Key),
        _must("number_display", sa.Text),
        _must("state", sa.Text),
        *(_text(n) for n in ("reason", "purpose", "node", "linkedid")),
        _may("sent_at", UtcDateTime),
        _may("answered_at", UtcDateTime),
        _may("ended_at", UtcDateTime),
        _may("talk_s", sa.Float),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint("key", name=f"uq_{name}_key"),
        _key(name, "task_id", "outreach_tasks", "SET NULL"),
        _key(name, "customer_id", "customers", "CASCADE"),
    )
    for column in ("agent", "number_key"):
        index = f"uq_{name}_{column.removesuffix('_key')}"
        op.create_index(index, name, [column], unique=True, **_where(GOES_ON))
    for columns in (["at"], ["task_id"], ["customer_id"], ["node", "linkedid"]):
        op.create_index(f"ix_{name}_{'_'.join(columns)}", name, columns)


def downgrade() -> None:
    """Take them away again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER outreach_steps_kept ON outreach_steps")
        op.execute("DROP FUNCTION outreach_steps_kept")
    else:
        op.execute("DROP TRIGGER outreach_steps_kept")
    for name, _, _ in WAYBILLS:
        op.drop_index(name, "waybills")
    for name in ("dial_attempts", "satisfaction", "outreach_steps", "outreach_tasks"):
        op.drop_table(name)
