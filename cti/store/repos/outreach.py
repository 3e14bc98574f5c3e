"""Tasks of the worklist: written once by their key, acted on by the version that was read, undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain import interview
from cti.domain.complaint import ComplaintState
from cti.domain.outreach import (
    CONTACTED,
    NO_CALL,
    POSTPONE_DAYS,
    Outcome,
    TaskKind,
    TaskState,
    missing,
    next_state,
)
from cti.domain.retention import Step
from cti.errors import StateError, UsageError
from cti.store.repos.common import insert_or_skip, known
from cti.store.repos.complaints import act_on_complaint, complaint
from cti.store.repos.records import StaleVersion, add_contact
from cti.store.repos.value import add_step
from cti.store.tables import contacts
from cti.store.tables_outreach import dial_attempts, outreach_steps, outreach_tasks, satisfaction

SYSTEM = "system"
FOLLOW_DAYS = 1  # a low score is followed up by then
IMPROVE_DAYS = 7
TELL_DAYS = 1
_T = outreach_tasks.c


@dataclass(frozen=True, slots=True)
class Given:
    """What an action brings; fields that it does not need stay empty."""

    note: str = ""
    due_at: datetime | None = None
    owner: str = ""
    outcome: str = ""
    result: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, int] = field(default_factory=dict)
    low: int = interview.LOW  # what a score is followed up from downwards


def task(conn: Connection, task_id: int) -> RowMapping | None:
    """One task."""
    return conn.execute(sa.select(outreach_tasks).where(_T.id == task_id)).mappings().first()


def id_of(conn: Connection, key: str) -> int:
    """The task of a key that was just written."""
    return int(conn.execute(sa.select(_T.id).where(_T.key == key)).scalar_one())


def steps_of(conn: Connection, task_id: int, *, after: int = -1) -> Sequence[RowMapping]:
    """What was done with a task, oldest first; `after` leaves out the steps up to this version."""
    s = outreach_steps.c
    query = sa.select(outreach_steps).where(s.task_id == task_id, s.version > after).order_by(s.id)
    return conn.execute(query).mappings().all()


def scores_of(conn: Connection, task_id: int) -> dict[str, int]:
    """Aspect → score that the customer gave in this task."""
    query = sa.select(satisfaction.c.aspect, satisfaction.c.score).where(satisfaction.c.task_id == task_id)
    return {str(aspect): int(score) for aspect, score in conn.execute(query)}


def add_tasks(
    conn: Connection, rows: Sequence[Mapping[str, Any]], *, now: datetime, who: str = SYSTEM
) -> int:
    """Write tasks that do not exist yet, by their key; returns how many are new."""
    common = {"state": TaskState.OPEN.value, "created_at": now, "updated_at": now, "created_by": who}
    made = [{**_EMPTY, **common, **row} for row in rows]
    for row in made[:1]:
        known(outreach_tasks, row)
    before = _count(conn)
    for start in range(0, len(made), 500):
        insert_or_skip(conn, outreach_tasks, made[start : start + 500], ["key"])
    return _count(conn) - before


_EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(("customer_id", "complaint_id", "parent_id", "lapses_at")),
    **dict.fromkeys(("name", "number_key", "number_display", "waybill", "detail", "period", "owner"), ""),
    "slot": 0,
}


def _count(conn: Connection) -> int:
    return int(conn.execute(sa.select(sa.func.count()).select_from(outreach_tasks)).scalar_one())


def act(
    conn: Connection, task_id: int, action: str, *, version: int, who: str, now: datetime, given: Given
) -> int:
    """One step of the table, with all that follows from it; returns the new version.

    StateError where the state has no such edge or the record behind it has moved on; StaleVersion when
    somebody else was quicker; UsageError for what is missing or cannot be.
    """
    row = task(conn, task_id)
    if row is None:
        raise UsageError(f"there is no task {task_id}")
    if row["version"] != version:
        raise StaleVersion(f"task {task_id} was changed by somebody else meanwhile")
    state = TaskState(row["state"])
    target = next_state(state, action)
    brought = {"note": given.note, "due_at": given.due_at, "owner": given.owner, "outcome": given.outcome}
    if lacks := missing(action, brought):
        raise UsageError(f"{action} needs {', '.join(lacks)}")
    changes: dict[str, Any] = {"state": target.value}
    if action == "take":
        changes |= {"owner": who, "taken_at": now}
    elif action == "assign":
        changes["owner"] = given.owner
    elif action == "postpone":
        changes |= _put_off(row, given, now)
    elif action == "finish":
        changes |= _finished(conn, row, given, who=who, now=now)
    elif action == "reopen":
        changes |= _undone(conn, row)
    if target not in (TaskState.OPEN, TaskState.TAKEN):
        changes["ended_at"] = now
    _save(conn, row, changes, now)
    _step(conn, row, action, target, who=who, now=now, note=given.note or given.result)
    return version + 1


def settle(conn: Connection, row: Mapping[Any, Any], action: str, *, now: datetime, note: str) -> bool:
    """The system's own step (lapse, meet, cancel); False where a person was quicker."""
    target = next_state(TaskState(row["state"]), action)
    try:
        _save(conn, row, {"state": target.value, "ended_at": now}, now)
    except StaleVersion:
        return False
    _step(conn, row, action, target, who=SYSTEM, now=now, note=note)
    return True


