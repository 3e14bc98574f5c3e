"""Tables of the self-service: callbacks that keep their place, what callers registered, scores they gave."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint, text

from cti.store.tables import metadata
from cti.store.types import Id, Json, Key, UtcDateTime

__all__ = ["callbacks", "ivr_requests", "metadata", "surveys"]


def _text(name: str) -> Column[str]:
    """A text that is never NULL."""
    return Column(name, Text, nullable=False, server_default="")


callbacks = Table(  # 排队回拨
    "callbacks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number_key", Key, nullable=False),
    Column("number_display", Text, nullable=False),  # what is dialled
    Column("queue", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),  # agi_scripts.callback.CallbackState
    Column("requested_at", UtcDateTime, nullable=False),  # the place: who asked first is called first
    Column("waiting_since", UtcDateTime, nullable=False),  # when the caller had begun to wait
    Column("due_at", UtcDateTime),  # not before this; set after a try that failed
    Column("ended_at", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _text("reason"),
    _text("agent"),
    _text("node"),
    _text("linkedid"),
    Column("context", Json, nullable=False, server_default=text("'{}'")),
    # one live callback a number, whatever else happens
    Index(
        "uq_callbacks_live",
        "number_key",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(None, "state", "requested_at"),
    Index(None, "requested_at"),
    Index(None, "number_key", "requested_at"),
)

ivr_requests = Table(  # 预约取件, 理赔, 建议: what was registered by key and voice
    "ivr_requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),  # pickup, claim, suggestion
    Column("number_key", Key, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    _text("waybill"),
    _text("recording_id"),
    Column("detail", Json, nullable=False, server_default=text("'{}'")),
    Column("state", Text, nullable=False, server_default="open"),
    _text("node"),
    _text("linkedid"),
    Index(None, "kind", "state", "at"),
    Index(None, "number_key", "at"),
)

surveys = Table(  # 服务评价, 1–5
    "surveys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("score", Integer, nullable=False),
    _text("agent"),
    Column("number_key", Key, nullable=False, server_default=""),
    _text("node"),
    _text("linkedid"),
    UniqueConstraint("node", "linkedid"),
    Index(None, "agent", "at"),
    Index(None, "at"),
    Index(None, "number_key", "at"),
)
