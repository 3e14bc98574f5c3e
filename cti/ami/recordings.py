"""What the PBX says of recordings: which began, who was in the bridge, held, hung up, and which is whole.

Beside the tracker, because it is about files and channels, not about calls. Pure: no I/O, no clock. A
recording is known by the Uniqueid of the agent's channel (the dialplan's UserEvents LaidianRecording and
LaidianHangup). Every step is told as it happens, so that a service that is killed in a call loses none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from cti.ami.facts import PLACE_EVENT, stamp, whole
from cti.ami.message import Message
from cti.ami.placing import BLIND, GIVEN, HELD, IVR, ROOM, THREE
from cti.domain.call import PHONE
from cti.domain.roster import Roster

MAX_OPEN = 20_000
MAX_ENDED = 256  # a transfer is told within milliseconds of the hang-up that it causes
_HEARD = frozenset(
    {
        "UserEvent",
        "BridgeEnter",
        "BridgeLeave",
        "Hold",
        "Unhold",
        "HangupRequest",
        "BlindTransfer",
        "AttendedTransfer",
    }
)


class StepKind(StrEnum):
    """What happened to a recording."""

    START = "start"
    BRIDGED = "bridged"  # the agent hears somebody
    UNBRIDGED = "unbridged"
    HOLD = "hold"
    RESUME = "resume"
    ASKED = "asked"  # first request to hang up; `who` is agent or caller
    TRANSFER = "transfer"  # the agent gave the call away; may come after END
    END = "end"  # the files are whole; `who` is agent, caller, phone (it was lost) or ""
    LOST = "lost"  # the channel is gone and its end was not heard


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, `at` the PBX's time (UTC)."""

    kind: StepKind
    at: datetime
    uniqueid: str
    linkedid: str = ""
    channel: str = ""
    agent: str = ""
    outbound: bool = False
    who: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """A recording that goes on."""

    uniqueid: str
    linkedid: str
    channel: str
    agent: str
    bridged: bool = False
    asked: bool = False


class RecordingWatch:
    """The recordings of one node."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._open: dict[str, Open] = {}
        self._ended: deque[str] = deque(maxlen=MAX_ENDED)

    def known(self, found: Iterable[Open]) -> None:
        """After a restart: those that were going on."""
        for one in found:
            self._open.setdefault(one.uniqueid, one)

    @property
    def open(self) -> Sequence[Open]:
        """Those that go on, oldest first."""
        return list(self._open.values())

    def hear(self, message: Message, received: datetime) -> list[Step]:
        """Take one message; what it means for recordings (mostly nothing)."""
        name = message.name
        if name not in _HEARD:
            return []
        at = stamp(message) or received
        if name == "UserEvent":
            return self._user_event(message, at)
        if not self._open and not self._ended:
            return []
        uniqueid, linkedid = message.get("Uniqueid"), message.get("Linkedid")
        match name:
            case "BridgeEnter" | "BridgeLeave" | "Hold" | "Unhold":
                return self._talk(_KINDS[name], uniqueid, linkedid, at)
            case "HangupRequest":
                return self._asked(uniqueid, linkedid, at)
            case "BlindTransfer":
                return self._given(message, ("TransfererUniqueid",), at)
            case _:
                return self._given(message, ("OrigTransfererUniqueid", "SecondTransfererUniqueid"), at)

    def resynced(self, channels: Sequence[Message], at: datetime) -> list[Step]:
        """After the connection was away: recordings whose channel is gone are over, nobody knows how."""
        there = {m.get("Uniqueid") for m in channels}
        gone = [u for u in self._open if u not in there]
        for uniqueid in gone:
            del self._open[uniqueid]
        return [Step(StepKind.LOST, at, u) for u in gone]

    def _user_event(self, m: Message, at: datetime) -> list[Step]:
        if m.get("UserEvent") == PLACE_EVENT:
            return self._placed(m, at)
        uniqueid, linkedid, channel = m.get("Recording"), m.get("Linkedid"), m.get("Channel")
        if not uniqueid or uniqueid != m.get("Uniqueid"):
            return []
        agent = self._roster.agent_of(channel)
        match m.get("UserEvent"):
            case "LaidianRecording":
                if len(self._open) >= MAX_OPEN:
                    self._open.pop(next(iter(self._open)))
                self._open[uniqueid] = Open(uniqueid, linkedid, channel, agent)
                outbound = m.get("Context") == "outbound"
                return [Step(StepKind.START, at, uniqueid, linkedid, channel, agent, outbound)]
            case "LaidianHangup":
                if self._open.pop(uniqueid, None) is not None:
                    self._ended.append(uniqueid)
                source = m.get("Source")
                who = "agent" if source == channel else "caller" if source else _technical(m)
                return [Step(StepKind.END, at, uniqueid, linkedid, channel, agent, who=who)]
        return []

    def _placed(self, m: Message, at: datetime) -> list[Step]:
        """Call control moved the caller: to the music, back, or to somebody else."""
        place, by = m.get("Place"), m.get("By")
        theirs = [one for one in self._open.values() if one.linkedid == m.get("Linkedid")]
        if place in (GIVEN, BLIND):
            return [Step(StepKind.TRANSFER, at, one.uniqueid) for one in theirs if one.agent == by]
        kind = StepKind.HOLD if place in (HELD, IVR) else StepKind.RESUME if place in (ROOM, THREE) else None
        if kind is None:
            return []
        return [Step(kind, at, one.uniqueid) for one in theirs if one.uniqueid != m.get("Uniqueid")]

    def _talk(self, kind: StepKind, uniqueid: str, linkedid: str, at: datetime) -> list[Step]:
        one = self._open.get(uniqueid)
        if one is None:
            return []
        if kind is StepKind.BRIDGED:
            # a transfer may have given the channel the Linkedid of the caller's call
            self._open[uniqueid] = replace(one, bridged=True, linkedid=linkedid or one.linkedid)
        return [Step(kind, at, uniqueid)]

    def _asked(self, uniqueid: str, linkedid: str, at: datetime) -> list[Step]:
        """The first request to hang up is the second witness of who ended the talk."""
        steps = []
        for one in self._open.values():
            mine = one.uniqueid == uniqueid
            if one.bridged and not one.asked and (mine or one.linkedid == linkedid):
                steps.append(Step(StepKind.ASKED, at, one.uniqueid, who="agent" if mine else "caller"))
        for step in steps:
            self._open[step.uniqueid] = replace(self._open[step.uniqueid], asked=True)
        return steps

    def _given(self, m: Message, headers: tuple[str, ...], at: datetime) -> list[Step]:
        """The PBX's transferring thread tells it, sometimes after the hang-up and the end of the files."""
        if m.get("Result") != "Success":
            return []
        given = dict.fromkeys(m.get(h) for h in headers)
        return [Step(StepKind.TRANSFER, at, u) for u in given if u in self._open or u in self._ended]


def _technical(m: Message) -> str:
    """Nobody hung up: the phone was lost if the PBX names a cause (as the dialplan in laidian-ended)."""
    return "" if whole(m.get("Cause")) in (None, 0, 16) else PHONE


_KINDS = {
    "BridgeEnter": StepKind.BRIDGED,
    "BridgeLeave": StepKind.UNBRIDGED,
    "Hold": StepKind.HOLD,
    "Unhold": StepKind.RESUME,
}
