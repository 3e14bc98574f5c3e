"""Which AMI events matter, and what each of them says as a typed fact.

`FACTS` is the one table: an event that is not in it is skipped by the parser after its first line. Event
and header names are those of Asterisk 13 to 22 ("AMI Events" of its documentation), where every event about
a channel carries that channel's whole snapshot.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cti.ami.wire import Message

CONTEXT_EVENT = "LaidianContext"  # UserEvent by which the IVR tells what the caller did
PLACE_EVENT = "LaidianPlace"  # UserEvent: a channel was moved to one of call control's places
FIRST_EVENT = "LaidianFirst"  # UserEvent: an agent is rung for a queue before the caller enters it
LISTENER = "laidian-spy-"
"""How the Uniqueid of a channel begins by which a supervisor listens: it is nobody's call."""
MAX_CONTEXT_KEYS, MAX_CONTEXT_VALUE = 64, 2048
_YEAR_9999 = 253_370_764_800
_ABSENT = frozenset({"", "<unknown>", "<none>", "(null)"})
_SNAPSHOT = frozenset(
    {"Event", "Privilege", "Timestamp", "SequenceNumber", "SystemName", "Channel", "ChannelState"}
    | {"ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName"}
    | {"Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid"}
    | {"UserEvent", "ActionID", "ChanVariable", "Json", "JSON"}
)


@dataclass(frozen=True, slots=True)
class Channel:
    """What an event says of one channel; all texts are the peer's."""

    uniqueid: str
    name: str = ""
    linkedid: str = ""
    number: str = ""
    caller_name: str = ""
    exten: str = ""
    context: str = ""
    up: bool = False


@dataclass(frozen=True, slots=True)
class ChannelCreated:
    channel: Channel


@dataclass(frozen=True, slots=True)
class CallerChanged:
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelRenamed:
    uniqueid: str
    name: str


@dataclass(frozen=True, slots=True)
class HangupAsked:
    """`soft`: Asterisk or AMI asked for it, not the far end."""

    channel: Channel
    cause: int | None
    soft: bool


@dataclass(frozen=True, slots=True)
class HungUp:
    channel: Channel
    cause: int | None


@dataclass(frozen=True, slots=True)
class DialBegan:
    caller: Channel | None
    dest: Channel


@dataclass(frozen=True, slots=True)
class DialEnded:
    dest: Channel
    status: str  # ANSWER BUSY NOANSWER CANCEL CONGESTION CHANUNAVAIL ABORT …


@dataclass(frozen=True, slots=True)
class QueueJoined:
    channel: Channel
    queue: str
    position: int | None


@dataclass(frozen=True, slots=True)
class QueueLeft:
    channel: Channel
    queue: str


@dataclass(frozen=True, slots=True)
class QueueAbandoned:
    channel: Channel
    queue: str
    position: int | None
    hold_s: float | None


@dataclass(frozen=True, slots=True)
class AgentRung:
    """A queue rings one of its members."""

    caller: Channel
    dest: Channel
    queue: str
    interface: str


@dataclass(frozen=True, slots=True)
class AgentMissed:
    caller: Channel
    queue: str
    interface: str
    ring_s: float | None


@dataclass(frozen=True, slots=True)
class AgentConnected:
    caller: Channel
    dest: Channel
    queue: str
    interface: str
    hold_s: float | None
    ring_s: float | None


@dataclass(frozen=True, slots=True)
class AgentCompleted:
    caller: Channel
    dest: Channel
    queue: str
    interface: str
    hold_s: float | None
    talk_s: float | None
    reason: str  # caller, agent, transfer


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    channel: Channel
    bridge: str


@dataclass(frozen=True, slots=True)
class BridgeLeft:
    channel: Channel
    bridge: str


@dataclass(frozen=True, slots=True)
class HoldChanged:
    channel: Channel
    held: bool


@dataclass(frozen=True, slots=True)
class BlindTransferred:
    transferer: Channel
    transferee: Channel | None
    exten: str
    ok: bool


@dataclass(frozen=True, slots=True)
class AttendedTransferred:
    first: Channel  # the transferer's channel towards the caller
    second: Channel  # the transferer's channel towards the receiver
    transferee: Channel | None
    target: Channel | None
    ok: bool


