"""Who is calling: the outcomes of numbers.md on both databases, and what the pop gets with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.customer import CustomerKind, Outcome
from cti.domain.phone import parse
from cti.schemes import load_scheme
from cti.store import repos
from cti.store.db import Database
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from cti.store.tables import axb_bindings, contacts, customers, numbers, orders

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)


def _number(text: str, label: str = "电话", contact: str = "") -> dict[str, Any]:
    number = parse(text)
    return {
        "key": number.key,
        "suffix": number.suffix,
        "display": number.national,
        "label": label,
        "extension": number.extension or "",
        "contact": contact,
    }


def _customers() -> list[Given]:
    firm = {
        "code": "C1",
        "kind": "company",
        "name": "深圳蓝桥电子有限公司",
        "cargo": "电子产品",
        "special_handling": "防静电",
        "arrears_fen": 5000,
    }
    wang = {"code": "P1", "kind": "person", "name": "王小明", "title": "先生", "birthday": date(1985, 3, 12)}
    chen = {"code": "P2", "kind": "person", "name": "陈芳", "title": "女士", "company": "青禾服饰"}
    return [
        Given(
            firm,
            {"monthly_revenue": 120_000},
            [{"name": "李静", "title": "女士"}, {"name": "赵强"}],
            [_number("0755-86013388"), _number("13800138001", "联系人", "李静")],
        ),
        Given(wang, {"monthly_revenue": 500}, (), [_number("13800138000"), _number("020-34012233")]),
        Given(chen, {}, (), [_number("13900139000"), _number("020-34012233")]),
    ]


@pytest.fixture
def ids(database: Database) -> dict[str, int]:
    """The three customers' ids by 编号."""
    with database.begin() as conn:
        upsert_customers(conn, _customers(), now=NOW, scheme=load_scheme("sf"), source="test")
        rows = conn.execute(sa.text("SELECT code, id FROM customers"))
        return {row.code: row.id for row in rows}


@pytest.fixture
def conn(database: Database, ids: dict[str, int]) -> Iterator[Connection]:
    """A writing connection on the filled store."""
    with database.begin() as connection:
        yield connection


def _find(conn: Connection, text: str, **options: Any) -> Any:
    return repos.find_by_number(conn, parse(text), now=NOW, **options)


def _parcel(conn: Connection, number: str, sender: str = "", receiver: str = "", **values: Any) -> None:
    row = {"number": number, "state": "in_transit", "updated_at": NOW, **values}
    upsert_waybills(conn, [GivenWaybill(row, (), sender, receiver)], now=NOW, source="test")


@pytest.mark.parametrize("text", ["13800138000", "+86 138 0013 8000", "17951013800138000", "13800138000-12"])
def test_outcome_one(conn: Connection, text: str) -> None:
    """One customer has the number, however it is written: it is that one, with tier and rule."""
    found = _find(conn, text)
    assert (found.outcome, found.rule, found.candidates) == (Outcome.ONE, "exact", ())
    assert (found.customer.code, found.customer.name, found.customer.title) == ("P1", "王小明", "先生")
    assert (found.customer.tier.scheme, found.customer.tier.label) == ("sf", "普通客户")
    assert found.customer.birthday == date(1985, 3, 12)


def test_outcome_one_of_a_firm(conn: Connection) -> None:
    """domain.md §1: business traits; domain.md §3: representative — the firm's number brings them with it."""
    conn.execute(sa.update(customers).values(representative="1001"))
    customer = _find(conn, "0755-86013388").customer
    assert customer.representative == "1001"
    assert (customer.kind, customer.name, customer.company) == (
        CustomerKind.COMPANY,
        "深圳蓝桥电子有限公司",
        "深圳蓝桥电子有限公司",
    )
    assert customer.tier.label == "项目客户"
    assert customer.green_channel is True
    assert customer.preferences == {"主要货物品类": "电子产品", "特殊操作需求": "防静电"}
    assert "欠款 50.00 元" in customer.alerts


def test_outcome_one_through_a_contact_person(conn: Connection) -> None:
    """domain.md §1: any number — the number of a 联系人 brings that person by name, with the firm beside
    it."""
    customer = _find(conn, "13800138001").customer
    assert (customer.name, customer.title, customer.company) == ("李静", "女士", "深圳蓝桥电子有限公司")


def test_outcome_many(conn: Connection) -> None:
    """Two customers share the number: both are listed, nobody is chosen, no history is shown."""
    found = _find(conn, "020-34012233")
    assert (found.outcome, found.rule, found.customer) == (Outcome.MANY, "exact", None)
    assert [c.code for c in found.candidates] == ["P1", "P2"]
    assert (found.waybills, found.contacts, found.complaints) == ((), (), ())


def test_outcome_none(conn: Connection) -> None:
    """Nobody has it, and nothing else knows it."""
    found = _find(conn, "13700137000")
    assert (found.outcome, found.rule, found.candidates) == (Outcome.NONE, "none", ())


