"""Simulated phones: SIPp processes that register, answer, call, press keys, talk and transfer.

For tests and the demo. Everything that was started is ended when the ``async with`` block is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from asterisk_conf import scenario
from asterisk_conf.ports import HOST, free_udp
from asterisk_conf.scenario import Script, Step
from cti.config import Settings
from cti.errors import DeadlineExceeded, Unavailable

_EVENT = re.compile(r"EVENT (\S+)")
# a wait() that ends is a time-out to SIPp
_NOISE = re.compile(r"jumping to label|^The following events occurred|^Resolving remote host")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a phone: ``invite ringing answered dtmf hold bye end`` …

    `text` is the whole line of the log.
    """

    word: str
    text: str


class Phone:
    """One SIPp process."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, port: int) -> None:
        self.process = process
        self.folder = folder
        self.port = port

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened so far, oldest first."""
        try:
            text = (self.folder / "events.log").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        return tuple(Event(m[1], m.string) for m in map(_EVENT.search, text.splitlines()) if m)

    def count(self, word: str) -> int:
        """How often `word` happened so far."""
        return sum(e.word == word for e in self.events)

    async def event(self, word: str, *, times: int = 1, timeout_s: float = 15.0) -> None:
        """Wait until `word` has happened `times` times. Raises DeadlineExceeded with what did happen."""
        end = time.monotonic() + timeout_s
        while self.count(word) < times:
            if time.monotonic() > end:
                seen = " ".join(e.word for e in self.events) or "nothing"
                raise DeadlineExceeded(
                    f"no {word!r} at the phone in {timeout_s:g} s; seen: {seen}; {self.faults}"
                )
            await asyncio.sleep(0.02)

    @property
    def faults(self) -> str:
        """What SIPp complained of, or its last screen when it could not even begin."""
        for name in ("errors.log", "screen.log"):
            with contextlib.suppress(FileNotFoundError):
                text = (self.folder / name).read_text(encoding="utf-8", errors="replace")
                lines = [line for line in text.splitlines() if line.strip() and not _NOISE.search(line)]
                if lines and "Test Terminated" not in text:
                    return "\n".join(lines)[-2000:]
        return ""

    async def stop(self) -> None:
        """End the process at once, whatever it is doing."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call went, seen from the caller. `code` is the final SIP status (0: none came)."""

    ok: bool
    code: int
    events: tuple[str, ...]
    faults: str


class Call(Phone):
    """A call that was placed."""

    async def result(self, timeout_s: float = 60.0) -> CallResult:
        """Wait for its end. Raises DeadlineExceeded (and ends it) when it goes on longer."""
        try:
            status = await asyncio.wait_for(self.process.wait(), timeout_s)
        except TimeoutError as e:
            await self.stop()
            seen = " ".join(x.word for x in self.events)
            raise DeadlineExceeded(f"a call was not over after {timeout_s:g} s; seen: {seen}") from e
        words = tuple(e.word for e in self.events)
        final = [int(w.removeprefix("final-")) for w in words if w.startswith("final-")]
        code = 200 if "answered" in words else 487 if "cancel" in words else final[-1] if final else 0
        return CallResult(ok=status == 0, code=code, events=words, faults=self.faults)


