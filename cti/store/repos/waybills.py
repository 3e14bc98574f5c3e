"""Writing waybills with their events, and reading one whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.waybill import clean_number
from cti.store.repos.common import insert_or_skip
from cti.store.repos.outbox import waybill_exceptions
from cti.store.tables import axb_bindings, customers, numbers, waybill_events, waybills


@dataclass(slots=True)
class GivenWaybill:
    """One waybill to write; customers by 编号 ("" : found by the number's key)."""

    values: dict[str, Any]
    events: Sequence[Mapping[str, Any]] = ()
    sender_code: str = ""
    receiver_code: str = ""


@dataclass(slots=True)
class WaybillCounts:
    """What a batch did; `unknown_codes` are 客户编号 that no customer has."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    unknown_codes: list[tuple[str, str]] = field(default_factory=list)  # waybill, 编号


def upsert_waybills(
    conn: Connection, batch: Sequence[GivenWaybill], *, now: datetime, source: str
) -> WaybillCounts:
    """Write a batch; the later event decides the state, events that are known already stay single."""
    counts = WaybillCounts()
    exceptions = []
    merged = _merged(batch)
    query = sa.select(waybills).where(waybills.c.number.in_(merged))
    existing = {row["number"]: row for row in conn.execute(query).mappings()}
    owners = owners_of(conn, merged.values())
    new, touched = [], set()
    for number, given in merged.items():
        row = existing.get(number)
        values = {**given.values, **parties_of(given, owners, counts)}
        if row is None:
            values.setdefault("updated_at", now)
            exceptions.append((number, "", values.get("state", ""), values["updated_at"]))
            new.append({**BLANK, **values, "source": source, "created_at": now})
            continue
        if values.get("updated_at", row["updated_at"]) < row["updated_at"]:
            # older news than what is stored: its events count, its state does not
            values = {k: v for k, v in values.items() if k not in ("state", "last_event", "updated_at")}
        changes = {k: v for k, v in values.items() if row[k] != v}
        if changes:
            after = changes.get("state", row["state"])
            exceptions.append((number, row["state"], after, changes.get("updated_at", row["updated_at"])))
            touched.add(number)
            same = sa.update(waybills).where(waybills.c.id == row["id"])
            conn.execute(same.values(**changes, version=row["version"] + 1))
    ids = {number: row["id"] for number, row in existing.items()}
    if new:
        made = conn.execute(sa.insert(waybills).returning(waybills.c.id, waybills.c.number), new)
        ids |= {number: id_ for id_, number in made}
    touched |= _write_events(conn, merged, ids)
    if source != "synthetic":
        waybill_exceptions(conn, exceptions, now=now)
    counts.created = len(new)
    counts.changed = len(touched & existing.keys())
    counts.unchanged = len(existing) - counts.changed
    return counts


def waybill(conn: Connection, number: str) -> tuple[RowMapping, Sequence[RowMapping]] | None:
    """A waybill and its events, the oldest first; None if there is no such or the text is no number."""
    clean = clean_number(number)
    if clean is None:
        return None
    row = conn.execute(sa.select(waybills).where(waybills.c.number == clean)).mappings().first()
    if row is None:
        return None
    query = sa.select(waybill_events).where(waybill_events.c.waybill_id == row["id"])
    return row, conn.execute(query.order_by(waybill_events.c.at, waybill_events.c.id)).mappings().all()


def waybills_of_number(conn: Connection, key: str, limit: int = 9) -> Sequence[RowMapping]:
    """The latest waybills that a number sends or receives, newest first (tracking by the calling number)."""
    latest = [
        sa.select(waybills).where(side == key).order_by(waybills.c.updated_at.desc()).limit(limit).subquery()
        for side in (waybills.c.sender_key, waybills.c.receiver_key)
    ]
    both = sa.union_all(*(sa.select(part) for part in latest))
    rows = {row["id"]: row for row in conn.execute(both).mappings()}
    return sorted(rows.values(), key=lambda row: row["updated_at"], reverse=True)[:limit]


BLANK: dict[str, Any] = {
    column.name: ""
    for column in waybills.c
    if isinstance(column.type, sa.Text) and column.server_default is not None
} | {
    **dict.fromkeys(("sender_customer_id", "receiver_customer_id", "weight_g", "accepted_at")),
    **dict.fromkeys(("promised_at", "delivered_at", "problem_at")),
    **dict.fromkeys(("freight_fen", "cod_fen"), 0),
    "pieces": 1,
    "version": 1,
}


def _merged(batch: Sequence[GivenWaybill]) -> dict[str, GivenWaybill]:
    """One entry a number: a file may come back to a waybill later on."""
    merged: dict[str, GivenWaybill] = {}
    for given in batch:
        number = given.values["number"]
        first = merged.get(number)
        if first is None:
            merged[number] = given
            continue
        newer = given.values.get("updated_at") or first.values.get("updated_at")
        older = first.values.get("updated_at") or newer
        late = newer is not None and older is not None and newer >= older
        values = {**first.values, **given.values} if late else {**given.values, **first.values}
        merged[number] = GivenWaybill(
            values,
            [*first.events, *given.events],
            first.sender_code or given.sender_code,
            first.receiver_code or given.receiver_code,
        )
    return merged


def owners_of(conn: Connection, batch: Any) -> dict[str, int]:
    """Customers by 编号 (``#code``), and by number key where only one has it and it is no middle number."""
    listed = list(batch)
    codes = {code for g in listed for code in (g.sender_code, g.receiver_code) if code}
    keys = {g.values[n] for g in listed for n in ("sender_key", "receiver_key") if g.values.get(n)}
    found: dict[str, int] = {}
    if codes:
        query = sa.select(customers.c.code, customers.c.id).where(customers.c.code.in_(codes))
        found |= {f"#{code}": id_ for code, id_ in conn.execute(query)}
    if keys:
        bound = sa.exists().where(axb_bindings.c.virtual_key == numbers.c.key)
        query = sa.select(numbers.c.key, sa.func.max(numbers.c.customer_id)).where(
            numbers.c.key.in_(keys), ~bound
        )
        query = query.group_by(numbers.c.key).having(sa.func.count() == 1)
        found |= {row[0]: row[1] for row in conn.execute(query)}
    return found


def parties_of(given: GivenWaybill, owners: Mapping[str, int], counts: WaybillCounts) -> dict[str, int]:
    """The customers of a waybill, as far as they are known; unknown ones leave what is stored alone."""
    found = {}
    for side, code in (("sender", given.sender_code), ("receiver", given.receiver_code)):
        owner = owners.get(f"#{code}") if code else None
        if code and owner is None:
            counts.unknown_codes.append((given.values["number"], code))
        owner = owner or owners.get(given.values.get(f"{side}_key", ""))
        if owner is not None:
            found[f"{side}_customer_id"] = owner
    return found


def _write_events(conn: Connection, merged: Mapping[str, GivenWaybill], ids: Mapping[str, int]) -> set[str]:
    listed = [number for number, given in merged.items() if given.events]
    if not listed:
        return set()
    query = sa.select(
        waybill_events.c.waybill_id, waybill_events.c.at, waybill_events.c.state, waybill_events.c.place
    ).where(waybill_events.c.waybill_id.in_([ids[n] for n in listed]))
    have = {tuple(row) for row in conn.execute(query)}
    blank = {"place": "", "operator": "", "text": ""}
    touched: set[str] = set()
    rows = []
    for number in listed:
        for event in merged[number].events:
            mark = (ids[number], event["at"], event["state"], event.get("place", ""))
            if mark not in have:
                have.add(mark)
                touched.add(number)
                rows.append({**blank, **event, "waybill_id": ids[number]})
    insert_or_skip(conn, waybill_events, rows, on=["waybill_id", "at", "state", "place"])
    return touched
