"""The ledger: what happened to every pop, and when the AMI connection was away.

A row is added when a pop is made and updated at each step, so that after a crash the ledger tells what was
shown to whom and the pops that were open can be given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.store.repos.common import insert_or_skip, known
from cti.store.tables import gaps, pops


def add_pop(
    conn: Connection, *, id: str, node: str, linkedid: str, agent: str, pbx_at: datetime, **columns: Any
) -> None:
    """A pop was made. Further columns of ``pops`` by name; adding the same id again changes nothing."""
    values = {"id": id, "node": node, "linkedid": linkedid, "agent": agent, "pbx_at": pbx_at, **columns}
    known(pops, values)
    insert_or_skip(conn, pops, [values], on=["id"])


def update_pop(conn: Connection, id: str, **columns: Any) -> bool:
    """Set columns of one pop; False if there is no such pop."""
    known(pops, columns)
    return conn.execute(sa.update(pops).where(pops.c.id == id).values(columns)).rowcount == 1


def pop(conn: Connection, id: str) -> RowMapping | None:
    """One row of the ledger."""
    return conn.execute(sa.select(pops).where(pops.c.id == id)).mappings().first()


def open_pops(conn: Connection, agent: str | None = None, limit: int = 10_000) -> Sequence[RowMapping]:
    """Pops that were not closed, oldest first: what a restarted service gives back."""
    query = sa.select(pops).where(pops.c.closed_at.is_(None)).order_by(pops.c.pbx_at).limit(limit)
    if agent is not None:
        query = query.where(pops.c.agent == agent)
    return conn.execute(query).mappings().all()


def pops_of_agent(conn: Connection, agent: str, *, since: datetime, limit: int = 200) -> Sequence[RowMapping]:
    """The latest pops of an agent, newest first, without their snapshots."""
    columns = [c for c in pops.c if c.name != "snapshot"]
    query = sa.select(*columns).where(pops.c.agent == agent, pops.c.pbx_at >= since)
    return conn.execute(query.order_by(pops.c.pbx_at.desc()).limit(limit)).mappings().all()


def open_gap(conn: Connection, node: str, since: datetime, reason: str) -> None:
    """The connection to a node was lost; the same gap told twice is one."""
    insert_or_skip(conn, gaps, [{"node": node, "since": since, "reason": reason}], on=["node", "since"])


def close_gap(conn: Connection, node: str, until: datetime) -> int:
    """The connection is back: ends all open gaps of the node, returns how many there were."""
    ended = sa.update(gaps).where(gaps.c.node == node, gaps.c.until.is_(None)).values(until=until)
    return conn.execute(ended).rowcount


def list_gaps(conn: Connection, *, since: datetime, limit: int = 1000) -> Sequence[RowMapping]:
    """Gaps that began or ended after `since`, newest first."""
    touched = sa.or_(gaps.c.since >= since, gaps.c.until.is_(None), gaps.c.until >= since)
    query = sa.select(gaps).where(touched).order_by(gaps.c.since.desc()).limit(limit)
    return conn.execute(query).mappings().all()
