"""Keeping a customer who is about to leave (JG 5.6, domain.md §4): contact → apology and reason → remedy.

The order of steps is a table; how much effort is made follows from the tier.
"""

from __future__ import annotations

from enum import StrEnum

from cti.domain.tiers import Benefits
from cti.errors import StateError


class Step(StrEnum):
    """What has been done since the alert; `open` is nothing yet."""

    OPEN = "open"
    CONTACTED = "contacted"
    EXPLAINED = "explained"
    REMEDIED = "remedied"
    KEPT = "kept"
    LOST = "lost"


LABELS = {
    Step.OPEN: "待联系",
    Step.CONTACTED: "已联系",
    Step.EXPLAINED: "已致歉并问明原因",
    Step.REMEDIED: "已给出补救",
    Step.KEPT: "已挽回",
    Step.LOST: "已流失",
}
# whoever cannot be reached or says no is lost from any step on
NEXT: dict[Step, tuple[Step, ...]] = {
    Step.OPEN: (Step.CONTACTED, Step.LOST),
    Step.CONTACTED: (Step.EXPLAINED, Step.LOST),
    Step.EXPLAINED: (Step.REMEDIED, Step.LOST),
    Step.REMEDIED: (Step.KEPT, Step.LOST),
    Step.KEPT: (),
    Step.LOST: (),
}
OVER = (Step.KEPT, Step.LOST)


def advance(state: Step, step: Step) -> Step:
    """The state after a step; StateError for one that does not come next."""
    if step not in NEXT[state]:
        raise StateError(f"retention: no step {step} from {state}")
    return step


def effort(benefits: Benefits | None) -> str:
    """How hard to try, by tier (系统默认，待确认): the source says only that the tier decides."""
    if benefits is not None and benefits.dedicated:
        return "当日由专属代表联系，可上门"
    if benefits is not None and benefits.priority > 0:
        return "24 小时内电话联系"
    return "3 日内电话或短信联系"
