"""Recordings that nobody told us of: the service was away for the whole call, but the files are there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from cti.config import Settings
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.repos.recordings import apply_step, chosen, recording_id
from cti.store.tables_quality import recordings

_log = get_logger("speech")
_LEG = re.compile(r"^(\d{9,11}\.\d{1,9})-agent\.wav$")  # Asterisk's Uniqueid without a system name
STILL_S = 60.0  # a recording that goes on is written to every two seconds
MOST = 1000


def adopt(db: Database, settings: Settings, now: datetime) -> int:
    """Make a row and a job for each pair of files without one; who spoke with whom stays unknown."""
    count = 0
    nodes = list(dict.fromkeys([settings.asterisk.node, *(n.name for n in settings.ami)]))
    for file in sorted(settings.recordings.glob("*-agent.wav"))[: 100 * MOST]:
        found = _LEG.match(file.name)
        if found is None or count >= MOST:
            continue
        if _known(db, [recording_id(node, found[1]) for node in nodes]):
            continue
        ended = _written(file)
        if ended is None or now - ended < timedelta(seconds=STILL_S):
            continue
        began = datetime.fromtimestamp(float(found[1]), UTC)
        wanted = settings.quality.calls == "all" or (
            settings.quality.calls == "sample"
            and chosen(recording_id(nodes[0], found[1]), settings.quality.sample_share)
        )
        step = {"node": nodes[0], "uniqueid": found[1], "linkedid": found[1]}
        with db.begin() as conn:
            apply_step(conn, {**step, "kind": "start", "at": min(began, ended).isoformat()})
            job = "queued" if wanted else "waiting"
            apply_step(conn, {**step, "kind": "lost", "at": ended.isoformat(), "job": job})
        count += 1
    if count:
        _log.warning("recordings found that nobody told of", count=count)
    return count


def _known(db: Database, ids: list[str]) -> bool:
    with db.begin(write=False) as conn:
        query = sa.select(recordings.c.id).where(recordings.c.id.in_(ids))
        return conn.execute(query.limit(1)).first() is not None


def _written(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:
        return None
