"""Journal records as SQL: runs in a thread of the store, in one transaction a batch.

The statements are the same every time, so that they are compiled once and a batch is two round trips:
computing here would hold up the event loop that shares the interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection

from cti.domain.phone import parse
from cti.store.repos import ledger, live, outbox, people, recordings, visits
from cti.store.repos.commands import apply_command
from cti.store.repos.common import insert_or_skip, upsert
from cti.store.repos.erase import REMEMBERED, erased_lately, scrubbed
from cti.store.repos.personal import key_hash
from cti.store.repos.sign_ins import SignIn, save_sign_ins
from cti.store.tables import audit, contacts, customers, pops

_KEY = ("id", "node", "linkedid", "agent", "pbx_at")
_STEPS = tuple(c.name for c in pops.c if c.name not in _KEY)
_TIMES = frozenset(c.name for t in (pops, contacts) for c in t.c if c.name.endswith("_at") or c.name == "at")
# a JSON column would take None for the JSON value null, not for "no change"
_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def apply(conn: Connection, batch: list[dict[str, Any]]) -> None:
    """Write records to the store, in order; doing it twice changes nothing."""
    batch = _without_erased(conn, batch)
    steps: dict[str, dict[str, Any]] = {}
    told: dict[str, dict[str, Any]] = {}
    visited: list[dict[str, Any]] = []
    for record in batch:
        match record["op"]:
            case "pop":
                steps.setdefault(record["id"], {}).update(record["set"])
            case "contact":
                told[record["set"]["pop_id"]] = record["set"]  # one contact a pop, however often it is told
            case "visit":
                visited.append(record["set"])
    if steps:
        _pops(conn, steps)
    if told:
        _contacts(conn, list(told.values()))
    visits.save_visits(conn, visited)
    for record in batch:
        match record["op"]:
            case "pop" | "contact" | "visit":
                pass
            case "gap":
                since = datetime.fromisoformat(record["since"])
                ledger.open_gap(conn, record["node"], since, record["reason"])
                if record["until"]:
                    ledger.close_gap(conn, record["node"], datetime.fromisoformat(record["until"]))
            case "recording":
                recordings.apply_step(conn, record)
            case "command":
                apply_command(conn, record)
            case "audit":
                _audit(conn, record)
            case "signed_in":
                save_sign_ins(conn, _sign_ins(record["set"]["agents"]))
            case "live_flag":
                live.keep_flag(conn, record["set"])
            case other:
                raise LookupError(f"no such record: {other}")


def _sign_ins(told: list[list[str]]) -> list[SignIn]:
    when = datetime.fromisoformat
    return [(agent, when(since), when(until)) for agent, since, until in told]


def _without_erased(conn: Connection, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who was erased does not come back: records of calls from before that lose who called."""
    numbers, ids = erased_lately(conn, since=datetime.now(UTC) - REMEMBERED)
    return [_bare(record, numbers, ids) for record in batch] if numbers or ids else batch


def _bare(record: dict[str, Any], numbers: Mapping[str, datetime], ids: set[int]) -> dict[str, Any]:
    told = dict(record.get("set", record))
    if told.get("customer_id") in ids:
        told["customer_id"] = None
    erased = numbers.get(key_hash(told.get("number_key") or ""))
    began = told.get("pbx_at") or told.get("at")
    if erased is not None and began and datetime.fromisoformat(began) <= erased:
        told |= {"number_key": "", "number_display": ""}
        told |= {n: "" for n in ("note", "summary") if n in told}
        if "ivr" in told:
            told["ivr"] = {}
        if told.get("snapshot"):
            told["snapshot"] = scrubbed(told["snapshot"])
    return {**record, "set": told} if "set" in record else told


def _audit(conn: Connection, record: Mapping[str, Any]) -> None:
    """Who looked at something; told again after a crash it is still one entry."""
    row = {"at": datetime.fromisoformat(record["at"]), "who": record["who"], "action": record["action"]}
    row |= {"subject": record["subject"], "remote": record["remote"]}
    same = sa.select(audit.c.id).where(*(audit.c[n] == row[n] for n in ("at", "who", "action", "subject")))
    if conn.execute(same).first() is None:
        people.add_audit(conn, **row, detail=record.get("detail"))


def _pops(conn: Connection, steps: dict[str, dict[str, Any]]) -> None:
    typed = {id: _typed(columns) for id, columns in steps.items()}
    known = _known(conn, {t.get("customer_id") for t in typed.values()})
    empty = dict.fromkeys(_STEPS)
    updates = []
    for id, columns in typed.items():
        if columns.get("customer_id") not in known:
            columns.pop("customer_id", None)  # deleted meanwhile
        updates.append({"b_id": id, **{f"b_{n}": v for n, v in ({**empty, **_steps(columns)}).items()}})
    insert_or_skip(conn, pops, [{"id": id, **{k: t[k] for k in _KEY[1:]}} for id, t in typed.items()], ["id"])
    conn.execute(_update(), updates)


@cache
def _update() -> sa.Update:
    """Sets what is given, leaves what is None as it is."""

    def given(column: sa.Column[Any]) -> Any:
        kind = _JSON if column.name == "snapshot" else column.type
        return sa.func.coalesce(sa.bindparam(f"b_{column.name}", type_=kind), column)

    values = {name: given(pops.c[name]) for name in _STEPS}
    return sa.update(pops).where(pops.c.id == sa.bindparam("b_id")).values(values)


def _steps(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in columns.items() if k in _STEPS}


def _contacts(conn: Connection, told: list[dict[str, Any]]) -> None:
    rows = [_typed(columns) for columns in told]
    known = _known(conn, {row.get("customer_id") for row in rows})
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("customer_id") not in known:
            row["customer_id"] = None
        alike.setdefault(tuple(sorted(row)), []).append(row)
    for columns, some in alike.items():
        conn.execute(_contact(conn.dialect.name, columns), some)
    outbox.emit_all(conn, [_ended(row) for row in rows if row.get("channel") == "call"])


@cache
def _contact(dialect: str, columns: tuple[str, ...]) -> sa.Executable:
    insert = upsert(dialect)(contacts)
    new = {name: insert.excluded[name] for name in columns if name != "pop_id"}
    one = {"index_elements": [contacts.c.pop_id], "index_where": sa.text("pop_id <> ''")}
    statement: sa.Executable = insert.on_conflict_do_update(**one, set_=new)
    return statement


def _ended(row: Mapping[str, Any]) -> tuple[str, str, datetime, dict[str, Any], str]:
    """A contact as the event that other systems are told: no name, no note, a masked number."""
    names = ("direction", "queue", "agent", "disposition", "waybill", "talk_s", "wait_s", "customer_id")
    told = {n: row.get(n) for n in names}
    told["number"] = parse(row.get("number_display") or "").masked
    told |= {"answered": bool(row.get("agent")), "began_at": row["at"].isoformat()}
    call = f"call:{row.get('node', '')}/{row.get('linkedid', '')}"
    return "call.ended", call, row.get("ended_at") or row["at"], told, str(row["pop_id"])


def _known(conn: Connection, ids: set[Any]) -> set[int]:
    """Which of these customers there are."""
    wanted = [i for i in ids if i is not None]
    if not wanted:
        return set()
    return set(conn.execute(sa.select(customers.c.id).where(customers.c.id.in_(wanted))).scalars())


def _typed(columns: dict[str, Any]) -> dict[str, Any]:
    return {
        k: datetime.fromisoformat(v) if k in _TIMES and isinstance(v, str) else v for k, v in columns.items()
    }
