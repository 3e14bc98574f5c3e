"""CoreShowChannels and QueueStatus as facts, so that a resync goes the same way as everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from cti.ami import facts as f
from cti.ami.calls import Line, age
from cti.ami.placing import CONSULT, DESK, place_of
from cti.ami.wire import Message

_RINGING = "5"


class Picture:
    """What the PBX says there is, at a time in UTC."""

    def __init__(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None:
        rows = [m for m in channels if m.name == "CoreShowChannel" and m.get("Uniqueid")]
        self._channels = sorted(rows, key=lambda m: age(m.get("Uniqueid")))
        self._waiting = [m for m in queues if m.name == "QueueEntry"]
        self._at = at

    def facts(self, known: Mapping[str, Line]) -> Iterator[tuple[f.Fact, datetime]]:
        """Facts with their time that lead from what is `known` to this picture.

        Call by call, the oldest first: births, then who waits, rings and talks; in the end who is gone. So an
        agent is known to talk before his second line is seen, and a colleague's answer explains why
        others have stopped ringing.
        """
        there = {m.get("Uniqueid"): m for m in self._channels}
        calls: dict[str, list[Message]] = {}
        for m in self._channels:
            calls.setdefault(m.get("Linkedid"), []).append(m)
        for rows in calls.values():
            yield from self._call(rows, known)
        for uniqueid, line in known.items():
            if uniqueid not in there:
                yield f.HungUp(f.Channel(uniqueid, line.name), None), self._at

    def _call(self, rows: Sequence[Message], known: Mapping[str, Line]) -> Iterator[tuple[f.Fact, datetime]]:
        mine = {m.get("Uniqueid"): m for m in rows}
        for uniqueid, m in mine.items():
            if uniqueid not in known:
                yield f.ChannelCreated(f.channel(m)), self._at - _duration(m.get("Duration"))
        for m in self._waiting:
            line, row = known.get(m.get("Uniqueid")), mine.get(m.get("Uniqueid"))
            if row is not None and (line is None or line.call.queue != m.get("Queue")):
                joined = self._at - timedelta(seconds=f.number(m.get("Wait")) or 0)
                yield f.QueueJoined(f.channel(row), m.get("Queue"), f.whole(m.get("Position"))), joined
        for uniqueid, m in mine.items():
            if m.get("ChannelState") == _RINGING and uniqueid not in known:
                others = [other for other in rows if other is not m]
                caller = mine.get(m.get("Linkedid")) or (others[0] if others else None)
                yield f.DialBegan(f.channel(caller) if caller is not None else None, f.channel(m)), self._at
        for m in rows:
            bridge = m.get("BridgeId")
            line = known.get(m.get("Uniqueid"))
            if line is not None and line.bridge and line.bridge != bridge:
                yield f.BridgeLeft(f.channel(m), line.bridge), self._at
            if bridge:
                yield f.BridgeEntered(f.channel(m), bridge), self._at
        placed = [(place, m) for m in rows if (place := place_of(m.get("Context")))]
        for place, m in sorted(placed, key=lambda pair: pair[0] not in (CONSULT, DESK)):
            line = known.get(m.get("Uniqueid"))
            there = line.call.places.get(line.uniqueid) if line is not None else None
            if place != there:
                yield f.Placed(f.channel(m), place), self._at


def _duration(text: str) -> timedelta:
    """``01:02:03`` as a length of time."""
    parts = [f.whole(part) or 0 for part in text.split(":")]
    if len(parts) != 3:
        return timedelta()
    return timedelta(hours=parts[0], minutes=parts[1], seconds=parts[2])
