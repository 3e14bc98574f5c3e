"""The review of a scored call (rules.md, review workflow): states, who may do what, and manual verdicts.

auto-scored → queued for a person → reviewed → published → the agent acknowledges or appeals → the agent's
supervisor passes it on → the QA lead gives it to another inspector → final.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from cti.errors import StateError


class ReviewState(StrEnum):
    """复核状态."""

    AUTO_SCORED = "auto_scored"  # 已自动评分
    QUEUED = "queued"  # 待质检
    REVIEWED = "reviewed"  # 已质检, not yet shown to the agent
    PUBLISHED = "published"  # 已发布
    ACKNOWLEDGED = "acknowledged"  # 座席已确认
    APPEALED = "appealed"  # 座席已申诉
    FORWARDED = "forwarded"  # 座席主管已转交
    REASSIGNED = "reassigned"  # 质检主管已交另一质检员
    FINAL = "final"  # 已终审


class ReviewReason(StrEnum):
    """Why a call waits for a person; the first that holds, in this order."""

    FATAL = "fatal"  # a fatal fault is proposed
    BAND = "band"  # something is 待复核
    LOW = "low"  # a low automatic score
    SAMPLE = "sample"  # drawn at random
    ASKED = "asked"  # picked by a person


class Decision(StrEnum):
    """What a person says of one rule of one call."""

    HIT = "hit"  # 命中: the fault is there
    FALSE_HIT = "false_hit"  # 误命中: it is not
    NA = "na"  # 不适用


S = ReviewState
# (state, action) → next state; an edge that is not here does not exist
EDGES: Mapping[tuple[ReviewState, str], ReviewState] = {
    (S.AUTO_SCORED, "queue"): S.QUEUED,
    (S.AUTO_SCORED, "assign"): S.QUEUED,
    (S.AUTO_SCORED, "save"): S.AUTO_SCORED,
    (S.AUTO_SCORED, "review"): S.REVIEWED,
    (S.QUEUED, "assign"): S.QUEUED,
    (S.QUEUED, "save"): S.QUEUED,
    (S.QUEUED, "review"): S.REVIEWED,
    (S.REVIEWED, "save"): S.REVIEWED,
    (S.REVIEWED, "review"): S.REVIEWED,
    (S.REVIEWED, "publish"): S.PUBLISHED,
    (S.PUBLISHED, "acknowledge"): S.ACKNOWLEDGED,
    (S.PUBLISHED, "appeal"): S.APPEALED,
    (S.APPEALED, "withdraw"): S.PUBLISHED,
    (S.APPEALED, "forward"): S.FORWARDED,
    (S.FORWARDED, "assign"): S.REASSIGNED,
    (S.REASSIGNED, "assign"): S.REASSIGNED,
    (S.REASSIGNED, "save"): S.REASSIGNED,
    (S.REASSIGNED, "final"): S.FINAL,
}
# who may do it; that a call is the agent's own, or given to this inspector, is asked besides
ROLES: Mapping[str, frozenset[str]] = {
    "queue": frozenset({"qa", "qa_lead"}),
    "save": frozenset({"qa", "qa_lead"}),
    "review": frozenset({"qa", "qa_lead"}),
    "publish": frozenset({"qa", "qa_lead"}),
    "acknowledge": frozenset({"agent"}),
    "appeal": frozenset({"agent"}),
    "withdraw": frozenset({"agent"}),
    "forward": frozenset({"supervisor", "qa_lead"}),
    "assign": frozenset({"qa_lead"}),
    "final": frozenset({"qa", "qa_lead"}),
}
# what the agent of the call may see
SEEN_BY_AGENT = frozenset({S.PUBLISHED, S.ACKNOWLEDGED, S.APPEALED, S.FORWARDED, S.REASSIGNED, S.FINAL})
_MANUAL = {Decision.HIT: "fail", Decision.FALSE_HIT: "pass", Decision.NA: "na"}


def advance(state: ReviewState, action: str) -> ReviewState:
    """The state after an action; StateError with both where the table has no such edge."""
    target = EDGES.get((state, action))
    if target is None:
        raise StateError(f"a review that is {state.value} has no action {action!r}")
    return target


def actions(state: ReviewState) -> tuple[str, ...]:
    """The actions that a state has, in the order of the table."""
    return tuple(action for (of, action) in EDGES if of is state)


def manual_verdict(automatic: str, decision: Decision | None, *, added: bool) -> str:
    """What counts for one rule: a fault that a person added, the person's decision, else the machine's."""
    if added:
        return "fail"
    return automatic if decision is None else _MANUAL[decision]


def reason_for(
    *, fatal: bool, band: bool, score: float | None, low: float, sampled: bool = False
) -> ReviewReason | None:
    """Why this call goes to a person, or None. `low` is the score under which it does."""
    if fatal:
        return ReviewReason.FATAL
    if band:
        return ReviewReason.BAND
    if score is None or score < low:
        return ReviewReason.LOW
    return ReviewReason.SAMPLE if sampled else None


def diagram() -> str:
    """The table as a Mermaid state diagram, each edge with who may take it; edges that stay are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {S.AUTO_SCORED}"]
    for (state, action), target in EDGES.items():
        if state is not target:
            lines.append(f"    {state} --> {target}: {action} / {', '.join(sorted(ROLES[action]))}")
    lines += [f"    {state} --> [*]" for state in S if not actions(state)]
    return "\n".join(lines) + "\n"
