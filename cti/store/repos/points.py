"""积分: a ledger that is only added to; the balance is the sum of its entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.errors import UsageError
from cti.store.tables import customers
from cti.store.tables_tiers import points_ledger

MOST = 1_000_000_000


class NotEnoughPoints(UsageError):
    """The balance does not suffice."""


def balance(conn: Connection, customer_id: int) -> int:
    """The points of a customer."""
    mine = sa.select(sa.func.sum(points_ledger.c.delta)).where(points_ledger.c.customer_id == customer_id)
    return int(conn.execute(mine).scalar() or 0)


def entries(conn: Connection, customer_id: int, limit: int = 50) -> Sequence[RowMapping]:
    """The latest entries, newest first."""
    query = sa.select(points_ledger).where(points_ledger.c.customer_id == customer_id)
    newest = query.order_by(points_ledger.c.at.desc(), points_ledger.c.id.desc())
    return conn.execute(newest.limit(limit)).mappings().all()


def add_points(
    conn: Connection, customer_id: int, delta: int, *, at: datetime, reason: str, who: str, ref: str = ""
) -> int:
    """Add an entry and return the balance; the same `ref` again changes nothing.

    NotEnoughPoints if the balance would fall below nothing, UsageError for nothing or far too much.
    """
    if delta == 0 or abs(delta) > MOST:
        raise UsageError(f"points: {delta} is no entry")
    # two withdrawals at once must not both see the same balance
    conn.execute(sa.select(customers.c.id).where(customers.c.id == customer_id).with_for_update())
    row = {
        "customer_id": customer_id,
        "at": at,
        "delta": delta,
        "reason": reason,
        "who": who,
        "ref": ref,
    }
    p = points_ledger.c
    if ref and conn.execute(sa.select(p.id).where(p.customer_id == customer_id, p.ref == ref)).first():
        return balance(conn, customer_id)
    if delta < 0 and balance(conn, customer_id) + delta < 0:
        raise NotEnoughPoints(f"points: {-delta} wanted, {balance(conn, customer_id)} there")
    conn.execute(sa.insert(points_ledger).values(row))
    return balance(conn, customer_id)


def set_balances(conn: Connection, wanted: Mapping[int, int], *, at: datetime, who: str) -> set[int]:
    """Bring balances to what a list says, by one entry each; returns whose was different."""
    p = points_ledger.c
    query = sa.select(p.customer_id, sa.func.sum(p.delta)).where(p.customer_id.in_(list(wanted)))
    have: dict[int, int] = {cid: int(n) for cid, n in conn.execute(query.group_by(p.customer_id))}
    rows: list[dict[str, Any]] = [
        {"customer_id": cid, "at": at, "delta": n - have.get(cid, 0), "reason": "导入", "who": who}
        for cid, n in wanted.items()
        if n != have.get(cid, 0)
    ]
    if rows:
        conn.execute(sa.insert(points_ledger), rows)
    return {row["customer_id"] for row in rows}
