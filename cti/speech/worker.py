"""The speech worker: takes a recorded call, has it recognised and scored, and keeps the results.

Any number of them may run, in any number of processes and on any number of machines that see the files.
What one of them does is written in two transactions, each only if the job is still its own: after a
SIGKILL at any point another one goes on where the last transaction ended.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.engine import RowMapping

from cti.config import Settings
from cti.errors import DeadlineExceeded, LaidianError, Unavailable
from cti.obs import get_logger
from cti.quality.rules import RuleSet
from cti.quality.transcript import to_json
from cti.speech.adopt import adopt
from cti.speech.audio import AudioState, LegAudio, load_leg
from cti.speech.choose import Choice
from cti.speech.engine import Engine
from cti.speech.facts import drift_of, facts_of, with_pauses
from cti.speech.peaks import PER_S, peaks
from cti.speech.rescore import score_of
from cti.speech.transcribe import transcribe
from cti.store.db import Database
from cti.store.repos import jobs, quality, recordings

_log = get_logger("speech")
IDLE_S, AWAY_S, TIDY_EVERY_S = 0.5, 2.0, 3.0
PURGE_EVERY = timedelta(hours=1)
FORGET = timedelta(hours=1)  # a worker of another machine that nobody heard of since
SETTLE_S, AGAIN_S, ENGINE_AGAIN_S = 20.0, 3.0, 60.0
MAX_ATTEMPTS = 5
ROLES = ("agent", "caller")
_USABLE = (AudioState.OK, AudioState.SILENT)


class Interrupted(LaidianError):
    """The worker is to stop, or the job is not its own any more."""


class NotYet(LaidianError):
    """The files are not there or not whole, and may still come."""


class Unusable(LaidianError):
    """The recording cannot be judged; the text says why."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Which engine is to be used, and how to load it."""

    choice: Choice
    load: Callable[[], Engine]

    @property
    def key(self) -> str:
        """As transcripts name it."""
        return f"{self.choice.engine}:{self.choice.model}"


def now_utc() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def worker_name(number: int = 0) -> str:
    """Machine, process and when the process began: whether it still lives can be told on its machine."""
    return f"{socket.gethostname()}/{os.getpid()}/{began(os.getpid())}/{number}"


def is_dead(worker: str) -> bool:
    """Whether a worker of this machine is certainly gone; False for those of others."""
    host, _, rest = worker.partition("/")
    parts = rest.split("/")
    if host != socket.gethostname() or len(parts) != 3 or not parts[0].isdigit():
        return False
    return began(int(parts[0])) != parts[1]


