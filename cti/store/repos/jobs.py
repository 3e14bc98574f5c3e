"""Jobs of the speech worker: one a recording, taken by lease, never lost and never done twice.

A worker holds a job until `lease_until` and renews it while it works; everything it writes is written
only if the job is still its own. A job whose worker is gone is taken again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, RowMapping

from cti.store.repos.common import insert_or_skip
from cti.store.tables import complaints, contacts
from cti.store.tables_quality import recordings, speech_jobs, speech_workers

STATES = ("waiting", "queued", "transcribing", "scoring", "done", "failed")
ACTIVE = ("transcribing", "scoring")
MAX_DEATHS = 3
COMPLAINT_PRIORITY, ASKED_PRIORITY = 10, 20


def add_job(conn: Connection, recording: str, *, state: str, now: datetime, priority: int = 0) -> None:
    """A job for a recording, if it has none yet."""
    row = {
        "recording_id": recording,
        "state": state,
        "priority": priority,
        "created_at": now,
        "updated_at": now,
    }
    insert_or_skip(conn, speech_jobs, [row], ["recording_id"])


def job_of(conn: Connection, recording: str) -> RowMapping | None:
    """The job of a recording."""
    query = sa.select(speech_jobs).where(speech_jobs.c.recording_id == recording)
    return conn.execute(query).mappings().first()


def promote(conn: Connection, now: datetime) -> int:
    """Jobs of calls that turned out to be complaints go into the line, ahead of the others."""
    same = sa.and_(recordings.c.id == speech_jobs.c.recording_id)
    complained = sa.or_(
        sa.exists().where(
            same, complaints.c.node == recordings.c.node, complaints.c.linkedid == recordings.c.linkedid
        ),
        sa.exists().where(
            same,
            contacts.c.node == recordings.c.node,
            contacts.c.linkedid == recordings.c.linkedid,
            contacts.c.disposition == "投诉",
        ),
    )
    statement = sa.update(speech_jobs).where(speech_jobs.c.state == "waiting", complained)
    return conn.execute(
        statement.values(state="queued", priority=COMPLAINT_PRIORITY, updated_at=now)
    ).rowcount


def ask(conn: Connection, recording: str, now: datetime) -> bool:
    """A person wants this call transcribed; False where it is already under way or done."""
    add_job(conn, recording, state="waiting", now=now)
    mine = sa.and_(speech_jobs.c.recording_id == recording, speech_jobs.c.state.in_(("waiting", "failed")))
    values: dict[str, Any] = {
        "state": "queued",
        "priority": ASKED_PRIORITY,
        "attempts": 0,
        "deaths": 0,
        "reason": "",
        "due_at": None,
        "finished_at": None,
        "updated_at": now,
    }
    return conn.execute(sa.update(speech_jobs).where(mine).values(values)).rowcount == 1


def take_back(conn: Connection, now: datetime, dead: Collection[str] = ()) -> int:
    """Jobs whose lease ran out, or whose worker is known to be gone, go back into the line.

    One that several workers died of is given up, so that it cannot take them all down.
    """
    held = speech_jobs.c.state.in_(ACTIVE)
    late = sa.or_(speech_jobs.c.lease_until < now, speech_jobs.c.worker.in_(list(dead)))
    fatal = speech_jobs.c.deaths + 1 >= MAX_DEATHS
    given_up = sa.update(speech_jobs).where(held, late, fatal)
    conn.execute(
        given_up.values(
            state="failed",
            reason=f"worker_died：{MAX_DEATHS} 次处理中断",
            deaths=speech_jobs.c.deaths + 1,
            worker="",
            lease_until=None,
            updated_at=now,
            finished_at=now,
        )
    )
    again = sa.update(speech_jobs).where(held, late)
    return conn.execute(
        again.values(
            state="queued",
            phase="",
            deaths=speech_jobs.c.deaths + 1,
            worker="",
            lease_until=None,
            updated_at=now,
        )
    ).rowcount


def any_due(conn: Connection, now: datetime) -> bool:
    """Whether there is something to claim."""
    due = sa.or_(speech_jobs.c.due_at.is_(None), speech_jobs.c.due_at <= now)
    query = sa.select(speech_jobs.c.id).where(speech_jobs.c.state == "queued", due)
    return conn.execute(query.limit(1)).first() is not None


def claim(conn: Connection, worker: str, now: datetime, lease: timedelta) -> RowMapping | None:
    """Take the next job, or None. On PostgreSQL several workers take different ones without waiting."""
    due = sa.or_(speech_jobs.c.due_at.is_(None), speech_jobs.c.due_at <= now)
    first = (
        sa.select(speech_jobs.c.id)
        .where(speech_jobs.c.state == "queued", due)
        .order_by(speech_jobs.c.priority.desc(), speech_jobs.c.id)
        .limit(1)
    )
    if conn.dialect.name == "postgresql":
        first = first.with_for_update(skip_locked=True)
    id = conn.execute(first).scalar()
    if id is None:
        return None
    statement = sa.update(speech_jobs).where(speech_jobs.c.id == id, speech_jobs.c.state == "queued")
    values = {
        "state": "transcribing",
        "phase": "准备",
        "percent": 0,
        "attempts": speech_jobs.c.attempts + 1,
        "worker": worker,
        "lease_until": now + lease,
        "updated_at": now,
    }
    return conn.execute(statement.values(values).returning(*speech_jobs.c)).mappings().first()


def hold_on(conn: Connection, job: int, worker: str, now: datetime, lease: timedelta, **columns: Any) -> bool:
    """Renew the lease and tell the progress; False where the job is not this worker's any more."""
    statement = sa.update(speech_jobs).where(_own(job, worker))
    return conn.execute(statement.values(lease_until=now + lease, updated_at=now, **columns)).rowcount == 1


