"""What people do with a scored call, each as one request; the answer is the call as it is then."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection, RowMapping

from cti.domain.review import Decision, ReviewState
from cti.errors import StateError, UsageError
from cti.store.repos import jobs, qa_lists, reviews
from cti.store.repos.records import StaleVersion
from cti.store.repos.reviews import Act, Added, Draw, Judged, SameInspector, Undecided
from screenpop.api import qa_models as m
from screenpop.api import qa_view
from screenpop.api.qa_access import GONE, SEES, Viewer, may, role_for, viewer_of
from screenpop.api.route import ApiCall, ApiError, Route

STEP_S = 10.0
_NOT_YOURS = ApiError(403, "no_permission", "您不能对这通录音做这一步。")


async def review_qa_call(call: ApiCall) -> m.QaDetail:
    body = call.body(m.ReviewIn)
    return await _act(call, "review" if body.done else "save", body.version, body.comment, **_words(body))


async def final_qa_call(call: ApiCall) -> m.QaDetail:
    body = call.body(m.FinalIn)
    return await _act(call, "final", body.version, body.comment, **_words(body))


async def publish_qa_call(call: ApiCall) -> m.QaDetail:
    return await _plain(call, "publish")


async def acknowledge_qa_call(call: ApiCall) -> m.QaDetail:
    return await _plain(call, "acknowledge")


async def withdraw_qa_appeal(call: ApiCall) -> m.QaDetail:
    return await _plain(call, "withdraw")


async def forward_qa_appeal(call: ApiCall) -> m.QaDetail:
    return await _plain(call, "forward")


async def queue_qa_call(call: ApiCall) -> m.QaDetail:
    return await _plain(call, "queue")


async def _plain(call: ApiCall, action: str) -> m.QaDetail:
    body = call.body(m.VersionIn)
    return await _act(call, action, body.version, body.comment)


async def appeal_qa_call(call: ApiCall) -> m.QaDetail:
    body = call.body(m.AppealIn)
    items = tuple((i.rule, i.reason) for i in body.items)
    return await _act(call, "appeal", body.version, "", appeals=items)


async def assign_qa_call(call: ApiCall) -> m.QaDetail:
    body = call.body(m.AssignIn)
    known = await call.ctx.db.run(qa_lists.inspectors)
    if body.inspector not in {r["username"] for r in known}:
        raise ApiError(404, "no_such_inspector", "没有这位质检员，请从列表中选择。")
    return await _act(call, "assign", body.version, body.comment, inspector=body.inspector)


def _words(body: m.ReviewIn | m.FinalIn) -> dict[str, Any]:
    if any(a.t1 < a.t0 for a in body.added):
        raise ApiError(422, "invalid", "补充的问题结束时间早于开始时间。")
    return {
        "judged": tuple(
            Judged(d.rule, Decision(d.decision) if d.decision is not None else None, d.comment)
            for d in body.decisions
        ),
        "added": tuple(Added(a.rule, a.leg, a.t0, a.t1, a.comment) for a in body.added),
        "remove_added": body.remove_added,
    }


async def _act(call: ApiCall, action: str, version: int, note: str, **more: Any) -> m.QaDetail:
    viewer, id, now = await viewer_of(call), call.path["call_id"], call.ctx.now()

    def write(conn: Connection) -> m.QaDetail:
        row = qa_view.one(conn, call.ctx, viewer, id)
        _check(viewer, row, action, more.get("appeals", ()))
        step = Act(action, version, call.who.username, role_for(call.who, action), now, note, **more)
        reviews.act(conn, id, step)
        return qa_view.detail(conn, call.ctx, viewer, id)

    try:
        return await call.ctx.db.write(write, deadline=STEP_S)
    except StaleVersion:
        raise ApiError(409, "stale", "这通录音刚被别人改过，请刷新后再试。") from None
    except SameInspector:
        raise ApiError(409, "same_inspector", "申诉要交给另一位质检员复核。") from None
    except Undecided as e:
        names = "、".join(e.rules)
        raise ApiError(409, "undecided", f"还有自动判为不合格的项没有确认：{names}。") from None
    except StateError:
        raise ApiError(409, "conflict", "这通录音现在的状态不能做这一步，请刷新后再试。") from None
    except UsageError:
        raise ApiError(422, "invalid", "评分表里没有这条规则，请刷新后再试。") from None


def _check(viewer: Viewer, row: RowMapping | Any, action: str, appeals: Sequence[tuple[str, str]]) -> None:
    if row["review_state"] is None:
        raise ApiError(409, "not_scored", "这通录音还没有评分。")
    own = {"agent": row["agent"], "inspector": row["review_inspector"]}
    first, state = row["review_first_inspector"], ReviewState(row["review_state"])
    if not may(viewer, action, **own, first=first, state=state):
        raise _NOT_YOURS
    unknown = {rule for rule, _ in appeals} - set(row["review_current"])
    if unknown:
        raise ApiError(422, "invalid", "评分表里没有这条规则，请刷新后再试。")


async def transcribe_qa_call(call: ApiCall) -> m.QaDetail:
    viewer, id, now = await viewer_of(call), call.path["call_id"], call.ctx.now()

    def write(conn: Connection) -> m.QaDetail:
        row = qa_view.one(conn, call.ctx, viewer, id)
        if row["state"] == "purged":
            raise GONE
        if not jobs.ask(conn, id, now):
            raise ApiError(409, "conflict", "这通录音已经转写，或正在转写。")
        return qa_view.detail(conn, call.ctx, viewer, id)

    return await call.ctx.db.write(write, deadline=STEP_S)


async def draw_qa_sample(call: ApiCall) -> m.SampleOut:
    body, now = call.body(m.SampleIn), call.ctx.now()
    if body.until <= body.since:
        raise ApiError(422, "invalid", "抽样的结束时间要晚于开始时间。")
    seed = body.seed if body.seed is not None else secrets.randbelow(2**31)
    what = Draw(
        body.per_agent,
        str(seed),
        body.since,
        body.until,
        body.queue,
        body.agents,
        body.complaints_only,
    )
    row = await call.ctx.db.write(
        lambda c: reviews.draw(c, what, who=call.who.username, at=now), deadline=30.0
    )
    return m.SampleOut(**_sample(row), calls=tuple(row["calls"]))


async def list_qa_samples(call: ApiCall) -> m.SamplesOut:
    rows = await call.ctx.db.run(reviews.samples)
    return m.SamplesOut(items=tuple(m.SampleRow(**_sample(r)) for r in rows))


def _sample(row: RowMapping) -> dict[str, Any]:
    same = ("id", "at", "who", "per_agent", "filter", "population")
    return {
        **{k: row[k] for k in same},
        "seed": int(row["seed"]),
        "drawn": len(row["calls"]),
        "agents": tuple(row["agents"]),
    }


_ID = {"call_id": str}
_INSPECT = ("qa", "qa_lead")


def _step(name: str, handler: Any, summary: str, body: Any, roles: tuple[str, ...]) -> Route:
    return Route(
        "POST",
        f"/qa/calls/{{call_id}}/{name}",
        handler,
        m.QaDetail,
        summary,
        "qa",
        params=_ID,
        body=body,
        roles=roles,
        errors=(409,),
    )


ROUTES = (
    _step("review", review_qa_call, "质检：确认、否定、补充", m.ReviewIn, _INSPECT),
    _step("publish", publish_qa_call, "发布给座席", m.VersionIn, _INSPECT),
    _step("acknowledge", acknowledge_qa_call, "座席确认", m.VersionIn, SEES),
    _step("appeal", appeal_qa_call, "座席申诉", m.AppealIn, SEES),
    _step("withdraw", withdraw_qa_appeal, "座席撤回申诉", m.VersionIn, SEES),
    _step("forward", forward_qa_appeal, "座席主管转交申诉", m.VersionIn, ("supervisor", "qa_lead")),
    _step("assign", assign_qa_call, "质检主管指定质检员", m.AssignIn, ("qa_lead",)),
    _step("final", final_qa_call, "终审", m.FinalIn, _INSPECT),
    _step("queue", queue_qa_call, "人工加入待质检", m.VersionIn, _INSPECT),
    _step("transcribe", transcribe_qa_call, "要求转写这通录音", m.Nothing, _INSPECT),
    Route(
        "POST",
        "/qa/sample",
        draw_qa_sample,
        m.SampleOut,
        "随机抽样",
        "qa",
        body=m.SampleIn,
        roles=("qa_lead",),
    ),
    Route("GET", "/qa/samples", list_qa_samples, m.SamplesOut, "历次抽样", "qa", roles=_INSPECT),
)
