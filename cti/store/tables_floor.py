"""Visits of callers to queues and sign-ins of agents: what wall board and reports are counted from."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Float, Index, Table, Text, false, text

from cti.store.tables import metadata
from cti.store.types import Key, UtcDateTime

OPEN = "ended_at IS NULL"


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="")


queue_visits = Table(
    "queue_visits",
    metadata,
    Column("id", Key, primary_key=True),  # node, Linkedid and when it began
    Column("node", Text, nullable=False),
    Column("linkedid", Text, nullable=False),
    Column("queue", Text, nullable=False),  # "" for a call straight to an agent
    Column("kind", Text, nullable=False),  # cti.domain.floor.VisitKind
    _text("scheme"),
    _text("tier_id"),  # of the caller, as it was then
    _text("tier_label"),
    Column("arrived_at", UtcDateTime, nullable=False),  # at the door: the day the call counts on
    Column("queued_at", UtcDateTime, nullable=False),  # the wait for a person begins
    Column("ended_at", UtcDateTime),
    _text("outcome"),  # cti.domain.floor.Outcome, "" while the caller waits
    _text("agent"),
    Column("wait_s", Float),  # NULL: not known, the end was not heard
    Column("recovered", Boolean, nullable=False, server_default=false()),
    Index(None, "arrived_at"),
    Index(None, "node", "linkedid"),
    Index("ix_queue_visits_open", "queue", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
)

agent_sign_ins = Table(
    "agent_sign_ins",
    metadata,
    Column("agent", Key, primary_key=True),
    Column("since", UtcDateTime, primary_key=True),
    Column("until", UtcDateTime, nullable=False),  # last seen: it grows while the agent is signed in
    Index(None, "until"),
)
