"""What other systems push: waybills with events and orders, whole or not at all, in whatever order it comes.

Each column keeps when it was told (``hook_facts``): news replace what is older, old news replace nothing.
The state of a waybill follows from all of its events; of two with one time the later state of the table wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.waybill import WaybillState, event_words
from cti.errors import StateError
from cti.store.repos import outbox
from cti.store.repos.common import moment, upsert
from cti.store.repos.waybills import BLANK, GivenWaybill, WaybillCounts, owners_of, parties_of
from cti.store.tables import customers, orders, waybill_events, waybills
from cti.store.tables_care import problem_items
from cti.store.tables_links import hook_deliveries, hook_facts

_LOCK = 0x6C61_6964  # that of an import (cti.store.lock): both write the same rows
_RANK = {state.value: i for i, state in enumerate(WaybillState)}
_FIRST = WaybillState.ORDERED.value
_BORN = "@born"  # of a waybill without any event yet: its state is a stand-in, its time no event's
ORDER_BLANK = {"pieces": 1, "amount_fen": 0, "paid_fen": 0, "waybill": "", "state": "", "region": ""}


class DeliveryReused(StateError):
    """The number of a delivery that was taken came with other contents."""


@dataclass(frozen=True, slots=True)
class Push:
    """One waybill or order; `facts` (columns) were true at `at`; `index` is its place in the delivery."""

    index: int
    number: str
    at: datetime
    facts: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]] = ()
    codes: Mapping[str, str] = field(default_factory=dict)  # sender, receiver or customer → 编号


@dataclass(slots=True)
class Taken:
    """What a delivery did. `bad` is (index, reason): then nothing may be kept of it."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    warnings: list[tuple[int, str]] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)  # customers whose figures may differ now
    waybills: set[str] = field(default_factory=set)  # what differs now, and whose it is
    sides: set[int | None] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)


