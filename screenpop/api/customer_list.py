"""The list of customers with its filters, and what a filter can be set to."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection, RowMapping

from cti.domain.classification import REGIONS, SERVICES, region_of
from cti.domain.phone import parse
from cti.errors import UsageError
from cti.store.repos import customer_list as store
from screenpop import card, wire
from screenpop.api import customer_models as m
from screenpop.api.route import ApiCall, ApiError, Route

LISTS_S = 10.0


async def list_customers(call: ApiCall) -> m.CustomersOut:
    query, plan = call.query(m.ListQuery), call.ctx.plan
    active = call.ctx.scheme
    f = store.ListFilter(
        kind=query.kind,
        scheme=query.scheme or active,
        tier=query.tier,
        beside=bool(query.scheme) and query.scheme != active,
        industry=query.industry,
        service=query.service,
        region=query.region,
        county=query.county,
        representative=query.representative,
        green=query.green,
        churn=query.churn,
        q=query.q.strip(),
    )
    try:
        after = store.Place.read(query.after, query.sort) if query.after else None
        before = store.Place.read(query.before, query.sort) if query.before else None
    except UsageError:
        raise ApiError(400, "bad_place", "这一页的位置已失效，请回到第一页。") from None
    where: dict[str, Any] = {"sort": query.sort, "turned": query.turned, "after": after, "before": before}

    def read(conn: Connection) -> tuple[store.Page, dict[int, str]]:
        page = store.customer_page(conn, f, limit=query.limit, plan=plan, **where)
        return page, store.first_numbers(conn, [row["id"] for row in page.rows])

    page, numbers = await call.ctx.db.run(read, deadline=LISTS_S)
    return m.CustomersOut(
        items=tuple(_item(call, row, numbers.get(row["id"], "")) for row in page.rows),
        before=page.before.text() if page.before is not None else "",
        after=page.after.text() if page.after is not None else "",
        total=min(page.total, store.COUNTED),
        more=page.total > store.COUNTED,
    )


async def customer_choices(call: ApiCall) -> m.ChoicesOut:
    plan = call.ctx.tier_plan
    found = await call.ctx.db.run(store.industries, deadline=LISTS_S)
    return m.ChoicesOut(
        schemes=tuple(
            m.SchemeChoice(
                scheme=s.name,
                label=s.label,
                active=s is plan.active,
                tiers=tuple(m.TierChoice(id=t.id, label=t.label) for t in s.tiers),
            )
            for s in plan.schemes
        )
        if plan is not None
        else (),
        industries=tuple(found),
        services=SERVICES,
        regions=REGIONS,
    )


def _item(call: ApiCall, row: RowMapping, number: str) -> m.ListedCustomer:
    hide = card.mask_text if call.masked else str
    known = parse(number, call.ctx.plan) if number else None
    shown = "" if known is None else known.masked if call.masked else known.display
    tier = None
    if row["tier_id"]:
        named = {name: row[f"tier_{name}"] for name in ("scheme", "id", "label", "reason")}
        tier = wire.TierPart(**named)
    same = ("id", "code", "kind", "title", "representative", "industry", "county", "updated_at")
    return m.ListedCustomer(
        **{name: row[name] for name in (*same, "green_channel", "potential_value")},
        name=hide(row["name"]),
        company=hide(row["company"]),
        number=shown,
        tier=tier,
        services=tuple(s for s in row["services"].split("、") if s),
        region=region_of(row["regions"]),
        current_value=row["annual_revenue"],
        churn=row["churn"] or "",
        reach=row["reach_label"] or "",
    )


ROUTES = (
    Route(
        "GET",
        "/customers",
        list_customers,
        m.CustomersOut,
        "客户列表：筛选、排序、按键翻页",
        "customers",
        query=m.ListQuery,
        scope="customers:read",
    ),
    Route("GET", "/customers/choices", customer_choices, m.ChoicesOut, "客户列表的筛选项", "customers"),
)
