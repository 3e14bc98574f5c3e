"""The figures of customers, from orders and payments: one statement for any number of customers.

Where a customer has orders (or payments) on record the figures come from them, otherwise they are the ones
that were imported with the customer. Flags, contract and a rank without a county are always imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from cti.domain.alerts import (
    CYCLE_FACTOR,
    CYCLE_ORDERS,
    VOLUME_CYCLE_DAYS,
    VOLUME_FACTOR,
    VOLUME_LEAST,
)
from cti.domain.periods import STABLE_MONTHS, Windows
from cti.store.tables import customers, orders
from cti.store.tables_tiers import customer_metrics, payments
from cti.store.types import UtcDateTime

Sql = ColumnElement[Any]
Pick = Callable[[Sql], Sql]  # which customers: a condition on the column of their id

WORK_DAYS = 26  # a month of the courier trade (YT)
GROWTH_LEAST, GROWTH_MOST = 0.5, 2.0  # ours: one quarter says no more than that about the next
CANCELLED = ("cancelled", "已取消")
# a difference in these alone is no reason to write the row again
_FOLLOWS = ("customer_id", "computed_at", "churn_since", "reach_tier", "reach_label")
_FILLED = tuple(c.name for c in customer_metrics.c if c.name not in ("reach_tier", "reach_label"))


def compute(conn: Connection, pick: Pick, at: Windows, *, settled: bool) -> None:
    """Compute the figures of the picked customers; rows that stay as they are are not written.

    `settled`: revenue is what was paid (payments), not what was ordered.
    """
    dialect = conn.dialect.name
    found = _chosen(pick, at, dialect, settled=settled).subquery("found")
    differs = [
        _text_of(found.c[n]).is_distinct_from(_text_of(found.c[f"old_{n}"]))
        for n in _FILLED
        if n not in _FOLLOWS
    ]
    # told apart before the insert: a conflict that changes nothing would still lock and log its row
    rows = sa.select(*(found.c[n] for n in _FILLED)).where(sa.or_(*differs))
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(customer_metrics).from_select(list(_FILLED), rows)
    new: Any = statement.excluded
    old = customer_metrics.c
    since = sa.case((new.churn == "", sa.null()), (old.churn == "", new.computed_at), else_=old.churn_since)
    changes = {n: new[n] for n in _FILLED if n != "customer_id"} | {"churn_since": since}
    conn.execute(statement.on_conflict_do_update(index_elements=["customer_id"], set_=changes))


def rank_counties(conn: Connection, counties: Sequence[str]) -> list[int]:
    """Rank the customers of these counties by revenue; returns the ids whose rank has changed."""
    of_county = (
        sa.select(
            customer_metrics.c.customer_id,
            sa.func.rank()
            .over(
                partition_by=customers.c.county,
                order_by=sa.func.coalesce(customer_metrics.c.annual_revenue, 0).desc(),
            )
            .label("place"),
        )
        .join(customers, customers.c.id == customer_metrics.c.customer_id)
        .where(customers.c.county.in_(list(counties)))
        .subquery("of_county")
    )
    statement = (
        sa.update(customer_metrics)
        .values(county_rank=of_county.c.place)
        .where(
            customer_metrics.c.customer_id == of_county.c.customer_id,
            customer_metrics.c.county_rank.is_distinct_from(of_county.c.place),
        )
        .returning(customer_metrics.c.customer_id)
    )
    return list(conn.execute(statement).scalars())


def counties(conn: Connection, most: int) -> list[list[str]]:
    """All counties, in groups of about `most` customers."""
    query = (
        sa.select(customers.c.county, sa.func.count())
        .where(customers.c.county != "")
        .group_by(customers.c.county)
        .order_by(customers.c.county)
    )
    groups: list[list[str]] = [[]]
    count = 0
    for county, n in conn.execute(query):
        if groups[-1] and count + n > most:
            groups.append([])
            count = 0
        groups[-1].append(county)
        count += n
    return [g for g in groups if g]


def _text_of(column: Any) -> Any:
    """JSON compares as text on both databases."""
    return sa.cast(column, sa.Text) if column.name.endswith("flags") else column


def _chosen(pick: Pick, at: Windows, dialect: str, *, settled: bool) -> Any:
    ordered = _ordered(pick, at)
    cycle = _cycle(pick, at, dialect)
    paid = _paid(pick, at) if settled else None
    money = ordered if paid is None else paid
    old = customer_metrics.alias("old")
    here = ordered.c.customer_id.is_not(None)
    paying = money.c.customer_id.is_not(None)
    known = here if paid is None else sa.or_(here, paying)
    mine = _imported(dialect)

    def pieces(k: int) -> Sql:
        return sa.func.coalesce(ordered.c[f"pieces_{k}"], 0)

    quarter = sa.cast(pieces(1) + pieces(2) + pieces(3), sa.Float)
    mean, spread = _spread([pieces(k) for k in range(1, STABLE_MONTHS + 1)])
    cv = sa.case((sa.or_(here, mean > 0), sa.case((mean > 0, spread / sa.func.nullif(mean, 0)), else_=None)))
    revenue = {
        n: sa.func.coalesce(money.c[n], 0) for n in ("revenue_1", "revenue_3", "revenue_6", "revenue_12")
    }

    def either(found: Sql, metric: str, digits: int = 2) -> Sql:
        return sa.case((known, _round(found, digits, dialect)), else_=mine(metric))

    growth = sa.case(
        (revenue["revenue_6"] > 0, revenue["revenue_3"] / sa.func.nullif(revenue["revenue_6"], 0)), else_=1.0
    )
    bounded = sa.case(
        (growth < GROWTH_LEAST, GROWTH_LEAST), (growth > GROWTH_MOST, GROWTH_MOST), else_=growth
    )
    now_day = _days(sa.literal(at.now, UtcDateTime), dialect)
    silent = now_day - _days(ordered.c.last_at, dialect)
    before = sa.func.coalesce(ordered.c.before, 0) / 3.0
    last = sa.cast(sa.func.coalesce(ordered.c.last_30, 0), sa.Float)
    churn = sa.case(
        (sa.and_(cycle.c.days.is_not(None), silent > CYCLE_FACTOR * cycle.c.days), "silent"),
        (cycle.c.days > VOLUME_CYCLE_DAYS, ""),
        (sa.and_(before >= VOLUME_LEAST, last < VOLUME_FACTOR * before), "volume"),
        else_="",
    )
    rank = sa.case(
        (customers.c.county == "", sa.cast(mine("county_rank"), sa.Integer)), else_=old.c.county_rank
    )
    regions = sa.case(
        (sa.func.coalesce(ordered.c.regions, 0) > 0, ordered.c.regions),
        else_=sa.cast(mine("regions"), sa.Integer),
    )
    values: dict[str, Any] = {
        "customer_id": customers.c.id,
        "monthly_revenue": either(revenue["revenue_1"], "monthly_revenue"),
        "annual_revenue": either(revenue["revenue_12"], "annual_revenue"),
        "orders_per_year": either(sa.cast(sa.func.coalesce(ordered.c.count, 0), sa.Float), "orders_per_year"),
        "daily_pieces_3m": either(quarter / (3.0 * WORK_DAYS), "daily_pieces_3m"),
        "county_rank": rank,
        "is_contract": sa.func.coalesce(_imported_bool(dialect), sa.false()),
        "flags": _imported_flags(dialect),
        "monthly_volume": either(quarter / 3.0, "monthly_volume"),
        "volume_cv": either(cv, "volume_cv", 4),
        "regions": regions,
        "last_order_at": sa.func.coalesce(ordered.c.last_at, customers.c.last_order_at),
        "cycle_days": _round(cycle.c.days, 2, dialect),
        "volume_30d": sa.case((here, last)),
        "volume_before": sa.case((here, _round(before, 2, dialect))),
        "churn": churn,
        "churn_since": sa.case((churn != "", sa.literal(at.now, UtcDateTime))),
        "growth": sa.case((paying, _round(growth, 4, dialect))),
        "potential_value": sa.case((paying, _round(revenue["revenue_3"] * 4 * bounded, 2, dialect))),
        "computed_at": sa.literal(at.now, UtcDateTime),
    }
    source = (
        customers.outerjoin(ordered, ordered.c.customer_id == customers.c.id)
        .outerjoin(cycle, cycle.c.customer_id == customers.c.id)
        .outerjoin(old, old.c.customer_id == customers.c.id)
    )
    if paid is not None:
        source = source.outerjoin(paid, paid.c.customer_id == customers.c.id)
    columns = [values[name].label(name) for name in _FILLED]
    stored = [old.c[name].label(f"old_{name}") for name in _FILLED if name not in _FOLLOWS]
    return sa.select(*columns, *stored).select_from(source).where(pick(customers.c.id))


def _sum(value: Any, column: Any, since: datetime, until: datetime | None = None) -> Sql:
    when = column >= since if until is None else sa.and_(column >= since, column < until)
    return sa.func.sum(value).filter(when)


def _live(pick: Pick, at: Windows) -> Sql:
    return sa.and_(
        pick(orders.c.customer_id),
        orders.c.at >= at.horizon,
        orders.c.at <= at.now,
        orders.c.state.not_in(CANCELLED),
    )


def _revenue(amount: Any, column: Any, at: Windows) -> list[Any]:
    yuan = amount / 100.0
    return [
        _sum(yuan, column, at.months[1]).label("revenue_1"),
        _sum(yuan, column, at.months[3]).label("revenue_3"),
        _sum(yuan, column, at.months[6], at.months[3]).label("revenue_6"),  # the quarter before
        _sum(yuan, column, at.months[12]).label("revenue_12"),
    ]


def _ordered(pick: Pick, at: Windows) -> Any:
    """One pass over the orders: everything that is a sum."""
    o = orders.c
    amount = sa.cast(o.amount_fen, sa.Float)
    in_year = o.at >= at.months[12]
    months = [
        _sum(o.pieces, o.at, at.months[k], at.months[k - 1] if k > 1 else None).label(f"pieces_{k}")
        for k in range(1, STABLE_MONTHS + 1)
    ]
    region = sa.func.nullif(o.region, "")
    return (
        sa.select(
            o.customer_id,
            *months,
            *_revenue(amount, o.at, at),
            sa.func.count().filter(in_year).label("count"),
            sa.func.count(sa.distinct(region)).filter(in_year).label("regions"),
            _sum(o.pieces, o.at, at.days30[1]).label("last_30"),
            _sum(o.pieces, o.at, at.days30[4], at.days30[1]).label("before"),
            sa.func.max(o.at, type_=UtcDateTime()).label("last_at"),
        )
        .where(_live(pick, at))
        .group_by(o.customer_id)
        .subquery("ordered")
    )


def _paid(pick: Pick, at: Windows) -> Any:
    p = payments.c
    amount = sa.cast(p.amount_fen, sa.Float)
    when = sa.and_(pick(p.customer_id), p.at >= at.horizon, p.at <= at.now)
    return (
        sa.select(p.customer_id, *_revenue(amount, p.at, at))
        .where(when)
        .group_by(p.customer_id)
        .subquery("paid")
    )


def _cycle(pick: Pick, at: Windows, dialect: str) -> Any:
    """The median gap of the last eight orders in days, at least one; nobody who has ordered less often."""
    o = orders.c
    newest = sa.func.row_number().over(partition_by=o.customer_id, order_by=(o.at.desc(), o.id.desc()))
    numbered = (
        sa.select(o.customer_id, _days(o.at, dialect).label("day"), newest.label("n"))
        .where(_live(pick, at))
        .subquery("numbered")
    )
    n = numbered.c
    later = sa.func.lag(n.day).over(partition_by=n.customer_id, order_by=n.n)
    gaps = (
        sa.select(n.customer_id, (later - n.day).label("gap")).where(n.n <= CYCLE_ORDERS + 1).subquery("gaps")
    )
    g = gaps.c
    ordered = (
        sa.select(
            g.customer_id,
            g.gap,
            sa.func.row_number().over(partition_by=g.customer_id, order_by=g.gap).label("n"),
            sa.func.count().over(partition_by=g.customer_id).label("of"),
        )
        .where(g.gap.is_not(None))
        .subquery("sorted")
    )
    middle = (CYCLE_ORDERS // 2, CYCLE_ORDERS // 2 + 1)
    median = sa.func.avg(ordered.c.gap)
    return (
        sa.select(ordered.c.customer_id, sa.case((median < 1.0, 1.0), else_=median).label("days"))
        .where(ordered.c.of == CYCLE_ORDERS, ordered.c.n.in_(middle))
        .group_by(ordered.c.customer_id)
        .subquery("cycle")
    )


def _spread(months: Sequence[Sql]) -> tuple[Sql, Sql]:
    """Mean and standard deviation of columns side by side."""
    count = float(len(months))
    mean = sa.cast(sum(months[1:], months[0]), sa.Float) / count
    squares = sa.cast(sum((m * m for m in months[1:]), months[0] * months[0]), sa.Float) / count
    variance = squares - mean * mean
    # rounding may leave a little less than nothing
    return mean, sa.func.sqrt(sa.case((variance < 0, 0.0), else_=variance), type_=sa.Float())


def _round(value: Any, digits: int, dialect: str) -> Any:
    if dialect == "postgresql":
        return sa.cast(sa.func.round(sa.cast(value, sa.Numeric), digits), sa.Float)
    return sa.func.round(value, digits, type_=sa.Float())


def _days(column: Any, dialect: str) -> Sql:
    """A moment as days since some day: only differences mean anything."""
    if dialect == "postgresql":
        return sa.func.date_part("epoch", column, type_=sa.Float()) / 86400.0
    return sa.func.julianday(column, type_=sa.Float())


def _imported(dialect: str) -> Callable[[str], Sql]:
    """A figure of ``customers.metrics``."""

    def figure(name: str) -> Sql:
        if dialect == "postgresql":
            text: Any = customers.c.metrics.op("->>")(name)
            return sa.cast(text, sa.Float)
        return sa.cast(sa.func.json_extract(customers.c.metrics, f"$.{name}"), sa.Float)

    return figure


def _imported_bool(dialect: str) -> Sql:
    if dialect == "postgresql":
        return sa.cast(customers.c.metrics.op("->>")("is_contract"), sa.Boolean)
    return sa.func.json_extract(customers.c.metrics, "$.is_contract", type_=sa.Boolean())


def _imported_flags(dialect: str) -> Sql:
    if dialect == "postgresql":
        found: Any = customers.c.metrics.op("->")("flags")
        return sa.func.coalesce(found, sa.literal_column("'[]'::jsonb"))
    return sa.func.coalesce(sa.func.json_extract(customers.c.metrics, "$.flags"), "[]")
