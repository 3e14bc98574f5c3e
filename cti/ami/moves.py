"""Call control as two tables: which command is allowed in which situation, and the AMI actions it takes.

Pure. A plan has at most one action that moves channels (Redirect); what stands before and after it may be
done twice without harm (Setvar, Hangup of a channel that is gone). What a command has led to is seen from
the situation afterwards, never from the answer alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cti.ami.situation import Situation, View
from cti.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9/_@.;:+*~-]{1,128}").fullmatch
Action = Mapping[str, str]


class Command(StrEnum):
    """What an agent may order."""

    HOLD = "hold"
    RESUME = "resume"
    BLIND = "blind"
    CONSULT = "consult"
    COMPLETE = "complete"
    CANCEL = "cancel"
    SWAP = "swap"
    THREE = "three"
    LEAVE = "leave"
    DROP = "drop"
    IVR = "ivr"
    REJOIN = "rejoin"
    HANGUP = "hangup"


class TargetKind(StrEnum):
    """As the dialplan numbers them."""

    AGENT = "1"
    QUEUE = "2"
    NUMBER = "3"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: `exten` is what the dialplan is given (a number, or a queue's place in the settings)."""

    kind: TargetKind
    exten: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`move` is sent once and never again; an action in `after` may find its channel gone."""

    before: tuple[Action, ...] = ()
    move: Action | None = None
    after: tuple[Action, ...] = ()
    leads_to: frozenset[Situation] = frozenset()


S, C = Situation, Command
# Which situations a command leads to, by the situation it is given in; absent: it is refused.
ALLOWED: Mapping[tuple[Situation, Command], frozenset[Situation]] = {
    (S.TALKING, C.HOLD): frozenset({S.HELD}),
    (S.TALKING, C.BLIND): frozenset({S.OVER}),
    (S.TALKING, C.CONSULT): frozenset({S.ASKING, S.CONSULTING}),
    (S.TALKING, C.IVR): frozenset({S.IVR}),
    (S.TALKING, C.HANGUP): frozenset({S.OVER}),
    (S.HELD, C.RESUME): frozenset({S.TALKING}),
    (S.RECALL, C.RESUME): frozenset({S.TALKING}),
    (S.RECALL, C.HOLD): frozenset({S.HELD}),  # for another while
    (S.RECALL, C.BLIND): frozenset({S.OVER}),
    (S.RECALL, C.CONSULT): frozenset({S.ASKING, S.CONSULTING}),
    (S.RECALL, C.IVR): frozenset({S.IVR}),
    (S.RECALL, C.HANGUP): frozenset({S.OVER}),
    (S.HELD, C.BLIND): frozenset({S.OVER}),
    (S.HELD, C.CONSULT): frozenset({S.ASKING, S.CONSULTING}),
    (S.HELD, C.IVR): frozenset({S.IVR}),
    (S.HELD, C.HANGUP): frozenset({S.OVER}),
    (S.PHONE_HELD, C.BLIND): frozenset({S.OVER}),
    (S.PHONE_HELD, C.HANGUP): frozenset({S.OVER}),
    (S.IVR, C.RESUME): frozenset({S.TALKING}),
    (S.IVR, C.BLIND): frozenset({S.OVER}),
    (S.IVR, C.HANGUP): frozenset({S.OVER}),
    (S.ASKING, C.CANCEL): frozenset({S.TALKING}),
    (S.ASKING, C.COMPLETE): frozenset({S.OVER}),
    (S.CONSULTING, C.CANCEL): frozenset({S.TALKING}),
    (S.CONSULTING, C.COMPLETE): frozenset({S.OVER}),
    (S.CONSULTING, C.SWAP): frozenset({S.ASIDE}),
    (S.CONSULTING, C.THREE): frozenset({S.THREE}),
    (S.ASIDE, C.CANCEL): frozenset({S.TALKING}),
    (S.ASIDE, C.COMPLETE): frozenset({S.OVER}),
    (S.ASIDE, C.SWAP): frozenset({S.CONSULTING}),
    (S.ASIDE, C.THREE): frozenset({S.THREE}),
    (S.THREE, C.LEAVE): frozenset({S.OVER}),
    (S.THREE, C.DROP): frozenset({S.TALKING}),
    (S.TALKING, C.REJOIN): frozenset({S.RINGING, S.LOST}),
    (S.HELD, C.REJOIN): frozenset({S.RINGING, S.LOST}),
    (S.PHONE_HELD, C.REJOIN): frozenset({S.RINGING, S.LOST}),
    (S.LOST, C.REJOIN): frozenset({S.RINGING}),
    (S.ASKED, C.HANGUP): frozenset({S.OVER}),
}
TARGETED = frozenset({C.BLIND, C.CONSULT})


def allowed(view: View) -> tuple[Command, ...]:
    """What may be ordered now, in the order of the commands."""
    found = (command for command in Command if (view.situation, command) in ALLOWED)
    if not view.caller:  # … has left two who talk on
        return tuple(command for command in found if command is C.HANGUP)
    unknown = view.situation is S.ASKING and not view.asked
    return tuple(command for command in found if not (unknown and command is C.COMPLETE))


def plan(view: View, command: Command, target: Target | None = None, flow: str = "") -> Plan:
    """The actions for a command that is allowed. Raises UsageError for one that is not."""
    leads_to = ALLOWED.get((view.situation, command))
    if leads_to is None:
        raise UsageError(f"{command} is not possible while {view.situation}")
    if command in TARGETED and target is None:
        raise UsageError(f"{command} needs a target")
    mine, caller, third = view.mine, view.caller, view.third
    desk = None if view.at_desk else (mine, "laidian-desk", "s")
    held = (caller, "laidian-held", view.agent)
    bind = _bind(mine, caller)
    before: tuple[Action, ...] = ()
    after: tuple[Action, ...] = ()
    move: Action | None = None
    match command:
        case C.HANGUP:
            after = (_hangup(mine),)
        case C.LEAVE:
            before = (*_bind(third, caller), _set(mine, "LAIDIAN_GIVEN", "1"))
            after = (_hangup(mine),)
        case C.DROP:
            before, after = _let_go(third)
        case C.HOLD:
            before = bind
            move = _redirect(held, desk)
        case C.IVR:
            before = bind
            move = _redirect((caller, "laidian-ivr", flow), desk)
        case C.RESUME:
            move = _redirect((caller, "laidian-room", "s"), desk if view.situation is S.RECALL else None)
        case C.BLIND if target is not None:
            before = (_set(mine, "LAIDIAN_GIVEN", "1"),)
            exten = f"{view.agent}*{target.kind}*{target.exten}"
            move = _redirect((caller, "laidian-blind", exten), (mine, "laidian-bye", "s"))
        case C.REJOIN:
            before = (_set(mine, "LAIDIAN_GIVEN", "1"),) if mine else ()
            bye = (mine, "laidian-bye", "s") if mine else None
            move = _redirect((caller, "laidian-lost", view.agent), bye)
        case C.CONSULT if target is not None:
            before = bind
            asking = (mine, "laidian-consult", f"{target.kind}*{target.exten}")
            move = _redirect(asking) if view.situation is S.HELD else _redirect(held, asking)
        case C.CANCEL:
            if view.situation is S.ASIDE:
                before, after = _let_go(third)
            elif view.calling:
                before = (_set(mine, "LAIDIAN_STAY", "1"),)
                move = _redirect((caller, "laidian-room", "s"), (mine, "laidian-desk", "s"))
            else:
                move = _redirect((caller, "laidian-room", "s"))
                before, after = _let_go(third)
        case C.COMPLETE if view.situation is S.ASKING:
            before = (_set(mine, "LAIDIAN_GIVEN", "1"),)
            exten = f"{view.agent}*{view.asked}"  # the caller takes the place of the agent who asked
            move = _redirect((caller, "laidian-blind", exten), (mine, "laidian-bye", "s"))
        case C.COMPLETE:
            before = (*_bind(third, caller), _set(mine, "LAIDIAN_GIVEN", "1"))
            given = (caller, "laidian-given", f"{view.agent}*{view.colleague or 0}")
            move = _redirect(given, (third, "laidian-taker", "s"))
            after = (_hangup(mine),)
        case C.SWAP:
            if view.situation is S.ASIDE:
                move = _redirect(held, (third, "laidian-desk", "s"))
            else:
                before = (_set(mine, "LAIDIAN_STAY", "1"),)
                move = _redirect((caller, "laidian-room", "s"), (third, "laidian-aside", "s"))
        case C.THREE:
            before = (_set(third, "LAIDIAN_WITH", caller), _set(mine, "LAIDIAN_STAY", "1"))
            move = _redirect((caller, "laidian-three", "s"), (third, "laidian-taker", "s"))
    return Plan(before, move, after, leads_to)


def _bind(agent: str, caller: str) -> tuple[Action, ...]:
    """Each knows the other's channel, so that nobody is left alone when the service is away."""
    return _set(agent, "LAIDIAN_WITH", caller), _set(caller, "LAIDIAN_WITH", agent)


def _let_go(third: str) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """The colleague leaves: the caller is not his to be let go with him."""
    return (_set(third, "LAIDIAN_GIVEN", "1"),), (_hangup(third),)


def _set(channel: str, name: str, value: str) -> Action:
    return {
        "Action": "Setvar",
        "Channel": _checked(channel),
        "Variable": name,
        "Value": _checked(value),
    }


def _hangup(channel: str) -> Action:
    return {"Action": "Hangup", "Channel": _checked(channel), "Cause": "16"}


def _redirect(one: tuple[str, str, str], other: tuple[str, str, str] | None = None) -> Action:
    action = {
        "Action": "Redirect",
        "Channel": _checked(one[0]),
        "Context": one[1],
        "Exten": _checked(one[2]),
        "Priority": "1",
    }
    if other is not None:
        action |= {
            "ExtraChannel": _checked(other[0]),
            "ExtraContext": other[1],
            "ExtraExten": _checked(other[2]),
            "ExtraPriority": "1",
        }
    return action


def _checked(text: str) -> str:
    """Only what the PBX, or our settings, made: a name of a channel, an extension."""
    if not _NAME(text):
        raise UsageError("not a channel or an extension")
    return text
