"""Complaints as the board shows them, what each is joined to, and the statistics of their causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.complaint import PENDING, ComplaintState
from cti.store.tables import complaint_events, complaints, customers
from cti.store.tables_quality import recordings, reviews, transcripts

_PENDING = [s.value for s in PENDING]
_ACTIVE = [*_PENDING, ComplaintState.TOLD.value]


@dataclass(frozen=True, slots=True)
class ComplaintFilter:
    """Which complaints; empty fields mean all. `q` is a code, waybill, number or part of a name."""

    id: int | None = None
    state: str = ""  # of the table; "active" for what is neither closed nor withdrawn
    category: str = ""
    department: str = ""
    cause: str = ""
    owner: str = ""
    level: int = 0  # at least
    late_at: datetime | None = None
    customer_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str = ""


def find_complaints(
    conn: Connection, f: ComplaintFilter, *, limit: int = 200, offset: int = 0
) -> Sequence[RowMapping]:
    """One page with the customer's name and tier, the most urgent first; what is over, newest first."""
    c, of = complaints.c, customers.c
    tier = (of.tier_scheme, of.tier_id, of.tier_label)
    query = sa.select(complaints, of.name.label("customer_name"), *tier).select_from(
        complaints.outerjoin(customers, of.id == c.customer_id)
    )
    over = f.state in (ComplaintState.CLOSED, ComplaintState.WITHDRAWN)
    order = (c.closed_at.desc(), c.id.desc()) if over else (c.due_at, c.id)
    page = query.where(*_conditions(f)).order_by(*order).limit(limit).offset(offset)
    return conn.execute(page).mappings().all()


def count_complaints(conn: Connection, f: ComplaintFilter, *, now: datetime) -> tuple[dict[str, int], int]:
    """How many by state under these filters (without their state), and how many of them are late."""
    where = _conditions(f, state=False)
    by_state = sa.select(complaints.c.state, sa.func.count()).where(*where).group_by(complaints.c.state)
    counts = {str(state): int(n) for state, n in conn.execute(by_state)}
    late = sa.select(sa.func.count()).select_from(complaints).where(*where, _late(now))
    return counts, int(conn.execute(late).scalar_one())


def recordings_of(conn: Connection, row: Mapping[Any, Any]) -> Sequence[RowMapping]:
    """The recorded parts of the call that a complaint came from, with transcript and score if there are."""
    if not row["linkedid"]:
        return []
    r = recordings.c
    final = sa.func.coalesce(reviews.c.final_score, reviews.c.manual_score, reviews.c.auto_score)
    transcribed = sa.exists().where(transcripts.c.recording_id == r.id)
    review = reviews.c.state.label("review_state")
    query = (
        sa.select(recordings, transcribed.label("transcribed"), final.label("score"), review)
        .select_from(recordings.outerjoin(reviews, reviews.c.recording_id == r.id))
        .where(r.node == row["node"], r.linkedid == row["linkedid"], r.state != "recording")
        .order_by(r.started_at)
    )
    return conn.execute(query).mappings().all()


def steps_of(conn: Connection, ids: Sequence[int]) -> Sequence[RowMapping]:
    """The steps of several complaints, oldest first."""
    query = sa.select(complaint_events).where(complaint_events.c.complaint_id.in_(list(ids)))
    return (
        conn.execute(query.order_by(complaint_events.c.complaint_id, complaint_events.c.id)).mappings().all()
    )


def complaint_figures(conn: Connection, *, since: datetime, until: datetime, now: datetime) -> dict[str, Any]:
    """投诉因素比例: how many by category, department, cause were opened in a span, and answered in time."""
    c = complaints.c
    span = (c.opened_at >= since, c.opened_at < until, c.state != ComplaintState.WITHDRAWN.value)

    def by(column: sa.ColumnElement[Any]) -> list[tuple[str, int]]:
        n = sa.func.count()
        query = sa.select(column, n).where(*span).group_by(column).order_by(n.desc(), column)
        return [(str(name), int(count)) for name, count in conn.execute(query)]

    answered = sa.and_(c.told_at.is_not(None), c.told_at <= c.due_at)
    too_late = sa.or_(sa.and_(c.told_at.is_not(None), c.told_at > c.due_at), _late(now))
    one = sa.literal(1)
    query = sa.select(
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(sa.case((answered, one), else_=0)), 0),
        sa.func.coalesce(sa.func.sum(sa.case((too_late, one), else_=0)), 0),
    ).where(*span)
    total, in_time, late = conn.execute(query).one()
    return {
        "total": int(total),
        "in_time": int(in_time),
        "late": int(late),
        "category": by(c.category),
        "department": by(c.department),
        "cause": by(c.cause),
    }


def _late(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(complaints.c.state.in_(_PENDING), complaints.c.due_at < now)


def _conditions(f: ComplaintFilter, *, state: bool = True) -> list[sa.ColumnElement[bool]]:
    c = complaints.c
    equal = ((c.category, f.category), (c.department, f.department), (c.cause, f.cause), (c.owner, f.owner))
    out: list[sa.ColumnElement[bool]] = [column == value for column, value in equal if value]
    if f.id is not None:
        out.append(c.id == f.id)
    if state and f.state:
        out.append(c.state.in_(_ACTIVE) if f.state == "active" else c.state == f.state)
    if f.level:
        out += [c.level >= f.level, c.state.in_(_PENDING)]
    if f.late_at is not None:
        out.append(_late(f.late_at))
    if f.customer_id is not None:
        out.append(c.customer_id == f.customer_id)
    if f.since is not None:
        out.append(c.opened_at >= f.since)
    if f.until is not None:
        out.append(c.opened_at < f.until)
    if f.q:
        exact = f.q.upper()
        part = "%" + f.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        ways = [c.code == exact, c.waybill == exact, c.caller_name.like(part, escape="\\")]
        if f.q.isdigit() and len(f.q) >= 4:
            ways.append(c.number_key.like(part, escape="\\"))
        out.append(sa.or_(*ways))
    return out
