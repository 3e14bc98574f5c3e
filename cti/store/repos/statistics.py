"""What the statistics page counts over a span of days: moves between tiers, answers to complaints against
their deadlines, problem items, satisfaction, reasons of contacts, use of the self-service.

Moments are given; days are those of the zone. Everything is counted by the database; what comes back is as
long as there are names to count by, never as there are rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.complaint import PENDING, ComplaintState
from cti.store.tables import complaints, contacts, tier_history
from cti.store.tables_care import problem_items
from cti.store.tables_ivr import callbacks, ivr_requests, surveys

Span = tuple[datetime, datetime]  # from, before
MOST = 500  # ways through the menus that are told apart
_ONE = sa.literal(1)


def tier_moves(conn: Connection, scheme: str, span: Span, zone: ZoneInfo) -> dict[str, Any]:
    """Rises and falls in one scheme: by day, and from which tier into which."""
    t = tier_history.c
    where = (t.scheme == scheme, t.step != 0, *_within(t.at, span))
    day = _day(conn, t.at, zone, span)
    by_day = sa.select(day, _number(t.step > 0).label("up"), _number(t.step < 0).label("down"))
    ways = sa.select(t.from_tier_id, t.tier_id, t.step, sa.func.count().label("n")).where(*where)
    days = by_day.where(*where).group_by("day").order_by("day")
    return {
        "days": [dict(r) for r in conn.execute(days).mappings()],
        "ways": [
            dict(r)
            for r in conn.execute(
                ways.group_by(t.from_tier_id, t.tier_id, t.step).order_by(sa.desc("n"), t.tier_id)
            ).mappings()
        ],
    }


def complaint_days(conn: Connection, span: Span, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Complaints that were opened, by day; those that were taken back do not count."""
    c = complaints.c
    day = _day(conn, c.opened_at, zone, span)
    query = sa.select(day, sa.func.count().label("n")).where(*_counted(span))
    return [dict(r) for r in conn.execute(query.group_by("day").order_by("day")).mappings()]


def answers(conn: Connection, span: Span, *, now: datetime) -> list[dict[str, Any]]:
    """Response times against deadlines by category: how many were answered in time, late, are still open;
    hours to the answer that was told, and hours that there were."""
    c = complaints.c
    told, late = c.told_at.is_not(None), c.told_at > c.due_at
    waits = sa.and_(c.state.in_([s.value for s in PENDING]), c.told_at.is_(None))
    query = sa.select(
        c.category.label("name"),
        sa.func.count().label("n"),
        _number(sa.and_(told, sa.not_(late))).label("in_time"),
        _number(sa.and_(told, late)).label("late"),
        _number(sa.and_(waits, c.due_at >= now)).label("waiting"),
        _number(sa.and_(waits, c.due_at < now)).label("overdue"),
        (sa.func.avg(_seconds(conn, c.opened_at, c.told_at)) / 3600.0).label("hours"),
        (sa.func.avg(_seconds(conn, c.opened_at, c.due_at)) / 3600.0).label("allowed"),
    )
    rows = conn.execute(query.where(*_counted(span)).group_by(c.category).order_by(sa.desc("n"), c.category))
    return [{**r, "hours": _rounded(r["hours"]), "allowed": _rounded(r["allowed"])} for r in rows.mappings()]


def problem_kinds(conn: Connection, span: Span, *, now: datetime) -> list[dict[str, Any]]:
    """Problem items by kind: registered, of these too late, still open past the deadline."""
    p = problem_items.c
    query = sa.select(
        p.kind.label("name"),
        sa.func.count().label("n"),
        _number(p.registered_at > p.due_at).label("late"),
        _number(sa.and_(p.closed_at.is_(None), p.due_at < now)).label("overdue"),
    ).where(*_within(p.registered_at, span))
    return [dict(r) for r in conn.execute(query.group_by(p.kind).order_by(sa.desc("n"), p.kind)).mappings()]


