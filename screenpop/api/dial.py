"""Click-to-dial: to a customer's own stored numbers, to a task's number, to the caller of an own pop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.dialling import LABELS, OVER, DialState
from cti.domain.outreach import LIVE, NO_CALL, TaskKind, TaskState, may
from cti.domain.phone import parse
from cti.store import repos
from cti.store.repos import dialling
from cti.store.repos.dialling import DialRefused
from cti.store.repos.outreach import Given, act, task
from cti.store.tables import numbers
from screenpop.api import dial_models as m
from screenpop.api.pops import own_pop
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.dial import Dialer, Target

_STATUS: Mapping[str, int] = {"too_many_calls": 429, "no_number": 422}
_NO_NUMBER = ApiError(404, "no_such_number", "没有找到可以拨打的号码。")


def dialer_of(call: ApiCall) -> Dialer:
    """The dialler of the service."""
    if call.ctx.dialer is None:
        raise ApiError(409, "dial_off", "外呼没有开通，请联系管理员。")
    return call.ctx.dialer


def shown(call: ApiCall, row: Mapping[Any, Any], *, new: bool = False) -> m.DialOut:
    """An attempt as this person sees it."""
    state = DialState(row["state"])
    number = parse(row["number_display"], call.ctx.plan)
    same = ("id", "at", "agent", "task_id", "customer_id", "reason", "answered_at", "ended_at", "talk_s")
    return m.DialOut(
        **{name: row[name] for name in same},
        state=state,
        label=LABELS[state],
        over=state in OVER,
        new=new,
        number=number.masked if call.masked else number.display,
    )


async def dial(call: ApiCall) -> m.DialOut:
    body, who, at = call.body(m.DialIn), call.who, call.ctx.now()
    dialer = dialer_of(call)
    if (why := dialer.why_not(who.agent)) is not None:
        raise _refused(why)
    target = await _target(call, body)
    await _take(call, target.task_id)
    try:
        row, new = await dialer.dial(target, key=body.key, agent=who.agent, username=who.username)
    except DialRefused as e:
        raise _refused(e) from None
    if new:
        detail = {"attempt": row["id"], "masked": target.number.masked, "task": target.task_id}
        subject = f"customer:{target.customer_id}" if target.customer_id else f"task:{target.task_id}"
        remote = call.remote
        await call.ctx.db.write(
            lambda c: repos.add_audit(
                c, at=at, who=who.username, action="dial", subject=subject, detail=detail, remote=remote
            )
        )
    return shown(call, row, new=new)


def _refused(error: DialRefused) -> ApiError:
    return ApiError(_STATUS.get(error.code, 409), error.code, error.message)


async def _target(call: ApiCall, body: m.DialIn) -> Target:
    plan = call.ctx.plan
    if body.pop_id:
        _, of_call, _ = await own_pop(call, body.pop_id)
        customer = of_call.lookup.customer if of_call.lookup is not None else None
        return Target(parse(of_call.number, plan), customer.id if customer is not None else None)

    def read(conn: Connection) -> tuple[RowMapping | None, RowMapping | None]:
        of = task(conn, body.task_id) if body.task_id is not None else None
        query = sa.select(numbers).order_by(sa.desc(numbers.c.label == "移动电话"), numbers.c.id)
        if body.number_id is not None:
            query = query.where(numbers.c.id == body.number_id)
        elif of is not None and of["customer_id"] is not None and not of["number_key"]:
            query = query.where(numbers.c.customer_id == of["customer_id"])
        else:
            return of, None
        return of, conn.execute(query.limit(1)).mappings().first()

    of, number = await call.ctx.db.run(read)
    if body.task_id is not None:
        _may_call(call, of)
    if of is None:
        if number is None:
            raise _NO_NUMBER
        return Target(parse(number["display"], plan), number["customer_id"])
    about = {"task_id": of["id"], "purpose": of["kind"]}
    if number is not None:
        if number["customer_id"] != of["customer_id"]:
            raise _NO_NUMBER  # a stored number, but not of this customer
        return Target(parse(number["display"], plan), number["customer_id"], **about)
    if body.number_id is not None or not of["number_display"]:
        raise _NO_NUMBER
    return Target(parse(of["number_display"], plan), of["customer_id"], **about)


async def _take(call: ApiCall, task_id: int | None) -> None:
    """Who calls for a task has taken it: two people do not call for the same one."""
    if task_id is None:
        return
    who, at = call.who.username, call.ctx.now()

    def write(conn: Connection) -> None:
        row = task(conn, task_id)
        if row is not None and row["state"] == TaskState.OPEN.value:
            act(conn, task_id, "take", version=row["version"], who=who, now=at, given=Given())
        elif row is None or row["owner"] != who:
            raise ApiError(409, "changed_meanwhile", "这个任务刚被别人领取，请刷新后再看。")

    await call.ctx.db.write(write)


def _may_call(call: ApiCall, of: RowMapping | None) -> None:
    who = call.who
    if of is None:
        raise ApiError(404, "no_such_task", "没有找到这个任务。")
    if not may("take", who.roles, who=who.username, owner=of["owner"]):
        raise ApiError(403, "no_permission", "这个任务由别人负责。")
    if TaskKind(of["kind"]) in NO_CALL or TaskState(of["state"]) not in LIVE:
        raise ApiError(409, "not_in_this_state", "这个任务不用打电话，或已结束。")


async def my_call(call: ApiCall) -> m.DialNow:
    dialer, agent = dialer_of(call), call.who.agent
    row = await call.ctx.db.run(lambda c: dialling.live_of_agent(c, agent)) if agent else None
    why = dialer.why_not(agent)
    return m.DialNow(
        call=shown(call, row) if row is not None else None,
        allowed=why is None,
        why_not=why.message if why is not None else "",
        hours=dialer.hours,
    )


async def get_dial(call: ApiCall) -> m.DialOut:
    attempt_id, who = call.path["attempt_id"], call.who
    row = await call.ctx.db.run(lambda c: dialling.attempt(c, attempt_id))
    if row is None or not (who.has("supervisor") or row["username"] == who.username):
        raise ApiError(404, "no_such_call", "没有找到这次外呼。")
    return shown(call, row)


ROUTES = (
    Route(
        "POST",
        "/dial",
        dial,
        m.DialOut,
        "点击外呼：先呼座席话机，接听后再呼客户；同一 key 只呼一次",
        "outreach",
        body=m.DialIn,
        roles=("agent", "supervisor"),
        status=202,
        errors=(403, 404, 409, 429),
    ),
    Route("GET", "/dial", my_call, m.DialNow, "我正在进行的外呼，以及现在能否外呼", "outreach"),
    Route(
        "GET",
        "/dial/{attempt_id}",
        get_dial,
        m.DialOut,
        "一次外呼的结果",
        "outreach",
        params={"attempt_id": int},
    ),
)
