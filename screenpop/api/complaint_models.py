"""Requests and answers about complaints: board, record, steps, statistics."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from cti.domain.complaint import ComplaintState
from screenpop import wire
from screenpop.api.models import In, Out, Text

STATES = Literal["all", "active", "open", "handling", "resolved", "told", "closed", "withdrawn"]
ACTIONS = Literal[
    "take", "follow_up", "hand_over", "resolve", "tell", "call_failed", "close", "reopen", "withdraw"
]


class BoardQuery(In):
    """Which complaints; empty for any."""

    state: STATES = "active"
    category: Text = Field("", max_length=32)
    department: Text = Field("", max_length=32)
    cause: Text = Field("", max_length=32)
    owner: Text = Field("", max_length=64, description="user name; `me` for one's own")
    late: bool = False
    level: int = Field(0, ge=0, le=3, description="escalated at least so far")
    customer_id: int | None = Field(None, ge=1, le=2**53)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    q: Text = Field("", max_length=64, description="code, waybill, number, part of the caller's name")


class BoardPageQuery(BoardQuery):
    limit: int = Field(200, ge=1, le=500)
    offset: int = Field(0, ge=0, le=1_000_000)


class BoardTier(Out):
    scheme: str
    id: str
    label: str


class BoardItem(wire.ComplaintPart):
    """One card of the board."""

    code: str
    caller: str
    number: str
    customer_id: int | None
    customer_name: str
    tier: BoardTier | None
    department: str
    owner: str
    cause: str
    level: int
    late: bool = Field(description="past the deadline while the caller still waits")
    opened_by: str
    channel: str
    promised_at: wire.Instant | None
    call_at: wire.Instant | None = Field(description="the result is to be told, not before this")
    version: int


class BoardOut(Out):
    items: tuple[BoardItem, ...]
    counts: dict[str, int] = Field(description="by state under the other filters")
    late: int
    now: wire.Instant


class ComplaintIn(In):
    pop_id: str = Field("", max_length=64)
    recording_id: str = Field("", max_length=64, description="the QA desk: the recorded call it is about")
    customer_id: int | None = Field(None, ge=1, le=2**53)
    category: Text = Field(min_length=1, max_length=32)
    waybill: Text = Field("", max_length=32)
    department: Text = Field("", max_length=32)
    promised_at: AwareDatetime | None = Field(None, description="the time of answer told to the caller")
    text: Text = Field(min_length=1, max_length=4000)


class ComplaintMade(Out):
    id: int
    code: str
    due_at: wire.Instant | None


class ComplaintStep(Out):
    at: wire.Instant
    who: str
    action: str
    from_state: str
    to_state: str
    note: str
    result: str
    changes: dict[str, Any] = Field(description="of an edit: field → [before, after]")


class CallRecording(Out):
    """A recorded part of the call it came from; the score only for those who may see it."""

    id: str
    agent: str
    started_at: wire.Instant
    seconds: float | None
    transcribed: bool
    score: float | None
    open: bool = Field(description="whether this person may open it at the QA desk")


class ComplaintOut(BoardItem):
    text: str
    result: str
    told_at: wire.Instant | None
    told_by: str
    told_how: str
    closed_at: wire.Instant | None
    level_label: str
    voice_message: bool = Field(description="the caller left a message in the menu")
    voice_open: bool = Field(description="this person may hear it")
    node: str
    linkedid: str
    recordings: tuple[CallRecording, ...]
    steps: tuple[ComplaintStep, ...]
    actions: tuple[str, ...] = Field(description="what this person may do now")
    editable: bool


class ComplaintEdit(In):
    """Fields that are absent stay. `version` is the one that was read."""

    version: int = Field(ge=1)
    category: Text | None = Field(None, min_length=1, max_length=32)
    waybill: Text | None = Field(None, max_length=32)
    department: Text | None = Field(None, max_length=32)
    cause: Text | None = Field(None, max_length=32)
    owner: Text | None = Field(None, max_length=64, description="supervisors only")
    promised_at: AwareDatetime | None = None


class ComplaintAct(In):
    version: int = Field(ge=1)
    action: ACTIONS
    note: Text = Field("", max_length=2000)
    outcome: Text = Field("", max_length=2000, description="result of a follow-up or of the call")
    department: Text | None = Field(None, max_length=32)
    cause: Text | None = Field(None, max_length=32)
    result: Text | None = Field(None, max_length=4000, description="what the caller is to be told")
    told_how: Literal["", "phone", "sms", "wechat", "email", "visit"] = ""
    owner: Text | None = Field(None, max_length=64, description="hand_over: to whom")
    call_at: AwareDatetime | None = Field(None, description="call_failed: when to try again")


class ComplaintChanged(Out):
    version: int
    state: ComplaintState


class Share(Out):
    name: str
    count: int
    share: float = Field(description="of all in the span, 0–1")


class FiguresQuery(In):
    since: AwareDatetime | None = Field(None, description="30 days ago if empty")
    until: AwareDatetime | None = None


class ComplaintFigures(Out):
    """投诉因素比例 and 滞留原因比例; withdrawn complaints are not counted."""

    since: wire.Instant
    until: wire.Instant
    total: int
    in_time: int
    late: int
    category: tuple[Share, ...]
    department: tuple[Share, ...]
    cause: tuple[Share, ...]
    problem_kind: tuple[Share, ...]


class Person(Out):
    username: str
    name: str


class CareMeta(Out):
    """Words for the forms; the lists are 系统默认 until an owner sets them."""

    departments: tuple[str, ...]
    causes: tuple[str, ...]
    owners: tuple[Person, ...]
    kinds: dict[str, str]
    levels: tuple[str, ...]
    hours: dict[str, float]
    tier_factors: dict[str, float]
    defaults: bool = Field(description="deadlines and factors are 系统默认，待确认")
