"""Webhooks in: TMS and WMS push waybills with events, and orders.

A delivery is taken whole in one transaction or not at all. The same delivery again is answered the same
and changes nothing; a delivery that was refused may be mended and sent again under its number.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from cti.domain import signing
from cti.domain.phone import Plan, parse
from cti.domain.waybill import clean_number, state_of
from cti.store.imports.orders import state_word
from cti.store.repos import hooks as repo
from cti.store.repos.hooks import DeliveryReused, Push, Taken
from screenpop.api import hook_models as m
from screenpop.api.faults import ItemNote
from screenpop.api.route import ApiCall, ApiError, Route

HOOK_S = 10.0
MAX_BODY = 4 * 1024 * 1024
AHEAD = timedelta(days=1)  # an event of the far future would stop every later one
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CODES = ("sender_code", "receiver_code")
_PHONES = ("sender_phone", "receiver_phone")
_NOT_FACTS = {"number", "at", "state", "events", *_CODES, *_PHONES}


class _Bad(Exception):
    """One item cannot be taken."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


async def push_waybills(call: ApiCall) -> m.HookOut:
    now, plan = call.ctx.now(), call.ctx.plan
    items = _signed(call).body(m.WaybillsIn).items
    pushed = _all(items, lambda i, item: _waybill(i, item, plan, now))
    source = f"api:{call.system.name}"
    return await _take(call, "waybills", lambda c: repo.push_waybills(c, pushed, now=now, source=source))


async def push_orders(call: ApiCall) -> m.HookOut:
    now = call.ctx.now()
    pushed = _all(_signed(call).body(m.OrdersIn).items, lambda i, item: _order(i, item, now))
    source = f"api:{call.system.name}"
    return await _take(call, "orders", lambda c: repo.push_orders(c, pushed, source=source))


def _signed(call: ApiCall) -> ApiCall:
    """The call, if it needs no signature or has a right one."""
    secret = call.system.secret
    if secret:
        why = signing.fault(call.headers.get(signing.HEADER, ""), secret, call.raw, time.time())
        if why:
            words = {"late": "签名的时间与本机相差太多", "missing": "缺少签名"}.get(why, "签名不正确")
            raise ApiError(401, f"signature_{why}", f"{words}（{signing.HEADER}）。")
    return call


def _all(items: Sequence[Any], convert: Callable[[int, Any], Push]) -> list[Push]:
    pushed, notes = [], []
    for index, item in enumerate(items):
        try:
            for name, value in item:
                if isinstance(value, str) and _CONTROL.search(value):
                    raise _Bad(name, "含有控制字符")
            pushed.append(convert(index, item))
        except _Bad as e:
            notes.append(ItemNote(index=index, field=e.field, reason=e.reason))
    if notes:
        raise _refused(notes)
    return pushed


def _refused(notes: Sequence[ItemNote]) -> ApiError:
    first = notes[0]
    where = f"第 {first.index} 项" if first.index >= 0 else "内容"
    detail = {"items": [n.model_dump() for n in notes[:200]]}
    return ApiError(422, "bad_items", f"{where} {first.field} {first.reason}；整批未接收。", detail=detail)


async def _take(call: ApiCall, kind: str, push: Callable[[Connection], Taken]) -> m.HookOut:
    body = call.body(m.WaybillsIn) if kind == "waybills" else call.body(m.OrdersIn)
    system, now, digest = call.system.id, call.ctx.now(), hashlib.sha256(call.raw).hexdigest()
    touched: set[int] = set()
    news: dict[str, set[Any]] = {}

    def write(conn: Connection) -> m.HookOut:
        known = repo.begin_delivery(conn, system, kind, body.delivery, digest, at=now)
        if known is not None:
            return m.HookOut(**known)
        taken = push(conn)
        if taken.bad:
            raise _refused([ItemNote(index=i, reason=reason) for i, reason in taken.bad])
        touched.update(taken.touched)
        news.update(waybills=taken.waybills, customers=taken.sides, keys=taken.keys)
        answer = m.HookOut(
            delivery=body.delivery,
            items=len(body.items),
            created=taken.created,
            changed=taken.changed,
            unchanged=taken.unchanged,
            warnings=tuple(ItemNote(index=i, reason=reason) for i, reason in taken.warnings[:200]),
        )
        repo.end_delivery(conn, system, body.delivery, answer.model_dump(mode="json"))
        return answer

    try:
        answer = await call.ctx.db.write(write, deadline=HOOK_S)
    except DeliveryReused:
        raise ApiError(409, "delivery_reused", "这个推送编号已用于别的内容，请换一个编号。") from None
    if touched and call.ctx.refresh is not None:
        call.ctx.refresh.add(touched)
    call.ctx.told(**news)
    return answer


def _waybill(index: int, item: m.WaybillPush, plan: Plan, now: datetime) -> Push:
    events = [_event(e.model_dump(), now) for e in item.events]
    at = item.at or max((e["at"] for e in events), default=None)
    if at is None:
        raise _Bad("at", "没有事件时要写明时间")
    if at > now + AHEAD:
        raise _Bad("at", "时间在未来")
    if item.state is not None:
        if events:
            raise _Bad("state", "有事件时状态由事件决定，请去掉")
        events = [_event({"at": at, "state": item.state, "place": "", "operator": "", "text": ""}, now)]
    facts: dict[str, Any] = item.model_dump(exclude=_NOT_FACTS, exclude_none=True)
    for name in _PHONES:
        text = getattr(item, name)
        if text is not None:
            number = parse(text, plan)
            if text and number.cls.value == "invalid":
                raise _Bad(name, "不是可识别的电话号码")
            side = name.removesuffix("_phone")
            facts |= {f"{side}_key": number.key or "", f"{side}_display": number.national if text else ""}
    codes = {n.removesuffix("_code"): getattr(item, n) or "" for n in _CODES}
    return Push(index, _number(item.number), at, facts, events, codes)


def _order(index: int, item: m.OrderPush, now: datetime) -> Push:
    at = item.updated_at or item.at
    if max(at, item.at) > now + AHEAD:
        raise _Bad("at", "时间在未来")
    if not item.number:
        raise _Bad("number", "不能为空")
    facts = item.model_dump(exclude={"number", "code", "updated_at"}, exclude_none=True)
    if item.waybill:
        facts["waybill"] = _number(item.waybill, "waybill")
    if item.state is not None:
        facts["state"] = state_word(item.state)
    return Push(index, item.number, at, facts, codes={"customer": item.code})


def _event(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    state = state_of(event["state"])
    if state is None:
        raise _Bad("state", f"未知状态 {event['state']}")
    if event["at"] > now + AHEAD:
        raise _Bad("events", "事件时间在未来")
    if any(_CONTROL.search(event[n]) for n in ("place", "operator", "text")):
        raise _Bad("events", "含有控制字符")
    return {**event, "state": state.value}


def _number(text: str, field: str = "number") -> str:
    number = clean_number(text)
    if number is None:
        raise _Bad(field, "不像运单号（8–20 位数字，可带字母前缀）")
    return number


def _route(path: str, handler: Any, body: Any, summary: str, scope: str) -> Route:
    return Route(
        "POST",
        path,
        handler,
        m.HookOut,
        summary,
        "hooks",
        body=body,
        scope=scope,
        people=False,
        errors=(409,),
        max_body=MAX_BODY,
    )


ROUTES = (
    _route("/hooks/waybills", push_waybills, m.WaybillsIn, "推送运单与轨迹", "waybills:write"),
    _route("/hooks/orders", push_orders, m.OrdersIn, "推送订单；随后重算客户指标与等级", "orders:write"),
)
