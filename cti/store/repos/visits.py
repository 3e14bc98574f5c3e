"""Visits of callers to queues: written at their beginning and end, counted by queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.floor import Counts, Outcome, VisitKind
from cti.store.repos.common import upsert
from cti.store.tables_floor import queue_visits
from cti.store.tables_ivr import callbacks

v = queue_visits.c
_NAMES = tuple(c.name for c in v)
_TIMES = ("arrived_at", "queued_at", "ended_at")


def save_visits(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Whole rows of the journal (times as ISO texts); the same visit told again is the later one."""
    last = {row["id"]: row for row in rows}
    typed = [
        {n: datetime.fromisoformat(row[n]) if n in _TIMES and row[n] else row[n] for n in _NAMES}
        for row in last.values()
    ]
    if typed:
        conn.execute(_save(conn.dialect.name), typed)


@cache
def _save(dialect: str) -> sa.Executable:
    insert = upsert(dialect)(queue_visits)
    new = {name: insert.excluded[name] for name in _NAMES if name != "id"}
    # an end stands: a record that is played again must not open the visit anew
    where = sa.or_(v.ended_at.is_(None), insert.excluded.ended_at.is_not(None))
    statement: sa.Executable = insert.on_conflict_do_update(index_elements=[v.id], set_=new, where=where)
    return statement


def open_visits(conn: Connection, *, limit: int = 20_000) -> Sequence[RowMapping]:
    """Callers who waited when the service ended."""
    query = sa.select(queue_visits).where(v.ended_at.is_(None)).order_by(v.queued_at).limit(limit)
    return conn.execute(query).mappings().all()


def figures(levels: Mapping[str, float], short_s: float) -> dict[str, sa.ColumnElement[Any]]:
    """The aggregates of `Counts` in SQL, by name; `levels` is queue → service level in seconds."""
    level = sa.case(dict(levels), value=v.queue, else_=20.0) if levels else 20.0

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    answered = v.outcome == Outcome.ANSWERED.value
    gave_up = v.outcome == Outcome.ABANDONED.value
    short = sa.and_(gave_up, v.wait_s <= short_s)
    waited = sa.case((answered, v.wait_s), else_=None)
    told = v.outcome != Outcome.LOST.value
    return {
        "answered": count(answered),
        "in_time": count(sa.and_(answered, v.wait_s <= level)),
        "abandoned": count(sa.and_(gave_up, sa.or_(v.wait_s.is_(None), v.wait_s > short_s))),
        "short": count(short),
        "left": count(v.outcome == Outcome.LEFT.value),
        "lost": count(v.outcome == Outcome.LOST.value),
        "wait_s": sa.func.coalesce(sa.func.sum(waited), 0.0),
        "longest_s": sa.func.coalesce(sa.func.max(sa.case((told, v.wait_s), else_=None)), 0.0),
    }


def counts_of(row: RowMapping) -> Counts:
    """The aggregates of a row as figures."""
    return Counts(**{name: row[name] for name in Counts.__dataclass_fields__})


def counts_by_queue(
    conn: Connection,
    *,
    since: datetime,
    until: datetime,
    before: datetime,
    levels: Mapping[str, float],
    short_s: float,
) -> dict[str, Counts]:
    """Calls that arrived in [since, until) and whose visit ended before a moment, by queue."""
    query = (
        sa.select(v.queue, *(e.label(n) for n, e in figures(levels, short_s).items()))
        .where(v.arrived_at >= since, v.arrived_at < until, v.ended_at < before)
        .where(v.kind == VisitKind.CALL.value)
        .group_by(v.queue)
    )
    return {row["queue"]: counts_of(row) for row in conn.execute(query).mappings()}


def open_callbacks(conn: Connection, *, late_before: datetime) -> dict[str, tuple[int, int]]:
    """排队回呼 that are open, by queue: how many, and how many were asked for before a moment."""
    late = sa.func.sum(sa.case((callbacks.c.requested_at < late_before, 1), else_=0))
    query = (
        sa.select(callbacks.c.queue, sa.func.count(), late)
        .where(callbacks.c.ended_at.is_(None))
        .group_by(callbacks.c.queue)
    )
    return {queue: (int(n), int(late or 0)) for queue, n, late in conn.execute(query)}
