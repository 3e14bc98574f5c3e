"""Facts of one Asterisk node → call events. Pure: no I/O, no clock; time comes with the facts.

The tracker resolves a fact to channel, call and agent; what follows from it is decided by the tables in
``states.py``. Agents are connected when a bridge (through Local channels, if need be) holds them together
with somebody else; so transfers, pick-ups and Local channels need no queue event to be understood.
A surprise never stops it: it is kept in `faults`, with state and fact in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cti.ami import facts as f
from cti.ami.book import TrackerEvent
from cti.ami.hearing import Hearing
from cti.ami.resync import Picture
from cti.ami.situation import View, view
from cti.ami.wire import Message
from cti.domain.call import CallKey

__all__ = ["Tracker", "TrackerEvent"]


class Tracker(Hearing):
    """All calls and agents of one node.

    `feed` and `resync` return what they found out, in order. `faults` keeps the last surprises.
    """

    def feed(self, message: Message, received: datetime | None = None) -> list[TrackerEvent]:
        """Take one message; `received` is used where the PBX gave no time stamp."""
        fact = f.fact_of(message)
        if fact is None:
            return []
        return self.hear(fact, f.stamp(message) or received)

    def hear(self, fact: f.Fact, at: datetime | None = None) -> list[TrackerEvent]:
        """Take one fact, at a time in UTC (default: that of the fact before)."""
        self._at = at or self._at
        self._take(fact)
        return self._taken()

    def view(self, key: CallKey, agent: str) -> View:
        """How it stands between an agent and the caller of a live call."""
        return view(self._calls.get(key.linkedid), agent)

    def moved(self) -> set[CallKey]:
        """Calls of which something was heard since the last time this was asked."""
        found, self._moved = self._moved, set()
        return found

    def caller_channel(self, key: CallKey) -> str:
        """The channel of a live call's caller, for actions; "" when there is none any more."""
        call = self._calls.get(key.linkedid)
        line = call.lines.get(call.caller) if call is not None else None
        return line.name if line is not None else ""

    def resync(
        self,
        channels: Sequence[Message],
        queues: Sequence[Message],
        at: datetime,
    ) -> list[TrackerEvent]:
        """Bring the picture in line with CoreShowChannels and QueueStatus; what is deduced is `recovered`.

        Calls that are not there any more end, calls that nobody announced begin.
        """
        self._at = at
        self._recovered = True
        try:
            channels = [m for m in channels if not m.get("Uniqueid").startswith(f.LISTENER)]
            for fact, when in Picture(channels, queues, at).facts(dict(self._lines)):
                self._at = when
                self._take(fact)
            self._at = at
            for call in {id(c): c for c in self._calls.values()}.values():
                if not call.lines:
                    self._end(call)
            self._out += self._board.resync(queues, at)
        finally:
            self._recovered = False
        return self._taken()

    def _taken(self) -> list[TrackerEvent]:
        out, self._out = self._out, []
        return out
