"""The tracker on made-up facts: edges, bounds, surprises; what a real Asterisk says is in the traces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.ami.facts import FACTS, MAX_CONTEXT_KEYS, MAX_CONTEXT_VALUE
from cti.ami.states import CALL, LEG, CallState, CallStep, LegState, LegStep, advance, diagrams
from cti.ami.trace import message_of
from cti.ami.tracker import Tracker, TrackerEvent
from cti.domain.call import AgentEvent, AgentState, CallEvent, CallEventKind, Direction
from cti.domain.roster import Roster
from cti.errors import StateError

ROSTER = Roster(
    {
        "PJSIP/1001": "1001",
        "PJSIP/1002": "1002",
        "PJSIP/1004a": "1004",
        "PJSIP/1004b": "1004",
        "Local/1004@agents": "1004",
    }
)
T0 = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TRUNK, ONE, TWO = (
    ("PJSIP/trunk-00000001", "100.1"),
    ("PJSIP/1001-00000002", "100.2"),
    ("PJSIP/1002-00000003", "100.3"),
)


class Told:
    """A tracker and a clock; `say` feeds one event a second."""

    def __init__(self, **options: Any) -> None:
        self.tracker = Tracker("pbx1", ROSTER, **options)
        self.events: list[TrackerEvent] = []
        self.at = T0

    def say(
        self, name: str, line: tuple[str, str] | None = None, linkedid: str = "100.1", **headers: str
    ) -> None:
        self.at += timedelta(seconds=1)
        pairs = {"Event": name, "Timestamp": str(self.at.timestamp()), **headers}
        if line is not None:
            pairs |= {"Channel": line[0], "Uniqueid": line[1], "Linkedid": linkedid}
        dest = headers.get("DestChannel")
        if dest is not None:
            pairs.setdefault("DestLinkedid", linkedid)
        self.events += self.tracker.feed(message_of(list(pairs.items())))

    def arrive(self) -> None:
        self.say("Newchannel", TRUNK, CallerIDNum="13800138000", CallerIDName="刘女士", Exten="95543")

    def ring(self, dest: tuple[str, str], caller: tuple[str, str] = TRUNK, linkedid: str = "100.1") -> None:
        self.say("Newchannel", dest, linkedid)
        self.say("DialBegin", caller, linkedid, DestChannel=dest[0], DestUniqueid=dest[1])

    def bridge(self, bridge: str, *lines: tuple[str, str], linkedid: str = "100.1") -> None:
        for line in lines:
            self.say("BridgeEnter", line, linkedid, BridgeUniqueid=bridge)

    def kinds(self) -> list[str]:
        return [
            " ".join(filter(None, (e.kind.value, e.agent, e.reason)))
            for e in self.events
            if isinstance(e, CallEvent)
        ]


def test_the_pbx_time_is_the_time_of_the_event() -> None:
    """Events carry the PBX's own time stamp, and durations come of it."""
    told = Told()
    told.arrive()
    told.ring(ONE)
    told.bridge("b", TRUNK, ONE)
    told.say("Hangup", ONE, Cause="16")
    calls = [e for e in told.events if isinstance(e, CallEvent)]
    assert [e.at for e in calls] == [T0 + timedelta(seconds=n) for n in (1, 3, 5, 6)]
    assert calls[2].ring_s == 2.0
    assert calls[3].talk_s == 1.0
    assert (calls[0].caller_name, calls[0].did, calls[0].direction) == ("刘女士", "95543", Direction.INBOUND)


def test_every_edge_that_tells_is_reachable_and_absent_ones_raise() -> None:
    """A table edge gives its state; one that is not there raises StateError with both names."""
    for table in (CALL, LEG):
        for (state, step), (target, kind) in table.items():
            assert advance(table, state, step) == (target, kind)  # type: ignore[type-var]
    with pytest.raises(StateError, match=r"CallState ended .* arrive"):
        advance(CALL, CallState.ENDED, CallStep.ARRIVE)
    with pytest.raises(StateError, match=r"LegState ringing .* hold"):
        advance(LEG, LegState.RINGING, LegStep.HOLD)


def test_the_diagrams_are_drawn_from_the_tables() -> None:
    """Every telling edge of both tables is in the Mermaid text."""
    text = diagrams()
    assert text.count("stateDiagram-v2") == 2
    for table in (CALL, LEG):
        for (state, step), (target, kind) in table.items():
            if kind is not None:
                assert f"{state.value} --> {target.value}: {step.value} / {kind.value}" in text


