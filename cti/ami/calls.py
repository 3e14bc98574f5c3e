"""What the tracker remembers: channels, bridges, calls, and each agent's part in a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cti.ami.facts import number, whole
from cti.ami.states import CallState, LegState
from cti.domain.call import CallKey, Direction


@dataclass(slots=True, eq=False)
class Line:
    """One live channel."""

    uniqueid: str
    name: str
    linkedid: str
    call: Call
    agent: str = ""
    bridge: str = ""

    @property
    def local(self) -> bool:
        """Whether this is one half of a Local channel."""
        return self.name.startswith("Local/")

    @property
    def half(self) -> str:
        """``1`` or ``2`` for halves of a Local channel, else ""."""
        return self.name.rpartition(";")[2] if self.local else ""


@dataclass(slots=True, eq=False)
class Leg:
    """One agent's part in a call."""

    agent: str
    state: LegState = LegState.IDLE
    ringing: set[str] = field(default_factory=set)  # uniqueids of devices that ring now
    lines: set[str] = field(default_factory=set)  # uniqueids of the agent's channels in this call
    rung: set[str] = field(default_factory=set)  # uniqueids of live channels that have rung already
    queue: str = ""
    peer: str = ""  # who gave the call, or who asks for advice
    consult: bool = False
    offered_at: datetime | None = None
    answered_at: datetime | None = None
    cause: int | None = None

    @property
    def connected(self) -> bool:
        """Whether the agent talks or holds."""
        return self.state in (LegState.TALKING, LegState.HELD)


@dataclass(slots=True, eq=False)
class Call:
    """One call from its first channel to its last."""

    key: CallKey
    state: CallState = CallState.NEW
    direction: Direction | None = None  # None until it is known whom an agent's own call goes to
    linkedids: set[str] = field(default_factory=set)
    lines: dict[str, Line] = field(default_factory=dict)
    legs: dict[str, Leg] = field(default_factory=dict)
    caller: str = ""  # uniqueid of the caller's channel
    number: str = ""
    name: str = ""
    did: str = ""
    queue: str = ""
    meant: str = ""  # the queue for which an agent is rung before the caller enters it
    position: int | None = None
    queued_at: datetime | None = None
    context: dict[str, str] = field(default_factory=dict)
    chain: tuple[str, ...] = ()
    giver: str = ""  # agent who last transferred the call away
    places: dict[str, str] = field(default_factory=dict)  # uniqueid → place of call control it was moved to
    thirds: dict[str, str] = field(
        default_factory=dict
    )  # uniqueid of who is asked from such a place → by whom
    asks: int = 0  # consultations from call control so far
    asked: dict[str, str] = field(default_factory=dict)  # agent → whom he asked last, KIND*TARGET
    lost_by: str = ""  # the agent whose phone was lost while he had the caller
    consults: dict[str, str] = field(default_factory=dict)  # uniqueid of a consulting channel → its agent
    hanging: bool = False  # the caller has asked to hang up
    gave_up: bool = False  # … while somebody rang
    hung_by: str = ""
    cause: int | None = None

    def leg(self, agent: str) -> Leg:
        """The part of this agent, made when it is first needed."""
        found = self.legs.get(agent)
        if found is None:
            found = self.legs[agent] = Leg(agent)
        return found

    @property
    def customer(self) -> str:
        """Uniqueid of whom the agents talk with: the caller, or whom an agent has called; "" if not there."""
        if self.direction is not Direction.OUTBOUND:
            return self.caller
        others = (u for u, x in self.lines.items() if not (x.agent or x.local or u in self.thirds))
        return next(others, "")

    def talking(self) -> Iterator[Leg]:
        """Parts that are connected."""
        return (leg for leg in self.legs.values() if leg.connected)


class Bridges:
    """Who is in which bridge, and who hears whom through Local channels."""

    def __init__(self) -> None:
        self._members: dict[str, set[str]] = {}
        self._twins: dict[str, dict[str, str]] = {}  # name of a Local pair → half → uniqueid

    def __len__(self) -> int:
        return len(self._members) + len(self._twins)

    def add(self, line: Line) -> None:
        """Remember the halves of Local channels."""
        if line.local:
            self._twins.setdefault(line.name.rpartition(";")[0], {})[line.half] = line.uniqueid

    def rename(self, line: Line, name: str) -> None:
        """A channel goes on under another name (masquerade)."""
        self._forget_half(line)
        line.name = name
        self.add(line)

    def remove(self, line: Line) -> None:
        """Forget a channel that hung up."""
        self.leave(line, line.bridge)
        self._forget_half(line)

    def _forget_half(self, line: Line) -> None:
        if line.local:
            pair = line.name.rpartition(";")[0]
            halves = self._twins.get(pair, {})
            if halves.get(line.half) == line.uniqueid:
                del halves[line.half]
            if not halves:
                self._twins.pop(pair, None)

    def enter(self, line: Line, bridge: str) -> None:
        """Move a channel into a bridge."""
        if not bridge:
            return
        if line.bridge and line.bridge != bridge:
            self.leave(line, line.bridge)
        line.bridge = bridge
        self._members.setdefault(bridge, set()).add(line.uniqueid)

    def leave(self, line: Line, bridge: str) -> None:
        """Take a channel out of a bridge; leaving one that it is no longer in changes nothing."""
        if not bridge or line.bridge != bridge:
            return
        line.bridge = ""
        members = self._members.get(bridge)
        if members is not None:
            members.discard(line.uniqueid)
            if not members:
                del self._members[bridge]

    def twin(self, line: Line) -> str:
        """Uniqueid of the other half of a Local channel, or ""."""
        if not line.local:
            return ""
        other = "2" if line.half == "1" else "1"
        return self._twins.get(line.name.rpartition(";")[0], {}).get(other, "")

    def heard_by(self, start: Line, lines: dict[str, Line]) -> set[str]:
        """Uniqueids of all ends that are connected with `start`: bridges and Local channels are gone through.

        A half of a Local channel whose other half is bridged too is a passage, not an end.
        """
        ends: set[str] = set()
        reached, todo = {start.uniqueid}, [start]
        while todo:
            line = todo.pop()
            twin = self.twin(line)
            near = set(self._members.get(line.bridge, ()))
            if twin and twin in lines and lines[twin].bridge:
                near.add(twin)
            elif line is not start:
                ends.add(line.uniqueid)
            for uniqueid in near - reached:
                reached.add(uniqueid)
                if uniqueid in lines:
                    todo.append(lines[uniqueid])
        return ends


def age(uniqueid: str) -> tuple[float, int]:
    """Order of birth: ``[system-]seconds.serial``."""
    seconds, _, serial = uniqueid.rpartition("-")[2].partition(".")
    return number(seconds) or 0.0, whole(serial) or 0
