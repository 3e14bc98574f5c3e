"""Requests and answers of /api/v1 that are not already part of the socket's protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from cti.store.repos.timeline import Kind
from screenpop import wire
from screenpop.merge import without_control

Text = Annotated[str, AfterValidator(without_control)]


class In(BaseModel):
    """Base of requests: unknown keys are refused, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True)


class LoginIn(In):
    username: Text = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)


class LoginOut(Out):
    token: str
    expires_at: wire.Instant
    agent: str
    user: wire.UserPart
    version: int


class MeOut(Out):
    username: str
    name: str
    roles: tuple[str, ...]
    agent: str


class Done(Out):
    ok: bool = True


class QueueName(Out):
    name: str
    label: str


class TierName(Out):
    id: str
    label: str


class TierScheme(Out):
    scheme: str
    tiers: tuple[TierName, ...]


class MetaOut(Out):
    company: str
    break_reasons: tuple[str, ...]
    dispositions: tuple[str, ...]
    queues: tuple[QueueName, ...]
    tiers: TierScheme
    timezone: str
    wrapup_s: int
    complaint_categories: tuple[str, ...]
    demo: bool


class StateIn(In):
    state: Literal["available", "paused"]
    reason: Text = Field("", max_length=32, description="one of break_reasons when paused")


class StateOut(Out):
    state: Literal["available", "paused"]
    reason: str


class SearchQuery(In):
    q: Text = Field(min_length=1, max_length=64)
    limit: int = Field(20, ge=1, le=50)


class SearchItem(Out):
    kind: Literal["customer", "waybill"]
    customer: wire.CustomerPart | None
    waybill: wire.WaybillPart | None
    matched: str = Field(description="number, suffix, code, name or waybill")


class SearchOut(Out):
    items: tuple[SearchItem, ...]


class NumberOut(Out):
    number_id: int
    display: str
    label: str
    key_masked: bool
    person: str = Field("", description="the contact person whose number it is")


class PageQuery(In):
    before: AwareDatetime | None = None
    limit: int = Field(50, ge=1, le=200)


class TimelineQuery(PageQuery):
    kind: Kind | Literal[""] = ""


class TimelineEntry(Out):
    at: wire.Instant
    kind: Kind
    title: str
    text: str
    agent: str
    ref: str = Field(
        description="what it opens: a contact (call to visit), complaint, problem item's code, waybill,"
        ' recording of a score; "" where there is nothing more'
    )


class TimelineOut(Out):
    items: tuple[TimelineEntry, ...]


class WaybillEvent(Out):
    at: wire.Instant
    state: str
    place: str
    text: str


class WaybillDetail(wire.WaybillPart):
    sender: str = ""
    events: tuple[WaybillEvent, ...] = ()


class WaybillOut(Out):
    waybill: WaybillDetail


class RevealIn(In):
    what: Literal["pop", "number"]
    id: str | int = Field(description="id of a pop, or number_id")
    pop_id: str = Field("", max_length=64, description="the own pop that is the reason, for numbers")


class RevealOut(Out):
    number: str


class Closed(Out):
    reason: str
    by: str
    at: wire.Instant


class StoredPop(wire.Pop):
    closed: Closed | None = None


class PopsQuery(In):
    open: bool = False
    limit: int = Field(50, ge=1, le=200)


class PopsOut(Out):
    items: tuple[StoredPop, ...]
    drafts: dict[str, wire.Draft]


class PopOut(Out):
    pop: wire.Pop
    draft: wire.Draft | None
    closed: Closed | None


class DraftIn(In):
    note: Text = Field("", max_length=4000)
    disposition: Text = Field("", max_length=64)


class WrapupIn(DraftIn):
    customer_id: int | None = Field(None, ge=1, le=2**53)


class WrapupOut(Out):
    id: str
    reason: str = "completed"


class ChooseIn(In):
    customer_id: int = Field(ge=1, le=2**53)


class LedgerQuery(In):
    limit: int = Field(100, ge=1, le=1000)
    agent: str = Field("", max_length=16, pattern=r"^\d*$")
    open: bool = False


class Voice(Out):
    """How one leg sounded at the agent's browser; null: not told."""

    seconds: float
    rtt_ms: float | None
    rtt_max_ms: float | None
    jitter_ms: float | None
    jitter_max_ms: float | None
    loss_in: float | None = Field(description="share of packets lost on the way to the agent")
    loss_out: float | None = Field(description="… and on the way from the agent")
    silent_s: float | None = Field(description="the microphone gave nothing at all")
    codec: str
    bad: bool = Field(description="beyond one of the limits of the settings")


class LedgerRow(Out):
    """One pop. Steps in milliseconds; `total_ms` is PBX stamp to acknowledgement."""

    id: str
    node: str
    linkedid: str
    agent: str
    queue: str
    number: str
    outcome: str
    pbx_at: wire.Instant
    received_at: wire.Instant | None
    looked_up_at: wire.Instant | None
    pushed_at: wire.Instant | None = Field(description="null: no page was open while it rang")
    acked_at: wire.Instant | None
    answered_at: wire.Instant | None
    closed_at: wire.Instant | None
    final: str
    by: str
    lookup_ms: float | None = Field(description="received to looked up; negative: known before the ring")
    push_ms: float | None = Field(description="received to pushed")
    ack_ms: float | None = Field(description="pushed to acknowledged")
    total_ms: float | None = Field(description="null where `pushed_at` or `acked_at` is")
    recovered: bool
    voice: tuple[Voice, ...] = Field(description="legs in a browser; none of a hard phone")
    pressed: int = Field(description="commands given in the call, by whomever")


class GapRow(Out):
    node: str
    since: wire.Instant
    until: wire.Instant | None
    reason: str


class LedgerOut(Out):
    items: tuple[LedgerRow, ...]
    gaps: tuple[GapRow, ...]


class OpenApiOut(Out):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
