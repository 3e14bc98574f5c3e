"""The states of a call and of an agent's part in it, as two tables.

``CALL[state, step]`` and ``LEG[state, step]`` give the next state and the kind of CallEvent that this edge
tells, or None where it tells nothing new (a repetition, a late event). An edge that is not in the table
is a surprise: `advance` raises StateError with both names in the text. The pictures in the documentation
are drawn from here by `diagram`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from cti.domain.call import CallEventKind as Kind
from cti.errors import StateError


class CallState(StrEnum):
    """The caller's side."""

    NEW = "new"  # a channel exists, nobody has been told
    ARRIVED = "arrived"  # in the dialplan: IVR, announcements, direct ringing
    QUEUED = "queued"
    TALKING = "talking"  # at least one agent is connected
    ABANDONED = "abandoned"  # given up; channels are still being taken down
    ENDED = "ended"


class CallStep(StrEnum):
    """What can happen to the caller's side."""

    ARRIVE = "arrive"
    TELL = "tell"
    JOIN = "join"
    LEAVE = "leave"
    CONNECT = "connect"
    DISCONNECT = "disconnect"
    ABANDON = "abandon"
    END = "end"


class LegState(StrEnum):
    """One agent's part in a call, however many devices the agent has."""

    IDLE = "idle"
    RINGING = "ringing"
    PICKED = "picked"  # taken off the hook, not yet connected with the caller
    TALKING = "talking"
    HELD = "held"
    OVER = "over"


class LegStep(StrEnum):
    """What can happen to an agent's part."""

    RING = "ring"
    PICK = "pick"
    STOP = "stop"
    CONNECT = "connect"
    HOLD = "hold"
    RESUME = "resume"
    LEAVE = "leave"


C, S = CallState, CallStep
CALL: Mapping[tuple[CallState, CallStep], tuple[CallState, Kind | None]] = {
    (C.NEW, S.ARRIVE): (C.ARRIVED, Kind.ARRIVED),
    (C.NEW, S.END): (C.ENDED, None),
    (C.ARRIVED, S.ARRIVE): (C.ARRIVED, None),
    (C.ARRIVED, S.TELL): (C.ARRIVED, Kind.CONTEXT),
    (C.ARRIVED, S.JOIN): (C.QUEUED, Kind.QUEUED),
    (C.ARRIVED, S.LEAVE): (C.ARRIVED, None),
    (C.ARRIVED, S.CONNECT): (C.TALKING, None),
    (C.ARRIVED, S.DISCONNECT): (C.ARRIVED, None),
    (C.ARRIVED, S.ABANDON): (C.ABANDONED, Kind.ABANDONED),
    (C.ARRIVED, S.END): (C.ENDED, Kind.ENDED),
    (C.QUEUED, S.ARRIVE): (C.QUEUED, None),
    (C.QUEUED, S.TELL): (C.QUEUED, Kind.CONTEXT),
    (C.QUEUED, S.JOIN): (C.QUEUED, Kind.QUEUED),
    (C.QUEUED, S.LEAVE): (C.ARRIVED, Kind.LEFT_QUEUE),
    (C.QUEUED, S.CONNECT): (C.TALKING, None),
    (C.QUEUED, S.DISCONNECT): (C.QUEUED, None),
    (C.QUEUED, S.ABANDON): (C.ABANDONED, Kind.ABANDONED),
    (C.QUEUED, S.END): (C.ENDED, Kind.ENDED),
    (C.TALKING, S.ARRIVE): (C.TALKING, None),
    (C.TALKING, S.TELL): (C.TALKING, Kind.CONTEXT),
    (C.TALKING, S.JOIN): (C.QUEUED, Kind.QUEUED),
    (C.TALKING, S.LEAVE): (C.TALKING, None),
    (C.TALKING, S.CONNECT): (C.TALKING, None),
    (C.TALKING, S.DISCONNECT): (C.ARRIVED, None),
    (C.TALKING, S.END): (C.ENDED, Kind.ENDED),
    (C.ABANDONED, S.ARRIVE): (C.ABANDONED, None),
    (C.ABANDONED, S.TELL): (C.ABANDONED, Kind.CONTEXT),
    (C.ABANDONED, S.LEAVE): (C.ABANDONED, None),
    (C.ABANDONED, S.ABANDON): (C.ABANDONED, None),
    (C.ABANDONED, S.CONNECT): (C.TALKING, None),  # answered in the very moment of giving up
    (C.ABANDONED, S.DISCONNECT): (C.ABANDONED, None),
    (C.ABANDONED, S.END): (C.ENDED, Kind.ENDED),
}

