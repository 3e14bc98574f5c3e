"""Synthetic visits to the queues of the last days, so that the demo's report has something to tell."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.floor import Outcome, VisitKind
from cti.store.repos.visits import save_visits
from cti.store.tables_floor import queue_visits

NODE = "synthetic"
DAYS = 7
_SHAPE = (1, 3, 6, 9, 8, 5, 4, 6, 8, 8, 7, 5, 3, 2)  # calls of an hour, 08:00 to 21:00


def add_visits(
    conn: Connection, *, now: datetime, zone: ZoneInfo, queues: Sequence[str], tiers: Sequence[str], seed: int
) -> int:
    """Visits of the days before today; a store that has some keeps them. Returns how many were made."""
    known = sa.select(queue_visits.c.id).where(queue_visits.c.node == NODE).limit(1)
    if not queues or conn.execute(known).first() is not None:
        return 0
    dice = random.Random(seed)  # noqa: S311 - a demo's dice
    today = now.astimezone(zone).date()
    rows: list[dict[str, Any]] = []
    for ago in range(1, DAYS + 1):
        start = datetime.combine(today - timedelta(days=ago), time(8), zone)
        for hour, calls in enumerate(_SHAPE):
            for _ in range(calls * dice.randint(2, 4)):
                at = start + timedelta(hours=hour, seconds=dice.uniform(0, 3600))
                wait = dice.expovariate(1 / 14)
                gone = wait > dice.uniform(20, 90)
                outcome = Outcome.ABANDONED if gone else Outcome.ANSWERED
                rows.append(
                    {
                        "id": f"{NODE}:{ago}:{len(rows)}",
                        "node": NODE,
                        "linkedid": str(len(rows)),
                        "queue": dice.choices(queues, range(len(queues), 0, -1))[0],
                        "kind": VisitKind.CALL.value,
                        "scheme": "",
                        "tier_id": "",
                        "tier_label": dice.choice(("", *tiers)),
                        "arrived_at": at.isoformat(),
                        "queued_at": at.isoformat(),
                        "ended_at": (at + timedelta(seconds=wait)).isoformat(),
                        "outcome": outcome.value,
                        "agent": "",
                        "wait_s": wait,
                        "recovered": False,
                    }
                )
    save_visits(conn, rows)
    return len(rows)