@dataclass(frozen=True, slots=True)
class ContextGiven:
    channel: Channel
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FirstRung:
    """Whoever is dialled next is rung for this queue, which the caller has not entered yet."""

    channel: Channel
    queue: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A channel is in a place of call control; `by` gave the caller away, to `target`."""

    channel: Channel
    place: str
    by: str = ""
    kind: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """State of one queue member: `status` is Asterisk's device state number."""

    queue: str
    interface: str
    status: int
    paused: bool
    reason: str


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    queue: str
    interface: str


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    device: str
    state: str  # NOT_INUSE INUSE BUSY INVALID UNAVAILABLE RINGING RINGINUSE ONHOLD UNKNOWN


Fact = (
    ChannelCreated
    | CallerChanged
    | ChannelRenamed
    | HangupAsked
    | HungUp
    | DialBegan
    | DialEnded
    | QueueJoined
    | QueueLeft
    | QueueAbandoned
    | AgentRung
    | AgentMissed
    | AgentConnected
    | AgentCompleted
    | BridgeEntered
    | BridgeLeft
    | HoldChanged
    | BlindTransferred
    | AttendedTransferred
    | ContextGiven
    | FirstRung
    | Placed
    | MemberChanged
    | MemberRemoved
    | DeviceChanged
)


def text(value: str) -> str:
    """Asterisk writes ``<unknown>`` and the like where there is nothing."""
    return "" if value in _ABSENT else value


def number(value: str) -> float | None:
    """A header that should hold a number, None where it does not."""
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def whole(value: str) -> int | None:
    """A header that should hold a whole number, None where it does not."""
    try:
        return int(value)
    except ValueError:
        return None


def channel(m: Message, prefix: str = "") -> Channel:
    """The snapshot with this prefix (``Dest``, ``Transferee`` …)."""
    get = m.get
    return Channel(
        uniqueid=get(prefix + "Uniqueid", ""),
        name=get(prefix + "Channel", ""),
        linkedid=get(prefix + "Linkedid", ""),
        number=text(get(prefix + "CallerIDNum", "")),
        caller_name=text(get(prefix + "CallerIDName", "")),
        exten=get(prefix + "Exten", ""),
        context=get(prefix + "Context", ""),
        up=get(prefix + "ChannelState") == "6",
    )


def ref(m: Message, prefix: str = "") -> Channel:
    """As `channel`, but only which channel it is: most facts need no more."""
    return Channel(m.get(prefix + "Uniqueid"), m.get(prefix + "Channel"), m.get(prefix + "Linkedid"))


def _maybe(m: Message, prefix: str) -> Channel | None:
    return channel(m, prefix) if m.has(prefix + "Uniqueid") else None


def _seconds(m: Message, header: str) -> float | None:
    return number(m.get(header))


def _member(m: Message) -> MemberChanged:
    return MemberChanged(
        queue=m.get("Queue"),
        interface=m.get("Interface") or m.get("Location"),
        status=whole(m.get("Status")) or 0,
        paused=m.get("Paused") == "1",
        reason=m.get("PausedReason"),
    )