def test_an_absent_edge_is_reported_and_nothing_stops() -> None:
    """A hold while ringing is a surprise: kept with state and fact in the text, the call goes on."""
    told = Told()
    told.arrive()
    told.ring(ONE)
    told.say("Hold", ONE)
    assert told.tracker.fault_count == 1
    assert "ringing" in told.tracker.faults[0]
    assert "hold" in told.tracker.faults[0]
    assert "HoldChanged" in told.tracker.faults[0]
    told.bridge("b", TRUNK, ONE)
    assert told.kinds()[-1] == "answered 1001"


def test_an_outbound_call_is_the_agents_own() -> None:
    """An agent who dials out has a call with direction outbound, answered when bridged, without an offer."""
    told = Told()
    told.say("Newchannel", ONE, "100.2", CallerIDNum="1001", Exten="13900139000")
    assert told.kinds() == []
    out = ("PJSIP/trunk-00000009", "100.9")
    told.ring(out, ONE, "100.2")
    told.bridge("b", ONE, out, linkedid="100.2")
    told.say("Hangup", out, "100.2", Cause="16")
    told.say("Hangup", ONE, "100.2", Cause="16")
    assert told.kinds() == ["arrived", "answered 1001", "wrapped_up 1001", "ended"]
    first = told.events[0]
    assert isinstance(first, CallEvent)
    assert (first.direction, first.did) == (Direction.OUTBOUND, "13900139000")


def test_a_call_between_agents_is_internal() -> None:
    """One agent calls another: internal, offered to the one who is called; the caller has no part."""
    told = Told()
    told.say("Newchannel", ONE, "100.2", CallerIDNum="1001", Exten="1002")
    told.ring(TWO, ONE, "100.2")
    told.bridge("b", ONE, TWO, linkedid="100.2")
    told.say("Hangup", TWO, "100.2", Cause="16")
    told.say("Hangup", ONE, "100.2", Cause="16")
    assert told.kinds() == ["arrived", "offered 1002", "answered 1002", "wrapped_up 1002", "ended"]
    assert {e.direction for e in told.events if isinstance(e, CallEvent)} == {Direction.INTERNAL}


def test_an_anonymous_caller_arrives_without_a_number() -> None:
    """<unknown> is nothing, and no reason not to arrive."""
    told = Told()
    told.say("Newchannel", TRUNK, CallerIDNum="<unknown>", CallerIDName="<unknown>", Exten="95543")
    event = told.events[0]
    assert isinstance(event, CallEvent)
    assert (event.kind, event.caller_number, event.caller_name) == (CallEventKind.ARRIVED, "", "")


def test_calls_that_are_joined_become_the_older_one() -> None:
    """A channel bridged into another call belongs to the older call from then on, the younger one is over."""
    told = Told()
    told.arrive()
    other = ("PJSIP/trunk-00000008", "200.1")
    told.say("Newchannel", other, "200.1", CallerIDNum="13900139000", Exten="95543")
    told.ring(TWO, other, "200.1")
    told.bridge("b2", other, TWO, linkedid="200.1")
    told.bridge("b2", TRUNK)
    told.say("Hangup", other, "100.1", Cause="16")
    told.say("Hangup", TWO, "100.1", Cause="16")
    told.say("Hangup", TRUNK, "100.1", Cause="16")
    told_of = [
        (e.key.linkedid, e.kind.value, e.agent, e.reason) for e in told.events if isinstance(e, CallEvent)
    ]
    assert told_of == [
        ("100.1", "arrived", "", ""),
        ("200.1", "arrived", "", ""),
        ("200.1", "offered", "1002", ""),
        ("200.1", "answered", "1002", ""),
        ("200.1", "wrapped_up", "1002", "transferred"),
        ("200.1", "ended", "", "merged"),
        ("100.1", "answered", "1002", ""),
        ("100.1", "wrapped_up", "1002", ""),
        ("100.1", "ended", "", ""),
    ]
    assert told.tracker.size() == 0


def test_a_changed_linkedid_alone_moves_the_channel() -> None:
    """Asterisk gives a channel an older Linkedid: its agent's part goes along."""
    told = Told()
    told.arrive()
    told.say("Newchannel", TWO, "300.1", Exten="x")
    told.say("NewCallerid", TWO, "100.1")
    assert [call.key.linkedid for call in told.tracker.live()] == ["100.1"]
    told.say("Hangup", TRUNK, Cause="16")
    told.say("Hangup", TWO, Cause="16")
    assert told.tracker.size() == 0


