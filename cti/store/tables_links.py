"""Tables towards other systems and about people's data: tokens, webhooks in, events out, consent, erasure."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from cti.store.tables import metadata
from cti.store.types import Id, Json, Key, UtcDateTime


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="")


def _count(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _of(name: str, target: str) -> Column[Any]:
    return Column(name, Id, ForeignKey(f"{target}.id", ondelete="CASCADE"), nullable=False)


integrations = Table(  # 对接系统: one token each; of the token only the SHA-256 is kept
    "integrations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("token_hash", Text, nullable=False, unique=True),
    _text("secret"),  # for signatures, "" when none is wanted; kept whole, because HMAC needs it
    Column("scopes", Json, nullable=False),
    Column("rate_per_min", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    _text("created_by"),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    _text("last_remote"),
)

hook_deliveries = Table(  # what was taken: a delivery that is repeated gets this answer again
    "hook_deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    _of("integration_id", "integrations"),
    Column("kind", Text, nullable=False),  # waybills, orders
    Column("delivery", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("answer", Json, nullable=False),
    UniqueConstraint("integration_id", "delivery"),
    Index(None, "at"),
)

hook_facts = Table(  # when each column of a pushed waybill or order was told, so that old news does not win
    "hook_facts",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("number", Key, primary_key=True),
    Column("told", Json, nullable=False),  # column → moment
)

outbox = Table(  # what happened, written where it happens; `seq` is given by the post office, in order
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("seq", Id, unique=True),
    Column("mark", Text, nullable=False, unique=True),  # the same happening told twice is one event
    Column("kind", Text, nullable=False),  # cti.domain.events.KINDS
    Column("subject", Text, nullable=False),  # call:…, complaint:12, waybill:…
    Column("at", UtcDateTime, nullable=False),
    Column("body", Json, nullable=False),
    Index(None, "at"),
    Index("ix_outbox_unsorted", "id", sqlite_where=text("seq IS NULL"), postgresql_where=text("seq IS NULL")),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("kinds", Json, nullable=False),  # [] means all
    Column("created_at", UtcDateTime, nullable=False),
    _text("created_by"),
    Column("disabled_at", UtcDateTime),
    _count("failures"),  # in a row; while there are some, one delivery at a time is tried
    Column("not_before", UtcDateTime),
    _text("last_error"),
    Column("last_success_at", UtcDateTime),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    _of("event_id", "outbox"),
    _of("subscription_id", "subscriptions"),
    Column("seq", Id, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting, sent, dead
    _count("attempts"),
    Column("due_at", UtcDateTime, nullable=False),
    Column("held_until", UtcDateTime),  # a service is sending it
    Column("sent_at", UtcDateTime),
    _text("last_error"),
    UniqueConstraint("event_id", "subscription_id"),
    Index(None, "subscription_id", "state", "seq"),
    Index(
        "ix_deliveries_waiting",
        "subscription_id",
        "subject",
        "seq",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)

consents = Table(  # 授权: what a customer said, each time; the last word counts
    "consents",
    metadata,
    Column("id", Id, primary_key=True),
    _of("customer_id", "customers"),
    Column("purpose", Text, nullable=False),  # cti.domain.consent.Purpose
    Column("given", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),  # who wrote it down
    _text("source"),  # 电话, 页面, 书面 …
    _text("note"),
    Index(None, "customer_id", "purpose", "at"),
)

erasures = Table(  # whose data were removed; the journal must not bring them back
    "erasures",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("customer_id", Id),  # no reference: there is no such row any more
    Column("keys", Json, nullable=False),  # SHA-256 of number keys, emptied after some days
    Index(None, "at"),
)

audit_horizons = Table(  # entries of the audit log before `until` may go; this itself stays
    "audit_horizons",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
)
