"""What callers leave in the menus: complaints, requests, scores and callbacks, each written once a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.store.repos import outbox
from cti.store.repos.common import insert_or_skip
from cti.store.repos.records import add_contact
from cti.store.tables import numbers
from cti.store.tables_ivr import callbacks, ivr_requests, surveys

LIVE = callbacks.c.ended_at.is_(None)


def add_request(conn: Connection, *, kind: str, number_key: str, at: datetime, **columns: Any) -> int:
    """A pick-up, claim or suggestion; returns its id."""
    values = {"kind": kind, "number_key": number_key, "at": at, **columns}
    return int(conn.execute(sa.insert(ivr_requests).values(values).returning(ivr_requests.c.id)).scalar_one())


def open_claim(conn: Connection, number_key: str, waybill: str) -> int | None:
    """The id of the claim that this number has already made for this waybill."""
    query = sa.select(ivr_requests.c.id).where(
        ivr_requests.c.kind == "claim",
        ivr_requests.c.state == "open",
        ivr_requests.c.number_key == number_key,
        ivr_requests.c.waybill == waybill,
    )
    return conn.execute(query.limit(1)).scalar()


def pickups_between(conn: Connection, since: datetime, until: datetime) -> int:
    """How many pick-ups were registered in a span (the capacity of a half day)."""
    query = sa.select(sa.func.count()).where(
        ivr_requests.c.kind == "pickup", ivr_requests.c.at >= since, ivr_requests.c.at < until
    )
    return int(conn.execute(query).scalar_one())


def add_ivr_contact(
    conn: Connection, *, number_key: str, at: datetime, ended_at: datetime, path: str, **columns: Any
) -> int:
    """A call that the menus served, in the history of the one customer who has this number."""
    query = sa.select(numbers.c.customer_id).where(numbers.c.key == number_key).distinct().limit(2)
    owners = conn.execute(query).scalars().all() if number_key else []
    return add_contact(
        conn,
        at=at,
        channel="ivr",
        direction="inbound",
        ended_at=ended_at,
        number_key=number_key,
        customer_id=owners[0] if len(owners) == 1 else None,
        summary=f"自助语音：{path}"[:200],
        source="ivr",
        **columns,
    )


def save_score(conn: Connection, *, at: datetime, score: int, agent: str, **columns: str) -> None:
    """The caller's score; one a call, the first one stands."""
    insert_or_skip(
        conn, surveys, [{"at": at, "score": score, "agent": agent, **columns}], ["node", "linkedid"]
    )
    call = f"{columns.get('node', '')}/{columns.get('linkedid', '')}"
    told = {"score": score, "agent": agent, "call": call}
    outbox.emit(conn, "survey.answered", f"call:{call}", at=at, body=told, mark=call)


# --- callbacks -----------------------------------------------------------------------------------------


def request_callback(
    conn: Connection, *, number_key: str, requested_at: datetime, **columns: Any
) -> tuple[RowMapping, bool]:
    """The live callback of this number, and whether it is new: a second wish keeps the first one's place."""
    values = {"number_key": number_key, "requested_at": requested_at, "state": "waiting", **columns}
    live = sa.select(callbacks).where(LIVE, callbacks.c.number_key == number_key)
    row = conn.execute(live).mappings().first()
    if row is not None:
        return row, False
    conn.execute(sa.insert(callbacks).values(values))
    made = conn.execute(live).mappings().one()
    _tell(conn, "callback.requested", [made], at=requested_at)
    return made, True


def callback(conn: Connection, id: int) -> RowMapping | None:
    """One callback."""
    return conn.execute(sa.select(callbacks).where(callbacks.c.id == id)).mappings().first()


def live_callbacks(conn: Connection, queue: str | None = None, limit: int = 1000) -> Sequence[RowMapping]:
    """Those that are not over, in the order they are to be called: by priority, then who asked first."""
    query = sa.select(callbacks).where(LIVE)
    if queue is not None:
        query = query.where(callbacks.c.queue == queue)
    order = (callbacks.c.priority.desc(), callbacks.c.requested_at, callbacks.c.id)
    return conn.execute(query.order_by(*order).limit(limit)).mappings().all()


def callbacks_ahead(conn: Connection, row: RowMapping) -> int:
    """How many live callbacks of the same queue are to be called before this one."""
    mine = (row["requested_at"], row["id"])
    before = sa.or_(
        callbacks.c.priority > row["priority"],
        sa.and_(
            callbacks.c.priority == row["priority"],
            sa.or_(
                callbacks.c.requested_at < mine[0],
                sa.and_(callbacks.c.requested_at == mine[0], callbacks.c.id < mine[1]),
            ),
        ),
    )
    query = sa.select(sa.func.count()).where(LIVE, callbacks.c.queue == row["queue"], before)
    return int(conn.execute(query).scalar_one())


def has_callback(conn: Connection, number_key: str | None) -> bool:
    """Is there a live callback, of this number or (None) of anybody?"""
    query = sa.select(callbacks.c.id).where(LIVE)
    if number_key is not None:
        query = query.where(callbacks.c.number_key == number_key)
    return conn.execute(query.limit(1)).first() is not None


def move_callback(
    conn: Connection, id: int, old: Sequence[str], new: str, *, more_attempts: int = 0, **columns: Any
) -> bool:
    """Change the state, but only from one of `old`; False where somebody else was quicker."""
    statement = sa.update(callbacks).where(callbacks.c.id == id, callbacks.c.state.in_(old), LIVE)
    attempts = callbacks.c.attempts + more_attempts
    done = conn.execute(statement.values(state=new, attempts=attempts, **columns)).rowcount == 1
    if done and columns.get("ended_at") is not None:
        _tell(conn, "callback.ended", [callback(conn, id)], at=columns["ended_at"])
    return done


def cancel_callbacks(conn: Connection, number_key: str, *, at: datetime, reason: str) -> Sequence[RowMapping]:
    """End the live callbacks of a number; returns what they were."""
    query = sa.select(callbacks).where(LIVE, callbacks.c.number_key == number_key)
    rows = conn.execute(query).mappings().all()
    for row in rows:
        conn.execute(
            sa.update(callbacks)
            .where(callbacks.c.id == row["id"], LIVE)
            .values(state="cancelled", ended_at=at, reason=reason)
        )
    _tell(conn, "callback.ended", [{**row, "state": "cancelled", "reason": reason} for row in rows], at=at)
    return rows


def expire_callbacks(conn: Connection, *, at: datetime, after: timedelta) -> int:
    """End those that nobody could be called for in time."""
    statement = sa.update(callbacks).where(LIVE, callbacks.c.requested_at < at - after)
    over = statement.values(state="expired", ended_at=at, reason="too_late").returning(callbacks)
    rows = conn.execute(over).mappings().all()
    _tell(conn, "callback.ended", rows, at=at)
    return len(rows)


def _tell(conn: Connection, kind: str, rows: Sequence[Mapping[Any, Any] | None], *, at: datetime) -> None:
    names = ("queue", "state", "reason", "agent", "attempts")
    outbox.emit_all(
        conn,
        [
            (kind, f"callback:{row['id']}", at, {n: row[n] for n in names}, str(row["id"]))
            for row in rows
            if row is not None
        ],
    )
