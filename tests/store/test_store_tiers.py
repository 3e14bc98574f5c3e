"""Figures and tiers by set-based SQL: the same as one customer at a time, on both stores."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from cti.domain.tier_files import read_scheme
from cti.domain.tiers import MetricsError, Scheme
from cti.errors import StateError, Unavailable
from cti.schemes import PRESETS, load_scheme
from cti.store.db import Database
from cti.store.lock import store_lock
from cti.store.recompute import BATCH, last_run, recompute
from cti.store.repos import find_by_id, value
from cti.store.repos.tiering import Plan
from cti.store.repos.value import Filter
from cti.store.tables import customers, orders, tier_history
from cti.store.tables_tiers import customer_metrics, customer_tiers, payments

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)  # 16:00 in China
ALL = Plan(load_scheme("sf"), tuple(load_scheme(n) for n in PRESETS))

# every kind of term in one scheme, none of it with an overlap
EVERY_TERM = """
name = "every"
label = "全部语法"
source = "test"
[parameters.many]
value = 50
label = "多"
ours = true
[[tiers]]
id = "it's"
label = "甲'级%"
when = "not (is_contract or flags has [court, press]) and monthly_volume > many and 1 <= regions < 3"
[[tiers]]
id = "b"
label = "乙"
when = "(is_contract or flags has [court, press]) and county_rank <= 3 and monthly_volume > many"
[[tiers]]
id = "rest"
label = "其余"
otherwise = true
"""


def _customer(conn: sa.Connection, code: str, **values: Any) -> int:
    row = {"code": code, "kind": "company", "name": f"客户{code}", "grams": [], "metrics": {}, **values}
    made = sa.insert(customers).values(created_at=NOW, updated_at=NOW, **row).returning(customers.c.id)
    return int(conn.execute(made).scalar_one())


def _order(conn: sa.Connection, customer_id: int, days_ago: float, **values: Any) -> None:
    at = NOW - timedelta(days=days_ago)
    number = f"D{customer_id}-{days_ago}-{len(values)}"
    row = {"number": number, "customer_id": customer_id, "at": at, "pieces": 1, "amount_fen": 1000, **values}
    conn.execute(sa.insert(orders).values(row))


def _run(database: Database, plan: Plan = ALL, *, now: datetime = NOW, **more: Any) -> Any:
    return recompute(database, plan, now=now, zone=CHINA, cause="test", **more)


def _metrics(database: Database, customer_id: int) -> dict[str, Any]:
    query = sa.select(customer_metrics).where(customer_metrics.c.customer_id == customer_id)
    with database.begin(write=False) as conn:
        return dict(conn.execute(query).mappings().one())


def _rows(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    with database.begin(write=False) as conn:
        return [dict(r) for r in conn.execute(sa.select(table).order_by(*table.primary_key)).mappings()]


def _dice_metrics(dice: random.Random) -> dict[str, Any]:
    def money(*corners: float) -> float:
        return dice.choice((*corners, round(dice.uniform(0, 200_000), 2), -5.5, 0))

    metrics: dict[str, Any] = {
        "monthly_revenue": money(300, 1999.99, 2000, 9999.99, 10_000, 100_000),
        "annual_revenue": money(9999.99, 10_000, 100_000, 500_000, 1_000_000),
        "orders_per_year": dice.choice((0, 5000, 5001, 12_345)),
        "daily_pieces_3m": dice.choice((300, 300.01, 312, 12.5)),
        "county_rank": dice.choice((1, 3, 4, 5, 6, 90)),
        "is_contract": dice.random() < 0.5,
        "flags": dice.sample(["government", "court", "press", "potential"], dice.randrange(3)),
        "monthly_volume": dice.choice((0, 49, 50, 51, 999.5, 1000, 5000)),
        "volume_cv": dice.choice((0, 0.3, 0.31, 2)),
        "regions": dice.choice((1, 2, 3, 17)),
    }
    for name in [n for n in metrics if dice.random() < 0.15]:
        del metrics[name]
    return metrics


def _said(scheme: Scheme, metrics: dict[str, Any]) -> tuple[str, str, str] | None:
    try:
        ref = scheme.classify({**metrics, "flags": tuple(metrics.get("flags", ()))})
    except MetricsError:
        return None
    return ref.id, ref.label, ref.reason


def test_sql_says_of_many_what_the_scheme_says_of_one(database: Database) -> None:
    """Tier, label and reason of every preset and of every kind of term are the same to the letter."""
    dice = random.Random(11)
    given = [_dice_metrics(dice) for _ in range(300)]
    with database.begin() as conn:
        ids = [_customer(conn, f"R{i}", metrics=m) for i, m in enumerate(given)]
    for scheme in (*(load_scheme(n) for n in PRESETS), read_scheme(EVERY_TERM)):
        with database.begin() as conn:
            conn.execute(sa.delete(tier_history))
            conn.execute(sa.delete(customer_tiers))
            conn.execute(
                sa.update(customers).values(tier_scheme="", tier_id="", tier_reason="", tier_label="")
            )
        _run(database, Plan(scheme))
        tiers = {t["customer_id"]: t["tier_id"] for t in _rows(database, customer_tiers)}
        shown = {c["id"]: c for c in _rows(database, customers)}
        past = {h["customer_id"]: h for h in _rows(database, tier_history)}
        for customer_id, metrics in zip(ids, given, strict=True):
            said = _said(scheme, metrics)
            row = shown[customer_id]
            found = (row["tier_id"], row["tier_label"], row["tier_reason"]) if row["tier_id"] else None
            assert found == said, (scheme.name, metrics)
            assert tiers.get(customer_id) == (said[0] if said else None)
            if said:
                assert past[customer_id]["reason"] == said[2]
                assert set(past[customer_id]["metrics"]) == set(scheme.metrics)


def test_figures_come_from_orders(database: Database) -> None:
    """Revenue of month and year, orders a year, pieces a day over three months of 26 days, regions."""
    with database.begin() as conn:
        cid = _customer(
            conn, "A1", metrics={"monthly_revenue": 999_999, "is_contract": True, "flags": ["court"]}
        )
        _order(conn, cid, 1, amount_fen=1_200_000, pieces=7_800, region="武汉")
        _order(conn, cid, 40, amount_fen=300_000, pieces=7_800, region="宜昌")
        _order(conn, cid, 70, amount_fen=50_000, pieces=8_736, region="武汉")
        _order(conn, cid, 200, amount_fen=10_000, pieces=5)
        _order(conn, cid, 400, amount_fen=7_777_700, pieces=9)
        _order(conn, cid, 2, amount_fen=99_900, pieces=100, state="cancelled")
        _order(conn, cid, -1, amount_fen=99_900, pieces=100)
    _run(database)
    m = _metrics(database, cid)
    assert (m["monthly_revenue"], m["annual_revenue"]) == (12_000, 15_600)
    assert (m["orders_per_year"], m["regions"]) == (4, 2)
    assert m["daily_pieces_3m"] == 312
    assert m["monthly_volume"] == pytest.approx(8112)
    assert (m["is_contract"], m["flags"]) == (True, ["court"])
    tiers = {t["scheme"]: t["tier_id"] for t in _rows(database, customer_tiers)}
    assert tiers == {
        "sf": "vip",
        "jingguang": "second",
        "hubei_ems": "major",
        "key_account": "ordinary",
        "yuantong": "key",
        "abcd": "D",
    }
    with database.begin(write=False) as conn:
        found = value.of_customer(conn, cid, ALL, now=NOW)
    assert found is not None
    reasons = {t["scheme"]: t["reason"] for t in found["tiers"]}
    assert reasons["yuantong"] == "近三月日均 312 件 > 300"
    assert reasons["sf"] == "月贡献 12,000 元 ≥ 10,000 且 < 100,000"
    assert found["region"] == "全省性"


def test_day_and_month_boundaries_are_those_of_the_zone(database: Database) -> None:
    """A month back from 31 March begins on 1 March, at midnight in China and not in UTC."""
    with database.begin() as conn:
        cid = _customer(conn, "A1")
        midnight = datetime(2026, 3, 1, tzinfo=CHINA)
        for i, at in enumerate((midnight, midnight - timedelta(seconds=1))):
            row = {"number": f"M{i}", "customer_id": cid, "at": at, "pieces": 1, "amount_fen": 100 * (i + 1)}
            conn.execute(sa.insert(orders).values(row))
    _run(database)
    assert _metrics(database, cid)["monthly_revenue"] == 1


def test_imported_figures_hold_where_there_are_no_orders(database: Database) -> None:
    """A customer without orders keeps the figures of the list; nothing is made up."""
    with database.begin() as conn:
        cid = _customer(conn, "A1", metrics={"monthly_revenue": 12_000})
        blank = _customer(conn, "A2")
    _run(database)
    assert _metrics(database, cid)["monthly_revenue"] == 12_000
    assert _metrics(database, blank)["monthly_revenue"] is None
    shown = {c["id"]: c["tier_label"] for c in _rows(database, customers)}
    assert shown == {cid: "VIP客户", blank: ""}


def test_settled_fees_count_where_the_settings_say_so(database: Database) -> None:
    """HB counts what was settled: then payments make the revenue, refunds taken off."""
    with database.begin() as conn:
        cid = _customer(conn, "A1")
        _order(conn, cid, 3, amount_fen=5_000_000)
        for i, fen in enumerate((1_100_000, -50_000)):
            row = {"number": f"P{i}", "customer_id": cid, "at": NOW - timedelta(days=2), "amount_fen": fen}
            conn.execute(sa.insert(payments).values(row))
    hubei = load_scheme("hubei_ems")
    _run(database, Plan(hubei, settled=True))
    assert _metrics(database, cid)["annual_revenue"] == 10_500
    _run(database, Plan(hubei))
    assert _metrics(database, cid)["annual_revenue"] == 50_000


def test_county_rank_decides_for_contract_customers(database: Database) -> None:
    """HB 第三条: the five of highest revenue in their county, however little that is."""
    with database.begin() as conn:
        ids = [
            _customer(
                conn, f"K{i}", county="武昌区", metrics={"is_contract": True, "annual_revenue": 900 - i}
            )
            for i in range(7)
        ]
        alone = _customer(conn, "L1", county="江陵县", metrics={"annual_revenue": 5})
    _run(database, Plan(load_scheme("hubei_ems")))
    shown = {c["id"]: (c["tier_id"], c["tier_reason"]) for c in _rows(database, customers)}
    assert [shown[i][0] for i in ids] == ["major"] * 5 + ["ordinary"] * 2
    assert "县内收入排名 5 ≤ 5" in shown[ids[4]][1]
    assert shown[alone][0] == "ordinary"  # no contract
    with database.begin() as conn:
        _order(conn, ids[6], 1, amount_fen=500_000)
    done = _run(database, Plan(load_scheme("hubei_ems")), ids=[ids[6]], now=NOW + timedelta(minutes=1))
    shown = {c["id"]: (c["tier_id"], c["tier_reason"]) for c in _rows(database, customers)}
    assert (shown[ids[6]][0], shown[ids[4]][0]) == ("major", "ordinary")  # who was pushed out falls too
    assert done.changed == 2


def test_a_change_is_written_once_with_its_reason(database: Database) -> None:
    """History holds first tier and each change with figures and direction; nothing new, nothing written."""
    with database.begin() as conn:
        cid = _customer(conn, "A1")
        _order(conn, cid, 1, amount_fen=50_000)
    assert _run(database).changed == 1
    before = (_rows(database, tier_history), _rows(database, customer_metrics), _rows(database, customers))
    assert _run(database, now=NOW + timedelta(minutes=5)).changed == 0
    after = (_rows(database, tier_history), _rows(database, customer_metrics), _rows(database, customers))
    assert after == before
    with database.begin() as conn:
        _order(conn, cid, 0.5, amount_fen=200_000)
    _run(database, now=NOW + timedelta(hours=1))
    past = [h for h in _rows(database, tier_history) if h["scheme"] == "sf"]
    assert [(h["tier_id"], h["from_tier_id"], h["step"]) for h in past] == [
        ("regular", "", 0),
        ("mid", "regular", 1),
    ]
    assert past[1]["reason"] == "月贡献 2,500 元 ≥ 2,000 且 < 10,000"
    assert past[1]["metrics"] == {"monthly_revenue": 2500}


def test_green_channel_follows_the_tier_but_not_against_a_person(database: Database) -> None:
    """Rising into a tier with green channel opens it, falling closes it; one given by hand stays."""
    with database.begin() as conn:
        rising = _customer(conn, "A1", metrics={"monthly_revenue": 12_000})
        given = _customer(conn, "A2", metrics={"monthly_revenue": 500}, green_channel=True)
    _run(database)
    green = {c["id"]: c["green_channel"] for c in _rows(database, customers)}
    assert green == {rising: True, given: True}
    with database.begin() as conn:
        for cid, revenue in ((rising, 2500), (given, 2500)):
            same = sa.update(customers).where(customers.c.id == cid)
            conn.execute(same.values(metrics={"monthly_revenue": revenue}))
    _run(database, now=NOW + timedelta(hours=1))
    green = {c["id"]: c["green_channel"] for c in _rows(database, customers)}
    assert green == {rising: False, given: True}


def test_upgrade_within_reach_is_proposed(database: Database) -> None:
    """From four fifths of the next threshold on (ours) the next tier is proposed, with what is wanting."""
    with database.begin() as conn:
        near = _customer(
            conn, "N1", metrics={"monthly_revenue": 9_200, "annual_revenue": 100}, industry="制造"
        )
        far = _customer(conn, "N2", metrics={"monthly_revenue": 7_900})
    _run(database)
    assert _metrics(database, near)["reach_label"] == "VIP客户"
    assert _metrics(database, far)["reach_label"] == ""
    with database.begin(write=False) as conn:
        total, items = value.upgrades(conn, ALL, Filter(), now=NOW, limit=10, offset=0)
        none = value.upgrades(conn, ALL, Filter(industry="教育"), now=NOW, limit=10, offset=0)
        alerts = find_by_id(conn, near, now=NOW).customer
    assert (total, [i["id"] for i in items], none[0]) == (1, [near], 0)
    assert items[0]["reach"]["wanting"] == "月贡献再增 800 元（现 9,200，需 10,000）"
    assert alerts is not None
    assert "升级机会：接近VIP客户，可介绍升级权益" in alerts.alerts


def test_a_tier_just_reached_is_proposed_at_once(database: Database) -> None:
    """domain.md §4: promotion — XJ 5.2.3: reaching the threshold proposes the upgrade at once, for
    thirty days."""
    with database.begin() as conn:
        cid = _customer(conn, "N1", metrics={"monthly_revenue": 3000})
    _run(database)
    with database.begin() as conn:
        conn.execute(sa.update(customers).values(metrics={"monthly_revenue": 30_000}))
    _run(database, now=NOW + timedelta(hours=1), ids=[cid])
    with database.begin(write=False) as conn:
        _, items = value.upgrades(conn, ALL, Filter(), now=NOW + timedelta(days=2), limit=10, offset=0)
        later = value.upgrades(conn, ALL, Filter(), now=NOW + timedelta(days=40), limit=10, offset=0)
    assert [(i["id"], i["reached_at"]) for i in items] == [(cid, NOW + timedelta(hours=1))]
    assert later[0] == 0


def test_churn_has_the_figures_that_caused_it(database: Database) -> None:
    """domain.md §4: silence, volume — silence past twice the usual cycle, or less than half of the usual
    volume."""
    with database.begin() as conn:
        silent, weekly, falling, rare = (_customer(conn, f"C{i}") for i in range(4))
        for i in range(9):
            _order(conn, silent, 15 + 7 * i)
            _order(conn, weekly, 13 + 7 * i)
            _order(conn, rare, 40 + 45 * i, pieces=30)
        for days, pieces in ((5, 19), (40, 40), (70, 40), (100, 40)):
            _order(conn, falling, days, pieces=pieces)
    _run(database)
    with database.begin(write=False) as conn:
        _, items = value.churning(conn, ALL, Filter(), now=NOW, limit=10, offset=0)
        pop = find_by_id(conn, falling, now=NOW).customer
        by_kind = value.churning(conn, ALL, Filter(), now=NOW, kind="volume", limit=10, offset=0)
    said = {i["id"]: i["churn"]["text"] for i in items}
    assert said == {
        silent: "流失警示：已 15 天未下单，通常约每 7 天一单",
        falling: "流失警示：近 30 天 19 件，低于此前月均 40 件的一半",
    }
    assert by_kind[0] == 1
    assert pop is not None
    assert said[falling] in pop.alerts


def test_potential_value_stands_beside_the_current_one(database: Database) -> None:
    """domain.md §2: two sides of value — CRM 一(二): the last quarter carried on for a year with its
    growth, which is bounded (ours)."""
    with database.begin() as conn:
        grown, new = _customer(conn, "G1"), _customer(conn, "G2")
        for days in (20, 50, 80):
            _order(conn, grown, days, amount_fen=150_000)
            _order(conn, grown, days + 90, amount_fen=100_000)
        _order(conn, new, 3, amount_fen=100_000)
    _run(database)
    m = _metrics(database, grown)
    assert (m["annual_revenue"], m["growth"], m["potential_value"]) == (7500, 1.5, 27_000)
    assert _metrics(database, new)["potential_value"] == 4000


def test_retention_steps_come_in_order(database: Database) -> None:
    """domain.md §4: retention — JG 5.6: contact, apology and reason, remedy; a step twice or out of turn
    is refused."""
    with database.begin() as conn:
        cid, fine = _customer(conn, "C1"), _customer(conn, "C2")
        for i in range(9):
            _order(conn, cid, 15 + 7 * i)
    _run(database)

    def take(customer_id: int, step: str) -> None:
        with database.begin() as conn:
            value.add_step(conn, customer_id, value.Step(step), at=NOW, who="boss", note="")

    with pytest.raises(StateError):
        take(cid, "remedied")
    for step in ("contacted", "explained", "remedied", "kept"):
        take(cid, step)
    for customer_id, step in ((cid, "kept"), (cid, "contacted"), (fine, "contacted")):
        with pytest.raises(StateError):
            take(customer_id, step)
    with database.begin(write=False) as conn:
        total, items = value.churning(conn, ALL, Filter(), now=NOW, step="kept", limit=10, offset=0)
    assert (total, items[0]["step"]) == (1, "kept")
    with database.begin() as conn:
        _order(conn, cid, 0.2)
    _run(database, now=NOW + timedelta(hours=1))
    _run(database, now=NOW + timedelta(days=40))  # silent again: another alert, from the beginning
    with database.begin(write=False) as conn:
        _, items = value.churning(conn, ALL, Filter(), now=NOW, limit=10, offset=0)
    assert items[0]["step"] == "open"


def test_everybody_in_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many batches it takes, everybody is computed once; the run is on record."""
    monkeypatch.setitem(BATCH, database.dialect, 7)
    with database.begin() as conn:
        for i in range(30):
            _customer(
                conn, f"B{i}", county=f"县{i % 4}", metrics={"monthly_revenue": 100 * i, "annual_revenue": i}
            )
        conn.execute(sa.delete(customers).where(customers.c.code == "B3"))
    done = _run(database)
    assert (done.customers, done.changed) == (29, 29)
    with database.begin(write=False) as conn:
        run = last_run(conn)
        spread = value.distribution(conn, ALL.active, Filter())
    assert (run["customers"], run["cause"]) == (29, "test")
    assert [t["customers"] for t in spread] == [0, 0, 10, 16, 3]
    assert _run(database, stop=lambda: True).stopped


