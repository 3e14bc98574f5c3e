"""客户经营 over HTTP: figures, lists, retention, preferences without lost updates, points."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from cti.domain.tiers import Scheme
from cti.schemes import PRESETS, load_scheme
from cti.store.db import Database
from cti.store.recompute import NIGHTLY, last_run, recompute
from cti.store.repos.tiering import Plan
from cti.store.tables import audit, customers, orders
from screenpop.night import Night, due_since
from tests.plugins.screenpop import PopLine

CHINA = ZoneInfo("Asia/Shanghai")


def schemes() -> list[Scheme]:
    return [load_scheme(n) for n in PRESETS]


def business(db: Database) -> None:
    """C1 has fallen silent after weekly orders, C3 is near the next tier; everything is computed."""
    now = datetime.now(UTC)
    with db.begin() as conn:
        ids = {r.code: r.id for r in conn.execute(sa.select(customers.c.code, customers.c.id))}
        for i in range(9):
            row = {"number": f"W{i}", "customer_id": ids["C1"], "at": now - timedelta(days=15 + 7 * i)}
            conn.execute(sa.insert(orders).values(**row, pieces=2, amount_fen=100_000))
        row = {"number": "N1", "customer_id": ids["C3"], "at": now - timedelta(days=2), "region": "武汉"}
        conn.execute(sa.insert(orders).values(**row, pieces=2, amount_fen=900_000))
        same = sa.update(customers).where(customers.c.code == "C3")
        conn.execute(same.values(industry="制造", services="同城、国际", special_handling="易碎"))
    recompute(db, Plan(schemes()[0], schemes()), now=now, zone=CHINA, cause=NIGHTLY)


@pytest.fixture
async def line(popline: PopLine) -> PopLine:
    """A service whose customers have business."""
    await asyncio.to_thread(business, popline.parts.ctx.db)
    return popline


async def _id(line: PopLine, code: str) -> int:
    query = sa.select(customers.c.id).where(customers.c.code == code)
    return int(await line.parts.ctx.db.run(lambda c: c.execute(query).scalar_one()))


async def test_summary_counts_tiers_of_the_chosen_scheme(line: PopLine) -> None:
    """The active scheme by default, any other by name, filtered; an unknown one is told so."""
    status, found = await line.api("GET", "/value/summary", user="boss")
    assert status == 200
    assert {t["label"]: t["customers"] for t in found["tiers"] if t["customers"]} == {
        "中端客户": 2,
        "普通客户": 1,
    }
    assert [s["scheme"] for s in found["schemes"] if s["active"]] == ["sf"]
    assert {s["scheme"] for s in found["schemes"] if s["open_thresholds"]} == {"jingguang", "abcd"}
    assert found["industries"] == ["制造"]
    assert found["computed_at"] is not None
    assert (found["crowded"], found["most_customers"]) == ([], 40)
    _, other = await line.api("GET", "/value/summary?scheme=abcd&industry=制造", user="boss")
    assert sum(t["customers"] for t in other["tiers"]) == 1
    assert (await line.api("GET", "/value/summary?scheme=nope", user="boss"))[0] == 404
    assert (await line.api("GET", "/value/summary", user="a1001"))[0] == 403


async def test_crowded_representatives_are_named(start_popline: Any, seeded_url: str) -> None:
    """domain.md §2: sf representative — who is the representative of more customers than the setting
    allows is told with the figures."""
    line = await start_popline(seeded_url, routing={"representative_customers": 1})
    query = sa.update(customers).values(representative="1002").where(customers.c.code != "C2")
    await line.parts.ctx.db.write(lambda c: c.execute(query))
    _, found = await line.api("GET", "/value/summary", user="boss")
    assert found["crowded"] == [{"agent": "1002", "customers": 2}]


async def test_upgrades_and_churn_with_figures_and_filters(line: PopLine) -> None:
    """Both lists tell why, and the same filters narrow them."""
    _, found = await line.api("GET", "/value/upgrades", user="boss")
    near = {i["code"]: i for i in found["items"]}["C3"]
    assert near["reach"]["label"] == "VIP客户"
    assert near["reach"]["wanting"] == "月贡献再增 1,000 元（现 9,000，需 10,000）"
    assert near["region"] == "区域性"
    assert (await line.api("GET", "/value/upgrades?industry=教育", user="boss"))[1]["total"] == 0
    _, found = await line.api("GET", "/value/churn?kind=silent&step=open", user="boss")
    (silent,) = found["items"]
    assert (silent["code"], silent["step"], silent["next_steps"]) == ("C1", "open", ["contacted", "lost"])
    assert silent["churn"]["text"] == "流失警示：已 15 天未下单，通常约每 7 天一单"
    assert silent["effort"] == "24 小时内电话联系"
    assert (await line.api("GET", "/value/churn?tier=vip", user="boss"))[1]["total"] == 0


async def test_two_people_take_the_same_step_once(line: PopLine) -> None:
    """Of two who record the same step at once one is told that it was done, and it stands once."""
    path = f"/customers/{await _id(line, 'C1')}/retention"
    body = {"step": "contacted", "note": "无人接听，改约明日"}
    answers = await asyncio.gather(*(line.api("POST", path, user=u, body=body) for u in ("boss", "a1001")))
    assert sorted(status for status, _ in answers) == [200, 409]
    _, value = await line.api("GET", f"/customers/{await _id(line, 'C1')}/value", user="a1001")
    assert [(s["step"], s["note"]) for s in value["steps"]] == [("contacted", "无人接听，改约明日")]
    status, _ = await line.api("POST", path, user="boss", body={"step": "kept"})
    assert status == 409
    other = f"/customers/{await _id(line, 'C3')}/retention"
    assert (await line.api("POST", other, user="boss", body=body))[0] == 409


async def test_preferences_are_edited_without_losing_an_update(line: PopLine) -> None:
    """domain.md §3: preferences — an edit counts from the version it was read at; the later of two is
    refused and may look again."""
    cid = await _id(line, "C3")
    _, before = await line.api("GET", f"/customers/{cid}/value", user="a1001")
    assert before["preferences"] == {"特殊操作需求": "易碎"}
    body = {"version": before["version"], "preferences": {"特殊操作需求": "易碎，轻放", "联系时间": "下午"}}
    status, saved = await line.api("PUT", f"/customers/{cid}/preferences", user="a1001", body=body)
    assert (status, saved["preferences"]) == (200, body["preferences"])
    assert (await line.api("PUT", f"/customers/{cid}/preferences", user="a1002", body=body))[0] == 409
    _, shown = await line.api("GET", f"/customers/{cid}", user="a1001")
    assert shown["customer"]["preferences"] == body["preferences"]
    query = sa.select(audit.c.detail).where(audit.c.action == "edit")
    detail = await line.parts.ctx.db.run(lambda c: c.execute(query).scalars().all())
    assert detail == [{"preferences": ["特殊操作需求", "联系时间"]}]
    assert (await line.api("PUT", "/customers/999999/preferences", user="a1001", body=body))[0] == 404


async def test_a_number_that_is_shown_masked_is_not_saved_masked(line: PopLine) -> None:
    """An agent who saves what was shown masked leaves the number whole."""
    cid = await _id(line, "C2")
    whole = {"version": 1, "preferences": {"备用联系": "打 13911112222"}}
    assert (await line.api("PUT", f"/customers/{cid}/preferences", user="boss", body=whole))[0] == 200
    _, seen = await line.api("GET", f"/customers/{cid}/value", user="a1001")
    assert "13911112222" not in seen["preferences"]["备用联系"]
    body = {"version": seen["version"], "preferences": {**seen["preferences"], "时效要求": "次日达"}}
    assert (await line.api("PUT", f"/customers/{cid}/preferences", user="a1001", body=body))[0] == 200
    _, kept = await line.api("GET", f"/customers/{cid}/value", user="boss")
    assert kept["preferences"] == {"时效要求": "次日达", "备用联系": "打 13911112222"}


async def test_points_are_a_ledger(line: PopLine) -> None:
    """domain.md §7: points shown — the balance is the sum of the entries; an entry that is told again
    counts once, none goes below 0."""
    path = f"/customers/{await _id(line, 'C3')}/points"

    async def add(delta: int, ref: str = "") -> tuple[int, Any]:
        return await line.api("POST", path, user="boss", body={"delta": delta, "reason": "活动", "ref": ref})

    assert (await add(500, "act-1"))[1] == {"points": 500}
    assert (await add(500, "act-1"))[1] == {"points": 500}
    assert (await add(-120))[1] == {"points": 380}
    assert [(await add(n))[0] for n in (-381, 0)] == [409, 422]
    _, value = await line.api("GET", path.replace("points", "value"), user="a1001")
    assert (value["points"], [e["delta"] for e in value["points_entries"]]) == (380, [-120, 500])
    assert (await line.api("POST", path, user="a1001", body={"delta": 1, "reason": "x"}))[0] == 403


async def test_every_scheme_of_one_customer_with_its_reason(line: PopLine) -> None:
    """domain.md §2: service menu — all six schemes stand side by side, the active one marked, with
    reasons and since when."""
    _, value = await line.api("GET", f"/customers/{await _id(line, 'C3')}/value", user="a1001")
    found = {t["scheme"]: t for t in value["tiers"]}
    assert list(found) == list(PRESETS)
    assert found["sf"]["reason"] == "月贡献 9,000 元 ≥ 2,000 且 < 10,000"
    assert [t["active"] for t in value["tiers"]] == [True] + [False] * 5
    assert (found["sf"]["route"], found["sf"]["services"]) == ("热线客户管理师", ["基础", "增值"])
    assert all(t["since"] for t in value["tiers"])
    assert (value["current_value"], value["services"]) == (9000, ["同城", "国际"])
    assert (await line.api("GET", "/customers/999999/value", user="a1001"))[0] == 404


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-10 02:29", "2026-03-09 02:30"),
        ("2026-03-10 02:30", "2026-03-10 02:30"),
        ("2026-03-10 23:59", "2026-03-10 02:30"),
        ("2026-03-01 00:10", "2026-02-28 02:30"),
    ],
)
def test_the_night_is_due_by_the_clock_of_the_zone(now: str, due: str) -> None:
    """The hour is one of Shanghai, whatever the machine's clock says."""
    at = datetime.fromisoformat(now).replace(tzinfo=CHINA)
    assert due_since(at, "02:30", CHINA) == datetime.fromisoformat(due).replace(tzinfo=CHINA)


async def test_two_services_recompute_once_a_night(database: Database) -> None:
    """Both look, one does it; the other finds it done, or busy."""
    plan = Plan(load_scheme("sf"))
    nights = [
        Night(database, plan, "00:00", CHINA, lambda: datetime.now(UTC), first_look_s=0.01) for _ in range(2)
    ]
    for night in nights:
        night.start()
    try:
        async with asyncio.timeout(20):
            while await database.run(lambda c: last_run(c, NIGHTLY)) is None:
                await asyncio.sleep(0.02)
    finally:
        for night in nights:
            await night.stop()
    from cti.store.tables_tiers import tier_runs

    count = sa.select(sa.func.count()).select_from(tier_runs)
    assert await database.run(lambda c: c.execute(count).scalar_one()) == 1
