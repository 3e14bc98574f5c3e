"""Customers, their time line and waybills; showing a whole number, which is logged."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.customer import Outcome
from cti.domain.phone import parse
from cti.domain.review import SEEN_BY_AGENT, ReviewState
from cti.domain.waybill import clean_number
from cti.store import repos
from cti.store.repos.build import waybill_from
from cti.store.repos.customer_edit import record
from cti.store.tables import numbers, waybill_events, waybills
from screenpop import card, wire
from screenpop.api import models as m
from screenpop.api.customer_models import RecordPart
from screenpop.api.customer_record import record_part
from screenpop.api.pops import own_pop
from screenpop.api.route import ApiCall, ApiError, Route


async def search(call: ApiCall) -> m.SearchOut:
    query, hide = call.query(m.SearchQuery), _hide(call)
    plan = call.ctx.plan
    hits = await call.ctx.db.run(lambda c: repos.search(c, query.q, plan=plan, limit=query.limit))
    items = [
        m.SearchItem(
            kind="customer" if hit.customer is not None else "waybill",
            customer=card.customer_part(hit.customer, hide) if hit.customer is not None else None,
            waybill=card.waybill_part(hit.waybill, hide) if hit.waybill is not None else None,
            matched=hit.why,
        )
        for hit in hits
    ]
    return m.SearchOut(items=tuple(items))


class CustomerOut(m.Out):
    customer: wire.CustomerPart
    numbers: tuple[m.NumberOut, ...]
    history: wire.HistoryPart
    record: RecordPart


async def get_customer(call: ApiCall) -> CustomerOut:
    customer_id = call.path["customer_id"]
    now, masked, hide = call.ctx.now(), call.masked, _hide(call)
    found, kept = await call.ctx.db.run(
        lambda c: (repos.find_by_id(c, customer_id, now=now), record(c, customer_id))
    )
    if found.outcome is not Outcome.ONE or found.customer is None or kept is None:
        raise ApiError(404, "no_such_customer", "没有找到这位客户，可能已被删除。")
    _seen(call, customer_id)
    shown = []
    for row in kept.numbers:
        number = parse(row["display"], call.ctx.plan)
        told = {"label": row["label"], "person": hide(row["contact_name"] or "")}
        text = number.masked if masked else number.display
        shown.append(m.NumberOut(number_id=row["id"], display=text, key_masked=masked, **told))
    return CustomerOut(
        customer=card.customer_part(found.customer, hide),
        numbers=tuple(shown),
        history=card.history_part(found, hide),
        record=record_part(kept, hide),
    )


def _seen(call: ApiCall, customer_id: int) -> None:
    """Who looked at a customer; through the journal, so that nobody waits for the store."""
    call.ctx.ledger.add(
        {
            "op": "audit",
            "at": call.ctx.now().isoformat(),
            "who": call.who.username,
            "action": "view",
            "subject": f"customer:{customer_id}",
            "remote": call.remote,
        }
    )


async def timeline(call: ApiCall) -> m.TimelineOut:
    query, hide, customer_id = call.query(m.TimelineQuery), _hide(call), call.path["customer_id"]
    kinds = (query.kind,) if query.kind else ()
    items = await call.ctx.db.run(
        lambda c: repos.timeline(c, customer_id, limit=query.limit, before=query.before, kinds=kinds)
    )
    return m.TimelineOut(
        items=tuple(
            m.TimelineEntry(
                at=i.at, kind=i.kind, title=hide(i.title), text=hide(i.detail), agent=i.who, ref=i.ref
            )
            for i in items
            if _may_see(call, i)
        )
    )


def _may_see(call: ApiCall, item: repos.TimelineItem) -> bool:
    """Scores are for the QA desk; an agent sees the own ones once they are published."""
    if item.kind != "score":
        return True
    who = call.principal
    if who is None:  # another system
        return False
    own = bool(who.agent) and who.agent == item.who and ReviewState(item.mark) in SEEN_BY_AGENT
    return own or who.has("qa", "qa_lead", "supervisor")


async def get_waybill(call: ApiCall) -> m.WaybillOut:
    """As it is written, else with each prefix of the settings before it: people leave the letters out."""
    number, hide = clean_number(call.path["number"]), _hide(call)
    if number is None:
        raise ApiError(404, "no_such_waybill", "这不是运单号，请检查后再查。")

    numbers = [number, *(prefix + number for prefix in call.ctx.settings.waybills.prefixes)]

    def read(conn: Connection) -> tuple[RowMapping | None, list[RowMapping]]:
        found = conn.execute(sa.select(waybills).where(waybills.c.number.in_(numbers))).mappings().all()
        row = min(found, key=lambda r: numbers.index(r["number"]), default=None)
        if row is None:
            return None, []
        mine = sa.select(waybill_events).where(waybill_events.c.waybill_id == row["id"])
        steps = conn.execute(mine.order_by(waybill_events.c.at.desc()).limit(200))
        return row, list(steps.mappings())

    row, steps = await call.ctx.db.run(read)
    if row is None:
        raise ApiError(404, "no_such_waybill", "没有找到这个运单号，请与客户核对。")
    part = card.waybill_part(waybill_from(dict(row)), hide)
    events = tuple(
        m.WaybillEvent(at=s["at"], state=s["state"], place=s["place"], text=hide(s["text"])) for s in steps
    )
    return m.WaybillOut(waybill=m.WaybillDetail(**dict(part), sender=hide(row["sender_name"]), events=events))


async def reveal(call: ApiCall) -> m.RevealOut:
    """Whoever may: agents the caller of an own pop and the numbers of that caller's record."""
    body, who = call.body(m.RevealIn), call.who
    free = who.has("supervisor")
    if body.what == "pop":
        number, subject = await _number_of_pop(call, str(body.id), free)
    else:
        number, subject = await _number_of_record(call, body, free)
    at, remote = call.ctx.now(), call.remote
    detail = {"masked": parse(number, call.ctx.plan).masked, "pop": body.pop_id}
    # written before it is shown: a number that is not logged is not shown
    await call.ctx.db.write(
        lambda c: repos.add_audit(
            c, at=at, who=who.username, action="reveal", subject=subject, detail=detail, remote=remote
        )
    )
    return m.RevealOut(number=parse(number, call.ctx.plan).national)


