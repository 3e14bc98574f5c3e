"""One named trace: what is played on the real Asterisk, and the story that must come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.traces.stage import Stage

CALLER = "13800138000"


@dataclass(frozen=True)
class Scenario:
    """One named trace. `story` holds one list of lines for each call."""

    name: str
    about: str
    play: Callable[[Stage], Awaitable[None]]
    story: list[list[str]]
    anybody: bool = False  # which agent takes which caller is left to chance
