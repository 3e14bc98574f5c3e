"""Every row of the domain has a test that names it, as ``domain.md §5: causes — …`` in its docstring.

The rows stand here under short names of our own; a test may name several, parted by commas, and rows of
several sections, parted by semicolons. A name that is not here is a typing error.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ROWS: dict[int, tuple[str, ...]] = {
    1: (
        *("company", "person", "any number", "landline", "business traits", "trade history"),
        *("interaction history", "one base"),
    ),
    2: (
        *("first tier wins", "sf", "sf steers", "sf representative", "jingguang", "jingguang steers"),
        *("hubei_ems", "hubei_ems classes", "key_account", "key_account steers", "yuantong"),
        *("yuantong steers", "abcd", "abcd steers", "queue and priority", "dedicated representative"),
        *("greeting hint", "service menu", "two sides of value"),
    ),
    3: (
        *("who", "number and place", "tier and scheme", "representative", "green channel"),
        *("open complaints", "problem items", "last waybills", "last contacts", "preferences"),
        *("churn alert", "birthday", "festival", "arrears", "what was done in the menu", "first sentence"),
    ),
    4: ("silence", "volume", "retention", "effort by tier", "promotion"),
    5: (
        *("record", "categories", "responsible department", "promised time", "follow-up", "told back"),
        *("response times", "watched", "causes"),
    ),
    6: (
        *("kinds", "four elements", "void remarks", "damage", "out of area", "delivery", "late ones"),
        "delivery clock",
    ),
    7: (
        *("visit plan", "worklist", "morning after delivery", "keypad survey", "satisfaction"),
        *("improvement", "greetings", "points shown", "points in the IVR"),
    ),
    8: (
        *("tracking by waybill", "tracking by number", "pick-up", "claim", "complaint", "suggestion"),
        *("quote", "coverage", "points", "branch phone", "to a person", "key account channel"),
        *("outbound", "proactive notice"),
    ),
}
_NAMED = re.compile(r"domain\.md §(\d): ([^—;:.]+?)(?= —|; domain\.md)")


def _named() -> dict[tuple[int, str], list[str]]:
    """(section, row) → the tests that name it."""
    found: dict[tuple[int, str], list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name[:4] != "test":
                continue
            told = " ".join((ast.get_docstring(node) or "").split())
            for section, rows in _NAMED.findall(told):
                for row in rows.split(", "):
                    found.setdefault((int(section), row), []).append(f"{file.name}::{node.name}")
    return found


NAMED = _named()


@pytest.mark.parametrize(("section", "row"), [(s, row) for s, rows in ROWS.items() for row in rows])
def test_each_row_is_named_by_a_test(section: int, row: str) -> None:
    """Somebody who changes what a row says finds the test that holds it."""
    assert NAMED.get((section, row)), f"no test names domain.md §{section}: {row}"


def test_no_test_names_a_row_that_there_is_not() -> None:
    """A wrong name would hide that a row has lost its test."""
    known = {(section, row) for section, rows in ROWS.items() for row in rows}
    assert {key: NAMED[key] for key in NAMED.keys() - known} == {}
