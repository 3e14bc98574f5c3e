"""Integrations, webhooks, events out, consent, erasures; the audit log is only added to."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from cti.store.types import Id, Json, Key, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = (
    *("audit_horizons", "erasures", "consents", "deliveries", "subscriptions", "outbox"),
    *("hook_facts", "hook_deliveries", "integrations"),
)
KEEP = {
    "sqlite": (
        """
        CREATE TRIGGER audit_kept BEFORE UPDATE ON audit BEGIN
            SELECT RAISE(ABORT, 'audit: entries are only added');
        END
        """,
        """
        CREATE TRIGGER audit_stays BEFORE DELETE ON audit
        WHEN OLD.at >= COALESCE((SELECT MAX(until) FROM audit_horizons), '') BEGIN
            SELECT RAISE(ABORT, 'audit: entries are only added');
        END
        """,
        """
        CREATE TRIGGER audit_horizons_kept BEFORE UPDATE ON audit_horizons BEGIN
            SELECT RAISE(ABORT, 'audit: entries are only added');
        END
        """,
        """
        CREATE TRIGGER audit_horizons_stay BEFORE DELETE ON audit_horizons BEGIN
            SELECT RAISE(ABORT, 'audit: entries are only added');
        END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION audit_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit' THEN
                IF OLD.at < (SELECT MAX(until) FROM audit_horizons) THEN RETURN OLD; END IF;
            END IF;
            RAISE EXCEPTION 'audit: entries are only added';
        END $$
        """,
        """
        CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_kept()
        """,
        """
        CREATE TRIGGER audit_horizons_kept BEFORE UPDATE OR DELETE ON audit_horizons
        FOR EACH ROW EXECUTE FUNCTION audit_kept()
        """,
    ),
}
DROP = {
    "sqlite": ("audit_kept", "audit_stays", "audit_horizons_kept", "audit_horizons_stay"),
    "postgresql": (),
}


def _id() -> sa.Column[Any]:
    return sa.Column("id", Id, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _must(name: str, kind: Any = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _at(name: str) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime)


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0"))


def _of(table: str, column: str, target: str) -> tuple[Any, ...]:
    key = sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")
    return sa.Column(column, Id, nullable=False), key


def _once(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _table(name: str, *parts: Any, key: tuple[str, ...] = ("id",)) -> None:
    op.create_table(name, *parts, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"))


def _index(table: str, *columns: str, name: str = "", where: str = "") -> None:
    some: dict[str, Any] = (
        {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)} if where else {}
    )
    op.create_index(name or f"ix_{table}_{'_'.join(columns)}", table, list(columns), **some)


def upgrade() -> None:
    """Make the tables and the triggers."""
    _table(
        "integrations",
        *(_id(), _must("name"), _must("token_hash"), _text("secret"), _must("scopes", Json)),
        *(_must("rate_per_min", sa.Integer), _must("created_at", UtcDateTime), _text("created_by")),
        *(_at("expires_at"), _at("revoked_at"), _at("last_used_at"), _text("last_remote")),
        *(_once("integrations", "name"), _once("integrations", "token_hash")),
    )
    _table(
        "hook_deliveries",
        *(_id(), *_of("hook_deliveries", "integration_id", "integrations"), _must("kind")),
        *(_must("delivery"), _must("sha256"), _must("at", UtcDateTime), _must("answer", Json)),
        _once("hook_deliveries", "integration_id", "delivery"),
    )
    _index("hook_deliveries", "at")
    _table("hook_facts", _must("kind"), _must("number", Key), _must("told", Json), key=("kind", "number"))
    _table(
        "outbox",
        *(_id(), sa.Column("seq", Id), _must("mark"), _must("kind"), _must("subject")),
        *(_must("at", UtcDateTime), _must("body", Json), _once("outbox", "seq"), _once("outbox", "mark")),
    )
    _index("outbox", "at")
    _index("outbox", "id", name="ix_outbox_unsorted", where="seq IS NULL")
    _table(
        "subscriptions",
        *(_id(), _must("name"), _must("url"), _must("secret"), _must("kinds", Json)),
        *(_must("created_at", UtcDateTime), _text("created_by"), _at("disabled_at"), _count("failures")),
        *(_at("not_before"), _text("last_error"), _at("last_success_at"), _once("subscriptions", "name")),
    )
    _table(
        "deliveries",
        *(_id(), *_of("deliveries", "event_id", "outbox")),
        *(*_of("deliveries", "subscription_id", "subscriptions"), _must("seq", Id), _must("subject")),
        *(_must("state"), _count("attempts"), _must("due_at", UtcDateTime), _at("held_until")),
        *(_at("sent_at"), _text("last_error"), _once("deliveries", "event_id", "subscription_id")),
    )
    _index("deliveries", "subscription_id", "state", "seq")
    waiting = ("subscription_id", "subject", "seq")
    _index("deliveries", *waiting, name="ix_deliveries_waiting", where="state = 'waiting'")
    _table(
        "consents",
        *(_id(), *_of("consents", "customer_id", "customers"), _must("purpose")),
        *(_must("given", sa.Boolean), _must("at", UtcDateTime), _must("who"), _text("source")),
        _text("note"),
    )
    _index("consents", "customer_id", "purpose", "at")
    _table(
        "erasures",
        *(_id(), _must("at", UtcDateTime), _must("who"), sa.Column("customer_id", Id), _must("keys", Json)),
    )
    _index("erasures", "at")
    _table("audit_horizons", _id(), _must("at", UtcDateTime), _must("until", UtcDateTime), _must("who"))
    for statement in KEEP[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Take them away again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_kept ON audit")
        op.execute("DROP TRIGGER audit_horizons_kept ON audit_horizons")
        op.execute("DROP FUNCTION audit_kept")
    for name in DROP[op.get_bind().dialect.name]:
        op.execute(f"DROP TRIGGER {name}")
    for table in TABLES:
        op.drop_table(table)
