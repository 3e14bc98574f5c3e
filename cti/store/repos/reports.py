"""Figures by day out of the store: one grouped statement for each source, put together in rows.

Sources: queue_visits (进线, 接起, 放弃, 等待), contacts with their pops (通话, 保持, 话后, 转接), contacts
of the menus (自助), callbacks, complaints, surveys, reviews, sign-ins of agents (占用率). The
arrival of a talk is its answer less the caller's wait, so that a call over midnight counts on the day it
arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.complaint import ComplaintState
from cti.domain.floor import VisitKind
from cti.domain.report import Row, Span, seconds_by_day
from cti.store.repos.ledger import list_gaps
from cti.store.repos.sign_ins import sign_ins
from cti.store.repos.visits import counts_of, figures, v
from cti.store.tables import complaints, contacts, customers, pops
from cti.store.tables_ivr import callbacks, surveys
from cti.store.tables_quality import recordings, reviews

LONGEST_WAIT = timedelta(hours=12)  # between arrival and answer
_MISSED = ("no_answer", "rejected")


@dataclass(slots=True)
class Report:
    """Some days of a hotline. Keys: ISO day, hour 0–23, queue, agent, tier label ("" unknown)."""

    span: Span
    total: Row = field(default_factory=Row)
    days: dict[str, Row] = field(default_factory=dict)
    hours: dict[int, Row] = field(default_factory=dict)
    queues: dict[str, Row] = field(default_factory=dict)
    agents: dict[str, Row] = field(default_factory=dict)
    tiers: dict[str, Row] = field(default_factory=dict)
    dispositions: dict[str, int] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)  # of complaints
    gaps: Sequence[RowMapping] = ()


def report(
    conn: Connection, span: Span, *, levels: Mapping[str, float], short_s: float, queue: str | None = None
) -> Report:
    """The report of these days; `queue` leaves the others out ("" are calls straight to agents)."""
    made = _Maker(conn, span, queue)
    made.visits(levels, short_s)
    made.talks()
    made.rings()
    made.callbacks()
    if queue is None:
        made.self_service()
        made.complaints()
        made.surveys()
        made.scores()
        made.sign_ins()
    found = made.report
    found.gaps = [g for g in list_gaps(conn, since=span.since) if g["since"] < span.until]
    return found


class _Maker:
    def __init__(self, conn: Connection, span: Span, queue: str | None) -> None:
        self._conn, self._span, self._queue = conn, span, queue
        self._slot_s = span.slot_s()
        self._busy: dict[tuple[str, str], float] = {}  # day and agent → 通话 + 话后 in seconds
        self.report = Report(span)
        day = span.first
        while day <= span.last:
            self.report.days[day.isoformat()] = Row()
            day += timedelta(days=1)

    def _seconds(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[float]:
        """A moment as seconds since 1970."""
        if self._conn.dialect.name == "sqlite":
            days: sa.ColumnElement[float] = sa.func.julianday(column)
            return (days - 2440587.5) * 86400.0
        return sa.cast(sa.extract("epoch", column), sa.Float)

    def _slot(self, seconds: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        # half a millisecond more: julianday is a double of days, good to some 0.05 ms
        start = self._span.since.timestamp() - 0.0005
        return sa.cast(sa.func.floor((seconds - start) / float(self._slot_s)), sa.Integer).label("slot")

    def _within(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= self._span.since, column < self._span.until)

    def _add(
        self,
        query: sa.Select[Any],
        fill: Callable[[RowMapping], Row],
        *keys: str,
        conditions: Sequence[sa.ColumnElement[bool]] = (),
    ) -> None:
        """Put the rows of a grouped statement where they belong: total, day, hour, and by the keys it has."""
        for found in self._conn.execute(query.where(*conditions)).mappings():
            row = fill(found)
            day, hour = self._span.place(found["slot"], self._slot_s)
            self.report.total.merge(row)
            self.report.days.setdefault(day, Row()).merge(row)
            self.report.hours.setdefault(hour, Row()).merge(row)
            for name, table in (
                ("queue", self.report.queues),
                ("agent", self.report.agents),
                ("tier", self.report.tiers),
            ):
                if name in keys:
                    table.setdefault(found[name] or "", Row()).merge(row)

    def _of_queue(self, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        return [] if self._queue is None else [column == self._queue]

    def visits(self, levels: Mapping[str, float], short_s: float) -> None:
        slot = self._slot(self._seconds(v.arrived_at))
        sums = [e.label(n) for n, e in figures(levels, short_s).items()]
        query = (
            sa.select(slot, v.queue, v.tier_label.label("tier"), *sums)
            .where(self._within(v.arrived_at), v.kind == VisitKind.CALL.value, v.ended_at.is_not(None))
            .group_by("slot", v.queue, v.tier_label)
        )
        self._add(
            query, lambda r: Row(counts=counts_of(r)), "queue", "tier", conditions=self._of_queue(v.queue)
        )

    def talks(self) -> None:
        c = contacts.c
        arrived = self._seconds(c.at) - sa.func.coalesce(c.wait_s, 0.0)
        slot = self._slot(arrived)
        start, end = self._span.since.timestamp(), self._span.until.timestamp()
        total = sa.func.sum
        query = (
            sa.select(
                slot,
                c.queue,
                c.agent,
                c.disposition,
                sa.func.count().label("talks"),
                total(sa.func.coalesce(c.talk_s, 0.0)).label("talk_s"),
                total(sa.func.coalesce(c.hold_s, 0.0)).label("hold_s"),
                total(sa.func.coalesce(c.wrapup_s, 0.0)).label("wrapup_s"),
                sa.func.count(c.wrapup_s).label("wrapups"),
                total(sa.case((pops.c.reason == "transferred", 1), else_=0)).label("transfers"),
            )
            .select_from(contacts.outerjoin(pops, sa.and_(pops.c.id == c.pop_id, c.pop_id != "")))
            .where(c.at >= self._span.since, c.at < self._span.until + LONGEST_WAIT)
            .where(c.channel == "call", c.agent != "")
            .where(arrived >= start - 0.0005, arrived < end - 0.0005)
            .group_by("slot", c.queue, c.agent, c.disposition)
        )
        names = ("talks", "talk_s", "hold_s", "wrapup_s", "wrapups", "transfers")

        def fill(found: RowMapping) -> Row:
            told = self.report.dispositions
            told[found["disposition"]] = told.get(found["disposition"], 0) + found["talks"]
            who = (self._span.place(found["slot"], self._slot_s)[0], found["agent"])
            self._busy[who] = self._busy.get(who, 0.0) + found["talk_s"] + found["wrapup_s"]
            return Row(**{n: found[n] for n in names})

        self._add(query, fill, "queue", "agent", conditions=self._of_queue(c.queue))

    def rings(self) -> None:
        p = pops.c
        query = (
            sa.select(
                self._slot(self._seconds(p.pbx_at)),
                p.queue,
                p.agent,
                sa.func.count().label("rung"),
                sa.func.sum(sa.case((p.reason.in_(_MISSED), 1), else_=0)).label("missed"),
            )
            .where(self._within(p.pbx_at))
            .group_by("slot", p.queue, p.agent)
        )
        self._add(
            query,
            lambda r: Row(rung=r["rung"], missed=r["missed"]),
            "queue",
            "agent",
            conditions=self._of_queue(p.queue),
        )

    def callbacks(self) -> None:
        c = callbacks.c
        query = (
            sa.select(
                self._slot(self._seconds(c.requested_at)),
                c.queue,
                sa.func.count().label("asked"),
                sa.func.sum(sa.case((c.state == "done", 1), else_=0)).label("done"),
            )
            .where(self._within(c.requested_at))
            .group_by("slot", c.queue)
        )
        self._add(
            query,
            lambda r: Row(callbacks=r["asked"], callbacks_done=r["done"]),
            "queue",
            conditions=self._of_queue(c.queue),
        )

    def self_service(self) -> None:
        c = contacts.c
        query = (
            sa.select(self._slot(self._seconds(c.at)), sa.func.count().label("n"))
            .where(self._within(c.at), c.channel == "ivr")
            .group_by("slot")
        )
        self._add(query, lambda r: Row(self_service=r["n"]))

    def complaints(self) -> None:
        c = complaints.c
        tier = sa.func.coalesce(customers.c.tier_label, "").label("tier")
        query = (
            sa.select(self._slot(self._seconds(c.opened_at)), tier, c.category, sa.func.count().label("n"))
            .select_from(complaints.outerjoin(customers, customers.c.id == c.customer_id))
            .where(self._within(c.opened_at), c.state != ComplaintState.WITHDRAWN.value)
            .group_by("slot", tier, c.category)
        )

        def fill(found: RowMapping) -> Row:
            told = self.report.categories
            told[found["category"]] = told.get(found["category"], 0) + found["n"]
            return Row(complaints=found["n"])

        self._add(query, fill, "tier")

    def surveys(self) -> None:
        s = surveys.c
        query = (
            sa.select(
                self._slot(self._seconds(s.at)),
                s.agent,
                sa.func.count().label("n"),
                sa.func.sum(s.score).label("score"),
            )
            .where(self._within(s.at))
            .group_by("slot", s.agent)
        )
        self._add(query, lambda r: Row(surveys=r["n"], survey_sum=int(r["score"])), "agent")

    def scores(self) -> None:
        r = recordings.c
        query = (
            sa.select(
                self._slot(self._seconds(r.started_at)),
                r.agent,
                sa.func.count().label("n"),
                sa.func.sum(reviews.c.final_score).label("score"),
            )
            .select_from(recordings.join(reviews, reviews.c.recording_id == r.id))
            .where(self._within(r.started_at), reviews.c.final_score.is_not(None))
            .group_by("slot", r.agent)
        )
        self._add(query, lambda found: Row(scored=found["n"], score_sum=float(found["score"])), "agent")

    def sign_ins(self) -> None:
        """By day and agent; an hour or a queue has no time signed in of its own."""
        since, until = self._span.since, self._span.until
        times = sign_ins(self._conn, since=since, until=until)
        for agent, of_agent in groupby(times, key=lambda t: t[0]):
            for day, seconds in seconds_by_day([t[1:] for t in of_agent], self._span).items():
                row = Row(signed_in_s=seconds, occupied_s=self._busy.get((day, agent), 0.0))
                for line in (self.report.total, self.report.days[day]):
                    line.merge(row)
                self.report.agents.setdefault(agent, Row()).merge(row)
