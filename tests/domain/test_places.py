"""归属地 in Chinese, empty where it is not known."""

from __future__ import annotations

import pytest

from cti.domain.phone import parse
from cti.places import place_of


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("0755-86013388", "深圳"),
        ("010-86013388", "北京"),
        ("13800138000", "北京"),
        ("+85223456789", "香港"),
        ("+14155552671", "美国"),
    ],
)
def test_place(text: str, place: str) -> None:
    """Landlines, mobiles and foreign numbers have a place in Chinese."""
    assert place in place_of(parse(text))


@pytest.mark.parametrize("text", ["anonymous", "95338", "1001", "138****8000", "abc", "15400000000"])
def test_no_place(text: str) -> None:
    """What may not be looked up, and blocks nobody knows, have none; the country alone is not a place."""
    assert place_of(parse(text)) == ""
