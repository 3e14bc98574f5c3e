"""Tables of customer value: figures, tiers in every scheme, payments, points, steps of retention."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from cti.store.tables import metadata
from cti.store.types import Fen, Id, Json, UtcDateTime


def _text(name: str, **options: Any) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="", **options)


def _customer(**options: Any) -> Column[Any]:
    target = ForeignKey("customers.id", ondelete="CASCADE")
    return Column("customer_id", Id, target, nullable=False, **options)


payments = Table(  # what was settled; 年用邮资费 (HB) is counted from these where the settings say so
    "payments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", Text, nullable=False, unique=True),  # 流水号
    _customer(),
    Column("at", UtcDateTime, nullable=False),
    Column("amount_fen", Fen, nullable=False, server_default=text("0")),  # a refund is negative
    _text("order_number"),
    _text("method"),
    _text("source"),
    Index(None, "customer_id", "at"),
)

customer_metrics = Table(  # one row a customer, from orders and payments or else as they were imported
    "customer_metrics",
    metadata,
    _customer(primary_key=True, autoincrement=False),
    # the metrics of the schemes (cti.domain.tier_terms.METRICS); money in 元
    *(Column(n, Float) for n in ("monthly_revenue", "annual_revenue", "orders_per_year", "daily_pieces_3m")),
    Column("county_rank", Integer),
    Column("is_contract", Boolean, nullable=False, server_default=false()),
    Column("flags", Json, nullable=False, server_default=text("'[]'")),
    *(Column(n, Float) for n in ("monthly_volume", "volume_cv")),
    Column("regions", Integer),
    # churn (domain.md §4)
    Column("last_order_at", UtcDateTime),
    Column("cycle_days", Float),
    Column("volume_30d", Float),
    Column("volume_before", Float),
    _text("churn"),  # "", silent, volume
    Column("churn_since", UtcDateTime),
    # the two sides of value (CRM 一(二)): annual_revenue is the current one
    Column("growth", Float),  # the last quarter over the one before
    Column("potential_value", Float),  # 元 a year
    # the tier above of the active scheme, "" when it is not within reach
    _text("reach_tier"),
    _text("reach_label"),
    Column("computed_at", UtcDateTime, nullable=False),
    Index(None, "annual_revenue", "customer_id"),
    Index(
        "ix_customer_metrics_churn",
        "churn",
        "annual_revenue",
        sqlite_where=text("churn <> ''"),
        postgresql_where=text("churn <> ''"),
    ),
    Index(
        "ix_customer_metrics_reach",
        "reach_tier",
        "annual_revenue",
        sqlite_where=text("reach_tier <> ''"),
        postgresql_where=text("reach_tier <> ''"),
    ),
)

customer_tiers = Table(  # several schemes side by side; that of the active one is copied to customers
    "customer_tiers",
    metadata,
    _customer(primary_key=True, autoincrement=False),
    Column("scheme", Text, primary_key=True),
    Column("tier_id", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),  # since when
    Index(None, "scheme", "tier_id"),
)

tier_runs = Table(  # each recomputation of everything
    "tier_runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    _text("cause"),  # nightly, by hand
    Column("customers", Integer, nullable=False, server_default=text("0")),
    Column("changed", Integer, nullable=False, server_default=text("0")),
    Index(None, "cause", "started_at"),
)

points_ledger = Table(  # 积分: entries are only ever added, the balance is their sum
    "points_ledger",
    metadata,
    Column("id", Id, primary_key=True),
    _customer(),
    Column("at", UtcDateTime, nullable=False),
    Column("delta", Integer, nullable=False),
    _text("reason"),
    _text("ref"),  # what makes it the same entry when it is told again
    _text("who"),
    CheckConstraint("delta <> 0", name="delta"),
    Index(None, "customer_id", "at"),
    Index(
        "uq_points_ledger_ref",
        "customer_id",
        "ref",
        unique=True,
        sqlite_where=text("ref <> ''"),
        postgresql_where=text("ref <> ''"),
    ),
)

retention_steps = Table(  # cti.domain.retention; `episode` is the churn_since that it answers
    "retention_steps",
    metadata,
    Column("id", Id, primary_key=True),
    _customer(),
    Column("episode", UtcDateTime, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("step", Text, nullable=False),
    Column("who", Text, nullable=False),
    _text("note"),
    UniqueConstraint("customer_id", "episode", "step"),
)
