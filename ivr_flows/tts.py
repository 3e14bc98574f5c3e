"""Free text to speech: a port, a cache in front of it, and espeak-ng as the last resort.

Recorded prompts carry all flows; this is for what nobody could record (the name of a small town). Any engine
that implements `Engine` can be put behind the cache; what ships is the robotic but always present espeak-ng.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import shutil
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cti.errors import DeadlineExceeded, Unavailable
from ivr_flows import clean

RATE = 8000
MAX_TEXT = 120
_NUMERALS = "零一二三四五六七八九"
_SPOKEN = re.compile(r"[^a-z0-9,. ]")
_NAME = re.compile(r"tts-[0-9a-f]{32}\.wav")


class Engine(Protocol):
    """A voice."""

    @property
    def name(self) -> str:
        """Part of the cache key: another voice makes other files."""

    async def synthesise(self, text: str) -> bytes:
        """A WAV file of 8 kHz mono 16-bit; Unavailable when this voice cannot speak now."""


class Espeak:
    """espeak-ng speaking pinyin: text goes in through its standard input, as letters and tones only."""

    name = "espeak-ng cmn-latn-pinyin 160"

    def __init__(self, program: str = "espeak-ng", deadline_s: float = 2.0) -> None:
        self._program = program
        self._deadline_s = deadline_s

    async def synthesise(self, text: str) -> bytes:
        """Speak; Unavailable without the program, DeadlineExceeded when it hangs (it is killed then)."""
        program = shutil.which(self._program)
        if program is None:
            raise Unavailable(f"the program {self._program} is not installed")
        spoken = pinyin(text)
        if not spoken:
            raise Unavailable("nothing to speak is left of the text")
        process = await asyncio.create_subprocess_exec(
            program,
            "-v",
            "cmn-latn-pinyin",
            "-s",
            "160",
            "--stdin",
            "--stdout",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self._deadline_s):
                made, _ = await process.communicate(spoken.encode("ascii"))
        except TimeoutError:
            raise DeadlineExceeded(f"espeak-ng did not speak within {self._deadline_s:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0 or len(made) <= 44:
            raise Unavailable(f"espeak-ng ended with status {process.returncode}")
        return await asyncio.to_thread(_telephone, made)


class Voice:
    """A cache in front of engines that are tried in order; files are named by a digest, never by the text."""

    def __init__(self, folder: Path, engines: Sequence[Engine], *, keep: int = 2000) -> None:
        self._folder = folder
        self._engines = engines
        self._keep = keep
        self._running: dict[str, asyncio.Task[Path]] = {}

    async def speak(self, text: str) -> Path:
        """The sound file of a text; Unavailable when no engine can make it. Equal texts are made once."""
        cleaned = clean.text(text, MAX_TEXT)
        if not cleaned:
            raise Unavailable("nothing to speak is left of the text")
        task = self._running.get(cleaned)
        if task is None:
            task = asyncio.create_task(self._make(cleaned))
            self._running[cleaned] = task
            task.add_done_callback(lambda _: self._running.pop(cleaned, None))
        return await asyncio.shield(task)

    async def _make(self, text: str) -> Path:
        reasons: list[str] = []
        for engine in self._engines:
            digest = hashlib.sha256(f"{engine.name}\0{text}".encode()).hexdigest()[:32]
            path = self._folder / f"tts-{digest}.wav"
            if path.exists():
                await asyncio.to_thread(os.utime, path)
                return path
            try:
                sound = await engine.synthesise(text)
                await asyncio.to_thread(self._store, path, sound)
            except (Unavailable, DeadlineExceeded, OSError) as e:
                reasons.append(f"{engine.name}: {e}")
                continue
            return path
        raise Unavailable("no voice could speak: " + "; ".join(reasons or ["none is set up"]))

    def _store(self, path: Path, sound: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as part:
                part.write(sound)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        files = [p for p in self._folder.iterdir() if _NAME.fullmatch(p.name)]
        if len(files) > self._keep:
            files.sort(key=lambda p: p.stat().st_mtime)
            for old in files[: len(files) - self._keep]:
                old.unlink(missing_ok=True)


def pinyin(text: str) -> str:
    """A text as pinyin with tone numbers: 北京 → ``bei3 jing1``; only ``a-z0-9,.`` remain."""
    from pypinyin import Style, lazy_pinyin

    read = "".join(_NUMERALS[int(c)] if c in "0123456789" else c for c in clean.text(text, MAX_TEXT))
    syllables = lazy_pinyin(read, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False)
    spoken = " ".join(syllables).lower()
    for mark, pause in (("，", ","), ("、", ","), ("。", "."), ("！", "."), ("？", ".")):
        spoken = spoken.replace(mark, pause)
    return " ".join(_SPOKEN.sub(" ", spoken).split()).strip(",. ")


def _telephone(sound: bytes) -> bytes:
    import numpy as np
    import soxr

    with wave.open(io.BytesIO(sound), "rb") as made:
        rate = made.getframerate()
        # piped out, the length in espeak's header is wrong: read what is there
        samples = np.frombuffer(sound[44:], "<i2")[: rate * 30].astype(np.float32) / 32768
    if not len(samples) or rate < RATE:
        raise Unavailable("espeak-ng made no sound")
    slow = soxr.resample(samples, rate, RATE)
    peak = float(np.abs(slow).max())
    if peak > 0:
        slow = slow * (0.5 / peak)
    out = io.BytesIO()
    with wave.open(out, "wb") as telephone:
        telephone.setnchannels(1)
        telephone.setsampwidth(2)
        telephone.setframerate(RATE)
        telephone.writeframes((slow * 32767).round().astype("<i2").tobytes())
    return out.getvalue()
