"""The day's plan of tasks and the service's restarts, on both stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from cti.config import Settings
from cti.errors import Unavailable
from cti.store.db import Database
from cti.store.outreach_rules import outreach_rules
from cti.store.repos.outreach_plan import plan_day, planned_at
from cti.store.tables import customers
from cti.store.tables_outreach import outreach_tasks
from screenpop.rounds import Rounds

NOON = datetime(2026, 11, 25, 4, tzinfo=UTC)  # in Shanghai
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def born(db: Database, code: str, at: datetime) -> None:
    """A customer whose birthday it is."""
    row = {"code": code, "kind": "person", "name": f"客户{code}", "title": "先生", "grams": []}
    with db.begin() as conn:
        made = sa.insert(customers).values(created_at=NOON, updated_at=NOON, birthday=at.date(), **row)
        conn.execute(made)


def greetings(db: Database) -> int:
    with db.begin(write=False) as conn:
        query = sa.select(sa.func.count()).where(outreach_tasks.c.kind == "greeting")
        return int(conn.execute(query).scalar_one())


def test_a_service_that_starts_again_does_not_plan_the_day_again(database: Database) -> None:
    """Missed in the morning: planned at noon; not at one by the next service, but the next day."""
    rules = outreach_rules(Settings(outreach={"plan_at": "06:30"}))

    def look(at: datetime) -> tuple[int, datetime | None]:
        Rounds(database, rules, lambda: at)._look()
        with database.begin(write=False) as conn:
            return greetings(database), planned_at(conn)

    born(database, "A", NOON)
    assert look(NOON) == (1, NOON)
    born(database, "B", NOON)
    assert look(NOON + HOUR) == (1, NOON)
    born(database, "C", NOON + DAY)
    assert look(NOON + DAY) == (2, NOON + DAY)


def test_a_plan_by_hand_counts_and_one_that_broke_off_does_not(database: Database) -> None:
    """What is remembered is a whole plan: after one that broke off the next look plans again."""
    rules = outreach_rules(Settings(outreach={"plan_at": "06:30"}))
    plan_day(database, rules, now=NOON)
    born(database, "A", NOON)
    Rounds(database, rules, lambda: NOON + HOUR)._look()
    assert greetings(database) == 0
    with database.begin() as conn:
        conn.execute(sa.text("ALTER TABLE outreach_tasks RENAME TO away"))
    with pytest.raises((Unavailable, SQLAlchemyError)):
        Rounds(database, rules, lambda: NOON + DAY)._look()
    with database.begin() as conn:
        conn.execute(sa.text("ALTER TABLE away RENAME TO outreach_tasks"))
        assert planned_at(conn) == NOON
