"""How it stands between an agent and a caller: which channels there are, and who talks with whom.

Read from what the tracker remembers, so that it is as true as the PBX's own events. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cti.ami.calls import Call, Leg, Line
from cti.ami.placing import ASIDE, CONSULT, DESK, HELD, IVR, LOST, RECALL, REMINDED, THREE
from cti.ami.states import LegState
from cti.domain.call import Direction


class Situation(StrEnum):
    """An agent's part in a call, as call control sees it."""

    OVER = "over"
    RINGING = "ringing"
    TALKING = "talking"
    HELD = "held"  # the caller hears music, by command
    RECALL = "recall"  # … for too long: the agent hears a ringing tone, the queue is next
    PHONE_HELD = "phone_held"  # … by a key of the phone itself: only the phone takes him back
    IVR = "ivr"  # the caller is in the menu and comes back
    ASKING = "asking"  # a colleague rings, the caller hears music
    CONSULTING = "consulting"  # with the colleague, the caller hears music
    ASIDE = "aside"  # with the caller again, the colleague waits
    THREE = "three"
    ASKED = "asked"  # the agent is the colleague
    LOST = "lost"  # the agent's phone is gone, the caller waits for it


@dataclass(frozen=True, slots=True)
class View:
    """What a plan needs to know. Channels are names made by the PBX; "" where there is none."""

    situation: Situation
    agent: str = ""
    mine: str = ""
    caller: str = ""
    third: str = ""
    colleague: str = ""  # number of the third's agent; "" for a number outside
    at_desk: bool = False  # the agent waits in the room of the call
    calling: bool = False  # the agent's own dialplan dials the third: both end together
    asked: str = ""  # whom the agent asks, KIND*TARGET; "" when that was not heard
    asks: int = 0  # consultations of the call so far: one that was rejected at once leaves no other trace


GONE = View(Situation.OVER)


def view(call: Call | None, agent: str) -> View:
    """How it stands with this agent's part."""
    leg = call.legs.get(agent) if call is not None else None
    if call is None or leg is None:
        return GONE
    if leg.state in (LegState.IDLE, LegState.OVER):
        waits = _caller(call, agent) if call.lost_by == agent else None
        lost = waits is not None and call.places.get(waits.uniqueid) == LOST
        return View(Situation.LOST, agent, caller=waits.name) if lost and waits is not None else GONE
    if leg.state in (LegState.RINGING, LegState.PICKED):
        return View(Situation.RINGING, agent)
    mine = _mine(call, leg)
    caller = _caller(call, agent)
    if mine is None or caller is None:
        return View(Situation.TALKING, agent, mine.name if mine is not None else "")
    if leg.consult:
        return View(Situation.ASKED, agent, mine.name, caller.name)
    third = _third(call, agent)
    place = call.places.get(mine.uniqueid, "")
    return View(
        _situation(call, leg, mine, caller, third),
        agent,
        mine.name,
        caller.name,
        third.name if third is not None else "",
        third.agent if third is not None else "",
        at_desk=place == DESK,
        calling=place == CONSULT,
        asked=call.asked.get(agent, ""),
        asks=call.asks,
    )


def _situation(call: Call, leg: Leg, mine: Line, caller: Line, third: Line | None) -> Situation:
    where = call.places.get(caller.uniqueid, "")
    up = third is not None and _up(call, third)
    if up and where == THREE:
        return Situation.THREE
    if up and third is not None and call.places.get(third.uniqueid) == ASIDE:
        return Situation.ASIDE
    if call.places.get(mine.uniqueid) == CONSULT and not (up and mine.bridge):
        return Situation.ASKING
    if up:
        return Situation.CONSULTING
    if where == IVR:
        return Situation.IVR
    if where in (HELD, RECALL):
        return Situation.RECALL if call.places.get(mine.uniqueid) == REMINDED else Situation.HELD
    if leg.state is LegState.HELD:
        return Situation.PHONE_HELD
    return Situation.TALKING


def _mine(call: Call, leg: Leg) -> Line | None:
    """The agent's device that talks: a Local channel only stands for it."""
    found = [
        line
        for line in call.lines.values()
        if line.uniqueid in leg.lines and not line.local and line.uniqueid not in leg.ringing
    ]
    return _best(found, call)


def _caller(call: Call, agent: str) -> Line | None:
    """Whom the agent talks with: who called, or whom the agent has called."""
    first = call.lines.get(call.caller)
    if first is not None and first.agent != agent and call.direction is not Direction.OUTBOUND:
        return first
    others = [
        line
        for line in call.lines.values()
        if line.agent != agent and not line.local and line.uniqueid not in call.thirds
    ]
    return _best(others, call)


def _third(call: Call, agent: str) -> Line | None:
    """Whom the agent asks for advice: the one who has answered, else one who rings."""
    asked = [
        line
        for u, by in call.thirds.items()
        if by == agent and (line := call.lines.get(u)) and not line.local
    ]
    up = [line for line in asked if _up(call, line)]
    return next(iter(up or asked), None)


def _up(call: Call, line: Line) -> bool:
    return bool(line.bridge) or line.uniqueid in call.places


def _best(found: Iterable[Line], call: Call) -> Line | None:
    """The bridged one, or one that was moved; else the first."""
    lines = list(found)
    return next((line for line in lines if _up(call, line)), lines[0] if lines else None)
