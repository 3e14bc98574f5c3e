"""The named traces: what the tracker makes of what a real Asterisk said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cti.ami.facts import WANTED
from cti.ami.trace import Entry, Resynced, Said, as_json, guess_roster, read, replay
from cti.ami.tracker import Tracker, TrackerEvent
from cti.domain.call import CallEvent, CallEventKind
from tests.traces.scenarios import SCENARIOS, Scenario
from tests.traces.story import stories

TRACES = Path(__file__).parent.parent / "traces"
NAMES = [scenario.name for scenario in SCENARIOS]


def expected(name: str) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((TRACES / f"{name}.expected.json").read_text(encoding="utf-8"))
    return loaded


def take(tracker: Tracker, entry: Entry) -> list[TrackerEvent]:
    if isinstance(entry, Said):
        return tracker.feed(entry.message, entry.at)
    if isinstance(entry, Resynced):
        return tracker.resync(entry.channels, entry.queues, entry.at)
    return []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_a_trace_tells_its_story(scenario: Scenario) -> None:
    """Replaying a recorded trace gives the story that was written down by hand for it."""
    events = list(replay(TRACES / f"{scenario.name}.jsonl"))
    assert stories(events, anybody=scenario.anybody) == sorted(scenario.story)


@pytest.mark.parametrize("name", NAMES)
def test_a_trace_gives_exactly_the_expected_events(name: str) -> None:
    """Every event of the replay equals the stored one: times, durations, numbers, chain."""
    assert [as_json(event) for event in replay(TRACES / f"{name}.jsonl")] == expected(name)["events"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_or_surprising_after_a_trace(name: str) -> None:
    """After its last call the tracker remembers nothing and has complained of nothing."""
    tracker = Tracker("pbx1", guess_roster(read(TRACES / f"{name}.jsonl")))
    for entry in read(TRACES / f"{name}.jsonl"):
        take(tracker, entry)
    assert (list(tracker.faults), tracker.size(), tracker.live()) == ([], 0, [])


@pytest.mark.parametrize("name", NAMES)
def test_a_call_can_be_picked_up_anywhere(name: str) -> None:
    """Beginning to listen at any message of a trace neither raises nor leaves a call behind."""
    entries = list(read(TRACES / f"{name}.jsonl"))
    roster = guess_roster(read(TRACES / f"{name}.jsonl"))
    for start in range(0, len(entries), max(1, len(entries) // 60)):
        tracker = Tracker("pbx1", roster)
        ended = [
            event
            for entry in entries[start:]
            for event in take(tracker, entry)
            if isinstance(event, CallEvent) and event.kind is CallEventKind.ENDED
        ]
        assert tracker.live() == []
        assert len({event.key for event in ended}) == len(ended)


def test_hearing_everything_twice_tells_nothing_new() -> None:
    """A fact that is heard again (late events after a resync) gives no second call event."""
    for name in ("direct", "ring_all", "hold", "two_devices_in_queue"):
        path = TRACES / f"{name}.jsonl"
        tracker = Tracker("pbx1", guess_roster(read(path)))
        events = [
            event
            for entry in read(path)
            if isinstance(entry, Said)
            for _ in range(2)
            for event in tracker.feed(entry.message, entry.at)
        ]
        once = [e for e in replay(path) if isinstance(e, CallEvent)]
        assert [e.kind for e in events if isinstance(e, CallEvent)] == [e.kind for e in once]


def test_traces_hold_only_what_matters_and_no_secrets() -> None:
    """Recorded traces carry only events of the fact table, and no secret."""
    for name in NAMES:
        text = (TRACES / f"{name}.jsonl").read_text(encoding="utf-8")
        assert "only-for-tests" not in text
        names = {e.message.name for e in read(TRACES / f"{name}.jsonl") if isinstance(e, Said)}
        assert names <= WANTED


def test_the_receiver_of_a_transfer_sees_the_caller_and_the_chain() -> None:
    """After a blind transfer the offer to the next agent has the caller's number, name, giver and chain."""
    for name in ("blind", "blind_from_queue"):
        offers = [
            e
            for e in replay(TRACES / f"{name}.jsonl")
            if isinstance(e, CallEvent) and e.kind is CallEventKind.OFFERED and e.agent == "1002"
        ]
        assert [(e.caller_number, e.caller_name, e.peer, e.chain) for e in offers] == [
            ("13800138000", "刘女士", "1001", ("1001",))
        ]


def test_the_receiver_of_an_attended_transfer_sees_the_caller_while_being_asked() -> None:
    """Already the consulting call shows whom it is about, and the call keeps its key."""
    events = [e for e in replay(TRACES / "attended.jsonl") if isinstance(e, CallEvent)]
    offer = next(e for e in events if e.kind is CallEventKind.OFFERED and e.agent == "1002")
    assert (offer.caller_number, offer.caller_name, offer.peer) == ("13800138000", "刘女士", "1001")
    assert len({e.key for e in events}) == 1
