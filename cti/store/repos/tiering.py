"""The tiers of customers from their figures: every scheme side by side, the active one on the customer.

Set by set: for each scheme one statement writes the history of what changes, one the new tiers; two more
carry the active scheme to the customers and find whose next tier is within reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from cti.domain.tiers import Scheme
from cti.store.repos import tier_sql
from cti.store.repos.tier_sql import Figures
from cti.store.tables import customers, tier_history
from cti.store.tables_tiers import customer_metrics, customer_tiers

Sql = ColumnElement[Any]
Pick = Callable[[Sql], Sql]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is computed: the active scheme and the others beside it; `reach` as in `cti.domain.growth`."""

    active: Scheme
    beside: Sequence[Scheme] = ()
    reach: float = 0.8
    settled: bool = False

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        others = {s.name: s for s in self.beside if s.name != self.active.name}
        return (self.active, *others.values())


def classify(conn: Connection, pick: Pick, plan: Plan, *, now: datetime, cause: str) -> int:
    """Tiers of the picked customers in every scheme; returns how many changes the active one made."""
    changed = 0
    for scheme in plan.schemes:
        count = _history(conn, pick, scheme, now=now, cause=cause, first=scheme is plan.active)
        if scheme is plan.active:
            changed = count
        _tiers(conn, pick, scheme, now=now)
    _activate(conn, pick, plan.active, now=now)
    _reach(conn, pick, plan.active, plan.reach)
    return changed


def _decided(conn: Connection, pick: Pick, scheme: Scheme) -> Any:
    """Figures with the tier that follows from them, of those who have one."""
    m = customer_metrics.c
    tier = tier_sql.tier_id(scheme, Figures(m, conn.dialect.name)).label("tier")
    return sa.select(customer_metrics, tier).where(pick(m.customer_id)).subquery("decided")


def _history(conn: Connection, pick: Pick, scheme: Scheme, *, now: datetime, cause: str, first: bool) -> int:
    """One row for each change; the first tier of somebody only in the active scheme (`first`)."""
    d = _decided(conn, pick, scheme)
    figures = Figures(d.c, conn.dialect.name)
    t, c = customer_tiers.c, customers.c
    shown = sa.case((c.tier_scheme == scheme.name, c.tier_id), else_="")
    before = sa.func.coalesce(t.tier_id, sa.func.nullif(shown, "")) if first else t.tier_id
    old, new = tier_sql.place(scheme, before), tier_sql.place(scheme, d.c.tier)
    make = sa.func.jsonb_build_object if conn.dialect.name == "postgresql" else sa.func.json_object
    told: list[Any] = []
    for name in scheme.metrics:
        told += [sa.literal_column(f"'{name}'"), _value(d.c, name, conn)]
    rows = (
        sa.select(
            d.c.customer_id,
            sa.literal(now, tier_history.c.at.type),
            sa.literal(scheme.name),
            d.c.tier,
            tier_sql.of_tier(scheme, d.c.tier, lambda x: x.label, ""),
            tier_sql.reason(scheme, d.c.tier, figures),
            make(*told),
            sa.literal(cause),
            sa.func.coalesce(before, ""),
            sa.case((new < old, 1), (new > old, -1), else_=0),
        )
        .select_from(d)
        .join(customers, c.id == d.c.customer_id)
        .outerjoin(customer_tiers, sa.and_(t.customer_id == d.c.customer_id, t.scheme == scheme.name))
        .where(
            d.c.tier.is_not(None),
            before.is_distinct_from(d.c.tier),
            *(() if first else (before.is_not(None),)),
        )
    )
    names = ["customer_id", "at", "scheme", "tier_id", "label", "reason", "metrics", "cause"]
    statement = sa.insert(tier_history).from_select([*names, "from_tier_id", "step"], rows)
    # the driver's count of an insert is otherwise thrown away
    return conn.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def _value(columns: Any, name: str, conn: Connection) -> Any:
    """A figure inside of JSON: on SQLite a JSON column is text, and 1 stands for true."""
    if conn.dialect.name != "sqlite":
        return columns[name]
    if name == "flags":
        return sa.func.json(columns[name])
    if name == "is_contract":
        return sa.func.json(sa.case((columns[name], "true"), else_="false"))
    return columns[name]


