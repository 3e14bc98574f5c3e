"""A PBX that plays recorded traces on demand, as an AMI server on a real socket.

A call is a trace told piece by piece, with ids, times and a caller of its own, so that one recording serves
for several callers at once. The queue members are those of the recordings, with their phones registered.
"""

from __future__ import annotations

import functools
import re
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from agi_scripts.context import user_event
from cti.ami.facts import CONTEXT_EVENT
from cti.ami.trace import Head, Resynced, Said, read
from cti.ami.tracker import Tracker
from cti.domain.call import CallEvent, CallEventKind
from cti.domain.roster import Roster
from tests.ami.fake_ami import Action, FakeAmi, success

TRACES = Path(__file__).parent.parent / "traces"
CALLER = "13800138000"  # whose number and name the traces hold
NAME = "刘女士"
NODE = "pbx1"
_ID = re.compile(r"(\d{10})\.(\d+)")
_CHANNEL = re.compile(r"-([0-9a-f]{8})(?=;\d$|$)")
_AT_ONCE_S = 0.1  # in the recording: what a phone shows of a step is told with it
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a trace, and the call events that the tracker makes of it."""

    pairs: Pairs
    tells: tuple[CallEvent, ...]
    at: float  # the PBX's time, in seconds


@functools.cache
def steps(trace: str) -> tuple[Step, ...]:
    """The messages of a trace (one without a cut) from the first channel on."""
    entries = list(read(TRACES / f"{trace}.jsonl"))
    head = next(e for e in entries if isinstance(e, Head))
    tracker = Tracker(head.node, Roster(head.interfaces))
    found: list[Step] = []
    for entry in entries:
        if isinstance(entry, Resynced):
            tracker.resync(entry.channels, entry.queues, entry.at)
        elif isinstance(entry, Said):
            told = tracker.feed(entry.message, entry.at)
            calls = tuple(e for e in told if isinstance(e, CallEvent))
            if found or entry.message.name == "Newchannel":
                found.append(Step(entry.message.pairs(), calls, float(entry.message.get("Timestamp"))))
    return tuple(found)


@functools.cache
def _registered() -> tuple[Pairs, ...]:
    """The answer to QueueStatus as recorded, with every phone free instead of not yet registered."""
    (told,) = [e for e in read(TRACES / "direct.jsonl") if isinstance(e, Resynced)]
    return tuple(
        [(k, "1" if k == "Status" else v) for k, v in m.pairs()]
        for m in told.queues
        if m.name in ("QueueParams", "QueueMember")
    )


def said(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Headers on the wire."""
    return "".join([*(f"{key}: {value}\r\n" for key, value in pairs), "\r\n"]).encode()