def begin_delivery(
    conn: Connection, integration_id: int, kind: str, delivery: str, sha256: str, *, at: datetime
) -> dict[str, Any] | None:
    """The answer of this delivery where it was taken before, else None and it is this transaction's.

    DeliveryReused where it had other contents then. Waits for imports and other deliveries.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    d = hook_deliveries.c
    same = sa.select(hook_deliveries).where(d.integration_id == integration_id, d.delivery == delivery)
    row = conn.execute(same).mappings().first()
    if row is not None:
        if (row["kind"], row["sha256"]) != (kind, sha256):
            raise DeliveryReused(f"delivery {delivery} was taken with other contents")
        return dict(row["answer"])
    values = {"integration_id": integration_id, "kind": kind, "delivery": delivery, "sha256": sha256}
    conn.execute(sa.insert(hook_deliveries).values(**values, at=at, answer={}))
    return None


def end_delivery(conn: Connection, integration_id: int, delivery: str, answer: Mapping[str, Any]) -> None:
    """What was answered, for when it is asked again."""
    d = hook_deliveries.c
    same = sa.and_(d.integration_id == integration_id, d.delivery == delivery)
    conn.execute(sa.update(hook_deliveries).where(same).values(answer=dict(answer)))


def push_waybills(conn: Connection, pushed: Sequence[Push], *, now: datetime, source: str) -> Taken:
    """Write them; items of one number one after another."""
    taken = Taken()
    given = [
        GivenWaybill(dict(p.facts), (), p.codes.get("sender", ""), p.codes.get("receiver", ""))
        for p in pushed
    ]
    for g, p in zip(given, pushed, strict=True):
        g.values["number"] = p.number
    owners = owners_of(conn, given)
    numbers = {p.number for p in pushed}
    rows = _rows(conn, waybills, numbers)
    told = _told(conn, "waybills", numbers)
    events = _events(conn, rows)
    ours = set(
        conn.execute(
            sa.select(problem_items.c.waybill).where(
                problem_items.c.waybill.in_(numbers), problem_items.c.closed_at.is_(None)
            )
        ).scalars()
    )
    exceptions = []
    for g, p in zip(given, pushed, strict=True):
        unknown = WaybillCounts()
        facts = {**p.facts, **parties_of(g, owners, unknown)}
        taken.warnings += [(p.index, f"没有客户编号 {code}") for _, code in unknown.unknown_codes]
        row = rows.get(p.number)
        new = row is None
        before = dict(row) if row is not None else {}
        if row is None:
            row = {**BLANK, "number": p.number, "source": source, "created_at": now}
            row |= {"state": _FIRST, "updated_at": p.at}
            made = sa.insert(waybills).values(row).returning(waybills.c.id)
            row["id"] = conn.execute(made).scalar_one()
            rows[p.number], events[p.number] = row, {}
            told.setdefault(p.number, {})[_BORN] = p.at.isoformat()
        changes = _newer(row, facts, p.at, told.setdefault(p.number, {}))
        added = _add_events(conn, row["id"], events[p.number], p.events)
        if events[p.number]:
            changes |= _from_events(row, events[p.number], told[p.number], ours=p.number in ours)
        elif told[p.number].get(_BORN) == row["updated_at"].isoformat() and p.at > row["updated_at"]:
            told[p.number][_BORN] = p.at.isoformat()
            changes["updated_at"] = p.at
        changes = {k: v for k, v in changes.items() if row[k] != v}
        if changes:
            version = row["version"] + (0 if new else 1)
            same = sa.update(waybills).where(waybills.c.id == row["id"])
            conn.execute(same.values(**changes, version=version))
            row |= changes | {"version": version}
        if new:
            taken.created += 1
        elif changes or added:
            taken.changed += 1
        else:
            taken.unchanged += 1
        if new or changes or added:
            taken.waybills.add(p.number)
            taken.sides |= {row["sender_customer_id"], row["receiver_customer_id"]}
            taken.keys |= {row["sender_key"], row["receiver_key"]}
        exceptions.append((p.number, before.get("state", ""), row["state"], row["updated_at"]))
    _keep_told(conn, "waybills", told)
    outbox.waybill_exceptions(conn, exceptions, now=now)
    return taken


def push_orders(conn: Connection, pushed: Sequence[Push], *, source: str) -> Taken:
    """Write them; an order of a 客户编号 that nobody has is bad, as in an import."""
    taken = Taken()
    codes = {p.codes["customer"] for p in pushed}
    query = sa.select(customers.c.code, customers.c.id).where(customers.c.code.in_(codes))
    owners = {row.code: row.id for row in conn.execute(query)}
    numbers = {p.number for p in pushed}
    rows, told = _rows(conn, orders, numbers), _told(conn, "orders", numbers)
    for p in pushed:
        owner = owners.get(p.codes["customer"])
        if owner is None:
            taken.bad.append((p.index, f"没有客户编号 {p.codes['customer']}"))
            continue
        facts = {**p.facts, "customer_id": owner}
        row = rows.get(p.number)
        if row is None:
            row = {**ORDER_BLANK, **facts, "number": p.number, "source": source}
            row["id"] = conn.execute(sa.insert(orders).values(row).returning(orders.c.id)).scalar_one()
            rows[p.number] = row
            told.setdefault(p.number, {}).update(dict.fromkeys(facts, p.at.isoformat()))
            taken.created += 1
            taken.touched.add(owner)
            continue
        changes = _newer(row, facts, p.at, told.setdefault(p.number, {}))
        if not changes:
            taken.unchanged += 1
            continue
        taken.touched |= {row["customer_id"], changes.get("customer_id", row["customer_id"])}
        conn.execute(sa.update(orders).where(orders.c.id == row["id"]).values(changes))
        row |= changes
        taken.changed += 1
    if not taken.bad:
        _keep_told(conn, "orders", told)
    return taken


def _newer(
    row: Mapping[str, Any], facts: Mapping[str, Any], at: datetime, told: dict[str, str]
) -> dict[str, Any]:
    """The columns that change: told later than what is there, or at the same time and greater in writing."""
    changes = {}
    for name, value in facts.items():
        known = moment(told.get(name))
        if known is not None and (known > at or (known == at and _written(value) <= _written(row[name]))):
            continue
        told[name] = at.isoformat()
        if row[name] != value:
            changes[name] = value
    return changes


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _add_events(
    conn: Connection,
    waybill_id: int,
    known: dict[tuple[Any, ...], dict[str, Any]],
    told: Sequence[Mapping[str, Any]],
) -> bool:
    """Events join the history; one that is known with fewer words gets the longer ones. Whether any did."""
    any_new = False
    for event in told:
        mark = (event["at"], event["state"], event["place"])
        old = known.get(mark)
        words = (event["text"], event["operator"])
        if old is not None and words <= (old["text"], old["operator"]):
            continue
        any_new = True
        known[mark] = dict(event)
        insert = upsert(conn.dialect.name)(waybill_events).values(**event, waybill_id=waybill_id)
        conn.execute(
            insert.on_conflict_do_update(
                index_elements=["waybill_id", "at", "state", "place"],
                set_={"text": event["text"], "operator": event["operator"]},
            )
        )
    return any_new


def _from_events(
    row: Mapping[str, Any],
    events: Mapping[tuple[Any, ...], Mapping[str, Any]],
    told: dict[str, str],
    *,
    ours: bool,
) -> dict[str, Any]:
    """State, last words and times that follow from all events; nothing while what is stored is later."""
    last = max(events.values(), key=lambda e: (e["at"], _RANK[e["state"]], e["place"]))
    changes: dict[str, Any] = {}
    for state, name, pick in (("collected", "accepted_at", min), ("signed", "delivered_at", max)):
        if at := [e["at"] for e in events.values() if e["state"] == state]:
            changes[name] = pick(at)
    stand_in = told.pop(_BORN, "") == row["updated_at"].isoformat() and row["state"] == _FIRST
    if not stand_in and (last["at"], _RANK[last["state"]]) < (row["updated_at"], _RANK.get(row["state"], -1)):
        return changes
    changes |= {"state": last["state"], "updated_at": last["at"], "last_event": event_words(last)}
    if not ours:
        bad = last["state"] == WaybillState.PROBLEM.value
        changes["problem"] = event_words(last) if bad else ""
        changes |= {"problem_kind": "", "problem_at": last["at"] if bad else None}
    return changes


def _rows(conn: Connection, table: sa.Table, numbers: set[str]) -> dict[str, dict[str, Any]]:
    query = sa.select(table).where(table.c.number.in_(numbers))
    return {row["number"]: dict(row) for row in conn.execute(query).mappings()}


def _events(
    conn: Connection, rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    by_id = {row["id"]: number for number, row in rows.items()}
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {number: {} for number in rows}
    e = waybill_events.c
    query = sa.select(e.waybill_id, e.at, e.state, e.place, e.operator, e.text).where(e.waybill_id.in_(by_id))
    for row in conn.execute(query).mappings():
        event = {k: v for k, v in row.items() if k != "waybill_id"}
        found[by_id[row["waybill_id"]]][(row["at"], row["state"], row["place"])] = event
    return found


def _told(conn: Connection, kind: str, numbers: set[str]) -> dict[str, dict[str, str]]:
    f = hook_facts.c
    query = sa.select(f.number, f.told).where(f.kind == kind, f.number.in_(numbers))
    return {number: dict(told) for number, told in conn.execute(query)}


def _keep_told(conn: Connection, kind: str, told: Mapping[str, dict[str, str]]) -> None:
    rows = [{"kind": kind, "number": n, "told": t} for n, t in told.items() if t]
    if not rows:
        return
    insert = upsert(conn.dialect.name)(hook_facts)
    conn.execute(
        insert.on_conflict_do_update(index_elements=["kind", "number"], set_={"told": insert.excluded.told}),
        rows,
    )
