"""Waybill words and numbers, and the complaint's table of states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain import complaint, waybill
from cti.domain.complaint import ComplaintState
from cti.domain.waybill import WaybillState

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("SF1234567890123", "SF1234567890123"),
        (" sf 1234-5678-90123 ", "SF1234567890123"),
        ("75123456789012", "75123456789012"),
        ("EA123456789CN", "EA123456789CN"),
        ("1234567", None),
        ("", None),
        ("SF'; DROP TABLE", None),
        ("1" * 30, None),
    ],
)
def test_waybill_number_in_one_form(text: str, number: str | None) -> None:
    """Spaces, dashes and case do not matter; what is no waybill anywhere is refused."""
    assert waybill.clean_number(text) == number


@given(st.text(max_size=100))
def test_waybill_number_never_raises(text: str) -> None:
    """Any text is either a number that is its own clean form, or none."""
    number = waybill.clean_number(text)
    assert number is None or waybill.clean_number(number) == number


def test_every_state_has_a_word_that_leads_back() -> None:
    """The Chinese word of each state is read as that state."""
    assert all(waybill.state_of(waybill.LABELS[s]) is s for s in WaybillState)
    assert waybill.state_of("乱写") is None
    assert waybill.label_of("signed") == "已签收"
    assert waybill.label_of("whatever") == "whatever"


def test_categories_of_the_source() -> None:
    """domain.md §5: categories — domain.md §5 names seven categories; each has a time of answer."""
    assert complaint.CATEGORIES == ("延误", "破损", "遗失", "服务态度", "查询结果不一致", "费用", "其它")
    assert set(complaint.ANSWER_HOURS) == set(complaint.CATEGORIES)


def test_due_at_follows_the_category() -> None:
    """The deadline is counted from the opening."""
    assert complaint.due_at("查询结果不一致", NOW) == NOW + timedelta(hours=12)
    assert complaint.due_at("unknown", NOW) == NOW + timedelta(hours=48)


def test_result_must_be_told_before_closing() -> None:
    """domain.md §5: told back — there is no way from open to closed without telling the customer."""
    closing = {state for (state, _), target in complaint.EDGES.items() if target is ComplaintState.CLOSED}
    assert closing == {ComplaintState.TOLD}
    assert complaint.next_state(ComplaintState.OPEN, "close") is None


def test_every_state_is_reached_and_leaves() -> None:
    """Every state but withdrawn leads on, and every one but open is reached."""
    sources = {state for state, _ in complaint.EDGES}
    targets = set(complaint.EDGES.values())
    assert sources == set(ComplaintState) - {ComplaintState.WITHDRAWN}
    assert targets == set(ComplaintState)
