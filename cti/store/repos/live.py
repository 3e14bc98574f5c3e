"""Flags of live help: kept once however often they are told, listed newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.store.repos.common import insert_or_skip
from cti.store.tables_live import live_flags


def keep_flag(conn: Connection, flag: Mapping[str, Any]) -> None:
    """Keep a flag as the journal has it."""
    row = {**flag, "at": datetime.fromisoformat(flag["at"])}
    insert_or_skip(conn, live_flags, [row], ["id"])


def flags(
    conn: Connection,
    *,
    since: datetime | None = None,
    agent: str = "",
    queue: str = "",
    limit: int = 100,
) -> Sequence[RowMapping]:
    """The newest flags."""
    query = sa.select(live_flags).order_by(live_flags.c.at.desc(), live_flags.c.id).limit(limit)
    if since is not None:
        query = query.where(live_flags.c.at >= since)
    if agent:
        query = query.where(live_flags.c.agent == agent)
    if queue:
        query = query.where(live_flags.c.queue == queue)
    return conn.execute(query).mappings().all()
