"""What supervisors send to and get from the floor."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from screenpop.api.models import In, Out, Text
from screenpop.wall_wire import WallState
from screenpop.wire import Instant


class SeenState(In):
    """The state that the supervisor saw when deciding."""

    state: WallState
    reason: Text = Field("", max_length=32)


class ForceIn(In):
    """强制状态. `why` is shown to the agent and kept."""

    action: Literal["available", "break", "end_wrapup", "sign_out"]
    reason: Text = Field("", max_length=32, description="one of break_reasons, for a break")
    why: Text = Field(min_length=1, max_length=200)
    seen: SeenState


class ForcedOut(Out):
    agent: str
    action: str


class ListenIn(In):
    """Listen to an agent who talks; the microphone is closed."""

    agent: str = Field(min_length=1, max_length=16)


class ModeIn(In):
    """监听, 耳语 (only the agent hears), 插话 (both hear)."""

    mode: Literal["listen", "whisper", "barge"]


class ListeningPart(Out):
    agent: str
    mode: Literal["listen", "whisper", "barge"]
    state: Literal["ringing", "on", "waiting"]
    since: Instant


class ListeningOut(Out):
    listening: ListeningPart | None = Field(description="null: this person listens to nobody")
