"""Numbers that are spoken in groups, with pauses, over a telephone's codec, read by a real recogniser."""

from __future__ import annotations

import queue
import wave
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asterisk_conf import tones
from cti.config import Settings
from cti.demo.voices import LINES
from cti.quality.rules import load_presets
from cti.quality.transcript import CallFacts, Role
from cti.speech.engine import Heard
from cti.speech.live_call import Talk
from cti.speech.live_digits import Dictation
from cti.speech.live_ear import Utterance
from cti.speech.live_reader import Reader
from cti.speech.whisper_engine import WhisperEngine
from tests.plugins.qa import put_together

FRAME = 160


def over_the_line(file: Path) -> bytes:
    """What of a leg arrives through A-law (G.711), as 16 bit."""
    with wave.open(str(file), "rb") as f:
        code = np.frombuffer(tones.alaw(array("h", f.readframes(f.getnframes()))), np.uint8) ^ 0x55
    step, rest = (code >> 4) & 7, (code & 15).astype(np.int32)
    size = np.where(
        step == 0, (rest << 4) + 8, ((rest << 4) + 0x108) << np.maximum(step - 1, 0).astype(np.int32)
    )
    return np.where(code & 0x80, size, -size).astype("<i2").tobytes()


def leg(folder: Path, name: str, *lines: tuple[float, str], seconds: float) -> bytes:
    """These lines of the demo's voices at their seconds."""
    parts = [(at, LINES / f"{line}.wav") for at, line in lines]
    return over_the_line(put_together(folder / f"{name}.wav", parts, seconds))


def talk_of(told: list[dict[str, Any]], put: Any, longest_s: float) -> Talk:
    """A talk whose events are kept."""
    facts = CallFacts(direction="inbound", desk="hotline")
    return Talk("c", facts, load_presets(), Settings(), told.append, put, reads=True, longest_s=longest_s)


@pytest.mark.speech
@pytest.mark.xdist_group("speech")
@pytest.mark.timeout(180)
def test_numbers_in_groups_become_chips(whisper_base: Path, tmp_path: Path) -> None:
    """A waybill in three groups, and a mobile number with 幺 that the agent reads back, are offered."""
    spoken = [(1.0, "number"), (3.0, "number_1"), (5.2, "number_2"), (7.4, "number_3")]
    caller = leg(tmp_path, "c", *spoken, seconds=20)
    agent = leg(tmp_path, "a", (12.0, "read_back"), seconds=20)
    finals: queue.Queue[tuple[Utterance, Heard | None]] = queue.Queue()
    told: list[dict[str, Any]] = []
    engine = WhisperEngine(whisper_base, "whisper-base")
    reader = Reader(engine, lambda *_: None, lambda *one: finals.put(one), lambda _: None)
    waiting = 0

    def put(utterance: Utterance) -> None:
        nonlocal waiting
        if utterance.t1 is not None:
            waiting += 1
            reader.put(utterance)

    talk = talk_of(told, put, engine.longest_s)
    reader.start()
    sides: dict[Role, bytes] = {"agent": agent, "caller": caller}
    for at in range(0, len(agent), FRAME * 2):
        for role, pcm in sides.items():
            talk.hear(role, pcm[at : at + FRAME * 2].ljust(FRAME * 2, b"\0"))
        # as in a call: what was said is read before the next thing is said
        while waiting:
            talk.final(*finals.get(timeout=60))
            waiting -= 1
    reader.stop()
    shown: dict[str, dict[str, Any]] = {}
    for event in told:
        if event["ev"] == "hint" and event["kind"] == "number":
            shown.pop(event["key"], None) if event["gone"] else shown.update({event["key"]: event})
    assert [(h["what"], h["text"]) for h in shown.values()] == [
        ("waybill", "107488752316"),
        ("phone", "13926584713"),
    ]


def said(number: int, t0: int, t1: int) -> Utterance:
    """An utterance with its sound, which is its number."""
    one = Utterance("c", "caller", number, t0, t0 - 300, t1)
    sound: NDArray[np.float32] = np.full((t1 - t0 + 1_000) * 8, number, dtype=np.float32)
    one.put(sound[:1_000])
    one.take()
    one.put(sound[1_000:])
    return one


def test_groups_are_joined_until_something_else_is_said() -> None:
    """With what was said before the digits, without the pauses; a long pause or other talk ends it."""
    dictation = Dictation(longest_s=25.0)
    assert dictation.said(said(1, 1_000, 2_000), "我的单号是") is None
    assert dictation.said(said(2, 3_000, 4_000), "去外送") is None
    joined = dictation.said(said(3, 5_000, 6_000), "八九六三")
    assert joined is not None
    assert (joined.again, joined.t0, joined.t1, joined.number) == (True, 1_000, 6_000, 3)
    sound = joined.sound()
    assert [int((sound == n).sum()) for n in (1, 2, 3)] == [1_750 * 8] * 3
    assert dictation.said(said(4, 7_000, 8_000), "两一六四") is not None
    assert dictation.said(said(5, 9_000, 9_500), "对") is not None
    assert dictation.said(said(6, 10_000, 14_000), "麻烦你快一点") is None
    assert dictation.said(said(7, 15_000, 16_000), "八九六三") is None, "another number begins"
    assert dictation.said(said(8, 21_000, 22_000), "八九六三") is None, "too late to go on"


def test_no_more_is_joined_than_is_read_at_once() -> None:
    """The oldest is left out where the whole would be longer than the recogniser takes."""
    dictation = Dictation(longest_s=6.0)
    for n in range(5):
        joined = dictation.said(said(n, n * 3_000, n * 3_000 + 2_000), "八九六三")
    assert joined is not None
    assert joined.t0 == 9_000
    assert joined.seconds <= 6.0
