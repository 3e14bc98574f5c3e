"""The listening process seen from the service: started, fed with orders, started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

from cti.config import Settings
from cti.obs import get_logger

_log = get_logger("live")
AGAIN_S = (1.0, 2.0, 5.0, 15.0, 60.0)
STEADY_S = 60.0
GRACE_S = 5.0
MOST_ORDERS = 1 << 20  # bytes that the process has not read


class LiveProcess:
    """One worker. `on_event` gets its lines, `on_up(False)` when it has died and all its calls with it.

    `info`: what it last said of its engine and of how it keeps up.
    """

    def __init__(
        self,
        settings: Settings,
        on_event: Callable[[LiveProcess, dict[str, Any]], None],
        on_up: Callable[[bool], None],
        *,
        may_pull: bool = True,
    ) -> None:
        sections = {"speech", "quality", "phone", "company"}
        values = settings.model_dump(mode="json", include=sections)
        values["waybills"] = {
            "pattern": settings.waybills.pattern,
            "prefixes": list(settings.waybills.prefixes),
        }
        self._first = {"settings": values, "may_pull": may_pull}
        self._on_event, self._on_up = on_event, on_up
        self.info: dict[str, Any] = {}
        self._up = False
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether it has begun to read its orders; starting takes seconds on a busy machine."""
        return self._up

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.get_running_loop().create_task(self._keep(), name="live-process")

    async def stop(self) -> None:
        """End it: politely, at last by force."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def send(self, order: dict[str, Any]) -> bool:
        """An order; False when there is no process to take it."""
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return False
        if process.stdin.transport.get_write_buffer_size() > MOST_ORDERS:
            _log.error("the listening process does not read its orders; it is ended")
            process.kill()
            return False
        process.stdin.write(json.dumps(order, ensure_ascii=False).encode() + b"\n")
        return True

    async def _keep(self) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "cti.speech.live_worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 20,
            )
            self._process = process
            try:
                self.send(self._first)
                await self._read(process)
                code = await process.wait()
            except asyncio.CancelledError:
                self._process = None
                await _end(process)
                raise
            self._process, self._up, self.info = None, False, {}
            self._on_up(False)
            failures = 1 if loop.time() - began > STEADY_S else failures + 1
            pause = AGAIN_S[min(failures - 1, len(AGAIN_S) - 1)]
            _log.error("the listening process ended", status=code, again_in_s=pause)
            await asyncio.sleep(pause)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        while line := await process.stdout.readline():
            try:
                event = json.loads(line)
                if event["ev"] == "hello":
                    self._up = True
                    self._on_up(True)
                    continue
                if event["ev"] in ("ready", "load"):
                    self.info |= event
                self._on_event(self, event)
            except Exception:  # noqa: BLE001 - one line that is not understood must not end the listening
                _log.exception("a line of the listening process was not understood")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()  # it ends with its input
    try:
        await asyncio.wait_for(process.wait(), GRACE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
