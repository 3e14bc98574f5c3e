"""The speech worker in processes of its own: killed anywhere, late, beside others, with bad files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cti.config import Settings
from cti.speech.adopt import adopt
from cti.speech.start import rules_of
from cti.speech.worker import SpeechWorker, is_dead, now_utc, purge, worker_name
from cti.store.db import Database
from cti.store.repos import jobs
from cti.store.tables import complaints
from cti.store.tables_quality import recordings, reviews, scores, speech_jobs, transcripts, waveforms
from tests.plugins.qa import Archive
from tests.qa.speech_worker import saying

ROOT = Path(__file__).parents[2]
PHASES = ("claimed", "transcribing", "keeping", "scoring", "scored", "finished")
WAITS_S = 80.0


class Process:
    """A worker's process; ends with the test."""

    def __init__(self, settings: Path, phase: str = "") -> None:
        self.run = subprocess.Popen(
            [sys.executable, "-m", "tests.qa.speech_worker", str(settings), phase],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def reach(self, phase: str) -> None:
        """Until it says so."""
        assert self.run.stdout is not None
        for line in self.run.stdout:
            if line.strip() == phase:
                return
        raise AssertionError(f"the worker ended before {phase}")

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.run.send_signal(signal.SIGKILL)
        self.run.wait(10)
        if self.run.stdout is not None:
            self.run.stdout.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start workers."""
    running: list[Process] = []

    def begin(settings: Path, phase: str = "") -> Process:
        running.append(Process(settings, phase))
        return running[-1]

    yield begin
    for one in running:
        if one.run.poll() is None:
            one.kill()


def count(db: Database, table: sa.Table) -> int:
    with db.begin(write=False) as conn:
        return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def job_states(db: Database) -> list[str]:
    with db.begin(write=False) as conn:
        return list(conn.execute(sa.select(speech_jobs.c.state).order_by(speech_jobs.c.id)).scalars())


def until_done(db: Database, states: int = 1) -> None:
    end = time.monotonic() + WAITS_S
    while job_states(db) != ["done"] * states:
        assert time.monotonic() < end, job_states(db)
        time.sleep(0.05)


@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_any_phase_nothing_is_lost_or_done_twice(
    archive: Archive,
    settings_file: Callable[..., Path],
    qa_settings: Settings,
    start: Callable[..., Process],
    phase: str,
) -> None:
    """After SIGKILL another worker finishes: one transcript, one score, one review, one finished job."""
    archive.call()
    file = settings_file()
    first = start(file, phase)
    first.reach(phase)
    first.kill()
    worker(archive, qa_settings).once()
    assert job_states(archive.db) == ["done"]
    assert [count(archive.db, t) for t in (transcripts, scores, reviews, speech_jobs)] == [1, 1, 1, 1]
    assert count(archive.db, waveforms) == 2


def test_a_silent_worker_loses_its_job_and_cannot_write_any_more(
    archive: Archive, settings_file: Callable[..., Path], qa_settings: Settings, start: Callable[..., Process]
) -> None:
    """A worker that hangs beyond its lease is taken over; when it wakes up it keeps nothing twice."""
    archive.call()
    file = settings_file()
    slow = start(file, "transcribing")
    slow.reach("transcribing")
    slow.run.send_signal(signal.SIGSTOP)
    end = time.monotonic() + WAITS_S
    while not worker(archive, qa_settings).once():
        assert time.monotonic() < end
        time.sleep(0.2)
    slow.run.send_signal(signal.SIGCONT)
    slow.kill()
    assert [count(archive.db, t) for t in (transcripts, scores)] == [1, 1]


def test_several_workers_share_the_line(
    archive: Archive, settings_file: Callable[..., Path], start: Callable[..., Process]
) -> None:
    """Two workers do eight calls, each once."""
    for _ in range(8):
        archive.call()
    file = settings_file()
    for _ in range(2):
        start(file)
    until_done(archive.db, 8)
    with archive.db.begin(write=False) as conn:
        attempts = conn.execute(sa.select(speech_jobs.c.attempts)).scalars().all()
    assert set(attempts) == {1}
    assert [count(archive.db, t) for t in (transcripts, scores, reviews)] == [8, 8, 8]


def worker(archive: Archive, settings: Settings) -> SpeechWorker:
    return SpeechWorker(settings, archive.db, rules_of(settings), saying)


def the_job(db: Database) -> dict[str, object]:
    with db.begin(write=False) as conn:
        return dict(conn.execute(sa.select(speech_jobs)).mappings().one())


def test_the_score_is_there_with_evidence(archive: Archive, qa_settings: Settings) -> None:
    """A call is transcribed and scored: the greeting that was heard is the evidence."""
    id = archive.call()
    assert worker(archive, qa_settings).once()
    with archive.db.begin(write=False) as conn:
        sheet = conn.execute(sa.select(scores)).mappings().one()
        row = conn.execute(sa.select(recordings)).mappings().one()
        review = conn.execute(sa.select(reviews)).mappings().one()
    opening = next(v for v in sheet["verdicts"] if v["rule"] == "OPN-01")
    assert (sheet["recording_id"], opening["verdict"], opening["evidence"][0]["leg"]) == (id, "pass", "agent")
    assert sheet["engine"] == "saying:one"
    assert sheet["rules"]["OPN-01"]["note"] == "系统默认，待确认"
    assert abs(row["drift"]) < 0.01
    assert review["current"]["OPN-01"] == "pass"


def _broken(file: Path) -> None:
    file.write_bytes(b"RIFF of nothing")


def _empty(file: Path) -> None:
    with wave.open(str(file), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(8000)


def _stereo(file: Path) -> None:
    rate, seconds = 8000, 4
    with wave.open(str(file), "wb") as f:
        f.setnchannels(2)
        f.setsampwidth(2)
        f.setframerate(rate)
        f.writeframes(os.urandom(rate * seconds * 4))


def _missing(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(_broken, "broken"), (_empty, "empty"), (_stereo, "two_voices"), (_missing, "missing")],
)
def test_a_bad_file_has_a_clear_state(
    archive: Archive, qa_settings: Settings, spoil: Callable[[Path], None], reason: str
) -> None:
    """A leg that cannot be judged fails the job with the reason in words, and is not tried for ever."""
    archive.call()
    spoil(next(archive.folder.glob("17*-agent.wav")))
    assert worker(archive, qa_settings).once()
    job = the_job(archive.db)
    assert (job["state"], str(job["reason"]).partition("：")[0]) == ("failed", reason)
    assert "座席腿" in str(job["reason"])
    assert count(archive.db, scores) == 0


def test_a_call_in_which_nobody_speaks_is_silent(archive: Archive, qa_settings: Settings) -> None:
    """Two silent legs give no score but a state."""
    from tests.plugins.qa import put_together

    quiet = put_together(archive.folder / "q.wav", [], 5)
    archive.call(legs={"agent": quiet, "caller": quiet}, seconds=5)
    assert worker(archive, qa_settings).once()
    assert str(the_job(archive.db)["reason"]).startswith("silent")


def test_files_that_are_still_being_written_are_waited_for(archive: Archive, qa_settings: Settings) -> None:
    """A leg that is missing right after the call is looked for again."""
    archive.base = now_utc() - timedelta(seconds=81)
    archive.call()
    leg = next(archive.folder.glob("17*-agent.wav"))
    leg.rename(archive.folder / "late.wav")
    one = worker(archive, qa_settings)
    assert one.once()
    assert (the_job(archive.db)["state"], the_job(archive.db)["reason"]) == ("queued", "等待录音写完")
    (archive.folder / "late.wav").rename(leg)
    end = time.monotonic() + WAITS_S
    while not one.once():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert the_job(archive.db)["state"] == "done"


def test_a_call_that_becomes_a_complaint_is_scored(archive: Archive, qa_settings: Settings) -> None:
    """Jobs of other calls wait; a complaint record puts its call into the line."""
    archive.call(job="waiting")
    one = worker(archive, qa_settings)
    assert not one.once()
    with archive.db.begin() as conn:
        linkedid = conn.execute(sa.select(recordings.c.linkedid)).scalar_one()
        now = now_utc()
        row = {"code": "TS1", "category": "破损", "summary": "x", "state": "open", "opened_at": now}
        conn.execute(sa.insert(complaints).values(**row, updated_at=now, node="pbx1", linkedid=linkedid))
    assert worker(archive, qa_settings).once()
    assert the_job(archive.db)["state"] == "done"


def test_a_job_that_kills_every_worker_is_given_up(archive: Archive) -> None:
    """Three dead workers on one call: failed, with the reason; a person can ask for it again."""
    id = archive.call()
    for _ in range(jobs.MAX_DEATHS):
        with archive.db.begin() as conn:
            assert jobs.claim(conn, "elsewhere/1/2/0", now_utc(), timedelta(seconds=-1)) is not None
            jobs.take_back(conn, now_utc())
    job = the_job(archive.db)
    assert (job["state"], str(job["reason"]).partition("：")[0]) == ("failed", "worker_died")
    with archive.db.begin() as conn:
        assert jobs.ask(conn, id, now_utc())
    assert the_job(archive.db)["state"] == "queued"


@pytest.mark.parametrize("phase", ["transcribing", "scoring"])
def test_a_worker_that_was_overtaken_keeps_nothing(
    archive: Archive, qa_settings: Settings, phase: str
) -> None:
    """Whoever wakes up after another has done the job writes neither transcript, score nor state."""
    archive.call()

    def overtaken(name: str) -> None:
        if name == phase:
            with archive.db.begin() as conn:
                jobs.take_back(conn, now_utc() + timedelta(hours=1))
            assert worker(archive, qa_settings).once()

    SpeechWorker(
        qa_settings, archive.db, rules_of(qa_settings), saying, name="elsewhere/1/2/0", on_phase=overtaken
    ).once()
    job = the_job(archive.db)
    assert (job["state"], job["attempts"], job["reason"]) == ("done", 2, "")
    assert [count(archive.db, t) for t in (transcripts, scores, reviews)] == [1, 1, 1]


def test_stopping_gives_the_job_back(archive: Archive, qa_settings: Settings) -> None:
    """A worker that is told to stop while it works leaves the call for the next one."""
    archive.call()
    one: list[SpeechWorker] = []

    def phase(name: str) -> None:
        if name == "transcribing":
            one[0].stop()

    one.append(SpeechWorker(qa_settings, archive.db, rules_of(qa_settings), saying, on_phase=phase))
    thread = threading.Thread(target=one[0].run)
    thread.start()
    thread.join(WAITS_S)
    job = the_job(archive.db)
    assert (job["state"], job["deaths"]) == ("queued", 0)


def test_sound_is_deleted_after_its_days(archive: Archive, qa_settings: Settings) -> None:
    """Old sound and its outline go; the score stays; sound within its days is left."""
    archive.call()
    worker(archive, qa_settings).once()
    assert purge(archive.db, qa_settings, now_utc() + timedelta(days=179)) == 0
    assert list(archive.folder.glob("17*.wav"))
    assert purge(archive.db, qa_settings, now_utc() + timedelta(days=181)) == 1
    assert not list(archive.folder.glob("17*.wav"))
    assert (count(archive.db, waveforms), count(archive.db, scores)) == (0, 1)


def test_files_that_nobody_told_of_are_found(archive: Archive, qa_settings: Settings) -> None:
    """A call during which the service was away gets a row and a job; one that still grows does not."""
    archive.call()
    old = next(archive.folder.glob("17*-agent.wav"))
    pair = {role: archive.folder / f"1699999999.7-{role}.wav" for role in ("agent", "caller")}
    for role, file in pair.items():
        shutil.copyfile(old.with_name(old.name.replace("agent", role)), file)
    assert adopt(archive.db, qa_settings, now_utc()) == 0
    assert adopt(archive.db, qa_settings, now_utc() + timedelta(minutes=5)) == 1
    assert adopt(archive.db, qa_settings, now_utc() + timedelta(minutes=5)) == 0
    with archive.db.begin(write=False) as conn:
        row = conn.execute(sa.select(recordings).where(recordings.c.state == "lost")).mappings().one()
    assert (row["uniqueid"], row["hung_up_by"]) == ("1699999999.7", "unknown")
    assert sorted(job_states(archive.db)) == ["queued", "waiting"]


def test_a_dead_process_is_known_to_be_dead() -> None:
    """A worker's name tells whether its process lives, and nothing about other machines."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    name = worker_name()
    host = name.partition("/")[0]
    gone.wait()
    assert not is_dead(name)
    assert is_dead(f"{host}/{gone.pid}/12345/0")
    assert not is_dead(f"other-{host}/{gone.pid}/12345/0")
