"""AMI traces: what a node said, recorded as JSON lines and played back through the tracker.

A line is an object with ``kind``: ``trace`` (the head: node, roster, what it is about), ``message`` (time and
headers in order, repetitions kept), ``lost`` and ``resync`` (the connection went, and what there was after
it). Raw AMI text, as ``tcpdump`` or ``telnet`` give it, is read too. Secrets never get into a trace; numbers
are masked on request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from cti.ami.facts import stamp
from cti.ami.tracker import Tracker
from cti.ami.wire import Message, Parser
from cti.domain.call import AgentEvent, CallEvent, GapEvent
from cti.domain.roster import Roster
from cti.errors import ConfigError, UsageError
from cti.obs import mask

VERSION = 1
_SECRET = re.compile(r"secret|passw|token|authorization|digest|credential|api_?key", re.IGNORECASE)
_IDS = frozenset({"Uniqueid", "Linkedid", "Timestamp", "BridgeUniqueid", "Channel", "ActionID"})
_DEVICE = re.compile(r"(?:PJSIP|SIP|IAX2|Local)/(\d{2,6})(?:@.*)?", re.ASCII)
Pairs = Sequence[tuple[str, str]]
Heard = CallEvent | AgentEvent | GapEvent


@dataclass(frozen=True, slots=True)
class Head:
    """The first line."""

    node: str
    interfaces: dict[str, str]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One message and when it was received (None: unknown)."""

    message: Message
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection was lost."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Resynced:
    """The connection was back and this is what there was."""

    at: datetime
    channels: list[Message]
    queues: list[Message]


Entry = Head | Said | Lost | Resynced