def _tiers(conn: Connection, pick: Pick, scheme: Scheme, *, now: datetime) -> None:
    d = _decided(conn, pick, scheme)
    t = customer_tiers.c
    mine = sa.and_(t.customer_id == d.c.customer_id, t.scheme == scheme.name)
    columns = (d.c.customer_id, sa.literal(scheme.name), d.c.tier, sa.literal(now, t.at.type))
    rows = (
        sa.select(*columns)
        .select_from(d)
        .outerjoin(customer_tiers, mine)
        .where(d.c.tier.is_not(None), t.tier_id.is_distinct_from(d.c.tier))
    )
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(customer_tiers).from_select(["customer_id", "scheme", "tier_id", "at"], rows)
    new: Any = statement.excluded
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["customer_id", "scheme"], set_={"tier_id": new.tier_id, "at": new.at}
        )
    )


def _activate(conn: Connection, pick: Pick, scheme: Scheme, *, now: datetime) -> None:
    """Copy tier and reason to the customers, where the pop reads them; only what differs is written.

    The green channel follows the tier, but one that was given by hand on top of a tier without stays.
    """
    d = _decided(conn, pick, scheme)
    c = customers.c
    reason = tier_sql.reason(scheme, d.c.tier, Figures(d.c, conn.dialect.name))
    found = (
        sa.select(d.c.customer_id, d.c.tier, reason.label("reason")).where(d.c.tier.is_not(None)).subquery()
    )
    f = found.c
    moved = sa.or_(c.tier_id != f.tier, c.tier_scheme != scheme.name)
    granted = tier_sql.of_tier(scheme, f.tier, lambda t: t.benefits.green_channel, False)
    had = sa.and_(
        c.tier_scheme == scheme.name,
        tier_sql.of_tier(scheme, c.tier_id, lambda t: t.benefits.green_channel, False),
    )
    by_hand = sa.and_(c.green_channel, sa.not_(had))
    conn.execute(
        sa.update(customers)
        .where(c.id == f.customer_id, sa.or_(moved, c.tier_reason != f.reason))
        .values(
            tier_scheme=scheme.name,
            tier_id=f.tier,
            tier_label=tier_sql.of_tier(scheme, f.tier, lambda t: t.label, ""),
            tier_reason=f.reason,
            tier_at=sa.case((moved, sa.literal(now, c.tier_at.type)), else_=c.tier_at),
            green_channel=sa.case((moved, sa.or_(granted, by_hand)), else_=c.green_channel),
        )
    )


def _reach(conn: Connection, pick: Pick, scheme: Scheme, reach: float) -> None:
    m = customer_metrics.c
    dialect = conn.dialect.name
    now = tier_sql.tier_id(scheme, Figures(m, dialect)).label("tier")
    soon = tier_sql.tier_id(scheme, Figures(m, dialect, reach)).label("soon")
    d = sa.select(m.customer_id, now, soon).where(pick(m.customer_id)).subquery()
    higher = tier_sql.place(scheme, d.c.soon) < tier_sql.place(scheme, d.c.tier)
    rows = sa.select(d.c.customer_id, sa.case((higher, d.c.soon), else_="").label("tier")).subquery()
    conn.execute(
        sa.update(customer_metrics)
        .where(m.customer_id == rows.c.customer_id, m.reach_tier != rows.c.tier)
        .values(
            reach_tier=rows.c.tier, reach_label=tier_sql.of_tier(scheme, rows.c.tier, lambda t: t.label, "")
        )
    )
