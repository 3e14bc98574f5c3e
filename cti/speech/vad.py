"""Voice activity while it happens: the rules of `audio.find_speech`, on sound that keeps coming.

Energy over the line's own noise floor gives the edges, webrtcvad confirms that it is a voice. The floor is
that of the last quarter of a minute, because the rest of the call is not known yet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import webrtcvad

from cti.speech.audio import VAD_RATE
from cti.speech.engine import Samples

FRAME = 80  # samples, 10 ms
FRAME_MS = 10
_WINDOW = 1_500  # frames that the floor is taken from
_FLOOR_RANGE = (-66.0, -28.0)
_FIRST_FLOOR = -50.0  # at most, while hardly anything was heard
_AUDIBLE = -85.0
_ABOVE_FLOOR, _STAY_ABOVE = 9.0, 5.0
_BRIDGE = 25  # frames of a gap inside words
_SHORTEST = 9
_VOICED_SHARE = 0.3
_NOISE_FRAMES = 20


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody begins (`on`) or ceases to speak at `t` ms of the leg; `level` in dBFS when he ceases."""

    t: int
    on: bool
    level: float = 0.0


class StreamVad:
    """One leg. Feed it what comes, in order; times count the samples fed."""

    def __init__(self) -> None:
        make: Any = webrtcvad.Vad  # ships no types
        self._vad = make(1)
        self._frames = 0
        self._levels: deque[float] = deque(maxlen=_WINDOW)
        self._quiet: deque[float] = deque(maxlen=_WINDOW)
        self._smooth: deque[float] = deque(maxlen=3)
        self._peak = 0.0
        self._rest: Samples = np.zeros(0, dtype=np.float32)
        self._since: int | None = None  # frame at which the energy rose
        self._on = False
        self._last = 0  # last frame with energy
        self._voiced = 0
        self._stretch: list[float] = []

    @property
    def ms(self) -> int:
        """How much was heard."""
        return self._frames * FRAME_MS

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks now."""
        return self._on

    @property
    def noise(self) -> float | None:
        """Noise of the line in dBFS; None while too little of it was heard."""
        return float(np.median(self._quiet)) if len(self._quiet) >= _NOISE_FRAMES else None

    def feed(self, samples: Samples) -> list[Change]:
        """Samples of −1…1 at 8 kHz, best 50–200 ms at a time."""
        data = np.concatenate((self._rest, samples))
        count = len(data) // FRAME
        self._rest = data[count * FRAME :]
        if not count:
            return []
        frames = data[: count * FRAME].reshape(count, FRAME)
        levels = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
        floor = self._floor()
        pcm = (np.clip(frames * self._gain(frames), -1, 1) * 32767).astype("<i2")
        out: list[Change] = []
        for frame, level in zip(pcm, levels.tolist(), strict=True):
            out += self._frame(frame.tobytes(), level, floor)
        return out

    def stop(self) -> list[Change]:
        """The sound ends or is not listened to for a while: whoever speaks has ceased."""
        ended = [self._off()] if self._on else []
        self._since, self._on = None, False
        return ended

    def skip(self, samples: int) -> None:
        """Time passes without being listened to."""
        self._frames += samples // FRAME

    def _frame(self, pcm: bytes, level: float, floor: float) -> list[Change]:
        at = self._frames
        self._frames += 1
        self._smooth.append(level)
        if level > _AUDIBLE:
            self._levels.append(level)
        smooth = sum(self._smooth) / len(self._smooth)
        if self._since is None:
            if smooth > floor + _ABOVE_FLOOR:
                self._since, self._last, self._voiced, self._stretch = at, at, 0, []
            else:
                if level > _AUDIBLE:
                    self._quiet.append(level)
                return []
        if smooth > floor + _STAY_ABOVE:
            self._last = at
        self._stretch.append(level)
        self._voiced += self._vad.is_speech(pcm, VAD_RATE)
        length = self._last - self._since + 1
        if not self._on and length >= _SHORTEST and self._voiced >= _VOICED_SHARE * length:
            self._on = True
            return [Change(self._since * FRAME_MS, on=True)]
        if at - self._last > _BRIDGE:
            ended = [self._off()] if self._on else []
            self._since, self._on = None, False
            return ended
        return []

    def _off(self) -> Change:
        first = self._since or 0
        spoken = np.sort(np.array(self._stretch[: self._last - first + 1] or [-66.0]))
        louder = spoken[len(spoken) // 2 :]
        level = float(10 * np.log10(np.mean(10 ** (louder / 10))))
        return Change((self._last + 1) * FRAME_MS, on=False, level=round(level, 1))

    def _floor(self) -> float:
        if not self._levels:
            return _FLOOR_RANGE[0]
        floor = float(np.clip(np.percentile(self._levels, 10), *_FLOOR_RANGE))
        return floor if len(self._levels) >= 100 else min(floor, _FIRST_FLOOR)

    def _gain(self, frames: Samples) -> float:
        """Brings quiet speech into webrtcvad's range."""
        self._peak = max(self._peak * 0.98, float(np.abs(frames).max()))
        return min(30.0, 0.3 / self._peak) if 0 < self._peak < 0.3 else 1.0
