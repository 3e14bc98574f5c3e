"""Complaints with their steps: written once, edited by the version that was read, listed by deadline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.complaint import CATEGORIES, PENDING, ComplaintState, next_state
from cti.domain.complaint_clock import LEVELS, Deadlines, Tier
from cti.errors import StateError, UsageError
from cti.store.repos import outbox
from cti.store.repos.common import known
from cti.store.repos.people import add_audit, hidden
from cti.store.repos.records import StaleVersion
from cti.store.tables import complaint_events, complaints, customers

_DEFAULT = Deadlines()
_CLOCK = frozenset({"category", "promised_at", "customer_id"})  # what the deadline follows from
SYSTEM = "system"
_WORDS = frozenset(
    {"summary", "detail", "result", "follow_up", "caller_name"}
)  # of people, in the record only


def add_complaint(
    conn: Connection,
    *,
    category: str,
    summary: str,
    opened_at: datetime,
    opened_by: str,
    deadlines: Deadlines = _DEFAULT,
    **columns: Any,
) -> int:
    """A complaint, with its code (``TS20250309-0001``) and deadline. Returns its id.

    UsageError for a category that is not of domain.md §5.
    """
    if category not in CATEGORIES:
        raise UsageError(f"complaint category {category!r} is none of {'、'.join(CATEGORIES)}")
    tier = _tier(conn, columns.get("customer_id"))
    values = {
        "category": category,
        "summary": summary,
        "opened_at": opened_at,
        "opened_by": opened_by,
        "updated_at": opened_at,
        "state": ComplaintState.OPEN.value,
        "due_at": deadlines.due_at(category, opened_at, tier, columns.get("promised_at")),
        "code": "",
        **columns,
    }
    known(complaints, values)
    # the code carries the id, which only the insert tells; until then a stand-in that nobody else can have
    given = values["code"]
    values["code"] = given or uuid4().hex
    row = conn.execute(sa.insert(complaints).values(values).returning(complaints.c.id)).scalar_one()
    if not given:
        code = f"TS{opened_at:%Y%m%d}-{row:04d}"
        conn.execute(sa.update(complaints).where(complaints.c.id == row).values(code=code))
    _step(
        conn,
        row,
        at=opened_at,
        who=opened_by,
        action="open",
        to_state=values["state"],
        note=summary,
        version=1,
    )
    code = given or code
    told = {"code": code, "category": category, "state": values["state"], "due_at": _plain(values["due_at"])}
    told |= {n: values.get(n) for n in ("customer_id", "waybill", "source")}
    outbox.emit(conn, "complaint.opened", f"complaint:{row}", at=opened_at, body=told, mark=f"{row}")
    return int(row)


def complaint(conn: Connection, complaint_id: int) -> RowMapping | None:
    """One complaint."""
    return conn.execute(sa.select(complaints).where(complaints.c.id == complaint_id)).mappings().first()


def complaint_history(conn: Connection, complaint_id: int, *, after: int = -1) -> Sequence[RowMapping]:
    """What was done with a complaint, oldest first; `after` leaves out the steps up to this version."""
    query = sa.select(complaint_events).where(
        complaint_events.c.complaint_id == complaint_id, complaint_events.c.version > after
    )
    return conn.execute(query.order_by(complaint_events.c.id)).mappings().all()


def edit_complaint(
    conn: Connection,
    complaint_id: int,
    *,
    version: int,
    who: str,
    at: datetime,
    deadlines: Deadlines = _DEFAULT,
    **columns: Any,
) -> int:
    """Change fields (not the state) of the version that was read; returns the new version.

    StaleVersion if somebody else was quicker, UsageError for a field that cannot be edited. Another
    category, customer or promise moves the deadline.
    """
    known(complaints, columns)
    if "state" in columns:
        raise UsageError("the state of a complaint changes by an action only")
    row = _must(conn, complaint_id)
    changed = {name: value for name, value in columns.items() if row[name] != value}
    changes = {name: [_plain(row[name]), _plain(value)] for name, value in changed.items()}
    if _CLOCK & set(changed):
        now = {**row, **changed}
        tier = _tier(conn, now["customer_id"])
        since = _waits_since(conn, row)
        changed["due_at"] = deadlines.due_at(now["category"], since, tier, now["promised_at"])
    _save(conn, complaint_id, version, {**changed, "updated_at": at})
    _step(
        conn,
        complaint_id,
        at=at,
        who=who,
        action="edit",
        note="、".join(sorted(changes)),
        changes=changes,
        version=version + 1,
    )
    subject = f"complaint:{complaint_id}"
    add_audit(
        conn, at=at, who=who, action="edit", subject=subject, detail={"changes": hidden(changes, _WORDS)}
    )
    return version + 1


def act_on_complaint(
    conn: Connection,
    complaint_id: int,
    action: str,
    *,
    version: int,
    who: str,
    at: datetime,
    note: str = "",
    outcome: str = "",
    deadlines: Deadlines = _DEFAULT,
    **columns: Any,
) -> int:
    """Take, follow up, resolve, tell back, close … (the table of `cti.domain.complaint`).

    `note` and `outcome` are the words and the result of this step. Returns the new version. StateError where
    the state has no such edge, StaleVersion as above.
    """
    known(complaints, columns)
    row = _must(conn, complaint_id)
    state = ComplaintState(row["state"])
    target = next_state(state, action)
    if target is None:
        raise StateError(f"a complaint that is {state.value} has no action {action!r}")
    changes: dict[str, Any] = {**columns, "state": target.value, "updated_at": at}
    if action == "take":
        changes.setdefault("owner", who)
    if action == "hand_over":
        changes.setdefault("owner", "")
    if target is ComplaintState.TOLD:
        changes |= {"told_at": at, "told_by": who, "call_at": None}
    if target in (ComplaintState.CLOSED, ComplaintState.WITHDRAWN):
        changes["closed_at"] = at
    elif action == "reopen":
        # the caller waits again from now
        due = deadlines.due_at(row["category"], at, _tier(conn, row["customer_id"]))
        changes |= {"closed_at": None, "told_at": None, "told_by": "", "told_how": "", "call_at": None}
        changes |= {"due_at": due, "promised_at": None, "level": 0}
    _save(conn, complaint_id, version, changes)
    edges = {"from_state": state.value, "to_state": target.value}
    words = {"note": note, "result": outcome, "version": version + 1}
    _step(conn, complaint_id, at=at, who=who, action=action, **edges, **words)
    _changed(conn, row, action, f"{version + 1}", at=at, before=state.value, state=target.value)
    return version + 1


def escalate(conn: Connection, *, now: datetime, deadlines: Deadlines = _DEFAULT) -> list[int]:
    """Raise the level of what is late, each level once, as a step of the system; the ids that went up.

    The version stays: who is editing meanwhile loses nothing.
    """
    late = sa.select(complaints).where(
        complaints.c.state.in_([s.value for s in PENDING]),
        complaints.c.due_at < now,
        complaints.c.level < len(LEVELS) - 1,
    )
    raised = []
    for row in conn.execute(late.order_by(complaints.c.id)).mappings().all():
        level = deadlines.level(ComplaintState(row["state"]), row["due_at"], now)
        if level <= row["level"]:
            continue
        same = sa.and_(complaints.c.id == row["id"], complaints.c.level == row["level"])
        if conn.execute(sa.update(complaints).where(same).values(level=level)).rowcount != 1:
            continue  # another service was quicker
        words = {"note": LEVELS[level], "version": row["version"]}
        _step(conn, row["id"], at=now, who=SYSTEM, action="escalate", **words)
        _changed(conn, row, "escalate", f"level{level}:{row['version']}", at=now, level=level)
        raised.append(int(row["id"]))
    return raised


def list_complaints(
    conn: Connection, *, pending: bool = True, late_at: datetime | None = None, limit: int = 200
) -> Sequence[RowMapping]:
    """Complaints by deadline, the most urgent first; with `late_at`, those past it only."""
    query = sa.select(complaints).order_by(complaints.c.due_at, complaints.c.id).limit(limit)
    if pending:
        query = query.where(complaints.c.state.in_([s.value for s in PENDING]))
    if late_at is not None:
        query = query.where(complaints.c.due_at < late_at)
    return conn.execute(query).mappings().all()


def _must(conn: Connection, complaint_id: int) -> RowMapping:
    row = complaint(conn, complaint_id)
    if row is None:
        raise UsageError(f"there is no complaint {complaint_id}")
    return row


def _waits_since(conn: Connection, row: RowMapping) -> datetime:
    """When the caller began to wait: with the complaint, or with its last reopening."""
    e = complaint_events.c
    again = sa.select(e.at).where(e.complaint_id == row["id"], e.action == "reopen").order_by(e.id.desc())
    found: datetime = conn.execute(again.limit(1)).scalar() or row["opened_at"]
    return found


def _tier(conn: Connection, customer_id: int | None) -> Tier | None:
    if customer_id is None:
        return None
    query = sa.select(customers.c.tier_scheme, customers.c.tier_id).where(customers.c.id == customer_id)
    row = conn.execute(query).first()
    return None if row is None else (row.tier_scheme, row.tier_id)


def _save(conn: Connection, complaint_id: int, version: int, changes: Mapping[str, Any]) -> None:
    same = sa.and_(complaints.c.id == complaint_id, complaints.c.version == version)
    done = conn.execute(sa.update(complaints).where(same).values({**changes, "version": version + 1}))
    if done.rowcount != 1:
        raise StaleVersion(f"complaint {complaint_id} was changed by somebody else meanwhile")


def _step(conn: Connection, complaint_id: int, **values: Any) -> None:
    conn.execute(sa.insert(complaint_events).values(complaint_id=complaint_id, **values))


def _changed(conn: Connection, row: RowMapping, action: str, mark: str, *, at: datetime, **more: Any) -> None:
    told = {"code": row["code"], "category": row["category"], "state": row["state"], "action": action}
    told |= {"customer_id": row["customer_id"], "waybill": row["waybill"], **more}
    subject = f"complaint:{row['id']}"
    outbox.emit(conn, "complaint.changed", subject, at=at, body=told, mark=f"{row['id']}:{mark}")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
