"""Call control: commands about an agent's own call, where it may be sent, and who pressed what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cti.ami.moves import Command
from cti.errors import UsageError
from cti.store import repos
from cti.store.repos.commands import commands_of_call
from screenpop import wire
from screenpop.api import models as m
from screenpop.api.pops import own_pop
from screenpop.api.pressed import PressedOut, pressed
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.card import mask_text
from screenpop.control import words
from screenpop.control.control import Control, state
from screenpop.control.targets import FLOWS

CommandName = Literal[
    "hold",
    "resume",
    "blind",
    "consult",
    "complete",
    "cancel",
    "swap",
    "three",
    "leave",
    "drop",
    "ivr",
    "rejoin",
    "hangup",
]


class TargetIn(m.In):
    kind: Literal["agent", "queue", "number", "flow"]
    to: str = Field(min_length=1, max_length=32, pattern=r"^[0-9A-Za-z _-]+$")


class CommandIn(m.In):
    id: str = Field(
        pattern=r"^[0-9a-zA-Z-]{8,64}$", description="made by the page; the same id is the same command"
    )
    command: CommandName
    target: TargetIn | None = None


class AgentTarget(m.Out):
    number: str
    name: str
    state: Literal["available", "ringing", "busy", "paused", "offline"]
    reason: str = ""


class FlowTarget(m.Out):
    name: str
    label: str


class TargetsOut(m.Out):
    """Where a call may be sent."""

    agents: tuple[AgentTarget, ...]
    queues: tuple[m.QueueName, ...]
    numbers: bool = Field(description="whether calls may be sent to numbers outside")
    flows: tuple[FlowTarget, ...]


class PressedListOut(m.Out):
    items: tuple[PressedOut, ...]


def _control(call: ApiCall) -> Control:
    if call.ctx.control is None:
        raise ApiError(503, "pbx_away", words.FAULTS["pbx_away"])
    return call.ctx.control


async def give_command(call: ApiCall) -> wire.CommandState:
    """Answers when it is known what came of it."""
    body = call.body(CommandIn)
    pop, _, _ = await own_pop(call, call.path["pop_id"])
    control, target = _control(call), body.target
    kind, to = (target.kind, target.to) if target is not None else ("", "")
    try:
        order = await control.order(pop, call.who.username, body.id, Command(body.command), kind, to)
    except UsageError as e:
        raise ApiError(409, str(e), words.FAULTS.get(str(e), words.FAULTS["not_now"])) from None
    if order.state == "failed":
        status = 503 if order.code in ("pbx_away", "lost", "not_kept") else 409
        detail = {"command": state(order).model_dump(mode="json")}
        raise ApiError(status, order.code, order.message, detail=detail)
    return state(order)


async def list_targets(call: ApiCall) -> TargetsOut:
    settings, desk = call.ctx.settings, call.ctx.service.desk
    names = await _names(call)
    agents = []
    for agent in settings.agents:
        if agent.number != call.who.agent:
            part = desk.state(agent.number)
            name = names.get(agent.number, "")
            agents.append(AgentTarget(number=agent.number, name=name, state=part.state, reason=part.reason))
    flows = FLOWS if settings.agi.enabled else {}
    return TargetsOut(
        agents=tuple(agents),
        queues=tuple(m.QueueName(name=q.name, label=q.label) for q in settings.queues),
        numbers=bool(settings.asterisk.trunk_contact and settings.control.numbers),
        flows=tuple(FlowTarget(name=name, label=label) for name, label in flows.items()),
    )


async def _names(call: ApiCall) -> dict[str, str]:
    users = await call.ctx.db.run(repos.list_users)
    return {user.agent: user.name for user in users if user.agent}


async def list_commands(call: ApiCall) -> PressedListOut:
    """Who pressed what in the call: an agent's own, a supervisor's any."""
    if call.who.has("supervisor", "admin"):
        row = await call.ctx.db.run(lambda c: repos.pop(c, call.path["pop_id"]))
        node, linkedid = (row["node"], row["linkedid"]) if row is not None else ("", "")
    else:
        pop, _, _ = await own_pop(call, call.path["pop_id"])
        node, linkedid = pop.key
    rows = await call.ctx.db.run(lambda c: commands_of_call(c, node, linkedid))
    return PressedListOut(items=pressed(rows, mask_text if call.masked else str))


_ID = {"pop_id": str}
ROUTES = (
    Route(
        "POST",
        "/calls/{pop_id}/commands",
        give_command,
        wire.CommandState,
        "通话控制：保持、转接、咨询、三方、挂机……；同一编号只执行一次",
        "control",
        params=_ID,
        body=CommandIn,
        errors=(409, 503),
    ),
    Route(
        "GET",
        "/calls/{pop_id}/commands",
        list_commands,
        PressedListOut,
        "这通电话里谁按了什么",
        "control",
        params=_ID,
    ),
    Route("GET", "/calls/targets", list_targets, TargetsOut, "可以转接到哪里", "control"),
)
