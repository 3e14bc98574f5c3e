"""Transcripts and automatic scores: each once a recording and engine (and rule set), with its job's step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.review import ReviewState, reason_for
from cti.store.repos.common import insert_or_skip
from cti.store.tables import customers, pops, users
from cti.store.tables_outreach import dial_attempts
from cti.store.tables_quality import recordings, review_events, reviews, scores, transcripts, waveforms


@dataclass(frozen=True, slots=True)
class NewTranscript:
    """What recognition gave; `peaks` role → (per second, duration in ms, base64)."""

    recording_id: str
    engine: str
    body: Mapping[str, Any]
    states: Mapping[str, str]
    notes: Mapping[str, str]
    peaks: Mapping[str, tuple[int, int, str]]
    file_s: float | None
    drift: float | None


def save_transcript(conn: Connection, new: NewTranscript, now: datetime) -> int:
    """Keep it (the first one stands); returns its id."""
    row = {
        "recording_id": new.recording_id,
        "engine": new.engine,
        "at": now,
        "body": dict(new.body),
        "agent_state": new.states.get("agent", ""),
        "caller_state": new.states.get("caller", ""),
        "agent_note": new.notes.get("agent", ""),
        "caller_note": new.notes.get("caller", ""),
    }
    insert_or_skip(conn, transcripts, [row], ["recording_id", "engine"])
    save_peaks(conn, new.recording_id, new.peaks)
    conn.execute(
        sa.update(recordings)
        .where(recordings.c.id == new.recording_id)
        .values(file_s=new.file_s, drift=new.drift)
    )
    found = transcript_of(conn, new.recording_id, new.engine)
    if found is None:
        raise LookupError(new.recording_id)
    return int(found["id"])


def save_peaks(conn: Connection, recording: str, peaks: Mapping[str, tuple[int, int, str]]) -> None:
    """The waveforms of the legs."""
    rows = [
        {"recording_id": recording, "role": role, "per_s": per_s, "duration_ms": duration, "peaks": data}
        for role, (per_s, duration, data) in peaks.items()
    ]
    insert_or_skip(conn, waveforms, rows, ["recording_id", "role"])


def transcript_of(conn: Connection, recording: str, engine: str = "") -> RowMapping | None:
    """The transcript of an engine, or the newest one."""
    query = sa.select(transcripts).where(transcripts.c.recording_id == recording)
    if engine:
        query = query.where(transcripts.c.engine == engine)
    return conn.execute(query.order_by(transcripts.c.id.desc()).limit(1)).mappings().first()


def waveforms_of(conn: Connection, recording: str) -> Mapping[str, RowMapping]:
    """Role → waveform."""
    query = sa.select(waveforms).where(waveforms.c.recording_id == recording)
    return {row["role"]: row for row in conn.execute(query).mappings()}


@dataclass(frozen=True, slots=True)
class NewScore:
    """One automatic score sheet in its stored form (`rules`: rule → title, weight, fatal …)."""

    recording_id: str
    transcript_id: int | None
    engine: str
    rules_version: str
    score: float | None
    decided: float
    fatal: Sequence[Mapping[str, Any]]
    verdicts: Sequence[Mapping[str, Any]]
    rules: Mapping[str, Mapping[str, Any]]


def save_score(conn: Connection, new: NewScore, now: datetime, *, low: float) -> bool:
    """Keep a score and put the call where it belongs in the review; False where this one was known.

    A call that a person has reviewed keeps what that person saw.
    """
    same = sa.and_(
        scores.c.recording_id == new.recording_id,
        scores.c.engine == new.engine,
        scores.c.rules_version == new.rules_version,
    )
    if conn.execute(sa.select(scores.c.id).where(same)).first() is not None:
        return False
    row = {
        "recording_id": new.recording_id,
        "transcript_id": new.transcript_id,
        "engine": new.engine,
        "rules_version": new.rules_version,
        "at": now,
        "score": new.score,
        "decided": new.decided,
        "fatal": [dict(f) for f in new.fatal],
        "verdicts": [dict(v) for v in new.verdicts],
        "rules": {k: dict(v) for k, v in new.rules.items()},
    }
    insert_or_skip(conn, scores, [row], ["recording_id", "engine", "rules_version"])
    id = conn.execute(sa.select(scores.c.id).where(same)).scalar_one()
    _place(conn, new, id, now, low)
    return True


def _place(conn: Connection, new: NewScore, score_id: int, now: datetime, low: float) -> None:
    current = {v["rule"]: v["verdict"] for v in new.verdicts}
    values: dict[str, Any] = {
        "score_id": score_id,
        "auto_score": new.score,
        "decided": new.decided,
        "has_fatal": bool(new.fatal),
        "current": current,
        "updated_at": now,
    }
    known = conn.execute(sa.select(reviews).where(reviews.c.recording_id == new.recording_id)).mappings()
    before = known.first()
    if before is not None and before["state"] not in (ReviewState.AUTO_SCORED, ReviewState.QUEUED):
        return
    band = any(current[r] == "review" and new.rules.get(r, {}).get("weight", 1) for r in current)
    reason = reason_for(fatal=bool(new.fatal), band=band, score=new.score, low=low)
    if before is not None:
        if reason is not None and before["state"] == ReviewState.AUTO_SCORED:
            values |= {"state": ReviewState.QUEUED.value, "reason": reason.value, "queued_at": now}
        values["version"] = before["version"] + 1
        conn.execute(sa.update(reviews).where(reviews.c.recording_id == new.recording_id).values(values))
    else:
        state = ReviewState.QUEUED if reason is not None else ReviewState.AUTO_SCORED
        values |= {
            "recording_id": new.recording_id,
            "state": state.value,
            "reason": reason.value if reason is not None else "",
            "created_at": now,
            "queued_at": now if reason is not None else None,
        }
        conn.execute(sa.insert(reviews).values(values))
    conn.execute(
        sa.insert(review_events).values(
            recording_id=new.recording_id,
            at=now,
            who="",
            role="system",
            action="score",
            from_state=before["state"] if before is not None else "",
            to_state=values.get("state", before["state"] if before is not None else ""),
            note=reason.value if reason is not None else "",
            detail={"score_id": score_id, "rules_version": new.rules_version, "engine": new.engine},
        )
    )


def scores_of(conn: Connection, recording: str) -> Sequence[RowMapping]:
    """Every automatic score of a recording, newest first."""
    query = sa.select(scores).where(scores.c.recording_id == recording).order_by(scores.c.id.desc())
    return conn.execute(query).mappings().all()


def score(conn: Connection, id: int | None) -> RowMapping | None:
    """One score."""
    return conn.execute(sa.select(scores).where(scores.c.id == id)).mappings().first()


@dataclass(frozen=True, slots=True)
class Around:
    """What the store knows of a recorded call besides its sound."""

    customer_id: int | None
    customer: str
    title: str
    confirmed: bool  # the number led to exactly one customer, or the agent chose
    agent_name: str
    purpose: str = ""  # of a call out by click: the kind of its task


def around(conn: Connection, recording: Mapping[Any, Any]) -> Around:
    """Customer and agent of a recorded call, from the pop that the agent saw."""
    pop = (
        conn.execute(
            sa.select(pops.c.customer_id, pops.c.outcome)
            .where(
                pops.c.node == recording["node"],
                pops.c.linkedid == recording["linkedid"],
                pops.c.agent == recording["agent"],
                pops.c.customer_id.is_not(None),
            )
            .order_by(pops.c.pbx_at.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    named = sa.select(users.c.name).where(users.c.agent == recording["agent"], users.c.agent != "")
    agent = conn.execute(named.order_by(users.c.id).limit(1)).scalar()
    d = dial_attempts.c
    click = sa.select(d.purpose).where(d.node == recording["node"], d.linkedid == recording["linkedid"])
    purpose = conn.execute(click.order_by(d.id.desc()).limit(1)).scalar() or ""
    if pop is None:
        return Around(None, "", "", False, agent or "", purpose)
    known = sa.select(customers.c.name, customers.c.title).where(customers.c.id == pop["customer_id"])
    row = conn.execute(known).mappings().first()
    if row is None:
        return Around(None, "", "", False, agent or "", purpose)
    sure = pop["outcome"] == "one"
    return Around(pop["customer_id"], row["name"], row["title"], sure, agent or "", purpose)


def stored_transcripts(
    conn: Connection, *, since: datetime | None = None, until: datetime | None = None, limit: int = 200
) -> Sequence[RowMapping]:
    """The newest transcript of each recording with its agent and start, newest call first."""
    newest = sa.select(sa.func.max(transcripts.c.id)).group_by(transcripts.c.recording_id)
    query = (
        sa.select(transcripts, recordings.c.agent, recordings.c.started_at)
        .join(recordings, recordings.c.id == transcripts.c.recording_id)
        .where(transcripts.c.id.in_(newest))
    )
    if since is not None:
        query = query.where(recordings.c.started_at >= since)
    if until is not None:
        query = query.where(recordings.c.started_at < until)
    return conn.execute(query.order_by(recordings.c.started_at.desc()).limit(limit)).mappings().all()
