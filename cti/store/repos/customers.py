"""Writing customers: insert or change by 编号, in batches, touching only what is given and differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.growth import rank
from cti.domain.tiers import MetricsError, Scheme
from cti.store.repos.grams import index_terms
from cti.store.repos.points import set_balances
from cti.store.tables import axb_bindings, customer_contacts, customers, numbers, tier_history

LOOSE = "其它电话"  # numbers that are kept for reading but cannot be matched


@dataclass(slots=True)
class Given:
    """One customer to write: only the columns, metrics, contacts and numbers that are here are touched."""

    values: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    contacts: Sequence[Mapping[str, Any]] = ()
    numbers: Sequence[Mapping[str, Any]] = ()
    loose_numbers: Sequence[str] = ()


@dataclass(slots=True)
class Counts:
    """What a batch did; `skipped_virtual` are numbers of the binding table, which are nobody's own."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped_virtual: list[tuple[str, str]] = field(default_factory=list)  # 编号, key
    ids: set[int] = field(default_factory=set)  # of everybody in the batch


def upsert_customers(
    conn: Connection,
    batch: Sequence[Given],
    *,
    now: datetime,
    scheme: Scheme | None,
    source: str,
    cause: str = "import",
) -> Counts:
    """Write a batch (no 编号 twice in it). The tier follows from the metrics, with history and reason."""
    counts = Counts()
    by_code = {given.values["code"]: given for given in batch}
    query = sa.select(customers).where(customers.c.code.in_(by_code))
    existing = {row["code"]: row for row in conn.execute(query).mappings()}
    people = _people(conn, [row["id"] for row in existing.values()])
    new, updates, tiers = [], [], []
    touched: set[str] = set()
    for code, given in by_code.items():
        row = existing.get(code)
        contact_names = (
            {*people.get(row["id"], {}), *(c["name"] for c in given.contacts)}
            if row
            else {c["name"] for c in given.contacts}
        )
        values = _values(given, row, scheme, contact_names, now)
        if row is None:
            new.append({**_BLANK, **values, "source": source, "created_at": now, "updated_at": now})
        else:
            changes = {k: v for k, v in values.items() if not _same(row[k], v)}
            if changes:
                touched.add(code)
                updates.append((row, changes))
        if values.get("tier_id") and (row is None or row["tier_id"] != values["tier_id"]):
            same_scheme = row is not None and row["tier_scheme"] == values["tier_scheme"]
            tiers.append((code, values, row["tier_id"] if row is not None and same_scheme else ""))
    ids = {code: row["id"] for code, row in existing.items()}
    if new:
        made = conn.execute(sa.insert(customers).returning(customers.c.id, customers.c.code), new)
        ids |= {code: id_ for id_, code in made}
    for row, changes in updates:
        same = sa.update(customers).where(customers.c.id == row["id"])
        conn.execute(same.values(**changes, updated_at=now, version=row["version"] + 1))
    points = {ids[code]: g.values["points"] for code, g in by_code.items() if "points" in g.values}
    codes = {id_: code for code, id_ in ids.items()}
    touched |= {codes[id_] for id_ in set_balances(conn, points, at=now, who=source)} if points else set()
    touched |= _write_people(conn, by_code, ids, people)
    touched |= _write_numbers(conn, by_code, ids, source, counts)
    _write_history(conn, tiers, ids, now, cause, scheme)
    counts.ids = set(ids.values())
    counts.created = len(new)
    counts.changed = len(touched & existing.keys())
    counts.unchanged = len(existing) - counts.changed
    return counts


# what a new row has where nothing is given: one insert serves rows of any shape
_BLANK: dict[str, Any] = {
    column.name: ""
    for column in customers.c
    if isinstance(column.type, sa.Text) and column.server_default is not None
} | {
    **dict.fromkeys(("birthday", "cooperation_years", "satisfaction", "last_order_at", "tier_at")),
    **dict.fromkeys(("spend_fen", "arrears_fen"), 0),
    **dict.fromkeys(("birthday_month_only", "green_channel"), False),
    "preferences": {},
    "metrics": {},
    "version": 1,
}


def _values(
    given: Given, row: RowMapping | None, scheme: Scheme | None, people: set[str], now: datetime
) -> dict[str, Any]:
    values = {k: v for k, v in given.values.items() if k != "points"}  # these have a ledger
    before: dict[str, Any] = _BLANK if row is None else {str(k): v for k, v in row.items()}
    if given.loose_numbers:
        values["preferences"] = {**before["preferences"], LOOSE: "；".join(given.loose_numbers)}
    name = values.get("name", before.get("name", ""))
    company = values.get("company", before.get("company", ""))
    values["grams"] = index_terms([name, company, *sorted(people)])
    if given.metrics:
        values["metrics"] = {**before["metrics"], **given.metrics}
        if scheme is not None and (row is None or values["metrics"] != row["metrics"] or not row["tier_id"]):
            values |= _tier(scheme, values, now)
    return values