def test_a_masquerade_gives_a_channel_to_another_agent() -> None:
    """After Rename the channel is the other device's."""
    told = Told()
    told.arrive()
    told.say("Newchannel", ("AsyncGoto/PJSIP/1002-00000007", "100.7"))
    told.say("Rename", ("AsyncGoto/PJSIP/1002-00000007", "100.7"), Newname="PJSIP/1002-00000007")
    told.bridge("b", TRUNK, ("PJSIP/1002-00000007", "100.7"))
    assert told.kinds() == ["arrived", "answered 1002"]


def test_local_channels_are_gone_through() -> None:
    """An unknown Local channel between caller and agent is a passage: connected when both ends are."""
    told = Told()
    one, two = ("Local/x@y-00000001;1", "100.5"), ("Local/x@y-00000001;2", "100.6")
    told.arrive()
    told.say("Newchannel", one)
    told.say("Newchannel", two)
    told.bridge("b1", TRUNK, one)
    told.ring(ONE, two)
    told.bridge("b2", ONE, two)
    assert told.kinds() == ["arrived", "offered 1001", "answered 1001"]
    told.say("BridgeLeave", ONE, BridgeUniqueid="b2")
    told.bridge("b1", ONE)
    told.say("Hangup", one, Cause="16")
    told.say("Hangup", two, Cause="16")
    assert told.kinds() == ["arrived", "offered 1001", "answered 1001"]
    told.say("Hangup", ONE, Cause="16")
    assert told.kinds()[-1] == "wrapped_up 1001"


def test_the_context_of_the_ivr_is_joined_and_bounded() -> None:
    """Headers, variables and JSON of LaidianContext become one mapping, of bounded size."""
    told = Told()
    told.arrive()
    told.say("UserEvent", TRUNK, UserEvent="SomethingElse", waybill="X")
    told.say(
        "UserEvent", TRUNK, UserEvent="LaidianContext", Waybill="SF1234567890123", ChanVariable="intent=urge"
    )
    told.say("UserEvent", TRUNK, UserEvent="LaidianContext", Json='{"menu": "1", "tries": 2, "keys": ["1"]}')
    told.say("UserEvent", TRUNK, UserEvent="LaidianContext", Json="[" * 100_000)
    big = {f"k{n}": "v" * 5000 for n in range(200)}
    told.say("UserEvent", TRUNK, UserEvent="LaidianContext", **big)
    events = [e for e in told.events if isinstance(e, CallEvent) and e.kind is CallEventKind.CONTEXT]
    assert events[0].context == {"Waybill": "SF1234567890123", "intent": "urge"}
    assert events[1].context == {**events[0].context, "menu": "1", "tries": "2", "keys": '["1"]'}
    assert len(events[3].context) <= MAX_CONTEXT_KEYS + 5
    assert max(map(len, events[3].context.values())) == MAX_CONTEXT_VALUE
    assert list(told.tracker.faults) == []


def test_memory_is_bounded_when_hangups_never_come() -> None:
    """Beyond the maximum the oldest call is given up as lost, and that is said."""
    told = Told(max_calls=10)
    for n in range(50):
        line = (f"PJSIP/trunk-{n:08x}", f"{n}.1")
        told.say("Newchannel", line, f"{n}.1", CallerIDNum="13800138000", Exten="95543")
    assert len(told.tracker.live()) == 10
    ended = [e for e in told.events if isinstance(e, CallEvent) and e.kind is CallEventKind.ENDED]
    assert [e.key.linkedid for e in ended] == [f"{n}.1" for n in range(40)]
    assert {(e.reason, e.recovered) for e in ended} == {("lost", True)}
    assert told.tracker.fault_count == 40


def test_nothing_is_remembered_after_many_calls() -> None:
    """A thousand calls later everything is forgotten."""
    told = Told()
    for n in range(1000):
        trunk, agent = (f"PJSIP/trunk-{n:08x}", f"{n}.1"), (f"PJSIP/1001-{n:08x}", f"{n}.2")
        told.say("Newchannel", trunk, f"{n}.1", CallerIDNum="13800138000", Exten="95543")
        told.ring(agent, trunk, f"{n}.1")
        told.bridge(f"b{n}", trunk, agent, linkedid=f"{n}.1")
        told.say("Hangup", agent, f"{n}.1", Cause="16")
        told.say("Hangup", trunk, f"{n}.1", Cause="16")
    assert told.tracker.size() == 0
    assert list(told.tracker.faults) == []
    assert told.kinds().count("ended") == 1000


