"""How a talk sounded at the agent's browser: one row for each leg that a browser had in a call."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Float, Index, Table, Text, UniqueConstraint

from cti.store.tables import metadata
from cti.store.types import Id, Key, UtcDateTime


def _measure(name: str) -> Column[Any]:
    return Column(name, Float)  # null: the browser did not tell


phone_quality = Table(
    "phone_quality",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pop_id", Key, nullable=False),
    Column("leg", Key, nullable=False),  # made by the browser; a talk that was taken up again has two
    Column("agent", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
    Column("seconds", Float, nullable=False),
    _measure("rtt_ms"),  # average, and the worst of the samples
    _measure("rtt_max_ms"),
    _measure("jitter_ms"),
    _measure("jitter_max_ms"),
    _measure("loss_in"),  # share of the packets that did not come, 0–1: as the agent heard
    _measure("loss_out"),  # as Asterisk heard the agent
    _measure("silent_s"),  # the microphone gave nothing at all
    Column("codec", Text, nullable=False, server_default=""),
    UniqueConstraint("pop_id", "leg", name="uq_phone_quality_pop_id_leg"),
    Index(None, "agent", "told_at"),
)