def began(pid: int) -> str:
    """Start of a process in clock ticks since boot (proc(5), stat field 22); "" when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


class SpeechWorker:
    """One worker. `recogniser` chooses the engine (Unavailable where there is none); `on_phase` is told
    each step of a job: claimed, transcribing, keeping, scoring, scored, finished."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        rules: RuleSet,
        recogniser: Callable[[], Recogniser],
        *,
        name: str = "",
        on_phase: Callable[[str], None] = lambda _: None,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self.name = name or worker_name()
        self._settings = settings
        self._db = db
        self._rules = rules
        self._choose = recogniser
        self._chosen: Recogniser | None = None
        self._engine: Engine | None = None
        self._phase = on_phase
        self._now = now
        self._lease = timedelta(seconds=settings.quality.lease_s)
        self._stop = threading.Event()
        self._tidied = self._purged = datetime.fromtimestamp(0, UTC)

    def stop(self) -> None:
        """End soon; the job in hand goes back into the line. May be called from any thread."""
        self._stop.set()

    def run(self) -> None:
        """Work until stopped."""
        _log.info("speech worker ready", worker=self.name, rules=self._rules.version)
        while not self._stop.is_set():
            try:
                if not self.once():
                    self._stop.wait(IDLE_S)
            except (Unavailable, DeadlineExceeded) as e:
                _log.warning("the store is away", why=str(e))
                self._stop.wait(AWAY_S)
        with suppress(LaidianError), self._db.begin() as conn:
            jobs.gone(conn, self.name)

    def once(self) -> bool:
        """Do one job, if there is one. Raises Unavailable when the store is away."""
        self._tidy()
        now = self._now()
        with self._db.begin(write=False) as conn:
            if not jobs.any_due(conn, now):
                return False
        with self._db.begin() as conn:
            job = jobs.claim(conn, self.name, now, self._lease)
        if job is None:
            return False
        self._phase("claimed")
        with _Pulse(self._db, self.name, job["id"], self._lease, self._now) as pulse:
            self._attempt(job, pulse)
        self._phase("finished")
        return True

    # ---- one job -------------------------------------------------------------------------------

    def _attempt(self, job: RowMapping, pulse: _Pulse) -> None:
        id, now = job["id"], self._now
        try:
            self._work(job, pulse)
        except Interrupted:
            with self._db.begin() as conn:
                jobs.put_back(conn, id, self.name, now(), due=None)
        except NotYet as e:
            self._later(id, str(e), AGAIN_S)
        except Unusable as e:
            with self._db.begin() as conn:
                jobs.finish(conn, id, self.name, now(), state="failed", reason=str(e))
        except (Unavailable, DeadlineExceeded) as e:
            self._later(id, f"稍后重试：{e}", ENGINE_AGAIN_S)
        except Exception as e:  # noqa: BLE001 - one bad call must not end the worker
            _log.exception("a call could not be scored", job=id)
            if job["attempts"] < MAX_ATTEMPTS:
                self._later(id, f"error：{type(e).__name__}", AGAIN_S * 2 ** job["attempts"])
            else:
                with self._db.begin() as conn:
                    reason = f"error：{type(e).__name__}，已试 {MAX_ATTEMPTS} 次"
                    jobs.finish(conn, id, self.name, now(), state="failed", reason=reason)

    def _later(self, job: int, reason: str, seconds: float) -> None:
        now = self._now()
        with self._db.begin() as conn:
            jobs.put_back(
                conn, job, self.name, now, due=now + timedelta(seconds=seconds), reason=reason[:500]
            )

    def _work(self, job: RowMapping, pulse: _Pulse) -> None:
        with self._db.begin(write=False) as conn:
            row = recordings.recording(conn, job["recording_id"])
            if row is None or row["state"] == "purged":
                raise Unusable("missing：录音已按保存期限删除")
            known = quality.around(conn, row)
            kept = quality.transcript_of(conn, row["id"])
        if kept is None or kept["engine"] not in (self._recogniser().key, "none"):
            self._recognise(job, row, known, pulse)
        self._score(job, row, pulse)

    def _recognise(self, job: RowMapping, row: RowMapping, known: quality.Around, pulse: _Pulse) -> None:
        self._phase("transcribing")
        pulse.say("读取录音", 0)
        folder = self._settings.recordings
        files = {role: folder / row[f"{role}_file"] for role in ROLES}
        longest = self._settings.speech.longest_s
        legs = {role: load_leg(file, longest_s=longest) for role, file in files.items()}
        lengths = [a.duration_ms / 1000 for a in legs.values() if a.duration_ms]
        file_s = max(lengths, default=None)
        outlines = {r: (PER_S, a.duration_ms, data) for r, a in legs.items() if (data := peaks(a))}
        self._check(row, legs, outlines)
        facts = facts_of(row, known, self._settings, file_s=file_s)
        del legs
        done = transcribe(
            files["agent"],
            files["caller"],
            facts,
            self._load,
            longest_s=longest,
            progress=lambda share: self._told(pulse, share),
        )
        pulse.check(self._stop)
        transcript = with_pauses(done.transcript, row["pauses"])
        new = quality.NewTranscript(
            row["id"],
            transcript.engine,
            to_json(transcript),
            {"agent": done.agent.value, "caller": done.caller.value},
            {"agent": transcript.agent.note, "caller": transcript.caller.note},
            outlines,
            file_s,
            drift_of(row, file_s),
        )
        now = self._now()
        with self._db.begin() as conn:
            if not jobs.hold_on(
                conn, job["id"], self.name, now, self._lease, state="scoring", phase="评分", percent=100
            ):
                raise Interrupted("the job is somebody else's")
            quality.save_transcript(conn, new, now)
            self._phase("keeping")

    def _check(
        self, row: RowMapping, legs: dict[str, LegAudio], outlines: dict[str, tuple[int, int, str]]
    ) -> None:
        """Raise for recordings that cannot be judged; what can be drawn of them is kept."""
        bad = {r: a for r, a in legs.items() if a.state not in _USABLE}
        ended = row["ended_at"]
        if bad and ended is not None and self._now() - ended < timedelta(seconds=SETTLE_S):
            hopeful = (AudioState.MISSING, AudioState.EMPTY, AudioState.BROKEN)
            if all(a.state in hopeful for a in bad.values()):
                raise NotYet("等待录音写完")
        words = "；".join(f"{_LEG[r]} {a.state.value}（{a.note}）" for r, a in legs.items())
        if "agent" in bad:
            self._keep_outline(row, outlines)
            raise Unusable(f"{bad['agent'].state.value}：{words}")
        if all(a.state is AudioState.SILENT for a in legs.values()):
            self._keep_outline(row, outlines)
            raise Unusable(f"silent：{words}")

    def _keep_outline(self, row: RowMapping, outlines: dict[str, tuple[int, int, str]]) -> None:
        if outlines:
            with self._db.begin() as conn:
                quality.save_peaks(conn, row["id"], outlines)

    def _told(self, pulse: _Pulse, share: float) -> None:
        pulse.say("转写", round(share * 100))
        pulse.check(self._stop)

    def _score(self, job: RowMapping, row: RowMapping, pulse: _Pulse) -> None:
        with self._db.begin(write=False) as conn:
            kept = quality.transcript_of(conn, row["id"])
        if kept is None:
            raise Interrupted("the transcript is gone")
        self._phase("scoring")
        pulse.say("评分", 100, state="scoring")
        new = score_of(kept, self._rules)
        note = f"座席 {kept['agent_state']}，客户 {kept['caller_state']}"
        now = self._now()
        with self._db.begin() as conn:
            if not jobs.finish(conn, job["id"], self.name, now, state="done", note=note):
                raise Interrupted("the job is somebody else's")
            quality.save_score(conn, new, now, low=self._settings.quality.low_score)
            self._phase("scored")
        _log.info("scored", recording=row["id"], score=new.score, decided=new.decided)

    # ---- the engine ----------------------------------------------------------------------------

    def _recogniser(self) -> Recogniser:
        if self._chosen is None:
            self._chosen = self._choose()
            _log.info(
                "engine",
                engine=self._chosen.choice.engine,
                model=self._chosen.choice.model,
                why=self._chosen.choice.reason,
            )
            with self._db.begin() as conn:
                jobs.seen(conn, self.name, self._now(), self._engine_told())
        return self._chosen

    def _engine_told(self) -> dict[str, str]:
        if self._chosen is None:
            return {"engine": "", "model": "", "reason": "还没有用到"}
        c = self._chosen.choice
        return {"engine": c.engine, "model": c.model, "reason": c.reason}

    def _load(self) -> Engine:
        if self._engine is None:
            self._engine = self._recogniser().load()
        return self._engine

    # ---- the house -----------------------------------------------------------------------------

    def _tidy(self) -> None:
        """Say that we live, take back what dead workers held, line up complaints, delete what is old."""
        now = self._now()
        if now - self._tidied < timedelta(seconds=TIDY_EVERY_S):
            return
        self._tidied = now
        with self._db.begin() as conn:
            jobs.seen(conn, self.name, now, self._engine_told())
            jobs.forget_workers(conn, now - FORGET)
            dead = [w for w in set(jobs.holders(conn)) if is_dead(w)]
            back = jobs.take_back(conn, now, dead)
            for worker in dead:
                jobs.gone(conn, worker)
            jobs.promote(conn, now)
        if back:
            _log.warning("jobs of dead workers taken back", count=back)
        if now - self._purged >= PURGE_EVERY:
            self._purged = now
            adopt(self._db, self._settings, now)
            purge(self._db, self._settings, now)