def _tier(scheme: Scheme, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    try:
        ref = scheme.classify(values["metrics"])
    except MetricsError:
        return {}  # these metrics say nothing in the active scheme
    found: dict[str, Any] = {
        "tier_scheme": ref.scheme,
        "tier_id": ref.id,
        "tier_label": ref.label,
        "tier_reason": ref.reason,
        "tier_at": now,
    }
    tier = scheme.tier(ref.id)
    if tier is not None and "green_channel" not in values:
        found["green_channel"] = tier.benefits.green_channel
    return found


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, list | tuple) or isinstance(new, list | tuple):
        return list(old or ()) == list(new or ())
    return bool(old == new)


def _people(conn: Connection, ids: Sequence[int]) -> dict[int, dict[str, RowMapping]]:
    if not ids:
        return {}
    query = sa.select(customer_contacts).where(customer_contacts.c.customer_id.in_(ids))
    found: dict[int, dict[str, RowMapping]] = {}
    for row in conn.execute(query).mappings():
        found.setdefault(row["customer_id"], {})[row["name"]] = row
    return found


def _write_people(
    conn: Connection,
    by_code: Mapping[str, Given],
    ids: Mapping[str, int],
    people: dict[int, dict[str, RowMapping]],
) -> set[str]:
    """Add and change 联系人; returns the 编号 that were touched."""
    touched: set[str] = set()
    new = []
    blank = {"title": "", "role": "", "age": None, "hobbies": "", "note": ""}
    for code, given in by_code.items():
        known = people.get(ids[code], {})
        for contact in given.contacts:
            row = known.get(contact["name"])
            if row is None:
                touched.add(code)
                new.append({**blank, **contact, "customer_id": ids[code]})
            elif changes := {k: v for k, v in contact.items() if row[k] != v}:
                touched.add(code)
                same = sa.update(customer_contacts).where(customer_contacts.c.id == row["id"])
                conn.execute(same.values(**changes))
    if new:
        conn.execute(sa.insert(customer_contacts), new)
    return touched


def _write_numbers(
    conn: Connection, by_code: Mapping[str, Given], ids: Mapping[str, int], source: str, counts: Counts
) -> set[str]:
    """Add numbers that the customers do not have; one of the binding table is never saved as anybody's."""
    keys = {n["key"] for given in by_code.values() for n in given.numbers}
    if not keys:
        return set()
    bound = sa.select(axb_bindings.c.virtual_key).where(axb_bindings.c.virtual_key.in_(keys))
    virtual = set(conn.execute(bound).scalars())
    query = sa.select(numbers.c.customer_id, numbers.c.key).where(
        numbers.c.customer_id.in_(list(ids.values())), numbers.c.key.in_(keys)
    )
    have = {(row.customer_id, row.key) for row in conn.execute(query)}
    people = _people(conn, [ids[code] for code, g in by_code.items() if any(n["contact"] for n in g.numbers)])
    touched: set[str] = set()
    new = []
    for code, given in by_code.items():
        for number in given.numbers:
            if number["key"] in virtual:
                counts.skipped_virtual.append((code, number["key"]))
            elif (ids[code], number["key"]) not in have:
                touched.add(code)
                person = people.get(ids[code], {}).get(number["contact"])
                row = {k: v for k, v in number.items() if k != "contact"}
                owner = {"customer_id": ids[code], "contact_id": person["id"] if person else None}
                new.append({**row, **owner, "source": source})
    if new:
        conn.execute(sa.insert(numbers), new)
    return touched


def _write_history(
    conn: Connection,
    tiers: Sequence[tuple[str, Mapping[str, Any], str]],
    ids: Mapping[str, int],
    now: datetime,
    cause: str,
    scheme: Scheme | None,
) -> None:
    rows = [
        {
            "customer_id": ids[code],
            "at": now,
            "scheme": values["tier_scheme"],
            "tier_id": values["tier_id"],
            "label": values["tier_label"],
            "reason": values["tier_reason"],
            "metrics": values["metrics"],
            "cause": cause,
            "from_tier_id": old if scheme is not None and scheme.tier(old) else "",
            "step": _step(scheme, old, values["tier_id"]),
        }
        for code, values, old in tiers
    ]
    if rows:
        conn.execute(sa.insert(tier_history), rows)


def _step(scheme: Scheme | None, old: str, new: str) -> int:
    """1: up, -1: down, 0: the first one, or one of another scheme before."""
    if scheme is None or scheme.tier(old) is None:
        return 0
    before, after = rank(scheme, old), rank(scheme, new)
    return (after < before) - (after > before)
