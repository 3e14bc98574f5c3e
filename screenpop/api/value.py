"""客户经营: tiers side by side, upgrade proposals, churn with its steps, preferences, points."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.classification import REGIONS, SERVICES
from cti.domain.retention import NEXT, Step
from cti.errors import StateError
from cti.store.recompute import last_run
from cti.store.repos import points, value
from cti.store.repos.people import add_audit
from cti.store.repos.preferences import EDITABLE, edit_preferences, preferences_of
from cti.store.repos.records import StaleVersion
from cti.store.repos.representatives import crowded
from cti.store.repos.tiering import Plan
from cti.store.repos.value import Filter
from cti.store.tables import customers
from screenpop import card
from screenpop.api import value_models as m
from screenpop.api.route import ApiCall, ApiError, Route

LISTS_S = 10.0  # figures over all customers
_GONE = ApiError(404, "no_such_customer", "没有找到这位客户，可能已被删除。")


async def value_summary(call: ApiCall) -> m.SummaryOut:
    query, plan = call.query(m.SummaryQuery), _plan(call)
    chosen = next((s for s in plan.schemes if s.name == (query.scheme or plan.active.name)), None)
    if chosen is None:
        raise ApiError(404, "no_such_scheme", "没有计算这个等级方案，请检查设置 tiers.beside。")

    most = call.ctx.settings.routing.representative_customers

    def read(conn: Connection) -> tuple[list[dict[str, Any]], list[str], Any, list[tuple[str, int]]]:
        tiers = value.distribution(conn, chosen, _filter(query))
        return tiers, value.industries(conn), last_run(conn), crowded(conn, most)

    tiers, industries, run, many = await call.ctx.db.run(read, deadline=LISTS_S)
    return m.SummaryOut(
        scheme=chosen.name,
        schemes=tuple(
            m.SchemeName(
                scheme=s.name,
                label=s.label,
                source=s.source,
                active=s is plan.active,
                open_thresholds=any(p.ours for p in s.parameters.values()),
            )
            for s in plan.schemes
        ),
        tiers=tuple(m.TierCount(**t) for t in tiers),
        industries=tuple(industries),
        services=SERVICES,
        regions=REGIONS,
        computed_at=run["finished_at"] if run is not None else None,
        crowded=tuple(m.Crowded(agent=agent, customers=count) for agent, count in many),
        most_customers=most,
    )


async def value_upgrades(call: ApiCall) -> m.UpgradesOut:
    query, plan, now = call.query(m.PagedQuery), _plan(call), call.ctx.now()
    page = {"limit": query.limit, "offset": query.offset}
    total, items = await call.ctx.db.run(
        lambda c: value.upgrades(c, plan, _filter(query), now=now, **page), deadline=LISTS_S
    )
    return m.UpgradesOut(total=total, items=tuple(m.Upgrade(**i) for i in items))


async def value_churn(call: ApiCall) -> m.ChurningOut:
    query, plan, now = call.query(m.ChurnQuery), _plan(call), call.ctx.now()
    hide = card.mask_text if call.masked else str
    chosen: dict[str, Any] = {
        "kind": query.kind,
        "step": query.step,
        "limit": query.limit,
        "offset": query.offset,
    }
    total, items = await call.ctx.db.run(
        lambda c: value.churning(c, plan, _filter(query), now=now, **chosen), deadline=LISTS_S
    )
    shown = []
    for item in items:
        item["step_note"] = hide(item["step_note"])
        shown.append(m.Churning(**item, next_steps=NEXT[Step(item["step"])]))
    return m.ChurningOut(total=total, items=tuple(shown))


async def customer_value(call: ApiCall) -> m.ValueOut:
    customer_id, plan, now = call.path["customer_id"], _plan(call), call.ctx.now()
    hide = card.mask_text if call.masked else str

    def read(conn: Connection) -> tuple[dict[str, Any] | None, dict[str, str]]:
        row = conn.execute(sa.select(customers).where(customers.c.id == customer_id)).mappings().first()
        if row is None:
            return None, {}
        return value.of_customer(conn, customer_id, plan, now=now), preferences_of(row)

    found, wishes = await call.ctx.db.run(read)
    if found is None:
        raise _GONE
    for step in found["steps"]:
        step["note"] = hide(step["note"])
    known = set(m.ValueOut.model_fields)
    return m.ValueOut(
        **{k: v for k, v in found.items() if k in known},
        preferences={k: hide(v) for k, v in wishes.items()},
        preference_names=tuple(EDITABLE),
    )


async def retention_step(call: ApiCall) -> m.StepOut:
    body, who, at = call.body(m.StepIn), call.who, call.ctx.now()
    customer_id, step = call.path["customer_id"], Step(body.step)

    def write(conn: Connection) -> Step:
        state = value.add_step(conn, customer_id, step, at=at, who=who.username, note=body.note)
        detail = {"step": step.value}
        add_audit(
            conn,
            at=at,
            who=who.username,
            action="retention",
            subject=f"customer:{customer_id}",
            detail=detail,
        )
        return state

    try:
        state = await call.ctx.db.write(write)
    except StateError:
        raise ApiError(409, "not_the_next_step", "挽留进度已被更新，请刷新后再试。") from None
    return m.StepOut(step=state, next_steps=NEXT[state])


async def put_preferences(call: ApiCall) -> m.PreferencesOut:
    body, who, at = call.body(m.PreferencesIn), call.who, call.ctx.now()
    customer_id, hide = call.path["customer_id"], card.mask_text if call.masked else str
    try:
        made = await call.ctx.db.write(
            lambda c: edit_preferences(
                c,
                customer_id,
                body.preferences,
                version=body.version,
                at=at,
                who=who.username,
                remote=call.remote,
                seen=hide,
            )
        )
    except StaleVersion:
        raise ApiError(409, "changed_meanwhile", "这位客户的资料刚被别人修改，请刷新后再改。") from None
    if made is None:
        raise _GONE
    return m.PreferencesOut(version=made[0], preferences={k: hide(v) for k, v in made[1].items()})


async def add_points(call: ApiCall) -> m.PointsOut:
    body, who, at = call.body(m.PointsIn), call.who, call.ctx.now()
    customer_id = call.path["customer_id"]
    if body.delta == 0:
        raise ApiError(422, "invalid", "请求内容不正确，请检查：delta。")

    def write(conn: Connection) -> int | None:
        if conn.execute(sa.select(customers.c.id).where(customers.c.id == customer_id)).first() is None:
            return None
        return points.add_points(
            conn, customer_id, body.delta, at=at, reason=body.reason, who=who.username, ref=body.ref
        )

    try:
        balance = await call.ctx.db.write(write)
    except points.NotEnoughPoints:
        raise ApiError(409, "not_enough_points", "积分不足，不能扣减这么多。") from None
    if balance is None:
        raise _GONE
    return m.PointsOut(points=balance)


def _plan(call: ApiCall) -> Plan:
    plan = call.ctx.tier_plan
    if plan is None:
        raise ApiError(503, "unavailable", "服务暂时不可用，请稍后再试。")
    return plan


def _filter(query: m.ValueQuery) -> Filter:
    return Filter(query.tier, query.industry, query.service, query.region, query.q)


_CUSTOMER = {"customer_id": int}
_BOSS = ("supervisor",)
_KEEPERS = ("supervisor", "agent")


def _route(method: str, path: str, handler: Any, answer: Any, summary: str, **more: Any) -> Route:
    return Route(method, path, handler, answer, summary, "value", **more)


ROUTES = (
    _route(
        "GET",
        "/value/summary",
        value_summary,
        m.SummaryOut,
        "等级分布与筛选项",
        query=m.SummaryQuery,
        roles=_BOSS,
        errors=(404,),
    ),
    _route(
        "GET", "/value/upgrades", value_upgrades, m.UpgradesOut, "升级提案", query=m.PagedQuery, roles=_BOSS
    ),
    _route(
        "GET",
        "/value/churn",
        value_churn,
        m.ChurningOut,
        "流失警示与挽留进度",
        query=m.ChurnQuery,
        roles=_BOSS,
    ),
    _route("GET", "/customers/{customer_id}/value", customer_value, m.ValueOut, "客户价值", params=_CUSTOMER),
    _route(
        "POST",
        "/customers/{customer_id}/retention",
        retention_step,
        m.StepOut,
        "记录挽留步骤",
        params=_CUSTOMER,
        body=m.StepIn,
        roles=_KEEPERS,
        errors=(409,),
    ),
    _route(
        "PUT",
        "/customers/{customer_id}/preferences",
        put_preferences,
        m.PreferencesOut,
        "修改客户偏好（记入审计）",
        params=_CUSTOMER,
        body=m.PreferencesIn,
        errors=(409,),
    ),
    _route(
        "POST",
        "/customers/{customer_id}/points",
        add_points,
        m.PointsOut,
        "积分入账或扣减",
        params=_CUSTOMER,
        body=m.PointsIn,
        roles=_BOSS,
        errors=(409,),
    ),
)
