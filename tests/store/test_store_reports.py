"""Reports by day, on both stores: midnight in Asia/Shanghai, what each figure counts."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from cti.config import Settings
from cti.domain.report import Span
from cti.errors import UsageError
from cti.store import repos
from cti.store.db import Database
from cti.store.repos.reports import Report, report
from cti.store.repos.sign_ins import save_sign_ins
from cti.store.repos.visits import counts_by_queue, save_visits
from cti.store.synthetic_floor import add_visits
from cti.store.tables import contacts, customers, pops
from cti.store.tables_ivr import callbacks, surveys
from screenpop.api.report_models import row_of
from screenpop.api.report_xlsx import workbook
from screenpop.api.reports import read_report

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2025, 3, 9)
LEVELS = {"hotline": 20.0, "vip": 15.0}


def at(hour: int, minute: int = 0, second: float = 0, day: date = DAY) -> datetime:
    """A moment in Shanghai."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI) + timedelta(seconds=second)


def visit(n: int, arrived: datetime, outcome: str, wait: float | None, **more: Any) -> dict[str, Any]:
    """A row as the journal keeps it."""
    row = {
        "id": f"pbx1:{n}:0",
        "node": "pbx1",
        "linkedid": str(n),
        "queue": "hotline",
        "kind": "call",
        "scheme": "sf",
        "tier_id": "",
        "tier_label": "",
        "arrived_at": arrived.isoformat(),
        "queued_at": arrived.isoformat(),
        "ended_at": (arrived + timedelta(seconds=wait or 1)).isoformat(),
        "outcome": outcome,
        "agent": "",
        "wait_s": wait,
        "recovered": False,
    }
    return row | more


def talk(conn: Any, n: int, answered: datetime, wait: float, **more: Any) -> None:
    row = {"number_key": "", "direction": "inbound", "channel": "call", "agent": "1001", "queue": "hotline"}
    times = {"at": answered, "wait_s": wait, "talk_s": 60.0, "hold_s": 5.0, "wrapup_s": 15.0}
    conn.execute(sa.insert(contacts).values(**row, **times, pop_id=f"p{n}", **more))


def furnish(db: Database) -> None:
    """The 9th of March in Shanghai, with calls around both midnights."""
    vip = {"queue": "vip", "tier_id": "vip", "tier_label": "VIP客户"}
    with db.begin() as conn:
        save_visits(
            conn,
            [
                visit(1, at(0), "answered", 10.0),  # the first moment of the day
                visit(2, at(0, 0, -0.001), "answered", 10.0),  # a moment before: the 8th
                visit(3, at(23, 59, 50), "answered", 30.0),  # answered on the 10th
                visit(4, at(23, 59, 59.999), "abandoned", 40.0),
                visit(5, at(10), "abandoned", 3.0),  # short
                visit(6, at(10), "answered", 16.0, **vip),  # too late for vip, in time elsewhere
                visit(7, at(10, 30), "left", 300.0),
                visit(8, at(11), "lost", None),
                visit(9, at(11), "answered", 5.0, kind="callback"),
                visit(10, at(0, 0, 0, DAY + timedelta(days=1)), "answered", 1.0),  # the 10th
            ],
        )
        # a record that is played again after the end does not open the visit anew
        save_visits(conn, [visit(1, at(0), "", None) | {"ended_at": None}])
        talk(conn, 1, at(0, 0, 10), 10.0, disposition="查件")
        talk(conn, 2, at(0, 0, 5), 30.0)  # arrived on the 8th
        talk(conn, 3, at(23, 59, 50) + timedelta(seconds=30), 30.0, disposition="查件")
        for n, reason in ((1, "completed"), (3, "transferred"), (4, "no_answer")):
            conn.execute(
                sa.insert(pops).values(
                    id=f"p{n}",
                    node="pbx1",
                    linkedid=str(n),
                    agent="1001",
                    queue="hotline",
                    pbx_at=at(12),
                    state="closed",
                    reason=reason,
                )
            )
        ivr = {"channel": "ivr", "direction": "inbound", "number_key": ""}
        conn.execute(sa.insert(contacts).values(at=at(9), **ivr))
        conn.execute(
            sa.insert(callbacks).values(
                number_key="n",
                number_display="n",
                queue="hotline",
                state="done",
                requested_at=at(9),
                waiting_since=at(9),
            )
        )
        for n, score in enumerate((5, 4)):
            conn.execute(
                sa.insert(surveys).values(at=at(9), score=score, agent="1001", node="x", linkedid=str(n))
            )
        now = at(9)
        who = sa.insert(customers).values(
            code="V1",
            kind="person",
            name="甲",
            tier_label="VIP客户",
            created_at=now,
            updated_at=now,
            grams=[],
        )
        customer = conn.execute(who.returning(customers.c.id)).scalar_one()
        repos.add_complaint(
            conn, category="延误", summary="晚到", opened_at=at(23, 59), opened_by="x", customer_id=customer
        )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest) -> Any:
    """Each store in turn, with the day in it."""
    url = request.getfixturevalue("postgres_url" if request.param == "postgresql" else "sqlite_url")
    found = Database(url)
    furnish(found)
    yield found
    found.close()


