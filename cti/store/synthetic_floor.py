"""Synthetic visits, talks and sign-ins of the last days, so that the demo's report has something to tell."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.floor import Outcome, VisitKind
from cti.store.repos.sign_ins import SignIn, save_sign_ins
from cti.store.repos.visits import save_visits
from cti.store.tables import contacts
from cti.store.tables_floor import queue_visits

NODE = "synthetic"
DAYS = 7
_SHAPE = (1, 3, 6, 9, 8, 5, 4, 6, 8, 8, 7, 5, 3, 2)  # calls of an hour, 08:00 to 21:00


def add_visits(
    conn: Connection,
    *,
    now: datetime,
    zone: ZoneInfo,
    queues: Sequence[str],
    tiers: Sequence[str],
    agents: Sequence[str] = (),
    seed: int,
) -> int:
    """Visits of the days before today; a store that has some keeps them. Returns how many were made."""
    known = sa.select(queue_visits.c.id).where(queue_visits.c.node == NODE).limit(1)
    if not queues or conn.execute(known).first() is not None:
        return 0
    dice = random.Random(seed)  # noqa: S311 - a demo's dice
    today = now.astimezone(zone).date()
    rows: list[dict[str, Any]] = []
    talks: list[dict[str, Any]] = []
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
                if agents and not gone:
                    talks.append(_talk(dice, rows[-1], at + timedelta(seconds=wait), wait, agents))
        save_sign_ins(conn, [_shift(dice, agent, start) for agent in agents])
    save_visits(conn, rows)
    if talks:
        conn.execute(sa.insert(contacts), talks)
    return len(rows)


def _talk(
    dice: random.Random, visit: dict[str, Any], answered: datetime, wait: float, agents: Sequence[str]
) -> dict[str, Any]:
    """The talk of a visit that was answered; nobody's in particular."""
    talk = 20 + dice.expovariate(1 / 130)
    return {
        "at": answered,
        "ended_at": answered + timedelta(seconds=talk),
        "channel": "call",
        "direction": "inbound",
        "number_key": "",
        "agent": dice.choice(agents),
        "queue": visit["queue"],
        "disposition": dice.choices(("查件", "催派", "下单", "投诉"), (6, 3, 2, 1))[0],
        "wait_s": wait,
        "talk_s": talk,
        "hold_s": dice.choice((0.0, 0.0, 0.0, 12.0)),
        "wrapup_s": dice.uniform(8, 40),
        "pop_id": visit["id"],
        "source": "synthetic",
    }


def _shift(dice: random.Random, agent: str, morning: datetime) -> SignIn:
    """An early or a late shift of eight to nine hours."""
    since = morning + timedelta(hours=dice.choice((0, 4)), minutes=dice.uniform(-10, 5))
    return agent, since, since + timedelta(hours=dice.uniform(8, 9))
