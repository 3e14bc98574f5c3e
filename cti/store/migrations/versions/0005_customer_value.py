"""Customer value: payments, figures and tiers of every customer, points as a ledger, retention."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from cti.store.types import Fen, Id, Json, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("retention_steps", "points_ledger", "tier_runs", "customer_tiers", "customer_metrics", "payments")
ADDED = {
    "customers": ("industry", "services", "county"),
    "orders": ("region",),
    "tier_history": ("from_tier_id",),
}
KEEP_LEDGER = {
    "sqlite": (
        """
        CREATE TRIGGER points_ledger_kept BEFORE UPDATE ON points_ledger BEGIN
            SELECT RAISE(ABORT, 'points_ledger: entries are only added');
        END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION points_ledger_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'points_ledger: entries are only added'; END $$
        """,
        """
        CREATE TRIGGER points_ledger_kept BEFORE UPDATE ON points_ledger
        FOR EACH ROW EXECUTE FUNCTION points_ledger_kept()
        """,
    ),
}


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="", **options)


def _customer(table: str) -> tuple[Any, ...]:
    key = sa.ForeignKeyConstraint(
        ["customer_id"], ["customers.id"], name=f"fk_{table}_customer_id", ondelete="CASCADE"
    )
    return sa.Column("customer_id", Id, nullable=False, autoincrement=False), key


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make the tables; the points that customers have become their first entries."""
    for table, names in ADDED.items():
        for name in names:
            op.add_column(table, _text(name))
    op.add_column("tier_history", sa.Column("step", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.create_index("ix_tier_history_up", "tier_history", ["at"], **_where("step = 1"))
    op.create_index("ix_customers_county", "customers", ["county"], **_where("county <> ''"))
    _payments()
    _figures()
    _ledgers()
    op.execute(
        "INSERT INTO points_ledger (customer_id, at, delta, reason, ref, who)"
        " SELECT id, updated_at, points, '期初', 'opening', 'import' FROM customers WHERE points <> 0"
    )
    op.drop_column("customers", "points")
    for statement in KEEP_LEDGER[op.get_bind().dialect.name]:
        op.execute(statement)


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("id", Id, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        *_customer("payments"),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("amount_fen", Fen, nullable=False, server_default=sa.text("0")),
        _text("order_number"),
        _text("method"),
        _text("source"),
        sa.PrimaryKeyConstraint("id", name="pk_payments"),
        sa.UniqueConstraint("number", name="uq_payments_number"),
    )
    op.create_index("ix_payments_customer_id_at", "payments", ["customer_id", "at"])


def _figures() -> None:
    op.create_table(
        "customer_metrics",
        *_customer("customer_metrics"),
        sa.Column("monthly_revenue", sa.Float),
        sa.Column("annual_revenue", sa.Float),
        sa.Column("orders_per_year", sa.Float),
        sa.Column("daily_pieces_3m", sa.Float),
        sa.Column("county_rank", sa.Integer),
        sa.Column("is_contract", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("flags", Json, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("monthly_volume", sa.Float),
        sa.Column("volume_cv", sa.Float),
        sa.Column("regions", sa.Integer),
        sa.Column("last_order_at", UtcDateTime),
        sa.Column("cycle_days", sa.Float),
        sa.Column("volume_30d", sa.Float),
        sa.Column("volume_before", sa.Float),
        _text("churn"),
        sa.Column("churn_since", UtcDateTime),
        sa.Column("growth", sa.Float),
        sa.Column("potential_value", sa.Float),
        _text("reach_tier"),
        _text("reach_label"),
        sa.Column("computed_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_customer_metrics"),
    )
    of_churn, of_reach = ["churn", "annual_revenue"], ["reach_tier", "annual_revenue"]
    op.create_index("ix_customer_metrics_churn", "customer_metrics", of_churn, **_where("churn <> ''"))
    op.create_index("ix_customer_metrics_reach", "customer_metrics", of_reach, **_where("reach_tier <> ''"))
    op.create_table(
        "customer_tiers",
        *_customer("customer_tiers"),
        sa.Column("scheme", sa.Text, nullable=False),
        sa.Column("tier_id", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "scheme", name="pk_customer_tiers"),
    )
    op.create_index("ix_customer_tiers_scheme_tier_id", "customer_tiers", ["scheme", "tier_id"])
    op.create_table(
        "tier_runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("finished_at", UtcDateTime),
        _text("cause"),
        sa.Column("customers", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("changed", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_tier_runs"),
    )
    op.create_index("ix_tier_runs_cause_started_at", "tier_runs", ["cause", "started_at"])


def _ledgers() -> None:
    op.create_table(
        "points_ledger",
        sa.Column("id", Id, nullable=False),
        *_customer("points_ledger"),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("delta", sa.Integer, nullable=False),
        _text("reason"),
        _text("ref"),
        _text("who"),
        sa.PrimaryKeyConstraint("id", name="pk_points_ledger"),
        sa.CheckConstraint("delta <> 0", name="ck_points_ledger_delta"),
    )
    op.create_index("ix_points_ledger_customer_id_at", "points_ledger", ["customer_id", "at"])
    once = ["customer_id", "ref"]
    op.create_index("uq_points_ledger_ref", "points_ledger", once, unique=True, **_where("ref <> ''"))
    op.create_table(
        "retention_steps",
        sa.Column("id", Id, nullable=False),
        *_customer("retention_steps"),
        sa.Column("episode", UtcDateTime, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        _text("note"),
        sa.PrimaryKeyConstraint("id", name="pk_retention_steps"),
        sa.UniqueConstraint(
            "customer_id", "episode", "step", name="uq_retention_steps_customer_id_episode_step"
        ),
    )


def downgrade() -> None:
    """Take them away again; of the points the balance is kept."""
    op.add_column("customers", sa.Column("points", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.execute(
        "UPDATE customers SET points = (SELECT COALESCE(SUM(delta), 0) FROM points_ledger"
        " WHERE points_ledger.customer_id = customers.id)"
    )
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION points_ledger_kept")
    op.drop_index("ix_customers_county", "customers")
    op.drop_index("ix_tier_history_up", "tier_history")
    op.drop_column("tier_history", "step")
    for table, names in ADDED.items():
        for name in names:
            op.drop_column(table, name)
