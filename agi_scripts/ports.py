"""What a call needs from outside: answers of the back ends, sounds for words, a place for recordings."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ivr_flows.protocol import Scalar


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Which call asks: for records, never for decisions. `node` and `linkedid` name it everywhere."""

    node: str
    linkedid: str
    uniqueid: str
    caller: str
    did: str
    waiting_since: datetime | None = None  # UTC; None for who does not wait in a queue


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome of `ivr_flows.lookups` and its fields."""

    outcome: str
    data: Mapping[str, object] = field(default_factory=dict)


class Answers(Protocol):
    """All back-end operations by name."""

    def answer(self, operation: str, args: Mapping[str, Scalar], call: CallInfo) -> Awaitable[Answer]:
        """Do it. Raises Unavailable or TransportError (away), ProtocolError (nonsense)."""


class Voice(Protocol):
    """Words to a sound file."""

    def speak(self, text: str) -> Awaitable[str]:
        """The name of a sound for Asterisk, without ending. Raises Unavailable where no voice is there."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where Asterisk finds sounds and puts recordings; both paths are those that Asterisk sees."""

    sounds: str = "laidian"  # sound PROMPT is played as laidian/PROMPT
    recordings: Path = Path("/var/spool/asterisk/monitor")
    least_free: int = 50_000_000  # bytes; below this no recording is begun
