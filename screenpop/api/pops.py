"""An agent's own pops: list, one, draft, 话后完成, choosing among several customers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.customer import Customer, Lookup, Outcome
from cti.errors import StateError
from cti.store import repos
from cti.store.repos import parts
from cti.store.repos.build import customer_from
from cti.store.tables import customers, pops
from screenpop import rows, wire
from screenpop.api import models as m
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.pop import Call, Pop, PopState

RECENT = timedelta(hours=24)
_GONE = ApiError(404, "no_such_pop", "没有找到这条弹屏。")


async def own_pop(call: ApiCall, pop_id: str) -> tuple[Pop, Call, wire.Draft | None]:
    """A live or past pop of this person; 404 for others' too, so that ids cannot be tried."""
    service, agent = call.ctx.service, call.who.agent
    pop = service.book.get(pop_id)
    if pop is not None:
        of_call = service.book.call(pop.key)
        if pop.agent != agent or of_call is None:
            raise _GONE
        return pop, of_call, service.drafts.get(pop_id)
    row = await call.ctx.db.run(lambda c: repos.pop(c, pop_id))
    if row is None or not agent or row["agent"] != agent:
        raise _GONE
    found = await call.ctx.db.run(lambda c: _customers(c, [row["customer_id"]]))
    for past in _past([dict(row)], found):
        return past
    raise _GONE


async def list_pops(call: ApiCall) -> m.PopsOut:
    query, service, agent = call.query(m.PopsQuery), call.ctx.service, call.who.agent
    if not agent:
        return m.PopsOut(items=(), drafts={})
    live = service.book.live(agent)
    items = [_stored(call, pop, of_call) for pop, of_call in reversed(live)]
    drafts = {p.id: service.drafts[p.id] for p, _ in live if p.id in service.drafts}
    if not query.open:
        since = call.ctx.now() - RECENT
        shown = {p.id for p, _ in live}
        for pop, of_call, draft in await call.ctx.db.run(lambda c: _recent(c, agent, since, query.limit)):
            if pop.id not in shown:
                items.append(_stored(call, pop, of_call))
                if draft is not None:
                    drafts[pop.id] = draft
    return m.PopsOut(items=tuple(items[: query.limit]), drafts=drafts)


async def get_pop(call: ApiCall) -> m.PopOut:
    pop, of_call, draft = await own_pop(call, call.path["pop_id"])
    shown = call.ctx.service.pop_json(pop, of_call, masked=call.masked)
    return m.PopOut(pop=shown, draft=draft, closed=_closed(pop))


async def put_draft(call: ApiCall) -> wire.Draft:
    body = call.body(m.DraftIn)
    draft = wire.Draft(note=body.note, disposition=body.disposition)
    pop, of_call, _ = await own_pop(call, call.path["pop_id"])
    if pop.live:
        call.ctx.service.draft(pop, draft)
    else:
        _save_late(call, pop, of_call, draft, None)
    await call.ctx.ledger.kept()
    return draft


async def wrap_up(call: ApiCall) -> m.WrapupOut:
    body = call.body(m.WrapupIn)
    _known_disposition(call, body.disposition)
    pop, of_call, _ = await own_pop(call, call.path["pop_id"])
    draft = wire.Draft(note=body.note, disposition=body.disposition)
    if not pop.live:
        # the time for writing up ran out while the agent pressed the button
        _save_late(call, pop, of_call, draft, body.customer_id)
        await call.ctx.ledger.kept()
        return m.WrapupOut(id=pop.id, reason=pop.reason)
    try:
        call.ctx.service.wrap_up(pop, draft, body.customer_id)
    except StateError:
        raise ApiError(409, "call_is_on", "通话还没有结束，挂机后再提交。") from None
    await call.ctx.ledger.kept()
    return m.WrapupOut(id=pop.id, reason="transferred" if pop.given_to else "completed")


