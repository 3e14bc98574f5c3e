"""A leg that is cut and read while it is spoken, by a real recogniser."""

from __future__ import annotations

import re
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from cti.quality.spoken import NumberEar
from cti.speech.engine import Heard
from cti.speech.live_ear import Ear, Utterance
from cti.speech.live_reader import Reader
from cti.speech.whisper_engine import WhisperEngine
from tests.plugins.qa import PROMPTS, put_together

pytestmark = [pytest.mark.speech, pytest.mark.xdist_group("speech"), pytest.mark.timeout(180)]
BLOCK = 800


def test_a_spoken_waybill_is_found(whisper_base: Path, tmp_path: Path) -> None:
    """Twelve digits spoken one by one become a number to look up (single ones may be misread)."""
    at, parts = 1.0, []
    for digit in "752489632164":
        file = PROMPTS / f"d_{digit}.wav"
        parts.append((at, file))
        with wave.open(str(file), "rb") as f:
            at += f.getnframes() / 8000 + 0.05
    with wave.open(str(put_together(tmp_path / "caller.wav", parts, at + 1.5)), "rb") as f:
        samples = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float32) / 32768
    finals: list[tuple[Utterance, Heard | None]] = []
    read = threading.Event()

    def final(utterance: Utterance, heard: Heard | None) -> None:
        finals.append((utterance, heard))
        read.set()

    engine = WhisperEngine(whisper_base, "whisper-base")
    reader = Reader(engine, lambda *_: None, final, lambda _: None)
    reader.start()
    ear = Ear("call", "caller", engine.longest_s)
    for i in range(0, len(samples), BLOCK):
        for utterance in ear.hear(samples[i : i + BLOCK])[1]:
            reader.put(utterance)
    assert read.wait(120)
    reader.stop()
    [(utterance, heard)] = finals
    assert heard is not None
    assert utterance.t1 is not None
    assert abs(utterance.t0 - 1_000) < 200
    assert abs(utterance.t1 - (at - 0.05) * 1_000) < 400
    [number] = NumberEar(re.compile(r"\d{10,15}")).heard(heard.text, utterance.t0, utterance.t1)
    assert number.kind == "waybill"
    assert number.value.startswith("75")
