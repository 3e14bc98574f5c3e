"""Calls that complaints, low scores and churn lead to; what is done in the other record ends them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.complaint import ComplaintState
from cti.domain.outreach import TaskKind
from cti.domain.visits import at_hour
from cti.store.outreach_rules import Rules
from cti.store.repos.outreach_base import OWNER, Planned, Row, key_of, unplanned
from cti.store.tables import complaint_events, complaints, customers, numbers
from cti.store.tables_ivr import surveys
from cti.store.tables_outreach import outreach_tasks
from cti.store.tables_tiers import customer_metrics, retention_steps

_C, _T = customers.c, outreach_tasks.c
SURVEY_DAYS = 14  # an older low score is not followed up any more


def results(conn: Connection, rules: Rules, now: datetime) -> list[Row]:
    """Complaints with a result that nobody has told the customer; one task for every time it was resolved."""
    c, e = complaints.c, complaint_events.c
    resolved = (
        sa.select(sa.func.max(e.id)).where(e.complaint_id == c.id, e.action == "resolve").scalar_subquery()
    )
    key = key_of("complaint_result:", c.id, ":", resolved)
    query = (
        sa.select(complaints, resolved.label("step"))
        .where(c.state == ComplaintState.RESOLVED.value, unplanned(key))
        .where(sa.or_(c.call_at.is_(None), c.call_at <= now))
        .order_by(c.due_at)
        .limit(rules.own.plan_most + 1)
    )
    return [
        {
            "key": f"complaint_result:{r['id']}:{r['step']}",
            "complaint_id": r["id"],
            "customer_id": r["customer_id"],
            "name": r["caller_name"],
            "number_key": r["number_key"],
            "number_display": r["number_display"],
            "waybill": r["waybill"],
            "owner": r["owner"],
            "title": f"投诉 {r['code']} 的处理结果要回复客户",
            "detail": r["result"],
            "due_at": r["due_at"] or now,
        }
        for r in conn.execute(query).mappings()
    ]


def meet_complaints(conn: Connection, now: datetime, done: Planned) -> None:
    """Somebody has told the customer on the complaint board, or taken the complaint up again."""
    query = (
        sa.select(_T.id, _T.version, _T.state)
        .join(complaints, complaints.c.id == _T.complaint_id)
        .where(_T.kind == TaskKind.COMPLAINT_RESULT.value, _T.state.in_(["open", "taken"]))
        .where(complaints.c.state != ComplaintState.RESOLVED.value)
    )
    for row in conn.execute(query).mappings().all():
        done.settle(conn, row, "meet", now, "已在投诉看板处理")


def low_surveys(conn: Connection, rules: Rules, now: datetime) -> list[Row]:
    """Keypad scores that are low: the caller is called back."""
    s = surveys.c
    query = (
        sa.select(surveys)
        .where(s.score <= rules.own.low_score, s.at >= now - timedelta(days=SURVEY_DAYS), s.number_key != "")
        .where(unplanned(key_of("survey_followup:s", s.id)))
        .order_by(s.at)
        .limit(rules.own.plan_most + 1)
    )
    found = conn.execute(query).mappings().all()
    people = _only_owners(conn, {r["number_key"] for r in found})
    return [
        {
            "key": f"survey_followup:s{r['id']}",
            "customer_id": people.get(r["number_key"]),
            "number_key": r["number_key"],
            "number_display": r["number_key"].partition(":")[2],
            "title": f"低分回访：来电评价 {r['score']} 分",
            "detail": f"{r['agent']} 接听后客户按键评价 {r['score']} 分",
            "due_at": r["at"] + timedelta(days=1),
        }
        for r in found
    ]


def _only_owners(conn: Connection, keys: Iterable[str]) -> dict[str, int]:
    """Customer by number, where the number is one customer's only."""
    n = numbers.c
    query = sa.select(n.key, sa.func.min(n.customer_id)).where(n.key.in_(list(keys))).group_by(n.key)
    one = query.having(sa.func.count(sa.distinct(n.customer_id)) == 1)
    return {str(key): int(customer) for key, customer in conn.execute(one)}


def churning(conn: Connection, rules: Rules, day: date) -> list[Row]:
    """客户挽留: who has an alert that nobody has answered yet."""
    m, r = customer_metrics.c, retention_steps.c
    begun = sa.exists().where(r.customer_id == m.customer_id, r.episode == m.churn_since)
    query = (
        sa.select(m.customer_id, m.churn, m.churn_since, OWNER)
        .join(customers, _C.id == m.customer_id)
        .where(m.churn != "", m.churn_since.is_not(None), ~begun)
        .order_by(m.annual_revenue.desc(), m.customer_id)
        .limit(rules.own.plan_most + 1)
    )
    due = at_hour(day + timedelta(days=1), rules.own.due_hour, rules.zone)
    return [
        {
            "key": f"retention:{x.customer_id}:{x.churn_since:%Y%m%d%H%M%S}",
            "customer_id": x.customer_id,
            "owner": x.owner,
            "title": "客户挽留：" + ("久未下单" if x.churn == "silent" else "发件量明显下降"),
            "due_at": due,
        }
        for x in conn.execute(query)
    ]


def meet_retention(conn: Connection, now: datetime, done: Planned) -> None:
    """The list of churning customers has gone on, or the customer orders again."""
    m, r = customer_metrics.c, retention_steps.c
    begun = sa.exists().where(r.customer_id == m.customer_id, r.episode == m.churn_since)
    query = (
        sa.select(_T.id, _T.version, _T.state)
        .join(customer_metrics, m.customer_id == _T.customer_id)
        .where(_T.kind == TaskKind.RETENTION.value, _T.state.in_(["open", "taken"]))
        .where(sa.or_(m.churn == "", begun))
    )
    for row in conn.execute(query).mappings().all():
        done.settle(conn, row, "meet", now, "已有挽留记录，或客户又下单了")
