"""Who is calling: customers, what is known of them, and the outcome of a look-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class CustomerKind(StrEnum):
    """公司 or 个人 (XJ §3)."""

    COMPANY = "company"
    PERSON = "person"


class Outcome(StrEnum):
    """How a look-up by number ended (numbers.md: each is shown as such, none is guessed away)."""

    ONE = "one"
    MANY = "many"
    NONE = "none"
    ANONYMOUS = "anonymous"
    MASKED = "masked"
    SERVICE = "service"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class TierRef:
    """A tier as it was computed and stored."""

    scheme: str
    id: str
    label: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """What the pop shows of a customer (domain.md §1, §3)."""

    id: int
    code: str
    kind: CustomerKind
    name: str
    title: str  # 先生, 女士 or "" when not known
    company: str
    address: str
    tier: TierRef | None
    representative: str
    green_channel: bool
    birthday: date | None
    preferences: Mapping[str, str] = field(default_factory=dict)
    alerts: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class WaybillSummary:
    number: str
    state: str
    updated_at: datetime
    origin: str
    destination: str
    receiver: str
    last_event: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ContactSummary:
    """One earlier contact on any channel (联系历史)."""

    at: datetime
    channel: str
    direction: str
    agent: str
    summary: str
    disposition: str = ""


@dataclass(frozen=True, slots=True)
class ComplaintSummary:
    id: int
    opened_at: datetime
    category: str
    state: str
    waybill: str
    due_at: datetime | None
    summary: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """The answer to "who is this", with the rule that matched (``exact``, ``waybill``, ``suffix`` …).

    ONE fills `customer`; MANY lists every `candidates` and chooses nobody; a suffix match is only ever in
    `candidates` with rule ``suffix`` and never sets a tier.
    """

    outcome: Outcome
    rule: str
    customer: Customer | None = None
    candidates: tuple[Customer, ...] = ()
    waybills: tuple[WaybillSummary, ...] = ()
    contacts: tuple[ContactSummary, ...] = ()
    complaints: tuple[ComplaintSummary, ...] = ()
