"""What becomes due: from tiers, contacts, waybills, complaints, surveys, churn and birthdays to tasks.

Every task has a key that says what it is for, so that planning again, or twice at once, adds nothing. Each
source adds at most `plan_most` tasks a run, the most important first; what was left out is told. Each part is
a transaction of its own: calls go on beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.festivals import missing
from cti.domain.outreach import TaskKind
from cti.store.db import Database
from cti.store.outreach_rules import Rules
from cti.store.repos import outreach_greetings as greetings
from cti.store.repos import outreach_parcels as parcels
from cti.store.repos import outreach_people as people
from cti.store.repos import outreach_visits as visits
from cti.store.repos.common import insert_or_skip
from cti.store.repos.outreach import add_tasks
from cti.store.repos.outreach_base import Planned, Row
from cti.store.tables_outreach import outreach_plans

Part = Callable[[Connection, Rules, datetime, Planned], None]


def plan_day(database: Database, rules: Rules, *, now: datetime) -> Planned:
    """Everything, as it is done once a day and by hand; remembered when it is whole."""
    done = plan_events(database, rules, now=now)
    for part in _DAY:
        with database.begin() as conn:
            part(conn, rules, now, done)
    with database.begin() as conn:
        conn.execute(sa.delete(outreach_plans).where(outreach_plans.c.at < now))
        insert_or_skip(conn, outreach_plans, [{"at": now}], ["at"])
    done.said += missing(now.astimezone(rules.zone).date(), rules.festivals)
    return done


def planned_at(conn: Connection) -> datetime | None:
    """When the day was last planned, by whichever service or by hand; None before the first time."""
    found: datetime | None = conn.execute(sa.select(sa.func.max(outreach_plans.c.at))).scalar_one()
    return found


def plan_events(database: Database, rules: Rules, *, now: datetime) -> Planned:
    """What has just happened and cannot wait for tomorrow; cheap enough for every minute."""
    done = Planned()
    for part in _EVENTS:
        with database.begin() as conn:
            part(conn, rules, now, done)
    return done


def _settle(conn: Connection, rules: Rules, now: datetime, done: Planned) -> None:
    visits.lapse(conn, now, done)
    people.meet_complaints(conn, now, done)
    people.meet_retention(conn, now, done)


def _visit_plan(conn: Connection, rules: Rules, now: datetime, done: Planned) -> None:
    day = now.astimezone(rules.zone).date()
    for kind, of in ((TaskKind.VISIT, rules.visits), (TaskKind.VISIT_CALL, rules.calls)):
        for tier, rhythm in of.items():
            visits.settle_visits(conn, kind, tier, rhythm, rules, now, done)
            _add(conn, kind, visits.visits(conn, kind, tier, rhythm, rules, day), rules, now, done)


def _notices(conn: Connection, rules: Rules, now: datetime, done: Planned) -> None:
    if rules.own.notices:
        _add(conn, TaskKind.NOTICE, parcels.notices(conn, rules, now), rules, now, done)


def _of_day(kind: TaskKind, source: Callable[..., list[Row]]) -> Part:
    def part(conn: Connection, rules: Rules, now: datetime, done: Planned) -> None:
        day = now.astimezone(rules.zone).date()
        _add(conn, kind, source(conn, rules, day), rules, now, done)

    return part


def _of_now(kind: TaskKind, source: Callable[..., list[Row]]) -> Part:
    def part(conn: Connection, rules: Rules, now: datetime, done: Planned) -> None:
        _add(conn, kind, source(conn, rules, now), rules, now, done)

    return part


def _add(
    conn: Connection, kind: TaskKind, rows: Sequence[Row], rules: Rules, now: datetime, done: Planned
) -> None:
    most = rules.own.plan_most
    new = add_tasks(conn, [{"kind": kind.value, **row} for row in rows[:most]], now=now)
    done.added[kind.value] = done.added.get(kind.value, 0) + new
    if len(rows) > most:
        done.said.append(f"{kind.value}：本次只安排了 {most} 件，还有未安排的（outreach.plan_most）")


_EVENTS: tuple[Part, ...] = (
    _settle,
    _of_now(TaskKind.COMPLAINT_RESULT, people.results),
    _of_now(TaskKind.SURVEY_FOLLOWUP, people.low_surveys),
    _notices,
)
_DAY: tuple[Part, ...] = (
    _visit_plan,
    _of_day(TaskKind.RECEIPT_CALL, parcels.receipts),
    _of_day(TaskKind.DELIVERY_CALL, parcels.deliveries),
    _of_day(TaskKind.GREETING, greetings.birthdays),
    _of_day(TaskKind.GREETING, greetings.festivals),
    _of_day(TaskKind.RETENTION, people.churning),
)