def _save(conn: Connection, row: Mapping[Any, Any], changes: Mapping[str, Any], now: datetime) -> None:
    same = sa.and_(_T.id == row["id"], _T.version == row["version"])
    values = {**changes, "updated_at": now, "version": row["version"] + 1}
    if conn.execute(sa.update(outreach_tasks).where(same).values(values)).rowcount != 1:
        raise StaleVersion(f"task {row['id']} was changed by somebody else meanwhile")


def _step(
    conn: Connection,
    row: Mapping[Any, Any],
    action: str,
    to: TaskState,
    *,
    who: str,
    now: datetime,
    note: str,
) -> None:
    values = {"task_id": row["id"], "at": now, "who": who, "action": action, "note": note}
    edges = {"from_state": row["state"], "to_state": to.value, "version": row["version"] + 1}
    conn.execute(sa.insert(outreach_steps).values({**values, **edges}))


def _put_off(row: Mapping[Any, Any], given: Given, now: datetime) -> dict[str, Any]:
    due = given.due_at
    if due is None or not now < due <= now + timedelta(days=POSTPONE_DAYS):
        raise UsageError(f"a task is put off to a time within {POSTPONE_DAYS} days")
    lapses = row["lapses_at"]
    return {"due_at": due, "lapses_at": max(lapses, due + timedelta(days=1)) if lapses is not None else None}


def _finished(
    conn: Connection, row: Mapping[Any, Any], given: Given, *, who: str, now: datetime
) -> dict[str, Any]:
    kind, outcome = TaskKind(row["kind"]), Outcome(given.outcome)
    reached = outcome in CONTACTED
    if wrong := interview.unknown(kind, given.answers):
        raise UsageError(f"no such answers: {', '.join(wrong)}")
    if outcome is Outcome.REACHED and (open_ := interview.unanswered(kind, given.answers)):
        raise UsageError(f"still to be asked: {', '.join(open_)}")
    if kind is TaskKind.IMPROVEMENT and not given.result.strip():
        raise UsageError("what was improved? the result is told to the customer")
    if bad := [
        a for a, n in given.scores.items() if a not in interview.ASPECTS or not 1 <= n <= interview.BEST
    ]:
        raise UsageError(f"no such score: {', '.join(bad)}")
    for aspect, score in given.scores.items():
        values = {"at": now, "task_id": row["id"], "aspect": aspect, "score": score, "who": who}
        conn.execute(sa.insert(satisfaction).values(values))
    contact = _contact(conn, row, kind, given, who=who, now=now) if reached else None
    if kind is TaskKind.COMPLAINT_RESULT and row["complaint_id"] is not None:
        _tell_complaint(conn, row, outcome, given, who=who, now=now)
    if kind is TaskKind.RETENTION and reached and row["customer_id"] is not None:
        add_step(conn, row["customer_id"], Step.CONTACTED, at=now, who=who, note=given.result)
    _follow(conn, row, kind, given, who=who, now=now)
    return {
        "outcome": outcome.value,
        "result": given.result,
        "answers": dict(given.answers),
        "contact_id": contact,
    }


