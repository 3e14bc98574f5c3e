"""Signing in and out, who I am, what there is to choose from, my own state."""

from __future__ import annotations

from cti.domain.complaint import CATEGORIES
from cti.errors import Unavailable
from screenpop import wire
from screenpop.api import models as m
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.auth import BadCredentials, TooManyAttempts, token_hash


async def login(call: ApiCall) -> m.LoginOut:
    body = call.body(m.LoginIn)
    try:
        token, ends, who = await call.ctx.gate.sign_in(
            body.username, body.password, remote=call.remote, user_agent=call.user_agent
        )
    except BadCredentials:
        raise ApiError(401, "bad_credentials", "用户名或密码不对，请重新输入。") from None
    except TooManyAttempts as e:
        wait = str(int(e.retry_after) + 1)
        raise ApiError(
            429, "too_many_attempts", f"尝试次数过多，请 {wait} 秒后再试。", {"Retry-After": wait}
        ) from None
    user = wire.UserPart(username=who.username, name=who.name, roles=who.roles)
    return m.LoginOut(token=token, expires_at=ends, agent=who.agent, user=user, version=wire.VERSION)


async def logout(call: ApiCall) -> m.Done:
    hashed = token_hash(call.token)
    await call.ctx.gate.sign_out(call.token)
    call.ctx.service.hub.dismiss(lambda member: member.token_hash == hashed, wire.BAD_TOKEN)
    return m.Done()


async def me(call: ApiCall) -> m.MeOut:
    who = call.who
    return m.MeOut(username=who.username, name=who.name, roles=who.roles, agent=who.agent)


async def meta(call: ApiCall) -> m.MetaOut:
    s = call.ctx.settings
    return m.MetaOut(
        company=s.company,
        break_reasons=s.break_reasons,
        dispositions=s.dispositions,
        queues=tuple(m.QueueName(name=q.name, label=q.label) for q in s.queues),
        tiers=m.TierScheme(
            scheme=call.ctx.scheme,
            tiers=tuple(m.TierName(id=t.id, label=t.label) for t in call.ctx.tiers),
        ),
        timezone=s.timezone,
        wrapup_s=max((q.wrapup_s for q in s.queues), default=s.pop.wrapup_s),
        complaint_categories=CATEGORIES,
        demo=s.demo,
    )


async def set_agent_state(call: ApiCall) -> m.StateOut:
    body = call.body(m.StateIn)
    agent = call.who.agent
    if not agent or agent not in call.ctx.service.desk:
        raise ApiError(409, "no_agent", "此帐号没有分机号，不能设置座席状态；请联系管理员。")
    reason: str | None = None
    if body.state == "paused":
        reason = body.reason or call.ctx.settings.break_reasons[0]
        if reason not in call.ctx.settings.break_reasons:
            raise ApiError(400, "unknown_reason", "没有这个小休原因，请从列表中选择。")
    try:
        call.ctx.service.set_state(agent, reason)
    except Unavailable:
        raise ApiError(503, "pbx_away", "与交换机断开，暂时不能改变状态，恢复后请重试。") from None
    return m.StateOut(state=body.state, reason=reason or "")


ROUTES = (
    Route(
        "POST",
        "/login",
        login,
        m.LoginOut,
        "登录",
        "desk",
        body=m.LoginIn,
        public=True,
        errors=(401, 429),
    ),
    Route("POST", "/logout", logout, m.Done, "退出登录", "desk"),
    Route("GET", "/me", me, m.MeOut, "当前用户", "desk"),
    Route("GET", "/meta", meta, m.MetaOut, "可选项：小休原因、处理结果、队列、等级", "desk"),
    Route(
        "PUT",
        "/agent/state",
        set_agent_state,
        m.StateOut,
        "设置本人座席状态",
        "desk",
        body=m.StateIn,
        status=202,
        errors=(409, 503),
    ),
)