class Agent(Phone):
    """A registered device that answers calls until it is stopped."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, port: int, device: str) -> None:
        super().__init__(process, folder, port)
        self.device = device


class Phones:
    """Phones of one Asterisk, which is described by its settings.

    >>> async with Phones(settings) as phones:
    ...     await phones.agent("1001", answer_after=1.0)
    ...     call = await phones.call("95001", number="13800138000", name="王小明", hold=3)
    ...     result = await call.result()
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._numbers = itertools.count()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._phones: list[Phone] = []
        self._program = shutil.which("sipp")
        # a phone does not outlive whoever plays it, even when that one is killed
        self._tie = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()

    async def __aenter__(self) -> Phones:
        if self._program is None:
            raise Unavailable("SIPp is not here: apt-get install sip-tester")
        self._folder = tempfile.TemporaryDirectory(prefix="laidian-phones-")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        agents = [p for p in self._phones if isinstance(p, Agent)]
        await asyncio.gather(*(p.stop() for p in self._phones))
        await asyncio.gather(*(self._withdraw(a) for a in agents), return_exceptions=True)
        if self._folder is not None:
            self._folder.cleanup()

    async def agent(
        self,
        device: str,
        *,
        answer_after: float | None = 0.3,
        reject: int | None = None,
        steps: Sequence[Step] = (),
    ) -> Agent:
        """Register `device` and let it answer every call `answer_after` seconds after it rings.

        None: it rings for ever. `reject`: it answers with this SIP status (486 busy, 603 declined).
        `steps`: what it does in each talk; without a hangup() it waits for the other side to end it.
        """
        for old in [p for p in self._phones if isinstance(p, Agent) and p.device == device]:
            await old.stop()
            self._phones.remove(old)
        script = scenario.agent(user=device, answer_after=answer_after, reject=reject, steps=steps)
        # first, from the very port it will be called on: Asterisk calls back where a REGISTER came from
        port = free_udp()
        await self._register(device, port, port)
        process, folder, port = await self._start(script, port=port)
        agent = Agent(process, folder, port, device)
        self._phones.append(agent)
        return agent

    async def outside(
        self,
        port: int,
        *,
        answer_after: float | None = 0.3,
        reject: int | None = None,
        steps: Sequence[Step] = (),
    ) -> Phone:
        """A customer's phone behind the carrier: listens on `port`, where asterisk.trunk_contact points."""
        script = scenario.agent(user="outside", answer_after=answer_after, reject=reject, steps=steps)
        phone = Phone(*await self._start(script, port=port))
        self._phones.append(phone)
        return phone

    async def stop_agent(self, agent: Agent) -> None:
        """Stop a device and withdraw its registration."""
        await agent.stop()
        await self._withdraw(agent)
        self._phones.remove(agent)

    async def call(
        self,
        to: str,
        *,
        number: str = "13800138000",
        name: str | bytes = "",
        hold: float | None = 3.0,
        give_up_after: float | None = None,
        steps: Sequence[Step] = (),
        device: str | None = None,
    ) -> Call:
        """Place a call and return at once.

        After the answer: `steps`, then `hold` seconds, then hang up (None: the other side ends it).
        `give_up_after`: cancel while it is still ringing, so many seconds after the last progress.
        `device`: call as this registered agent's device instead of from the trunk.
        """
        script = scenario.caller(
            to=to,
            number=device or number,
            name=name,
            password=self._device_secret if device else "",
            give_up_after=give_up_after,
            steps=(*steps, *_ending(hold)),
        )
        process, folder, port = await self._start(script, "-m", "1")
        call = Call(process, folder, port)
        self._phones.append(call)
        return call

    async def calls(
        self,
        to: str,
        callers: Sequence[tuple[str, str]],
        *,
        per_second: float,
        hold: float | None = 3.0,
        steps: Sequence[Step] = (),
    ) -> Call:
        """Place a call for each (number, name) at a steady rate from one process; returns at once.

        The result is ok when all went well; its events are those of all calls together.
        """
        script = scenario.callers(to=to, callers=callers, steps=(*steps, *_ending(hold)))
        process, folder, port = await self._start(
            script,
            *("-m", str(len(callers)), "-l", str(len(callers)), "-inf", "callers.csv"),
            *("-r", str(max(1, round(per_second * 10))), "-rp", "10000"),
        )
        call = Call(process, folder, port)
        self._phones.append(call)
        return call

    # ---- inside ------------------------------------------------------------------------------

    @property
    def _device_secret(self) -> str:
        return self.settings.asterisk.device_secret.get_secret_value()

    async def _register(self, device: str, contact: int | None, port: int | None = None) -> None:
        script = scenario.register(user=device, password=self._device_secret, port=contact)
        process, folder, port = await self._start(script, "-m", "1", port=port)
        result = await Call(process, folder, port).result(10.0)
        if not result.ok:
            raise Unavailable(f"device {device} could not register: {result.faults}")

    async def _withdraw(self, agent: Agent) -> None:
        await self._register(agent.device, None)

    async def _start(
        self, script: Script, *options: str, port: int | None = None
    ) -> tuple[asyncio.subprocess.Process, Path, int]:
        if self._folder is None or self._program is None:
            raise Unavailable("Phones is used outside its async with block")
        folder = Path(self._folder.name) / str(next(self._numbers))
        folder.mkdir()
        for name, data in {"scenario.xml": script.xml, **script.files}.items():
            (folder / name).write_bytes(data)
        media = free_udp(8)
        port, control = port or media + 6, media + 4
        asterisk = self.settings.asterisk
        with (folder / "screen.log").open("wb") as screen:
            process = await asyncio.create_subprocess_exec(
                *self._tie,
                self._program,
                f"{HOST}:{asterisk.sip_port}",
                *("-sf", "scenario.xml", "-i", HOST, "-p", str(port), "-mi", HOST, "-mp", str(media)),
                *(
                    "-ci",
                    HOST,
                    "-cp",
                    str(control),
                    "-nostdin",
                    "-aa",
                    "-trace_logs",
                    "-log_file",
                    "events.log",
                ),
                *("-trace_err", "-error_file", "errors.log"),
                *options,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
            )
        return process, folder, port


def _ending(hold: float | None) -> tuple[Step, ...]:
    return () if hold is None else (scenario.wait(hold), scenario.hangup())
