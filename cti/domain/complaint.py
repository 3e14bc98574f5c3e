"""Complaints (domain.md §5): categories, states as a table, and what is still open.

The sources ask for a written record with a promised time of answer and a result told back; the deadlines
by category are ours (系统默认，待确认).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    (ComplaintState.RESOLVED, "call_failed"): ComplaintState.RESOLVED,
    (ComplaintState.RESOLVED, "reopen"): ComplaintState.HANDLING,
    (ComplaintState.TOLD, "close"): ComplaintState.CLOSED,
    (ComplaintState.TOLD, "reopen"): ComplaintState.HANDLING,
    (ComplaintState.CLOSED, "reopen"): ComplaintState.HANDLING,
}

# who may take an action; an agent only on a complaint that is his own or nobody's
ROLES: Mapping[str, frozenset[str]] = {
    "take": frozenset({"agent", "supervisor"}),
    "follow_up": frozenset({"agent", "supervisor"}),
    "hand_over": frozenset({"agent", "supervisor"}),
    "resolve": frozenset({"agent", "supervisor"}),
    "tell": frozenset({"agent", "supervisor"}),
    "call_failed": frozenset({"agent", "supervisor"}),
    "close": frozenset({"supervisor"}),
    "reopen": frozenset({"supervisor"}),
    "withdraw": frozenset({"supervisor"}),
}
# what must be written before an action: column, or "note" for the words of the step
NEEDS: Mapping[str, tuple[str, ...]] = {
    "follow_up": ("note",),
    "resolve": ("department", "cause", "result"),
    "tell": ("told_how",),
    "reopen": ("note",),
    "withdraw": ("note",),
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


def actions(state: ComplaintState) -> tuple[str, ...]:
    """The actions that a state has, in the order of the table."""
    return tuple(action for (of, action) in EDGES if of is state)


def may(action: str, roles: Iterable[str], *, who: str, owner: str) -> bool:
    """Whether somebody with these roles may take the action on a complaint of this owner ("": nobody's)."""
    held = set(roles)
    if "admin" in held or ("supervisor" in held and "supervisor" in ROLES[action]):
        return True
    return bool(held & ROLES[action]) and owner in ("", who)


def missing(action: str, known: Mapping[str, object]) -> tuple[str, ...]:
    """What an action still lacks; `known` is the record with what the action brings."""
    return tuple(name for name in NEEDS.get(action, ()) if not str(known.get(name) or "").strip())


def diagram() -> str:
    """The table as a Mermaid state diagram, each edge with who may take it; edges that stay are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {ComplaintState.OPEN}"]
    for (state, action), target in EDGES.items():
        if state is not target:
            lines.append(f"    {state} --> {target}: {action} / {', '.join(sorted(ROLES[action]))}")
    lines += [f"    {state} --> [*]" for state in ComplaintState if not actions(state)]
    return "\n".join(lines) + "\n"
