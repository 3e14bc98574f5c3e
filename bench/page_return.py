"""How soon a page shows what is true after a bad day, from the return of the connection.

A real Asterisk, the service, an agent whose page and phone are in a real Chromium with a voice; the colleague
is a SIPp phone. Each round begins in a talk and makes one bad day (``bench/desk/days.py``). Then the DOM is
read every 10 ms until links, phone bar, card and buttons all show how it stands. `true_ms` counts from the
moment at which the way is free again (nothing told the page so: the waiting between its tries is in it);
`noticed_ms`, from there to the first connection that reaches the service; `talk_again_ms`, after a killed
browser, until the caller is heard in the new one.

``python -m bench page_return`` takes LAIDIAN_BENCH_ROUNDS (10, of each day) and LAIDIAN_BENCH_DAYS (all;
names joined by commas) from the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import machine
from bench.desk.days import DAYS, Desk, browser_killed
from cti.store.db import Database
from cti.store.migrations import upgrade
from tests.plugins.phone_desk import as_alaw, phone_desk, voice_of
from tests.plugins.qa import spoken
from tests.plugins.screenpop import seed

LIMIT_S = 30.0
EVERY_S = 0.01
PROMISED_MS = 2000


def main() -> dict[str, Any]:
    """Measure; writes bench/results/page_return.json."""
    rounds = int(os.environ.get("LAIDIAN_BENCH_ROUNDS", "10"))
    wanted = os.environ.get("LAIDIAN_BENCH_DAYS", "")
    given = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("LAIDIAN_BENCH_")]
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as folder:
        days = asyncio.run(_measure(Path(folder), rounds, wanted.split(",") if wanted else []))
    command = " ".join([*given, "python -m bench page_return"])
    return machine.write("page_return", {"command": command, "rounds": rounds, "days": days})


async def _measure(folder: Path, rounds: int, wanted: Sequence[str]) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'bench.db'}"
    database = Database(url)
    upgrade(database)
    database.close()
    await asyncio.to_thread(seed, url)
    agent = voice_of(spoken(2), folder / "agent.wav")
    caller = as_alaw(spoken(4)[2:], folder / "caller.al")
    found: dict[str, Any] = {}
    async with phone_desk(folder, url) as opened, opened.line_to_pages() as (line, base):
        desk = await Desk.open(opened, line, base, agent)
        for day in DAYS:
            if wanted and day.__name__ not in wanted:
                continue
            times: dict[str, list[float]] = {}
            for _ in range(rounds):
                await desk.talk(caller)
                expected = await day(desk)
                await _watch(desk, expected, times, rejoins=day is browser_killed)
                await desk.clear()
            found[day.__name__] = {name: _figures(values) for name, values in times.items()}
            found[day.__name__]["over_2_s"] = sum(t > PROMISED_MS for t in times["true_ms"])
    return found


async def _watch(
    desk: Desk, expected: dict[str, str], times: dict[str, list[float]], *, rejoins: bool
) -> None:
    """Look at the page until it shows all of it."""
    began, seen, connections = time.monotonic(), {}, desk.line.connections

    def took(name: str) -> None:
        times.setdefault(name, []).append((time.monotonic() - began) * 1000)

    noticed = False
    for name, wanted in {
        "true_ms": expected,
        **({"talk_again_ms": {"strip": "talking"}} if rejoins else {}),
    }.items():
        while not wanted.items() <= seen.items():
            if not noticed and desk.line.connections > connections:
                noticed = True
                took("noticed_ms")
            if time.monotonic() - began > LIMIT_S:
                raise SystemExit(f"not within {LIMIT_S:g} s: {wanted}; the page shows {seen}")
            await asyncio.sleep(EVERY_S)
            seen = await desk.shown()
        took(name)


def _figures(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    p95 = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered)),
        "p95": round(p95),
        "max": round(ordered[-1]),
    }


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False, indent=1))
