"""Sounds made here: tones to tell legs apart by, and a quiet tune to wait with. 8 kHz, mono, 16-bit."""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

RATE = 8000


def tone(hertz: float, seconds: float, *, level: float = 0.3) -> array[int]:
    """A sine; `level` is the share of full scale."""
    step = 2 * math.pi * hertz / RATE
    peak = level * 32767
    return array("h", (round(peak * math.sin(step * n)) for n in range(round(seconds * RATE))))


def tune() -> array[int]:
    """About ten seconds of soft single notes (pentatonic, made up), fading each."""
    samples = array("h")
    for hertz, seconds in (
        (392.0, 0.8), (440.0, 0.8), (523.3, 1.2), (440.0, 0.6), (392.0, 1.2),
        (329.6, 0.8), (293.7, 0.8), (329.6, 1.4), (392.0, 0.8), (261.6, 1.6),
    ):  # fmt: skip
        note = tone(hertz, seconds, level=0.12)
        total = len(note)
        samples.extend(round(s * (1 - n / total) ** 1.5) for n, s in enumerate(note))
    return samples


def write_wav(path: Path, samples: array[int]) -> None:
    """Write samples as a WAV that Asterisk plays as it is."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def alaw(samples: array[int]) -> bytes:
    """ITU-T G.711 A-law of 16-bit samples (what SIPp's rtp_stream sends as payload type 8)."""
    return bytes(_alaw_byte(s) for s in samples)


def _alaw_byte(sample: int) -> int:
    mask = 0xD5 if sample >= 0 else 0x55
    magnitude = (sample if sample >= 0 else -sample - 1) >> 3  # 12 bits
    segment = max(magnitude.bit_length() - 5, 0)
    return ((segment << 4) | (magnitude >> max(segment, 1)) & 0x0F) ^ mask
