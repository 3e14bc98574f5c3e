"""Call control on the real Asterisk: what is ordered, and the story that the tracker must tell of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from asterisk_conf import scenario as do
from cti.ami.moves import Command, Target, TargetKind, plan
from cti.ami.situation import Situation, View
from cti.domain.call import CallEventKind
from cti.errors import Refused
from tests.traces.scenario import CALLER, Scenario
from tests.traces.stage import NODE, Stage

Kind, S, C = CallEventKind, Situation, Command
AGENT_1002 = Target(TargetKind.AGENT, "1002")


def view(s: Stage, agent: str) -> View:
    """How the tracker sees the agent's part in the one call."""
    tracker = s.fleet.tracker(NODE)
    live = tracker.live()
    return tracker.view(live[0].key, agent) if live else View(S.OVER)


async def until(s: Stage, agent: str, *situations: Situation) -> View:
    """Wait for a situation."""
    async with asyncio.timeout(20):
        while (now := view(s, agent)).situation not in situations:
            await asyncio.sleep(0.02)
    return now


async def order(s: Stage, agent: str, command: Command, target: Target | None = None) -> None:
    """What the service does for a command, and wait for what it leads to."""
    planned = plan(view(s, agent), command, target)
    for action in (*planned.before, *([planned.move] if planned.move is not None else [])):
        await s.client.send(action)
    for action in planned.after:
        with contextlib.suppress(Refused):
            await s.client.send(action)
    if command is C.CONSULT:  # a rejection may come at once
        await s.told(Kind.HELD, agent)
    else:
        await until(s, agent, *planned.leads_to)
    await asyncio.sleep(0.2)


async def talking(s: Stage, to: str = "1001", hold: float | None = None) -> None:
    """The caller with agent 1001; the colleague's phone answers too."""
    await s.phones.agent("1001", answer_after=0.3)
    await s.available("1001")
    await s.phones.call(to, name="刘女士", hold=hold)
    await s.told(Kind.ANSWERED, "1001")
    await s.phones.agent("1002", answer_after=0.3)
    await s.available("1002")


async def consulting(s: Stage) -> None:
    """The agent asks the colleague, who answers."""
    await talking(s)
    await order(s, "1001", C.CONSULT, AGENT_1002)
    await until(s, "1001", S.CONSULTING)


async def control_hold(s: Stage) -> None:
    await talking(s, "95544")
    await order(s, "1001", C.HOLD)
    await order(s, "1001", C.RESUME)
    await order(s, "1001", C.HANGUP)
    await s.ended()


async def control_blind_queue(s: Stage) -> None:
    await talking(s)
    await order(s, "1001", C.BLIND, Target(TargetKind.QUEUE, "2"))
    await s.told(Kind.ANSWERED, "1002")
    await order(s, "1002", C.HANGUP)
    await s.ended()


async def control_attended(s: Stage) -> None:
    await consulting(s)
    await order(s, "1001", C.COMPLETE)
    await order(s, "1002", C.HANGUP)
    await s.ended()


async def control_cancelled(s: Stage) -> None:
    await consulting(s)
    await order(s, "1001", C.CANCEL)
    await order(s, "1001", C.HANGUP)
    await s.ended()


async def control_rejected(s: Stage) -> None:
    await talking(s)
    await s.phones.agent("1002", reject=486)
    await order(s, "1001", C.CONSULT, AGENT_1002)
    await s.told(Kind.RESUMED, "1001")
    await until(s, "1001", S.TALKING)
    await order(s, "1001", C.HANGUP)
    await s.ended()


async def control_three(s: Stage) -> None:
    await consulting(s)
    await order(s, "1001", C.THREE)
    await order(s, "1001", C.LEAVE)
    await order(s, "1002", C.HANGUP)
    await s.ended()