async def choose(call: ApiCall) -> wire.Pop:
    customer_id = call.body(m.ChooseIn).customer_id
    pop, of_call, _ = await own_pop(call, call.path["pop_id"])
    known = of_call.lookup
    if not pop.live:
        raise ApiError(409, "pop_closed", "这条弹屏已经结束，不能再选择客户。")
    if known is None or customer_id not in {c.id for c in known.candidates}:
        raise ApiError(404, "no_such_candidate", "候选客户中没有这一位，请刷新后重选。")
    found = await call.ctx.finder.by_id(customer_id)
    if found.outcome is not Outcome.ONE:
        raise ApiError(404, "no_such_customer", "没有找到这位客户，可能已被删除。")
    now = call.ctx.service.book.get(pop.id)
    if now is None:
        raise ApiError(409, "pop_closed", "这条弹屏已经结束，不能再选择客户。")
    call.ctx.service.choose(now, replace(found, rule="chosen", candidates=known.candidates))
    latest, of_latest, _ = await own_pop(call, pop.id)
    return call.ctx.service.pop_json(latest, of_latest, masked=call.masked)


def _known_disposition(call: ApiCall, disposition: str) -> None:
    if disposition and disposition not in call.ctx.settings.dispositions:
        raise ApiError(400, "unknown_disposition", "没有这个处理结果，请从列表中选择。")


def _save_late(call: ApiCall, pop: Pop, of_call: Call, draft: wire.Draft, customer_id: int | None) -> None:
    recorder = call.ctx.service.recorder
    recorder.draft(pop, draft)
    if pop.answered_at is not None and not pop.consult:
        recorder.contact(pop, of_call, draft, customer_id=customer_id)


def _stored(call: ApiCall, pop: Pop, of_call: Call) -> m.StoredPop:
    shown = call.ctx.service.pop_json(pop, of_call, masked=call.masked)
    return m.StoredPop(**dict(shown), closed=_closed(pop))


def _closed(pop: Pop) -> m.Closed | None:
    if pop.state is not PopState.CLOSED or pop.closed_at is None:
        return None
    return m.Closed(reason=pop.reason, by=pop.by, at=pop.closed_at)


Past = tuple[Pop, Call, wire.Draft | None]


def _past(rows_of: Iterable[Mapping[str, Any]], known: Mapping[int, Customer]) -> Iterator[Past]:
    """Pops of before, with the customers that they were for."""
    for row, pop, of_call in rows.readable(rows_of):
        customer = known.get(row["customer_id"] or 0)
        if row["outcome"]:
            outcome = Outcome(row["outcome"])
            if outcome is Outcome.ONE and customer is None:
                outcome = Outcome.NONE
            of_call = replace(of_call, lookup=Lookup(outcome, row["rule"], customer=customer))
        draft = wire.Draft(note=row["note"], disposition=row["disposition"])
        yield pop, of_call, draft if draft.note or draft.disposition else None


def _recent(conn: Connection, agent: str, since: Any, limit: int) -> list[Past]:
    mine = sa.and_(pops.c.agent == agent, pops.c.pbx_at >= since, pops.c.closed_at.is_not(None))
    found = conn.execute(sa.select(pops).where(mine).order_by(pops.c.pbx_at.desc()).limit(limit))
    kept = list(found.mappings())
    known = _customers(conn, [r["customer_id"] for r in kept])
    return list(_past((dict(r) for r in kept), known))


def _customers(conn: Connection, ids: list[int | None]) -> dict[int, Customer]:
    wanted = {i for i in ids if i is not None}
    if not wanted:
        return {}
    query = sa.select(*parts.CUSTOMER_COLUMNS).where(customers.c.id.in_(wanted))
    found = [
        customer_from({**r, "contact_name": "", "contact_title": ""}) for r in conn.execute(query).mappings()
    ]
    return {c.id: c for c in found}


_ID = {"pop_id": str}
ROUTES = (
    Route(
        "GET",
        "/pops",
        list_pops,
        m.PopsOut,
        "本人的弹屏：未结束的和最近 24 小时的",
        "pops",
        query=m.PopsQuery,
    ),
    Route("GET", "/pops/{pop_id}", get_pop, m.PopOut, "一条弹屏", "pops", params=_ID),
    Route(
        "PUT", "/pops/{pop_id}/draft", put_draft, wire.Draft, "保存草稿", "pops", params=_ID, body=m.DraftIn
    ),
    Route(
        "POST",
        "/pops/{pop_id}/wrapup",
        wrap_up,
        m.WrapupOut,
        "话后完成：写入联系历史，结束话后",
        "pops",
        params=_ID,
        body=m.WrapupIn,
        status=202,
        errors=(409,),
    ),
    Route(
        "POST",
        "/pops/{pop_id}/choose",
        choose,
        wire.Pop,
        "从多位客户中选择",
        "pops",
        params=_ID,
        body=m.ChooseIn,
        errors=(409,),
    ),
)
