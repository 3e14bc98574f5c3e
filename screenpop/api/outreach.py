"""What we owe customers: the worklist of visits and calls, one task with its script, figures, planning."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from aiohttp import web
from sqlalchemy.engine import Connection, RowMapping

from cti.domain import interview
from cti.domain.festivals import coming, missing
from cti.domain.outreach import (
    BY_HAND,
    KINDS,
    OUTCOMES,
    STATES,
    TaskKind,
    TaskState,
    may,
)
from cti.domain.outreach import missing as lacking
from cti.domain.waybill import clean_number
from cti.errors import StateError, UsageError
from cti.store import repos
from cti.store.repos import outreach
from cti.store.repos import outreach_lists as lists
from cti.store.repos.outreach import Given
from cti.store.repos.outreach_plan import plan_day
from cti.store.repos.people import list_users
from screenpop.api import outreach_models as m
from screenpop.api import outreach_view, outreach_xlsx
from screenpop.api.outreach_view import GONE, View
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.api.xlsx import MEDIA

LISTS_S = 10.0
PLAN_S = 120.0
EXPORT_MOST = 5000
AHEAD_DAYS = 60
_WORKERS = ("agent", "supervisor")
_READERS = ("agent", "supervisor", "qa_lead")
_NAMES = {"outcome": "结果", "due_at": "改到何时", "note": "说明", "owner": "交给谁"}


async def list_tasks(call: ApiCall) -> m.TaskList:
    query, now = call.query(m.TaskPageQuery), call.ctx.now()
    f = outreach_view.filter_of(call, query)

    def read(conn: Connection) -> tuple[Any, tuple[int, int, dict[str, int]]]:
        rows = lists.find_tasks(conn, f, limit=query.limit, offset=query.offset)
        return rows, lists.count_tasks(conn, f, now=now)

    rows, (total, late, kinds) = await call.ctx.db.run(read, deadline=LISTS_S)
    view = View(call, now)
    return m.TaskList(items=tuple(view.item(r) for r in rows), total=total, late=late, kinds=kinds, now=now)


async def get_task(call: ApiCall) -> m.TaskOut:
    task_id, now = call.path["task_id"], call.ctx.now()
    found = await call.ctx.db.run(lambda c: outreach_view.read(c, task_id))
    if found is None or not outreach_view.visible(call, found.row):
        raise GONE
    return View(call, now).whole(found)


async def add_task(call: ApiCall) -> m.TaskMade:
    body, who, at = call.body(m.TaskIn), call.who, call.ctx.now()
    if body.owner not in ("", who.username) and not who.has("supervisor"):
        raise ApiError(403, "no_permission", "只有班长可以把任务交给别人。")
    key = f"by_hand:{uuid4().hex}"
    row = {
        "key": key,
        "kind": body.kind,
        "customer_id": body.customer_id,
        "waybill": clean_number(body.waybill) or body.waybill.strip(),
        "title": body.title,
        "detail": body.detail,
        "due_at": body.due_at,
        "owner": body.owner,
    }

    def write(conn: Connection) -> int:
        if body.customer_id is not None and repos.customer(conn, body.customer_id, now=at) is None:
            raise ApiError(404, "no_such_customer", "没有找到这位客户，可能已被删除。")
        _known_owner(conn, body.owner)
        outreach.add_tasks(conn, [row], now=at, who=who.username)
        return outreach.id_of(conn, key)

    return m.TaskMade(id=await call.ctx.db.write(write), version=1)


def _known_owner(conn: Connection, owner: str) -> None:
    if owner and repos.user_by_name(conn, owner) is None:
        raise ApiError(400, "unknown_owner", "没有这个人，请从列表中选择。")


async def act_on_task(call: ApiCall) -> m.TaskChanged:
    body, who, at = call.body(m.TaskAct), call.who, call.ctx.now()
    task_id = call.path["task_id"]
    given = Given(
        note=body.note,
        due_at=body.due_at,
        owner=body.owner,
        outcome=body.outcome.value if body.outcome is not None else "",
        result=body.result,
        answers={k: v for k, v in body.answers.items() if v},
        scores=body.scores,
        low=call.ctx.settings.outreach.low_score,
    )

    def write(conn: Connection) -> m.TaskChanged:
        row = outreach.task(conn, task_id)
        if row is None:
            raise GONE
        if row["version"] != body.version:
            raise repos.StaleVersion  # first: who was slower is told who was quicker
        if not outreach_view.visible(call, row):
            raise GONE
        if not may(body.action, who.roles, who=who.username, owner=row["owner"]):
            raise ApiError(403, "no_permission", "这个任务由别人负责，或此操作需要班长。")
        _check(row, body, given)
        _known_owner(conn, given.owner)
        version = outreach.act(
            conn, task_id, body.action, version=body.version, who=who.username, now=at, given=given
        )
        after = outreach.task(conn, task_id) or row
        kind = TaskKind(row["kind"])
        found = outreach_view.troubles(kind, given.answers) if body.action == "finish" else ()
        return m.TaskChanged(version=version, state=TaskState(after["state"]), troubles=found)

    try:
        return await call.ctx.db.write(write)
    except repos.StaleVersion:
        raise await _changed_meanwhile(call, task_id, body.version) from None
    except StateError:
        raise ApiError(409, "not_in_this_state", "这个任务现在不能这样做，请刷新后再试。") from None
    except UsageError:
        raise ApiError(422, "incomplete", "填写的内容不完整或不合规则，请检查后再提交。") from None


def _check(row: RowMapping, body: m.TaskAct, given: Given) -> None:
    """What a person left out, each by its name."""
    brought = {"note": given.note, "due_at": given.due_at, "owner": given.owner, "outcome": given.outcome}
    lacks = [_NAMES[name] for name in lacking(body.action, brought)]
    kind = TaskKind(row["kind"])
    if body.action == "finish" and given.outcome == "reached":
        texts = {q.id: q.text for q in interview.QUESTIONS.get(kind, ())}
        lacks += [texts[name] for name in interview.unanswered(kind, given.answers)]
    if body.action == "finish" and kind is TaskKind.IMPROVEMENT and not given.result.strip():
        lacks.append("改进了什么（要告诉客户）")
    if lacks:
        raise ApiError(422, "incomplete", f"还缺少：{'；'.join(lacks)}", detail={"missing": lacks})


async def _changed_meanwhile(call: ApiCall, task_id: int, version: int) -> ApiError:
    def read(conn: Connection) -> tuple[RowMapping | None, list[RowMapping]]:
        return outreach.task(conn, task_id), list(outreach.steps_of(conn, task_id, after=version))

    row, steps = await call.ctx.db.run(read)
    view = View(call, call.ctx.now())
    detail = {
        "version": row["version"] if row is not None else 0,
        "steps": [view.step(s).model_dump(mode="json") for s in steps],
    }
    last = steps[-1]["who"] if steps else ""
    message = f"这个任务刚被{last or '别人'}处理过，您的内容还没有保存，请看过最新情况再决定。"
    return ApiError(409, "changed_meanwhile", message, detail=detail)


async def outreach_figures(call: ApiCall) -> m.OutreachFigures:
    query, now = call.query(m.FiguresQuery), call.ctx.now()
    since, until = query.since or now - timedelta(days=30), query.until or now
    low = call.ctx.settings.outreach.low_score
    found = await call.ctx.db.run(
        lambda c: lists.figures(c, since=since, until=until, now=now, low=low), deadline=LISTS_S
    )
    return _figures(found, since, until)


def _figures(found: Mapping[str, Any], since: Any, until: Any) -> m.OutreachFigures:
    return m.OutreachFigures(
        since=since,
        until=until,
        kinds=tuple(m.KindFigure(**k) for k in found["kinds"]),
        aspects=tuple(m.AspectFigure(**a, label=interview.ASPECTS[a["aspect"]]) for a in found["aspects"]),
        keypad=found["keypad"],
    )


async def export_tasks(call: ApiCall) -> web.StreamResponse:
    query, now = call.query(m.TaskQuery), call.ctx.now()
    f, view = outreach_view.filter_of(call, query), View(call, now)
    low = call.ctx.settings.outreach.low_score
    since, until = query.since or now - timedelta(days=30), query.until or now

    def collect(conn: Connection) -> tuple[list[m.TaskItem], dict[str, Any]]:
        rows = lists.find_tasks(conn, f, limit=EXPORT_MOST)
        return [view.item(r) for r in rows], lists.figures(conn, since=since, until=until, now=now, low=low)

    items, found = await call.ctx.db.run(collect, deadline=60.0)
    who, remote = call.who.username, call.remote
    await call.ctx.db.write(
        lambda c: repos.add_audit(
            c,
            at=now,
            who=who,
            action="export",
            subject="outreach",
            detail={"rows": len(items)},
            remote=remote,
        )
    )
    figures = _figures(found, since, until)
    data = await asyncio.to_thread(outreach_xlsx.workbook, items, figures, call.ctx.settings)
    name = f"outreach-{now:%Y%m%d}.xlsx"
    return web.Response(
        body=data, content_type=MEDIA, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


async def plan_now(call: ApiCall) -> m.PlanOut:
    rules, db, now = call.ctx.outreach, call.ctx.db, call.ctx.now()
    if rules is None:
        raise ApiError(503, "unavailable", "服务暂时不可用，请稍后再试。")
    done = await asyncio.wait_for(asyncio.to_thread(plan_day, db, rules, now=now), PLAN_S)
    return m.PlanOut(added=done.added, settled=done.settled, said=tuple(done.said))


async def outreach_meta(call: ApiCall) -> m.OutreachMeta:
    ctx, rules = call.ctx, call.ctx.outreach
    people = await ctx.db.run(list_users)
    owners = [u for u in people if not u.disabled and {"agent", "supervisor"} & set(u.roles)]
    day = ctx.now().astimezone(rules.zone).date() if rules is not None else None
    near = coming(day, AHEAD_DAYS, rules.festivals) if rules is not None and day is not None else []
    return m.OutreachMeta(
        kinds={k.value: label for k, label in KINDS.items()},
        by_hand=tuple(k.value for k in BY_HAND),
        states={s.value: label for s, label in STATES.items()},
        outcomes={o.value: label for o, label in OUTCOMES.items()},
        aspects=dict(interview.ASPECTS),
        low=ctx.settings.outreach.low_score,
        owners=tuple(m.OwnerOut(username=u.username, name=u.name) for u in owners),
        festivals=tuple(m.FestivalOut(label=f.label, on=on.isoformat()) for f, on in near),
        said=tuple(missing(day, rules.festivals)) if rules is not None and day is not None else (),
        hours=ctx.dialer.hours if ctx.dialer is not None else "",
        dial=ctx.dialer is not None and ctx.settings.outreach.dial and bool(ctx.settings.ami),
    )


_ID: Mapping[str, type] = {"task_id": int}


def _route(method: str, path: str, handler: Any, answer: Any, summary: str, **more: Any) -> Route:
    return Route(method, path, handler, answer, summary, "outreach", **more)


ROUTES = (
    _route(
        "GET",
        "/outreach/meta",
        outreach_meta,
        m.OutreachMeta,
        "任务种类、结果、负责人、近期节日",
        roles=_READERS,
    ),
    _route(
        "GET",
        "/outreach/figures",
        outreach_figures,
        m.OutreachFigures,
        "完成情况与六项满意度",
        query=m.FiguresQuery,
        roles=_READERS,
    ),
    _route(
        "GET",
        "/outreach/export.xlsx",
        export_tasks,
        m.TaskList,
        "导出任务与统计（记入审计）",
        query=m.TaskQuery,
        roles=("supervisor", "qa_lead"),
        media=MEDIA,
    ),
    _route(
        "POST",
        "/outreach/plan",
        plan_now,
        m.PlanOut,
        "现在安排：拜访、回访、祝福、通知；重复执行不会重复",
        roles=("supervisor",),
    ),
    _route(
        "GET",
        "/outreach/tasks",
        list_tasks,
        m.TaskList,
        "任务清单，逾期最久的在前",
        query=m.TaskPageQuery,
        roles=_READERS,
    ),
    _route(
        "POST",
        "/outreach/tasks",
        add_task,
        m.TaskMade,
        "新建任务",
        body=m.TaskIn,
        roles=_WORKERS,
        status=201,
        errors=(403, 404),
    ),
    _route("GET", "/outreach/tasks/{task_id}", get_task, m.TaskOut, "任务详情、话术、问题与经过", params=_ID),
    _route(
        "POST",
        "/outreach/tasks/{task_id}/steps",
        act_on_task,
        m.TaskChanged,
        "领取、完成、改期、取消、重开、指派；别人先做了就是 409",
        params=_ID,
        body=m.TaskAct,
        roles=_WORKERS,
        errors=(403, 404, 409),
    ),
)
