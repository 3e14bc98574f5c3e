"""One leg of a live call: its voice activity, and the utterances that it is cut into. No threads, no clock.

An utterance ends at a pause of `PAUSE_MS`: longer would keep the agent waiting for the hint, shorter cuts
sentences, which recognisers read worse. Somebody who does not pause is cut at the first gap after a while.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from cti.quality.transcript import Role
from cti.speech.audio import VAD_RATE
from cti.speech.engine import Samples
from cti.speech.vad import Change, StreamVad

PAUSE_MS = 700
_LEAD_MS = 300  # before the voice was sure: the first syllable is in it
_LONG_MS = 10_000  # from here on a short gap is enough
_GAP_MS = 250
_TAIL_MS = 450  # after the voice, where utterances are joined: a last syllable may be faint


@dataclass(slots=True)
class Utterance:
    """Speech of one leg, put in by one thread and taken by another. `t0`–`t1` in ms of the call.

    `t1` is None while it goes on; `start` is where its sound begins, a little before the voice.
    """

    call: str
    leg: Role
    number: int
    t0: int
    start: int = 0
    t1: int | None = None
    level: float | None = None
    pausing: bool = False  # the voice has ceased: it may be whole in a moment
    again: bool = False  # several that were read before, in one piece
    _chunks: list[Samples] = field(default_factory=list)
    _taken: list[Samples] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, samples: Samples) -> None:
        """More of it."""
        with self._lock:
            self._chunks.append(samples)

    def take(self) -> list[Samples]:
        """What has come since the last time."""
        with self._lock:
            out, self._chunks = self._chunks, []
            self._taken += out
        return out

    def sound(self) -> Samples:
        """All of it, without most of the pause that ended it."""
        with self._lock:
            whole = np.concatenate([*self._taken, *self._chunks, np.zeros(0, dtype=np.float32)])
        end = len(whole) if self.t1 is None else (self.t1 - self.start + _TAIL_MS) * VAD_RATE // 1000
        return np.asarray(whole[:end], dtype=np.float32)

    @property
    def seconds(self) -> float:
        """How long `sound` is."""
        return ((self.t1 or self.t0) - self.start + _TAIL_MS) / 1000

    @property
    def waiting_s(self) -> float:
        """Seconds of it that nobody has taken yet."""
        with self._lock:
            return sum(map(len, self._chunks)) / VAD_RATE


@dataclass(slots=True)
class Ear:
    """Cuts what one leg says. `longest_s`: what the recogniser takes at once."""

    call: str
    leg: Role
    longest_s: float = 25.0
    offset: int = 0  # ms of the call at which the leg's sound began
    vad: StreamVad = field(default_factory=StreamVad)
    _lead: deque[Samples] = field(default_factory=deque)
    _led: int = 0
    _open: Utterance | None = None
    _quiet_at: int | None = None  # ms of the leg at which the voice in the open utterance ceased
    _count: int = 0
    _began: int = 0  # ms of the leg at which the open utterance began

    @property
    def now(self) -> int:
        """Ms of the call up to which the leg was heard."""
        return self.offset + self.vad.ms

    def hear(self, samples: Samples) -> tuple[list[Change], list[Utterance]]:
        """The next 50–200 ms: who begins or ceases to speak, and utterances that begin or are whole."""
        changes = self.vad.feed(samples)
        touched: list[Utterance] = []
        for change in changes:
            touched += self._begin(change, samples) if change.on else self._cease(change)
        if self._open is not None:
            self._open.put(samples)
            touched += self._cut()
        else:
            self._remember(samples)
        return [Change(c.t + self.offset, c.on, c.level) for c in changes], touched

    def deaf(self, samples: int) -> None:
        """Time that is not listened to (hold)."""
        self.vad.skip(samples)

    def stop(self) -> tuple[list[Change], list[Utterance]]:
        """No more for now: what is open is whole."""
        changes = self.vad.stop()
        for change in changes:
            self._cease(change)
        self._lead.clear()
        self._led = 0
        ended = self._end()
        return [Change(c.t + self.offset, c.on, c.level) for c in changes], ended

    def _begin(self, change: Change, samples: Samples) -> list[Utterance]:
        self._quiet_at = None
        if self._open is not None:
            self._open.pausing = False
            return []
        self._count += 1
        self._began = change.t
        start = self.now - (len(samples) + self._led) * 1000 // VAD_RATE
        self._open = Utterance(self.call, self.leg, self._count, change.t + self.offset, start)
        while self._lead:
            self._open.put(self._lead.popleft())
        self._led = 0
        return [self._open]

    def _cease(self, change: Change) -> list[Utterance]:
        self._quiet_at = change.t
        if self._open is not None:
            self._open.level, self._open.pausing = change.level, True
        return []

    def _cut(self) -> list[Utterance]:
        length = self.vad.ms - self._began
        if length >= int(self.longest_s * 1000) - 2 * _LEAD_MS:
            return self._end()
        if self._quiet_at is None:
            return []
        pause = self.vad.ms - self._quiet_at
        return self._end() if pause >= (PAUSE_MS if length < _LONG_MS else _GAP_MS) else []

    def _end(self) -> list[Utterance]:
        one, self._open = self._open, None
        if one is None:
            return []
        quiet, self._quiet_at = self._quiet_at, None
        one.t1 = self.offset + (quiet if quiet is not None else self.vad.ms)
        if self.vad.speaking:
            # cut in the middle of speech: the next one begins here
            self._count += 1
            self._began = self.vad.ms
            self._open = Utterance(self.call, self.leg, self._count, self.now, self.now)
            return [one, self._open]
        return [one]

    def _remember(self, samples: Samples) -> None:
        self._lead.append(samples)
        self._led += len(samples)
        while self._led - len(self._lead[0]) >= _LEAD_MS * VAD_RATE // 1000:
            self._led -= len(self._lead.popleft())
