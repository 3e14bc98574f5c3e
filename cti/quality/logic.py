"""Three-valued logic (Kleene) and the evidence that every value carries.

True and False are known; None is "cannot be told from what was recorded". `na` is something else: the
question did not arise (a sequence that the caller broke off).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why: what was heard on which leg from `t0` to `t1` (ms), what was due, how near it came."""

    leg: str
    t0: int
    t1: int
    heard: str
    due: str
    similarity: float | None
    operator: str


@dataclass(frozen=True, slots=True)
class Result:
    """The value of an expression with its evidence."""

    value: bool | None
    evidence: tuple[Evidence, ...] = ()
    na: bool = False

    def __invert__(self) -> Result:
        return Result(None if self.value is None else not self.value, self.evidence, self.na)


class Outcome(StrEnum):
    """Verdict on one rule of one call."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NA = "na"
    REVIEW = "review"  # 待复核


def all_of(results: Iterable[Result]) -> Result:
    """False if any is False, else unknown if any is unknown; evidence of what decided it."""
    given = list(results)
    for wanted in (False, None):
        decisive = [r for r in given if r.value is wanted]
        if decisive:
            return Result(wanted, _evidence(decisive), any(r.na for r in decisive))
    return Result(True, _evidence(given))


def any_of(results: Iterable[Result]) -> Result:
    """True if any is True, else unknown if any is unknown; evidence of what decided it."""
    return ~all_of(~r for r in results)


def _evidence(results: list[Result]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(e for r in results for e in r.evidence))


def outcome(applies: Result, check: Result) -> Outcome:
    """The verdict: na, or what the check says; an applicability that is unknown matters only if it failed."""
    if applies.value is False or check.na:
        return Outcome.NA
    if applies.value is None:
        return Outcome.PASS if check.value is True else Outcome.REVIEW
    if check.value is None:
        return Outcome.REVIEW
    return Outcome.PASS if check.value else Outcome.FAIL