def _context(m: Message) -> ContextGiven | None:
    """UserEvent LaidianContext: own headers, ``ChanVariable: NAME=VALUE`` and ``Json: {…}`` joined."""
    if m.get("UserEvent") != CONTEXT_EVENT:
        return None
    values: dict[str, str] = {key: m.get(key) for key in m.headers if key not in _SNAPSHOT}
    for pair in m.get_all("ChanVariable"):
        name, found, value = pair.partition("=")
        if found:
            values[name.strip()] = value
    try:
        loaded: Any = json.loads(m.get("Json") or m.get("JSON") or "{}")
    except (ValueError, RecursionError):
        loaded = {}
    if isinstance(loaded, dict):
        values.update(
            (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for key, value in loaded.items()
        )
    kept = list(values.items())[:MAX_CONTEXT_KEYS]
    return ContextGiven(channel(m), {key[:64]: value[:MAX_CONTEXT_VALUE] for key, value in kept})


def _told(m: Message) -> ContextGiven | FirstRung | Placed | None:
    """Our own UserEvents; others are nothing to us."""
    if m.get("UserEvent") == PLACE_EVENT:
        return Placed(ref(m), m.get("Place"), m.get("By"), m.get("Kind"), m.get("Target"))
    if m.get("UserEvent") == FIRST_EVENT:
        return FirstRung(ref(m), m.get("Queue"))
    return _context(m)


FACTS: Mapping[str, Callable[[Message], Fact | None]] = {
    "Newchannel": lambda m: ChannelCreated(channel(m)),
    "NewCallerid": lambda m: CallerChanged(channel(m)),
    "Rename": lambda m: ChannelRenamed(m.get("Uniqueid"), m.get("Newname")),
    "HangupRequest": lambda m: HangupAsked(ref(m), whole(m.get("Cause")), soft=False),
    "SoftHangupRequest": lambda m: HangupAsked(ref(m), whole(m.get("Cause")), soft=True),
    "Hangup": lambda m: HungUp(ref(m), whole(m.get("Cause"))),
    "DialBegin": lambda m: DialBegan(_maybe(m, ""), ref(m, "Dest")),
    "DialEnd": lambda m: DialEnded(ref(m, "Dest"), m.get("DialStatus")),
    "QueueCallerJoin": lambda m: QueueJoined(channel(m), m.get("Queue"), whole(m.get("Position"))),
    "QueueCallerLeave": lambda m: QueueLeft(ref(m), m.get("Queue")),
    "QueueCallerAbandon": lambda m: QueueAbandoned(
        ref(m), m.get("Queue"), whole(m.get("Position")), _seconds(m, "HoldTime")
    ),
    "AgentCalled": lambda m: AgentRung(channel(m), ref(m, "Dest"), m.get("Queue"), m.get("Interface")),
    "AgentRingNoAnswer": lambda m: AgentMissed(
        ref(m), m.get("Queue"), m.get("Interface"), _milliseconds(m, "RingTime")
    ),
    "AgentConnect": lambda m: AgentConnected(
        channel(m),
        ref(m, "Dest"),
        m.get("Queue"),
        m.get("Interface"),
        _seconds(m, "HoldTime"),
        _seconds(m, "RingTime"),
    ),
    "AgentComplete": lambda m: AgentCompleted(
        ref(m),
        ref(m, "Dest"),
        m.get("Queue"),
        m.get("Interface"),
        _seconds(m, "HoldTime"),
        _seconds(m, "TalkTime"),
        m.get("Reason"),
    ),
    "BridgeEnter": lambda m: BridgeEntered(ref(m), m.get("BridgeUniqueid")),
    "BridgeLeave": lambda m: BridgeLeft(ref(m), m.get("BridgeUniqueid")),
    "Hold": lambda m: HoldChanged(ref(m), True),
    "Unhold": lambda m: HoldChanged(ref(m), False),
    "BlindTransfer": lambda m: BlindTransferred(
        channel(m, "Transferer"), _maybe(m, "Transferee"), m.get("Extension"), m.get("Result") == "Success"
    ),
    "AttendedTransfer": lambda m: AttendedTransferred(
        channel(m, "OrigTransferer"),
        channel(m, "SecondTransferer"),
        _maybe(m, "Transferee"),
        _maybe(m, "TransferTarget"),
        m.get("Result") == "Success",
    ),
    "UserEvent": _told,
    "QueueMemberStatus": _member,
    "QueueMemberPause": _member,
    "QueueMemberAdded": _member,
    "QueueMemberRemoved": lambda m: MemberRemoved(m.get("Queue"), m.get("Interface")),
    "DeviceStateChange": lambda m: DeviceChanged(m.get("Device"), m.get("State")),
}

# Not facts of a call, but they have to be heard: life of the server, answers to lists and Originate.
SERVER_EVENTS = frozenset({"FullyBooted", "Shutdown", "OriginateResponse"})
WANTED = frozenset(FACTS) | SERVER_EVENTS


def _milliseconds(m: Message, header: str) -> float | None:
    value = number(m.get(header))
    return None if value is None else value / 1000


def stamp(m: Message) -> datetime | None:
    """The PBX's own time of the event (``timestampevents=yes``), UTC, None where there is none."""
    seconds = number(m.get("Timestamp"))
    if seconds is None or not 0 <= seconds < _YEAR_9999:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def fact_of(m: Message) -> Fact | None:
    """The fact that a message tells, None where it tells nothing that matters."""
    build = FACTS.get(m.name) if m.kind == "Event" else None
    if build is not None and (
        m.get("Uniqueid").startswith(LISTENER) or m.get("DestUniqueid").startswith(LISTENER)
    ):
        return None
    return None if build is None else build(m)
