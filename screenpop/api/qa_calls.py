"""Recorded calls: list, one call, its sound, what there is to choose from, export."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from aiohttp import web
from sqlalchemy.engine import Connection

from cti.domain.review import ReviewState
from cti.errors import Unavailable
from cti.speech.start import recogniser_of, rules_of
from cti.store import repos
from cti.store.repos import jobs, qa_lists, reviews
from cti.store.repos.qa_lists import CallFilter
from screenpop.api import qa_models as m
from screenpop.api import qa_view, qa_xlsx
from screenpop.api.context import Context
from screenpop.api.qa_access import SEES, Viewer, viewer_of
from screenpop.api.route import ApiCall, ApiError, Route

T = TypeVar("T")
LISTS_S = 15.0  # lists and figures may take longer than a pop's look-up
EXPORT_MOST = 5000
HEARD_AGAIN = timedelta(hours=1)
_NO_SOUND = ApiError(404, "no_audio", "这通录音的声音已按保存期限删除，或文件不在。")


async def read(call: ApiCall, fn: Callable[[Connection], T]) -> T:
    """A reading question that may take a while."""
    return await call.ctx.db.run(fn, deadline=LISTS_S)


async def filter_of(call: ApiCall, query: m.QaQuery, viewer: Viewer) -> CallFilter:
    """The question of a page; a team becomes its agents, within what the person may see."""
    f = CallFilter(
        agent=query.agent,
        queue=query.queue,
        since=query.since,
        until=query.until,
        score_min=query.score_min,
        score_max=query.score_max,
        fatal=query.fatal,
        complaint=query.complaint,
        rule=query.rule,
        verdict=query.verdict,
        state=query.state,
        reason=query.reason,
        job=query.job,
        inspector=call.who.username if query.mine else "",
        sample=query.sample,
        search=query.q,
    )
    return await with_team(call, f, query.team, viewer)


async def with_team(call: ApiCall, f: CallFilter, team: str, viewer: Viewer) -> CallFilter:
    """The filter within a team."""
    if not team:
        return f
    members = await read(call, lambda c: qa_lists.team_agents(c, team))
    mine = [a for a in members if viewer.agents is None or a in viewer.agents]
    return replace(f, team=tuple(mine))


async def list_qa_calls(call: ApiCall) -> m.QaCallsOut:
    return await _list(call, own=False)


async def list_my_qa_calls(call: ApiCall) -> m.QaCallsOut:
    return await _list(call, own=True)


async def _list(call: ApiCall, *, own: bool) -> m.QaCallsOut:
    query = call.query(m.QaQuery)
    viewer = await viewer_of(call, own=own)
    f = await filter_of(call, query, viewer)
    return await read(
        call,
        lambda c: qa_view.page(
            c, call.ctx, viewer, f, sort=query.sort, offset=query.offset, limit=query.limit
        ),
    )


async def get_qa_call(call: ApiCall) -> m.QaDetail:
    viewer = await viewer_of(call)
    return await read(call, lambda c: qa_view.detail(c, call.ctx, viewer, call.path["call_id"]))


async def get_qa_audio(call: ApiCall) -> web.StreamResponse:
    viewer, leg = await viewer_of(call), call.path["leg"]
    if leg not in ("agent", "caller"):
        raise _NO_SOUND
    row = await read(call, lambda c: qa_view.one(c, call.ctx, viewer, call.path["call_id"]))
    folder = call.ctx.settings.recordings.resolve()
    file = (folder / row[f"{leg}_file"]).resolve()
    there = file.parent == folder and await asyncio.to_thread(file.is_file)
    if row["state"] == "purged" or not there:
        raise _NO_SOUND
    who, now, subject = call.who.username, call.ctx.now(), f"recording:{row['id']}"

    def note(conn: Connection) -> None:
        if not qa_lists.heard_since(conn, who, subject, now - HEARD_AGAIN):
            repos.add_audit(conn, at=now, who=who, action="listen", subject=subject, remote=call.remote)

    await call.ctx.db.write(note)
    return web.FileResponse(file, headers={"Content-Type": "audio/wav", "Cache-Control": "private, no-store"})


async def qa_meta(call: ApiCall) -> m.QaMetaOut:
    viewer, s = await viewer_of(call), call.ctx.settings
    rules = await asyncio.to_thread(rules_of, s)
    agents, inspectors, engine = await read(
        call, lambda c: (qa_lists.agent_names(c), qa_lists.inspectors(c), engine_now(c, call.ctx))
    )
    known = {a.number: ("", "") for a in s.agents} | dict(agents)
    seen = [a for a in sorted(known) if viewer.agents is None or a in viewer.agents]
    if viewer.own:
        seen = [viewer.own]
    return m.QaMetaOut(
        rules=tuple(
            m.RuleBrief(rule=r.id, title=r.title, weight=r.weight, fatal=r.fatal) for r in rules.rules
        ),
        agents=tuple(m.AgentBrief(agent=a, name=known[a][0], team=known[a][1]) for a in seen),
        queues=tuple(m.QueueBrief(name=q.name, label=q.label) for q in s.queues),
        inspectors=tuple(
            m.InspectorBrief(username=r["username"], name=r["name"], roles=tuple(r["roles"]))
            for r in (inspectors if viewer.inside else ())
        ),
        engine=engine,
        rules_version=rules.version,
        low_score=s.quality.low_score,
        recording=s.recording.enabled,
        calls=s.quality.calls,
        voices="synthetic" if s.demo else "",
        states=tuple(ReviewState),
    )


def engine_now(conn: Connection, ctx: Context) -> m.EngineOut:
    """The engine that a worker says it uses, else the one that the settings lead to."""
    for row in reversed(jobs.workers(conn)):
        if row["engine"]:
            return m.EngineOut(name=row["engine"], model=row["model"], reason=row["reason"])
    try:
        choice = recogniser_of(ctx.settings, may_pull=False).choice
    except Unavailable as e:
        return m.EngineOut(name="", model="", reason=str(e))
    return m.EngineOut(name=choice.engine, model=choice.model, reason=choice.reason)


async def export_qa_calls(call: ApiCall) -> web.StreamResponse:
    query, viewer = call.query(m.QaQuery), await viewer_of(call)
    f = await filter_of(call, query, viewer)

    def collect(conn: Connection) -> qa_xlsx.Content:
        page = qa_view.page(conn, call.ctx, viewer, f, sort=query.sort, offset=0, limit=EXPORT_MOST)
        ids = [c.id for c in page.items]
        _, rows = qa_lists.list_calls(
            conn, viewer.limit(replace(f, ids=ids)), sort=query.sort, limit=EXPORT_MOST
        )
        hits = [h for i in ids for h in reviews.hits(conn, i)] if viewer.inside else []
        return qa_xlsx.Content(page.items, rows, hits, qa_lists.events_of(conn, ids), viewer.inside)

    content = await call.ctx.db.run(collect, deadline=60.0)
    data = await asyncio.to_thread(qa_xlsx.workbook, content, call.ctx.settings)
    name = f"qa-{call.ctx.now():%Y%m%d}.xlsx"
    return web.Response(
        body=data,
        content_type=qa_xlsx.MEDIA,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


_ID = {"call_id": str}
ROUTES = (
    Route("GET", "/qa/meta", qa_meta, m.QaMetaOut, "质检的可选项：规则、座席、引擎", "qa", roles=SEES),
    Route(
        "GET",
        "/qa/calls",
        list_qa_calls,
        m.QaCallsOut,
        "录音列表（座席只见本人已发布的）",
        "qa",
        query=m.QaQuery,
        roles=SEES,
    ),
    Route(
        "GET",
        "/qa/mine",
        list_my_qa_calls,
        m.QaCallsOut,
        "本人已发布的录音",
        "qa",
        query=m.QaQuery,
        roles=SEES,
    ),
    Route("GET", "/qa/calls/{call_id}", get_qa_call, m.QaDetail, "一通录音", "qa", params=_ID, roles=SEES),
    Route(
        "GET",
        "/qa/calls/{call_id}/audio/{leg}",
        get_qa_audio,
        m.Binary,
        "一条腿的声音（支持 Range）",
        "qa",
        params={**_ID, "leg": str},
        roles=SEES,
        media="audio/wav",
    ),
    Route(
        "GET",
        "/qa/export.xlsx",
        export_qa_calls,
        m.Binary,
        "导出 XLSX",
        "qa",
        query=m.QaQuery,
        roles=("qa", "qa_lead", "supervisor"),
        media=qa_xlsx.MEDIA,
    ),
)
