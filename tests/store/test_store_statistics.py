"""The statistics on both databases: counted over days of the zone, nothing counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.problem import ProblemKind, Shift
from cti.store import repos
from cti.store.db import Database
from cti.store.repos import statistics as store
from cti.store.repos.ivr import add_ivr_contact, add_request, save_score
from cti.store.repos.problems import register_problem
from cti.store.tables import customers, tier_history

CHINA = ZoneInfo("Asia/Shanghai")
SPAN = datetime(2025, 3, 1, tzinfo=CHINA), datetime(2025, 3, 11, tzinfo=CHINA)
NOW = datetime(2025, 3, 10, 12, 0, tzinfo=CHINA)
MIDNIGHT = datetime(2025, 3, 4, 16, 0, tzinfo=UTC)  # the 5th begins in China


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    with database.begin() as connection:
        yield connection


def test_moves_between_tiers(conn: Connection) -> None:
    """Rises and falls of the one scheme, by day and by way; first tiers and other schemes are no moves."""
    made = sa.insert(customers).returning(customers.c.id)
    values = {"code": "A", "kind": "person", "name": "甲", "grams": [], "created_at": NOW, "updated_at": NOW}
    cid = conn.execute(made.values(values)).scalar_one()
    for at, scheme, before, after, step in (
        (MIDNIGHT - timedelta(seconds=1), "sf", "casual", "regular", 1),
        (MIDNIGHT, "sf", "regular", "mid", 1),
        (MIDNIGHT, "sf", "mid", "regular", -1),
        (MIDNIGHT, "sf", "", "vip", 0),
        (MIDNIGHT, "abcd", "D", "C", 1),
        (SPAN[1], "sf", "regular", "mid", 1),
    ):
        row = {"customer_id": cid, "scheme": scheme, "from_tier_id": before, "tier_id": after, "step": step}
        conn.execute(sa.insert(tier_history).values(at=at, label=after, **row))
    found = store.tier_moves(conn, "sf", SPAN, CHINA)
    assert found["days"] == [
        {"day": "2025-03-04", "up": 1, "down": 0},
        {"day": "2025-03-05", "up": 1, "down": 1},
    ]
    assert sorted((w["from_tier_id"], w["tier_id"], w["n"]) for w in found["ways"]) == [
        ("casual", "regular", 1),
        ("mid", "regular", 1),
        ("regular", "mid", 1),
    ]


def _complaint(conn: Connection, category: str, opened: datetime, told: float | None, **more: Any) -> None:
    given = {"category": category, "summary": "x", "opened_by": "a", "opened_at": opened}
    cid = repos.add_complaint(conn, **given, due_at=opened + timedelta(hours=24), **more)
    if told is None:
        return
    version = 1
    for action, columns in (
        ("take", {}),
        ("resolve", {"department": "d", "cause": "c", "result": "r"}),
        ("tell", {"told_how": "phone"}),
    ):
        at = opened + timedelta(hours=told)
        version = repos.act_on_complaint(conn, cid, action, version=version, who="a", at=at, **columns)


def test_answers_against_deadlines(conn: Connection) -> None:
    """domain.md §5: response times — in time, late, waiting, overdue by category; hours and hours given."""
    _complaint(conn, "延误", NOW - timedelta(hours=50), 2)
    _complaint(conn, "延误", NOW - timedelta(hours=50), 30)
    _complaint(conn, "延误", NOW - timedelta(hours=25), None)
    _complaint(conn, "破损", NOW - timedelta(hours=1), None)
    _complaint(conn, "破损", NOW - timedelta(days=30), None)
    late, broken = store.answers(conn, SPAN, now=NOW)
    assert late == {
        "name": "延误",
        "n": 3,
        "in_time": 1,
        "late": 1,
        "waiting": 0,
        "overdue": 1,
        "hours": 16.0,
        "allowed": 24.0,
    }
    assert (broken["name"], broken["waiting"], broken["hours"]) == ("破损", 1, None)
    assert sum(d["n"] for d in store.complaint_days(conn, SPAN, CHINA)) == 4


def test_problem_kinds_satisfaction_contacts_and_menus(conn: Connection) -> None:
    """domain.md §6: kinds — kinds with late ones; scores by day; reasons of calls; what the menus served
    alone."""
    arose = datetime(2025, 3, 5, 9, 0, tzinfo=CHINA)
    remark = "3月5日9点 李女士 外箱破损拒收 13800138000"
    for kind, minutes in ((ProblemKind.DAMAGE, 5), (ProblemKind.DAMAGE, 90), (ProblemKind.OTHER, 5)):
        told = {"shift": Shift.MID, "remark": remark, "arose_at": arose, "who": "a"}
        register_problem(conn, kind=kind, at=arose + timedelta(minutes=minutes), **told)
    kinds = store.problem_kinds(conn, SPAN, now=NOW)
    assert [(k["name"], k["n"], k["late"], k["overdue"]) for k in kinds] == [
        ("damage", 2, 1, 2),
        ("other", 1, 0, 1),
    ]
    for at, score in ((MIDNIGHT - timedelta(seconds=1), 2), (MIDNIGHT, 5), (MIDNIGHT, 4)):
        save_score(conn, at=at, score=score, agent="1001", node="n", linkedid=f"{at.timestamp()}-{score}")
    assert store.satisfaction(conn, SPAN, CHINA) == {
        "scores": [(1, 0), (2, 1), (3, 0), (4, 1), (5, 1)],
        "mean": 3.67,
        "days": [{"day": "2025-03-04", "n": 1, "mean": 2.0}, {"day": "2025-03-05", "n": 2, "mean": 4.5}],
    }
    for disposition in ("查件", "查件", "投诉", ""):
        told = {"direction": "inbound", "disposition": disposition}
        repos.add_contact(conn, at=MIDNIGHT, channel="call", **told)
    for n, path in enumerate(("查件>输入运单", "查件>按来电号码", "网点电话")):
        add_ivr_contact(
            conn, number_key="", at=MIDNIGHT, ended_at=MIDNIGHT, path=path, node="n", linkedid=str(n)
        )
    add_request(conn, kind="pickup", number_key="mobile:13800138000", at=MIDNIGHT)
    about = store.reasons(conn, SPAN)
    assert about["channels"] == [("call", 4), ("ivr", 3)]
    assert about["dispositions"] == [("查件", 2), ("投诉", 1)]
    menus = store.self_service(conn, SPAN)
    assert (menus["served"], menus["to_person"]) == (3, 4)
    assert menus["uses"] == [("查件", 2), ("网点电话", 1)]
    assert menus["requests"] == [("pickup", 1)]


def test_an_empty_store_counts_nothing(conn: Connection) -> None:
    """Without any data every figure is zero or unknown, and none fails."""
    assert store.tier_moves(conn, "sf", SPAN, CHINA) == {"days": [], "ways": []}
    assert store.satisfaction(conn, SPAN, CHINA)["mean"] is None
    assert store.self_service(conn, SPAN)["uses"] == []
    assert store.answers(conn, SPAN, now=NOW) == []
