"""The worklist as the page shows it, and figures: what was done in time, how satisfied customers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.interview import ASPECTS, LOW
from cti.domain.outreach import LIVE, TaskKind, TaskState
from cti.store.tables import customers
from cti.store.tables_ivr import surveys
from cti.store.tables_outreach import outreach_tasks, satisfaction

_T = outreach_tasks.c
_LIVE = [s.value for s in LIVE]


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks; empty fields mean all. `state` live: to be done. `seen_by`: own ones and nobody's."""

    id: int | None = None
    state: str = ""
    kind: str = ""
    owner: str | None = None  # "" for nobody's
    seen_by: str = ""
    late_at: datetime | None = None
    due_before: datetime | None = None
    customer_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str = ""


def find_tasks(conn: Connection, f: TaskFilter, *, limit: int = 200, offset: int = 0) -> Sequence[RowMapping]:
    """One page with the customer's name and tier: the longest overdue first; what is over, newest first."""
    c = customers.c
    who = (
        c.name.label("customer_name"),
        c.title.label("customer_title"),
        c.company.label("customer_company"),
    )
    tier = (c.tier_scheme, c.tier_id, c.tier_label)
    query = sa.select(outreach_tasks, *who, *tier).select_from(
        outreach_tasks.outerjoin(customers, c.id == _T.customer_id)
    )
    over = f.state in {s.value for s in TaskState} - set(_LIVE)
    order = (_T.ended_at.desc(), _T.id.desc()) if over else (_T.due_at, _T.id)
    page = query.where(*_conditions(f)).order_by(*order).limit(limit).offset(offset)
    return conn.execute(page).mappings().all()


def count_tasks(conn: Connection, f: TaskFilter, *, now: datetime) -> tuple[int, int, dict[str, int]]:
    """How many under these filters, how many of them are late, and the live ones by kind (without it)."""
    where = _conditions(f)
    late = sa.func.coalesce(sa.func.sum(sa.case((_late(now), 1), else_=0)), 0)
    total, overdue = conn.execute(_from(where, sa.func.count(), late)).one()
    others = _conditions(f, kind=False)
    kinds = _from([*others, _T.state.in_(_LIVE)], _T.kind, sa.func.count()).group_by(_T.kind)
    return int(total), int(overdue), {str(kind): int(n) for kind, n in conn.execute(kinds)}


def _from(where: Sequence[sa.ColumnElement[bool]], *columns: Any) -> Any:
    joined = outreach_tasks.outerjoin(customers, customers.c.id == _T.customer_id)
    return sa.select(*columns).select_from(joined).where(*where)


def _late(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_T.state.in_(_LIVE), _T.due_at < now)


def figures(
    conn: Connection, *, since: datetime, until: datetime, now: datetime, low: int = LOW
) -> dict[str, Any]:
    """Tasks that were due in a span, by kind: done in time, done late, missed, still late; satisfaction."""
    done = _T.state == TaskState.DONE.value
    in_time = sa.and_(done, _T.ended_at <= _T.due_at)
    missed = sa.or_(_T.state == TaskState.MISSED.value, _late(now))
    counted = (in_time, sa.and_(done, _T.ended_at > _T.due_at), missed, _T.state == TaskState.MET.value)
    sums = [sa.func.coalesce(sa.func.sum(sa.case((c, 1), else_=0)), 0) for c in counted]
    span = (_T.due_at >= since, _T.due_at < until, _T.state != TaskState.CANCELLED.value)
    by_kind = sa.select(_T.kind, sa.func.count(), *sums).where(*span).group_by(_T.kind)
    found = {str(r[0]): tuple(int(n) for n in r[1:]) for r in conn.execute(by_kind)}
    names = ("due", "in_time", "late", "missed", "met")
    kinds = [dict(zip(names, found[k], strict=True), kind=k) for k in TaskKind if k in found]
    s = satisfaction.c
    few = sa.func.sum(sa.case((s.score <= low, 1), else_=0))
    aspects = sa.select(s.aspect, sa.func.count(), sa.func.avg(s.score), few)
    of = {
        str(r[0]): (int(r[1]), float(r[2]), int(r[3]))
        for r in conn.execute(aspects.where(s.at >= since, s.at < until).group_by(s.aspect))
    }
    k = surveys.c
    pressed = sa.select(k.score, sa.func.count()).where(k.at >= since, k.at < until).group_by(k.score)
    return {
        "kinds": kinds,
        "aspects": [
            {"aspect": a, "count": of[a][0], "mean": round(of[a][1], 2), "low": of[a][2]}
            if a in of
            else {"aspect": a, "count": 0, "mean": None, "low": 0}
            for a in ASPECTS
        ],
        "keypad": {int(score): int(n) for score, n in conn.execute(pressed)},
    }


def _conditions(f: TaskFilter, *, kind: bool = True) -> list[sa.ColumnElement[bool]]:
    out: list[sa.ColumnElement[bool]] = []
    if f.id is not None:
        out.append(_T.id == f.id)
    if f.state:
        out.append(_T.state.in_(_LIVE) if f.state == "live" else _T.state == f.state)
    if kind and f.kind:
        out.append(_T.kind == f.kind)
    if f.owner is not None:
        out.append(_T.owner == f.owner)
    if f.seen_by:
        out.append(_T.owner.in_(("", f.seen_by)))
    if f.late_at is not None:
        out.append(_late(f.late_at))
    if f.due_before is not None:
        out.append(_T.due_at < f.due_before)
    if f.customer_id is not None:
        out.append(_T.customer_id == f.customer_id)
    if f.since is not None:
        out.append(_T.due_at >= f.since)
    if f.until is not None:
        out.append(_T.due_at < f.until)
    if f.q:
        part = "%" + f.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        named = sa.or_(customers.c.name.like(part, escape="\\"), customers.c.company.like(part, escape="\\"))
        ways = [_T.waybill == f.q.upper(), _T.name.like(part, escape="\\"), customers.c.code == f.q, named]
        out.append(sa.or_(*ways, _T.title.like(part, escape="\\")))
    return out
