"""Who is calling: the pop's look-up, as few round trips as the database allows.

All statements are compiled once per dialect; on PostgreSQL one statement brings everything as JSON, on
SQLite (where a round trip is a function call) the parts run one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

from sqlalchemy.engine import Connection

from cti.domain import waybill as waybill_domain
from cti.domain.customer import Customer, Lookup, Outcome, WaybillSummary
from cti.domain.phone import Number, NumberClass
from cti.store.repos import parts
from cti.store.repos.build import customer_from, history_from, waybill_from
from cti.store.repos.common import prepared

Row = Mapping[str, Any]
Rows = dict[str, list[Row]]

CHINA = timezone(timedelta(hours=8))  # one zone without summer time since 1991; only for the words of alerts

_AT_ONCE = {
    NumberClass.ANONYMOUS: Outcome.ANONYMOUS,
    NumberClass.MASKED: Outcome.MASKED,
    NumberClass.SERVICE: Outcome.SERVICE,
    NumberClass.INTERNAL: Outcome.NONE,
    NumberClass.INVALID: Outcome.NONE,
}


def find_by_number(conn: Connection, number: Number, *, now: datetime, waybill: str = "") -> Lookup:
    """Who has this number; with `waybill` (typed in the IVR) as second key where the number says nothing.

    Rules: ``exact`` · ``axb`` (a middle number, through its binding only) · ``waybill`` · ``suffix`` (only
    ever candidates, without tier) · ``party`` (nobody's number, but waybills carry it: they are listed) ·
    ``none``, or the class of a number that may not be looked up. UNAVAILABLE is for the caller of this.
    """
    if number.key is None:
        early = Lookup(_AT_ONCE[number.cls], str(number.cls))
    else:
        early = _by_key(conn, number, now)
    if early.outcome in (Outcome.ONE, Outcome.MANY) or not waybill:
        return early
    typed = find_by_waybill(conn, waybill, now=now)
    if typed.outcome is Outcome.NONE:
        return replace(early, waybills=typed.waybills or early.waybills)
    return typed


def find_by_waybill(conn: Connection, waybill: str, *, now: datetime) -> Lookup:
    """The customers of a waybill: ONE if only one side is a customer, MANY if both are and differ.

    NONE with rule ``waybill`` and the waybill itself where neither is; rule ``none`` if there is no such.
    """
    number = waybill_domain.clean_number(waybill)
    if number is None:
        return Lookup(Outcome.NONE, "none")
    rows = _fetch(conn, "by_waybill", {"waybill": number, "now": now})
    if not rows["itself"]:
        return Lookup(Outcome.NONE, "none")
    itself = waybill_from(rows["itself"][0])
    found = _answer(rows, now)
    others = tuple(w for w in found.waybills if w.number != itself.number)
    return replace(found, rule="waybill", waybills=(itself, *others))


def find_by_id(conn: Connection, customer_id: int, *, now: datetime) -> Lookup:
    """One customer with the history that a pop shows; NONE if there is no such customer."""
    return _answer(_fetch(conn, "by_id", {"cid": customer_id, "now": now}), now)


def customer(conn: Connection, customer_id: int, *, now: datetime) -> Customer | None:
    """One customer, alerts included."""
    return find_by_id(conn, customer_id, now=now).customer


def _by_key(conn: Connection, number: Number, now: datetime) -> Lookup:
    key = {"key": number.key, "now": now}
    rows = _fetch(conn, "by_key", key)
    found = _answer(rows, now)
    if found.outcome is not Outcome.NONE:
        return found
    if rows["virtual"] and rows["virtual"][0]["virtual"]:
        return Lookup(Outcome.NONE, "axb")
    carried = _newest(rows["party"])
    if number.cls is NumberClass.FIXED:
        # without a tier: an unsure hint must not steer anything
        hints = _fetch(conn, "by_suffix", {**key, "suffix": number.suffix})["who"]
        if hints:
            candidates = tuple(replace(customer_from(r), tier=None, green_channel=False) for r in hints)
            return Lookup(Outcome.NONE, "suffix", candidates=candidates, waybills=carried)
    return Lookup(Outcome.NONE, "party" if carried else "none", waybills=carried)


def _answer(rows: Rows, now: datetime) -> Lookup:
    who = {row["id"]: row for row in rows["who"]}  # a customer once, though both ends of a pair may be theirs
    if not who:
        return Lookup(Outcome.NONE, "none")
    rule = str(next(iter(who.values()))["rule"])
    if len(who) > 1:
        return Lookup(Outcome.MANY, rule, candidates=tuple(customer_from(row) for row in who.values()))
    (row,) = who.values()
    shown = history_from(rows, row, now, CHINA)
    return Lookup(
        Outcome.ONE,
        rule,
        customer=customer_from(row, alerts=shown.alerts),
        waybills=shown.waybills,
        contacts=shown.contacts,
        complaints=shown.complaints,
    )


def _newest(rows: list[Row]) -> tuple[WaybillSummary, ...]:
    found = {row["number"]: waybill_from(row) for row in rows}
    return tuple(sorted(found.values(), key=lambda w: w.updated_at, reverse=True)[: parts.SHOWN])


def _fetch(conn: Connection, what: str, values: dict[str, Any]) -> Rows:
    return _plan(conn.dialect.name)[what](conn, values)


Fetch = Callable[[Connection, dict[str, Any]], Rows]


@cache
def _plan(dialect: str) -> dict[str, Fetch]:
    """How each question is put on this database, compiled once."""
    questions: dict[str, tuple[parts.Select, dict[str, parts.Select], bool]] = {
        "by_key": (parts.who(), {"virtual": parts.is_virtual(), "party": parts.waybills_of_key()}, True),
        "by_waybill": (parts.who_by_waybill(), {"itself": parts.waybill_itself()}, True),
        "by_suffix": (parts.who_by_suffix(), {}, False),
        "by_id": (parts.who_by_id(), {}, True),
    }
    make = _in_one if dialect == "postgresql" else _one_by_one
    return {name: make(matched, extra, history) for name, (matched, extra, history) in questions.items()}


def _in_one(matched: parts.Select, extra: dict[str, parts.Select], history: bool) -> Fetch:
    asked = prepared("postgresql", parts.whole(matched, extra) if history else parts.listed(matched))

    def fetch(conn: Connection, values: dict[str, Any]) -> Rows:
        (row,) = asked.rows(conn, values)
        return {name: found or [] for name, found in row.items()}

    return fetch


def _one_by_one(matched: parts.Select, extra: dict[str, parts.Select], history: bool) -> Fetch:
    who = prepared("sqlite", matched)
    others = {name: prepared("sqlite", part) for name, part in extra.items()}
    about = parts.history_parts(parts.CID) if history else {}
    of_customer = {name: prepared("sqlite", part) for name, part in about.items()}

    def fetch(conn: Connection, values: dict[str, Any]) -> Rows:
        values = {**values, "now": values["now"].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")}
        found: Rows = {"who": list(who.rows(conn, values))}
        ids = {row["id"] for row in found["who"]}
        if len(ids) == 1:
            values["cid"] = ids.pop()
            found |= {name: list(part.rows(conn, values)) for name, part in of_customer.items()}
        if not found["who"] or "itself" in others:
            found |= {name: list(part.rows(conn, values)) for name, part in others.items()}
        return found

    return fetch
