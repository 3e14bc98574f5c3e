"""The messages of ``/ws/wall``: everything once, then only what changed.

Moments, not durations: a clock on the board runs on by itself, so that nothing is sent while nothing happens.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from screenpop.wire import GapPart, Instant, Wire

WallState = Literal["available", "ringing", "talking", "hold", "wrapup", "break", "offline"]


class WallFlag(Wire):
    """A forbidden phrase that live help seems to have heard in the call that is on the agent's screen."""

    rule: str
    title: str
    heard: str
    sure: bool
    at: Instant


class WallAgent(Wire):
    """One agent: state and since when; `reason` of a break, queue and tier of the call."""

    agent: str
    state: WallState
    reason: str = ""
    since: Instant
    queue: str = ""
    tier: str = ""
    heard_by: tuple[str, ...] = Field((), description="user names of supervisors who listen")
    flag: WallFlag | None = Field(None, description="the newest of this call, until its card is gone")


class WallTier(Wire):
    """Callers of one tier who wait; an unknown caller's tier is empty."""

    tier: str
    label: str
    waiting: int
    oldest: Instant


class WallQueue(Wire):
    """One queue: who waits now, and today in the zone of the hotline."""

    queue: str
    label: str
    waiting: int
    oldest: Instant | None = None
    tiers: tuple[WallTier, ...] = ()
    offered: int = 0
    answered: int = 0
    in_time: int = 0
    abandoned: int = 0
    short: int = 0
    left: int = 0
    lost: int = 0
    mean_wait_s: float | None = None
    longest_s: float = 0
    service_level: float | None = None
    service_level_s: float = 20
    callbacks: int = 0
    callbacks_late: int = 0


class WallPerson(Wire):
    """What does not change during a shift."""

    agent: str
    name: str
    queues: tuple[str, ...]


class WallAlarms(Wire):
    """From when on something is red, seconds."""

    hold_s: int
    wrapup_s: int
    break_s: int


class WallPbx(Wire):
    """Whether the PBX is heard, and when it was not: figures around these times may miss something."""

    up: bool
    gaps: tuple[GapPart, ...] = ()
    partial: bool = Field(False, description="today's earlier figures could not be read yet")


class Wall(Wire):
    """The whole board: the answer to a good ``auth``."""

    type: Literal["wall"] = "wall"
    version: int
    server_time: Instant
    day: str = Field(description="today, as YYYY-MM-DD in the zone of the hotline")
    people: tuple[WallPerson, ...]
    alarms: WallAlarms
    agents: tuple[WallAgent, ...]
    queues: tuple[WallQueue, ...]
    pbx: WallPbx


class WallUpdate(Wire):
    """What changed since the last message, each part whole."""

    type: Literal["wall_update"] = "wall_update"
    server_time: Instant
    day: str | None = None
    people: tuple[WallPerson, ...] = ()
    agents: tuple[WallAgent, ...] = ()
    queues: tuple[WallQueue, ...] = ()
    pbx: WallPbx | None = None
