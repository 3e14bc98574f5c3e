"""Tests that drive foreign processes (a PBX, phones, a browser, services that are killed) have a second try.

Their deadlines are generous, yet a machine whose cores are taken away for seconds breaks them. A test that
needed its second try is listed as RERUN and counted in the closing line; each is a fault to look into.
Tests of our own code alone have one try.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

_FOREIGN = frozenset({"asterisk_here", "browser", "start_popline"})
_MARKS = ("asterisk", "browser", "processes")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        named = _FOREIGN.intersection(getattr(item, "fixturenames", ()))
        if named or any(item.get_closest_marker(mark) for mark in _MARKS):
            item.add_marker(pytest.mark.flaky(reruns=1))