async def _number_of_pop(call: ApiCall, pop_id: str, free: bool) -> tuple[str, str]:
    if free:
        row = await call.ctx.db.run(lambda c: repos.pop(c, pop_id))
        if row is not None:
            return str(row["snapshot"]["call"]["number"]), f"pop:{pop_id}"
    _, of_call, _ = await own_pop(call, pop_id)
    return of_call.number, f"pop:{pop_id}"


async def _number_of_record(call: ApiCall, body: m.RevealIn, free: bool) -> tuple[str, str]:
    text = str(body.id)
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ApiError(404, "no_such_number", "没有找到这个号码。")
    query = sa.select(numbers).where(numbers.c.id == int(text))
    row = await call.ctx.db.run(lambda c: c.execute(query).mappings().first())
    if row is None:
        raise ApiError(404, "no_such_number", "没有找到这个号码。")
    if not free and row["customer_id"] not in await _customers_in_hand(call, body.pop_id):
        raise ApiError(403, "not_your_call", "只能查看正在服务的客户的号码。")
    return str(row["display"]), f"number:{row['id']}"


async def _customers_in_hand(call: ApiCall, pop_id: str) -> set[int]:
    """Customers of this agent's own pops."""
    if pop_id:
        _, of_call, _ = await own_pop(call, pop_id)
        calls = [of_call]
    else:
        calls = [c for _, c in call.ctx.service.book.live(call.who.agent)]
    found = [c.lookup.customer for c in calls if c.lookup is not None]
    return {customer.id for customer in found if customer is not None}


def _hide(call: ApiCall) -> Any:
    return card.mask_text if call.masked else str


_CUSTOMER = {"customer_id": int}
ROUTES = (
    Route(
        "GET",
        "/search",
        search,
        m.SearchOut,
        "按号码、姓名、运单号查找",
        "customers",
        query=m.SearchQuery,
        scope="customers:read",
    ),
    Route(
        "GET",
        "/customers/{customer_id}",
        get_customer,
        CustomerOut,
        "客户详情",
        "customers",
        params=_CUSTOMER,
        scope="customers:read",
    ),
    Route(
        "GET",
        "/customers/{customer_id}/timeline",
        timeline,
        m.TimelineOut,
        "客户时间线，新的在前",
        "customers",
        params=_CUSTOMER,
        query=m.TimelineQuery,
        scope="customers:read",
    ),
    Route(
        "GET",
        "/waybills/{number}",
        get_waybill,
        m.WaybillOut,
        "运单与轨迹",
        "customers",
        params={"number": str},
        scope="waybills:read",
    ),
    Route(
        "POST",
        "/reveal",
        reveal,
        m.RevealOut,
        "显示完整号码（记入审计）",
        "customers",
        body=m.RevealIn,
        errors=(403, 404),
    ),
)
