"""The port of a speech recogniser: samples of one stretch of speech in, text with word times out.

Whoever recognises (Vosk, faster-whisper, a service) implements `Engine`; nothing else of this product
knows which one it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One recognised word; `start` and `end` in seconds from the first sample given, `confidence` 0–1."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recognised in one stretch of speech.

    `doubtful`: from–to in seconds where the engine's own guards say that the text may be made up (no
    speech, a loop, hardly any probability); that part counts as not transcribed. `language` is the
    language it was read as, a tag such as ``zh``.
    """

    text: str
    words: tuple[HeardWord, ...]
    language: str | None = None
    doubtful: tuple[tuple[float, float], ...] = ()


class Engine(Protocol):
    """A loaded recogniser; not safe for use from two threads at once."""

    name: str  # "vosk", "whisper"
    model: str  # id of the model in use
    rate: int  # samples a second that `recognise` wants
    longest_s: float  # longest stretch that one call of `recognise` takes

    def recognise(self, samples: Samples) -> Heard:
        """Recognise one stretch of mono speech in −1…1 at `rate`."""

    def language_of(self, samples: Samples) -> str | None:
        """Language tag of up to 30 s of one party's speech; None where it cannot be told for sure."""


def is_loop(text: str) -> bool:
    """Whether a recogniser ran in circles: the same 1–8 characters over and over for half of the text."""
    squeezed = "".join(text.split())
    for size in range(1, 9):
        need = 6 if size == 1 else 4
        run, best = 1, 1
        for i in range(size, len(squeezed) - size + 1, size):
            run = run + 1 if squeezed[i : i + size] == squeezed[i - size : i] else 1
            best = max(best, run)
        if best >= need and best * size * 2 >= len(squeezed):
            return True
    return False