def of(db: Database, first: date, last: date, **more: Any) -> Report:
    with db.begin() as conn:
        return report(conn, Span(first, last, SHANGHAI), levels=LEVELS, short_s=5.0, **more)


def test_a_day_is_a_day_in_shanghai(db: Database) -> None:
    """Pain #19: the day begins at 00:00 in Shanghai; a call over midnight counts on the day it arrived."""
    found = of(db, DAY, DAY)
    c = found.total.counts
    assert (c.offered, c.answered, c.in_time, c.abandoned, c.short, c.left, c.lost) == (6, 3, 1, 1, 1, 1, 1)
    assert c.service_level == 1 / 5
    assert (c.wait_s, c.longest_s) == (56.0, 300.0)
    assert (found.total.talks, found.total.talk_s, found.total.hold_s, found.total.transfers) == (
        2,
        120,
        10,
        1,
    )
    assert (found.hours[0].counts.answered, found.hours[23].counts.answered) == (1, 1)
    assert (found.hours[0].talks, found.hours[23].talks) == (1, 1)
    around = of(db, DAY - timedelta(days=1), DAY + timedelta(days=1))
    offered = [around.days[d].counts.offered for d in sorted(around.days)]
    assert (offered, around.total.counts.offered) == ([1, 6, 1], 8)
    assert [around.days[d].talks for d in sorted(around.days)] == [1, 2, 0]


def test_groups_hold_what_belongs_to_them(db: Database) -> None:
    """By queue, agent and tier; self-service, callbacks, complaints, surveys, dispositions."""
    found = of(db, DAY, DAY)
    assert found.queues["vip"].counts.service_level == 0.0
    assert found.queues["hotline"].counts.offered == 5
    assert found.tiers["VIP客户"].counts.answered == 1
    assert found.tiers["VIP客户"].complaints == 1
    agent = row_of("1001", found.agents["1001"])
    assert (agent.talks, agent.rung, agent.missed, agent.mean_wrapup_s) == (2, 3, 1, 15.0)
    assert agent.satisfaction == 4.5
    assert (found.total.callbacks, found.total.callbacks_done) == (1, 1)
    assert found.total.self_service_share == pytest.approx(1 / 7)
    assert (found.dispositions, found.categories) == ({"查件": 2}, {"延误": 1})
    assert of(db, DAY, DAY, queue="vip").total.counts.offered == 1


