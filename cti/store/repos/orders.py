"""Writing orders and payments: insert or change by number, in batches, touching only what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.store.tables import customers, orders
from cti.store.tables_tiers import payments

_BLANK: dict[str, dict[str, Any]] = {
    "orders": {"pieces": 1, "amount_fen": 0, "paid_fen": 0, "waybill": "", "state": "", "region": ""},
    "payments": {"amount_fen": 0, "order_number": "", "method": ""},
}


@dataclass(slots=True)
class LedgerCounts:
    """What a batch did; `unknown` are the numbers whose 客户编号 no customer has, `touched` customers."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    unknown: list[tuple[str, str]] = field(default_factory=list)  # number, 编号
    touched: set[int] = field(default_factory=set)


def upsert_ledger(
    conn: Connection, kind: str, batch: Sequence[tuple[str, Mapping[str, Any]]], *, source: str
) -> LedgerCounts:
    """Write a batch of (客户编号, columns) into ``orders`` or ``payments``; no number twice in it."""
    table = orders if kind == "orders" else payments
    counts = LedgerCounts()
    codes = {code for code, _ in batch}
    owners = conn.execute(sa.select(customers.c.code, customers.c.id).where(customers.c.code.in_(codes)))
    ids = {row.code: row.id for row in owners}
    numbers = [values["number"] for _, values in batch]
    query = sa.select(table).where(table.c.number.in_(numbers))
    existing = {row["number"]: row for row in conn.execute(query).mappings()}
    new = []
    for code, given in batch:
        if code not in ids:
            counts.unknown.append((given["number"], code))
            continue
        values = {**given, "customer_id": ids[code]}
        row = existing.get(given["number"])
        if row is None:
            new.append({**_BLANK[kind], **values, "source": source})
            counts.touched.add(ids[code])
            continue
        changes = {k: v for k, v in values.items() if row[k] != v}
        if not changes:
            counts.unchanged += 1
            continue
        conn.execute(sa.update(table).where(table.c.id == row["id"]).values(changes))
        counts.changed += 1
        counts.touched |= {ids[code], row["customer_id"]}
    if new:
        conn.execute(sa.insert(table), new)
    counts.created = len(new)
    return counts
