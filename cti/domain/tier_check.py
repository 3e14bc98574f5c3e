"""Proving that a scheme has no gap and no overlap: it is asked at every corner that its figures make.

A predicate changes only at the figures it names, so one value at each figure, one between neighbours and
one beyond either end stand for all values of a metric.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from cti.domain.tier_terms import METRICS, Compare, Has, Kind, Term, amount, atoms
from cti.domain.tiers import Tier

MAX_CORNERS = 20_000


def faults(tiers: Sequence[Tier]) -> Iterator[tuple[int, str]]:
    """Each fault with the line of the tier that it belongs to."""
    corners = _corners([t.when for t in tiers if t.when is not None])
    if corners is None:
        yield tiers[0].line, f"more than {MAX_CORNERS} corners to check: use fewer figures in one scheme"
        return
    told: set[tuple[str, ...]] = set()
    reached: set[str] = set()
    before: Tier | None = None
    for metrics in corners:
        holding = [t for t in tiers if t.when is not None and t.when.test(metrics)]
        rest = [t for t in tiers if t.when is None]
        first = next(iter((*holding, *rest)), None)
        if first is not None:
            reached.add(first.id)
        elif ("gap",) not in told:
            told.add(("gap",))
            yield (before or tiers[-1]).line, f"gap: {_show(metrics)} falls into no tier"
        if len(holding) > 1 and (pair := (holding[0].id, holding[1].id)) not in told:
            told.add(pair)
            one, two = holding[:2]
            yield two.line, f"overlap: {_show(metrics)} falls into {one.id} (line {one.line}) and {two.id}"
        before = first or before
    for tier in tiers:
        if tier.id not in reached:
            yield tier.line, f"tier {tier.id} is never reached"


def _corners(terms: Sequence[Term]) -> list[dict[str, Any]] | None:
    values: dict[str, set[Any]] = {}
    for term in terms:
        for atom in atoms(term):
            found = values.setdefault(atom.metric, set())
            if isinstance(atom, Compare):
                found.add(atom.value)
            elif isinstance(atom, Has):
                found.update(atom.flags)
    axes = [(metric, _axis(metric, found)) for metric, found in values.items()]
    count = 1
    for _, axis in axes:
        count *= len(axis)
    if count > MAX_CORNERS:
        return None
    names = [metric for metric, _ in axes]
    return [
        dict(zip(names, corner, strict=True)) for corner in itertools.product(*(axis for _, axis in axes))
    ]


def _axis(metric: str, found: set[Any]) -> list[Any]:
    kind = METRICS[metric].kind
    if kind is Kind.YES_NO:
        return [False, True]
    if kind is Kind.FLAGS:
        return [(), *((flag,) for flag in sorted(found))]
    figures = sorted(found)
    between = [(a + b) / 2 for a, b in itertools.pairwise(figures)]
    return sorted({*figures, *between, figures[0] - 1, figures[-1] + 1})


def _show(metrics: dict[str, Any]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, tuple):
            return ", ".join(value) or "none"
        return str(value).lower() if isinstance(value, bool) else amount(value)

    return ", ".join(f"{name} = {text(value)}" for name, value in metrics.items()) or "everything"
