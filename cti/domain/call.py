"""What happens to a call, in the words of the trade.

A call is keyed by the Asterisk node and its Linkedid (the id shared by every channel of one call:
Asterisk, "Channel Event Logging", field LinkedID). The tracker turns AMI facts into these events; the
pop service, the ledger and the reports hear nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class CallKey(NamedTuple):
    """One call: the name of the Asterisk node in the settings, and the Linkedid there."""

    node: str
    linkedid: str


class Direction(StrEnum):
    """Seen from the hotline."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class CallEventKind(StrEnum):
    """Past-tense facts of one call."""

    ARRIVED = "arrived"  # the caller's channel exists and the number is known: look-up starts
    CONTEXT = "context"  # the IVR told what the caller did there (UserEvent LaidianContext)
    QUEUED = "queued"  # 排队
    LEFT_QUEUE = "left_queue"  # left without being answered or abandoning (timeout, exit key, full)
    OFFERED = "offered"  # 振铃: rings at an agent; one per (call, agent) however many devices ring
    OFFER_ENDED = "offer_ended"  # stopped ringing unanswered; `reason` says why
    ANSWERED = "answered"  # caller and agent are bridged
    HELD = "held"
    RESUMED = "resumed"
    TRANSFERRED = "transferred"  # `agent` gave it away, `peer` got it, `reason` is blind or attended
    WRAPPED_UP = "wrapped_up"  # 话后处理 begins: the agent's part of the talk is over
    ABANDONED = "abandoned"  # the caller gave up while queued or ringing
    ENDED = "ended"  # every channel of the call is gone


PHONE = "phone"
"""`reason` of WRAPPED_UP: nobody hung up, the agent's phone was lost, and the caller waits for another."""


class OfferEnd(StrEnum):
    """Why a ringing offer went away (`reason` of OFFER_ENDED)."""

    ANSWERED_ELSEWHERE = "answered_elsewhere"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    TRANSFERRED = "transferred"
    FAILED = "failed"  # device unreachable, congestion
    LOST = "lost"  # found gone after the AMI connection had been away


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One fact about one call.

    `at` is the PBX's own time stamp in UTC (manager.conf timestampevents); `recovered` marks a fact that
    was not heard but deduced from a resync after the AMI connection had been away. Durations in seconds.
    Texts from the caller (`caller_name`, `context`) are untrusted. `chain` names the agents who had the call
    before, in order. `context` is all that the IVR has told so far.
    """

    kind: CallEventKind
    key: CallKey
    at: datetime
    recovered: bool = False
    direction: Direction = Direction.INBOUND
    caller_number: str = ""
    caller_name: str = ""
    did: str = ""
    queue: str = ""
    agent: str = ""
    peer: str = ""
    reason: str = ""
    position: int | None = None
    hold_s: float | None = None
    ring_s: float | None = None
    talk_s: float | None = None
    cause: int | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    chain: tuple[str, ...] = ()

    @property
    def far_number(self) -> str:
        """The number of the customer: who called, or whom the agent called."""
        return self.did if self.direction is Direction.OUTBOUND else self.caller_number


class AgentState(StrEnum):
    """座席状态 as the PBX sees it."""

    AVAILABLE = "available"  # 空闲
    RINGING = "ringing"  # 振铃
    BUSY = "busy"  # 通话中
    PAUSED = "paused"  # 小休, 话后处理 …; reason says which
    OFFLINE = "offline"  # device unreachable or not a member


@dataclass(frozen=True, slots=True)
class AgentEvent:
    """The state of one agent changed on one node."""

    node: str
    agent: str
    state: AgentState
    at: datetime
    reason: str = ""
    queues: tuple[str, ...] = ()
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class GapEvent:
    """The AMI connection to a node was away from `since` to `until` (None: still away)."""

    node: str
    since: datetime
    until: datetime | None
    reason: str
