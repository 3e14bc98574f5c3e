"""Tables of what we owe customers: tasks with their steps, scores of satisfaction, calls out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from cti.store.tables import metadata
from cti.store.types import Id, Json, Key, UtcDateTime


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="")


def _json(name: str) -> Column[Any]:
    return Column(name, Json, nullable=False, server_default=text("'{}'"))


def _ref(name: str, target: str, *, must: bool = False) -> Column[Any]:
    """What was said of a customer goes with the customer."""
    return Column(name, Id, ForeignKey(f"{target}.id", ondelete="CASCADE"), nullable=not must)


LIVE = "state IN ('open', 'taken')"
GOES_ON = "ended_at IS NULL"


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


outreach_tasks = Table(
    "outreach_tasks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Key, nullable=False, unique=True),  # what makes it the same task when it is planned again
    Column("kind", Text, nullable=False),  # cti.domain.outreach.TaskKind
    Column("state", Text, nullable=False),  # cti.domain.outreach.TaskState
    _ref("customer_id", "customers"),
    # who is called when it is no customer: a receiver as the waybill names them
    _text("name"),
    Column("number_key", Key, nullable=False, server_default=""),
    _text("number_display"),
    Column("waybill", Key, nullable=False, server_default=""),
    _ref("complaint_id", "complaints"),
    Column("parent_id", Id, ForeignKey("outreach_tasks.id", ondelete="SET NULL")),
    Column("title", Text, nullable=False),  # what to do, in one sentence
    _text("detail"),  # the words to tell, or what it is about
    Column("slot", Integer, nullable=False, server_default=text("0")),  # of the visit plan, 0: not of it
    _text("period"),  # of the visit plan: its first day
    Column("due_at", UtcDateTime, nullable=False),
    Column("lapses_at", UtcDateTime),  # nobody does it after that
    _text("owner"),  # user name, "" for nobody's
    _text("outcome"),  # cti.domain.outreach.Outcome
    _text("result"),
    _json("answers"),
    Column("contact_id", Id, ForeignKey("contacts.id", ondelete="SET NULL")),  # the one that it wrote
    Column("created_at", UtcDateTime, nullable=False),
    _text("created_by"),
    Column("taken_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Index("ix_outreach_tasks_due", "due_at", **_where(LIVE)),
    Index("ix_outreach_tasks_owner", "owner", "due_at", **_where(LIVE)),
    Index(None, "customer_id", "due_at"),
    Index(None, "ended_at"),
    Index(None, "complaint_id"),
)

outreach_plans = Table(  # when the day was last planned: one row
    "outreach_plans",
    metadata,
    Column("at", UtcDateTime, primary_key=True),
)

outreach_steps = Table(  # only added to
    "outreach_steps",
    metadata,
    Column("id", Id, primary_key=True),
    _ref("task_id", "outreach_tasks", must=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    _text("from_state"),
    _text("to_state"),
    _text("note"),
    Column("version", Integer, nullable=False),
    Index(None, "task_id", "id"),
)

satisfaction = Table(  # by the six aspects of domain.md §7, as customers said it in our calls
    "satisfaction",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    _ref("task_id", "outreach_tasks", must=True),
    Column("aspect", Text, nullable=False),  # cti.domain.interview.ASPECTS
    Column("score", Integer, nullable=False),
    Column("who", Text, nullable=False),
    UniqueConstraint("task_id", "aspect"),
    CheckConstraint("score BETWEEN 1 AND 5", name="score"),
    Index(None, "at"),
)

dial_attempts = Table(  # 点击外呼: stored before anything is sent
    "dial_attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Key, nullable=False, unique=True),  # of the click
    Column("at", UtcDateTime, nullable=False),
    Column("agent", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("task_id", Id, ForeignKey("outreach_tasks.id", ondelete="SET NULL")),
    _ref("customer_id", "customers"),
    Column("number_key", Key, nullable=False),
    Column("number_display", Text, nullable=False),
    Column("state", Text, nullable=False),  # cti.domain.dialling.DialState
    _text("reason"),
    _text("purpose"),  # cti.domain.outreach.TaskKind
    _text("node"),
    _text("linkedid"),
    Column("sent_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("talk_s", Float),
    # one call out of an agent, and to a number, at a time
    Index("uq_dial_attempts_agent", "agent", unique=True, **_where(GOES_ON)),
    Index("uq_dial_attempts_number", "number_key", unique=True, **_where(GOES_ON)),
    Index(None, "at"),
    Index(None, "task_id"),
    Index(None, "customer_id"),
    Index(None, "node", "linkedid"),
)
