"""How talks sounded in browsers: the longest report of a leg counts, in whatever order they come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.store.repos.common import known, upsert
from cti.store.tables_phone import phone_quality


def save_quality(
    conn: Connection,
    *,
    pop_id: str,
    leg: str,
    agent: str,
    device: str,
    told_at: datetime,
    seconds: float,
    **measures: Any,
) -> None:
    """Keep what a browser tells of one leg; a shorter report than the one that is there comes too late."""
    known(phone_quality, measures)
    values = {"pop_id": pop_id, "leg": leg, "agent": agent, "device": device, "told_at": told_at}
    values |= {"seconds": seconds, **measures}
    insert = upsert(conn.dialect.name)(phone_quality).values(values)
    newer = {name: insert.excluded[name] for name in values if name not in ("pop_id", "leg", "agent")}
    conn.execute(
        insert.on_conflict_do_update(
            index_elements=["pop_id", "leg"],
            set_=newer,
            where=sa.and_(
                phone_quality.c.seconds <= insert.excluded.seconds,
                phone_quality.c.agent == insert.excluded.agent,
            ),
        )
    )


def quality_of(conn: Connection, pop_ids: Sequence[str]) -> dict[str, list[RowMapping]]:
    """The legs of these pops, in the order in which they were told of."""
    found: dict[str, list[RowMapping]] = {}
    if pop_ids:
        query = sa.select(phone_quality).where(phone_quality.c.pop_id.in_(pop_ids))
        for row in conn.execute(query.order_by(phone_quality.c.told_at)).mappings():
            found.setdefault(row["pop_id"], []).append(row)
    return found
