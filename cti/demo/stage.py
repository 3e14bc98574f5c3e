"""The demo from curtain to curtain: store, Asterisk (or recorded traces), service, agents, callers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from asterisk_conf import scenario
from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from cti.config import Settings
from cti.demo.callers import Caller, callers
from cti.demo.data import prepare_store, sign_ins
from cti.demo.playback import PlaybackServer, Trace
from cti.demo.receiver import receiver
from cti.demo.settings import prepare
from cti.demo.voices import Voices, put_together
from cti.errors import LaidianError, Unavailable

TRACES = Path(__file__).parent / "traces"
ANSWER_AFTER_S = (5.0, 9.0)  # long enough to see the pop ring
MANNERS = {"1002": "good", "1003": "rude"}  # how an agent talks: cti/demo/voices.yaml
AT_ONCE = 6  # callers on the line at the same time
READY_S = 60.0


def say(text: str) -> None:
    """The demo speaks to the person who started it."""
    print(text, flush=True)  # noqa: T201


@dataclass
class Stage:
    """One run. `seconds` None: until Ctrl-C or SIGTERM."""

    folder: Path
    port: int
    pace_s: float
    seed: int
    fresh: bool
    seconds: float | None
    asterisk: bool
    voices: Voices = field(default_factory=lambda: Voices({}, {}))

    async def run(self) -> int:
        """Play; exit status 0 when everything was stopped cleanly."""
        if self.fresh and self.folder.exists():
            shutil.rmtree(self.folder)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        file, settings = prepare(self.folder, web_port=self.port, self_service=self.asterisk)
        say("准备合成数据 · filling a store with synthetic customers …")
        async with contextlib.AsyncExitStack() as stack:
            url = await stack.enter_async_context(receiver())
            filled = await asyncio.to_thread(prepare_store, settings, self.seed, url)
            phones = await self._pbx(stack, settings)
            await stack.enter_async_context(_service(file, settings, self.folder))
            self._welcome(settings, real=isinstance(phones, Phones))
            if self.seconds is not None:
                loop.call_later(self.seconds, stop.set)
            await self._traffic(phones, callers(settings, filled.known, filled.shared, self.seed), stop)
            say("\n正在停止 … stopping")
        say("已全部停止 · everything stopped")
        return 0

    async def _pbx(self, stack: contextlib.AsyncExitStack, settings: Settings) -> Phones | PlaybackServer:
        if self.asterisk:
            try:
                return await self._real(stack, settings)
            except Unavailable as e:
                say(f"没有可用的 Asterisk，改为播放录下的真实通话轨迹 · no Asterisk: playing traces\n  {e}")
        return await self._recorded(stack, settings)

    async def _real(self, stack: contextlib.AsyncExitStack, settings: Settings) -> Phones:
        say("启动 Asterisk · starting Asterisk (the first time it is put together, about a minute) …")
        instance = await asyncio.to_thread(Instance, settings)
        await asyncio.to_thread(instance.up)
        stack.push_async_callback(asyncio.to_thread, instance.down)
        phones = await stack.enter_async_context(Phones(settings))
        dice = random.Random(self.seed)  # noqa: S311 - a demo's dice
        self.voices = await asyncio.to_thread(put_together, self.folder / "voices")
        for agent in settings.agents:
            says = self.voices.agents[MANNERS.get(agent.number, "plain")]
            for device in agent.devices or (agent.number,):
                if device in settings.asterisk.softphones:
                    continue  # rings in a browser
                await phones.agent(device, answer_after=dice.uniform(*ANSWER_AFTER_S), steps=(says,))
        for device in settings.floor.supervisor_devices.values():
            await phones.agent(device, answer_after=1.0)
        await phones.outside(_carrier(settings), answer_after=3.0)
        return phones

    async def _recorded(self, stack: contextlib.AsyncExitStack, settings: Settings) -> PlaybackServer:
        node = settings.ami[0]
        members = {
            q.name: [(f"PJSIP/{a.number}", a.number) for a in settings.agents if q.name in a.queues]
            for q in settings.queues
        }
        server = PlaybackServer(node.username, node.secret.get_secret_value(), members)
        await server.start(node.port)
        stack.push_async_callback(server.stop)
        return server

    async def _traffic(
        self, pbx: Phones | PlaybackServer, stream: Iterator[Caller], stop: asyncio.Event
    ) -> None:
        running: set[asyncio.Task[None]] = set()
        traces = [Trace(p) for p in sorted(TRACES.glob("*.jsonl"))] if isinstance(pbx, PlaybackServer) else []
        turn = 0
        while not stop.is_set():
            if len(running) < (AT_ONCE if not traces else 1):
                caller = next(stream)
                act = (
                    _place(pbx, caller, self.voices, menus=self.asterisk)
                    if isinstance(pbx, Phones)
                    else pbx.play(traces[turn % len(traces)], caller.number, datetime.now(UTC))
                )
                turn += 1
                task = asyncio.create_task(_told(act))
                running.add(task)
                task.add_done_callback(running.discard)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self.pace_s)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _welcome(self, settings: Settings, *, real: bool) -> None:
        say(f"\n来电演示已就绪 · open  http://127.0.0.1:{settings.web.port}/\n")
        for role, username, password in sign_ins():
            say(f"  {role:<14}{username:<12}{password}")
        if real and settings.asterisk.softphones:
            say(
                "\n  用 a1001 登录并允许话筒，即可在网页里接听（否则由模拟话机接听）"
                "\n  sign in as the first agent and allow the microphone to answer in the page"
            )
        say(
            "\n客户、运单均为合成数据 · all customers and waybills are synthetic"
            f"\n每 {self.pace_s:g} 秒一个来电 · a call every {self.pace_s:g} s"
            + ("" if real else "（录下的轨迹 · recorded traces）")
            + "；Ctrl-C 结束 · Ctrl-C stops everything\n"
        )


async def _place(phones: Phones, caller: Caller, voices: Voices, *, menus: bool) -> None:
    pressed = [step for wait_s, keys in caller.keys for step in (scenario.wait(wait_s), scenario.dtmf(keys))]
    said = [voices.callers[caller.voice]] if caller.voice in voices.callers else []
    steps = [*(pressed if menus else ()), *said]
    call = await phones.call(caller.did, number=caller.number, steps=steps, hold=caller.stay_s)
    await call.result(timeout_s=180)


def _carrier(settings: Settings) -> int:
    """Where the demo's customers answer calls out."""
    return int(settings.asterisk.trunk_contact.rpartition(":")[2])


async def _told(act: Coroutine[Any, Any, None]) -> None:
    try:
        await act
    except LaidianError as e:
        say(f"  (一个来电没有成功 · a call failed: {e})")


@asynccontextmanager
async def _service(file: Path, settings: Settings, folder: Path) -> AsyncIterator[None]:
    """``laidian run`` as its own process, exactly as an owner would run it; its log goes to a file."""
    log = folder / "service.log"
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cti", "run", "--config", str(file), stdout=out, stderr=out, env=os.environ
        )
    try:
        await _ready(process, settings, log)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _ready(process: asyncio.subprocess.Process, settings: Settings, log: Path) -> None:
    url = f"http://127.0.0.1:{settings.web.port}/readyz"
    end = time.monotonic() + READY_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while time.monotonic() < end:
            if process.returncode is not None:
                raise Unavailable(f"the service ended at once; its last words are in {log}")
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.2)
    raise Unavailable(f"the service was not ready in {READY_S:g} s; see {log}")
