"""What was changed of a customer by hand: who, when, from what to what; goes with the customer."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from cti.store.tables import metadata
from cti.store.types import Id, Json, UtcDateTime

__all__ = ["customer_changes", "metadata"]

customer_changes = Table(
    "customer_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("customer_id", Id, ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),  # of the customer after this change
    Column("at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("changes", Json, nullable=False, server_default=text("'{}'")),  # field → [before, after]
    Index(None, "customer_id", "version"),
)
