"""The language of tier predicates: ``monthly_revenue >= 100000``, ``is_contract and county_rank <= 5``,
``300 <= monthly_revenue < 2000``, ``flags has government``, ``not …``, brackets.

A predicate is true, false or unknown (None) where a metric that decides it was not given, after Kleene.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What values a metric has."""

    NUMBER = "number"
    YES_NO = "yes_no"
    FLAGS = "flags"


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a customer; `default` stands in where it was not given (None: it must be given)."""

    label: str
    unit: str = ""
    kind: Kind = Kind.NUMBER
    default: Any = None


METRICS: dict[str, Metric] = {
    "monthly_revenue": Metric("月贡献", "元"),
    "annual_revenue": Metric("年收入", "元"),
    "orders_per_year": Metric("年订单", "单"),
    "daily_pieces_3m": Metric("近三月日均", "件"),
    "county_rank": Metric("县内收入排名", "", default=float("inf")),
    "is_contract": Metric("合同客户", kind=Kind.YES_NO, default=False),
    "flags": Metric("标记", kind=Kind.FLAGS, default=()),
    "monthly_volume": Metric("月发件量", "件"),
    "volume_cv": Metric("发件量变异系数"),
    "regions": Metric("业务地市", "个"),
}

FLAG_LABELS: dict[str, str] = {
    "government": "党政机关",
    "association": "行业协会",
    "commerce": "工商",
    "customs": "海关",
    "press": "新闻",
    "police": "公安",
    "court": "法院",
    "potential": "潜在大客户",
}

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "≠"}
SIGNS = {"<=": "≤", ">=": "≥", "==": "="}

Metrics = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Compare:
    """``metric op number``; `threshold` names the parameter that gave the number, "" for a literal."""

    metric: str
    op: str
    value: float
    threshold: str = ""

    def test(self, metrics: Metrics) -> bool | None:
        given = metrics.get(self.metric, METRICS[self.metric].default)
        return None if given is None else OPERATORS[self.op](given, self.value)

    def say(self, metrics: Metrics, wanted: bool) -> str:
        given = metrics.get(self.metric, METRICS[self.metric].default)
        known = METRICS[self.metric]
        op = self.op if wanted else NEGATED[self.op]
        sign = SIGNS.get(op, op)
        if given is None or given == float("inf"):
            return f"{known.label}未知"
        unit = f" {known.unit}" if known.unit else ""
        return f"{known.label} {amount(given)}{unit} {sign} {amount(self.value)}"


@dataclass(frozen=True, slots=True)
class Is:
    """A yes/no metric."""

    metric: str

    def test(self, metrics: Metrics) -> bool | None:
        given = metrics.get(self.metric, METRICS[self.metric].default)
        return None if given is None else bool(given)

    def say(self, metrics: Metrics, wanted: bool) -> str:
        return f"{'' if wanted else '非'}{METRICS[self.metric].label}"


@dataclass(frozen=True, slots=True)
class Has:
    """One of several flags is set."""

    metric: str
    flags: tuple[str, ...]

    def test(self, metrics: Metrics) -> bool | None:
        return bool(set(self.flags) & set(metrics.get(self.metric, ())))

    def say(self, metrics: Metrics, wanted: bool) -> str:
        if not wanted:
            return ""
        found = [f for f in self.flags if f in metrics.get(self.metric, ())]
        return "属" + "、".join(FLAG_LABELS.get(f, f) for f in found)


@dataclass(frozen=True, slots=True)
class Not:
    term: Term

    def test(self, metrics: Metrics) -> bool | None:
        inner = self.term.test(metrics)
        return None if inner is None else not inner

    def say(self, metrics: Metrics, wanted: bool) -> str:
        return self.term.say(metrics, not wanted)


@dataclass(frozen=True, slots=True)
class All:
    terms: tuple[Term, ...]

    def test(self, metrics: Metrics) -> bool | None:
        results = [t.test(metrics) for t in self.terms]
        return False if False in results else None if None in results else True

    def say(self, metrics: Metrics, wanted: bool) -> str:
        if wanted:
            return _join(_said(self.terms, metrics))
        # one false part is reason enough
        return next((t.say(metrics, False) for t in self.terms if t.test(metrics) is False), "")


@dataclass(frozen=True, slots=True)
class Any_:
    terms: tuple[Term, ...]

    def test(self, metrics: Metrics) -> bool | None:
        results = [t.test(metrics) for t in self.terms]
        return True if True in results else None if None in results else False

    def say(self, metrics: Metrics, wanted: bool) -> str:
        if wanted:
            return next((t.say(metrics, True) for t in self.terms if t.test(metrics)), "")
        return _join(t.say(metrics, False) for t in self.terms)


Term = Compare | Is | Has | Not | All | Any_


def atoms(term: Term) -> Iterator[Compare | Is | Has]:
    """The single conditions of a predicate."""
    if isinstance(term, Not):
        yield from atoms(term.term)
    elif isinstance(term, All | Any_):
        for part in term.terms:
            yield from atoms(part)
    else:
        yield term


def amount(value: float) -> str:
    """A figure for reading: 12,000 · 312.5."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _said(terms: tuple[Term, ...], metrics: Metrics) -> Iterator[str]:
    """Each term in words; a range of one metric as one: 月贡献 12,000 元 ≥ 10,000 且 < 100,000."""
    before = ""
    for term in terms:
        metric = term.metric if isinstance(term, Compare) else ""
        text = term.say(metrics, True)
        if isinstance(term, Compare) and metric == before:
            yield f" 且 {SIGNS.get(term.op, term.op)} {amount(term.value)}"
        elif text:
            yield text
        before = metric


def _join(parts: Iterator[str]) -> str:
    return "，".join(p for p in parts if p).replace("， 且", " 且")
