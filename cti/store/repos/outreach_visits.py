"""The visit plan as tasks: who was not visited or called as often as the tier asks for (AB 五)."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.outreach import TaskKind, TaskState
from cti.domain.visits import Rhythm, at_hour, due_slots, midnight, period_of, slots
from cti.store.outreach_rules import SCHEME, Rules
from cti.store.repos.outreach_base import OWNER, Planned, Row, key_of, unplanned
from cti.store.tables import contacts, customers
from cti.store.tables_outreach import outreach_tasks
from cti.store.tables_tiers import customer_tiers

_C, _T, _TIER = customers.c, outreach_tasks.c, customer_tiers.c


def _made(kind: TaskKind, since: datetime, until: datetime) -> sa.Subquery:
    """How many contacts of this kind each customer had in a span: visits, or calls that we made."""
    c = contacts.c
    if kind is TaskKind.VISIT:
        of: sa.ColumnElement[bool] = c.channel == "visit"
    else:
        of = sa.and_(c.channel == "call", c.direction == "outbound")
    query = sa.select(c.customer_id, sa.func.count().label("n")).where(of, c.at >= since, c.at < until)
    return query.group_by(c.customer_id).subquery("made")


def visits(conn: Connection, kind: TaskKind, tier: str, rhythm: Rhythm, rules: Rules, day: date) -> list[Row]:
    """Visits or calls whose slice has opened and that no contact of the period covers."""
    period = period_of(day, rhythm.unit)
    made = _made(kind, *period.bounds(rules.zone))
    n = sa.func.coalesce(made.c.n, 0)
    rows: list[Row] = []
    for slot in due_slots(rhythm, day, 0):
        key = key_of(f"{kind.value}:", _C.id, f":{period.start}:{slot.number}")
        query = (
            sa.select(_C.id, OWNER)
            .join(customer_tiers, sa.and_(_TIER.customer_id == _C.id, _TIER.scheme == SCHEME))
            .outerjoin(made, made.c.customer_id == _C.id)
            .where(_TIER.tier_id == tier, n < slot.number, unplanned(key))
            .order_by(_C.id)
            .limit(rules.own.plan_most + 1)
        )
        what = "上门拜访" if kind is TaskKind.VISIT else "回访电话"
        rows += [
            {
                "key": f"{kind.value}:{r.id}:{period.start}:{slot.number}",
                "customer_id": r.id,
                "owner": r.owner,
                "title": f"{tier} 级客户{what}（第 {slot.number}/{rhythm.count} 次）",
                "slot": slot.number,
                "period": period.start.isoformat(),
                "due_at": at_hour(slot.due, rules.own.due_hour, rules.zone),
                "lapses_at": midnight(period.end, rules.zone),
            }
            for r in conn.execute(query)
        ]
    return rows


def settle_visits(
    conn: Connection, kind: TaskKind, tier: str, rhythm: Rhythm, rules: Rules, now: datetime, done: Planned
) -> None:
    """Open visits that a contact has covered meanwhile, or that the tier does not ask for any more."""
    day = now.astimezone(rules.zone).date()
    period = period_of(day, rhythm.unit)
    made = _made(kind, *period.bounds(rules.zone))
    query = (
        sa.select(_T.id, _T.version, _T.state, _T.slot, sa.func.coalesce(made.c.n, 0).label("n"))
        .join(customer_tiers, sa.and_(_TIER.customer_id == _T.customer_id, _TIER.scheme == SCHEME))
        .outerjoin(made, made.c.customer_id == _T.customer_id)
        .where(_T.kind == kind.value, _T.state == TaskState.OPEN.value, _T.slot > 0, _TIER.tier_id == tier)
        .where(_T.period == period.start.isoformat())
    )
    wanted = len(slots(rhythm, period))
    for row in conn.execute(query).mappings().all():
        if row["slot"] <= row["n"]:
            done.settle(conn, row, "meet", now, "本期已有联系")
        elif row["slot"] > wanted:
            done.settle(conn, row, "cancel", now, "客户等级已变")


def lapse(conn: Connection, now: datetime, done: Planned) -> None:
    """Open tasks that nobody does any more."""
    query = sa.select(_T.id, _T.version, _T.state).where(
        _T.state == TaskState.OPEN.value, _T.due_at < now, _T.lapses_at <= now
    )
    for row in conn.execute(query.limit(20_000)).mappings().all():
        done.settle(conn, row, "lapse", now, "期限已过")
