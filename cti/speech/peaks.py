"""The outline of a leg: what a page draws before, or without, fetching its sound."""

from __future__ import annotations

import base64

import numpy as np

from cti.speech.audio import LegAudio

PER_S = 50


def peaks(audio: LegAudio) -> str:
    """Base64 of one byte (0–100, share of full scale) for each 1/50 s; "" where there is no sound."""
    size = audio.rate // PER_S
    count = len(audio.samples) // size if size else 0
    if count == 0:
        return ""
    frames = np.abs(audio.samples[: count * size]).reshape(count, size)
    levels = np.clip(np.ceil(frames.max(axis=1) * 100), 0, 100).astype(np.uint8)
    return base64.b64encode(levels.tobytes()).decode()


def values(data: str) -> list[int]:
    """The numbers of `peaks` again."""
    return list(base64.b64decode(data))
