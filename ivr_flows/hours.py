"""Opening hours and holidays as data (``hours.yaml``): is a desk open at a given moment?

A calendar has weekly hours per weekday, dates that are closed (holidays) and dates with hours of their own
(调休 working days, shortened days). Times are local to the setting ``timezone``; ``24:00`` is the end of a
day, and a span may not cross midnight (write two).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from ivr_flows.marked import Faults, Item, parse
from ivr_flows.model import Fault

FILE = Path(__file__).with_name("hours.yaml")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")

Span = tuple[int, int]  # minutes of the day, from included, until excluded
State = Literal["open", "closed", "holiday"]
STATES: tuple[State, ...] = ("open", "closed", "holiday")


@dataclass(frozen=True, slots=True)
class Calendar:
    """The hours of one desk."""

    name: str
    title: str
    weekly: tuple[tuple[Span, ...], ...]  # Monday first
    holidays: Mapping[date, str]
    special: Mapping[date, tuple[Span, ...]]
    zone: ZoneInfo

    def state(self, at: datetime) -> State:
        """Open, closed, or closed for a holiday, at a moment with its zone; special days win."""
        local = at.astimezone(self.zone)
        day, minute = local.date(), local.hour * 60 + local.minute
        spans = self.special.get(day)
        if spans is None and day in self.holidays:
            return "holiday"
        if spans is None:
            spans = self.weekly[day.weekday()]
        return "open" if any(start <= minute < end for start, end in spans) else "closed"


def load(path: Path = FILE, timezone: str = "Asia/Shanghai") -> tuple[dict[str, Calendar], list[Fault]]:
    """All calendars of a file by name, and its faults."""
    faults = Faults(str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        return {}, [Fault(str(path), 1, "file", f"cannot be read: {e.__class__.__name__}")]
    top = parse(text, faults)
    if top is None:
        return {}, faults.found
    zone = ZoneInfo(timezone)
    found: dict[str, Calendar] = {}
    listed = top.need("calendars", "the file of hours")
    for name, item in listed.map() if listed is not None else ():
        m = item.map()
        weekly: list[tuple[Span, ...]] = [()] * 7
        for days, spans in w.map() if (w := m.need("weekly", "a calendar")) is not None else ():
            for index in _weekdays(days, spans):
                weekly[index] = _spans(spans)
        holidays = {d: i.text() for d, i in _dates(m.take("holidays"))}
        special = {d: _spans(i) for d, i in _dates(m.take("special"))}
        found[name] = Calendar(name, m.text("title", name), tuple(weekly), holidays, special, zone)
        m.done(f"calendar '{name}'")
    top.done("the file of hours")
    return found, faults.found


def _weekdays(text: str, item: Item) -> range | tuple[int, ...]:
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and (last not in DAYS or DAYS.index(last) < DAYS.index(first))):
        item.faults.add(item.line, "day", f"'{text}' is neither a day nor a span of days ({', '.join(DAYS)})")
        return ()
    start = DAYS.index(first)
    return range(start, (DAYS.index(last) if dash else start) + 1)


def _spans(item: Item) -> tuple[Span, ...]:
    spans: list[Span] = []
    for one in item.items():
        match = _SPAN.fullmatch(one.text())
        if match is None:
            item.faults.add(one.line, "hours", f"'{one.text()}' is no span of hours such as 08:00-22:00")
            continue
        h1, m1, h2, m2, h3, _ = match.groups()
        span = (int(h1) * 60 + int(m1), int(h2 or h3) * 60 + int(m2 or 0))
        if span[0] >= span[1]:
            item.faults.add(one.line, "hours", f"'{one.text()}' ends before it begins")
            continue
        spans.append(span)
    return tuple(spans)


def _dates(item: Item | None) -> list[tuple[date, Item]]:
    found: list[tuple[date, Item]] = []
    for text, one in item.map() if item is not None else ():
        try:
            found.append((date.fromisoformat(text), one))
        except ValueError:
            one.faults.add(one.line, "date", f"'{text}' is no date such as 2026-10-01")
    return found