def test_occupancy_of_agents(db: Database) -> None:
    """占用率: talk and wrap-up against the time signed in, split at midnight, what overlaps counted once."""
    shifts = [
        ("1001", at(22, day=DAY - timedelta(days=1)), at(1)),
        ("1001", at(8), at(9)),
        ("1001", at(8, 30), at(9, 30)),  # another instance of the service saw the same pages
        ("1002", at(8), at(9)),
    ]
    with db.begin() as conn:
        save_sign_ins(conn, shifts)
        save_sign_ins(conn, [("1001", at(8), at(8, 10))])  # an older record, told again
    found = of(db, DAY, DAY)
    one, two = (row_of(a, found.agents[a]) for a in ("1001", "1002"))
    assert (one.signed_in_s, one.occupancy) == (2.5 * 3600, pytest.approx(150 / 9000))
    assert (two.signed_in_s, two.occupancy) == (3600, 0.0)
    assert found.total.occupancy == found.days[DAY.isoformat()].occupancy == pytest.approx(150 / 12600)
    # days without a sign-in count neither in the talks nor in the time
    both = of(db, DAY - timedelta(days=3), DAY)
    assert both.days[(DAY - timedelta(days=2)).isoformat()].occupancy is None
    assert both.total.occupancy == pytest.approx((75 + 150) / (7200 + 12600))
    assert of(db, DAY, DAY, queue="vip").total.occupancy is None


def test_the_board_and_the_report_agree(db: Database) -> None:
    """What the board is seeded with after a restart is what the report says."""
    span = Span(DAY, DAY, SHANGHAI)
    with db.begin() as conn:
        board = counts_by_queue(
            conn,
            since=span.since,
            until=span.until,
            before=at(23) + timedelta(days=1),
            levels=LEVELS,
            short_s=5.0,
        )
    assert board == {queue: row.counts for queue, row in of(db, DAY, DAY).queues.items()}


def test_days_of_other_zones_and_what_is_no_span() -> None:
    """Clock changes make days of 23 and 25 hours; half-hour changes fall on quarter-hour slots."""
    berlin = ZoneInfo("Europe/Berlin")
    spring = Span(date(2025, 3, 30), date(2025, 3, 30), berlin)
    assert (spring.until.astimezone(UTC) - spring.since.astimezone(UTC)) == timedelta(hours=23)
    assert spring.place(2, spring.slot_s()) == ("2025-03-30", 3)
    assert Span(date(2025, 4, 6), date(2025, 4, 7), ZoneInfo("Australia/Lord_Howe")).slot_s() == 900
    with pytest.raises(UsageError, match="before"):
        Span(DAY, DAY - timedelta(days=1), SHANGHAI)
    with pytest.raises(UsageError, match="92"):
        Span(DAY, DAY + timedelta(days=92), SHANGHAI)


def test_workbook_holds_every_grouping_and_the_definitions(db: Database) -> None:
    """Sheets by day, queue, agent, tier and hour; a sheet says what the figures mean."""
    settings = Settings(
        queues=[{"name": "hotline", "label": "热线"}, {"name": "vip", "label": "VIP"}], demo=True
    )  # type: ignore[arg-type]
    with db.begin() as conn:
        out = read_report(conn, settings, Span(DAY, DAY, SHANGHAI))
    assert (out.before.offered, out.queues[0].label) == (1, "热线")
    book = load_workbook(io.BytesIO(workbook(out)))
    assert book.sheetnames == ["按日", "按队列", "按座席", "按等级", "按小时", "通话小结与投诉", "说明"]
    head, first = ([c.value for c in row] for row in list(book["按日"].rows)[:2])
    assert dict(zip(head, first, strict=True))["进线"] == 6
    assert "占用率" in head
    about = "".join(str(row[0].value) for row in book["说明"].rows)
    assert "服务水平 =" in about
    assert "合成" in about


def test_synthetic_days_are_made_once(sqlite_url: str) -> None:
    """The demo's week of calls is the same for a seed, and a second start adds nothing."""
    found = Database(sqlite_url)
    given: dict[str, Any] = {"now": at(12), "zone": SHANGHAI, "queues": ["hotline"], "tiers": ["VIP客户"]}
    given["agents"] = ["1001", "1002"]
    with found.begin() as conn:
        made = add_visits(conn, seed=1, **given)
        assert add_visits(conn, seed=1, **given) == 0
        assert report(conn, Span(DAY, DAY, SHANGHAI), levels={}, short_s=5.0).total.talks == 0
    week = of(found, DAY - timedelta(days=7), DAY)
    assert (week.total.counts.offered, week.total.talks) == (made, week.total.counts.answered)
    assert week.agents["1001"].occupancy
    assert of(found, DAY, DAY).total.counts.offered == 0
    found.close()
