"""Plays Asterisk: N calls at once against a FastAGI server, timing every command. Runs in its own process.

``python -m bench.agi.client PORT CONCURRENT SECONDS [hold]`` prints one JSON object.
"""

from __future__ import annotations

import asyncio
import functools
import json
import resource
import sys
import time

import uvloop

ENV = (
    b"agi_network: yes\nagi_network_script: %s\nagi_request: agi://127.0.0.1/ivr\n"
    b"agi_channel: PJSIP/trunk-00000001\nagi_language: zh\nagi_type: PJSIP\nagi_uniqueid: 1700000000.1\n"
    b"agi_version: 22.10.1\nagi_callerid: 13800138000\nagi_calleridname: unknown\nagi_callingpres: 0\n"
    b"agi_callingani2: 0\nagi_callington: 0\nagi_callingtns: 0\nagi_dnid: 95338\nagi_rdnis: unknown\n"
    b"agi_context: hotline\nagi_extension: 95338\nagi_priority: 1\nagi_enhanced: 0.0\nagi_accountcode: \n"
    b"agi_threadid: 140000000000000\n\n"
) % (b"hotline" if sys.argv[4:] == ["hold"] else b"ivr")


class Call(asyncio.Protocol):
    """Answers each command at once; the time of a command is from our reply to the server's next line."""

    def __init__(self, times: list[float], done: asyncio.Future) -> None:
        self.times, self.done, self.commands = times, done, 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(ENV)
        self.since = time.perf_counter()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.times.append(now - self.since)
        self.commands += 1
        if data.startswith(b"GET DATA"):
            self.transport.write(b"200 result=1\n")
        elif data.startswith(b"STREAM"):
            self.transport.write(b"200 result=0 endpos=16000\n")
        else:
            self.transport.write(b"200 result=0\n")
        self.since = time.perf_counter()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(self.commands)


def _same(call: Call) -> Call:
    return call


async def run(port: int, concurrent: int, seconds: float) -> dict:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    calls = 0
    faults = 0
    end = time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal calls, faults
        while time.perf_counter() < end:
            call = Call(times, loop.create_future())
            await loop.create_connection(functools.partial(_same, call), "127.0.0.1", port)
            commands = await call.done
            calls += 1
            faults += commands != 12

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(concurrent)))
    took = time.perf_counter() - start
    times.sort()
    return {
        "calls_per_s": round(calls / took, 1),
        "calls": calls,
        "faults": faults,
        "command_p50_ms": round(times[len(times) // 2] * 1000, 2),
        "command_p99_ms": round(times[int(len(times) * 0.99)] * 1000, 2),
        "command_max_ms": round(times[-1] * 1000, 2),
    }


class Waiting(Call):
    """Answers until it is asked for a key, then presses none."""

    def data_received(self, data: bytes) -> None:
        if data.startswith((b"GET DATA", b"EXEC Read")):
            if not self.done.done():
                self.done.set_result(self.commands)
        else:
            super().data_received(data)


async def hold(port: int, concurrent: int, seconds: float) -> dict:
    """Stand in the menu with that many calls; tells when all have been asked for a key."""
    loop = asyncio.get_running_loop()
    calls = [Waiting([], loop.create_future()) for _ in range(concurrent)]
    for i, call in enumerate(calls):
        await loop.create_connection(functools.partial(_same, call), "127.0.0.1", port)
        if i % 50 == 49:
            await call.done
    await asyncio.gather(*(call.done for call in calls))
    print(json.dumps({"waiting": concurrent}), flush=True)
    await asyncio.sleep(seconds)
    return {}


def main() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, hard), hard))
    port, concurrent, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if sys.argv[4:] == ["hold"]:
        uvloop.run(hold(port, concurrent, seconds))
    else:
        print(json.dumps(uvloop.run(run(port, concurrent, seconds))))


if __name__ == "__main__":
    main()
