"""The admin's area: tokens of other systems, subscriptions with their deliveries, users."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from cti.domain import events, scopes
from cti.errors import UsageError
from cti.store.repos import integrations as tokens
from cti.store.repos import outbox
from cti.store.repos import subscriptions as subs
from cti.store.repos.people import list_users
from screenpop.api import admin_models as m
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.auth import token_hash
from screenpop.integrations import new_secret, new_token

T = TypeVar("T")
LISTS_S = 10.0
_ADMIN = ("admin",)


async def list_integrations(call: ApiCall) -> m.IntegrationsOut:
    rows = await call.ctx.db.run(tokens.list_integrations)
    return m.IntegrationsOut(items=tuple(m.IntegrationOut(**r) for r in rows), scopes=scopes.SCOPES)


async def add_integration(call: ApiCall) -> m.IntegrationMade:
    body, at = call.body(m.IntegrationIn), call.ctx.now()
    token, secret = new_token(), new_secret() if body.signed else ""
    expires = at + timedelta(days=body.days) if body.days is not None else None
    made: dict[str, Any] = {"name": body.name, "scopes": body.scopes, "rate_per_min": body.rate_per_min}
    made |= {"token_hash": token_hash(token), "secret": secret, "expires_at": expires, **_by(call)}
    await _write(call, lambda c: tokens.add_integration(c, **made), taken="名称已被使用，或权限不正确。")
    return m.IntegrationMade(name=body.name, token=token, secret=secret, expires_at=expires)


async def revoke_integration(call: ApiCall) -> m.Done:
    name = str(call.path["name"])
    done = await _write(call, lambda c: tokens.revoke_integration(c, name, **_by(call)))
    call.ctx.integrations.forget()
    return m.Done(done=done)


async def list_subscriptions(call: ApiCall) -> m.SubscriptionsOut:
    rows = await call.ctx.db.run(subs.list_subscriptions, deadline=LISTS_S)
    return m.SubscriptionsOut(items=tuple(m.SubscriptionOut(**r) for r in rows), kinds=events.KINDS)


async def add_subscription(call: ApiCall) -> m.SubscriptionMade:
    body, secret = call.body(m.SubscriptionIn), new_secret()
    made: dict[str, Any] = {"name": body.name, "url": body.url, "kinds": body.kinds, "secret": secret}
    taken = "名称已被使用，或地址、事件不正确（地址以 http:// 或 https:// 开头，不含用户名）。"
    await _write(call, lambda c: subs.add_subscription(c, **made, **_by(call)), taken=taken)
    return m.SubscriptionMade(name=body.name, secret=secret)


async def set_subscription(call: ApiCall) -> m.Done:
    name, on = str(call.path["name"]), call.body(m.SubscriptionSet).on
    await _write(call, lambda c: subs.set_subscription(c, name, on=on, **_by(call)))
    return m.Done()


async def remove_subscription(call: ApiCall) -> m.Done:
    name = str(call.path["name"])
    await _write(call, lambda c: subs.remove_subscription(c, name, **_by(call)))
    return m.Done()


async def list_deliveries(call: ApiCall) -> m.DeliveriesOut:
    q = call.query(m.DeliveryQuery)
    how: dict[str, Any] = {"state": q.state, "subscription_id": q.subscription_id, "limit": q.limit}
    rows = await call.ctx.db.run(lambda c: subs.list_deliveries(c, **how), deadline=LISTS_S)
    return m.DeliveriesOut(items=tuple(m.DeliveryOut(**r) for r in rows))


async def resend(call: ApiCall) -> m.CountOut:
    body = call.body(m.ResendIn)
    if (body.delivery_id is None) == (not body.subscription):
        raise ApiError(400, "which", "请指定一条投递，或一个订阅。")
    how: dict[str, Any] = {"delivery_id": body.delivery_id, "name": body.subscription}
    return m.CountOut(count=await _write(call, lambda c: subs.resend(c, **how, **_by(call))))


async def pull_events(call: ApiCall) -> m.EventsOut:
    q = call.query(m.EventsQuery)
    try:
        kinds = events.checked(q.kinds.split(","))
    except UsageError:
        raise ApiError(422, "unknown_kind", "没有这种事件，请检查 kinds。") from None
    rows = await call.ctx.db.run(lambda c: outbox.events_after(c, q.after, kinds=kinds, limit=q.limit))
    items = tuple(
        m.EventOut(id=r["seq"], kind=r["kind"], subject=r["subject"], at=r["at"], data=r["body"])
        for r in rows
    )
    return m.EventsOut(items=items, last=items[-1].id if items else q.after)


async def list_people(call: ApiCall) -> m.UsersOut:
    people = await call.ctx.db.run(list_users)
    shown = ("username", "name", "roles", "agent", "team", "disabled")
    return m.UsersOut(items=tuple(m.UserOut(**{n: getattr(u, n) for n in shown}) for u in people))


def _by(call: ApiCall) -> dict[str, Any]:
    """Who does it, when and from where: what the audit log wants."""
    return {"at": call.ctx.now(), "who": call.who.username, "remote": call.remote}


async def _write(call: ApiCall, fn: Callable[[Connection], T], *, taken: str = "") -> T:
    try:
        return await call.ctx.db.write(fn)
    except UsageError as e:
        if taken:
            raise ApiError(400, "usage", taken, detail={"reason": str(e)}) from None
        raise ApiError(404, "not_found", "没有找到，可能已被删除。") from None


def _route(method: str, path: str, handler: Any, answer: Any, summary: str, **more: Any) -> Route:
    return Route(method, path, handler, answer, summary, "admin", roles=_ADMIN, **more)


_NAME = {"name": str}
ROUTES = (
    _route("GET", "/admin/integrations", list_integrations, m.IntegrationsOut, "对接令牌"),
    _route(
        *("POST", "/admin/integrations", add_integration, m.IntegrationMade, "新建令牌，只显示这一次"),
        body=m.IntegrationIn,
        status=201,
    ),
    _route(
        *("POST", "/admin/integrations/{name}/revoke", revoke_integration, m.Done, "停用令牌"),
        params=_NAME,
    ),
    _route("GET", "/admin/subscriptions", list_subscriptions, m.SubscriptionsOut, "事件订阅与投递状态"),
    _route(
        *("POST", "/admin/subscriptions", add_subscription, m.SubscriptionMade, "新建订阅"),
        body=m.SubscriptionIn,
        status=201,
    ),
    _route(
        *("PATCH", "/admin/subscriptions/{name}", set_subscription, m.Done, "暂停或继续投递"),
        params=_NAME,
        body=m.SubscriptionSet,
    ),
    _route(*("DELETE", "/admin/subscriptions/{name}", remove_subscription, m.Done, "删除订阅"), params=_NAME),
    _route(
        *("GET", "/admin/deliveries", list_deliveries, m.DeliveriesOut, "投递记录，新的在前"),
        query=m.DeliveryQuery,
    ),
    _route("POST", "/admin/resend", resend, m.CountOut, "重新投递", body=m.ResendIn, errors=(404,)),
    _route("GET", "/admin/users", list_people, m.UsersOut, "用户与角色"),
    Route(
        *("GET", "/events", pull_events, m.EventsOut, "按编号拉取事件", "events"),
        query=m.EventsQuery,
        roles=_ADMIN,
        scope="events:read",
    ),
)