class PlayedPbx:
    """Answers about queues and pauses as the recorded Asterisk did; `ami` may be sent away and come back."""

    def __init__(self) -> None:
        self.ami = FakeAmi()
        self.ami.answers |= {"QueueStatus": self._queue_status, "QueuePause": self._queue_pause}
        self.paused: dict[str, str] = {}  # interface → reason
        self.calls = 0

    async def __aenter__(self) -> PlayedPbx:
        await self.ami.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.ami.away()

    def node(self) -> dict[str, Any]:
        """Settings of a service that listens to it."""
        return {"name": NODE, "port": self.ami.port, "username": "laidian", "secret": "only-for-tests"}

    def call(self, trace: str, *, number: str = CALLER, name: str = NAME) -> PlayedCall:
        """A new caller, of whom nothing is told yet."""
        self.calls += 1
        return PlayedCall(self, trace, self.calls, number, name)

    def present(self, pairs: Pairs) -> Pairs:
        """What a message says of a queue member, with the pause as it is now."""
        device = dict(pairs)
        interface = device.get("Interface") or device.get("Location", "")
        now = {"Paused": str(int(interface in self.paused)), "PausedReason": self.paused.get(interface, "")}
        return [(key, now.get(key, value)) for key, value in pairs]

    def _queue_status(self, action: Action) -> bytes:
        tag = ("ActionID", action["ActionID"])
        rows = [[p for p in self.present(row) if p[0] != "ActionID"] for row in _registered()]
        begin = [
            ("Response", "Success"),
            tag,
            ("EventList", "start"),
            ("Message", "Queue status will follow"),
        ]
        end = [
            ("Event", "QueueStatusComplete"),
            tag,
            ("EventList", "Complete"),
            ("ListItems", str(len(rows))),
        ]
        return said(begin) + b"".join(said([*row, tag]) for row in rows) + said(end)

    def _queue_pause(self, action: Action) -> bytes:
        """Success with an event for each queue of the member, or as Asterisk says it of a stranger."""
        interface = action["Interface"]
        mine = [row for row in _registered() if dict(row).get("Location") == interface]
        if not mine:
            no = ("Message", "Interface not found")
            return said([("Response", "Error"), ("ActionID", action["ActionID"]), no])
        if action["Paused"].lower() in ("1", "true", "yes"):
            self.paused[interface] = action.get("Reason", "")
        else:
            self.paused.pop(interface, None)
        told = b""
        for row in mine:
            member = [(key.replace("Location", "Interface"), v) for key, v in row if key != "ActionID"]
            stamped = [("Event", "QueueMemberPause"), ("Timestamp", f"{time.time():.6f}"), *member[1:]]
            told += said(self.present(stamped))
        return success(action, "Interface paused successfully") + told


class PlayedCall:
    """One caller, played from a trace."""

    def __init__(self, pbx: PlayedPbx, trace: str, nth: int, number: str, name: str) -> None:
        self._pbx = pbx
        self._trace = trace
        self._nth = nth
        self._caller = {CALLER: number, NAME: name}
        self._left = deque(steps(trace))
        self._first = self._left[0].pairs

    def until(self, kind: CallEventKind, agent: str = "") -> None:
        """Tell what is left, up to the message that makes the tracker tell this of this agent (or of any).

        What was said at once of it, as the state of the phone, belongs to it.
        """
        while self._left:
            step = self._left.popleft()
            self._tell(step.pairs)
            if any(e.kind is kind and (not agent or e.agent == agent) for e in step.tells):
                while self._left and not self._left[0].tells and self._left[0].at < step.at + _AT_ONCE_S:
                    self._tell(self._left.popleft().pairs)
                return
        raise AssertionError(f"nothing left in {self._trace} tells {kind} {agent}")

    def rest(self) -> None:
        """Tell what is left."""
        while self._left:
            self._tell(self._left.popleft().pairs)

    def menu(self, **did: str) -> None:
        """The caller has been in the menu: the UserEvent that the IVR's own code makes of it."""
        _, *headers = user_event(did).split(",")
        self.context(**dict(header.split(": ", 1) for header in headers))

    def context(self, **headers: str) -> None:
        """The dialplan tells something of the call, as it is."""
        snapshot = [p for p in self._first if p[0] != "Event"]
        self._tell([("Event", "UserEvent"), *snapshot, ("UserEvent", CONTEXT_EVENT), *headers.items()])

    def _tell(self, pairs: Pairs) -> None:
        told = [(key, self._own(key, value)) for key, value in pairs]
        if dict(told)["Event"].startswith("QueueMember"):
            told = list(self._pbx.present(told))
        self._pbx.ami.say(said(told))

    def _own(self, key: str, value: str) -> str:
        if key == "Timestamp":
            return f"{time.time():.6f}"
        if key == "BridgeUniqueid":
            return f"{self._nth}-{value}"
        if key.endswith(("Uniqueid", "Linkedid")):
            return _ID.sub(lambda m: f"{m[1]}.{int(m[2]) + 1000 * self._nth}", value)
        if key.endswith(("Channel", "Source")):
            return _CHANNEL.sub(lambda m: f"-{int(m[1], 16) + 0x1000 * self._nth:08x}", value)
        return self._caller.get(value, value)
