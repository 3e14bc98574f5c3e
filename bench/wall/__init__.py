"""The process that the wall board's measure looks at."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of values in ascending order, the one below which this share lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
