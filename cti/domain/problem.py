"""Problem items (问题件): kinds and the deadlines of their registration (JG 5.5.5–5.5.6, domain.md §6)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import StrEnum


class ProblemKind(StrEnum):
    """What is wrong."""

    DELIVERY = "delivery"  # 派送问题件
    DAMAGE = "damage"  # 货物破损或未接到
    OUT_OF_AREA = "out_of_area"  # 超区/转退件
    OTHER = "other"  # 其它


class Shift(StrEnum):
    """Which shift has the parcel: 晚班 brings the morning batch, 中班 what comes during the day."""

    LATE = "late"
    MID = "mid"


LABELS: dict[ProblemKind, str] = {
    ProblemKind.DELIVERY: "派送问题件",
    ProblemKind.DAMAGE: "货物破损或未接到",
    ProblemKind.OUT_OF_AREA: "超区/转退件",
    ProblemKind.OTHER: "其它",
}

DAMAGE_WITHIN = timedelta(minutes=30)  # of the arrival scan
OUT_OF_AREA_BY = time(10, 0)
OUT_OF_AREA_MID = timedelta(hours=2)  # of receipt
LATE_ARISES_BEFORE = time(11, 30)
LATE_BY = time(14, 0)
MID_BY = time(20, 0)
NO_SAME_DAY_BY = time(15, 0)
OTHER_WITHIN = timedelta(hours=24)  # ours: the source gives no deadline for 其它


def due_at(kind: ProblemKind, arose: datetime, shift: Shift, *, same_day: bool = True) -> datetime:
    """By when the item must be registered with its remark.

    `arose` is local, with its zone: the arrival scan of a damaged parcel, the receipt of one that is out of
    area, the moment the problem came up otherwise. A time of day that has passed is meant for the next day.
    """
    match kind:
        case ProblemKind.DAMAGE:
            return arose + DAMAGE_WITHIN
        case ProblemKind.OUT_OF_AREA:
            return arose + OUT_OF_AREA_MID if shift is Shift.MID else _next(arose, OUT_OF_AREA_BY)
        case ProblemKind.OTHER:
            return arose + OTHER_WITHIN
    if not same_day:
        return _next(arose, NO_SAME_DAY_BY)
    if shift is Shift.LATE and arose.time() < LATE_ARISES_BEFORE:
        return _next(arose, LATE_BY)
    return _next(arose, MID_BY)  # the late shift's problem that came up too late is the mid shift's


def _next(after: datetime, at: time) -> datetime:
    day = datetime.combine(after.date(), at, after.tzinfo)
    return day if day >= after else datetime.combine(after.date() + timedelta(days=1), at, after.tzinfo)