_LEG = {"agent": "座席腿", "caller": "客户腿"}


class _Pulse:
    """Renews the lease of a job in a thread and tells how far it is."""

    def __init__(
        self, db: Database, worker: str, job: int, lease: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._db, self._worker, self._job, self._lease, self._now = db, worker, job, lease, now
        self._columns: dict[str, Any] = {}
        self._over = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._beat, name=f"lease-{job}", daemon=True)

    def __enter__(self) -> _Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def say(self, phase: str, percent: int, **columns: Any) -> None:
        """How far it is; told with the next beat."""
        self._columns = {"phase": phase, "percent": percent, **columns}

    def check(self, stop: threading.Event) -> None:
        """Raises Interrupted where going on makes no sense."""
        if stop.is_set() or self._lost:
            raise Interrupted("stopped" if stop.is_set() else "the job is somebody else's")

    def _beat(self) -> None:
        every = min(1.0, self._lease.total_seconds() / 4)
        while not self._over.wait(every):
            try:
                with self._db.begin() as conn:
                    mine = jobs.hold_on(
                        conn, self._job, self._worker, self._now(), self._lease, **self._columns
                    )
            except LaidianError as e:
                _log.warning("lease not renewed", job=self._job, why=str(e))
                continue
            if not mine:
                self._lost = True
                return


def purge(db: Database, settings: Settings, now: datetime) -> int:
    """Delete the sound of recordings older than recording.keep_days; returns how many."""
    before = now - timedelta(days=settings.recording.keep_days)
    count = 0
    while True:
        with db.begin(write=False) as conn:
            old = recordings.recordings_to_purge(conn, before)
        if not old:
            return count
        for row in old:
            for name in (row["agent_file"], row["caller_file"], f"{row['uniqueid']}.wav"):
                # names come from the PBX: never out of the folder
                if name and Path(name).name == name:
                    (settings.recordings / name).unlink(missing_ok=True)
            with db.begin() as conn:
                recordings.purged(conn, row["id"], now)
            count += 1
