"""The tier above (XJ 5.2.3, domain.md §4): which one is within reach, and how much is wanting.

A customer is within reach of a tier when figures that grow with business, divided by `reach` (0.8: one
fifth more), would be enough for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cti.domain.tier_terms import METRICS, Compare, amount, atoms
from cti.domain.tiers import Scheme, Tier

# what more business makes larger; a rank or a ratio is not simply multiplied
GROWING = frozenset(
    {"monthly_revenue", "annual_revenue", "orders_per_year", "daily_pieces_3m", "monthly_volume"}
)


def wanting(scheme: Scheme, tier_id: str, metrics: Mapping[str, Any]) -> str:
    """What is missing for that tier, in words: 月贡献再增 800 元（现 9,200，需 10,000）."""
    tier = scheme.tier(tier_id)
    if tier is None or tier.when is None:
        return ""
    told = [_gap(a, metrics) for a in atoms(tier.when) if isinstance(a, Compare) and a.metric in GROWING]
    return "，".join(dict.fromkeys(t for t in told if t))


def rank(scheme: Scheme, tier_id: str) -> int:
    """The place of a tier in its scheme, 0 the highest; behind all others where it is unknown."""
    ids = [t.id for t in scheme.tiers]
    return ids.index(tier_id) if tier_id in ids else len(ids)


def above(scheme: Scheme, tier_id: str) -> Tier | None:
    """The next higher tier."""
    place = rank(scheme, tier_id)
    return scheme.tiers[place - 1] if 0 < place < len(scheme.tiers) else None


def _gap(atom: Compare, metrics: Mapping[str, Any]) -> str:
    given = metrics.get(atom.metric)
    if atom.op not in (">", ">=") or given is None or given >= atom.value:
        return ""
    known = METRICS[atom.metric]
    need = f"需 {'超过 ' if atom.op == '>' else ''}{amount(atom.value)}"
    return f"{known.label}再增 {amount(atom.value - given)} {known.unit}（现 {amount(given)}，{need}）"
