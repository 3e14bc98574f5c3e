"""Recordings as rows: steps that the PBX tells become one row, and a job when the files are whole.

Every step may be applied twice (the journal gives a step again after a crash) and changes nothing then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.call import PHONE
from cti.store.repos.common import insert_or_skip, moment
from cti.store.repos.jobs import add_job
from cti.store.tables_quality import recordings, waveforms

_OURS = UUID("6b1b0b56-6f0c-4d4c-9a31-0d1f1c1a7e55")
_TALK = frozenset(
    {"bridged", "unbridged", "hold", "resume", "pause", "unpause", "asked", "pressed", "transfer", "outbound"}
)
MAX_STEPS = 2000


def recording_id(node: str, uniqueid: str) -> str:
    """The id of a recording, the same whoever makes it and however often."""
    return str(uuid5(_OURS, f"{node}/{uniqueid}"))


def apply_step(conn: Connection, step: Mapping[str, Any]) -> None:
    """Write one step; `step` is a record of the journal (``kind``, ``at``, ``node``, ``uniqueid`` …)."""
    at = moment(step["at"])
    if at is None:
        raise ValueError("a step of a recording without time")
    id, kind = recording_id(step["node"], step["uniqueid"]), step["kind"]
    row = _row(conn, id)
    if row is None:
        if kind not in ("start", "end"):
            return  # began while nobody listened; its end makes the row
        _begin(conn, id, step, at)
        row = _row(conn, id)
    if row is None:
        return
    if row["state"] != "recording":
        if kind == "transfer" and row["state"] == "ended":  # told after the hang-up that it caused
            ended = sa.update(recordings).where(recordings.c.id == id)
            conn.execute(ended.values(hung_up_by=hung_up_by("", "", transferred=True)))
        return
    if kind == "start":
        if step.get("outbound"):
            _note(conn, row, "outbound", at, "")
    elif kind == "about":
        values = {k: step[k] for k in ("linkedid", "agent", "queue", "direction") if step.get(k)}
        values |= {k: step[k] for k in ("number_key", "number_display") if k in step}
        if values:
            conn.execute(sa.update(recordings).where(recordings.c.id == id).values(values))
    elif kind in _TALK:
        _note(conn, row, kind, at, str(step.get("who", "")))
    elif kind in ("end", "lost"):
        _end(conn, row, kind, at, str(step.get("who", "")), str(step.get("job", "")))


def _row(conn: Connection, id: str) -> RowMapping | None:
    return conn.execute(sa.select(recordings).where(recordings.c.id == id)).mappings().first()


def _begin(conn: Connection, id: str, step: Mapping[str, Any], at: datetime) -> None:
    uniqueid = str(step["uniqueid"])
    row = {
        "id": id,
        "node": step["node"],
        "linkedid": step.get("linkedid") or uniqueid,
        "uniqueid": uniqueid,
        "channel": step.get("channel", ""),
        "agent": step.get("agent", ""),
        "agent_file": f"{uniqueid}-agent.wav",
        "caller_file": f"{uniqueid}-caller.wav",
        "started_at": at,
        "state": "recording",
    }
    insert_or_skip(conn, recordings, [row], ["id"])


def _note(conn: Connection, row: RowMapping, kind: str, at: datetime, who: str) -> None:
    said = dict(row["witnesses"] or {})
    steps = list(said.get("steps", []))
    new = [kind, at.isoformat(), who]
    if new in steps or len(steps) >= MAX_STEPS:
        return
    said["steps"] = [*steps, new]
    conn.execute(sa.update(recordings).where(recordings.c.id == row["id"]).values(witnesses=said))


def _end(conn: Connection, row: RowMapping, kind: str, at: datetime, source: str, job: str) -> None:
    said = dict(row["witnesses"] or {})
    steps = [(k, moment(t), w) for k, t, w in said.get("steps", [])]
    known = [(k, t, w) for k, t, w in steps if t is not None]
    talks = spans(known, "bridged", "unbridged", at)
    started = row["started_at"]
    if talks and any(k == "outbound" for k, _, _ in known):
        started = talks[0][0]  # recorded only while bridged: the answer is time zero
    asked = next((w for k, _, w in known if k == "asked"), "")
    gave = any(k == "transfer" for k, _, _ in known)
    pressed = next((w for k, _, w in known if k == "pressed"), "")
    by = "unknown" if kind == "lost" else pressed or hung_up_by(source, asked, transferred=gave)
    values = {
        "state": "ended" if kind == "end" else "lost",
        "started_at": started,
        "ended_at": at,
        "bridge_s": round(sum((b - a).total_seconds() for a, b in talks), 3) if known else None,
        "holds": _ms(spans(known, "hold", "resume", at), started),
        "pauses": _ms(spans(known, "pause", "unpause", at), started),
        "hung_up_by": by,
        "witnesses": {**said, "source": source, "asked": asked},
    }
    conn.execute(sa.update(recordings).where(recordings.c.id == row["id"]).values(values))
    never_answered = not talks and any(k == "outbound" for k, _, _ in known)
    if job and not never_answered:
        # cut off before its closing words: judged only when a complaint or a person asks for it
        add_job(conn, row["id"], state="waiting" if by == PHONE else job, now=at)


def hung_up_by(source: str, asked: str, *, transferred: bool) -> str:
    """Who ended the talk, from both witnesses: they must not disagree, one alone is believed."""
    if transferred:
        return "transfer"
    said = {w for w in (source, asked) if w}
    return said.pop() if len(said) == 1 else "unknown"


def spans(
    steps: Sequence[tuple[str, datetime, str]], begin: str, end: str, last: datetime
) -> list[tuple[datetime, datetime]]:
    """Intervals between two kinds of steps; one that is open ends with `last`."""
    out, since = [], None
    for kind, at, _ in sorted(steps, key=lambda s: s[1]):
        if kind == begin and since is None:
            since = at
        elif kind == end and since is not None:
            out.append((since, at))
            since = None
    if since is not None and since < last:
        out.append((since, last))
    return out


def _ms(found: Sequence[tuple[datetime, datetime]], zero: datetime) -> list[list[int]]:
    return [[max(0, round((t - zero) / timedelta(milliseconds=1))) for t in span] for span in found]


def chosen(id: str, share: float) -> bool:
    """Whether a recording is in the share that is scored (the same answer for ever)."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:6]) < share * (1 << 48)


def open_recordings(conn: Connection) -> Sequence[RowMapping]:
    """Those that go on, as far as the store knows."""
    query = sa.select(recordings).where(recordings.c.state == "recording")
    return conn.execute(query.order_by(recordings.c.started_at)).mappings().all()


def recording(conn: Connection, id: str) -> RowMapping | None:
    """One recording."""
    return _row(conn, id)


def recordings_to_purge(conn: Connection, before: datetime, limit: int = 500) -> Sequence[RowMapping]:
    """Recordings whose sound is past its days."""
    old = sa.and_(recordings.c.state.in_(("ended", "lost")), recordings.c.ended_at < before)
    query = sa.select(recordings).where(old).order_by(recordings.c.ended_at).limit(limit)
    return conn.execute(query).mappings().all()


def purged(conn: Connection, id: str, at: datetime) -> None:
    """The sound of a recording is deleted; what was scored stays."""
    conn.execute(sa.update(recordings).where(recordings.c.id == id).values(state="purged", purged_at=at))
    conn.execute(sa.delete(waveforms).where(waveforms.c.recording_id == id))
