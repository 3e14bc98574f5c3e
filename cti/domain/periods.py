"""Windows of time that a customer's figures are counted over, as moments. Pure: the day is given.

All windows end now and begin at a local midnight, so that a figure is the same all day and does not depend
on the clock of the machine. A month back from 31 March begins after the last day of February. *Ours*: the
sources say "a month" and "a year" without saying whose.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MONTHS = 12
STABLE_MONTHS = 6  # the months over which the turnover is called stable or not
HORIZON_DAYS = 730  # an older order says nothing of the usual cycle


@dataclass(frozen=True, slots=True)
class Windows:
    """`months[k]` begins the k-th month back (0: now); `days30[k]` the k-th span of thirty days back."""

    now: datetime
    months: tuple[datetime, ...]
    days30: tuple[datetime, ...]
    horizon: datetime


def windows(now: datetime, zone: tzinfo) -> Windows:
    """The windows that end at `now`."""
    today = now.astimezone(zone).date()
    months = (now, *(_midnight(months_before(today, k) + timedelta(days=1), zone) for k in range(1, 13)))
    thirty = (now, *(_midnight(today - timedelta(days=30 * k - 1), zone) for k in range(1, 5)))
    return Windows(now, months, thirty, _midnight(today - timedelta(days=HORIZON_DAYS), zone))


def months_before(day: date, count: int) -> date:
    """The same day so many months earlier, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
