"""Tests that drive foreign processes (a PBX, phones, a browser, services that are killed) have a second try.

Their deadlines are generous, yet a machine whose cores are taken away for seconds breaks them. A test that
needed its second try is listed as RERUN and counted in the closing line; each is a fault to look into.
Tests of our own code alone have one try. pytest-timeout's clock ends with the first failure; the second
try gets one of its own, or a hang in it would hold up the whole run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

_LIMIT = pytest.StashKey[Any]()
_FOREIGN = frozenset({"asterisk_here", "browser", "start_popline"})
_MARKS = ("asterisk", "browser", "processes")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        named = _FOREIGN.intersection(getattr(item, "fixturenames", ()))
        if named or any(item.get_closest_marker(mark) for mark in _MARKS):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    """Remember the time limit of a test; pytest-timeout goes on to set its clock."""
    item.stash[_LIMIT] = settings


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set the clock again for a second try."""
    if getattr(item, "execution_count", 1) > 1 and _LIMIT in item.stash:
        item.ihook.pytest_timeout_set_timer(item=item, settings=item.stash[_LIMIT])