# ---- resync ------------------------------------------------------------------------------------


def row(
    line: tuple[str, str], state: str, bridge: str = "", duration: str = "00:00:10", **headers: str
) -> Any:
    given = {"Event": "CoreShowChannel", "Channel": line[0], "Uniqueid": line[1], "Linkedid": "100.1"}
    given |= {"ChannelState": state, "BridgeId": bridge, "Duration": duration, **headers}
    return message_of(list(given.items()))


CALLER_ROW = row(TRUNK, "6", CallerIDNum="13800138000", Exten="95543", duration="00:01:10")


def test_a_resync_on_an_empty_tracker_finds_who_waits_rings_and_talks() -> None:
    """Calls in progress at the start are told as recovered, the arrival with its own time."""
    told = Told()
    entry = message_of(
        [("Event", "QueueEntry"), ("Queue", "all"), ("Uniqueid", "100.1"), ("Position", "2"), ("Wait", "60")]
    )
    events = told.tracker.resync([CALLER_ROW, row(ONE, "5")], [entry], T0)
    calls = [e for e in events if isinstance(e, CallEvent)]
    assert [(e.kind.value, e.agent, e.at) for e in calls] == [
        ("arrived", "", T0 - timedelta(seconds=70)),
        ("queued", "", T0 - timedelta(seconds=60)),
        ("offered", "1001", T0),
    ]
    assert all(e.recovered for e in calls)
    assert calls[1].position == 2
    assert (calls[2].caller_number, calls[2].queue) == ("13800138000", "all")


def test_a_resync_that_shows_nothing_new_tells_nothing() -> None:
    """The same picture twice gives no event."""
    told = Told()
    rows = [row(TRUNK, "6", "b", CallerIDNum="13800138000", Exten="95543"), row(ONE, "6", "b")]
    assert [e.kind.value for e in told.tracker.resync(rows, [], T0) if isinstance(e, CallEvent)] == [
        "arrived",
        "answered",
    ]
    assert told.tracker.resync(rows, [], T0 + timedelta(seconds=9)) == []


def test_a_resync_ends_what_is_gone() -> None:
    """A stuck call is reaped: its ringing is lost, its talk over, the call ended, all recovered."""
    told = Told()
    told.arrive()
    told.ring(ONE)
    assert [
        (e.kind.value, e.reason, e.recovered)
        for e in told.tracker.resync([], [], T0)
        if isinstance(e, CallEvent)
    ] == [("offer_ended", "lost", True), ("ended", "lost", True)]
    assert told.tracker.size() == 0


def test_a_resync_in_the_middle_of_a_consultation_knows_whose_call_it_is() -> None:
    """An agent with a caller on hold asks a colleague on a second line: one call, found as it is."""
    second = {"Linkedid": "100.4"}
    rows = [
        row(("PJSIP/1001-00000005", "100.4"), "6", "b2", CallerIDNum="1001", **second),
        row(("PJSIP/1002-00000006", "100.5"), "6", "b2", **second),
        row(TRUNK, "6", "b1", CallerIDNum="13800138000", Exten="95543"),
        row(ONE, "6", "b1"),
    ]
    told = Told()
    calls = [e for e in told.tracker.resync(rows, [], T0) if isinstance(e, CallEvent)]
    assert [(e.kind.value, e.agent, e.caller_number, e.peer, e.reason) for e in calls] == [
        ("arrived", "", "13800138000", "", ""),
        ("answered", "1001", "13800138000", "", ""),
        ("answered", "1002", "13800138000", "1001", "consult"),
    ]
    assert {e.key.linkedid for e in calls} == {"100.1"}


def test_a_resync_finds_the_direction_of_an_agents_own_call() -> None:
    """An agent talking with a trunk is outbound, with a colleague internal."""
    for other, direction, agent in ((TRUNK, Direction.OUTBOUND, "1001"), (TWO, Direction.INTERNAL, "1002")):
        told = Told()
        rows = [
            row(("PJSIP/1001-00000002", "100.0"), "6", "b", Linkedid="100.0", Exten="x1"),
            row(other, "6", "b", Linkedid="100.0"),
        ]
        calls = [e for e in told.tracker.resync(rows, [], T0) if isinstance(e, CallEvent)]
        assert [(e.kind.value, e.agent, e.direction) for e in calls] == [
            ("arrived", "", direction),
            ("answered", agent, direction),
        ]


