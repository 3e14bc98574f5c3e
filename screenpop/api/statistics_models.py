"""Statistics over a span of days. Shares are of the sum of their list; hours and scores are means."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from screenpop import wire
from screenpop.api.complaint_models import Share
from screenpop.api.models import In, Out
from screenpop.api.value_models import TierCount


class StatisticsQuery(In):
    """Whole days in the installation's zone, both included; the last thirty without."""

    first: date | None = None
    last: date | None = None


class Counted(Out):
    name: str
    count: int


class MoveDay(Out):
    day: date
    up: int
    down: int


class Move(Out):
    from_tier: str
    tier: str
    up: bool
    count: int


class TierFigures(Out):
    scheme: str
    label: str
    tiers: tuple[TierCount, ...] = Field(description="as they stand now, whatever the span")
    up: int
    down: int
    days: tuple[MoveDay, ...]
    moves: tuple[Move, ...]


class DayCount(Out):
    day: date
    count: int


class Answered(Out):
    """Complaints of one category that were opened in the span."""

    name: str
    count: int
    in_time: int
    late: int = Field(description="answered after the deadline")
    waiting: int
    overdue: int = Field(description="still unanswered after the deadline")
    hours: float | None = Field(description="to the answer that was told")
    allowed: float | None = Field(description="that the deadline gave")


class ComplaintPart(Out):
    total: int
    days: tuple[DayCount, ...]
    category: tuple[Share, ...]
    department: tuple[Share, ...]
    cause: tuple[Share, ...]
    answers: tuple[Answered, ...]


class ProblemKindCount(Out):
    name: str
    count: int
    share: float
    late: int = Field(description="registered after the deadline")
    overdue: int = Field(description="still open after the deadline")


class ScoreDay(Out):
    day: date
    count: int
    mean: float | None


class SatisfactionPart(Out):
    scores: tuple[int, ...] = Field(description="how many gave 1, 2, 3, 4, 5")
    mean: float | None
    days: tuple[ScoreDay, ...]


class ContactPart(Out):
    channels: tuple[Counted, ...]
    dispositions: tuple[Share, ...]


class SelfServicePart(Out):
    served: int = Field(description="calls that the menus served alone")
    to_person: int
    share: float | None = Field(description="served of both")
    uses: tuple[Counted, ...]
    requests: tuple[Counted, ...] = Field(description="pickup, claim, suggestion")
    complaints: int
    callbacks: tuple[Counted, ...] = Field(description="by state")


class StatisticsOut(Out):
    first: date
    last: date
    at: wire.Instant
    tiers: TierFigures | None
    complaints: ComplaintPart
    problems: tuple[ProblemKindCount, ...]
    satisfaction: SatisfactionPart
    contacts: ContactPart
    self_service: SelfServicePart
