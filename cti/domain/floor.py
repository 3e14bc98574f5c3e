"""What supervisors count: visits of callers to a queue, and the figures made of them.

A visit begins when a caller begins to wait for a person (排队, or the ring of a representative before the
queue) and ends answered, abandoned or left. Self-service before it is no waiting. A call that is sent on to
another queue makes a second visit. All of a call counts on the day it arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class VisitKind(StrEnum):
    """What kind of call waits; only calls are 进线."""

    CALL = "call"
    CALLBACK = "callback"  # 排队回呼: keeps a place for a caller who has hung up


class Outcome(StrEnum):
    """How a visit ended."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"  # the caller gave up
    LEFT = "left"  # time-out, chose to be called back, went on to another queue
    LOST = "lost"  # the end was not heard: the PBX or the service was away


@dataclass(slots=True)
class Counts:
    """The figures of some visits; times in seconds.

    `offered` 进线 = answered + abandoned + short + left. `short` 短放弃 are callers who gave up within the
    setting floor.short_abandon_s: they are shown apart and are no failure of the hotline.
    Service level 服务水平 = answered within queue.service_level_s / (offered − short). A visit whose end was
    not heard (`lost`) is in no other figure.
    """

    answered: int = 0
    in_time: int = 0
    abandoned: int = 0
    short: int = 0
    left: int = 0
    lost: int = 0
    wait_s: float = 0.0  # of the answered ones
    longest_s: float = 0.0  # of all

    def add(self, outcome: str, wait_s: float | None, *, level_s: float, short_s: float) -> None:
        """Count one visit that has ended; what is not known counts neither in time nor short."""
        wait = wait_s or 0.0
        if outcome == Outcome.ANSWERED:
            self.answered += 1
            self.in_time += wait_s is not None and wait_s <= level_s
            self.wait_s += wait
        elif outcome == Outcome.ABANDONED and wait_s is not None and wait_s <= short_s:
            self.short += 1
        elif outcome == Outcome.ABANDONED:
            self.abandoned += 1
        elif outcome == Outcome.LEFT:
            self.left += 1
        else:
            self.lost += 1
            return
        self.longest_s = max(self.longest_s, wait)

    def merge(self, other: Counts) -> None:
        """Take in what was counted elsewhere."""
        for name in ("answered", "in_time", "abandoned", "short", "left", "lost", "wait_s"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_s = max(self.longest_s, other.longest_s)

    @property
    def offered(self) -> int:
        return self.answered + self.abandoned + self.short + self.left

    @property
    def service_level(self) -> float | None:
        """None while nobody has called."""
        base = self.offered - self.short
        return self.in_time / base if base else None

    @property
    def mean_wait_s(self) -> float | None:
        """平均接起等待."""
        return self.wait_s / self.answered if self.answered else None
