"""Tier schemes (domain.md §2): ordered tiers, each a predicate over metrics; the first that matches wins.

Pure: a scheme is built from the values of its file (`cti.schemes` reads the files), metrics are given.
Money metrics are in 元, as the sources print their thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cti.domain.customer import TierRef
from cti.domain.tier_terms import FLAG_LABELS, METRICS, Compare, Kind, Term, atoms

OURS_NOTE = "门槛为系统默认，待确认"


class MetricsError(ValueError):
    """The metrics do not fit: unknown, of the wrong kind, or one is missing that decides."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named figure of a scheme; `ours` marks one that the source leaves open."""

    name: str
    value: float
    label: str
    ours: bool


@dataclass(frozen=True, slots=True)
class MeanOfMonths:
    """A metric that follows from a list of months, the latest last: their mean a day of `days` a month."""

    metric: str
    months_of: str
    months: int
    days: float


@dataclass(frozen=True, slots=True)
class Benefits:
    """What a tier gets. `priority` is the queue level 0–14, higher first."""

    priority: int = 0
    green_channel: bool = False
    dedicated: bool = False  # a dedicated representative, with time-limited fallback
    route: str = ""
    greeting: str = ""
    services: tuple[str, ...] = ()
    visits_per_month: float = 0
    calls_per_week: float = 0


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier; without `when` it takes what is left."""

    id: str
    label: str
    when: Term | None
    benefits: Benefits
    line: int = 0


@dataclass(frozen=True, slots=True)
class Scheme:
    """One scheme, whole and checked."""

    name: str
    label: str
    source: str
    tiers: tuple[Tier, ...]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    derived: tuple[MeanOfMonths, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the scheme asks for, in the order it names them."""
        names = [a.metric for t in self.tiers if t.when is not None for a in atoms(t.when)]
        return tuple(dict.fromkeys(names))

    @property
    def lists(self) -> tuple[str, ...]:
        """Lists of months from which a metric may be derived."""
        return tuple(d.months_of for d in self.derived)

    def tier(self, tier_id: str) -> Tier | None:
        """The tier with this id."""
        return next((t for t in self.tiers if t.id == tier_id), None)

    def decide(self, metrics: Mapping[str, Any]) -> Tier:
        """The first tier that matches; MetricsError where a missing metric would decide."""
        given = self._complete(metrics)
        missing: list[str] = []
        for tier in self.tiers:
            result = True if tier.when is None else tier.when.test(given)
            if result is None:
                missing += [m for m in self._undecided(tier, given) if m not in missing]
            elif result:
                if missing:
                    break
                return tier
        if missing:
            raise MetricsError(f"scheme {self.name} needs {', '.join(missing)}")
        raise MetricsError(f"scheme {self.name} has no tier for {dict(metrics)}")

    def classify(self, metrics: Mapping[str, Any]) -> TierRef:
        """The tier with its reason in words ("近三月日均 312 件 > 300")."""
        tier = self.decide(metrics)
        return TierRef(self.name, tier.id, tier.label, self._reason(tier, self._complete(metrics)))

    def _complete(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        given = {k: v for k, v in metrics.items() if v is not None}
        for rule in self.derived:
            months = given.get(rule.months_of)
            if rule.metric not in given and months is not None and len(months) >= rule.months:
                given[rule.metric] = sum(months[-rule.months :]) / rule.months / rule.days
        return given

    def _undecided(self, tier: Tier, given: Mapping[str, Any]) -> list[str]:
        return [] if tier.when is None else [a.metric for a in atoms(tier.when) if a.test(given) is None]

    def _reason(self, tier: Tier, given: Mapping[str, Any]) -> str:
        if tier.when is not None:
            terms, said = [tier.when], tier.when.say(given, True)
        else:
            terms = [t.when for t in self.tiers if t.when is not None]
            told = [t.say(given, False) for t in terms]
            said = "，".join(dict.fromkeys(p for p in told if p)) or "不满足以上各级条件"
        used = {a.threshold for t in terms for a in atoms(t) if isinstance(a, Compare)}
        ours = any(self.parameters[name].ours for name in used if name)
        return f"{said}（{OURS_NOTE}）" if ours else said


def check_metrics(metrics: Mapping[str, Any], *, lists: Sequence[str] = ()) -> dict[str, Any]:
    """Metrics from outside, refused (MetricsError) if unknown or not of their kind; `lists` may be months."""
    checked: dict[str, Any] = {}
    for name, value in metrics.items():
        if name in lists:
            checked[name] = _months(name, value)
            continue
        if name not in METRICS:
            raise MetricsError(f"unknown metric {name!r}; known: {', '.join((*METRICS, *lists))}")
        kind = METRICS[name].kind
        if kind is Kind.NUMBER:
            checked[name] = _number(name, value)
        elif kind is Kind.YES_NO:
            if not isinstance(value, bool):
                raise MetricsError(f"{name} must be true or false, not {value!r}")
            checked[name] = value
        else:
            checked[name] = _flags(name, value)
    return checked


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MetricsError(f"{name} must be a number, not {value!r}")
    return value


def _months(name: str, value: Any) -> list[float]:
    if not isinstance(value, list):
        raise MetricsError(f"{name} must be a list of months, not {value!r}")
    return [_number(name, v) for v in value]


def _flags(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise MetricsError(f"{name} must be a list of words, not {value!r}")
    by_label = {label: flag for flag, label in FLAG_LABELS.items()}
    flags = tuple(by_label.get(str(v), str(v)) for v in value)
    unknown = [f for f in flags if f not in FLAG_LABELS]
    if unknown:
        raise MetricsError(f"unknown flag {', '.join(unknown)}; known: {', '.join(FLAG_LABELS)}")
    return flags
