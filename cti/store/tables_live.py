"""Live help: what it flagged for supervisors while a call went on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Index, Table, Text

from cti.store.tables import metadata
from cti.store.types import Key, UtcDateTime


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="")


live_flags = Table(
    "live_flags",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    _text("node"),
    _text("linkedid"),
    _text("pop_id"),
    Column("agent", Key, nullable=False),
    _text("queue"),
    Column("rule", Text, nullable=False),
    _text("title"),
    _text("heard"),
    Column("sure", Boolean, nullable=False),
    Index(None, "at"),
    Index(None, "agent", "at"),
)
