"""The speech workers beside the service: a process of low priority, started again if it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from cti.obs import get_logger

_log = get_logger("speech")
AGAIN_S = (1.0, 5.0, 30.0, 60.0)
GRACE_S = 20.0
STEADY_S = 60.0


@contextlib.asynccontextmanager
async def beside(command: Sequence[str]) -> AsyncIterator[None]:
    """Keep `command` running for as long as the block runs; then end it politely, at last by force."""
    task = asyncio.get_running_loop().create_task(_keep(command), name="speech-process")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(command: Sequence[str]) -> None:
    loop, failures = asyncio.get_running_loop(), 0
    while True:
        began = loop.time()
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        failures = 0 if loop.time() - began > STEADY_S else failures + 1
        pause = AGAIN_S[min(failures, len(AGAIN_S) - 1)]
        _log.error("the speech worker ended", status=code, again_in_s=pause)
        await asyncio.sleep(pause)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
