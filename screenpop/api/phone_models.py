"""Requests and answers about the phone in the browser."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from screenpop.api.models import In, Out, Text

Share = Annotated[float, Field(ge=0, le=1)]
Ms = Annotated[float, Field(ge=0, le=600_000)]


class PhoneLimits(Out):
    """Beyond these the page says that the line is bad."""

    rtt_ms: int
    loss_percent: float
    jitter_ms: int
    silent_s: int


class PhoneOut(Out):
    """The phones of the person who asks."""

    device: str = Field(description="the device that registers in the browser; empty: none")
    uri: str = Field(description="its SIP address")
    beside: tuple[str, ...] = Field(description="话机: the devices on the table")
    why_not: Literal["", "no_device", "no_node"] = Field(description="why there is none in the browser")
    auto_answer: Literal["never", "choice", "always"]
    auto_answer_s: float
    limits: PhoneLimits


class QualityIn(In):
    """What getStats told of one leg from its beginning until now; null: the browser did not tell."""

    pop_id: Text = Field(min_length=1, max_length=64)
    leg: Text = Field(min_length=1, max_length=64, description="made by the page, one for each SIP dialog")
    seconds: float = Field(ge=0, le=86_400)
    rtt_ms: Ms | None = None
    rtt_max_ms: Ms | None = None
    jitter_ms: Ms | None = None
    jitter_max_ms: Ms | None = None
    loss_in: Share | None = None
    loss_out: Share | None = None
    silent_s: float | None = Field(None, ge=0, le=86_400)
    codec: Text = Field("", max_length=32)
