"""Vosk while somebody speaks: the worker alone fed by a socket, then the whole way from a real Asterisk.

The Mandarin model is on no registry, so this is the Korean one with a robot's voice: the way is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from aiohttp import web

from asterisk_conf.instance import Instance
from asterisk_conf.scenario import play, wait
from cti.config import Settings
from cti.speech.live_process import LiveProcess
from tests.live.test_live_asterisk import alaw, hotline
from tests.plugins.qa import put_together
from tests.plugins.screenpop import WANG
from tests.plugins.speech import espeak

pytestmark = [pytest.mark.speech, pytest.mark.xdist_group("speech"), pytest.mark.timeout(240)]
SENTENCE = "안녕하세요 오늘은 날씨가 아주 좋습니다 그래서 우리는 공원에 가고 싶습니다"
FRAME = 320  # bytes, 20 ms
CALL = "c1"


def korean(folder: Path) -> Path:
    """One long sentence at 8 kHz."""
    with wave.open(str(espeak(SENTENCE, "ko", folder / "ko.wav", speed=130)), "rb") as f:
        said = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float64)
        said = soxr.resample(said, f.getframerate(), 8000)
    with wave.open(str(folder / "ko8.wav"), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(8000)
        f.writeframes(np.clip(said, -32768, 32767).astype("<i2").tobytes())
    return folder / "ko8.wav"


def told(folder: Path) -> dict[str, Any]:
    """Settings of this engine."""
    return {"engine": "vosk", "vosk_model": str(folder), "auto_pull": False}


def hangul(event: dict[str, Any]) -> str:
    """What of a text is Korean."""
    return "".join(c for part in event["parts"] for c in str(part) if "가" <= c <= "힣")


@dataclass
class Feed:
    """A media server that speaks the sentence on the caller's leg again and again, and a worker."""

    pcm: bytes
    settings: Settings
    base: str = ""
    events: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    said: int = 0  # how often the sentence was spoken to its end
    worker: LiveProcess = field(init=False)

    def __post_init__(self) -> None:
        self.worker = LiveProcess(self.settings, self._heard, self._up, may_pull=False)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Feed]:
        """The server and the worker."""
        app = web.Application()
        app.router.add_get("/{leg}", self._media)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.base = f"ws://127.0.0.1:{runner.addresses[0][1]}"
        self.worker.start()
        try:
            yield self
        finally:
            await self.worker.stop()
            await runner.cleanup()

    def open(self) -> None:
        """Order the worker to listen."""
        legs = {role: f"{self.base}/{role}" for role in ("agent", "caller")}
        assert self.worker.send({"op": "open", "call": CALL, "legs": legs, "facts": {}})

    async def next(self, ev: str, **fields: Any) -> dict[str, Any]:
        """The next event of this kind with these fields."""
        async with asyncio.timeout(60):
            while True:
                event = await self.events.get()
                if event["ev"] == ev and all(event[k] == v for k, v in fields.items()):
                    return event

    def _heard(self, _: LiveProcess, event: dict[str, Any]) -> None:
        self.events.put_nowait({**event, "said": self.said})

    def _up(self, up: bool) -> None:
        self.events.put_nowait({"ev": "up", "up": up})

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("media",), compress=False)
        await socket.prepare(request)
        speaks = request.match_info["leg"] == "caller"
        loop, pause = asyncio.get_running_loop(), bytes(8000 * 2 * 2)
        due = loop.time()
        with contextlib.suppress(ConnectionError):
            await socket.send_str("MEDIA_START")
            while not socket.closed:
                spoken = self.pcm if speaks else b""
                for i in range(0, len(spoken + pause), FRAME):
                    if speaks and i == len(spoken) // FRAME * FRAME:
                        self.said += 1
                    await socket.send_bytes((spoken + pause)[i : i + FRAME].ljust(FRAME, b"\0"))
                    due += 0.02
                    await asyncio.sleep(max(0.0, due - loop.time()))
        return socket


async def test_partial_text_comes_before_the_end_and_goes_on_after_a_kill(
    vosk_ko: Path, tmp_path: Path
) -> None:
    """Text grows while the sentence is spoken and is replaced at its end; a killed worker begins again."""
    with wave.open(str(korean(tmp_path)), "rb") as f:
        pcm = f.readframes(f.getnframes())
    async with Feed(pcm, Settings(speech=told(vosk_ko))).running() as feed:
        await feed.next("ready", reads=True)
        feed.open()
        first = await feed.next("text")
        assert (first["leg"], first["n"], first["final"], first["t1"]) == ("caller", 1, False, None)
        assert first["said"] == 0, "the sentence is not over"
        assert hangul(first)
        grown = await feed.next("text", n=1, final=False)
        assert len(hangul(grown)) > len(hangul(first))
        assert grown["said"] == 0
        whole = await feed.next("text", n=1, final=True)
        assert len(hangul(whole)) >= len(hangul(grown)) > 0
        assert whole["t1"] - whole["t0"] == pytest.approx(len(pcm) / 16, abs=500)
        await feed.next("text", n=2, final=False)
        assert feed.worker.pid is not None
        os.kill(feed.worker.pid, signal.SIGKILL)  # in the middle of a sentence
        await feed.next("up", up=False)
        await feed.next("up", up=True)
        await feed.next("ready", reads=True)
        feed.open()
        await feed.next("text", final=False)
        again = await feed.next("text", final=True)
        assert hangul(again)


@pytest.mark.asterisk
async def test_text_from_a_real_call_and_after_the_recogniser_was_killed(
    start_asterisk: Callable[..., Instance],
    start_popline: Callable[..., Any],
    seeded_url: str,
    vosk_ko: Path,
    tmp_path: Path,
) -> None:
    """Asterisk → media → Vosk → page; killed in mid-talk it is said, and text goes on, in order."""
    said = korean(tmp_path)
    with wave.open(str(said), "rb") as f:
        seconds = f.getnframes() / 8000
    voice = alaw(put_together(tmp_path / "c.wav", [(0.5, said)], seconds + 2.5), tmp_path / "caller.al")
    async with hotline(start_asterisk, start_popline, seeded_url, speech=told(vosk_ko)) as line:
        await line.phones.agent("1001", answer_after=0.1, steps=[wait(120.0)])
        call = await line.phones.call("95001", number=WANG, steps=[play(voice, -1)], hold=None)
        on = await line.hear("live_state", state="on")
        assert on["engine"] == f"vosk:{vosk_ko.name}"
        part = await line.hear("live_text", leg="caller", final=False)
        assert part["t1_ms"] is None
        assert hangul(part)
        whole = await line.hear("live_text", leg="caller", final=True, n=part["n"])
        assert hangul(whole)
        growing = await line.hear("live_text", leg="caller", final=False)
        pid = line.live.workers[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        gone = await line.hear("live_text", leg="caller", n=growing["n"], final=True)
        assert not gone["parts"], "what nobody will finish is taken away"
        stopped = await line.hear("live_state", state="retrying")
        assert "通话不受影响" in stopped["note"]
        await line.hear("live_state", state="on")
        again = await line.hear("live_text", leg="caller", final=True)
        assert hangul(again)
        assert again["n"] > whole["n"]
        assert again["t0_ms"] > whole["t1_ms"], "later than what was said before"
        assert line.popline.parts.ctx.service.book.live("1001"), "the call is not touched"
        assert call.process.returncode is None
        await line.hang_up()
        assert (await call.result()).ok
        await line.hear("live_state", state="off")
        await line.nothing_left()
