"""Requests and answers about what we owe customers: worklist, task, figures."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from cti.domain.outreach import Outcome, TaskKind, TaskState
from screenpop import wire
from screenpop.api.dial_models import DialOut
from screenpop.api.models import In, Out, Text

ACTION = Literal["take", "assign", "postpone", "cancel", "finish", "release", "reopen"]


class TaskQuery(In):
    """Which tasks; empty for any. Agents see their own and nobody's."""

    state: Literal["all", "live", "open", "taken", "done", "cancelled", "missed", "met"] = "live"
    kind: TaskKind | Literal[""] = ""
    owner: Text = Field("", max_length=64, description="user name; `me`, or `nobody`")
    late: bool = False
    due_before: AwareDatetime | None = None
    customer_id: int | None = Field(None, ge=1, le=2**53)
    since: AwareDatetime | None = Field(None, description="due from then on")
    until: AwareDatetime | None = None
    q: Text = Field("", max_length=64, description="name, company, customer code, waybill, title")


class TaskPageQuery(TaskQuery):
    limit: int = Field(100, ge=1, le=500)
    offset: int = Field(0, ge=0, le=1_000_000)


class TaskTier(Out):
    scheme: str
    id: str
    label: str


class TaskItem(Out):
    """One line of the worklist."""

    id: int
    kind: TaskKind
    state: TaskState
    title: str
    customer_id: int | None
    name: str = Field(description="the customer, or the receiver as the waybill names them")
    company: str
    tier: TaskTier | None
    waybill: str
    complaint_id: int | None
    due_at: wire.Instant
    late: bool
    owner: str
    outcome: str
    result: str
    ended_at: wire.Instant | None
    version: int


class TaskList(Out):
    items: tuple[TaskItem, ...]
    total: int
    late: int
    kinds: dict[str, int] = Field(description="live tasks by kind, under the other filters")
    now: wire.Instant


class TaskIn(In):
    """A task by hand."""

    kind: Literal["visit", "visit_call", "delivery_call", "improvement", "notice"]
    customer_id: int | None = Field(None, ge=1, le=2**53)
    waybill: Text = Field("", max_length=32)
    title: Text = Field(min_length=1, max_length=200)
    detail: Text = Field("", max_length=2000)
    due_at: AwareDatetime
    owner: Text = Field("", max_length=64)


class TaskMade(Out):
    id: int
    version: int


class ScriptLine(Out):
    rule: str = Field(description="the QA rule that it is scored by; empty for one of ours")
    text: str


class QuestionOut(Out):
    id: str
    text: str
    choices: dict[str, str]
    must: bool
    after: tuple[str, str] | None


class TroubleOut(Out):
    """What an answer calls for: a complaint of this category, or a problem item of this kind."""

    text: str
    category: str
    problem: str


class TaskNumber(Out):
    number_id: int | None = Field(description="null for the number that the task itself holds")
    display: str
    label: str


class TaskStep(Out):
    at: wire.Instant
    who: str
    action: str
    from_state: str
    to_state: str
    note: str


class TaskOut(TaskItem):
    """The whole task, with what this person may do."""

    detail: str
    created_at: wire.Instant
    parent_id: int | None
    script: tuple[ScriptLine, ...]
    questions: tuple[QuestionOut, ...]
    answers: dict[str, str]
    scores: dict[str, int]
    troubles: tuple[TroubleOut, ...]
    numbers: tuple[TaskNumber, ...]
    calls: tuple[DialOut, ...]
    steps: tuple[TaskStep, ...]
    actions: tuple[ACTION, ...]
    callable: bool = Field(description="somebody may be called for it now")


class TaskAct(In):
    action: ACTION
    version: int = Field(ge=1)
    note: Text = Field("", max_length=1000)
    due_at: AwareDatetime | None = None
    owner: Text = Field("", max_length=64)
    outcome: Outcome | None = None
    result: Text = Field("", max_length=2000)
    answers: dict[str, Text] = Field(default_factory=dict, max_length=20)
    scores: dict[str, int] = Field(default_factory=dict, max_length=10)


class TaskChanged(Out):
    version: int
    state: TaskState
    troubles: tuple[TroubleOut, ...] = ()


class FiguresQuery(In):
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class KindFigure(Out):
    kind: TaskKind
    due: int
    in_time: int
    late: int
    missed: int
    met: int


class AspectFigure(Out):
    aspect: str
    label: str
    count: int
    mean: float | None
    low: int


class OutreachFigures(Out):
    since: wire.Instant
    until: wire.Instant
    kinds: tuple[KindFigure, ...]
    aspects: tuple[AspectFigure, ...]
    keypad: dict[int, int] = Field(description="scores 1–5 pressed after calls")


class PlanOut(Out):
    added: dict[str, int]
    settled: dict[str, int]
    said: tuple[str, ...] = Field(description="what was left out, and festivals without a date")


class FestivalOut(Out):
    label: str
    on: str


class OwnerOut(Out):
    username: str
    name: str


class OutreachMeta(Out):
    """Words and choices of the page."""

    kinds: dict[str, str]
    by_hand: tuple[str, ...]
    states: dict[str, str]
    outcomes: dict[str, str]
    aspects: dict[str, str]
    low: int
    owners: tuple[OwnerOut, ...]
    festivals: tuple[FestivalOut, ...] = Field(description="of the coming 60 days")
    said: tuple[str, ...]
    hours: str
    dial: bool