def put_back(
    conn: Connection, job: int, worker: str, now: datetime, *, due: datetime | None, reason: str = ""
) -> bool:
    """Give the job back to the line, for later or for another worker."""
    statement = sa.update(speech_jobs).where(_own(job, worker))
    values = {"state": "queued", "phase": "", "worker": "", "lease_until": None, "due_at": due}
    return conn.execute(statement.values(**values, reason=reason, updated_at=now)).rowcount == 1


def finish(
    conn: Connection, job: int, worker: str, now: datetime, *, state: str, reason: str = "", note: str = ""
) -> bool:
    """The job is done or failed for good; False where it is not this worker's any more."""
    values: dict[str, Any] = {"state": state, "phase": "", "worker": "", "lease_until": None, "due_at": None}
    if state == "done":
        values["percent"] = 100
    statement = sa.update(speech_jobs).where(_own(job, worker))
    done = statement.values(**values, reason=reason, note=note, updated_at=now, finished_at=now)
    return conn.execute(done).rowcount == 1


def _own(job: int, worker: str) -> sa.ColumnElement[bool]:
    return sa.and_(speech_jobs.c.id == job, speech_jobs.c.worker == worker, speech_jobs.c.state.in_(ACTIVE))


def seen(conn: Connection, worker: str, now: datetime, engine: Mapping[str, str]) -> None:
    """A worker is alive, and which engine it uses."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    values = {"seen_at": now, **engine}
    statement = dialect.insert(speech_workers).values(worker=worker, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["worker"], set_=values))


def gone(conn: Connection, worker: str) -> None:
    """A worker has ended."""
    conn.execute(sa.delete(speech_workers).where(speech_workers.c.worker == worker))


def forget_workers(conn: Connection, before: datetime) -> None:
    """Workers that have not been seen since."""
    conn.execute(sa.delete(speech_workers).where(speech_workers.c.seen_at < before))


def workers(conn: Connection) -> Sequence[RowMapping]:
    """Every worker that was seen and has not said good-bye."""
    return conn.execute(sa.select(speech_workers).order_by(speech_workers.c.worker)).mappings().all()


def holders(conn: Connection) -> Sequence[str]:
    """Names of workers that hold a job or were seen."""
    held = sa.select(speech_jobs.c.worker).where(speech_jobs.c.state.in_(ACTIVE)).distinct()
    return [*conn.execute(held).scalars(), *conn.execute(sa.select(speech_workers.c.worker)).scalars()]


def counts(conn: Connection) -> dict[str, int]:
    """How many jobs are in each state."""
    query = sa.select(speech_jobs.c.state, sa.func.count()).group_by(speech_jobs.c.state)
    return dict.fromkeys(STATES, 0) | {str(s): int(n) for s, n in conn.execute(query)}


def list_jobs(
    conn: Connection, *, state: str = "", offset: int = 0, limit: int = 100
) -> tuple[int, Sequence[RowMapping]]:
    """How many there are, and a page of them: what is under way first, then the newest."""
    where = speech_jobs.c.state == state if state else sa.true()
    total = conn.execute(sa.select(sa.func.count()).select_from(speech_jobs).where(where)).scalar_one()
    active = sa.case((speech_jobs.c.state.in_(ACTIVE), 0), (speech_jobs.c.state == "queued", 1), else_=2)
    query = (
        sa.select(speech_jobs, recordings.c.agent, recordings.c.started_at, recordings.c.queue)
        .join(recordings, recordings.c.id == speech_jobs.c.recording_id)
        .where(where)
        .order_by(active, speech_jobs.c.updated_at.desc(), speech_jobs.c.id.desc())
    )
    return int(total), conn.execute(query.offset(offset).limit(limit)).mappings().all()