@pytest.mark.parametrize(
    ("text", "outcome", "rule"),
    [
        ("anonymous", Outcome.ANONYMOUS, "anonymous"),
        ("138****8000", Outcome.MASKED, "masked"),
        ("075595338", Outcome.SERVICE, "service"),
        ("1001", Outcome.NONE, "internal"),
        ("garbage", Outcome.NONE, "invalid"),
    ],
)
def test_outcomes_without_look_up(conn: Connection, text: str, outcome: Outcome, rule: str) -> None:
    """What may not be looked up has its own outcome and no customer."""
    found = _find(conn, text)
    assert (found.outcome, found.rule, found.customer, found.candidates) == (outcome, rule, None, ())


def test_suffix_is_only_a_hint(conn: Connection) -> None:
    """The same last 8 digits in another city are candidates without tier; the outcome is none."""
    found = _find(conn, "020-86013388")
    assert (found.outcome, found.rule, found.customer) == (Outcome.NONE, "suffix", None)
    assert [c.code for c in found.candidates] == ["C1"]
    assert found.candidates[0].tier is None
    assert found.candidates[0].green_channel is False


def test_suffix_never_joins_mobiles(conn: Connection, ids: dict[str, int]) -> None:
    """Eight equal digits say nothing where one of the two is a mobile."""
    listed = {"key": "mobile:13866667777", "suffix": "66667777", "display": "x", "customer_id": ids["P1"]}
    conn.execute(sa.insert(numbers).values(**listed))
    for caller in ("13966667777", "010-66667777", "13886013388"):
        assert _find(conn, caller).candidates == ()


def _bind(
    conn: Connection, key: str, customer_id: int, *, start_h: float = -1, end_h: float | None = 1
) -> None:
    until = None if end_h is None else NOW + timedelta(hours=end_h)
    row = {"virtual_key": key, "customer_id": customer_id, "valid_from": NOW + timedelta(hours=start_h)}
    conn.execute(sa.insert(axb_bindings).values(**row, valid_until=until))


def test_virtual_number_matches_through_its_binding_only(conn: Connection, ids: dict[str, int]) -> None:
    """A middle number brings whom it is bound to now, although somebody is listed with it."""
    listed = {"key": "mobile:17012345678", "suffix": "12345678", "display": "x", "customer_id": ids["P1"]}
    conn.execute(sa.insert(numbers).values(**listed))
    assert _find(conn, "17012345678").customer.code == "P1"
    _bind(conn, "mobile:17012345678", ids["P2"])
    found = _find(conn, "17012345678")
    assert (found.outcome, found.rule, found.customer.code) == (Outcome.ONE, "axb", "P2")


def test_virtual_number_of_many_pairs(conn: Connection, ids: dict[str, int]) -> None:
    """A middle number that serves two customers at once lists both."""
    _bind(conn, "mobile:17012345678", ids["P1"])
    _bind(conn, "mobile:17012345678", ids["P2"], end_h=None)
    found = _find(conn, "17012345678")
    assert (found.outcome, found.rule) == (Outcome.MANY, "axb")


def test_virtual_number_whose_binding_is_over(conn: Connection, ids: dict[str, int]) -> None:
    """An expired or future binding is nobody, and never falls back to a listed number."""
    _bind(conn, "mobile:17012345678", ids["P1"], start_h=-5, end_h=-1)
    _bind(conn, "mobile:17012345678", ids["P2"], start_h=1, end_h=5)
    found = _find(conn, "17012345678")
    assert (found.outcome, found.rule, found.customer) == (Outcome.NONE, "axb", None)


def test_both_ends_of_a_pair_are_one_customer(conn: Connection, ids: dict[str, int]) -> None:
    """The same customer twice in the binding table is one."""
    _bind(conn, "mobile:17012345678", ids["P1"])
    _bind(conn, "mobile:17012345678", ids["P1"], end_h=2)
    assert _find(conn, "17012345678").outcome is Outcome.ONE


def test_typed_waybill_is_the_second_key(conn: Connection) -> None:
    """An unknown or anonymous caller who typed a waybill is found by it (pain 16)."""
    _parcel(conn, "HC100000000001", "P1")
    for caller in ("13700137000", "anonymous"):
        found = _find(conn, caller, waybill="HC100000000001")
        assert (found.outcome, found.rule, found.customer.code) == (Outcome.ONE, "waybill", "P1")
        assert found.waybills[0].number == "HC100000000001"


def test_known_number_is_not_overruled_by_a_typed_waybill(conn: Connection) -> None:
    """Who is known by number stays so, whatever waybill was typed."""
    _parcel(conn, "HC100000000001", "P1")
    assert _find(conn, "13900139000", waybill="HC100000000001").customer.code == "P2"


def test_waybill_between_two_customers_is_many(conn: Connection) -> None:
    """Sender and receiver may both be meant: both are listed, with the waybill."""
    _parcel(conn, "HC100000000001", "P1", "P2")
    found = repos.find_by_waybill(conn, "hc 1000-0000-0001", now=NOW)
    assert (found.outcome, {c.code for c in found.candidates}) == (Outcome.MANY, {"P1", "P2"})
    assert [w.number for w in found.waybills] == ["HC100000000001"]


