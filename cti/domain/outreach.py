"""Calls and visits that we owe (domain.md §7, §8 "Outbound"): kinds, states as a table, who may do what.

One kind of task for all of them, so that a representative has one list. A task ends done, cancelled, missed
(the period of the plan is over) or met (what it was for has happened without it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from cti.errors import StateError


class TaskKind(StrEnum):
    """What is owed."""

    VISIT = "visit"  # AB 五
    VISIT_CALL = "visit_call"  # AB 五
    RECEIPT_CALL = "receipt_call"  # the morning after delivery
    DELIVERY_CALL = "delivery_call"  # JG 5.4
    COMPLAINT_RESULT = "complaint_result"  # domain.md §5
    SURVEY_FOLLOWUP = "survey_followup"  # a low score
    IMPROVEMENT = "improvement"  # what is changed because of it
    SURVEY_RESULT = "survey_result"  # … told back to the customer
    GREETING = "greeting"  # JG 5.7
    RETENTION = "retention"  # JG 5.6
    NOTICE = "notice"  # CRM 一(三)


KINDS: Mapping[TaskKind, str] = {
    TaskKind.VISIT: "上门拜访",
    TaskKind.VISIT_CALL: "回访电话",
    TaskKind.RECEIPT_CALL: "收货回访",
    TaskKind.DELIVERY_CALL: "派送预约",
    TaskKind.COMPLAINT_RESULT: "投诉结果回复",
    TaskKind.SURVEY_FOLLOWUP: "低分回访",
    TaskKind.IMPROVEMENT: "改进事项",
    TaskKind.SURVEY_RESULT: "改进结果告知",
    TaskKind.GREETING: "节日与生日问候",
    TaskKind.RETENTION: "客户挽留",
    TaskKind.NOTICE: "主动通知",
}
# nobody is called for these
NO_CALL = frozenset({TaskKind.VISIT, TaskKind.IMPROVEMENT})
# kinds that a person may add; the others follow from what happened
BY_HAND = (TaskKind.VISIT, TaskKind.VISIT_CALL, TaskKind.DELIVERY_CALL, TaskKind.IMPROVEMENT, TaskKind.NOTICE)


class TaskState(StrEnum):
    """任务状态."""

    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"
    CANCELLED = "cancelled"
    MISSED = "missed"
    MET = "met"


STATES: Mapping[TaskState, str] = {
    TaskState.OPEN: "待办",
    TaskState.TAKEN: "进行中",
    TaskState.DONE: "已完成",
    TaskState.CANCELLED: "已取消",
    TaskState.MISSED: "逾期未做",
    TaskState.MET: "无需再做",
}
LIVE = frozenset({TaskState.OPEN, TaskState.TAKEN})

_O, _T, _D, _C, _M, _X = (
    TaskState.OPEN,
    TaskState.TAKEN,
    TaskState.DONE,
    TaskState.CANCELLED,
    TaskState.MISSED,
    TaskState.MET,
)
# (state, action) → next state; an edge that is not here does not exist. lapse and meet are the system's own.
EDGES: Mapping[tuple[TaskState, str], TaskState] = {
    (_O, "take"): _T,
    (_O, "assign"): _O,
    (_O, "postpone"): _O,
    (_O, "cancel"): _C,
    (_O, "lapse"): _M,
    (_O, "meet"): _X,
    (_T, "finish"): _D,
    (_T, "postpone"): _O,
    (_T, "release"): _O,
    (_T, "assign"): _O,
    (_T, "cancel"): _C,
    (_T, "meet"): _X,
    (_D, "reopen"): _T,
    (_C, "reopen"): _O,
    (_M, "reopen"): _O,
    (_X, "reopen"): _O,
}
# an agent acts on what is his own or nobody's; these are a supervisor's
_SUPERVISORS = frozenset({"assign"})
SYSTEM_ACTIONS = frozenset({"lapse", "meet"})
# what an action must bring: a field of the action, "note" for its words
NEEDS: Mapping[str, tuple[str, ...]] = {
    "finish": ("outcome",),
    "postpone": ("due_at", "note"),
    "cancel": ("note",),
    "reopen": ("note",),
    "assign": ("owner",),
}
POSTPONE_DAYS = 30  # the farthest that a task is put off


class Outcome(StrEnum):
    """How a task was done."""

    REACHED = "reached"
    MESSAGE = "message"
    REFUSED = "refused"
    UNREACHED = "unreached"
    WRONG = "wrong"


OUTCOMES: Mapping[Outcome, str] = {
    Outcome.REACHED: "已联系到客户",
    Outcome.MESSAGE: "已发送信息",
    Outcome.REFUSED: "客户不愿接受",
    Outcome.UNREACHED: "多次未联系上",
    Outcome.WRONG: "号码不对",
}
CONTACTED = frozenset({Outcome.REACHED, Outcome.MESSAGE})


def next_state(state: TaskState, action: str) -> TaskState:
    """The state after an action; StateError, with both names, where the table has no such edge."""
    found = EDGES.get((state, action))
    if found is None:
        raise StateError(f"a task that is {state} has no action {action!r}")
    return found


def actions(state: TaskState) -> tuple[str, ...]:
    """What a person may do in a state, in the order of the table."""
    return tuple(a for (of, a) in EDGES if of is state and a not in SYSTEM_ACTIONS)


def may(action: str, roles: Iterable[str], *, who: str, owner: str) -> bool:
    """Whether somebody with these roles may act on a task of this owner ("": nobody's)."""
    held = set(roles)
    if held & {"admin", "supervisor"}:
        return True
    return "agent" in held and action not in _SUPERVISORS and owner in ("", who)


def missing(action: str, given: Mapping[str, object]) -> tuple[str, ...]:
    """What an action still lacks."""
    return tuple(name for name in NEEDS.get(action, ()) if not str(given.get(name) or "").strip())


def diagram() -> str:
    """The table as a Mermaid state diagram; edges that stay are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {TaskState.OPEN}"]
    lines += [f"    {a} --> {b}: {action}" for (a, action), b in EDGES.items() if a is not b]
    return "\n".join(lines) + "\n"
