"""AMI ingest: 200,000 events of a real queue call over a socket to a callback, ours beside the peers.

Feeder and contender are processes of their own; the rounds of all contenders alternate, so that a noisy
neighbour hits all alike; the figure is the median over the rounds. ``per_cpu_s`` divides by the CPU time of
the contender instead of the clock: it says the same on a busy machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import Any

from bench import machine
from bench.ami.feed import templates

PEERS = ("panoramisk", "basicami", "asterisk_ami")
CONTENDERS = ("ours", "ours_all", "ours_tracker", *PEERS, "pyst2")
EVENTS = 200_000
SLOW = {"pyst2": 3_000}  # it would take minutes
ROUNDS = 3
MIXES = ("long", "hotline")


def main() -> dict[str, Any]:
    """Run all contenders on both mixes; keep the figures with the ratios to the best peer."""
    events = int(os.environ.get("BENCH_EVENTS", EVENTS))
    found: dict[str, Any] = {}
    for mix in MIXES:
        # a tracker needs whole calls: the long events alone have no births and no ends
        playing = [name for name in CONTENDERS if name != "ours_tracker" or mix == "hotline"]
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in playing}
        for _ in range(int(os.environ.get("BENCH_ROUNDS", ROUNDS))):
            for name in playing:
                rounds[name].append(_once(name, mix, min(events, SLOW.get(name, events))))
        found[mix] = _summary(mix, rounds)
    return machine.write("ami_ingest", {"events": events, "mixes": found})


def _summary(mix: str, rounds: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    figures = {
        name: {
            "per_s": round(statistics.median(r["per_s"] for r in results)),
            "per_cpu_s": round(statistics.median(r["per_cpu_s"] for r in results)),
            "lost": max(r["lost"] for r in results),
            "memory_mib": results[-1]["memory_mib"],
        }
        for name, results in rounds.items()
    }
    best = {key: max(figures[peer][key] for peer in PEERS) for key in ("per_s", "per_cpu_s")}
    call = templates(mix)
    return {
        "events_per_call": len(call),
        "headers_per_event": round(statistics.mean(e.count(b"\r\n") + 1 for e in call), 1),
        "contenders": figures,
        "ratio_to_best_peer": {
            name: {key: round(figures[name][key] / best[key], 2) for key in best}
            for name in ("ours", "ours_all", "ours_tracker")
            if name in figures
        },
    }


def _once(name: str, mix: str, events: int) -> dict[str, Any]:
    feeder = subprocess.Popen(
        [sys.executable, "-m", "bench.ami.feed", mix, str(events)], stdout=subprocess.PIPE, text=True
    )
    try:
        if feeder.stdout is None:
            raise RuntimeError("the feeder did not start")
        port = feeder.stdout.readline().strip()
        out = subprocess.run(
            [sys.executable, "-m", "bench.ami.contenders", name, port, str(events)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
            timeout=180,
        ).stdout
        result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return result
    finally:
        feeder.kill()
        feeder.wait()


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
