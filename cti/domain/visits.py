"""The visit plan (AB 五): how often a customer of a tier is visited and called, and what is due today.

Pure: the day is given. Periods are those of the calendar: weeks begin on Monday, half months on the 1st and
the 16th. A period is cut into as many equal slices as visits are owed in it, each due on its slice's last
day, so that three visits a month come ten days apart. *Ours*: the source says how often, not when.
"""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from cti.domain.tiers import Benefits


class Unit(StrEnum):
    """What a count is owed in."""

    WEEK = "week"
    HALF_MONTH = "half_month"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """At least `count` times in every `unit`; 0: not planned."""

    count: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` up to but without `end`."""

    start: date
    end: date

    def bounds(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """The same as moments: from midnight to midnight of the zone."""
        return midnight(self.start, zone), midnight(self.end, zone)


@dataclass(frozen=True, slots=True)
class Slot:
    """The `number`-th visit or call of a period (from 1): to be made between two days, both included."""

    number: int
    opens: date
    due: date


def visits_of(benefits: Benefits) -> Rhythm:
    """How often a tier is visited."""
    return Rhythm(math.ceil(benefits.visits_per_month), Unit.MONTH)


def calls_of(benefits: Benefits) -> Rhythm:
    """How often a tier is called: a rate below one a week is owed in half months (0.5 is one)."""
    rate = benefits.calls_per_week
    return Rhythm(math.ceil(rate), Unit.WEEK) if rate >= 1 else Rhythm(math.ceil(2 * rate), Unit.HALF_MONTH)


def period_of(day: date, unit: Unit) -> Period:
    """The period that a day lies in."""
    if unit is Unit.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + timedelta(days=7))
    last = calendar.monthrange(day.year, day.month)[1]
    after = day.replace(day=last) + timedelta(days=1)
    if unit is Unit.MONTH:
        return Period(day.replace(day=1), after)
    return (
        Period(day.replace(day=16), after)
        if day.day > 15
        else Period(day.replace(day=1), day.replace(day=16))
    )


def slots(rhythm: Rhythm, period: Period) -> tuple[Slot, ...]:
    """The slices of a period, first to last."""
    days = (period.end - period.start).days
    cuts = [days * k // rhythm.count for k in range(rhythm.count + 1)] if rhythm.count else [0]
    return tuple(
        Slot(k, period.start + timedelta(days=cuts[k - 1]), period.start + timedelta(days=cuts[k] - 1))
        for k in range(1, rhythm.count + 1)
    )


def due_slots(rhythm: Rhythm, day: date, made: int) -> tuple[Slot, ...]:
    """What is to be done now: the slices that have opened and that the `made` contacts do not cover."""
    return tuple(s for s in slots(rhythm, period_of(day, rhythm.unit)) if s.opens <= day and s.number > made)


def midnight(day: date, zone: tzinfo) -> datetime:
    """The moment (UTC) at which a day begins."""
    return at_hour(day, 0, zone)


def at_hour(day: date, hour: int, zone: tzinfo) -> datetime:
    """The moment (UTC) of a full hour of a day."""
    return datetime.combine(day, time(hour), zone).astimezone(UTC)
