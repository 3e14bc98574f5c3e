"""The process that listens to live calls: sound from Asterisk in, text and hints out, a line of JSON each.

``python -m cti.speech.live_worker`` is started by the service and ends when its standard input does. The
first line holds its settings, further ones say what to do: ``open`` a call with the addresses of its two
legs, ``hold`` it, ``close`` it. One model is shared by all calls; without one there is voice activity only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Any

import aiohttp

from cti import obs
from cti.config import Settings
from cti.errors import LaidianError
from cti.obs import get_logger
from cti.quality.transcript import CallFacts, Role
from cti.speech.choose import load_engine
from cti.speech.engine import Heard
from cti.speech.listening import StreamEngine
from cti.speech.live_call import ROLES, Talk
from cti.speech.live_ear import Utterance
from cti.speech.live_reader import Pressure, Reader
from cti.speech.start import recogniser_of, rules_of

_log = get_logger("live")
NICE = 5  # calls and pages come first; scoring (10) comes after
CONNECT_S = 5.0
STALL_S = 5.0  # a leg without a frame for so long is lost
LINGER_S = 15.0  # a call that is over still gets the text of its last words
MOST_WAITING = 1 << 20  # bytes not read by the service: partial texts are left out
MEDIA_PROTOCOL = "media"


class Worker:
    """All calls of this process."""

    def __init__(self, settings: Settings, out: asyncio.StreamWriter, *, may_pull: bool) -> None:
        self._settings, self._out, self._may_pull = settings, out, may_pull
        self._rules = rules_of(settings)
        self._loop = asyncio.get_running_loop()
        self._reader: Reader | None = None
        self._engine: StreamEngine | None = None
        self._talks: dict[str, Talk] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._opened = 0
        self._http = aiohttp.ClientSession(trust_env=False)

    async def load(self) -> None:
        """Load the model; without one there are only hints from silence, and that is said."""
        self._tell({"ev": "hello"})
        try:
            engine = await asyncio.to_thread(self._load)
        except LaidianError as e:
            self._tell({"ev": "ready", "engine": "none", "reads": False, "note": str(e)})
            return
        self._engine = engine
        self._reader = Reader(engine, self._partial, self._final, self._pressure)
        self._reader.start()
        for talk in self._talks.values():
            talk.reads(engine.longest_s)
        self._tell({"ev": "ready", "engine": f"{engine.name}:{engine.model}", "reads": True, "note": ""})

    def _load(self) -> StreamEngine:
        choice = recogniser_of(self._settings, may_pull=self._may_pull).choice
        return load_engine(choice, threads=self._settings.speech.threads)

    async def stop(self) -> None:
        """Let go of everything."""
        for id in list(self._talks):
            self._forget(id)
        if self._reader is not None:
            self._reader.stop()
        await self._http.close()

    def do(self, order: dict[str, Any]) -> None:
        """One line of the service."""
        id = order["call"]
        match order["op"]:
            case "open":
                self._open(id, order)
            case "hold" if id in self._talks:
                self._talks[id].hold(bool(order["on"]))
            case "close" if id in self._talks:
                self._close(id)

    def _open(self, id: str, order: dict[str, Any]) -> None:
        self._forget(id)
        engine = self._engine
        self._opened += 1
        talk = self._talks[id] = Talk(
            id,
            CallFacts(**order["facts"]),
            self._rules,
            self._settings,
            self._tell,
            self._put,
            reads=engine is not None,
            longest_s=engine.longest_s if engine is not None else 25.0,
            hearing=f"{id}/{self._opened}",
        )
        if order.get("held"):
            talk.hold(True)
        began = self._loop.time()
        self._tasks[id] = [
            self._loop.create_task(self._leg(talk, role, order["legs"][role], began)) for role in ROLES
        ]

    async def _leg(self, talk: Talk, role: Role, url: str, began: float) -> None:
        """Read one leg until its socket ends or stalls."""
        state, why = "lost", "the sound ended"
        try:
            async with asyncio.timeout(CONNECT_S):
                socket = await self._http.ws_connect(
                    url, protocols=[MEDIA_PROTOCOL], compress=0, max_msg_size=1 << 20, autoping=True
                )
            async with socket:
                async with asyncio.timeout(STALL_S) as stall:
                    async for message in socket:
                        if message.type is not aiohttp.WSMsgType.BINARY:
                            continue
                        now = self._loop.time()
                        if state == "lost":
                            state = "on"
                            talk.ears[role].offset = round((now - began) * 1000)
                            self._tell({"ev": "leg", "call": talk.id, "leg": role, "state": "on"})
                        stall.reschedule(now + STALL_S)
                        talk.hear(role, message.data)
        except TimeoutError:
            why = "no sound"
        except (aiohttp.ClientError, OSError) as e:
            why = type(e).__name__
        if not talk.closing:
            self._tell({"ev": "leg", "call": talk.id, "leg": role, "state": "lost", "why": why})

    def _close(self, id: str) -> None:
        talk = self._talks[id]
        talk.closing = True
        talk.stop()
        self._cancel(id)
        if not talk.waits:
            self._closed(talk)
        else:
            self._loop.call_later(LINGER_S, self._closed, talk)

    def _closed(self, talk: Talk) -> None:
        # the same call may have been opened anew meanwhile
        if self._talks.get(talk.id) is talk:
            del self._talks[talk.id]
            self._tell({"ev": "closed", "call": talk.id})

    def _forget(self, id: str) -> None:
        self._cancel(id)
        self._talks.pop(id, None)

    def _cancel(self, id: str) -> None:
        for task in self._tasks.pop(id, ()):
            task.cancel()

    # ---- the reader's thread speaks --------------------------------------------------------------

    def _put(self, utterance: Utterance) -> None:
        if self._reader is not None:
            self._reader.put(utterance)

    def _partial(self, utterance: Utterance, text: str) -> None:
        self._loop.call_soon_threadsafe(self._on_partial, utterance, text)

    def _final(self, utterance: Utterance, heard: Heard | None) -> None:
        self._loop.call_soon_threadsafe(self._on_final, utterance, heard)

    def _pressure(self, now: Pressure) -> None:
        event = {"ev": "load", "finals_only": now.finals_only, "waiting_s": now.waiting_s, "lost": now.lost}
        self._loop.call_soon_threadsafe(self._tell, event)

    def _talk_of(self, utterance: Utterance) -> Talk | None:
        talk = self._talks.get(utterance.call.partition("/")[0])
        return talk if talk is not None and talk.hearing == utterance.call else None

    def _on_partial(self, utterance: Utterance, text: str) -> None:
        talk = self._talk_of(utterance)
        if talk is not None and self._out.transport.get_write_buffer_size() < MOST_WAITING:
            talk.partial(utterance, text)

    def _on_final(self, utterance: Utterance, heard: Heard | None) -> None:
        talk = self._talk_of(utterance)
        if talk is None:
            return
        talk.final(utterance, heard)
        if talk.closing and not talk.waits:
            self._closed(talk)

    def _tell(self, event: dict[str, Any]) -> None:
        self._out.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")


async def main() -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    out = asyncio.StreamWriter(transport, protocol, None, loop)
    first = json.loads(await lines.readline())
    worker = Worker(Settings(**first["settings"]), out, may_pull=bool(first["may_pull"]))
    loading = loop.create_task(worker.load())
    try:
        while line := await lines.readline():
            worker.do(json.loads(line))
    finally:
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loading
        await worker.stop()


if __name__ == "__main__":
    obs.configure()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group: the service ends us
    os.nice(max(0, NICE - os.nice(0)))
    asyncio.run(main())
