"""What happens here and is told to other systems. Bodies are thin: masked numbers, codes to ask with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from cti.domain.waybill import WaybillState
from cti.errors import UsageError

KINDS: dict[str, str] = {
    "call.ended": "通话结束（含来电放弃）",
    "callback.requested": "来电者预约回呼",
    "callback.ended": "回呼结束",
    "survey.answered": "来电者评分",
    "complaint.opened": "登记投诉",
    "complaint.changed": "投诉状态变化",
    "problem.opened": "登记问题件",
    "problem.closed": "问题件结案",
    "waybill.exception": "运单异常（问题件、退回、遗失）",
    "customer.erased": "客户的个人数据已删除",
}
EXCEPTIONS = frozenset(
    {WaybillState.PROBLEM, WaybillState.RETURNING, WaybillState.RETURNED, WaybillState.LOST}
)
FRESH = timedelta(days=3)  # what an import tells of long ago is no event any more

MAX_ATTEMPTS = 12
FIRST_AGAIN_S = 5.0
LONGEST_S = 3600.0


def checked(kinds: Iterable[str]) -> list[str]:
    """Kinds in the table's order, [] for all. UsageError for an unknown one."""
    given = {k.strip() for k in kinds if k.strip()} - {"*"}
    if unknown := sorted(given - KINDS.keys()):
        raise UsageError(f"unknown event {', '.join(unknown)}; known: {', '.join(KINDS)}")
    return [k for k in KINDS if k in given]


def again_after(attempts: int, dice: float) -> float:
    """Seconds until the next try after so many that failed; `dice` in 0–1 spreads them by a fifth."""
    base = min(LONGEST_S, FIRST_AGAIN_S * 2.0 ** max(0, attempts - 1))
    return base * (0.8 + 0.4 * dice)
