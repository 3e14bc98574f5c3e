"""Calls out by click: written down before anything is sent, one at a time an agent and a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from cti.domain.dialling import MINUTE, OVER, DialState, Limits, advance
from cti.errors import StateError, UsageError
from cti.store.repos.common import known
from cti.store.tables_outreach import dial_attempts

_D = dial_attempts.c
_LIVE = _D.ended_at.is_(None)


class DialRefused(UsageError):
    """A call out may not begin now: `code` for programs, `message` for the person (Chinese)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def begin(
    conn: Connection, *, key: str, agent: str, now: datetime, limits: Limits, **columns: Any
) -> tuple[RowMapping, bool]:
    """The attempt of this click, and whether it is new: the same key, or a live call of this agent to the
    same number, is the attempt that there is already.

    Raises DialRefused where the agent calls somebody else, a colleague calls this number, or it is too much.
    """
    row = _again(conn, key, agent, columns["number_key"])
    if row is not None:
        return row, False
    recent = sa.select(sa.func.count()).select_from(dial_attempts).where(_D.at > now - MINUTE)
    of_agent = int(conn.execute(recent.where(_D.agent == agent)).scalar_one())
    of_all = int(conn.execute(recent).scalar_one())
    live = int(conn.execute(sa.select(sa.func.count()).select_from(dial_attempts).where(_LIVE)).scalar_one())
    if why := limits.refuse(of_agent, of_all, live):
        raise DialRefused("too_many_calls", f"{why}。")
    values = {"key": key, "agent": agent, "at": now, "state": DialState.STORED.value, **columns}
    known(dial_attempts, values)
    try:
        with conn.begin_nested():
            made = conn.execute(sa.insert(dial_attempts).values(values).returning(_D.id)).scalar_one()
    except IntegrityError:  # the second of two clicks at the very same moment
        row = _again(conn, key, agent, columns["number_key"])
        if row is None:
            raise DialRefused("being_called", "这个号码刚刚有人在呼叫，请稍后再试。") from None
        return row, False
    found = attempt(conn, int(made))
    if found is None:
        raise UsageError("the attempt has gone")
    return found, True


def _again(conn: Connection, key: str, agent: str, number_key: str) -> RowMapping | None:
    query = sa.select(dial_attempts)
    same = conn.execute(query.where(_D.key == key)).mappings().first()
    if same is not None:
        if same["agent"] != agent:
            raise DialRefused("key_in_use", "这次点击的编号已被别人使用，请重新点击。")
        return same
    mine = conn.execute(query.where(_LIVE, _D.agent == agent)).mappings().first()
    if mine is not None:
        if mine["number_key"] == number_key:
            return mine
        raise DialRefused("already_calling", "您正在外呼另一位客户，结束后再拨。")
    if conn.execute(sa.select(_D.id).where(_LIVE, _D.number_key == number_key)).first() is not None:
        raise DialRefused("being_called", "同事正在呼叫这位客户，请稍后再试。")
    return None


def attempt(conn: Connection, attempt_id: int) -> RowMapping | None:
    """One attempt."""
    return conn.execute(sa.select(dial_attempts).where(_D.id == attempt_id)).mappings().first()


def attempts_of(conn: Connection, task_id: int, limit: int = 20) -> Sequence[RowMapping]:
    """The calls out of a task, newest first."""
    query = sa.select(dial_attempts).where(_D.task_id == task_id).order_by(_D.id.desc()).limit(limit)
    return conn.execute(query).mappings().all()


def live_attempts(conn: Connection) -> Sequence[RowMapping]:
    """Those that are not over."""
    return conn.execute(sa.select(dial_attempts).where(_LIVE).order_by(_D.id)).mappings().all()


def live_of_agent(conn: Connection, agent: str) -> RowMapping | None:
    """The call out that this agent makes now."""
    return conn.execute(sa.select(dial_attempts).where(_LIVE, _D.agent == agent)).mappings().first()


def move(conn: Connection, attempt_id: int, to: DialState, *, at: datetime, **columns: Any) -> bool:
    """The next state; False where the table has no such edge any more (it is over, or further on)."""
    known(dial_attempts, columns)
    row = attempt(conn, attempt_id)
    if row is None:
        return False
    state = DialState(row["state"])
    try:
        advance(state, to)
    except StateError:
        return False
    values: dict[str, Any] = {"state": to.value, **columns}
    if to is DialState.AGENT:
        values["sent_at"] = at
    elif to is DialState.TALKING:
        values["answered_at"] = at
    elif to in OVER:
        values["ended_at"] = at
        if row["answered_at"] is not None:
            values["talk_s"] = max(0.0, (at - row["answered_at"]).total_seconds())
    same = sa.and_(_D.id == attempt_id, _D.state == state.value)
    return conn.execute(sa.update(dial_attempts).where(same).values(values)).rowcount == 1


def hung_up(conn: Connection, attempt_id: int, *, at: datetime) -> bool:
    """The call is gone: it was a talk, or the agent gave it up."""
    row = attempt(conn, attempt_id)
    talked = row is not None and row["state"] == DialState.TALKING.value
    return move(conn, attempt_id, DialState.ENDED if talked else DialState.CANCELLED, at=at)


def give_up(conn: Connection, *, now: datetime, ringing: timedelta, talking: timedelta) -> int:
    """End what nothing was heard of for too long as `unknown`, so that the agent may call again."""
    ended = 0
    for row in live_attempts(conn):
        most = talking if row["state"] == DialState.TALKING.value else ringing
        if row["at"] < now - most:
            ended += move(conn, row["id"], DialState.UNKNOWN, at=now, reason="没有收到交换机的结果")
    return ended
