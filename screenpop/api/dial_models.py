"""Requests and answers about calls out by click."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from cti.domain.dialling import DialState
from screenpop import wire
from screenpop.api.models import In, Out


class DialIn(In):
    """One click. The same `key` sent again is the same call; whom to call is one of the others."""

    key: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$", description="made anew for every click")
    task_id: int | None = Field(None, ge=1, le=2**53)
    number_id: int | None = Field(None, ge=1, le=2**53, description="a stored number, of the task's customer")
    pop_id: str = Field("", max_length=64, description="the caller of an own pop")

    @model_validator(mode="after")
    def _somebody(self) -> Any:
        if self.task_id is None and self.number_id is None and not self.pop_id:
            raise ValueError("whom to call?")
        return self


class DialOut(Out):
    """One call out. `over`: nothing more comes of it."""

    id: int
    state: DialState
    label: str
    over: bool
    new: bool = Field(description="begun by this request; false: it was there already")
    at: wire.Instant
    agent: str
    task_id: int | None
    customer_id: int | None
    number: str
    reason: str
    answered_at: wire.Instant | None
    ended_at: wire.Instant | None
    talk_s: float | None


class DialNow(Out):
    """What I call now, and whether I may call at all."""

    call: DialOut | None
    allowed: bool
    why_not: str
    hours: str
