"""Pops: what one agent sees of one call, from the first ring to the end of the wrap-up.

Pure: CallEvents, the answers of look-ups and the agent's own acts go in, effects come out; nothing here
waits, sends or reads a clock. There is at most one live pop per (call, agent), however many devices ring.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from cti.domain.call import CallKey, Direction
from cti.domain.customer import Lookup
from cti.errors import StateError


class PopState(StrEnum):
    """The life of a pop; NEW and CLOSED are never shown."""

    NEW = "new"
    RINGING = "ringing"
    TALKING = "talking"
    HELD = "held"
    WRAPUP = "wrapup"
    CLOSED = "closed"


class Signal(StrEnum):
    """What can happen to one pop."""

    OFFERED = "offered"
    OFFER_ENDED = "offer_ended"
    ANSWERED = "answered"
    HELD = "held"
    RESUMED = "resumed"
    GIVEN_AWAY = "given_away"
    WRAPPED_UP = "wrapped_up"
    ABANDONED = "abandoned"
    ENDED = "ended"
    COMPLETED = "completed"
    LOST = "lost"


_N, _R, _T, _H, _W, _C = (
    PopState.NEW,
    PopState.RINGING,
    PopState.TALKING,
    PopState.HELD,
    PopState.WRAPUP,
    PopState.CLOSED,
)

# The one table. An edge onto the same state is a thing that may be heard twice (second device, resync).
EDGES: Mapping[tuple[PopState, Signal], PopState] = {
    (_N, Signal.OFFERED): _R,
    (_N, Signal.ANSWERED): _T,  # outbound, or the offer was not heard
    (_R, Signal.OFFERED): _R,
    (_R, Signal.OFFER_ENDED): _C,
    (_R, Signal.ANSWERED): _T,
    (_R, Signal.GIVEN_AWAY): _C,
    (_R, Signal.ABANDONED): _C,
    (_R, Signal.ENDED): _C,
    (_R, Signal.LOST): _C,
    (_T, Signal.ANSWERED): _T,
    (_T, Signal.HELD): _H,
    (_T, Signal.RESUMED): _T,
    (_T, Signal.GIVEN_AWAY): _W,
    (_T, Signal.WRAPPED_UP): _W,
    (_T, Signal.ABANDONED): _T,  # the caller left a queue he was sent on to; the end of the talk follows
    (_T, Signal.ENDED): _W,
    (_T, Signal.LOST): _W,
    (_H, Signal.ANSWERED): _H,
    (_H, Signal.HELD): _H,
    (_H, Signal.RESUMED): _T,
    (_H, Signal.GIVEN_AWAY): _W,
    (_H, Signal.WRAPPED_UP): _W,
    (_H, Signal.ABANDONED): _H,
    (_H, Signal.ENDED): _W,
    (_H, Signal.LOST): _W,
    (_W, Signal.ANSWERED): _T,  # came back: an attended transfer undone, or the end was wrongly deduced
    (_W, Signal.GIVEN_AWAY): _W,
    (_W, Signal.WRAPPED_UP): _W,
    (_W, Signal.ABANDONED): _W,
    (_W, Signal.ENDED): _W,
    (_W, Signal.LOST): _W,
    (_W, Signal.COMPLETED): _C,
}


def next_state(state: PopState, signal: Signal) -> PopState:
    """Raises StateError where the table has no edge."""
    try:
        return EDGES[state, signal]
    except KeyError:
        raise StateError(f"a pop that is {state} cannot be {signal}") from None


def diagram() -> str:
    """The state diagram, drawn from the table, as Mermaid."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {a} --> {b}: {signal}" for (a, signal), b in EDGES.items() if a != b]
    return "\n".join(lines)


class LookupState(StrEnum):
    PENDING = "pending"  # pops wait for it
    LATE = "late"  # the deadline has passed, pops go without it
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One step of the caller's way: who answered, who gave him to whom, or whose phone was lost."""

    at: datetime
    kind: Literal["answered", "blind", "attended", "phone"]
    agent: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What other systems or colleagues changed last while the call is on the screen, and when it was seen."""

    at: datetime
    customer: bool = False
    waybills: tuple[str, ...] = ()
    complaints: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of one call; shared by all of its pops."""

    key: CallKey
    direction: Direction
    arrived_at: datetime
    number: str = ""
    name: str = ""
    did: str = ""
    queue: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    chain: tuple[ChainLink, ...] = ()
    lookup_state: LookupState = LookupState.PENDING
    lookup: Lookup | None = None
    asked: str | None = None  # the number that was looked up
    waybill_asked: str = ""
    fresh: Fresh | None = None
    erased: bool = False  # the caller's data were removed meanwhile: nothing of who it is is taken any more
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Pop:
    """One pop. `at` fields are PBX times in UTC; `pushed` is false while it waits for the look-up."""

    id: str
    key: CallKey
    agent: str
    offered_at: datetime
    seq: int = 1
    state: PopState = PopState.NEW
    queue: str = ""
    pushed: bool = False
    recovered: bool = False
    confirmed: bool = True  # false: read back from the ledger, not yet heard of from the PBX again
    answered_at: datetime | None = None
    held_at: datetime | None = None  # on hold since
    hold_s: float = 0.0  # on hold before that
    wrapup_at: datetime | None = None
    wrapup_until: datetime | None = None
    consult: bool = False  # a colleague asks for advice, the caller is on hold with him
    peer: str = ""  # the colleague who asks, or who sent the caller
    given_to: str = ""
    closed_at: datetime | None = None
    reason: str = ""
    by: str = ""

    @property
    def live(self) -> bool:
        return self.state is not PopState.CLOSED


class EffectKind(StrEnum):
    LOOK_UP = "look_up"  # find the caller by number
    LOOK_UP_WAYBILL = "look_up_waybill"  # find the caller by the waybill he typed
    WAITING = "waiting"  # a pop exists and waits for the look-up
    OPENED = "opened"  # show it
    CHANGED = "changed"  # `parts` of it changed
    CLOSED = "closed"  # take it away (if it was ever shown: `pop.pushed`)


@dataclass(frozen=True, slots=True)
class Effect:
    """What the service has to do now."""

    kind: EffectKind
    call: Call
    pop: Pop | None = None
    parts: frozenset[str] = frozenset()


def pop_id(key: CallKey, agent: str, at: datetime) -> str:
    """The same offer has the same id, also when it is heard again after a restart."""
    text = f"{key.node}|{key.linkedid}|{agent}|{at.timestamp():.6f}"
    digest = hashlib.sha256(text.encode()).digest()[:15]
    return "p" + base64.b32encode(digest).decode().lower()