def test_late_events_after_a_resync_change_nothing() -> None:
    """Events that are older than the picture (ringing of a call that is answered by now) tell nothing."""
    told = Told()
    rows = [row(TRUNK, "6", "b", CallerIDNum="13800138000", Exten="95543"), row(ONE, "6", "b")]
    told.tracker.resync(rows, [], T0)
    told.arrive()
    told.ring(ONE)
    told.say("DialEnd", TRUNK, DestChannel=ONE[0], DestUniqueid=ONE[1], DialStatus="ANSWER")
    told.bridge("b", TRUNK, ONE)
    told.say("Hangup", TWO, Cause="16")
    assert told.kinds() == []
    assert list(told.tracker.faults) == []


# ---- agents ------------------------------------------------------------------------------------


def member(
    told: Told, interface: str, status: str, queue: str = "all", paused: str = "0", reason: str = ""
) -> None:
    told.say(
        "QueueMemberStatus",
        Queue=queue,
        Interface=interface,
        Status=status,
        Paused=paused,
        PausedReason=reason,
    )


def states(told: Told) -> list[tuple[str, str, str]]:
    return [(e.agent, e.state.value, e.reason) for e in told.events if isinstance(e, AgentEvent)]


def test_an_agents_state_is_told_once_per_change() -> None:
    """The same state again, or from another queue, is no news."""
    told = Told()
    for status in ("1", "1", "6", "2", "2", "1", "5"):
        member(told, "PJSIP/1001", status)
    told.say("DeviceStateChange", Device="PJSIP/1001", State="UNAVAILABLE")
    assert [state for _, state, _ in states(told)] == ["available", "ringing", "busy", "available", "offline"]


def test_the_reason_of_a_pause_is_told_and_a_talk_shows_before_it() -> None:
    """Paused while talking is busy; paused when the talk is over, with the reason."""
    told = Told()
    member(told, "PJSIP/1001", "2")
    member(told, "PJSIP/1001", "2", paused="1", reason="小休")
    member(told, "PJSIP/1001", "1", paused="1", reason="小休")
    member(told, "PJSIP/1001", "1", paused="1", reason="就餐")
    assert states(told) == [("1001", "busy", ""), ("1001", "paused", "小休"), ("1001", "paused", "就餐")]


def test_one_of_two_devices_is_enough_to_be_available() -> None:
    """An agent with two devices is offline only when both are."""
    told = Told()
    told.say("QueueMemberAdded", Queue="all", Interface="PJSIP/1004a", Status="5", Paused="0")
    told.say("DeviceStateChange", Device="PJSIP/1004b", State="NOT_INUSE")
    told.say("DeviceStateChange", Device="PJSIP/1004b", State="UNAVAILABLE")
    assert [state for _, state, _ in states(told)] == ["offline", "available", "offline"]


def test_an_agent_in_no_queue_is_offline() -> None:
    """Removed from the last queue, an agent is offline; of strangers nothing is told."""
    told = Told()
    member(told, "PJSIP/1001", "1")
    member(told, "PJSIP/9999", "1")
    told.say("QueueMemberRemoved", Queue="all", Interface="PJSIP/1001")
    assert states(told) == [("1001", "available", ""), ("1001", "offline", "")]
    assert [e.state for e in told.tracker.agents()] == [AgentState.OFFLINE]


# ---- anything ----------------------------------------------------------------------------------

