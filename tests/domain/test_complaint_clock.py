"""Deadlines of complaints by category and tier, levels of what is late, who may do what (domain.md §5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from cti.config import ComplaintSettings
from cti.domain import complaint
from cti.domain.complaint import CATEGORIES, EDGES, ROLES, ComplaintState
from cti.domain.complaint_clock import LEVELS, Deadlines

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRIORITIES = {("sf", "project"): 14, ("sf", "vip"): 10, ("sf", "mid"): 6, ("sf", "low"): 2}


@pytest.mark.parametrize(
    ("tier", "hours"), [("project", 12), ("vip", 12), ("mid", 18), ("low", 24), ("", 24)]
)
def test_hours_are_multiplied_by_the_tiers_factor(tier: str, hours: float) -> None:
    """domain.md §5: response times — the category's hours, halved from priority 10, three quarters from
    6 (ours)."""
    due = Deadlines(priorities=PRIORITIES).due_at("延误", NOW, ("sf", tier) if tier else None)
    assert due == NOW + hours * HOUR


def test_a_promise_counts_when_it_is_earlier() -> None:
    """A promise shortens the time to the answer and never lengthens it."""
    deadlines = Deadlines()
    assert deadlines.due_at("延误", NOW, promised_at=NOW + HOUR) == NOW + HOUR
    assert deadlines.due_at("延误", NOW, promised_at=NOW + 99 * HOUR) == NOW + 24 * HOUR


def test_levels_rise_with_lateness_while_the_caller_waits() -> None:
    """In time nobody is told; then 班长, 投诉主管, 负责人; who has been told waits no longer."""
    levels = [Deadlines().level(ComplaintState.OPEN, NOW, NOW + h * HOUR) for h in (-1, 0, 0.1, 4, 24, 999)]
    assert levels == [0, 0, 1, 2, 3, 3]
    assert [LEVELS[n] for n in (1, 2, 3)] == ["班长", "投诉主管", "负责人"]
    assert Deadlines().level(ComplaintState.TOLD, NOW, NOW + 99 * HOUR) == 0
    assert Deadlines().level(ComplaintState.OPEN, None, NOW) == 0


def test_an_agent_acts_on_own_complaints_and_nobodys() -> None:
    """Supervisors and administrators act on every one; closing and reopening is theirs alone."""
    assert complaint.may("take", ["agent"], who="a", owner="")
    assert complaint.may("resolve", ["agent"], who="a", owner="a")
    assert not complaint.may("resolve", ["agent"], who="a", owner="b")
    assert complaint.may("resolve", ["supervisor"], who="c", owner="b")
    assert complaint.may("close", ["admin"], who="c", owner="b")
    assert not any(complaint.may(a, ["agent"], who="a", owner="a") for a in ("close", "reopen", "withdraw"))
    assert not any(complaint.may(a, ["qa", "qa_lead"], who="q", owner="") for a in ROLES)
    assert {action for _, action in EDGES} == set(ROLES)


def test_an_action_names_what_it_lacks() -> None:
    """domain.md §5: responsible department — a result needs department, cause and words; telling needs
    the way it was told."""
    assert complaint.missing("resolve", {"department": "派送部", "cause": " "}) == ("cause", "result")
    assert complaint.missing("tell", {"told_how": "phone"}) == ()
    assert complaint.missing("take", {}) == ()


def test_settings_refuse_a_category_that_is_none() -> None:
    """Own hours are by category; a typing error is told with the categories there are."""
    assert ComplaintSettings(hours={"延误": 8}).hours == {"延误": 8}
    with pytest.raises(ValidationError, match=CATEGORIES[0]):
        ComplaintSettings(hours={"天气": 8})
