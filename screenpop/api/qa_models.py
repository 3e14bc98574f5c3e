"""Requests and answers of the QA desk. Times inside a call are ms from the answer, moments are UTC."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from screenpop import wire
from screenpop.api.models import In, Out, Text

Share = float
Span = tuple[int, int]


class RecordingIn(In):
    paused: bool


class RecordingOut(Out):
    paused: bool
    recording: bool = Field(description="false: this call is not recorded (any more)")
    since: wire.Instant | None


# ---- lists ----------------------------------------------------------------------------------------


class QaQuery(In):
    agent: str = Field("", max_length=16)
    queue: str = Field("", max_length=32)
    team: Text = Field("", max_length=64)
    rule: str = Field("", max_length=32, pattern=r"^[A-Za-z0-9_.-]*$")
    verdict: Literal["", "pass", "fail", "na", "review"] = ""
    state: str = Field("", max_length=32)
    reason: str = Field("", max_length=32)
    job: str = Field("", max_length=32)
    since: AwareDatetime | None = Field(None, alias="from")
    until: AwareDatetime | None = Field(None, alias="to")
    score_min: float | None = Field(None, ge=0, le=100)
    score_max: float | None = Field(None, ge=0, le=100)
    fatal: bool = False
    complaint: bool | None = None
    mine: bool = False
    sample: int | None = Field(None, ge=1, le=2**53, description="id of a random sample")
    q: Text = Field("", max_length=64)
    sort: Literal["-started", "started", "score", "-score"] = "-started"
    offset: int = Field(0, ge=0, le=1_000_000)
    limit: int = Field(50, ge=1, le=200)


class QaCustomer(Out):
    id: int
    name: str
    title: str


class QaComplaint(Out):
    id: int
    code: str
    category: str
    state: str
    waybill: str
    promised_at: wire.Instant | None


class QaJob(Out):
    state: str
    phase: str
    percent: int
    reason: str
    note: str
    attempts: int


class QaFatal(Out):
    rule: str
    title: str
    proposed: bool


class QaReviewPart(Out):
    state: str
    reason: str
    inspector: str
    sampled: bool
    version: int
    updated_at: wire.Instant


class QaCall(Out):
    id: str
    started_at: wire.Instant
    ended_at: wire.Instant | None
    duration_s: float | None
    agent: str
    agent_name: str
    team: str
    queue: str
    queue_label: str
    direction: str
    number: str
    customer: QaCustomer | None
    hung_up_by: str
    complaint: QaComplaint | None
    job: QaJob | None
    score: float | None
    auto_score: float | None
    manual_score: float | None
    final_score: float | None
    decided: Share | None
    fatal: tuple[QaFatal, ...]
    fails: tuple[str, ...]
    reviews: tuple[str, ...]
    review: QaReviewPart | None


class QaCallsOut(Out):
    total: int
    items: tuple[QaCall, ...]


# ---- one call -------------------------------------------------------------------------------------


class Peaks(Out):
    per_s: int
    values: tuple[int, ...]


class QaLeg(Out):
    state: str
    note: str
    duration_ms: int
    peaks: Peaks
    speech: tuple[Span, ...]
    noise: float | None


class QaWord(Out):
    text: str
    t0: int
    t1: int
    confidence: float


class QaTurn(Out):
    role: str
    t0: int
    t1: int
    text: str
    words: tuple[QaWord, ...]


class DiffPart(Out):
    text: str
    same: bool = Field(description="sounds alike (toneless syllables)")


class Diff(Out):
    due: tuple[DiffPart, ...]
    heard: tuple[DiffPart, ...]


class Pause(Out):
    measured_ms: int
    min_ms: int
    max_ms: int | None


class QaEvidence(Out):
    leg: str
    t0: int
    t1: int
    operator: str
    heard: str
    due: str
    similarity: float | None
    diff: Diff | None
    pause: Pause | None


class QaDecision(Out):
    decision: str
    by: str
    at: wire.Instant
    comment: str


class SheetRow(Out):
    rule: str
    title: str
    source: str
    weight: float
    fatal: bool
    advisory: bool
    note: str
    auto: str
    verdict: str
    proposed: bool
    decision: QaDecision | None
    evidence: tuple[QaEvidence, ...]


class Mark(Out):
    rule: str
    verdict: str
    leg: str
    t0: int
    t1: int
    added: bool


class AddedOut(Out):
    id: int
    rule: str
    leg: str
    t0: int
    t1: int
    comment: str
    by: str
    at: wire.Instant


class Comment(Out):
    by: str
    at: wire.Instant
    text: str


class HistoryRow(Out):
    at: wire.Instant
    who: str
    who_name: str
    role: str
    action: str
    before: str = Field(serialization_alias="from")
    after: str = Field(serialization_alias="to")
    note: str


class AppealOut(Out):
    rule: str
    reason: str
    by: str
    at: wire.Instant
    outcome: str


class ScoreRow(Out):
    at: wire.Instant
    kind: Literal["auto"] = "auto"
    engine: str
    model: str
    rules_version: str
    score: float | None
    decided: Share


class QaDetail(QaCall):
    bridge_s: float | None
    file_s: float | None
    drift: float | None
    timing_trusted: bool
    holds: tuple[Span, ...]
    pauses: tuple[Span, ...]
    audio: bool
    legs: dict[str, QaLeg]
    turns: tuple[QaTurn, ...]
    sheet: tuple[SheetRow, ...]
    marks: tuple[Mark, ...]
    added: tuple[AddedOut, ...]
    comments: tuple[Comment, ...]
    history: tuple[HistoryRow, ...]
    appeals: tuple[AppealOut, ...]
    scores: tuple[ScoreRow, ...]
    engine: str
    rules_version: str
    voices: str
    actions: tuple[str, ...]


class Binary(Out):
    """A file; never sent as JSON."""


# ---- steps ----------------------------------------------------------------------------------------


class VersionIn(In):
    version: int = Field(ge=1)
    comment: Text = Field("", max_length=2000)


class DecisionIn(In):
    rule: str = Field(max_length=32)
    decision: Literal["hit", "false_hit", "na"] | None
    comment: Text = Field("", max_length=1000)


class AddedIn(In):
    rule: str = Field(max_length=32)
    leg: Literal["agent", "caller"]
    t0: int = Field(ge=0, le=86_400_000)
    t1: int = Field(ge=0, le=86_400_000)
    comment: Text = Field("", max_length=1000)


class ReviewIn(VersionIn):
    decisions: tuple[DecisionIn, ...] = Field((), max_length=200)
    added: tuple[AddedIn, ...] = Field((), max_length=100)
    remove_added: tuple[int, ...] = Field((), max_length=100)
    done: bool = False


class FinalIn(VersionIn):
    decisions: tuple[DecisionIn, ...] = Field((), max_length=200)
    added: tuple[AddedIn, ...] = Field((), max_length=100)
    remove_added: tuple[int, ...] = Field((), max_length=100)


class AppealItem(In):
    rule: str = Field(max_length=32)
    reason: Text = Field(min_length=1, max_length=1000)


class AppealIn(In):
    version: int = Field(ge=1)
    items: tuple[AppealItem, ...] = Field(min_length=1, max_length=50)


class AssignIn(VersionIn):
    inspector: str = Field(min_length=1, max_length=64)


class Nothing(In):
    """An empty object."""


class SampleIn(In):
    per_agent: int = Field(ge=1, le=1000)
    seed: int | None = Field(None, ge=0, le=2**53)
    since: AwareDatetime = Field(alias="from")
    until: AwareDatetime = Field(alias="to")
    queue: str = Field("", max_length=32)
    agents: tuple[str, ...] = Field((), max_length=1000)
    complaints_only: bool = False


class SampleRow(Out):
    id: int
    seed: int
    at: wire.Instant
    who: str
    per_agent: int
    filter: dict[str, Any]
    population: int
    drawn: int
    agents: tuple[dict[str, Any], ...]


class SampleOut(SampleRow):
    calls: tuple[str, ...]


class SamplesOut(Out):
    items: tuple[SampleRow, ...]


# ---- figures --------------------------------------------------------------------------------------


class FiguresQuery(In):
    since: AwareDatetime | None = Field(None, alias="from")
    until: AwareDatetime | None = Field(None, alias="to")
    agent: str = Field("", max_length=16)
    team: Text = Field("", max_length=64)
    queue: str = Field("", max_length=32)


class DayRow(Out):
    day: str
    calls: int
    scored: int
    mean_score: float | None
    fatal: int


class GroupRow(Out):
    calls: int
    scored: int
    mean_score: float | None
    fatal: int
    appeals: int
    trend: tuple[DayRow, ...]


class AgentRow(GroupRow):
    agent: str
    name: str
    team: str


class TeamRow(GroupRow):
    team: str


class RuleDay(Out):
    day: str
    fail: int
    decided: int


class Precision(Out):
    n: int
    hits: int
    value: float | None
    low: float | None
    high: float | None
    enough: bool
    note: str


class RuleRow(Out):
    rule: str
    title: str
    weight: float
    fatal: bool
    passed: int = Field(serialization_alias="pass")
    fail: int
    na: int
    review: int
    fail_share: Share | None
    trend: tuple[RuleDay, ...]
    precision: Precision


class FatalRow(Out):
    id: str
    started_at: wire.Instant
    agent: str
    agent_name: str
    rule: str
    title: str
    proposed: bool
    state: str


class Backlog(Out):
    queued: int
    by_reason: dict[str, int]
    oldest_at: wire.Instant | None
    appealed: int
    forwarded: int
    reassigned: int
    jobs: dict[str, int]


class DashboardOut(Out):
    since: wire.Instant = Field(serialization_alias="from")
    until: wire.Instant = Field(serialization_alias="to")
    calls: int
    scored: int
    coverage: Share | None
    reviewed: int
    review_coverage: Share | None
    decided_share: Share | None
    mean_score: float | None
    mean_auto: float | None
    trend: tuple[DayRow, ...]
    agents: tuple[AgentRow, ...]
    teams: tuple[TeamRow, ...]
    rules: tuple[RuleRow, ...]
    fatal: tuple[FatalRow, ...]
    backlog: Backlog
    voices: str


# ---- jobs, rules ----------------------------------------------------------------------------------


class EngineOut(Out):
    name: str
    model: str
    reason: str


class JobsQuery(In):
    state: str = Field("", max_length=32)
    offset: int = Field(0, ge=0, le=1_000_000)
    limit: int = Field(50, ge=1, le=200)


class JobRow(Out):
    id: int
    call: str
    agent: str
    started_at: wire.Instant
    state: str
    phase: str
    percent: int
    attempts: int
    reason: str
    note: str
    worker: str
    created_at: wire.Instant
    updated_at: wire.Instant
    finished_at: wire.Instant | None


class WorkerRow(Out):
    worker: str
    jobs: int
    seen_at: wire.Instant


class JobsOut(Out):
    total: int
    counts: dict[str, int]
    workers: tuple[WorkerRow, ...]
    engine: EngineOut
    items: tuple[JobRow, ...]


class RuleBrief(Out):
    rule: str
    title: str
    weight: float
    fatal: bool


class AgentBrief(Out):
    agent: str
    name: str
    team: str


class QueueBrief(Out):
    name: str
    label: str


class InspectorBrief(Out):
    username: str
    name: str
    roles: tuple[str, ...]


class QaMetaOut(Out):
    rules: tuple[RuleBrief, ...]
    agents: tuple[AgentBrief, ...]
    queues: tuple[QueueBrief, ...]
    inspectors: tuple[InspectorBrief, ...]
    engine: EngineOut
    rules_version: str
    low_score: float
    recording: bool
    calls: str
    voices: str
    states: tuple[str, ...]


class RuleOut(Out):
    rule: str
    title: str
    source: str
    weight: float
    fatal: bool
    advisory: bool
    note: str
    file: str
    line: int
    examples: int


class ParameterOut(Out):
    name: str
    value: float
    unit: str
    title: str
    note: str
    file: str


class RuleFile(Out):
    name: str
    text: str


class RulesOut(Out):
    rules_version: str
    unconfirmed: str
    rules: tuple[RuleOut, ...]
    parameters: tuple[ParameterOut, ...]
    files: tuple[RuleFile, ...]


class RuleFileIn(In):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}\.yaml$")
    text: str = Field(max_length=500_000)


class PreviewIn(In):
    files: tuple[RuleFileIn, ...] = Field(min_length=1, max_length=20)
    since: AwareDatetime | None = Field(None, alias="from")
    until: AwareDatetime | None = Field(None, alias="to")
    limit: int = Field(200, ge=1, le=1000)


class PreviewChange(Out):
    call: str
    agent: str
    started_at: wire.Instant
    rule: str
    before: str
    after: str


class PreviewScore(Out):
    call: str
    before: float | None
    after: float | None


class PreviewRule(Out):
    rule: str
    changes: int


class PreviewOut(Out):
    calls: int
    before: str
    after: str
    changes: tuple[PreviewChange, ...]
    scores: tuple[PreviewScore, ...]
    rules: tuple[PreviewRule, ...]
