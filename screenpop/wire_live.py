"""What the socket says of live help (实时辅助), in the protocol of `wire`: text, reminders, state, flags."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from screenpop.wire import Instant, Wire

LegName = Literal["agent", "caller"]
LiveStateName = Literal["opening", "on", "finals_only", "silence_only", "busy", "retrying", "off"]
HintKind = Literal["silence", "hangup", "name", "forbidden", "closing", "quiet", "noise", "number"]


class TextPart(Wire):
    text: str
    sure: bool = Field(description="false: shown in grey, may have been misheard")


class LiveText(Wire):
    """An utterance of one leg; a later one with the same leg and n takes its place, empty: it was nothing."""

    type: Literal["live_text"] = "live_text"
    id: str = Field(description="the pop")
    leg: LegName
    n: int
    t0_ms: int = Field(description="from the beginning of the talk")
    t1_ms: int | None = None
    final: bool
    parts: tuple[TextPart, ...]


class LiveHint(Wire):
    """A reminder; a later one with the same key takes its place, `gone` takes it away."""

    type: Literal["live_hint"] = "live_hint"
    id: str
    key: str
    kind: HintKind
    rule: str = ""
    title: str = ""
    text: str = Field("", description="the sentence to say, or the number that was heard")
    heard: str = ""
    what: str = Field("", description="number: phone or waybill")
    sure: bool = True
    due_at: Instant | None = Field(None, description="when it is due, or allowed; absent: now")
    step: int = 0
    steps: int = 0
    gone: bool = False


class LiveState(Wire):
    """How live help is doing for one talk; `note` is a Chinese sentence for the agent."""

    type: Literal["live_state"] = "live_state"
    id: str
    state: LiveStateName
    engine: str = ""
    note: str = ""


class LiveFlag(Wire):
    """A forbidden phrase seems to have been said: to supervisors and QA, at once and in the list."""

    type: Literal["live_flag"] = "live_flag"
    flag: str = Field(description="id of the flag")
    at: Instant
    agent: str
    queue: str
    rule: str
    title: str
    heard: str
    sure: bool