def satisfaction(conn: Connection, span: Span, zone: ZoneInfo) -> dict[str, Any]:
    """What callers keyed in after calls: how many of each score, and the mean by day."""
    s = surveys.c
    day = _day(conn, s.at, zone, span)
    where = _within(s.at, span)
    by_score = sa.select(s.score, sa.func.count()).where(*where).group_by(s.score)
    mean = sa.cast(sa.func.avg(s.score * 1.0), sa.Float)
    by_day = sa.select(day, sa.func.count().label("n"), mean.label("mean")).where(*where)
    scores: dict[int, int] = {int(score): int(n) for score, n in conn.execute(by_score)}
    total = sum(scores.values())
    return {
        "scores": [(score, scores.get(score, 0)) for score in range(1, 6)],
        "mean": round(sum(k * n for k, n in scores.items()) / total, 2) if total else None,
        "days": [
            {**r, "mean": _rounded(r["mean"])}
            for r in conn.execute(by_day.group_by("day").order_by("day")).mappings()
        ],
    }


def reasons(conn: Connection, span: Span) -> dict[str, list[tuple[str, int]]]:
    """Contacts by channel, and what those with a person were about (处理结果 of the card)."""
    c, n = contacts.c, sa.func.count()
    where = _within(c.at, span)
    channels = sa.select(c.channel, n).where(*where).group_by(c.channel).order_by(n.desc(), c.channel)
    about = sa.select(c.disposition, n).where(*where, c.channel == "call", c.disposition != "")
    order = about.group_by(c.disposition).order_by(n.desc(), c.disposition).limit(30)
    return {"channels": _pairs(conn, channels), "dispositions": _pairs(conn, order)}


def self_service(conn: Connection, span: Span) -> dict[str, Any]:
    """Calls that the menus served alone beside those that came to a person; what was done and left there."""
    c, n = contacts.c, sa.func.count()
    inside = (*_within(c.at, span), c.direction == "inbound")
    both = sa.select(c.channel, n).where(*inside, c.channel.in_(("ivr", "call"))).group_by(c.channel)
    counted: Mapping[str, int] = dict(_pairs(conn, both))
    served = sa.select(c.summary, n).where(*inside, c.channel == "ivr").group_by(c.summary)
    uses: Counter[str] = Counter()
    for summary, count in _pairs(conn, served.order_by(n.desc(), c.summary).limit(MOST)):
        uses[summary.partition("：")[2].partition(">")[0] or summary] += count
    r, b = ivr_requests.c, callbacks.c
    left = sa.select(r.kind, n).where(*_within(r.at, span)).group_by(r.kind).order_by(n.desc(), r.kind)
    back = sa.select(b.state, n).where(*_within(b.requested_at, span)).group_by(b.state)
    of = complaints.c
    told = sa.select(n).select_from(complaints).where(*_counted(span), of.channel == "ivr")
    return {
        "served": counted.get("ivr", 0),
        "to_person": counted.get("call", 0),
        "uses": uses.most_common(),
        "requests": _pairs(conn, left),
        "complaints": int(conn.execute(told).scalar_one()),
        "callbacks": _pairs(conn, back.order_by(n.desc(), b.state)),
    }


def _within(at: sa.ColumnElement[Any], span: Span) -> tuple[sa.ColumnElement[bool], ...]:
    return at >= span[0], at < span[1]


def _counted(span: Span) -> tuple[sa.ColumnElement[bool], ...]:
    c = complaints.c
    return *_within(c.opened_at, span), c.state != ComplaintState.WITHDRAWN.value


def _pairs(conn: Connection, query: Any) -> list[tuple[str, int]]:
    return [(str(name), int(count)) for name, count in conn.execute(query)]


def _number(of: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.func.sum(sa.case((of, _ONE), else_=0)), 0)


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 2)


def _seconds(conn: Connection, since: Any, until: Any) -> sa.ColumnElement[Any]:
    if conn.dialect.name == "sqlite":
        return (sa.func.julianday(until) - sa.func.julianday(since)) * 86400.0
    return sa.cast(sa.extract("epoch", until - since), sa.Float)


def _day(conn: Connection, at: Any, zone: ZoneInfo, span: Span) -> sa.ColumnElement[Any]:
    """The day in the zone, as YYYY-MM-DD.

    SQLite knows no zones: there the offset at the beginning of the span is taken for all of it.
    """
    if conn.dialect.name == "sqlite":
        offset = span[0].astimezone(zone).utcoffset()
        seconds = int(offset.total_seconds()) if offset is not None else 0
        return sa.func.date(at, f"{seconds:+d} seconds", type_=sa.Text).label("day")
    local = sa.func.timezone(zone.key, at)
    return sa.func.to_char(local, sa.literal_column("'YYYY-MM-DD'"), type_=sa.Text).label("day")
