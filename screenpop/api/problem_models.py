"""Requests and answers about problem items."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from cti.domain.problem import ProblemKind, Shift
from cti.domain.remark import MAX_REMARK
from screenpop import wire
from screenpop.api.models import In, Out, Text


class ProblemQuery(In):
    """Which items; empty for any."""

    state: Literal["", "open", "closed", "late"] = ""
    kind: Literal["", "delivery", "damage", "out_of_area", "other"] = ""
    customer_id: int | None = Field(None, ge=1, le=2**53)
    waybill: Text = Field("", max_length=32)
    q: Text = Field("", max_length=64, description="code, waybill, part of the remark")
    limit: int = Field(100, ge=1, le=500)
    offset: int = Field(0, ge=0, le=1_000_000)


class ProblemCheckIn(In):
    kind: ProblemKind
    shift: Shift = Shift.MID
    same_day: bool = Field(True, description="the site delivers on the same day")
    arose_at: AwareDatetime | None = Field(None, description="arrival scan, receipt, or when it came up")
    remark: Text = Field("", max_length=MAX_REMARK)


class ProblemIn(ProblemCheckIn):
    remark: Text = Field(min_length=1, max_length=MAX_REMARK)
    waybill: Text = Field("", max_length=32)
    customer_id: int | None = Field(None, ge=1, le=2**53)
    pop_id: str = Field("", max_length=64)
    site: Text = Field("", max_length=64)


class ProblemCheckOut(Out):
    valid: bool
    missing: tuple[str, ...] = Field(description="of 产生时间、联系人、事情、联系电话")
    void: bool = Field(description="nothing but a phrase that tells nobody anything")
    due_at: wire.Instant


class ProblemOut(Out):
    id: int
    code: str
    kind: ProblemKind
    label: str
    shift: Shift
    same_day: bool
    waybill: str
    customer_id: int | None
    remark: str
    site: str
    arose_at: wire.Instant
    due_at: wire.Instant
    registered_at: wire.Instant
    registered_by: str
    registered_late: bool
    overdue: bool = Field(description="open past the deadline")
    closed_at: wire.Instant | None
    closed_by: str
    result: str
    version: int


class ProblemsOut(Out):
    items: tuple[ProblemOut, ...]
    total: int
    open: int
    overdue: int
    late: int = Field(description="registered past the deadline")
    now: wire.Instant


class ProblemCloseIn(In):
    version: int = Field(ge=1)
    result: Text = Field(min_length=1, max_length=2000)
