"""Figures by day: what a row of a report holds, and how rows are put together. Pure.

All of a call counts on the day, and in the hour, it arrived in the zone of the hotline; a call over midnight
is not torn apart. `counts` is defined by `cti.domain.floor.Counts`. Sums of seconds, so that means of several
rows are true means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cti.domain.floor import Counts
from cti.errors import UsageError

MOST_DAYS = 92


@dataclass(slots=True)
class Row:
    """One line: a day, an hour, a queue, an agent, a tier, or all."""

    counts: Counts = field(default_factory=Counts)
    rung: int = 0  # 振铃: offers to agents
    missed: int = 0  # … not answered or rejected
    talks: int = 0  # answered parts of calls, one for each agent who had it, both directions
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrapup_s: float = 0.0
    wrapups: int = 0  # talks of which the wrap-up is known
    transfers: int = 0  # given away by blind or attended transfer
    callbacks: int = 0  # 排队回呼 asked for
    callbacks_done: int = 0
    self_service: int = 0  # calls that ended served in the menus
    complaints: int = 0
    surveys: int = 0
    survey_sum: int = 0
    scored: int = 0  # calls with a final QA score
    score_sum: float = 0.0
    signed_in_s: float = 0.0  # 登录: an agent's desk was open in a browser, counted once however many
    occupied_s: float = 0.0  # 通话 (holds included) + 话后 of agents on days on which they were signed in

    def merge(self, other: Row) -> None:
        """Add another line."""
        self.counts.merge(other.counts)
        for f in fields(self):
            if f.name != "counts":
                setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))

    @property
    def self_service_share(self) -> float | None:
        """自助占比 = served in the menus / (served in the menus + offered to a person)."""
        base = self.self_service + self.counts.offered
        return self.self_service / base if base else None

    @property
    def occupancy(self) -> float | None:
        """占用率 = (通话 + 话后) / 登录时长, in seconds of the same agents and days; None without a sign-in.

        A talk counts whole on the day it arrived, the time signed in on the days on which it was: an agent
        who worked over midnight, or took calls with the page closed, may come out above 1.
        """
        return self.occupied_s / self.signed_in_s if self.signed_in_s else None


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days of a zone, both included."""

    first: date
    last: date
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise UsageError(f"the last day {self.last} is before the first {self.first}")
        if self.days > MOST_DAYS:
            raise UsageError(f"at most {MOST_DAYS} days at once, not {self.days}")

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def since(self) -> datetime:
        """The first moment."""
        return datetime.combine(self.first, time(), self.zone)

    @property
    def until(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)

    def before(self) -> Span:
        """As many days just before, to compare with."""
        length = timedelta(days=self.days)
        return Span(self.first - length, self.last - length, self.zone)

    def slot_s(self) -> int:
        """The longest step in which every midnight of this span falls: an hour, but for odd clock changes."""
        start = self.since.timestamp()
        midnights = (
            datetime.combine(self.first + timedelta(days=n), time(), self.zone).timestamp()
            for n in range(self.days + 1)
        )
        return 3600 if all((at - start) % 3600 == 0 for at in midnights) else 900

    def place(self, slot: int, slot_s: int) -> tuple[str, int]:
        """Day and hour of a slot counted from the first midnight."""
        at = datetime.fromtimestamp(self.since.timestamp() + slot * slot_s, self.zone)
        return at.date().isoformat(), at.hour


def seconds_by_day(times: Sequence[tuple[datetime, datetime]], span: Span) -> dict[str, float]:
    """How long it was on each day of the span; `times` by beginning, what overlaps counts once."""
    found: dict[str, float] = {}
    done = span.since
    for since, until in times:
        start, end = max(since, done), min(until, span.until)
        done = max(done, end)
        while start < end:
            day = start.astimezone(span.zone).date()
            midnight = datetime.combine(day + timedelta(days=1), time(), span.zone)
            stop = min(end, midnight)
            # moments, not wall clocks: a day on which the clocks change has 23 or 25 hours
            found[day.isoformat()] = found.get(day.isoformat(), 0.0) + stop.timestamp() - start.timestamp()
            start = stop
    return found


def parse_day(text: str) -> date:
    """``2025-03-09``. Raises UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a day like 2025-03-09") from None