def _contact(
    conn: Connection, row: Mapping[Any, Any], kind: TaskKind, given: Given, *, who: str, now: datetime
) -> int | None:
    """联系历史, unless the call was made by click: then the card of that call has written it."""
    d = dial_attempts.c
    made = sa.select(d.id).where(d.task_id == row["id"], d.answered_at.is_not(None)).limit(1)
    if kind is TaskKind.IMPROVEMENT or conn.execute(made).first() is not None:
        return None
    channel = "visit" if kind in NO_CALL else "sms" if given.outcome == Outcome.MESSAGE else "call"
    return add_contact(
        conn,
        at=now,
        channel=channel,
        direction="outbound",
        customer_id=row["customer_id"],
        number_key=row["number_key"],
        number_display=row["number_display"],
        waybill=row["waybill"],
        agent=who,
        summary=f"{row['title']}：{given.result}"[:200] if given.result else row["title"],
        source="outreach",
    )


def _tell_complaint(
    conn: Connection, row: Mapping[Any, Any], outcome: Outcome, given: Given, *, who: str, now: datetime
) -> None:
    """结果回复客户: the complaint says so too."""
    found = complaint(conn, row["complaint_id"])
    if found is None or found["state"] != ComplaintState.RESOLVED.value:
        raise StateError("the complaint has no result that waits to be told")
    how = {"version": found["version"], "who": who, "at": now, "outcome": given.result}
    if outcome in CONTACTED or outcome is Outcome.REFUSED:
        told_how = "sms" if outcome is Outcome.MESSAGE else "phone"
        act_on_complaint(conn, row["complaint_id"], "tell", told_how=told_how, **how)
    else:
        later = now + timedelta(days=TELL_DAYS)
        act_on_complaint(conn, row["complaint_id"], "call_failed", call_at=later, **how)


def _follow(
    conn: Connection, row: Mapping[Any, Any], kind: TaskKind, given: Given, *, who: str, now: datetime
) -> None:
    """A low score → the customer is called; then something is improved; then the customer is told of it."""
    same = {n: row[n] for n in ("customer_id", "name", "number_key", "number_display", "waybill")}
    same |= {"parent_id": row["id"], "owner": row["owner"]}
    low = interview.low_aspects(given.scores, given.low)
    if low and kind is not TaskKind.SURVEY_FOLLOWUP:
        words = "、".join(f"{interview.ASPECTS[a]} {given.scores[a]} 分" for a in low)
        follow = {"title": f"低分回访：{words}", "detail": words, "due_at": now + timedelta(days=FOLLOW_DAYS)}
        add_tasks(conn, [{**same, **follow, **_made(row, TaskKind.SURVEY_FOLLOWUP)}], now=now, who=who)
    elif kind is TaskKind.SURVEY_FOLLOWUP and given.outcome == Outcome.REACHED:
        what = given.result or row["detail"]
        better = {
            "title": f"改进：{what}"[:200],
            "detail": what,
            "due_at": now + timedelta(days=IMPROVE_DAYS),
        }
        add_tasks(conn, [{**same, **better, **_made(row, TaskKind.IMPROVEMENT)}], now=now, who=who)
    elif kind is TaskKind.IMPROVEMENT and row["customer_id"] is not None:
        tell = {
            "title": "把改进结果告诉客户",
            "detail": given.result,
            "due_at": now + timedelta(days=TELL_DAYS),
        }
        add_tasks(conn, [{**same, **tell, **_made(row, TaskKind.SURVEY_RESULT)}], now=now, who=who)


def _made(row: Mapping[Any, Any], kind: TaskKind) -> dict[str, Any]:
    # the version tells a task that was done twice, after it had been taken back
    return {"kind": kind.value, "key": f"{kind.value}:{row['id']}:{row['version']}"}


def _undone(conn: Connection, row: Mapping[Any, Any]) -> dict[str, Any]:
    """What finishing wrote is taken back, as far as nobody has gone on from it."""
    if row["state"] == TaskState.DONE.value and row["kind"] in (
        TaskKind.COMPLAINT_RESULT,
        TaskKind.RETENTION,
    ):
        raise StateError("what was done is written in the other record: it goes on from there")
    after = sa.select(outreach_tasks).where(_T.parent_id == row["id"])
    for child in conn.execute(after).mappings().all():
        if child["state"] != TaskState.OPEN.value:
            raise StateError("somebody has gone on from it")
        conn.execute(sa.delete(outreach_tasks).where(_T.id == child["id"], _T.version == child["version"]))
    conn.execute(sa.delete(satisfaction).where(satisfaction.c.task_id == row["id"]))
    if row["contact_id"] is not None:
        conn.execute(sa.delete(contacts).where(contacts.c.id == row["contact_id"]))
    return {"ended_at": None, "lapses_at": None, "outcome": "", "contact_id": None}
