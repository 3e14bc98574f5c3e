"""When agents were signed in: written again and again while they are, read by span."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.store.repos.common import upsert
from cti.store.tables_floor import agent_sign_ins

_T = agent_sign_ins.c
SignIn = tuple[str, datetime, datetime]  # agent, since, last seen


def save_sign_ins(conn: Connection, told: Iterable[SignIn]) -> None:
    """Sign-ins as far as they are known; told again, or in another order, the latest end stands."""
    last: dict[tuple[str, datetime], datetime] = {}
    for agent, since, until in told:
        last[agent, since] = max(until, last.get((agent, since), until))
    rows = [{"agent": agent, "since": since, "until": until} for (agent, since), until in last.items()]
    if rows:
        conn.execute(_save(conn.dialect.name), rows)


@cache
def _save(dialect: str) -> sa.Executable:
    insert = upsert(dialect)(agent_sign_ins)
    later = insert.excluded.until > _T.until
    grown = {"until": insert.excluded.until}
    statement: sa.Executable = insert.on_conflict_do_update(
        index_elements=[_T.agent, _T.since], set_=grown, where=later
    )
    return statement


def sign_ins(conn: Connection, *, since: datetime, until: datetime) -> list[SignIn]:
    """Those that touch a span, by agent and beginning."""
    query = sa.select(_T.agent, _T.since, _T.until).where(_T.until > since, _T.since < until)
    return [(r.agent, r.since, r.until) for r in conn.execute(query.order_by(_T.agent, _T.since))]
