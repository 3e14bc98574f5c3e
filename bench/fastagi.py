"""FastAGI: 12-command calls at 1, 50 and 500 at once: ours, panoramisk, pyst2 in threads, bare asyncio.

Every contender runs in a process of its own, the same client in another; rounds of all contenders alternate
so that a noisy neighbour hits all alike. The figure is the median over the rounds; `cpu_us_per_call` is what
the server's process took, which a busy machine disturbs least.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from bench import machine

CONTENDERS = (
    "ours",
    "ours_threads",
    "panoramisk",
    "panoramisk_uvloop",
    "pyst2_threads",
    "bare",
    "bare_uvloop",
)
CONCURRENT = (1, 50, 500)
KEYS = (
    "calls_per_s",
    "cpu_us_per_call",
    "command_p50_ms",
    "command_p99_ms",
    "server_rss_mib",
    "faults",
)
WAITING = 2000
CORES = len(os.sched_getaffinity(0))
ROUNDS = 3
SECONDS = 1.5


def main() -> dict[str, Any]:
    """Run all contenders; keep the figures with the ratios to panoramisk."""
    rounds: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(int(os.environ.get("BENCH_ROUNDS", ROUNDS))):
        for concurrent in CONCURRENT:
            for name in CONTENDERS:
                rounds.setdefault((name, concurrent), []).append(_once(name, concurrent))
    found: dict[str, Any] = {}
    for (name, concurrent), results in rounds.items():
        found.setdefault(name, {})[str(concurrent)] = {
            key: round(statistics.median(r[key] for r in results), 2) for key in KEYS
        }
    waiting = _waiting()
    ours, peer = found["ours"]["500"], found["panoramisk"]["500"]
    return machine.write(
        "fastagi",
        {
            "contenders": found,
            "waiting": waiting,
            "cpu_ratio_to_panoramisk_at_500": round(peer["cpu_us_per_call"] / ours["cpu_us_per_call"], 2),
            "ratio_to_panoramisk_at_500": round(ours["calls_per_s"] / peer["calls_per_s"], 2),
            "p99_ratio_to_panoramisk_at_500": round(ours["command_p99_ms"] / peer["command_p99_ms"], 2),
        },
    )


@contextmanager
def _server(name: str) -> Iterator[tuple[psutil.Process, int]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.agi.servers", name, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        if server.stdout is None or server.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the server {name} did not start")
        process = psutil.Process(server.pid)
        if CORES > 1:
            process.cpu_affinity([0])  # the client has the other cores: what is measured is the server
        yield process, port
    finally:
        server.kill()
        server.wait()


def _client(*args: object) -> dict[str, Any]:
    pin = ["taskset", "-c", f"1-{CORES - 1}"] if CORES > 1 else []
    out = subprocess.run(
        [*pin, sys.executable, "-m", "bench.agi.client", *map(str, args)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    return dict(json.loads(out))


def _once(name: str, concurrent: int) -> dict[str, Any]:
    with _server(name) as (server, port):
        before = server.cpu_times()
        found = _client(port, concurrent, SECONDS)
        after = server.cpu_times()
        used = after.user + after.system - before.user - before.system
        return {
            **found,
            "cpu_us_per_call": round(used / found["calls"] * 1e6),
            "server_rss_mib": round(server.memory_info().rss / 2**20, 1),
        }


def _waiting() -> dict[str, Any]:
    """Memory of the whole product server with callers who stand in its menu and press nothing."""
    with _server("whole") as (server, port):
        _client(port, 50, 0.5, "hold")  # what is made once is made
        before = server.memory_info().rss
        with subprocess.Popen(
            [sys.executable, "-m", "bench.agi.client", str(port), str(WAITING), "60", "hold"],
            stdout=subprocess.PIPE,
            text=True,
        ) as client:
            line = client.stdout.readline() if client.stdout else ""
            after = server.memory_info().rss
            client.kill()
    return {
        "calls": json.loads(line)["waiting"],
        "kib_per_call": round((after - before) / WAITING / 1024, 1),
        "server_rss_mib": round(after / 2**20, 1),
    }


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