class Recorder:
    """A consumer of AmiClient that writes a trace; close the file it was given yourself."""

    def __init__(
        self, file: TextIO, node: str, roster: Roster, *, about: str = "", mask_numbers: bool = False
    ) -> None:
        self._file = file
        self._mask = mask_numbers
        interfaces = (
            {mask(k): mask(v) for k, v in roster.interfaces.items()} if mask_numbers else roster.interfaces
        )
        self._write(kind="trace", version=VERSION, node=node, about=about, interfaces=dict(interfaces))

    def messages(self, batch: Sequence[Message], received: datetime) -> None:
        """One line a message."""
        for message in batch:
            self._write(kind="message", t=received.isoformat(), headers=self._clean(message.pairs()))

    def resync(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None:
        """Both lists in one line."""
        self._write(
            kind="resync",
            t=at.isoformat(),
            channels=[self._clean(m.pairs()) for m in channels],
            queues=[self._clean(m.pairs()) for m in queues],
        )

    def gap(self, event: GapEvent) -> None:
        """A loss is written; the return shows as the resync that follows."""
        if event.until is None:
            self._write(kind="lost", t=event.since.isoformat(), reason=event.reason)

    def _write(self, **line: Any) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")

    def _clean(self, pairs: Pairs) -> list[tuple[str, str]]:
        hide_value = any(
            key == "Variable" and _SECRET.search(value.partition("=")[0]) for key, value in pairs
        )
        return [(key, self._clean_value(key, value, hide_value)) for key, value in pairs]

    def _clean_value(self, key: str, value: str, hide_value: bool) -> str:
        if _SECRET.search(key) or (hide_value and key == "Value"):
            return "***"
        name, equals, _ = value.partition("=")
        if equals and _SECRET.search(name):
            return f"{name}=***"
        if self._mask and key.removeprefix("Dest").removeprefix("Transferee") not in _IDS:
            return mask(value)
        return value


def message_of(pairs: Pairs) -> Message:
    """A message of its headers in order."""
    headers: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for key, value in pairs:
        if key in headers:
            repeated.setdefault(key, [headers[key]]).append(value)
        else:
            headers[key] = value
    kind = "Event" if "Event" in headers else "Response"
    return Message(kind, headers.get(kind, ""), headers, {key: tuple(v) for key, v in repeated.items()})


def read(path: Path) -> Iterator[Entry]:
    """The entries of a trace file of either form. ConfigError names file and line of what is wrong."""
    try:
        with path.open("rb") as file:
            raw = file.read(64).lstrip()[:1] != b"{"
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from e
    return _read_raw(path) if raw else _read_lines(path)


def _read_lines(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield _entry(json.loads(line))
            except (ValueError, LookupError, TypeError, AttributeError) as e:
                raise ConfigError(f"{path}:{number}: not a line of an AMI trace ({e})") from e


def _entry(line: dict[str, Any]) -> Entry:
    kind = line["kind"]
    if kind == "trace":
        return Head(str(line["node"]), dict(line["interfaces"]), str(line.get("about", "")))
    at = datetime.fromisoformat(line["t"]).astimezone(UTC)
    if kind == "message":
        return Said(message_of(_pairs(line["headers"])), at)
    if kind == "lost":
        return Lost(at, str(line["reason"]))
    if kind == "resync":
        return Resynced(
            at,
            [message_of(_pairs(pairs)) for pairs in line["channels"]],
            [message_of(_pairs(pairs)) for pairs in line["queues"]],
        )
    raise ValueError(f"unknown kind {kind!r}")


def _pairs(loaded: Any) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in loaded]


def _read_raw(path: Path) -> Iterator[Entry]:
    parser = Parser()
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            if b"\r" not in chunk:  # saved by an editor or a terminal
                chunk = chunk.replace(b"\n", b"\r\n")
            for message in parser.feed(chunk):
                yield Said(message, stamp(message))
    for message in parser.feed(b"\r\n\r\n"):
        yield Said(message, stamp(message))
    if not parser.seen:
        raise ConfigError(f"{path}: neither a JSON trace nor AMI text (no event found)")


def guess_roster(entries: Iterable[Entry]) -> Roster:
    """Where a trace does not say whose devices they are: a device named by 2 to 6 digits is that agent's."""
    interfaces: dict[str, str] = {}
    for entry in entries:
        messages = (
            [entry.message]
            if isinstance(entry, Said)
            else entry.queues
            if isinstance(entry, Resynced)
            else []
        )
        for message in messages:
            for header in ("Interface", "Location", "StateInterface"):
                match = _DEVICE.fullmatch(message.get(header))
                if match:
                    interfaces[message.get(header)] = match[1]
                    interfaces.setdefault(f"PJSIP/{match[1]}", match[1])
    return Roster(interfaces)


def replay(path: Path, *, node: str = "", roster: Roster | None = None) -> Iterator[Heard]:
    """What the tracker makes of a trace, in order. The trace's own node and roster are the defaults."""
    head = next((entry for entry in read(path) if isinstance(entry, Head)), None)
    if roster is None:
        roster = Roster(head.interfaces) if head is not None else guess_roster(read(path))
    tracker = Tracker(node or (head.node if head is not None else "trace"), roster)
    lost: Lost | None = None
    for entry in read(path):
        if isinstance(entry, Said):
            yield from tracker.feed(entry.message, entry.at)
        elif isinstance(entry, Lost):
            lost = entry
            yield GapEvent(tracker.node, entry.at, None, entry.reason)
        elif isinstance(entry, Resynced):
            if lost is not None:
                yield GapEvent(tracker.node, lost.at, entry.at, lost.reason)
                lost = None
            yield from tracker.resync(entry.channels, entry.queues, entry.at)


def as_json(event: Heard) -> dict[str, Any]:
    """One object a line, as ``laidian replay --json`` prints it; fields that say nothing are left out."""
    if isinstance(event, GapEvent):
        return {
            "type": "gap",
            "node": event.node,
            "since": event.since.isoformat(),
            "until": event.until.isoformat() if event.until else None,
            "reason": event.reason,
        }
    if isinstance(event, AgentEvent):
        line: dict[str, Any] = {
            "type": "agent",
            "node": event.node,
            "agent": event.agent,
            "state": event.state.value,
            "at": event.at.isoformat(),
            "reason": event.reason,
            "queues": list(event.queues),
            "recovered": event.recovered,
        }
        return {key: value for key, value in line.items() if value not in ("", [], False)}
    if not isinstance(event, CallEvent):
        raise UsageError(f"not an event: {event!r}")
    line = {
        "type": "call",
        "kind": event.kind.value,
        "node": event.key.node,
        "linkedid": event.key.linkedid,
        "at": event.at.isoformat(),
        "direction": event.direction.value,
    }
    for name in ("caller_number", "caller_name", "did", "queue", "agent", "peer", "reason"):
        if getattr(event, name):
            line[name] = str(getattr(event, name))
    for name in ("position", "hold_s", "ring_s", "talk_s", "cause"):
        if getattr(event, name) is not None:
            line[name] = getattr(event, name)
    if event.context:
        line["context"] = dict(event.context)
    if event.chain:
        line["chain"] = list(event.chain)
    if event.recovered:
        line["recovered"] = True
    return line