def test_waybill_of_nobody(conn: Connection) -> None:
    """A waybill without customers is shown by itself; an unknown one is none."""
    _parcel(conn, "HC100000000009")
    found = repos.find_by_waybill(conn, "HC100000000009", now=NOW)
    assert (found.outcome, found.rule, len(found.waybills)) == (Outcome.NONE, "waybill", 1)
    for unknown in ("HC999999999999", "nonsense", "'; DROP TABLE customers; --"):
        assert repos.find_by_waybill(conn, unknown, now=NOW).rule == "none"


def test_receiver_who_is_no_customer_sees_the_parcels(conn: Connection) -> None:
    """A number that only waybills carry brings those waybills, newest first, and no customer."""
    for i in range(7):
        _parcel(
            conn, f"HC20000000000{i}", receiver_key="mobile:13700137000", updated_at=NOW - timedelta(hours=i)
        )
    found = _find(conn, "13700137000")
    assert (found.outcome, found.rule, found.customer) == (Outcome.NONE, "party", None)
    assert [w.number for w in found.waybills] == [f"HC20000000000{i}" for i in range(5)]


def test_history_of_the_customer(conn: Connection, ids: dict[str, int]) -> None:
    """domain.md §3: problem items, last waybills, last contacts — the last five waybills sent or
    received, open problem items however old, the last contacts."""
    for i in range(8):
        side = {"sender": "P1"} if i % 2 else {"receiver": "P1"}
        _parcel(conn, f"HC30000000000{i}", **side, updated_at=NOW - timedelta(hours=i))
    _parcel(conn, "HC300000000099", "P1", updated_at=NOW - timedelta(days=9), problem="破损")
    for i in range(7):
        row = {"at": NOW - timedelta(days=i), "channel": "call", "summary": f"第 {i} 次", "ivr": {}}
        conn.execute(sa.insert(contacts).values(customer_id=ids["P1"], **row))
    found = _find(conn, "13800138000")
    assert [w.number for w in found.waybills] == [f"HC30000000000{i}" for i in range(5)] + ["HC300000000099"]
    assert [c.summary for c in found.contacts] == [f"第 {i} 次" for i in range(5)]
    assert "问题件 HC300000000099：破损" in found.customer.alerts
    assert "客户生日将至（3月12日）" in found.customer.alerts


def test_open_complaints_only(conn: Connection, ids: dict[str, int]) -> None:
    """domain.md §3: open complaints — complaints that wait for something are shown by deadline; closed
    ones are not."""
    who = {"opened_by": "1001", "customer_id": ids["P1"]}
    late = repos.add_complaint(conn, category="费用", summary="多收", opened_at=NOW, **who)
    soon = repos.add_complaint(conn, category="查询结果不一致", summary="不一致", opened_at=NOW, **who)
    gone = repos.add_complaint(conn, category="延误", summary="晚了", opened_at=NOW, **who)
    repos.act_on_complaint(conn, gone, "withdraw", version=1, who="1001", at=NOW)
    found = _find(conn, "13800138000")
    assert [c.id for c in found.complaints] == [soon, late]
    assert found.complaints[0].due_at == NOW + timedelta(hours=12)
    assert any(alert.startswith("有 2 件投诉未办结") for alert in found.customer.alerts)


def test_churn_alert_comes_from_orders(conn: Connection, ids: dict[str, int]) -> None:
    """domain.md §3: churn alert — a weekly regular who has been silent for 20 days is told as such."""
    for i in range(10):
        row = {"number": f"D{i}", "customer_id": ids["P1"], "at": NOW - timedelta(days=20 + 7 * i)}
        conn.execute(sa.insert(orders).values(**row))
    assert "流失警示：已 20 天未下单，通常约每 7 天一单" in _find(conn, "13800138000").customer.alerts


def test_by_id(conn: Connection, ids: dict[str, int]) -> None:
    """A candidate that the agent chose is fetched with all of its history; an unknown id is none."""
    assert repos.find_by_id(conn, ids["P2"], now=NOW).customer.company == "青禾服饰"
    assert repos.find_by_id(conn, 10**12, now=NOW).outcome is Outcome.NONE
    assert repos.customer(conn, 10**12, now=NOW) is None


def test_reading_connection_suffices(database: Database, ids: dict[str, int]) -> None:
    """A look-up never writes."""
    with database.begin(write=False) as reading:
        assert _find(reading, "13800138000").outcome is Outcome.ONE


def test_many_candidates_are_bounded(conn: Connection) -> None:
    """A number on hundreds of customers lists twenty."""
    given = [
        Given({"code": f"X{i}", "kind": "person", "name": f"人{i}"}, numbers=[_number("010-66666666")])
        for i in range(60)
    ]
    upsert_customers(conn, given, now=NOW, scheme=None, source="test")
    assert len(_find(conn, "010-66666666").candidates) == 20
