"""What an agent should be warned of before the first word (domain.md §3, §4), as Chinese sentences.

Pure: the day is given, because "today" is a matter of the caller's clock and zone. The factors are ours
(系统默认，待确认): a regular's cycle is the median gap of the last 8 orders, the alert comes past twice that,
or when the last thirty days brought less than half of the mean of the three spans before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median

from cti.domain import festivals
from cti.domain.customer import ComplaintSummary, WaybillSummary

CYCLE_ORDERS = 8
CYCLE_FACTOR = 2.0
VOLUME_FACTOR = 0.5
VOLUME_LEAST = 10.0  # pieces in thirty days: below that half of it is chance
VOLUME_CYCLE_DAYS = 30.0  # who orders more seldom has empty windows without being about to leave
BIRTHDAY_AHEAD_DAYS = 7
FESTIVAL_AHEAD_DAYS = 2


@dataclass(frozen=True, slots=True)
class ChurnSigns:
    """Order times, newest first (the last 9 suffice), and pieces of the last 30 days against the mean of
    the three windows of 30 days before; None where that is not known."""

    orders: tuple[datetime, ...] = ()
    volume_30d: float | None = None
    volume_before: float | None = None


def birthday_alert(birthday: date | None, today: date, *, month_only: bool = False) -> str | None:
    """今天, or within the coming week; for a known month only, during that month."""
    if birthday is None:
        return None
    if month_only:
        return "本月是客户生日月，请致以祝福" if birthday.month == today.month else None
    for ahead in range(BIRTHDAY_AHEAD_DAYS + 1):
        then = today + timedelta(days=ahead)
        if _celebrated(birthday, then):
            return (
                "今天是客户生日，请致以祝福" if ahead == 0 else f"客户生日将至（{then.month}月{then.day}日）"
            )
    return None


def festival_alert(today: date) -> str | None:
    """节日问候 (JG 5.7): the nearest festival, on its day and shortly before."""
    for festival, on in festivals.coming(today, FESTIVAL_AHEAD_DAYS)[:1]:
        return (
            f"今天是{festival.label}，请致以节日问候"
            if on == today
            else f"{festival.label}将至，请致以节日问候"
        )
    return None


def arrears_alert(arrears_fen: int) -> str | None:
    """欠款 in 元."""
    return f"欠款 {arrears_fen / 100:,.2f} 元" if arrears_fen > 0 else None


def churn_alert(signs: ChurnSigns, now: datetime) -> str | None:
    """流失警示, with the figures that caused it."""
    recent = signs.orders[: CYCLE_ORDERS + 1]
    cycle = silent = None
    if len(recent) > CYCLE_ORDERS:
        gaps = [(a - b).total_seconds() / 86400 for a, b in pairwise(recent)]
        cycle = max(median(gaps), 1.0)
        silent = (now - recent[0]).total_seconds() / 86400
    return churn_sentence(cycle, silent, signs.volume_30d, signs.volume_before)


def churn_sentence(
    cycle: float | None, silent: float | None, last: float | None, before: float | None
) -> str | None:
    """流失警示 from the usual cycle and the silence in days, and the pieces of `ChurnSigns`.

    The store decides by the same figures over all customers at once (`cti.store.repos.metrics`).
    """
    if cycle is not None and silent is not None and silent > CYCLE_FACTOR * cycle:
        return f"流失警示：已 {silent:.0f} 天未下单，通常约每 {cycle:.0f} 天一单"
    if cycle is not None and cycle > VOLUME_CYCLE_DAYS:
        return None
    if before is not None and last is not None and before >= VOLUME_LEAST and last < VOLUME_FACTOR * before:
        return f"流失警示：近 30 天 {last:g} 件，低于此前月均 {before:.4g} 件的一半"
    return None


def upgrade_alert(label: str) -> str | None:
    """The next tier is within reach (XJ 5.2.3): worth a word to the customer."""
    return f"升级机会：接近{label}，可介绍升级权益" if label else None


def complaint_alert(complaints: Sequence[ComplaintSummary], now: datetime, zone: tzinfo) -> str | None:
    """Complaints that wait for an answer, the first deadline, and whether it is past."""
    if not complaints:
        return None
    dues = [c.due_at for c in complaints if c.due_at is not None]
    text = f"有 {len(complaints)} 件投诉未办结"
    if not dues:
        return text
    first = min(dues)
    when = f"{first.astimezone(zone):%m-%d %H:%M}"
    return f"{text}，已超时（应于 {when} 前答复）" if first < now else f"{text}，最早 {when} 前答复"


def waybill_alerts(waybills: Sequence[WaybillSummary]) -> list[str]:
    """One sentence per open problem item, at most three."""
    problems = [w for w in waybills if w.problem]
    told = [f"问题件 {w.number}：{w.problem}" for w in problems[:3]]
    return [*told, f"另有 {len(problems) - 3} 件问题件"] if len(problems) > 3 else told


def _celebrated(birthday: date, on: date) -> bool:
    """Whether the birthday is on that day; 29 February is kept on the 28th in other years."""
    if (birthday.month, birthday.day) == (2, 29) and (on + timedelta(days=1)).month == 3 and on.day == 28:
        return True
    return (birthday.month, birthday.day) == (on.month, on.day)
