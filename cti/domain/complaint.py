"""Complaints (domain.md §5): categories, states as a table, and what is still open.

The sources ask for a written record with a promised time of answer and a result told back; the deadlines
by category are ours (系统默认，待确认).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

CATEGORIES = ("延误", "破损", "遗失", "服务态度", "查询结果不一致", "费用", "其它")


class ComplaintState(StrEnum):
    """投诉状态."""

    OPEN = "open"  # 待受理
    HANDLING = "handling"  # 处理中
    RESOLVED = "resolved"  # 已有结果, not yet told
    TOLD = "told"  # 已回复客户
    CLOSED = "closed"  # 已结案
    WITHDRAWN = "withdrawn"  # 已撤销


LABELS: dict[ComplaintState, str] = {
    ComplaintState.OPEN: "待受理",
    ComplaintState.HANDLING: "处理中",
    ComplaintState.RESOLVED: "待回复客户",
    ComplaintState.TOLD: "已回复客户",
    ComplaintState.CLOSED: "已结案",
    ComplaintState.WITHDRAWN: "已撤销",
}
# the caller still waits for something in these
PENDING = frozenset({ComplaintState.OPEN, ComplaintState.HANDLING, ComplaintState.RESOLVED})

# (state, action) → next state; an edge that is not here does not exist
EDGES: dict[tuple[ComplaintState, str], ComplaintState] = {
    (ComplaintState.OPEN, "take"): ComplaintState.HANDLING,
    (ComplaintState.OPEN, "withdraw"): ComplaintState.WITHDRAWN,
    (ComplaintState.HANDLING, "follow_up"): ComplaintState.HANDLING,
    (ComplaintState.HANDLING, "hand_over"): ComplaintState.OPEN,
    (ComplaintState.HANDLING, "resolve"): ComplaintState.RESOLVED,
    (ComplaintState.HANDLING, "withdraw"): ComplaintState.WITHDRAWN,
    (ComplaintState.RESOLVED, "tell"): ComplaintState.TOLD,
    (ComplaintState.RESOLVED, "reopen"): ComplaintState.HANDLING,
    (ComplaintState.TOLD, "close"): ComplaintState.CLOSED,
    (ComplaintState.TOLD, "reopen"): ComplaintState.HANDLING,
    (ComplaintState.CLOSED, "reopen"): ComplaintState.HANDLING,
}

# hours to the answer, ours
ANSWER_HOURS: dict[str, int] = {
    "延误": 24,
    "破损": 24,
    "遗失": 24,
    "服务态度": 24,
    "查询结果不一致": 12,
    "费用": 48,
    "其它": 48,
}


def next_state(state: ComplaintState, action: str) -> ComplaintState | None:
    """The state after an action, or None where the table has no such edge."""
    return EDGES.get((state, action))


def due_at(category: str, opened_at: datetime) -> datetime:
    """When the caller must have an answer."""
    return opened_at + timedelta(hours=ANSWER_HOURS.get(category, ANSWER_HOURS["其它"]))
