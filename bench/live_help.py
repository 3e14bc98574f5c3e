"""Live help: how long from speech to text and from the end of a sentence to the hint, and what it costs.

The real listening process (default settings, one model, its own low priority) reads legs that come over
WebSocket in real time, 20 ms frames of 8 kHz slin as Asterisk sends them, from a server of this bench. So
the figures hold the worker, not the PBX. With 1, 4 and 8 talks at once, both legs each: voice → first text,
end of a sentence → whole text, → hint (forbidden phrase, name, number, closing words), processor and memory
of the worker per talk, how long it gave whole sentences only, and what was given up. It stops where
utterances are given up, or a hint comes later than LATE_S at the 95th percentile.

Then every scripted call is played once. Its live hints on forbidden phrases stand beside what the recording
says of the same rules: that is what the product decides live. And it is scored twice: from the text of the
live worker, and from the recording as the speech worker does. The live text has no word times within an
utterance and no languages (DIA-03 is left to a person), so `verdicts_opposed`, passed on one side and failed
on the other, says more than `verdicts_alike`. At last so many calls that end
at once run over a real Asterisk, and what is left of them there is counted.

All voices are synthetic. ``python -m bench live_help`` takes LAIDIAN_BENCH_SECONDS (60, for each number of
talks), LAIDIAN_BENCH_TALKS (1,4,8), LAIDIAN_BENCH_LEFTOVERS (200 calls), LAIDIAN_BENCH_SCORED (26 calls),
LAIDIAN_BENCH_CALLS (folder of scripted calls).
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

import psutil

from bench import machine
from bench.live.leftovers import leftovers
from bench.live.scores import scores
from bench.live.sounds import Sound, own_calls, shared_calls
from bench.live.studio import Studio
from cti.config import Settings

LATE_S = 10.0


def main() -> dict[str, Any]:
    """Measure; writes bench/results/live_help.json, returns the figures."""
    seconds = float(os.environ.get("LAIDIAN_BENCH_SECONDS", "60"))
    numbers = [int(n) for n in os.environ.get("LAIDIAN_BENCH_TALKS", "1,4,8").split(",")]
    left = int(os.environ.get("LAIDIAN_BENCH_LEFTOVERS", "200"))
    most = int(os.environ.get("LAIDIAN_BENCH_SCORED", "26"))
    given = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("LAIDIAN_BENCH_")]
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as folder:
        calls = shared_calls() or own_calls(Path(folder))
        settings = Settings()
        found = asyncio.run(_measure(settings, calls, numbers, seconds))
        scored = [c for c in calls if c.facts is not None][:most]
        return machine.write(
            "live_help",
            {
                "command": " ".join([*given, "python -m bench live_help"]),
                "synthetic": True,
                "voices": "scripted calls" if calls[0].facts else "prompts of this repository",
                **found,
                "scores": asyncio.run(scores(settings, scored)) if scored else "no scripted calls here",
                "leftovers": asyncio.run(leftovers(Path(folder), left)) if left else None,
            },
        )


async def _measure(
    settings: Settings, calls: Sequence[Sound], numbers: Sequence[int], seconds: float
) -> dict[str, Any]:
    found: dict[str, Any] = {"talks": {}, "stops_at": None}
    for count in numbers:
        async with Studio(settings) as studio:
            found["engine"] = studio.worker.info.get("engine")
            result = found["talks"][str(count)] = await _at_once(studio, calls, count, seconds)
        late = (result["sentence_to_hint_s"]["p95"] or 0) > LATE_S
        if found["stops_at"] is None and (result["given_up"] or late):
            found["stops_at"] = count
    return found


async def _at_once(studio: Studio, calls: Sequence[Sound], count: int, seconds: float) -> dict[str, Any]:
    process = psutil.Process(studio.worker.pid)
    used, memory = sum(process.cpu_times()[:2]), process.memory_info().rss
    began = time.monotonic()
    talks = []
    for n in range(count):
        talks.append(studio.play(f"t{n}", calls[n % len(calls)], again=True))
        await asyncio.sleep(1.0 / count)
    await asyncio.sleep(seconds)
    ended = time.monotonic()
    used = sum(process.cpu_times()[:2]) - used
    peak = process.memory_info().rss
    await asyncio.gather(*(studio.end(t) for t in talks))
    first, whole, hints = [], [], []
    for talk in talks:
        seen: set[tuple[str, int]] = set()
        for at, text in talk.texts:
            if text["parts"] and (text["leg"], text["n"]) not in seen:
                seen.add((text["leg"], text["n"]))
                first.append(at - talk.began - text["t0"] / 1000)
            if text["final"] and text["parts"]:
                whole.append(at - talk.began - text["t1"] / 1000)
        hints += [at - talk.began - t1 / 1000 for at, t1 in talk.hints]
    return {
        "seconds": round(ended - began, 1),
        "voice_to_first_text_s": _spread(first),
        "sentence_to_text_s": _spread(whole),
        "sentence_to_hint_s": _spread(hints),
        "finals_only_share": _share(studio.load, began, ended),
        "given_up": studio.load[-1][1]["lost"] if studio.load else 0,
        "cpu_cores": round(used / (ended - began), 2),
        "cpu_cores_a_talk": round(used / (ended - began) / count, 2),
        "memory_mib": round(peak / 2**20),
        "memory_mib_a_talk": round((peak - memory) / 2**20 / count, 1),
    }


def _share(load: Sequence[tuple[float, dict[str, Any]]], began: float, ended: float) -> float:
    """For how much of the time there were whole sentences only."""
    total, since = 0.0, None
    for at, event in load:
        if event["finals_only"] and since is None:
            since = at
        elif not event["finals_only"] and since is not None:
            total, since = total + min(at, ended) - max(since, began), None
    if since is not None:
        total += ended - max(since, began)
    return round(max(0.0, total) / (ended - began), 2)


def _spread(values: Sequence[float]) -> dict[str, Any]:
    ordered = sorted(values)
    p95 = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else None
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered), 2) if ordered else None,
        "p95": round(p95, 2) if p95 is not None else None,
    }


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False, indent=1))
