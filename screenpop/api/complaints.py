"""Complaints: written down by agents and the QA desk, worked on by their owners, counted by cause."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.engine import Connection, RowMapping

from cti.domain import problem
from cti.domain.complaint import CATEGORIES, may, missing
from cti.domain.complaint_clock import LEVELS
from cti.domain.phone import parse
from cti.domain.waybill import clean_number
from cti.errors import StateError
from cti.store import repos
from cti.store.repos import complaint_lists as lists
from cti.store.repos.people import list_users
from cti.store.repos.problems import problem_figures
from cti.store.tables_quality import recordings
from screenpop.api import care_xlsx, complaint_view
from screenpop.api import complaint_models as m
from screenpop.api.complaint_view import GONE, View
from screenpop.api.pops import own_pop
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.api.xlsx import MEDIA

LISTS_S = 10.0
EXPORT_MOST = 5000
_WORKERS = ("agent", "supervisor")
_READERS = ("agent", "supervisor", "qa", "qa_lead")
_NAMES = {
    "note": "说明",
    "department": "责任部门",
    "cause": "原因",
    "result": "处理结果",
    "told_how": "回复方式",
}


async def list_complaints(call: ApiCall) -> m.BoardOut:
    query, now = call.query(m.BoardPageQuery), call.ctx.now()
    f = complaint_view.filter_of(call, query)

    def read(conn: Connection) -> tuple[Any, dict[str, int], int]:
        rows = lists.find_complaints(conn, f, limit=query.limit, offset=query.offset)
        return (rows, *lists.count_complaints(conn, f, now=now))

    rows, counts, late = await call.ctx.db.run(read, deadline=LISTS_S)
    view = View(call, now)
    return m.BoardOut(items=tuple(view.item(r) for r in rows), counts=counts, late=late, now=now)


async def add_complaint(call: ApiCall) -> m.ComplaintMade:
    body, who, at = call.body(m.ComplaintIn), call.who, call.ctx.now()
    if body.category not in CATEGORIES:
        raise ApiError(400, "unknown_category", "没有这个投诉类别，请从列表中选择。")
    columns: dict[str, Any] = {"source": "agent", "channel": "call", "waybill": _waybill(body.waybill)}
    columns |= {"department": body.department, "promised_at": body.promised_at}
    if body.customer_id is not None:
        columns["customer_id"] = body.customer_id
    if body.pop_id:
        pop, of_call, _ = await own_pop(call, body.pop_id)
        number = parse(of_call.number, call.ctx.plan)
        customer = of_call.lookup.customer if of_call.lookup is not None else None
        columns |= {
            "node": pop.key.node,
            "linkedid": pop.key.linkedid,
            "number_key": number.key or "",
            "number_display": number.display,
            "caller_name": of_call.name,
        }
        if customer is not None:
            columns.setdefault("customer_id", customer.id)

    def write(conn: Connection) -> RowMapping | None:
        if body.recording_id:
            columns.update(_of_recording(conn, call, body.recording_id))
        known = columns.get("customer_id")
        if known is not None and repos.customer(conn, known, now=at) is None:
            raise ApiError(404, "no_such_customer", "没有找到这位客户，可能已被删除。")
        made = repos.add_complaint(
            conn,
            category=body.category,
            summary=body.text,
            opened_at=at,
            opened_by=who.username,
            deadlines=call.ctx.deadlines,
            **columns,
        )
        return repos.complaint(conn, made)

    row = await call.ctx.db.write(write)
    if row is None:
        raise GONE
    call.ctx.told(customers=[row["customer_id"]], complaints=[row["id"]])
    return m.ComplaintMade(id=row["id"], code=row["code"], due_at=row["due_at"])


def _waybill(text: str) -> str:
    """The number as waybills are kept; what is none stays as it was said."""
    return clean_number(text) or text.strip()


def _of_recording(conn: Connection, call: ApiCall, recording_id: str) -> dict[str, Any]:
    """The call of a recording, for a complaint that the QA desk writes."""
    if not call.who.has("qa", "qa_lead", "supervisor"):
        raise ApiError(403, "no_permission", "您没有查看此内容的权限；如有需要请联系管理员。")
    query = sa.select(recordings).where(recordings.c.id == recording_id)
    row = conn.execute(query).mappings().first()
    if row is None:
        raise ApiError(404, "no_such_call", "没有找到这通录音，或您没有查看权限。")
    same = ("node", "linkedid", "number_key", "number_display")
    return {**{name: row[name] for name in same}, "source": "qa"}


async def get_complaint(call: ApiCall) -> m.ComplaintOut:
    complaint_id, now = call.path["complaint_id"], call.ctx.now()
    found = await call.ctx.db.run(lambda c: complaint_view.read(c, complaint_id))
    if found is None:
        raise GONE
    return View(call, now).whole(found)


async def edit_complaint(call: ApiCall) -> m.ComplaintChanged:
    body, who, at = call.body(m.ComplaintEdit), call.who, call.ctx.now()
    complaint_id = call.path["complaint_id"]
    given = {n: getattr(body, n) for n in body.model_fields_set - {"version"}}
    given = {n: v for n, v in given.items() if v is not None or n == "promised_at"}
    if "waybill" in given:
        given["waybill"] = _waybill(given["waybill"])
    if given.get("category", CATEGORIES[0]) not in CATEGORIES:
        raise ApiError(400, "unknown_category", "没有这个投诉类别，请从列表中选择。")
    if "owner" in given and not who.has("supervisor"):
        raise ApiError(403, "no_permission", "只有班长可以指定负责人。")

    def write(conn: Connection) -> m.ComplaintChanged:
        row = _open_to(conn, complaint_id, call)
        if given.get("owner") and repos.user_by_name(conn, given["owner"]) is None:
            raise ApiError(400, "unknown_owner", "没有这个负责人，请从列表中选择。")
        how: dict[str, Any] = {"who": who.username, "at": at, "deadlines": call.ctx.deadlines}
        version = repos.edit_complaint(conn, complaint_id, version=body.version, **how, **given)
        return m.ComplaintChanged(version=version, state=row["state"])

    try:
        done = await call.ctx.db.write(write)
    except repos.StaleVersion:
        raise await _changed_meanwhile(call, complaint_id, body.version) from None
    call.ctx.told(complaints=[complaint_id])
    return done


async def act_on_complaint(call: ApiCall) -> m.ComplaintChanged:
    body, who, at = call.body(m.ComplaintAct), call.who, call.ctx.now()
    complaint_id = call.path["complaint_id"]
    brings = {"department": body.department, "cause": body.cause, "result": body.result}
    columns: dict[str, Any] = {n: v for n, v in brings.items() if v is not None}
    if body.action == "tell":
        columns["told_how"] = body.told_how
    if body.action == "call_failed":
        columns["call_at"] = body.call_at
    if body.action == "hand_over" and body.owner is not None:
        columns["owner"] = body.owner

    def write(conn: Connection) -> m.ComplaintChanged:
        row = repos.complaint(conn, complaint_id)
        if row is None:
            raise GONE
        if not may(body.action, who.roles, who=who.username, owner=row["owner"]):
            raise ApiError(403, "no_permission", "这件投诉由别人负责，或此操作需要班长。")
        if row["version"] != body.version:
            raise repos.StaleVersion
        if lacks := missing(body.action, {**row, **columns, "note": body.note}):
            words = "、".join(_NAMES[name] for name in lacks)
            raise ApiError(422, "incomplete", f"还缺少：{words}。", detail={"missing": list(lacks)})
        if columns.get("owner") and repos.user_by_name(conn, columns["owner"]) is None:
            raise ApiError(400, "unknown_owner", "没有这个负责人，请从列表中选择。")
        how: dict[str, Any] = {"who": who.username, "at": at, "deadlines": call.ctx.deadlines}
        words_of: dict[str, Any] = {"note": body.note, "outcome": body.outcome}
        version = repos.act_on_complaint(
            conn, complaint_id, body.action, version=body.version, **how, **words_of, **columns
        )
        after = repos.complaint(conn, complaint_id)
        return m.ComplaintChanged(version=version, state=(after or row)["state"])

    try:
        done = await call.ctx.db.write(write)
    except repos.StaleVersion:
        raise await _changed_meanwhile(call, complaint_id, body.version) from None
    except StateError:
        raise ApiError(409, "not_in_this_state", "这件投诉现在不能这样做，请刷新后再试。") from None
    call.ctx.told(complaints=[complaint_id])
    return done


def _open_to(conn: Connection, complaint_id: int, call: ApiCall) -> RowMapping:
    """The complaint, where this person may edit it."""
    row = repos.complaint(conn, complaint_id)
    if row is None:
        raise GONE
    if not complaint_view.editable(row, call.who):
        raise ApiError(403, "no_permission", "这件投诉由别人负责，或已结案。")
    return row


async def _changed_meanwhile(call: ApiCall, complaint_id: int, version: int) -> ApiError:
    """What the others did since the version that was read, so that a person can decide."""

    def read(conn: Connection) -> tuple[RowMapping | None, list[RowMapping]]:
        steps = repos.complaint_history(conn, complaint_id, after=version)
        return repos.complaint(conn, complaint_id), list(steps)

    row, steps = await call.ctx.db.run(read)
    view = View(call, call.ctx.now())
    detail = {
        "version": row["version"] if row is not None else 0,
        "steps": [view.step(s).model_dump(mode="json") for s in steps],
    }
    message = "这件投诉刚被别人修改，您的内容还没有保存，请看过对方的修改后再决定。"
    return ApiError(409, "changed_meanwhile", message, detail=detail)


async def complaint_figures(call: ApiCall) -> m.ComplaintFigures:
    query, now = call.query(m.FiguresQuery), call.ctx.now()
    since, until = query.since or now - timedelta(days=30), query.until or now

    def read(conn: Connection) -> tuple[dict[str, Any], list[tuple[str, int]]]:
        figures = lists.complaint_figures(conn, since=since, until=until, now=now)
        return figures, problem_figures(conn, since=since, until=until)

    figures, kinds = await call.ctx.db.run(read, deadline=LISTS_S)
    return complaint_view.figures(since, until, figures, kinds)


async def export_complaints(call: ApiCall) -> web.StreamResponse:
    query, now = call.query(m.BoardQuery), call.ctx.now()
    f, view = complaint_view.filter_of(call, query), View(call, now)
    since, until = query.since or now - timedelta(days=30), query.until or now

    def collect(conn: Connection) -> care_xlsx.Content:
        rows = lists.find_complaints(conn, f, limit=EXPORT_MOST)
        steps = lists.steps_of(conn, [r["id"] for r in rows])
        figures = lists.complaint_figures(conn, since=since, until=until, now=now)
        kinds = problem_figures(conn, since=since, until=until)
        codes = {r["id"]: r["code"] for r in rows}
        return care_xlsx.Content(
            [(view.item(r), r["result"]) for r in rows],
            [(codes[s["complaint_id"]], view.step(s)) for s in steps],
            complaint_view.figures(since, until, figures, kinds),
        )

    content = await call.ctx.db.run(collect, deadline=60.0)
    at, remote = now, call.remote
    await call.ctx.db.write(
        lambda c: repos.add_audit(
            c,
            at=at,
            who=call.who.username,
            action="export",
            subject="complaints",
            detail={"rows": len(content.items)},
            remote=remote,
        )
    )
    data = await asyncio.to_thread(care_xlsx.workbook, content, call.ctx.settings)
    name = f"complaints-{now:%Y%m%d}.xlsx"
    return web.Response(
        body=data,
        content_type=MEDIA,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def care_meta(call: ApiCall) -> m.CareMeta:
    own, deadlines = call.ctx.settings.complaints, call.ctx.deadlines
    people = await call.ctx.db.run(list_users)
    owners = [u for u in people if not u.disabled and {"agent", "supervisor"} & set(u.roles)]
    return m.CareMeta(
        departments=own.departments,
        causes=own.causes,
        owners=tuple(m.Person(username=u.username, name=u.name) for u in owners),
        kinds={kind.value: label for kind, label in problem.LABELS.items()},
        levels=LEVELS,
        hours=dict(deadlines.hours),
        tier_factors={str(least): factor for least, factor in deadlines.factors.items()},
        defaults=not {"hours", "tier_factors"} & own.model_fields_set,
    )


_ID: Mapping[str, type] = {"complaint_id": int}


def _route(method: str, path: str, handler: Any, answer: Any, summary: str, **more: Any) -> Route:
    return Route(method, path, handler, answer, summary, "complaints", **more)


ROUTES = (
    _route("GET", "/complaints/meta", care_meta, m.CareMeta, "责任部门、原因、负责人、时限", roles=_READERS),
    _route(
        "GET",
        "/complaints/figures",
        complaint_figures,
        m.ComplaintFigures,
        "投诉因素比例与滞留原因比例",
        query=m.FiguresQuery,
        roles=_READERS,
    ),
    _route(
        "GET",
        "/complaints/export.xlsx",
        export_complaints,
        m.BoardOut,
        "导出投诉（记入审计）",
        query=m.BoardQuery,
        roles=("supervisor", "qa_lead"),
        media=MEDIA,
    ),
    _route(
        "GET",
        "/complaints",
        list_complaints,
        m.BoardOut,
        "投诉看板，最急的在前",
        query=m.BoardPageQuery,
        roles=_READERS,
        scope="complaints:read",
    ),
    _route(
        "POST",
        "/complaints",
        add_complaint,
        m.ComplaintMade,
        "登记投诉",
        body=m.ComplaintIn,
        status=201,
        errors=(404,),
    ),
    _route(
        "GET",
        "/complaints/{complaint_id}",
        get_complaint,
        m.ComplaintOut,
        "投诉详情与处理经过",
        params=_ID,
        scope="complaints:read",
    ),
    _route(
        "PATCH",
        "/complaints/{complaint_id}",
        edit_complaint,
        m.ComplaintChanged,
        "修改投诉；别人先改了就是 409，并说明改了什么",
        params=_ID,
        body=m.ComplaintEdit,
        roles=_WORKERS,
        errors=(409,),
    ),
    _route(
        "POST",
        "/complaints/{complaint_id}/steps",
        act_on_complaint,
        m.ComplaintChanged,
        "受理、跟进、给出结果、回复客户、结案……",
        params=_ID,
        body=m.ComplaintAct,
        roles=_WORKERS,
        errors=(409,),
    ),
)
