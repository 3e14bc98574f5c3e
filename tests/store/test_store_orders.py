"""Orders and payments by file, and the points ledger: all or nothing, told by line, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from cti.__main__ import main
from cti.domain.phone import DEFAULT_PLAN
from cti.schemes import PRESETS, load_scheme
from cti.store import migrations
from cti.store.db import Database
from cti.store.imports import Options, Report, import_file
from cti.store.repos import points
from cti.store.repos.tiering import Plan
from cti.store.tables import customers, orders, tier_history
from cti.store.tables_tiers import customer_metrics, payments, points_ledger

NOW = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)
PLAN = Plan(load_scheme("sf"), tuple(load_scheme(n) for n in PRESETS))
PEOPLE = (
    "编号,类型,客户名称,行业,业务种类,区县,积分\nA1,公司,甲公司,制造,同城；国际,武昌区,120\nA2,个人,乙,,,,\n"
)
HEAD = "订单号,客户编号,下单时间,件数,订单金额(元),状态,业务地市\n"

Load = Callable[..., Report]


@pytest.fixture
def load(database: Database, tmp_path: Path) -> Load:
    """Import a text into the store, with the recomputation that follows."""

    def run(kind: str, content: str | bytes, **options: Any) -> Report:
        file = tmp_path / "file.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        chosen = {"now": NOW, "plan": DEFAULT_PLAN, "scheme": PLAN.active, "tiers": PLAN, **options}
        return import_file(database, kind, file, Options(**chosen))

    run("customers", PEOPLE)
    return run


def _rows(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    with database.begin(write=False) as conn:
        return [dict(r) for r in conn.execute(sa.select(table).order_by(*table.primary_key)).mappings()]


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_orders_make_the_tier_at_once(load: Load, database: Database, encoding: str) -> None:
    """An imported order list changes figures and tier in the same command, with the reason on record."""
    text = HEAD + 'D1,A1,2026-03-30 10:00,2,"12,000.50",已完成,武汉\nD2,A1,2026/3/29,1,5,已取消,武汉\n'
    report = load("orders", text.encode(encoding))
    assert (report.created, report.bad, report.tiers_changed) == (2, 0, 1)
    one, two = _rows(database, orders)
    assert (one["amount_fen"], one["pieces"], one["region"]) == (1_200_050, 2, "武汉")
    assert one["at"] == datetime(2026, 3, 30, 2, 0, tzinfo=UTC)
    assert two["state"] == "cancelled"
    who = {c["code"]: c for c in _rows(database, customers)}
    assert (who["A1"]["tier_label"], who["A1"]["industry"], who["A1"]["services"]) == (
        "VIP客户",
        "制造",
        "同城、国际",
    )
    (change,) = [h for h in _rows(database, tier_history) if h["scheme"] == "sf"]
    assert (change["reason"], change["cause"]) == ("月贡献 12,000.5 元 ≥ 10,000 且 < 100,000", "import")
    assert {m["customer_id"]: m["regions"] for m in _rows(database, customer_metrics)}[who["A1"]["id"]] == 1


def test_the_same_orders_again_change_nothing(load: Load, database: Database) -> None:
    """The very file is recognised; other bytes with the same orders leave them as they are."""
    text = HEAD + "D1,A1,2026-03-30,2,100,,\n"
    load("orders", text)
    assert load("orders", text).already is not None
    again = load("orders", text + "D2,A2,2026-03-30,1,10,,\n")
    assert (again.created, again.changed, again.unchanged) == (1, 0, 1)
    changed = load("orders", HEAD + "D1,A1,2026-03-30,2,90,,\n")
    assert (changed.changed, [o["amount_fen"] for o in _rows(database, orders)]) == (1, [9000, 1000])


def test_bad_rows_are_told_by_line_and_nothing_is_written(load: Load, database: Database) -> None:
    """Each kind of fault is named with its line; one of them is enough for nothing to be imported."""
    text = HEAD + (
        "D1,A1,2026-03-30,2,100,,\nD1,A1,2026-03-30,2,100,,\nD3,A1,,1,5,,\nD4,A1,2026-02-30,1,5,,\n"
        "D5,A1,2026-03-01,-1,5,,\nD6,A1,2026-03-01,1,5.001,,\n,A1,2026-03-01,1,5,,\n"
    )
    report = load("orders", text)
    assert [(f.line, f.column) for f in report.faults] == [
        (3, "订单号"),
        (4, "下单时间"),
        (5, "下单时间"),
        (6, "件数"),
        (7, "订单金额(元)"),
        (8, "订单号"),
    ]
    assert (report.written, _rows(database, orders)) == (False, [])


def test_an_unknown_customer_is_a_bad_row(load: Load, database: Database) -> None:
    """A 客户编号 that nobody has is told with its line; the rows before it are taken back."""
    text = HEAD + "D1,A1,2026-03-30,2,100,,\nD2,X9,2026-03-30,1,5,,\n"
    report = load("orders", text)
    assert [(f.line, f.reason) for f in report.faults] == [(3, "没有客户编号 X9")]
    assert (report.written, report.created, _rows(database, orders)) == (False, 0, [])
    skipped = load("orders", text, skip_bad=True)
    assert (skipped.created, skipped.bad, [o["number"] for o in _rows(database, orders)]) == (1, 1, ["D1"])


def test_payments(load: Load, database: Database) -> None:
    """Payments are imported likewise, refunds as negative amounts."""
    head = "流水号,客户编号,付款时间,付款金额（元）,付款方式,订单号\n"
    report = load("payments", head + "P1,A1,2026-03-30 09:00,1000,月结,D1\nP2,A1,2026-03-30,-50,退款,D1\n")
    assert (report.created, report.bad) == (2, 0)
    assert [(p["amount_fen"], p["method"]) for p in _rows(database, payments)] == [
        (100_000, "月结"),
        (-5_000, "退款"),
    ]


def test_points_of_a_list_are_an_entry(load: Load, database: Database) -> None:
    """积分 of a customer list bring the balance to that figure by an entry; the same list adds none."""
    (first,) = _rows(database, points_ledger)
    assert (first["delta"], first["reason"]) == (120, "导入")
    load("customers", PEOPLE.replace("120", "100"))
    assert [e["delta"] for e in _rows(database, points_ledger)] == [120, -20]
    load("customers", PEOPLE.replace("120", "100"), again=True)
    with database.begin(write=False) as conn:
        assert points.balance(conn, first["customer_id"]) == 100
        assert len(points.entries(conn, first["customer_id"])) == 2


def test_points_entries_cannot_be_changed(load: Load, database: Database) -> None:
    """The store itself refuses to change an entry."""
    with pytest.raises(DBAPIError, match="only added"), database.begin() as conn:
        conn.execute(sa.update(points_ledger).values(delta=9))


def test_old_points_become_the_first_entry(empty_database_url: str) -> None:
    """The upgrade keeps the points that customers had as their opening entry, and back again."""
    database = Database(empty_database_url)
    migrations.upgrade(database, "0004")
    grams = "'{}'" if database.dialect == "postgresql" else "''"
    old = f"INSERT INTO customers (code, kind, name, points, grams, created_at, updated_at) VALUES ('A', 'person', 'B', 77, {grams}, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"  # noqa: E501
    with database.begin() as conn:
        conn.execute(sa.text(old))
    migrations.upgrade(database)
    with database.begin() as conn:
        assert points.balance(conn, conn.execute(sa.select(customers.c.id)).scalar_one()) == 77
    migrations.downgrade(database, "0004")
    with database.begin() as conn:
        assert conn.execute(sa.text("SELECT points FROM customers")).scalar_one() == 77
    database.close()


def test_commands(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``laidian import orders``, ``tiers recompute`` and ``tiers show`` from the command line."""
    people, bought = tmp_path / "people.csv", tmp_path / "orders.csv"
    people.write_text(PEOPLE, encoding="gbk")
    at = datetime.now(UTC) - timedelta(days=1)
    bought.write_text(HEAD + f"D1,A1,{at:%Y-%m-%d %H:%M},3,3000,,\n", encoding="utf-8")
    assert main(["import", "customers", str(people), "--url", sqlite_url, "--json"]) == 0
    assert main(["import", "orders", str(bought), "--url", sqlite_url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["created"], told["tiers_changed"]) == (1, 1)
    assert main(["tiers", "recompute", "--url", sqlite_url, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["customers"], done["changed"], done["scheme"]) == (2, 0, "sf")
    assert done["schemes"] == list(PRESETS)
    assert main(["tiers", "show", "A1", "--url", sqlite_url, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [t["label"] for t in shown["tiers"] if t["active"]] == ["中端客户"]
    assert main(["tiers", "show", "A1", "--url", sqlite_url]) == 0
    assert "月贡献 3,000 元 ≥ 2,000 且 < 10,000" in capsys.readouterr().out
    assert main(["tiers", "show", "nobody", "--url", sqlite_url]) == 2
    assert main(["tiers", "show", "--url", sqlite_url]) == 2
    assert main(["import", "orders", "--columns"]) == 0
    assert "订单号（必填）" in capsys.readouterr().out
