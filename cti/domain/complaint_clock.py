"""Until when a complaint must be answered, by category and tier, and how far it has gone up when it is late.

The sources say that response times are set and watched (XJ 5.3-4, CRM 一(三)) and give no figures: hours,
factors and levels are ours (系统默认，待确认), and an owner may set them (``[complaints]``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain.complaint import ANSWER_HOURS, PENDING, ComplaintState

# a tier whose queue priority is at least this has its hours multiplied by that, ours
TIER_FACTORS: Mapping[int, float] = {10: 0.5, 6: 0.75}
# hours past the deadline at which the next level is told, ours
ESCALATE_HOURS: tuple[float, ...] = (0.0, 4.0, 24.0)
LEVELS = ("", "班长", "投诉主管", "负责人")

Tier = tuple[str, str]
"""Scheme and id of a tier."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The rules of one installation; `priorities` is the queue priority of every tier that is known."""

    hours: Mapping[str, float] = field(default_factory=lambda: dict(ANSWER_HOURS))
    factors: Mapping[int, float] = field(default_factory=lambda: dict(TIER_FACTORS))
    priorities: Mapping[Tier, int] = field(default_factory=dict)
    escalate_h: Sequence[float] = ESCALATE_HOURS

    def factor(self, tier: Tier | None) -> float:
        """What the hours of a category are multiplied by for this tier; 1 for none or an unknown one."""
        priority = self.priorities.get(tier, 0) if tier is not None else 0
        fitting = [least for least in self.factors if priority >= least]
        return self.factors[max(fitting)] if fitting else 1.0

    def due_at(
        self,
        category: str,
        opened_at: datetime,
        tier: Tier | None = None,
        promised_at: datetime | None = None,
    ) -> datetime:
        """When the caller must have an answer; an earlier promise (承诺答复时间) counts instead."""
        hours = self.hours.get(category, self.hours.get("其它", ANSWER_HOURS["其它"]))
        due = opened_at + timedelta(hours=hours * self.factor(tier))
        return due if promised_at is None else min(due, promised_at)

    def level(self, state: ComplaintState, due_at: datetime | None, now: datetime) -> int:
        """0 in time, then one for each span that has passed beyond the deadline (`LEVELS` in words)."""
        if due_at is None or state not in PENDING or now <= due_at:
            return 0
        late = (now - due_at) / timedelta(hours=1)
        return min(sum(late >= hours for hours in self.escalate_h), len(LEVELS) - 1)
