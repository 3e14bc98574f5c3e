"""Problem items (问题件): registered with the four elements in the remark, closed with what was done."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, text, true

from cti.store.tables import metadata
from cti.store.types import Id, Key, UtcDateTime


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="")


OPEN = "closed_at IS NULL AND waybill <> ''"

problem_items = Table(
    "problem_items",
    metadata,
    Column("id", Id, primary_key=True),
    Column("code", Key, nullable=False, unique=True),  # WT20250309-0001
    Column("kind", Text, nullable=False),  # cti.domain.problem.ProblemKind
    Column("shift", Text, nullable=False),  # cti.domain.problem.Shift
    Column("same_day", Boolean, nullable=False, server_default=true()),
    Column("waybill", Key, nullable=False, server_default=""),
    Column("customer_id", Id, ForeignKey("customers.id", ondelete="SET NULL")),
    Column("remark", Text, nullable=False),
    _text("site"),
    Column("arose_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),  # of the registration
    Column("registered_at", UtcDateTime, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("closed_at", UtcDateTime),
    _text("closed_by"),
    _text("result"),
    _text("node"),
    _text("linkedid"),
    _text("source"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    # one open item of a kind for a waybill, however often the button is pressed
    Index(
        "uq_problem_items_open",
        "waybill",
        "kind",
        unique=True,
        sqlite_where=text(OPEN),
        postgresql_where=text(OPEN),
    ),
    Index(None, "customer_id", "registered_at"),
    Index(None, "closed_at", "due_at"),
    Index(None, "registered_at"),
)
