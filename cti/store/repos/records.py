"""Writing down what was said: contacts on any channel, and complaints with their history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.complaint import CATEGORIES, PENDING, ComplaintState, due_at, next_state
from cti.errors import StateError, UsageError
from cti.store.repos.common import known
from cti.store.tables import complaint_events, complaints, contacts


class StaleVersion(UsageError):
    """Somebody else changed the record meanwhile; read it again and decide."""


def add_contact(conn: Connection, *, at: datetime, channel: str, **columns: Any) -> int:
    """A contact (联系历史) on any channel; further columns of ``contacts`` by name. Returns its id."""
    values = {"at": at, "channel": channel, **columns}
    known(contacts, values)
    return int(conn.execute(sa.insert(contacts).values(values).returning(contacts.c.id)).scalar_one())


def update_contact(conn: Connection, contact_id: int, **columns: Any) -> bool:
    """Set columns of one contact; False if there is none."""
    known(contacts, columns)
    return conn.execute(sa.update(contacts).where(contacts.c.id == contact_id).values(columns)).rowcount == 1


def contact_of_call(conn: Connection, node: str, linkedid: str, agent: str) -> RowMapping | None:
    """The contact that an agent's part of a call made, so that a note saved twice makes one contact."""
    query = sa.select(contacts).where(
        contacts.c.node == node, contacts.c.linkedid == linkedid, contacts.c.agent == agent
    )
    return conn.execute(query.order_by(contacts.c.id)).mappings().first()


def add_complaint(
    conn: Connection, *, category: str, summary: str, opened_at: datetime, opened_by: str, **columns: Any
) -> int:
    """A complaint, with its code (``TS20250309-0001``) and deadline. Returns its id.

    UsageError for a category that is not of domain.md §5.
    """
    if category not in CATEGORIES:
        raise UsageError(f"complaint category {category!r} is none of {'、'.join(CATEGORIES)}")
    values = {
        "category": category,
        "summary": summary,
        "opened_at": opened_at,
        "opened_by": opened_by,
        "updated_at": opened_at,
        "state": ComplaintState.OPEN.value,
        "due_at": due_at(category, opened_at),
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
    _note(conn, row, opened_at, opened_by, "open", "", values["state"], summary)
    return int(row)


def complaint(conn: Connection, complaint_id: int) -> RowMapping | None:
    """One complaint."""
    return conn.execute(sa.select(complaints).where(complaints.c.id == complaint_id)).mappings().first()


def complaint_history(conn: Connection, complaint_id: int) -> Sequence[RowMapping]:
    """What was done with a complaint, oldest first."""
    query = sa.select(complaint_events).where(complaint_events.c.complaint_id == complaint_id)
    return conn.execute(query.order_by(complaint_events.c.id)).mappings().all()


def edit_complaint(
    conn: Connection, complaint_id: int, *, version: int, who: str, at: datetime, **columns: Any
) -> int:
    """Change fields (not the state) of the version that was read; returns the new version.

    StaleVersion if somebody else was quicker, UsageError for a field that cannot be edited.
    """
    known(complaints, columns)
    if "state" in columns:
        raise UsageError("the state of a complaint changes by an action only")
    _save(conn, complaint_id, version, {**columns, "updated_at": at})
    _note(conn, complaint_id, at, who, "edit", "", "", "、".join(sorted(columns)))
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
    **columns: Any,
) -> int:
    """Take, follow up, resolve, tell back, close … (the table of `cti.domain.complaint`).

    Returns the new version. StateError where the state has no such edge, StaleVersion as above.
    """
    known(complaints, columns)
    row = complaint(conn, complaint_id)
    if row is None:
        raise UsageError(f"there is no complaint {complaint_id}")
    state = ComplaintState(row["state"])
    target = next_state(state, action)
    if target is None:
        raise StateError(f"a complaint that is {state.value} has no action {action!r}")
    changes: dict[str, Any] = {**columns, "state": target.value, "updated_at": at}
    if target is ComplaintState.TOLD:
        changes |= {"told_at": at, "told_by": who}
    if target in (ComplaintState.CLOSED, ComplaintState.WITHDRAWN):
        changes["closed_at"] = at
    elif action == "reopen":
        changes |= {"closed_at": None, "told_at": None, "told_by": ""}
    _save(conn, complaint_id, version, changes)
    _note(conn, complaint_id, at, who, action, state.value, target.value, note)
    return version + 1


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


def _save(conn: Connection, complaint_id: int, version: int, changes: dict[str, Any]) -> None:
    same = sa.and_(complaints.c.id == complaint_id, complaints.c.version == version)
    done = conn.execute(sa.update(complaints).where(same).values({**changes, "version": version + 1}))
    if done.rowcount != 1:
        raise StaleVersion(f"complaint {complaint_id} was changed by somebody else meanwhile")


def _note(
    conn: Connection, complaint_id: int, at: datetime, who: str, action: str, old: str, new: str, note: str
) -> None:
    row = {"complaint_id": complaint_id, "at": at, "who": who, "action": action, "note": note}
    conn.execute(sa.insert(complaint_events).values({**row, "from_state": old, "to_state": new}))
