"""Routing (domain.md §2): level in the queue, and who is rung before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain.customer import ContactSummary, Customer, CustomerKind, Lookup, Outcome, TierRef
from cti.domain.routing import (
    HIGHEST,
    ORDINARY,
    Agents,
    Caller,
    First,
    Route,
    Rules,
    caller_of,
    decide,
)
from cti.schemes import load_scheme

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
RULES = Rules()
FREE = Agents(("1001", "1002", "1003"), languages={"1002": {"粤语"}, "1003": {"粤语", "普通话"}})


def without(*agents: str) -> Agents:
    """The same agents, some of whom are not free."""
    return Agents(tuple(a for a in FREE.free if a not in agents), languages=FREE.languages)


def rejected(*agents: str) -> Agents:
    """The same agents, some of whom have just rejected a call."""
    return Agents(FREE.free, frozenset(agents), FREE.languages)


REPRESENTATIVE = Route(0, "1001", 15, First.REPRESENTATIVE)
LAST = Route(0, "1001", 10, First.LAST_AGENT)
SPEAKER = Route(0, "1002", 10, First.LANGUAGE)


@pytest.mark.parametrize(
    ("caller", "agents", "route"),
    [
        (Caller(), FREE, ORDINARY),
        (Caller(tier_priority=6), FREE, Route(6)),
        (Caller(green_channel=True), FREE, Route(10)),
        (Caller(tier_priority=14, green_channel=True), FREE, Route(14)),
        (Caller(tier_priority=99), FREE, Route(HIGHEST)),
        (Caller(representative="1001"), FREE, REPRESENTATIVE),
        (Caller(representative="1001"), without("1001"), ORDINARY),
        (Caller(representative="1001"), rejected("1001"), ORDINARY),
        (Caller(representative="9999"), FREE, ORDINARY),
        (Caller(representative="1001", last_agent="1002", last_at=YESTERDAY), FREE, REPRESENTATIVE),
        (Caller(representative="1003", last_agent="1001", last_at=YESTERDAY), without("1003"), LAST),
        (Caller(last_agent="1001", last_at=NOW - timedelta(days=3)), FREE, LAST),
        (Caller(last_agent="1001", last_at=NOW - timedelta(days=3, seconds=1)), FREE, ORDINARY),
        (Caller(last_agent="1001", last_at=YESTERDAY), rejected("1001"), ORDINARY),
        (Caller(language="粤语"), FREE, SPEAKER),
        (Caller(language="粤语", last_agent="1001", last_at=YESTERDAY), FREE, SPEAKER),
        (Caller(language="闽南语", last_agent="1001", last_at=YESTERDAY), FREE, LAST),
        (Caller(language="粤语", representative="1001"), FREE, REPRESENTATIVE),
        (Caller(language="普通话"), rejected("1003"), ORDINARY),
    ],
)
def test_who_is_first(caller: Caller, agents: Agents, route: Route) -> None:
    """Representative before language before last agent, each only if free and not just rejecting."""
    assert decide(caller, agents, RULES, NOW) == route


def test_last_agent_who_speaks_the_language_is_kept() -> None:
    """The last agent goes before other speakers when the language fits."""
    caller = Caller(language="粤语", last_agent="1003", last_at=YESTERDAY)
    assert decide(caller, FREE, RULES, NOW) == Route(0, "1003", 10, First.LAST_AGENT)


def test_zero_seconds_switch_a_step_off() -> None:
    """Without ringing time nobody is rung out of turn; the level stays."""
    rules = Rules(representative_s=0, last_agent_s=0, language_s=0)
    caller = Caller(5, False, "1001", "粤语", "1002", YESTERDAY)
    assert decide(caller, FREE, rules, NOW) == Route(5)


_numbers = st.sampled_from(["", "1001", "1002", "1003", "9999"])


@given(
    st.builds(
        Caller,
        st.integers(-3, 99),
        st.booleans(),
        _numbers,
        st.sampled_from(["", "粤语", "普通话"]),
        _numbers,
        st.none() | st.timedeltas(timedelta(0), timedelta(9)).map(lambda ago: NOW - ago),
    ),
    st.lists(st.sampled_from(FREE.free), unique=True),
    st.frozensets(st.sampled_from(FREE.free)),
    st.builds(Rules, st.integers(0, 14), *[st.integers(0, 60)] * 2, st.floats(0, 9), st.integers(0, 60)),
)
def test_a_route_is_always_within_bounds(
    caller: Caller, free: list[str], rejecting: frozenset[str], rules: Rules
) -> None:
    """The level is 0–14; who is rung first is free, has not rejected, and is rung for a limited time."""
    route = decide(caller, Agents(free, rejecting, FREE.languages), rules, NOW)
    assert 0 <= route.priority <= HIGHEST
    assert route.priority >= min(caller.tier_priority, HIGHEST)
    assert bool(route.agent) == (route.ring_s > 0) == (route.first is not First.NOBODY)
    if route.agent:
        assert route.agent in free
        assert route.agent not in rejecting
        assert route.ring_s <= 60


PRIORITIES = {("sf", t.id): t.benefits.priority for t in load_scheme("sf").tiers}


def customer(**values: object) -> Customer:
    """A VIP of scheme sf."""
    given = {"tier": TierRef("sf", "vip", "VIP客户"), "representative": "1002", "green_channel": True}
    fixed = {"id": 1, "code": "C1", "kind": CustomerKind.PERSON, "name": "王", "title": "先生"}
    texts = {"company": "", "address": "", "birthday": None}
    return Customer(**{**fixed, **texts, **given, **values})  # type: ignore[arg-type]


def talk(days: float, agent: str, channel: str = "call") -> ContactSummary:
    """An earlier contact."""
    return ContactSummary(NOW - timedelta(days=days), channel, "inbound", agent, "")


def test_one_customer_steers_by_tier_and_history() -> None:
    """Level of the tier, representative, language and the agent of the latest call are taken over."""
    contacts = (talk(2, "1001"), talk(1, "1003"), talk(0.5, "", "call"), talk(0.1, "1002", "visit"))
    lookup = Lookup(Outcome.ONE, "exact", customer(preferences={"方言": " 粤语 "}), contacts=contacts)
    assert caller_of(lookup, PRIORITIES) == Caller(10, True, "1002", "粤语", "1003", YESTERDAY)


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.ONE])
def test_an_unsure_match_steers_nothing(outcome: Outcome) -> None:
    """Several customers, an unsure hint or a number that may not be looked up are ordinary."""
    lookup = Lookup(outcome, "suffix", candidates=(customer(), customer(id=2)))
    assert decide(caller_of(lookup, PRIORITIES), FREE, RULES, NOW) == ORDINARY


def test_a_tier_of_another_scheme_gives_no_level() -> None:
    """A tier that no known scheme has is ordinary, not an error."""
    lookup = Lookup(Outcome.ONE, "exact", customer(tier=TierRef("old", "gold", "金"), green_channel=False))
    assert caller_of(lookup, PRIORITIES).tier_priority == 0
    assert caller_of(Lookup(Outcome.ONE, "exact", customer(tier=None)), PRIORITIES).tier_priority == 0
