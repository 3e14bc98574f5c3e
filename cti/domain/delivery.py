"""The delivery clock that answers to callers use (domain.md §6; JG 5.5.5–5.5.6).

Same-day sites deliver the morning batch by 11:30, what comes in the afternoon within 2.5 hours, what is
received after 18:00 by 20:00; other sites by 15:00. The sources do not say until when a parcel counts as the
morning batch or as received too late for the day; those limits are ours and marked so.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

MORNING = time(11, 30)
EVENING = time(20, 0)
EVENING_FROM = time(18, 0)
OTHER_SITES = time(15, 0)
AFTERNOON = timedelta(hours=2.5)
MORNING_BATCH_UNTIL = time(9, 0)  # ours
LAST_OF_THE_DAY = time(19, 0)  # ours: received later, delivered with the next morning's batch
OTHER_SITES_UNTIL = time(12, 0)  # ours: received later at a site without same-day service, the next day


def due_at(arrived: datetime, *, same_day: bool) -> datetime:
    """By when a parcel that reached its last site at `arrived` (local, with its zone) is delivered."""
    at = arrived.timetz().replace(tzinfo=None)
    if not same_day:
        late = at >= OTHER_SITES_UNTIL
        return _on(arrived, OTHER_SITES, days=1 if late else 0)
    if at < MORNING_BATCH_UNTIL:
        return _on(arrived, MORNING)
    if at < EVENING_FROM:
        return min(max(arrived + AFTERNOON, _on(arrived, MORNING)), _on(arrived, EVENING))
    if at < LAST_OF_THE_DAY:
        return _on(arrived, EVENING)
    return _on(arrived, MORNING, days=1)


def _on(day: datetime, at: time, days: int = 0) -> datetime:
    return datetime.combine(day.date() + timedelta(days=days), at, day.tzinfo)
