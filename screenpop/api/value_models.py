"""Requests and answers about customer value: tiers, upgrades, churn, preferences, points. Money in 元."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cti.domain.retention import Step
from cti.store.repos.points import MOST
from screenpop import wire
from screenpop.api.models import In, Out, Text


class ValueQuery(In):
    """Which customers; empty for any."""

    tier: Text = Field("", max_length=32, description="of the active scheme")
    industry: Text = Field("", max_length=64)
    service: Text = Field("", max_length=32)
    region: Literal["", "全省性", "区域性"] = ""
    q: Text = Field("", max_length=64, description="part of the name, beginning of the 编号")


class SummaryQuery(ValueQuery):
    scheme: Text = Field("", max_length=64, description="the active one if empty")


class PagedQuery(ValueQuery):
    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0, le=1_000_000)


class ChurnQuery(PagedQuery):
    kind: Literal["", "silent", "volume"] = ""
    step: Literal["", "open", "contacted", "explained", "remedied", "kept", "lost"] = ""


class SchemeName(Out):
    scheme: str
    label: str
    source: str
    active: bool
    open_thresholds: bool = Field(description="some thresholds are our defaults and wait to be confirmed")


class TierCount(Out):
    tier: str = Field(description='"" for customers whose figures do not suffice')
    label: str
    customers: int
    revenue: float = Field(description="of the last twelve months")


class Crowded(Out):
    agent: str
    customers: int


class SummaryOut(Out):
    scheme: str
    schemes: tuple[SchemeName, ...]
    tiers: tuple[TierCount, ...]
    industries: tuple[str, ...]
    services: tuple[str, ...]
    regions: tuple[str, ...]
    computed_at: wire.Instant | None = Field(description="when everybody was last recomputed")
    crowded: tuple[Crowded, ...] = Field(description="专属客服 with too many customers, the most first")
    most_customers: int = Field(description="so many of one 专属客服 are not yet too many")


class Reach(Out):
    tier: str
    label: str
    wanting: str = Field(description="what is missing, in words")


class Valued(Out):
    """A customer in one of the lists."""

    id: int
    code: str
    name: str
    kind: Literal["company", "person"]
    tier: wire.TierPart | None
    industry: str
    services: tuple[str, ...]
    region: str
    representative: str
    current_value: float | None = Field(description="revenue of the last twelve months")
    potential_value: float | None = Field(description="the last quarter carried on with its growth, a year")


class Upgrade(Valued):
    reached_at: wire.Instant | None = Field(description="the higher tier was reached; else it is near")
    reach: Reach | None


class UpgradesOut(Out):
    total: int
    items: tuple[Upgrade, ...]


class Churn(Out):
    kind: Literal["silent", "volume"]
    since: wire.Instant | None
    text: str = Field(description="with the figures that caused it")
    silent_days: float | None
    cycle_days: float | None
    volume_30d: float | None
    volume_before: float | None
    last_order_at: wire.Instant | None


class Churning(Valued):
    churn: Churn
    step: Step
    step_who: str
    step_at: wire.Instant | None
    step_note: str
    next_steps: tuple[Step, ...]
    effort: str = Field(description="how hard to try, by tier")


class ChurningOut(Out):
    total: int
    items: tuple[Churning, ...]


class StepIn(In):
    step: Literal["contacted", "explained", "remedied", "kept", "lost"]
    note: Text = Field("", max_length=1000)


class StepOut(Out):
    step: Step
    next_steps: tuple[Step, ...]


class TierIn(Out):
    """The tier in one scheme; `label` is empty where the figures do not suffice."""

    scheme: str
    name: str
    active: bool
    since: wire.Instant | None
    tier: str
    label: str
    reason: str
    route: str = Field(description="who serves this tier")
    services: tuple[str, ...] = Field(description="its part of the service menu")


class TierChange(Out):
    at: wire.Instant
    scheme: str
    tier_id: str
    label: str
    reason: str
    cause: str
    step: int = Field(description="1 up, -1 down, 0 the first")


class StepTaken(Out):
    at: wire.Instant
    step: Step
    who: str
    note: str


class PointsEntry(Out):
    at: wire.Instant
    delta: int
    reason: str
    who: str


class ValueOut(Out):
    id: int
    version: int
    industry: str
    services: tuple[str, ...]
    county: str
    region: str
    metrics: dict[str, bool | float | tuple[str, ...]]
    current_value: float | None
    potential_value: float | None
    growth: float | None
    tiers: tuple[TierIn, ...]
    reach: Reach | None
    churn: Churn | None
    steps: tuple[StepTaken, ...]
    history: tuple[TierChange, ...]
    points: int
    points_entries: tuple[PointsEntry, ...]
    preferences: dict[str, str]
    preference_names: tuple[str, ...] = Field(description="the usual ones, in order")


class PreferencesIn(In):
    version: int = Field(ge=1, description="of the customer as it was read; 409 if it has changed since")
    preferences: dict[Text, Text] = Field(
        max_length=30, description="name → text; those left out are cleared"
    )


class PreferencesOut(Out):
    version: int
    preferences: dict[str, str]


class PointsIn(In):
    delta: int = Field(ge=-MOST, le=MOST)
    reason: Text = Field(min_length=1, max_length=200)
    ref: Text = Field("", max_length=64, description="the same again is not added twice")


class PointsOut(Out):
    points: int