def test_one_recomputation_at_a_time(database: Database) -> None:
    """A second one is told so; one that finds it done under the lock does nothing."""
    with database.begin() as conn:
        _customer(conn, "A1")
    with store_lock(database, 0, "tiers"), pytest.raises(Unavailable, match="recomputed already"):
        _run(database, wait_s=0)
    assert _run(database, due=lambda _: False).customers == 0
    assert _run(database, wait_s=0).customers == 1


def test_filters_of_the_lists(database: Database) -> None:
    """Industry, service, region, tier and name (HB, three classifications) narrow every list."""
    near = {"metrics": {"monthly_revenue": 9_200, "regions": 2}}
    with database.begin() as conn:
        one = _customer(conn, "F1", industry="制造", services="同城、国际", **near)
        two = _customer(
            conn,
            "F2",
            industry="教育",
            services="国际货代",
            metrics={"monthly_revenue": 90_000, "regions": 1},
        )
    _run(database)

    def ids(**given: str) -> list[int]:
        with database.begin(write=False) as conn:
            return [
                i["id"] for i in value.upgrades(conn, ALL, Filter(**given), now=NOW, limit=9, offset=0)[1]
            ]

    assert sorted(ids()) == [one, two]
    assert ids(industry="制造") == ids(service="国际") == ids(region="全省性") == ids(q="F1") == [one]
    assert ids(service="国际货代") == ids(region="区域性") == ids(tier="vip") == ids(q="客户F2") == [two]
    assert ids(q="%") == []
    with database.begin(write=False) as conn:
        spread = value.distribution(conn, ALL.active, Filter(industry="教育"))
        assert value.industries(conn) == ["制造", "教育"]
    assert {t["tier"]: t["customers"] for t in spread if t["customers"]} == {"vip": 1}
