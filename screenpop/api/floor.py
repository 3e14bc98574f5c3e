"""The floor as supervisors see and steer it: the wall board as data, states that are forced."""

from __future__ import annotations

from typing import Any

from cti.store import repos
from screenpop import wire
from screenpop.api import floor_models as m
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.wall_room import WallRoom
from screenpop.wall_wire import Wall

_ROLES = ("supervisor",)
_PBX_AWAY = ApiError(503, "pbx_away", "与交换机断开，暂时不能改变状态，恢复后请重试。")


def room(call: ApiCall) -> WallRoom:
    """The wall board's side of the service."""
    if call.ctx.wall is None:
        raise ApiError(503, "no_wall", "大屏没有运行。")
    return call.ctx.wall


async def get_wall(call: ApiCall) -> Wall:
    here = room(call)
    await here.refresh()
    return here.wall.whole(call.ctx.now())


async def force_state(call: ApiCall) -> m.ForcedOut:
    body, agent, service = call.body(m.ForceIn), call.path["agent"], call.ctx.service
    if agent not in service.desk:
        raise ApiError(404, "no_such_agent", "没有这个座席。")
    before = room(call).wall.agent(agent)
    if (before.state, before.reason) != (body.seen.state, body.seen.reason):
        detail = before.model_dump(mode="json", include={"state", "reason", "since"})
        message = "座席状态刚刚改变，什么也没有做；请看过新状态再决定。"
        raise ApiError(409, "changed_meanwhile", message, detail=detail)
    _check(call, body, before.state)
    at, who = call.ctx.now(), call.who
    await call.ctx.db.write(
        lambda c: repos.add_audit(
            c,
            at=at,
            who=who.username,
            action="force_state",
            subject=f"agent:{agent}",
            detail={"action": body.action, "reason": body.reason, "why": body.why, "before": before.state},
            remote=call.remote,
        )
    )
    notice = wire.Notice(
        kind=body.action, by=who.name or who.username, reason=body.reason, why=body.why, at=at
    )
    text = wire.encode(notice)
    service.hub.to_agent(agent, lambda _: text)
    if body.action == "sign_out":
        await call.ctx.gate.sign_out_agent(agent)
        service.hub.dismiss(lambda member: member.agent == agent, wire.BAD_TOKEN)
        return m.ForcedOut(agent=agent, action=body.action)
    if body.action in ("available", "end_wrapup"):
        service.end_wrapups(agent)
    if body.action != "end_wrapup":
        service.set_state(agent, body.reason if body.action == "break" else None)
    return m.ForcedOut(agent=agent, action=body.action)


def _check(call: ApiCall, body: m.ForceIn, state: str) -> None:
    """Whether it can be done at all; nothing is done yet."""
    if body.action == "sign_out":
        if not call.ctx.service.hub.has(call.path["agent"]):
            raise ApiError(409, "no_page", "此座席没有打开的页面。")
        return
    if not call.ctx.service.floor.pbx:
        raise _PBX_AWAY
    if body.action == "end_wrapup" and state != "wrapup":
        raise ApiError(409, "no_wrapup", "此座席不在话后处理。")
    if body.action == "break" and body.reason not in call.ctx.settings.break_reasons:
        raise ApiError(400, "unknown_reason", "没有这个小休原因，请从列表中选择。")
    if body.action != "end_wrapup" and state == "offline":
        raise ApiError(409, "offline", "此座席的话机不在线，不能设置状态。")


_AGENT: dict[str, Any] = {"params": {"agent": str}}

ROUTES = (
    Route("GET", "/wall", get_wall, Wall, "大屏：队列、座席、今日数字", "floor", roles=_ROLES),
    Route(
        "POST",
        "/floor/agents/{agent}/state",
        force_state,
        m.ForcedOut,
        "强制座席状态（写明事由，座席看得到，记入审计）",
        "floor",
        body=m.ForceIn,
        roles=_ROLES,
        errors=(404, 409, 503),
        **_AGENT,
    ),
)