L, T = LegState, LegStep
LEG: Mapping[tuple[LegState, LegStep], tuple[LegState, Kind | None]] = {
    (L.IDLE, T.RING): (L.RINGING, Kind.OFFERED),
    (L.IDLE, T.CONNECT): (L.TALKING, Kind.ANSWERED),
    (L.IDLE, T.PICK): (L.IDLE, None),
    (L.IDLE, T.STOP): (L.OVER, None),
    (L.IDLE, T.HOLD): (L.IDLE, None),
    (L.IDLE, T.RESUME): (L.IDLE, None),
    (L.IDLE, T.LEAVE): (L.OVER, None),
    (L.RINGING, T.RING): (L.RINGING, None),  # a second device, or the phone behind a Local channel
    (L.RINGING, T.PICK): (L.PICKED, None),
    (L.RINGING, T.STOP): (L.OVER, Kind.OFFER_ENDED),
    (L.RINGING, T.CONNECT): (L.TALKING, Kind.ANSWERED),
    (L.RINGING, T.LEAVE): (L.OVER, Kind.OFFER_ENDED),
    (L.PICKED, T.RING): (L.PICKED, None),
    (L.PICKED, T.PICK): (L.PICKED, None),
    (L.PICKED, T.STOP): (L.OVER, Kind.OFFER_ENDED),
    (L.PICKED, T.CONNECT): (L.TALKING, Kind.ANSWERED),
    (L.PICKED, T.HOLD): (L.PICKED, None),
    (L.PICKED, T.RESUME): (L.PICKED, None),
    (L.PICKED, T.LEAVE): (L.OVER, Kind.OFFER_ENDED),
    (L.TALKING, T.RING): (L.TALKING, None),
    (L.TALKING, T.PICK): (L.TALKING, None),
    (L.TALKING, T.STOP): (L.TALKING, None),  # another device of the same agent stops ringing
    (L.TALKING, T.CONNECT): (L.TALKING, None),
    (L.TALKING, T.HOLD): (L.HELD, Kind.HELD),
    (L.TALKING, T.RESUME): (L.TALKING, None),
    (L.TALKING, T.LEAVE): (L.OVER, Kind.WRAPPED_UP),
    (L.HELD, T.RING): (L.HELD, None),
    (L.HELD, T.PICK): (L.HELD, None),
    (L.HELD, T.STOP): (L.HELD, None),
    (L.HELD, T.CONNECT): (L.HELD, None),
    (L.HELD, T.HOLD): (L.HELD, None),
    (L.HELD, T.RESUME): (L.TALKING, Kind.RESUMED),
    (L.HELD, T.LEAVE): (L.OVER, Kind.WRAPPED_UP),
    (L.OVER, T.RING): (L.RINGING, Kind.OFFERED),
    (L.OVER, T.CONNECT): (L.TALKING, Kind.ANSWERED),
    (L.OVER, T.PICK): (L.OVER, None),
    (L.OVER, T.STOP): (L.OVER, None),
    (L.OVER, T.HOLD): (L.OVER, None),
    (L.OVER, T.RESUME): (L.OVER, None),
    (L.OVER, T.LEAVE): (L.OVER, None),
}

State = TypeVar("State", CallState, LegState)
Step = TypeVar("Step", CallStep, LegStep)


def advance(
    table: Mapping[tuple[State, Step], tuple[State, Kind | None]], state: State, step: Step
) -> tuple[State, Kind | None]:
    """The next state and the event to tell; StateError where the table has no such edge."""
    try:
        return table[state, step]
    except KeyError:
        raise StateError(f"{type(state).__name__} {state.value} has no edge for {step.value}") from None


def diagram(table: Mapping[tuple[State, Step], tuple[State, Kind | None]], start: State) -> str:
    """The table as a Mermaid state diagram; edges that stay and tell nothing are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {start.value}"]
    for (state, step), (target, kind) in table.items():
        if state != target or kind is not None:
            told = f" / {kind.value}" if kind else ""
            lines.append(f"    {state.value} --> {target.value}: {step.value}{told}")
    return "\n".join(lines) + "\n"


def diagrams() -> str:
    """Both tables, as Markdown with Mermaid blocks."""
    parts = [("Call", diagram(CALL, C.NEW)), ("Agent's part in a call", diagram(LEG, L.IDLE))]
    return "\n".join(f"### {title}\n\n```mermaid\n{picture}```\n" for title, picture in parts)
