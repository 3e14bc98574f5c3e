"""Free text to speech: a cache in front of engines, espeak-ng as the last resort."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.errors import DeadlineExceeded, Unavailable
from ivr_flows import prompts, tts

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("北京", "bei3 jing1"),
        ("漠河，2号", "mo4 he2 , er4 hao4"),
        ("A座", "a zuo4"),
        ("`rm -rf /`", "rm rf"),
        ("\"'$()", ""),
    ],
)
def test_texts_are_spoken_as_pinyin(text: str, spoken: str) -> None:
    """Hanzi become syllables with tones, digits their words; nothing else is left."""
    assert tts.pinyin(text) == spoken


@given(st.text(max_size=300))
def test_only_letters_tones_and_pauses_reach_the_program(text: str) -> None:
    """Whatever the text, the program reads a-z, digits, commas and stops."""
    assert set(tts.pinyin(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789,. ")


@needs_espeak
async def test_a_text_is_made_once_and_kept(tmp_path: Path) -> None:
    """The same words at the same time and later are one sound file in the format of the telephone."""
    voice = tts.Voice(tmp_path, [tts.Espeak(deadline_s=20)])
    paths = await asyncio.gather(*(voice.speak("漠河县北极村") for _ in range(5)))
    assert len(set(paths)) == 1
    assert [p.name for p in tmp_path.iterdir()] == [paths[0].name]
    assert paths[0].name.startswith("tts-")
    sound = prompts.measure(paths[0])
    assert 0.5 < sound.seconds < 10
    made = paths[0].stat().st_ino
    assert (await voice.speak("漠河县北极村")).stat().st_ino == made


@needs_espeak
async def test_the_cache_is_bounded(tmp_path: Path) -> None:
    """Only so many files are kept, the last used ones."""
    voice = tts.Voice(tmp_path, [tts.Espeak(deadline_s=20)], keep=2)
    for text in ("一", "二", "三", "四"):
        last = await voice.speak(text)
    assert len(list(tmp_path.iterdir())) == 2
    assert last.exists()


async def test_without_any_voice_the_caller_of_the_port_is_told(tmp_path: Path) -> None:
    """A missing program, an empty text, no engine at all: Unavailable, and no file is left."""
    missing = tts.Voice(tmp_path, [tts.Espeak("no-such-program-here")])
    with pytest.raises(Unavailable, match="not installed"):
        await missing.speak("北京")
    with pytest.raises(Unavailable, match="nothing to speak"):
        await missing.speak("\"'")
    with pytest.raises(Unavailable, match="none is set up"):
        await tts.Voice(tmp_path, []).speak("北京")
    assert list(tmp_path.iterdir()) == []


async def test_a_hanging_program_is_stopped_at_the_deadline(tmp_path: Path) -> None:
    """A voice that does not answer is killed, and the next engine is tried."""
    hanging = tmp_path / "hang"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    hanging.chmod(0o755)
    with pytest.raises(DeadlineExceeded):
        await tts.Espeak(str(hanging), deadline_s=0.2).synthesise("北京")
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    with pytest.raises(Unavailable, match=r"did not speak.*status 3"):
        await tts.Voice(
            tmp_path / "cache", [tts.Espeak(str(hanging), deadline_s=0.2), tts.Espeak(str(broken))]
        ).speak("北京")


@needs_espeak
async def test_a_folder_that_cannot_be_written_is_no_crash(tmp_path: Path) -> None:
    """No place for the cache: the text cannot be spoken, and that is all."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable):
        await tts.Voice(tmp_path / "file", [tts.Espeak(deadline_s=20)]).speak("北京")
