"""Festivals and birthdays on which customers are greeted (JG 5.7), and the words for it.

Lunar festivals are dates by year: a year that is not in the table is said to be missing (`missing`), never
guessed. Pure: the day is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Festival:
    """One festival: on the same day every year (`day` as (month, day)), or on the listed dates."""

    id: str
    label: str
    day: tuple[int, int] | None = None
    dates: tuple[date, ...] = ()

    def on(self, year: int) -> date | None:
        """Its date in a year, None where that is not known."""
        if self.day is not None:
            return date(year, *self.day)
        return next((d for d in self.dates if d.year == year), None)


def _lunar(id: str, label: str, days: str) -> Festival:
    return Festival(id, label, dates=tuple(map(date.fromisoformat, days.split())))


# 2025–2032, by the Chinese calendar
FESTIVALS: tuple[Festival, ...] = (
    Festival("new_year", "元旦", (1, 1)),
    _lunar(
        "spring",
        "春节",
        "2025-01-29 2026-02-17 2027-02-06 2028-01-26 2029-02-13 2030-02-03 2031-01-23 2032-02-11",
    ),
    _lunar(
        "lantern",
        "元宵节",
        "2025-02-12 2026-03-03 2027-02-20 2028-02-09 2029-02-27 2030-02-17 2031-02-06 2032-02-25",
    ),
    _lunar(
        "dragon_boat",
        "端午节",
        "2025-05-31 2026-06-19 2027-06-09 2028-05-28 2029-06-16 2030-06-05 2031-06-24 2032-06-12",
    ),
    _lunar(
        "mid_autumn",
        "中秋节",
        "2025-10-06 2026-09-25 2027-09-15 2028-10-03 2029-09-22 2030-09-12 2031-10-01 2032-09-19",
    ),
    Festival("national", "国庆节", (10, 1)),
)


def coming(day: date, ahead: int, festivals: Iterable[Festival] = FESTIVALS) -> list[tuple[Festival, date]]:
    """Festivals of today and the next `ahead` days, the nearest first."""
    last = day + timedelta(days=ahead)
    found = [(f, on) for f in festivals for year in {day.year, last.year} if (on := f.on(year)) is not None]
    return sorted(((f, on) for f, on in found if day <= on <= last), key=lambda pair: pair[1])


def missing(day: date, festivals: Iterable[Festival] = FESTIVALS) -> list[str]:
    """What has to be added to the table: a sentence for every festival without a date this year or, from
    October on, the next."""
    years = [day.year, day.year + 1] if day.month >= 10 else [day.year]
    return [
        f"{f.label} {year} 年的日期没有列出，不会提醒祝福"
        for f in festivals
        for year in years
        if f.on(year) is None
    ]


def own(dates: Mapping[str, Iterable[date]]) -> tuple[Festival, ...]:
    """Festivals of the settings, by name; a known name gets further dates."""
    known = {f.label: f for f in FESTIVALS}
    made = []
    for label, days in dates.items():
        base = known.pop(label, None)
        id, listed = (base.id, base.dates) if base is not None else (f"own:{label}", ())
        made.append(Festival(id, label, base.day if base is not None else None, (*listed, *days)))
    return (*known.values(), *made)


def birthday_in(birthday: date, year: int) -> date:
    """The day on which a birthday is kept; 29 February on the 28th of other years."""
    try:
        return birthday.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def greeting_text(template: str, *, name: str, title: str, company: str, festival: str) -> str:
    """The message, filled in."""
    return template.format(name=name, title=title, company=company, festival=festival)
