"""Complaints over their whole life: deadlines by category and tier, escalation, steps, statistics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from cti.domain.complaint_clock import Deadlines
from cti.schemes import load_scheme
from cti.store import repos
from cti.store.db import Database
from cti.store.repos import complaint_lists
from cti.store.repos.complaint_lists import ComplaintFilter
from cti.store.repos.complaints import escalate
from cti.store.repos.customers import Given, upsert_customers
from cti.store.tables import complaint_events, customers

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SF = load_scheme("sf")
DEADLINES = Deadlines(priorities={("sf", t.id): t.benefits.priority for t in SF.tiers})


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    with database.begin() as connection:
        yield connection


def _customer(conn: Connection, code: str, revenue: float) -> int:
    given = Given(
        values={"code": code, "kind": "person", "name": code},
        metrics={"monthly_revenue": revenue},
        numbers=[],
    )
    upsert_customers(conn, [given], now=NOW, scheme=SF, source="test")
    return int(conn.execute(sa.select(customers.c.id).where(customers.c.code == code)).scalar_one())


def _complain(conn: Connection, category: str = "延误", **more: Any) -> int:
    made = {"summary": category, "opened_at": NOW, "opened_by": "a1001", "deadlines": DEADLINES, **more}
    return repos.add_complaint(conn, category=category, **made)


def _row(conn: Connection, complaint_id: int) -> Any:
    row = repos.complaint(conn, complaint_id)
    assert row is not None
    return row


def test_deadline_by_category_and_tier(conn: Connection) -> None:
    """domain.md §5: response times — a VIP is answered in half the time, a mid-tier customer in three
    quarters of it."""
    for code, revenue, hours in (("V", 12_000, 12), ("M", 3_000, 18), ("O", 500, 24)):
        one = _complain(conn, customer_id=_customer(conn, code, revenue))
        assert _row(conn, one)["due_at"] == NOW + hours * HOUR
    assert _row(conn, _complain(conn, "费用"))["due_at"] == NOW + 48 * HOUR


def test_an_earlier_promise_and_another_category_move_the_deadline(conn: Connection) -> None:
    """domain.md §5: promised time — what was promised counts when it is earlier; a later promise gives
    no more time."""
    one = _complain(conn, promised_at=NOW + 2 * HOUR)
    assert _row(conn, one)["due_at"] == NOW + 2 * HOUR
    how = {"who": "a1001", "at": NOW, "deadlines": DEADLINES}
    repos.edit_complaint(conn, one, version=1, promised_at=NOW + 90 * HOUR, **how)
    assert _row(conn, one)["due_at"] == NOW + 24 * HOUR
    repos.edit_complaint(conn, one, version=2, category="查询结果不一致", **how)
    assert _row(conn, one)["due_at"] == NOW + 12 * HOUR


def test_what_the_other_changed_is_in_the_steps(conn: Connection) -> None:
    """An edit keeps before and after of every field, so that who was slower can be told."""
    one = _complain(conn)
    repos.edit_complaint(conn, one, version=1, who="a1001", at=NOW, department="派送部", waybill="")
    (step,) = repos.complaint_history(conn, one, after=1)
    assert (step["who"], step["changes"], step["version"]) == ("a1001", {"department": ["", "派送部"]}, 2)
    with pytest.raises(repos.StaleVersion):
        repos.act_on_complaint(conn, one, "take", version=1, who="a1002", at=NOW)


def test_follow_ups_carry_result_and_are_only_added(database: Database) -> None:
    """domain.md §5: follow-up — follow-ups say who, when, what and with what result; none is changed
    afterwards."""
    with database.begin() as conn:
        one = _complain(conn)
        version = repos.act_on_complaint(conn, one, "take", version=1, who="a1001", at=NOW)
        words = {"note": "问网点", "outcome": "件在库房，今日派"}
        repos.act_on_complaint(conn, one, "follow_up", version=version, who="a1001", at=NOW, **words)
        row, steps = _row(conn, one), repos.complaint_history(conn, one)
    assert (row["owner"], row["state"]) == ("a1001", "handling")
    assert [(s["who"], s["action"], s["note"], s["result"]) for s in steps[1:]] == [
        ("a1001", "take", "", ""),
        ("a1001", "follow_up", "问网点", "件在库房，今日派"),
    ]
    with pytest.raises(DBAPIError, match="only added"), database.begin() as conn:
        conn.execute(sa.update(complaint_events).values(note="x"))


def test_late_complaints_go_up_each_level_once(conn: Connection) -> None:
    """domain.md §5: watched — past the deadline at once, after 4 and after 24 hours; nobody's edit is
    lost by it."""
    one, other = _complain(conn), _complain(conn, "费用")
    assert escalate(conn, now=NOW + 24 * HOUR, deadlines=DEADLINES) == []
    for hours, level in ((25, 1), (26, 1), (28, 2), (48, 3), (400, 3)):
        escalate(conn, now=NOW + hours * HOUR, deadlines=DEADLINES)
        assert _row(conn, one)["level"] == level
    assert _row(conn, other)["level"] == 3
    assert _row(conn, one)["version"] == 1
    told = [s["note"] for s in repos.complaint_history(conn, one) if s["action"] == "escalate"]
    assert told == ["班长", "投诉主管", "负责人"]
    version = repos.act_on_complaint(conn, one, "take", version=1, who="a", at=NOW)
    version = repos.act_on_complaint(conn, one, "resolve", version=version, who="a", at=NOW, result="赔付")
    version = repos.act_on_complaint(conn, one, "call_failed", version=version, who="a", at=NOW)
    version = repos.act_on_complaint(conn, one, "tell", version=version, who="a", at=NOW + 500 * HOUR)
    assert escalate(conn, now=NOW + 900 * HOUR, deadlines=DEADLINES) == []
    again = NOW + 1000 * HOUR
    repos.act_on_complaint(conn, one, "reopen", version=version, who="b", at=again, deadlines=DEADLINES)
    row = _row(conn, one)
    assert (row["level"], row["due_at"], row["told_at"]) == (0, again + 24 * HOUR, None)


def test_board_filters_counts_and_statistics(conn: Connection) -> None:
    """domain.md §5: causes — 投诉因素比例 by category, department and cause; the board's filters and counts
    agree."""
    who = _customer(conn, "V", 12_000)
    late = _complain(conn, customer_id=who, department="派送部", cause="派送不及时", waybill="SF1")
    for n in range(2):
        _complain(conn, "破损", department="中转部", cause="装卸不当", caller_name=f"李{n}")
    gone = _complain(conn, "费用")
    repos.act_on_complaint(conn, gone, "withdraw", version=1, who="b", at=NOW)
    now = NOW + 13 * HOUR
    found = complaint_lists.find_complaints(conn, ComplaintFilter(state="active"))
    assert found[0]["id"] == late
    assert (found[0]["customer_name"], found[0]["tier_id"]) == ("V", "vip")
    assert complaint_lists.count_complaints(conn, ComplaintFilter(), now=now) == (
        {"open": 3, "withdrawn": 1},
        1,
    )
    for f in (ComplaintFilter(late_at=now), ComplaintFilter(q="sf1"), ComplaintFilter(customer_id=who)):
        assert [r["id"] for r in complaint_lists.find_complaints(conn, f)] == [late]
    assert len(complaint_lists.find_complaints(conn, ComplaintFilter(q="李"))) == 2
    assert complaint_lists.find_complaints(conn, ComplaintFilter(q="%")) == []
    figures = complaint_lists.complaint_figures(conn, since=NOW - HOUR, until=now, now=now)
    assert (figures["total"], figures["in_time"], figures["late"]) == (3, 0, 1)
    assert figures["category"] == [("破损", 2), ("延误", 1)]
    assert figures["department"] == [("中转部", 2), ("派送部", 1)]
    assert figures["cause"] == [("装卸不当", 2), ("派送不及时", 1)]
