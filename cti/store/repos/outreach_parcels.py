"""Calls that parcels lead to: the morning after delivery, before a delivery, at exceptions and delays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.notices import Node, notice_of
from cti.domain.visits import at_hour, midnight
from cti.domain.waybill import FINAL, WaybillState
from cti.store.outreach_rules import Rules
from cti.store.repos.outreach_base import OWNER, Row, key_of, unplanned
from cti.store.repos.recordings import chosen
from cti.store.tables import customers, waybills

_C, _W = customers.c, waybills.c
_OVER = [s.value for s in FINAL]
NOTICE_HOURS = 2  # an exception is told by then (系统默认，待确认)


def receipts(conn: Connection, rules: Rules, day: date) -> list[Row]:
    """收货回访: a sample of those who received something yesterday, each once."""
    since, until = midnight(day - timedelta(days=1), rules.zone), midnight(day, rules.zone)
    query = _parcels().where(
        _W.delivered_at >= since, _W.delivered_at < until, _W.state == WaybillState.SIGNED.value
    )
    due = at_hour(day, 12, rules.zone)  # the morning after
    return _to_receivers(
        conn,
        query,
        rules.own.receipt_share,
        lambda r: {
            "key": f"receipt_call:{_once(r['receiver_key'])}:{day}",
            "title": "收货回访：昨日签收",
            "detail": f"签收人：{r['signed_by']}" if r["signed_by"] else "",
            "due_at": due,
            "lapses_at": midnight(day + timedelta(days=2), rules.zone),
        },
    )


def deliveries(conn: Connection, rules: Rules, day: date) -> list[Row]:
    """派送预约 (JG 5.4): a sample of the parcels that have come to the site and wait."""
    waiting = [WaybillState.ARRIVED.value, WaybillState.AT_PICKUP.value]
    since = midnight(day - timedelta(days=1), rules.zone)
    query = _parcels().where(_W.state.in_(waiting), _W.updated_at >= since)
    due = at_hour(day, rules.own.due_hour, rules.zone)
    return _to_receivers(
        conn,
        query,
        rules.own.delivery_share,
        lambda r: {
            "key": f"delivery_call:{r['number']}",
            "title": "派送预约：快递已到网点",
            "due_at": due,
            "lapses_at": midnight(day + timedelta(days=2), rules.zone),
        },
    )


def _once(key: str) -> str:
    """A number in the key of a task, without the number: keys outlive the person."""
    return hashlib.sha256(key.encode()).hexdigest()[:20]


def _parcels() -> Any:
    names = (_W.receiver_customer_id, _W.receiver_name, _W.receiver_key, _W.receiver_display, _W.signed_by)
    return sa.select(_W.number, *names).where(_W.receiver_key != "").order_by(_W.number)


def _to_receivers(
    conn: Connection, query: Any, share: float, make: Callable[[Mapping[Any, Any]], dict[str, Any]]
) -> list[Row]:
    found: dict[str, Row] = {}
    for r in conn.execute(query.execution_options(yield_per=1000)).mappings():
        if not chosen(r["number"], share):
            continue
        made = make(r)
        found.setdefault(
            made["key"],
            {
                **made,
                "waybill": r["number"],
                "customer_id": r["receiver_customer_id"],
                "name": r["receiver_name"],
                "number_key": r["receiver_key"],
                "number_display": r["receiver_display"],
            },
        )
    return list(found.values())


def notices(conn: Connection, rules: Rules, now: datetime) -> list[Row]:
    """主动通知 of exceptions and delays, to the senders who are our customers."""
    late = sa.and_(_W.delivered_at.is_(None), _W.promised_at < now, _W.promised_at > now - timedelta(days=3))
    named = (_W.number, _W.state, _W.promised_at, _W.problem, _W.problem_at, _W.sender_customer_id)
    key = {
        Node.EXCEPTION: key_of("notice:exception:", _W.number),
        Node.OVERDUE: key_of("notice:overdue:", _W.number),
    }
    rows: list[Row] = []
    for node, where in ((Node.EXCEPTION, _W.problem != ""), (Node.OVERDUE, late)):
        query = (
            sa.select(*named, OWNER)
            .join(customers, _C.id == _W.sender_customer_id)
            .where(where, _W.sender_customer_id.is_not(None), _W.state.not_in(_OVER), unplanned(key[node]))
            .order_by(_W.number)
            .limit(rules.own.plan_most + 1)
        )
        for r in conn.execute(query).mappings():
            known = r["state"] in WaybillState._value2member_map_
            state = WaybillState(r["state"]) if known else WaybillState.IN_TRANSIT
            about = {"promised_at": r["promised_at"], "problem": r["problem"], "now": now}
            told = notice_of(r["number"], state, **about)
            if told is None or told.node is not node:
                continue  # an exception is told before the delay that it causes
            rows.append(
                {
                    "key": f"notice:{node.value}:{r['number']}",
                    "customer_id": r["sender_customer_id"],
                    "owner": r["owner"],
                    "waybill": r["number"],
                    "title": "主动通知：" + ("快件异常" if node is Node.EXCEPTION else "快件超时"),
                    "detail": told.text,
                    "due_at": now + timedelta(hours=NOTICE_HOURS),
                    "lapses_at": now + timedelta(days=2),
                }
            )
    return rows
