"""Live help: how long from speech to text and from the end of a sentence to the hint, and what it costs.

The real listening process (default settings, one model, its own low priority) reads legs that come over
WebSocket in real time, 20 ms frames of 8 kHz slin as Asterisk sends them, from a server of this bench. So
the figures hold the worker, not the PBX. With 1, 4 and 8 talks at once, both legs each: voice → first text,
end of a sentence → whole text, → hint (forbidden phrase, name, number, closing words), processor and memory
of the worker per talk, how long it gave whole sentences only, and what was given up. It stops where
utterances are given up, or a hint comes later than LATE_S at the 95th percentile.

Then every scripted call is played once and scored twice: from the text of the live worker, and from the
recording as the speech worker does; the verdicts of both stand side by side. At last so many calls that end
at once run over a real Asterisk, and what is left of them there is counted.

All voices are synthetic. ``python -m bench live_help`` takes LAIDIAN_BENCH_SECONDS (60, for each number of
talks), LAIDIAN_BENCH_TALKS (1,4,8), LAIDIAN_BENCH_LEFTOVERS (200 calls), LAIDIAN_BENCH_SCORED (26 calls),
LAIDIAN_BENCH_CALLS (folder of scripted calls).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web

from bench import machine
from bench.live.leftovers import leftovers
from bench.live.sounds import ROLES, Sound, own_calls, shared_calls
from cti.config import Settings
from cti.quality.rules import load_presets
from cti.quality.score import score
from cti.quality.transcript import Leg, Speech, Transcript, Word, facts_of
from cti.speech.choose import load_engine
from cti.speech.live_process import LiveProcess
from cti.speech.start import recogniser_of
from cti.speech.transcribe import transcribe

FRAME, FRAME_S = 320, 0.02
LATE_S = 10.0
OF_WORDS = frozenset({"forbidden", "name", "number", "closing"})
TAIL_S = 20.0


@dataclass
class Playing:
    """One talk that is being played, and what came of it (monotonic seconds)."""

    id: str
    sound: Sound
    again: bool  # from the beginning when it is over
    began: float = 0.0
    texts: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    hints: list[tuple[float, int]] = field(default_factory=list)  # with the end of their utterance, ms
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class Studio:
    """The media server and the worker that reads from it."""

    def __init__(self, settings: Settings) -> None:
        self.worker = LiveProcess(settings, self._heard, lambda _: None, may_pull=True)
        self.talks: dict[str, Playing] = {}
        self.load: list[tuple[float, dict[str, Any]]] = []
        self._runner: web.AppRunner | None = None
        self._base = ""

    async def __aenter__(self) -> Studio:
        app = web.Application()
        app.router.add_get("/media/{talk}/{leg}", self._media)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._base = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/media"
        self.worker.start()
        async with asyncio.timeout(600):
            while "reads" not in self.worker.info:  # noqa: ASYNC110 - a measure may look now and then
                await asyncio.sleep(0.1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.worker.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def play(self, id: str, sound: Sound, *, again: bool) -> Playing:
        """Begin a talk."""
        talk = self.talks[id] = Playing(id, sound, again, time.monotonic())
        facts = facts_of(sound.facts) if sound.facts else None
        names = ("company", "station", "direction", "desk", "customer", "title")
        known = {name: getattr(facts, name) for name in names} if facts is not None else {}
        legs = {role: f"{self._base}/{id}/{role}" for role in ROLES}
        self.worker.send({"op": "open", "call": id, "legs": legs, "facts": known})
        return talk

    async def end(self, talk: Playing) -> None:
        """End it, and wait for its last words."""
        self.worker.send({"op": "close", "call": talk.id})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(talk.closed.wait(), TAIL_S)
        del self.talks[talk.id]

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        """One leg in real time."""
        socket = web.WebSocketResponse(protocols=("media",), compress=False)
        await socket.prepare(request)
        talk = self.talks[request.match_info["talk"]]
        pcm = talk.sound.legs[request.match_info["leg"]]
        with contextlib.suppress(ConnectionError):  # the worker has hung up
            await self._send(socket, talk, pcm)
        return socket

    async def _send(self, socket: web.WebSocketResponse, talk: Playing, pcm: bytes) -> None:
        silence, at, due = bytes(FRAME), 0, time.monotonic()
        await socket.send_str("MEDIA_START")
        while not socket.closed:
            if at >= len(pcm) and talk.again:
                at = 0
            frame = pcm[at : at + FRAME]
            await socket.send_bytes(frame.ljust(FRAME, b"\0") if frame else silence)
            at += FRAME
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _heard(self, _: LiveProcess, event: dict[str, Any]) -> None:
        now = time.monotonic()
        if event["ev"] == "load":
            self.load.append((now, event))
            return
        talk = self.talks.get(event.get("call", ""))
        if talk is None:
            return
        if event["ev"] == "text":
            talk.texts.append((now, event))
        elif event["ev"] == "hint" and event["kind"] in OF_WORDS and not event["gone"] and talk.texts:
            talk.hints.append((now, talk.texts[-1][1]["t1"] or 0))
        elif event["ev"] == "closed":
            talk.closed.set()


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
                "scores": asyncio.run(_scores(settings, scored)) if scored else "no scripted calls here",
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


async def _scores(settings: Settings, calls: Sequence[Sound]) -> dict[str, Any]:
    """Each call scored from live text and from its recording."""
    rules, rows = load_presets(), []
    same = decided = 0
    live: dict[str, Transcript] = {}
    async with Studio(settings) as studio:
        for sound in calls:
            talk = studio.play(sound.name, sound, again=False)
            await asyncio.sleep(sound.seconds)
            await studio.end(talk)
            live[sound.name] = _heard_live(talk)
    engine = load_engine(recogniser_of(settings).choice)
    for sound in calls:
        facts = facts_of(sound.facts or {})
        recorded = transcribe(sound.files["agent"], sound.files["caller"], facts, lambda: engine).transcript
        sheets = [score(t, rules) for t in (live[sound.name], recorded)]
        verdicts = [{v.rule: v.outcome.value for v in s.verdicts} for s in sheets]
        differ = {r: [a, verdicts[1][r]] for r, a in verdicts[0].items() if a != verdicts[1][r]}
        same += len(verdicts[0]) - len(differ)
        decided += len(verdicts[0])
        values = {"live": sheets[0].value, "recording": sheets[1].value}
        rows.append({"call": sound.name, **values, "live_against_recording": differ})
    return {
        "calls": rows,
        "verdicts_alike": round(same / decided, 3) if decided else None,
        "verdicts": decided,
    }


def _heard_live(talk: Playing) -> Transcript:
    """A transcript out of the live texts: an utterance is one word with the times of its voice."""
    legs: dict[str, tuple[list[Word], list[Speech]]] = {role: ([], []) for role in ROLES}
    finals = {(t["leg"], t["n"]): t for _, t in talk.texts if t["final"]}
    for text in sorted(finals.values(), key=lambda t: t["t0"]):
        words, speech = legs[text["leg"]]
        said = "".join(part for part, _ in text["parts"])
        speech.append(Speech(text["t0"], text["t1"], 1.0 if said else 0.0))
        if said:
            words.append(Word(said, text["t0"], text["t1"]))
    made = {role: Leg(tuple(w), tuple(s), -60.0) for role, (w, s) in legs.items()}
    facts = facts_of(talk.sound.facts or {})
    length = round(talk.sound.seconds * 1000)
    return Transcript(facts, made["agent"], made["caller"], length, "live")


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False, indent=1))
