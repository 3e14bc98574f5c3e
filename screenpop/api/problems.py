"""Problem items: refused with what the remark lacks, listed with the late ones on top, closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection, RowMapping

from cti.domain.problem import LABELS, ProblemKind, due_at
from cti.domain.remark import RemarkCheck, check
from cti.domain.waybill import clean_number
from cti.errors import StateError
from cti.store import repos
from cti.store.repos import problems as store
from screenpop import card
from screenpop.api import problem_models as m
from screenpop.api.pops import own_pop
from screenpop.api.route import ApiCall, ApiError, Route

_GONE = ApiError(404, "no_such_problem", "没有找到这个问题件。")
_WORKERS = ("agent", "supervisor")
AHEAD = timedelta(minutes=5)  # clocks differ


async def list_problems(call: ApiCall) -> m.ProblemsOut:
    query, now = call.query(m.ProblemQuery), call.ctx.now()
    f = store.ProblemFilter(
        state=query.state,
        kind=query.kind,
        customer_id=query.customer_id,
        waybill=query.waybill,
        q=query.q.strip(),
    )

    def read(conn: Connection) -> tuple[Any, dict[str, int]]:
        rows = store.list_problems(conn, f, now=now, limit=query.limit, offset=query.offset)
        return rows, store.count_problems(conn, f, now=now)

    rows, counts = await call.ctx.db.run(read, deadline=10.0)
    return m.ProblemsOut(items=tuple(_shown(call, r, now) for r in rows), **counts, now=now)


async def check_problem(call: ApiCall) -> m.ProblemCheckOut:
    body = call.body(m.ProblemCheckIn)
    found, due = check(body.remark), _due(call, body)
    return m.ProblemCheckOut(valid=found.valid, missing=found.missing, void=found.void, due_at=due)


async def add_problem(call: ApiCall) -> m.ProblemOut:
    body, who, at = call.body(m.ProblemIn), call.who, call.ctx.now()
    waybill = ""
    if body.waybill.strip():
        waybill = clean_number(body.waybill) or ""
        if not waybill:
            raise ApiError(400, "no_waybill", "这不是运单号，请检查后再登记。")
    if body.arose_at is not None and body.arose_at > at + AHEAD:
        raise ApiError(400, "not_yet", "产生时间在将来，请检查。")
    columns: dict[str, Any] = {"site": body.site, "source": "agent", "customer_id": body.customer_id}
    if body.pop_id:
        pop, of_call, _ = await own_pop(call, body.pop_id)
        columns |= {"node": pop.key.node, "linkedid": pop.key.linkedid}
        customer = of_call.lookup.customer if of_call.lookup is not None else None
        if customer is not None and body.customer_id is None:
            columns["customer_id"] = customer.id

    def write(conn: Connection) -> RowMapping | None:
        known = columns["customer_id"]
        if known is not None and repos.customer(conn, known, now=at) is None:
            raise ApiError(404, "no_such_customer", "没有找到这位客户，可能已被删除。")
        made = store.register_problem(
            conn,
            kind=body.kind,
            shift=body.shift,
            same_day=body.same_day,
            remark=body.remark,
            arose_at=_arose(call, body),
            at=at,
            who=who.username,
            waybill=waybill,
            **columns,
        )
        return store.problem(conn, made)

    try:
        row = await call.ctx.db.write(write)
    except store.BadRemark as e:
        raise _refused(e.check) from None
    except store.AlreadyOpen as e:
        detail = {"id": e.item_id, "code": e.code}
        raise ApiError(409, "already_open", f"这票件已有未结的同类问题件 {e.code}。", detail=detail) from None
    if row is None:
        raise _GONE
    return _shown(call, row, at)


async def close_problem(call: ApiCall) -> m.ProblemOut:
    body, who, at = call.body(m.ProblemCloseIn), call.who, call.ctx.now()
    item_id = call.path["problem_id"]
    given: dict[str, Any] = {"version": body.version, "result": body.result, "who": who.username, "at": at}

    def write(conn: Connection) -> RowMapping | None:
        if store.problem(conn, item_id) is None:
            raise _GONE
        store.close_problem(conn, item_id, **given)
        return store.problem(conn, item_id)

    try:
        row = await call.ctx.db.write(write)
    except repos.StaleVersion:
        raise ApiError(409, "changed_meanwhile", "这个问题件刚被别人修改，请刷新后再试。") from None
    except StateError:
        raise ApiError(409, "already_closed", "这个问题件已经结案。") from None
    if row is None:
        raise _GONE
    return _shown(call, row, at)


def _refused(found: RemarkCheck) -> ApiError:
    """Why a remark is not taken."""
    detail = {"missing": list(found.missing), "void": found.void}
    if found.void:
        message = "这样的备注说明不了问题，属于无效备注；请写明产生时间、联系人、事情、联系电话。"
    else:
        message = f"备注不规范，缺少：{'、'.join(found.missing)}。"
    return ApiError(422, "remark_incomplete", message, detail=detail)


def _arose(call: ApiCall, body: m.ProblemCheckIn) -> datetime:
    return (body.arose_at or call.ctx.now()).astimezone(ZoneInfo(call.ctx.settings.timezone))


def _due(call: ApiCall, body: m.ProblemCheckIn) -> datetime:
    return due_at(body.kind, _arose(call, body), body.shift, same_day=body.same_day)


def _shown(call: ApiCall, row: RowMapping, now: datetime) -> m.ProblemOut:
    hide = card.mask_text if call.masked else str
    same = (
        *("id", "code", "kind", "shift", "same_day", "waybill", "customer_id", "site", "arose_at", "due_at"),
        *("registered_at", "registered_by", "closed_at", "closed_by", "version"),
    )
    return m.ProblemOut(
        **{name: row[name] for name in same},
        label=LABELS[ProblemKind(row["kind"])],
        remark=hide(row["remark"]),
        result=hide(row["result"]),
        registered_late=row["registered_at"] > row["due_at"],
        overdue=row["closed_at"] is None and row["due_at"] < now,
    )


def _route(method: str, path: str, handler: Any, answer: Any, summary: str, **more: Any) -> Route:
    return Route(method, path, handler, answer, summary, "problems", **more)


ROUTES = (
    _route(
        "GET",
        "/problems",
        list_problems,
        m.ProblemsOut,
        "问题件，逾期的在最前",
        query=m.ProblemQuery,
        scope="problems:read",
    ),
    _route(
        "POST",
        "/problems/check",
        check_problem,
        m.ProblemCheckOut,
        "备注是否规范，缺什么，何时到期",
        body=m.ProblemCheckIn,
    ),
    _route(
        "POST",
        "/problems",
        add_problem,
        m.ProblemOut,
        "登记问题件；备注不规范就拒绝，并说明缺什么",
        body=m.ProblemIn,
        roles=_WORKERS,
        status=201,
        errors=(404, 409),
    ),
    _route(
        "POST",
        "/problems/{problem_id}/close",
        close_problem,
        m.ProblemOut,
        "问题件结案",
        params={"problem_id": int},
        body=m.ProblemCloseIn,
        roles=_WORKERS,
        errors=(409,),
    ),
)
