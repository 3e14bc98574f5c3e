"""Problem items: registered with a whole remark only, once for a waybill, late ones on top."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.problem import ProblemKind, Shift
from cti.errors import StateError
from cti.store import repos
from cti.store.db import Database
from cti.store.repos import problems
from cti.store.repos.problems import AlreadyOpen, BadRemark, ProblemFilter, register_problem
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from cti.store.tables import waybills
from cti.store.tables_care import problem_items

CHINA = ZoneInfo("Asia/Shanghai")
AROSE = datetime(2025, 3, 10, 9, 0, tzinfo=CHINA)
NOW = AROSE.astimezone(UTC) + timedelta(minutes=10)
WHOLE = "3月10日9点 李女士 外箱破损拒收 13800138000"


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    with database.begin() as connection:
        yield connection


def _item(conn: Connection, remark: str = WHOLE, **more: Any) -> int:
    given = {"kind": ProblemKind.DAMAGE, "shift": Shift.LATE, "arose_at": AROSE, "at": NOW, "who": "a1001"}
    return register_problem(conn, remark=remark, **{**given, **more})


def test_an_incomplete_or_void_remark_is_refused(conn: Connection) -> None:
    """domain.md §6: four elements, void remarks — every missing element is named, void phrases are
    refused, and nothing is written."""
    with pytest.raises(BadRemark) as lacking:
        _item(conn, "外箱破损拒收")
    assert lacking.value.check.missing == ("产生时间", "联系人", "联系电话")
    with pytest.raises(BadRemark) as void:
        _item(conn, "派送中")
    assert void.value.check.void
    assert conn.execute(sa.select(sa.func.count()).select_from(problem_items)).scalar_one() == 0


def test_deadline_code_and_waybill_say_that_it_is_open(conn: Connection) -> None:
    """domain.md §6: damage — damage is due 30 minutes after the scan; the waybill shows it until it is
    closed."""
    values = {"number": "SF1", "state": "problem", "updated_at": NOW}
    event = {"at": NOW, "state": "problem", "place": "", "operator": "", "text": ""}
    upsert_waybills(conn, [GivenWaybill(values=values, events=[event])], now=NOW, source="test")
    one = _item(conn, waybill="SF1")
    row = problems.problem(conn, one)
    assert row is not None
    assert (row["code"], row["due_at"]) == (f"WT20250310-{one:04d}", AROSE + timedelta(minutes=30))
    shown = sa.select(waybills.c.problem).where(waybills.c.number == "SF1")
    assert conn.execute(shown).scalar_one() == f"货物破损或未接到 {row['code']}"
    with pytest.raises(AlreadyOpen) as there:
        _item(conn, waybill="SF1")
    assert there.value.item_id == one
    other = _item(conn, waybill="SF1", kind=ProblemKind.DELIVERY)
    assert "派送问题件" in str(conn.execute(shown).scalar_one())
    close = {"result": "已赔付", "who": "boss", "at": NOW}
    problems.close_problem(conn, other, version=1, **close)
    assert row["code"] in str(conn.execute(shown).scalar_one())
    problems.close_problem(conn, one, version=1, **close)
    assert conn.execute(shown).scalar_one() == ""
    with pytest.raises(StateError):
        problems.close_problem(conn, one, version=2, **close)
    assert _item(conn, waybill="SF1") > other


def test_two_people_close_one_item(conn: Connection) -> None:
    """The second one is told that it was changed meanwhile."""
    one = _item(conn)
    with pytest.raises(repos.StaleVersion):
        problems.close_problem(conn, one, version=7, result="x", who="boss", at=NOW)


def test_late_ones_are_listed_on_top(conn: Connection) -> None:
    """domain.md §6: late ones — late ones are listed: open past the deadline first; late registration
    counts too."""
    calm = _item(conn, kind=ProblemKind.OTHER, waybill="SF1")
    late = _item(conn, waybill="SF2", at=NOW + timedelta(minutes=1))
    slow = _item(conn, waybill="SF3", at=NOW + timedelta(hours=2))
    problems.close_problem(conn, slow, version=1, result="已派", who="boss", at=NOW + timedelta(hours=2))
    now = NOW + timedelta(hours=3)
    rows = problems.list_problems(conn, ProblemFilter(), now=now)
    assert [r["id"] for r in rows] == [late, calm, slow]
    assert problems.count_problems(conn, ProblemFilter(), now=now) == {
        "total": 3,
        "open": 2,
        "overdue": 1,
        "late": 1,
    }

    def ids(f: ProblemFilter) -> list[int]:
        return [r["id"] for r in problems.list_problems(conn, f, now=now)]

    assert ids(ProblemFilter(state="late")) == [late, slow]
    assert ids(ProblemFilter(state="closed")) == [slow]
    assert ids(ProblemFilter(kind="other")) == ids(ProblemFilter(q="sf1")) == [calm]
    span = {"since": NOW - timedelta(hours=1), "until": now}
    assert problems.problem_figures(conn, **span) == [("damage", 2), ("other", 1)]