CHANNELS = st.sampled_from(
    [
        "PJSIP/trunk-00000001",
        "PJSIP/1001-00000002",
        "PJSIP/1002-00000003",
        "PJSIP/1004a-00000004",
        "PJSIP/1004b-00000005",
        "Local/1004@agents-00000001;1",
        "Local/1004@agents-00000001;2",
        "Local/x@y-00000002;1",
        "Local/x@y-00000002;2",
        "",
    ]
)
IDS = st.sampled_from(["100.1", "100.2", "100.3", "100.4", "200.1", "200.2", "", "x"])
HEADERS = st.fixed_dictionaries(
    {"Channel": CHANNELS, "Uniqueid": IDS, "Linkedid": IDS},
    optional={
        "DestChannel": CHANNELS,
        "DestUniqueid": IDS,
        "DestLinkedid": IDS,
        "Interface": st.sampled_from(["PJSIP/1001", "PJSIP/1002", "Local/1004@agents", "nobody"]),
        "Queue": st.sampled_from(["all", "hunt"]),
        "DialStatus": st.sampled_from(["ANSWER", "CANCEL", "BUSY", "NOANSWER", "?"]),
        "BridgeUniqueid": st.sampled_from(["b1", "b2", ""]),
        "TransfererUniqueid": IDS,
        "OrigTransfererUniqueid": IDS,
        "SecondTransfererUniqueid": IDS,
        "Result": st.sampled_from(["Success", "Fail"]),
        "Reason": st.sampled_from(["caller", "agent", "transfer"]),
        "Newname": CHANNELS,
        "CallerIDNum": st.sampled_from(["13800138000", "<unknown>", "1001"]),
        "Exten": st.sampled_from(["95543", "1002", ""]),
        "Cause": st.sampled_from(["16", "17", "26", "", "x"]),
        "Status": st.sampled_from(["0", "1", "6", "99", "x"]),
        "Paused": st.sampled_from(["0", "1"]),
        "UserEvent": st.just("LaidianContext"),
        "Timestamp": st.sampled_from(["1795357567.25", "nan", "1e400", "-1", "x", ""]),
        "Json": st.sampled_from(['{"a": 1}', "[1]", "{", "null"]),
    },
)
EVENTS = st.lists(st.tuples(st.sampled_from(sorted(FACTS)), HEADERS), max_size=60)


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.integers(0, 60))
def test_any_order_of_any_events_keeps_the_promises(
    events: list[tuple[str, dict[str, str]]], cut: int
) -> None:
    """Whatever comes: nothing raises, each call arrives first and ends once, and a last resync clears all."""
    tracker = Tracker("pbx1", ROSTER, max_calls=50)
    told: list[TrackerEvent] = []
    for number, (name, headers) in enumerate(events):
        if number == cut:
            told += tracker.resync([row(ONE, "6", "b1"), row(TRUNK, "6", "b1")], [], T0)
        told += tracker.feed(message_of([("Event", name), *headers.items()]), T0)
    told += tracker.resync([], [], T0)
    assert tracker.size() == 0
    seen: dict[Any, list[CallEventKind]] = {}
    for event in told:
        if isinstance(event, CallEvent):
            seen.setdefault(event.key, []).append(event.kind)
    for kinds in seen.values():
        lives = "".join(
            "A" if k is CallEventKind.ARRIVED else "E" if k is CallEventKind.ENDED else "." for k in kinds
        )
        for life in lives.rstrip("E").split("E"):
            assert life.startswith("A")
            assert life.count("A") == 1
        assert lives.endswith("E")


@pytest.mark.parametrize("late", [False, True])
def test_a_blind_transfer_may_be_told_after_the_hang_up(*, late: bool) -> None:
    """The transferring thread of the PBX can be slower than the bridge's: the giver is known all the same."""
    told = Told()
    told.arrive()
    told.ring(ONE)
    told.bridge("b1", TRUNK, ONE)
    given = {
        "TransfererChannel": ONE[0],
        "TransfererUniqueid": ONE[1],
        "TransfererLinkedid": TRUNK[1],
        "Result": "Success",
        "Extension": "1002",
    }
    steps = [lambda: told.say("BlindTransfer", **given), lambda: told.say("Hangup", ONE, Cause="16")]
    for step in reversed(steps) if late else steps:
        step()
    told.ring(TWO)
    offered = [e for e in told.events if isinstance(e, CallEvent) and e.kind is CallEventKind.OFFERED][-1]
    assert (offered.agent, offered.peer, offered.chain) == ("1002", "1001", ("1001",))
    assert "transferred 1001 blind" in told.kinds()
    assert told.tracker.fault_count == 0


def test_an_agent_rung_before_the_queue_is_rung_for_that_queue() -> None:
    """LaidianFirst gives the next offer its queue, and no later one."""
    told = Told()
    told.arrive()
    told.say("UserEvent", TRUNK, UserEvent="LaidianFirst", Queue="hotline")
    told.ring(ONE)
    told.say("DialEnd", DestChannel=ONE[0], DestUniqueid=ONE[1], DialStatus="NOANSWER")
    told.say("Hangup", ONE, Cause="19")
    told.ring(TWO)
    offered = [e for e in told.events if isinstance(e, CallEvent) and e.kind is CallEventKind.OFFERED]
    assert [(e.agent, e.queue) for e in offered] == [("1001", "hotline"), ("1002", "")]
    assert [e.context for e in offered] == [{}, {}]
    assert told.tracker.fault_count == 0
