"""Wall board at 1,000 agents and 20 calls a second: what viewers cost, how old a state on the board is.

The same service is measured without viewers and with five. The age of a state is from the moment it began to
the moment a viewer has it; up to `floor.wall_every_s` of it is the bounded rate. That nothing else is
disturbed is seen by a 5 ms timer in the service: what it is late, a pop would be late.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import aiohttp

from bench.machine import write
from bench.wall import quantile


class Viewer:
    """One board: bytes, messages, ages of states."""

    def __init__(self) -> None:
        self.bytes = self.messages = self.snapshot = 0
        self.ages: list[float] = []

    async def watch(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        """Until it is cancelled."""
        async with http.ws_connect(f"{url}/ws/wall", compress=0, max_msg_size=0) as ws:
            await ws.send_json({"type": "auth", "token": token})
            async for said in ws:
                now = time.time()
                message = json.loads(said.data)
                if message["type"] == "wall":
                    self.snapshot = len(said.data.encode())
                    continue
                self.bytes += len(said.data.encode())
                self.messages += 1
                began = (datetime.fromisoformat(a["since"]).timestamp() for a in message.get("agents", ()))
                self.ages += [now - at for at in began]


@contextlib.asynccontextmanager
async def service(agents: int, rate: float) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="laidian-wall-") as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.wall.service", folder, str(agents), str(rate)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()
            await process.wait()


async def said(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next JSON line; logs are passed over."""
    while process.stdout is not None and (line := await process.stdout.readline()):
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and "event" not in found:
                return found
    raise SystemExit("the service has ended")


async def used(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """What the service has used since the last question."""
    if process.stdin is None:
        raise SystemExit("no way to ask")
    process.stdin.write(b"\n")
    return await said(process)


async def measure(agents: int, rate: float, viewers: int, warm_s: float, seconds: float) -> dict[str, Any]:
    """Without viewers, with them, without them again: the last shows that nothing has drifted."""
    async with service(agents, rate) as process, aiohttp.ClientSession() as http:
        at = await said(process)
        await asyncio.sleep(warm_s)
        await used(process)
        await asyncio.sleep(seconds)
        without = await used(process)
        boards = [Viewer() for _ in range(viewers)]
        tasks = [asyncio.create_task(b.watch(http, at["url"], at["token"])) for b in boards]
        await asyncio.sleep(2)
        await used(process)
        for board in boards:
            board.bytes, board.messages, board.ages = 0, 0, []
        await asyncio.sleep(seconds)
        watched = await used(process)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        faults = [repr(e) for e in ended if not isinstance(e, asyncio.CancelledError)]
        await asyncio.sleep(2)
        await used(process)
        await asyncio.sleep(seconds)
        after = await used(process)
    ages = sorted(a for b in boards for a in b.ages)
    return {
        "agents": agents,
        "calls_per_second": rate,
        "viewers": viewers,
        "seconds": seconds,
        "without_viewers": without,
        "with_viewers": watched,
        "without_again": after,
        "snapshot_bytes": boards[0].snapshot,
        "bytes_per_viewer_per_second": round(sum(b.bytes for b in boards) / viewers / seconds),
        "messages_per_viewer_per_second": round(sum(b.messages for b in boards) / viewers / seconds, 2),
        "states_told": len(ages),
        "age_p50_ms": round(1000 * quantile(ages, 0.5)) if ages else None,
        "age_p99_ms": round(1000 * quantile(ages, 0.99)) if ages else None,
        "viewers_lost": faults,
    }


def main() -> dict[str, Any]:
    """Run and write; ``LAIDIAN_BENCH_AGENTS``, ``…_CALLS``, ``…_SECONDS``, ``…_WARM`` for less."""

    def given(name: str, default: str) -> float:
        return float(os.environ.get(f"LAIDIAN_BENCH_{name}", default))

    agents, rate = int(given("AGENTS", "1000")), given("CALLS", "20")
    found = asyncio.run(measure(agents, rate, 5, given("WARM", "60"), given("SECONDS", "60")))
    return write("wall_board", found)
