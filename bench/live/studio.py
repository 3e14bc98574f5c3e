"""A media server that plays talks in real time, as Asterisk streams them, and the worker that listens."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bench.live.sounds import ROLES, Sound
from cti.config import Settings
from cti.quality.transcript import facts_of
from cti.speech.live_process import LiveProcess

FRAME, FRAME_S = 320, 0.02
OF_WORDS = frozenset({"forbidden", "name", "number", "closing"})
TAIL_S = 20.0


@dataclass
class Playing:
    """One talk that is being played, and what came of it (monotonic seconds)."""

    id: str
    sound: Sound
    again: bool  # from the beginning when it is over
    began: float = 0.0
    texts: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    hints: list[tuple[float, int]] = field(default_factory=list)  # with the end of their utterance, ms
    forbidden: list[tuple[str, bool]] = field(default_factory=list)  # rule, whether it was sure
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class Studio:
    """The media server and the worker that reads from it."""

    def __init__(self, settings: Settings) -> None:
        self.worker = LiveProcess(settings, self._heard, lambda _: None, may_pull=True)
        self.talks: dict[str, Playing] = {}
        self.load: list[tuple[float, dict[str, Any]]] = []
        self._runner: web.AppRunner | None = None
        self._base = ""

    async def __aenter__(self) -> Studio:
        app = web.Application()
        app.router.add_get("/media/{talk}/{leg}", self._media)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._base = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/media"
        self.worker.start()
        async with asyncio.timeout(600):
            while "reads" not in self.worker.info:  # noqa: ASYNC110 - a measure may look now and then
                await asyncio.sleep(0.1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.worker.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def play(self, id: str, sound: Sound, *, again: bool) -> Playing:
        """Begin a talk."""
        talk = self.talks[id] = Playing(id, sound, again, time.monotonic())
        facts = facts_of(sound.facts) if sound.facts else None
        names = ("company", "station", "direction", "desk", "customer", "title")
        known = {name: getattr(facts, name) for name in names} if facts is not None else {}
        legs = {role: f"{self._base}/{id}/{role}" for role in ROLES}
        self.worker.send({"op": "open", "call": id, "legs": legs, "facts": known})
        return talk

    async def end(self, talk: Playing) -> None:
        """End it, and wait for its last words."""
        self.worker.send({"op": "close", "call": talk.id})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(talk.closed.wait(), TAIL_S)
        del self.talks[talk.id]

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        """One leg in real time."""
        socket = web.WebSocketResponse(protocols=("media",), compress=False)
        await socket.prepare(request)
        talk = self.talks[request.match_info["talk"]]
        pcm = talk.sound.legs[request.match_info["leg"]]
        with contextlib.suppress(ConnectionError):  # the worker has hung up
            await self._send(socket, talk, pcm)
        return socket

    async def _send(self, socket: web.WebSocketResponse, talk: Playing, pcm: bytes) -> None:
        silence, at, due = bytes(FRAME), 0, time.monotonic()
        await socket.send_str("MEDIA_START")
        while not socket.closed:
            if at >= len(pcm) and talk.again:
                at = 0
            frame = pcm[at : at + FRAME]
            await socket.send_bytes(frame.ljust(FRAME, b"\0") if frame else silence)
            at += FRAME
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _heard(self, _: LiveProcess, event: dict[str, Any]) -> None:
        now = time.monotonic()
        if event["ev"] == "load":
            self.load.append((now, event))
            return
        talk = self.talks.get(event.get("call", ""))
        if talk is None:
            return
        if event["ev"] == "text":
            talk.texts.append((now, event))
        elif event["ev"] == "hint" and event["kind"] in OF_WORDS and not event["gone"] and talk.texts:
            talk.hints.append((now, talk.texts[-1][1]["t1"] or 0))
            if event["kind"] == "forbidden":
                talk.forbidden.append((event["rule"], event["sure"]))
        elif event["ev"] == "closed":
            talk.closed.set()