async def control_rejoin(s: Stage) -> None:
    """The agent's phone dies without a word; the service rings it again, the caller waits meanwhile."""
    dead = await s.phones.agent("1001", answer_after=0.3)
    await s.available("1001")
    await s.phones.call("1001", name="刘女士", hold=None)
    await s.told(Kind.ANSWERED, "1001")
    await dead.stop()
    await s.phones.agent("1001", answer_after=0.3)
    await order(s, "1001", C.REJOIN)
    await until(s, "1001", S.TALKING)
    await order(s, "1001", C.HANGUP)
    await s.ended()


async def control_both_hang_up(s: Stage) -> None:
    """The caller hangs up in the very moment in which the agent presses the button."""
    await talking(s)
    await order(s, "1001", C.HOLD)
    await order(s, "1001", C.RESUME)
    now = view(s, "1001")
    both = (s.client.send({"Action": "Hangup", "Channel": c, "Cause": "16"}) for c in (now.caller, now.mine))
    await asyncio.gather(*both, return_exceptions=True)
    await s.ended()


async def control_held_hangs_up(s: Stage) -> None:
    """The caller hangs up while on hold: the agent is not left in an empty room."""
    await s.phones.agent("1001", answer_after=0.3)
    await s.available("1001")
    await s.phones.call("1001", name="刘女士", steps=(do.wait(2.0),), hold=0.2)
    await s.told(Kind.ANSWERED, "1001")
    await order(s, "1001", C.HOLD)
    await s.ended()


_ANSWERED = ["arrived", f"offered 1001 for {CALLER}", "answered 1001"]
_ASKED = ["held 1001", f"offered 1002 for {CALLER} by 1001 consult"]
_CONSULTED = [*_ANSWERED, *_ASKED, "answered 1002 consult"]
_STORIES: list[tuple[Callable[[Stage], Awaitable[None]], str, list[str]]] = [
    (
        control_hold,
        "a queue call held and taken back by command: the music, and the room of the call",
        [
            "arrived",
            "queued hunt",
            *_ANSWERED[1:],
            "held 1001",
            "resumed 1001",
            "wrapped_up 1001 agent",
            "ended agent",
        ],
    ),
    (
        control_blind_queue,
        "a caller sent to a queue by command: who answers there has the caller",
        [
            *_ANSWERED,
            "transferred 1001 to hunt blind",
            "wrapped_up 1001 transfer",
            "queued hunt",
            f"offered 1002 for {CALLER} by 1001",
            "answered 1002",
            "wrapped_up 1002 caller",
            "ended caller",
        ],
    ),
    (
        control_attended,
        "consultation by command, completed: the colleague has the caller",
        [
            *_CONSULTED,
            "transferred 1001 to 1002 attended",
            "wrapped_up 1001 transfer",
            "wrapped_up 1002",
            "ended",
        ],
    ),
    (
        control_cancelled,
        "consultation by command, cancelled: the agent has the caller again",
        [*_CONSULTED, "resumed 1001", "wrapped_up 1001", "wrapped_up 1002", "ended"],
    ),
    (
        control_rejected,
        "the colleague rejects the consultation: the caller comes back by himself",
        [*_ANSWERED, *_ASKED, "offer_ended 1002 rejected", "resumed 1001", "wrapped_up 1001", "ended"],
    ),
    (
        control_three,
        "three-way call by command, the agent leaves, the two go on",
        [
            *_CONSULTED,
            "resumed 1001",
            "transferred 1001 to 1002 attended",
            "wrapped_up 1001 transfer",
            "wrapped_up 1002",
            "ended",
        ],
    ),
    (
        control_rejoin,
        "the agent's phone is dead: the caller waits with music until it answers again",
        [*_ANSWERED, "wrapped_up 1001 phone", *_ANSWERED[1:], "wrapped_up 1001", "ended"],
    ),
    (
        control_both_hang_up,
        "caller and agent hang up at once in a room: nothing is left",
        [*_ANSWERED, "held 1001", "resumed 1001", "wrapped_up 1001", "ended"],
    ),
    (
        control_held_hangs_up,
        "the caller hangs up while on hold by command",
        [*_ANSWERED, "held 1001", "wrapped_up 1001 caller", "ended caller"],
    ),
]
CONTROL = [Scenario(play.__name__, about, play, [story]) for play, about, story in _STORIES]
