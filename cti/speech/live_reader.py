"""The one thread that recognises for all live calls of a process, in the order of what matters.

Whole utterances first, in order; then what is to be read again; a growing one only when none waits. Under
pressure there are no partial texts any more ("finals only"), and what waits longer than a bound is given up,
oldest first: text that comes half a minute late helps nobody.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from cti.obs import get_logger
from cti.speech.audio import VAD_RATE
from cti.speech.engine import Heard
from cti.speech.listening import Listening, StreamEngine
from cti.speech.live_ear import Utterance

_log = get_logger("live")
BUSY_S = 3.0  # that a whole utterance has waited: from here on no partial texts
CALM_S = 0.5  # and down to here they come back
_WORTH = 2.0  # a partial text must bring so many times more speech than it costs time
MOST_S = 30.0  # of speech that may wait; the oldest utterance is given up


@dataclass(frozen=True, slots=True)
class Pressure:
    """How the reader keeps up: `finals_only`, how long the oldest has waited (s), how many were lost."""

    finals_only: bool
    waiting_s: float
    lost: int


class _Reading:
    """An utterance with its recogniser."""

    def __init__(self, engine: StreamEngine, utterance: Utterance) -> None:
        self.utterance = utterance
        self.listening: Listening = engine.listen()
        self._up: Any = soxr.ResampleStream(VAD_RATE, engine.rate, 1, dtype="float32")
        self.fed = 0  # samples since the last partial text
        self.last = ""

    def feed(self, *, last: bool) -> None:
        taken = self.utterance.take()
        if taken or last:
            whole = np.concatenate(taken) if taken else np.zeros(0, dtype=np.float32)
            self.fed += len(whole)
            self.listening.feed(np.asarray(self._up.resample_chunk(whole, last=last), dtype=np.float32))


class Reader:
    """Give it utterances; `on_partial` and `on_final` (None: given up) are called from its thread."""

    def __init__(
        self,
        engine: StreamEngine,
        on_partial: Callable[[Utterance, str], None],
        on_final: Callable[[Utterance, Heard | None], None],
        on_pressure: Callable[[Pressure], None],
    ) -> None:
        self._engine = engine
        self._on_partial, self._on_final, self._on_pressure = on_partial, on_final, on_pressure
        self._whole: deque[tuple[float, Utterance]] = deque()  # since when it is whole
        self._growing: dict[tuple[str, str], Utterance] = {}
        self._again: dict[tuple[str, str], Utterance] = {}
        self._readings: dict[tuple[str, str, int], _Reading] = {}
        self._told = Pressure(False, 0.0, 0)
        self._lost = 0
        self._cost_s = 0.0  # of the last partial text
        self._more = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="live-reader", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is being read; what waits is left."""
        with self._more:
            self._over = True
            self._more.notify()

    def put(self, utterance: Utterance) -> None:
        """An utterance that begins, has grown or is whole; of those to be read again the last counts."""
        given_up: list[Utterance] = []
        key = (utterance.call, utterance.leg)
        with self._more:
            if utterance.again:
                self._again[key] = utterance
            elif utterance.t1 is None:
                self._growing[key] = utterance
            else:
                if self._growing.get(key) is utterance:
                    del self._growing[key]
                self._whole.append((time.monotonic(), utterance))
                while len(self._whole) > 1 and sum(u.waiting_s for _, u in self._whole) > MOST_S:
                    given_up.append(self._whole.popleft()[1])
                    self._lost += 1
            self._more.notify()
        for one in given_up:
            self._readings.pop((one.call, one.leg, one.number), None)
            self._on_final(one, None)

    def _next(self) -> tuple[Utterance | None, bool]:
        """What to read now, and whether only a part of it."""
        with self._more:
            while not self._over:
                if self._whole:
                    self._pressure()
                    return self._whole.popleft()[1], False
                if self._again:
                    return self._again.pop(next(iter(self._again))), False
                if not self._told.finals_only:
                    least = max(self._engine.partial_s, _WORTH * self._cost_s)
                    ready = [u for u in self._growing.values() if u.waiting_s >= least and not u.pausing]
                    if ready:
                        return max(ready, key=lambda u: u.waiting_s), True
                self._pressure()
                self._more.wait(0.1)
            return None, False

    def _pressure(self) -> None:
        waiting = time.monotonic() - self._whole[0][0] if self._whole else 0.0
        limit = CALM_S if self._told.finals_only else BUSY_S
        now = Pressure(waiting > limit, round(waiting, 1), self._lost)
        if (now.finals_only, now.lost) != (self._told.finals_only, self._told.lost):
            self._told = now
            self._on_pressure(now)

    def _run(self) -> None:
        while True:
            utterance, part = self._next()
            if utterance is None:
                return
            key = (utterance.call, utterance.leg, utterance.number)
            try:
                self._read(key, utterance, part=part)
            except Exception:  # noqa: BLE001 - one utterance that cannot be read must not silence the rest
                _log.exception("an utterance was not read")
                self._readings.pop(key, None)
                if not part:
                    self._on_final(utterance, None)

    def _read(self, key: tuple[str, str, int], utterance: Utterance, *, part: bool) -> None:
        reading = self._readings.get(key)
        if reading is None:
            reading = self._readings[key] = _Reading(self._engine, utterance)
        reading.feed(last=not part)
        if not part:
            del self._readings[key]
            self._on_final(utterance, reading.listening.finish())
            return
        began = time.perf_counter()
        text = reading.listening.partial()
        self._cost_s = time.perf_counter() - began
        if text and text != reading.last:
            reading.last = text
            self._on_partial(utterance, text)
