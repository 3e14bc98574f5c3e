"""Requests and answers about customers: the list, the whole record, its edit, one contact. Money in 分."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from screenpop import wire
from screenpop.api.models import In, Out, Text
from screenpop.api.pressed import PressedOut

Sort = Literal["new", "name", "code", "value"]
Kind = Literal["company", "person"]


class ListQuery(In):
    """Which customers; empty for any."""

    kind: Literal["", "company", "person"] = ""
    scheme: Text = Field("", max_length=64, description="of `tier`; the active one if empty")
    tier: Text = Field("", max_length=32)
    industry: Text = Field("", max_length=64)
    service: Text = Field("", max_length=32)
    region: Literal["", "全省性", "区域性"] = ""
    county: Text = Field("", max_length=64)
    representative: Text = Field("", max_length=32)
    green: bool = False
    churn: Literal["", "any", "silent", "volume"] = ""
    q: Text = Field("", max_length=64, description="号码、名称、编号、运单，或其开头")
    sort: Sort = "new"
    turned: bool = Field(False, description="read the order from its end")
    after: str = Field("", max_length=512, description="`after` of the page before")
    before: str = Field("", max_length=512, description="`before` of the page after")
    limit: int = Field(50, ge=1, le=200)


class ListedCustomer(Out):
    id: int
    code: str
    kind: Kind
    name: str
    title: str
    company: str
    number: str = Field(description="the first one, hidden by role")
    tier: wire.TierPart | None
    representative: str
    green_channel: bool
    industry: str
    services: tuple[str, ...]
    region: str
    county: str
    current_value: float | None = Field(description="元 a year")
    potential_value: float | None
    churn: Literal["", "silent", "volume"]
    reach: str = Field(description='the tier above that is within reach, "" without')
    updated_at: wire.Instant


class CustomersOut(Out):
    items: tuple[ListedCustomer, ...]
    before: str = Field(description='where the page before ends, "" on the first page')
    after: str = Field(description='where the next page begins, "" on the last page')
    total: int
    more: bool = Field(description="there are more than `total`, which is not counted further")


class TierChoice(Out):
    id: str
    label: str


class SchemeChoice(Out):
    scheme: str
    label: str
    active: bool
    tiers: tuple[TierChoice, ...]


class ChoicesOut(Out):
    schemes: tuple[SchemeChoice, ...]
    industries: tuple[str, ...]
    services: tuple[str, ...]
    regions: tuple[str, ...]


class Person(Out):
    id: int
    name: str
    title: str
    role: str
    age: int | None
    hobbies: str
    note: str


class RecordPart(Out):
    """What the pop does not show: the rest of the record, and its version."""

    version: int
    business: str
    occupation: str
    hobbies: str
    industry: str
    services: tuple[str, ...]
    county: str
    payment: str
    cooperation_years: float | None
    spend_fen: int
    arrears_fen: int
    satisfaction: float | None
    last_order_at: wire.Instant | None
    source: str
    created_at: wire.Instant
    updated_at: wire.Instant
    people: tuple[Person, ...]


class ChangeOut(Out):
    """One change by hand: field → [before, after]; numbers and contact persons in words."""

    version: int
    at: wire.Instant
    who: str
    changes: dict[str, list[Any]]


class ChangesOut(Out):
    items: tuple[ChangeOut, ...]


class FieldsIn(In):
    """Only what is given is changed."""

    name: Text | None = Field(None, min_length=1, max_length=120)
    title: Text | None = Field(None, max_length=32)
    company: Text | None = Field(None, max_length=120)
    address: Text | None = Field(None, max_length=400)
    business: Text | None = Field(None, max_length=200)
    occupation: Text | None = Field(None, max_length=120)
    hobbies: Text | None = Field(None, max_length=200)
    birthday: date | None = None
    note: Text | None = Field(None, max_length=4000)
    industry: Text | None = Field(None, max_length=64)
    services: tuple[Annotated[Text, Field(max_length=32)], ...] | None = Field(None, max_length=16)
    county: Text | None = Field(None, max_length=64)
    representative: Text | None = Field(None, max_length=32, description="supervisors only")
    green_channel: bool | None = Field(None, description="supervisors only")
    payment: Text | None = Field(None, max_length=200)
    cooperation_years: float | None = Field(None, ge=0, le=200)


class NewNumber(In):
    number: Text = Field(min_length=1, max_length=64)
    label: Text = Field("", max_length=32)
    person: Text = Field("", max_length=64, description="the contact person whose number it is")


class PersonIn(In):
    id: int | None = Field(None, ge=1, le=2**53, description="absent for a new one")
    name: Text = Field(min_length=1, max_length=64)
    title: Text = Field("", max_length=32)
    role: Text = Field("", max_length=64)
    age: int | None = Field(None, ge=0, le=150)
    hobbies: Text = Field("", max_length=200)
    note: Text = Field("", max_length=400)


Ids = Annotated[tuple[Annotated[int, Field(ge=1, le=2**53)], ...], Field(max_length=100)]


class CustomerEdit(In):
    version: int = Field(ge=1)
    fields: FieldsIn = FieldsIn()
    add_numbers: tuple[NewNumber, ...] = Field((), max_length=20)
    drop_numbers: Ids = ()
    people: tuple[PersonIn, ...] = Field((), max_length=50)
    drop_people: Ids = ()


class CustomerEdited(Out):
    version: int


class CallPart(Out):
    """A recorded part of the contact's call."""

    id: str
    agent: str
    started_at: wire.Instant
    open: bool = Field(description="this person may open it at the QA desk")


class ContactOut(Out):
    """One contact on any channel, whole."""

    id: int
    customer_id: int | None
    customer_name: str
    at: wire.Instant
    ended_at: wire.Instant | None
    channel: str
    direction: str
    queue: str
    agent: str
    number: str
    summary: str
    disposition: str
    note: str
    waybill: str
    ivr: dict[str, str]
    wait_s: float | None
    talk_s: float | None
    satisfaction: int | None
    recordings: tuple[CallPart, ...]
    complaints: tuple[int, ...] = Field(description="made during this call")
    pressed: tuple[PressedOut, ...] = Field(description="call control: a supervisor's any, an agent's own")
