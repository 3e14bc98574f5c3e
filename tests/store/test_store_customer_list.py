"""The list of customers on both databases: filters, orders, pages by key that neither lose nor repeat."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.errors import UsageError
from cti.schemes import load_scheme
from cti.store.db import Database
from cti.store.repos import customer_list as store
from cti.store.repos.customer_list import ListFilter, Place, Sort
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from cti.store.tables import customers
from cti.store.tables_tiers import customer_metrics, customer_tiers

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)


def _given(i: int) -> Given:
    firm = i % 3 == 0
    key = f"mobile:1380000{i:04d}"
    return Given(
        values={
            "code": f"K{i:03d}",
            "kind": "company" if firm else "person",
            "name": ("蓝天" if firm else "王") + "甲乙丙丁"[i % 4],
            "industry": ("", "制造", "金融")[i % 3],
            "services": "国际、同城" if i % 2 else "国际货代",
            "county": "麻城市" if i % 5 == 0 else "",
            "representative": "1001" if i % 4 == 0 else "",
            "green_channel": i == 7,
        },
        metrics={"monthly_revenue": 1000.0 * i},
        numbers=[
            {
                "key": key,
                "suffix": key[-8:],
                "display": key[7:],
                "label": "",
                "extension": "",
                "contact": "",
            }
        ],
    )


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """Twenty-three customers; every other one has figures, one scheme is computed beside the active one."""
    with database.begin() as connection:
        batch = [_given(i) for i in range(1, 24)]
        upsert_customers(connection, batch, now=NOW, scheme=load_scheme("sf"), source="test")
        ids = list(connection.execute(sa.select(customers.c.id).order_by(customers.c.code)).scalars())
        figures = [
            {
                "customer_id": i,
                "annual_revenue": float(n % 4),
                "regions": 1 + n % 2,
                "churn": ("", "silent", "volume")[n % 3],
                "computed_at": NOW,
            }
            for n, i in enumerate(ids)
            if n % 2
        ]
        connection.execute(sa.insert(customer_metrics), figures)
        beside = [{"customer_id": i, "scheme": "abcd", "tier_id": "a", "at": NOW} for i in ids[:4]]
        connection.execute(sa.insert(customer_tiers), beside)
        sides = {"number": "HC100000000009", "state": "signed", "updated_at": NOW}
        upsert_waybills(connection, [GivenWaybill(sides, sender_code="K005")], now=NOW, source="test")
        yield connection


def _codes(conn: Connection, **f: Any) -> list[str]:
    page = store.customer_page(conn, ListFilter(**f), sort="code", limit=50)
    assert page.total == len(page.rows)
    return [row["code"] for row in page.rows]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"kind": "company"}, lambda i: i % 3 == 0),
        ({"industry": "制造"}, lambda i: i % 3 == 1),
        ({"service": "国际"}, lambda i: i % 2 == 1),
        ({"service": "国际货代"}, lambda i: i % 2 == 0),
        ({"county": "麻城市"}, lambda i: i % 5 == 0),
        ({"representative": "1001"}, lambda i: i % 4 == 0),
        ({"green": True}, lambda i: i == 7),
        ({"region": "全省性"}, lambda i: i % 2 == 0),
        ({"churn": "silent"}, lambda i: i % 2 == 0 and (i - 1) % 3 == 1),
        ({"churn": "any"}, lambda i: i % 2 == 0 and (i - 1) % 3 > 0),
        ({"scheme": "sf", "tier": "vip"}, lambda i: i >= 10),
        ({"scheme": "abcd", "tier": "a", "beside": True}, lambda i: i <= 4),
        ({"q": "13800000012"}, lambda i: i == 12),
        ({"q": "K01"}, lambda i: False),
        ({"q": "K015"}, lambda i: i == 15),
        ({"q": "蓝天甲"}, lambda i: i % 12 == 0),
        ({"q": "HC1000000000"}, lambda i: i == 5),
        ({"kind": "company", "service": "同城"}, lambda i: i % 3 == 0 and i % 2 == 1),
    ],
)
def test_filters(conn: Connection, given: dict[str, Any], kept: Any) -> None:
    """domain.md §2: hubei_ems classes — kind, tier of any scheme, the three classifications of 湖北,
    county, representative, alerts, words."""
    assert _codes(conn, **given) == [f"K{i:03d}" for i in range(1, 24) if kept(i)]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("sort", get_args(Sort))
def test_pages_by_key(conn: Connection, sort: Sort, turned: bool) -> None:
    """Forth and back through every order: each customer once, also among equal keys and without figures."""
    how: dict[str, Any] = {"sort": sort, "turned": turned, "limit": 5}
    page = store.customer_page(conn, ListFilter(), **how)
    assert page.before is None
    forth = [[row["id"] for row in page.rows]]
    while page.after is not None:
        there = Place.read(page.after.text(), sort)
        page = store.customer_page(conn, ListFilter(), after=there, **how)
        forth.append([row["id"] for row in page.rows])
    assert [len(part) for part in forth] == [5, 5, 5, 5, 3]
    assert len({i for part in forth for i in part}) == 23
    back = []
    while page.before is not None:
        page = store.customer_page(conn, ListFilter(), before=page.before, **how)
        back.append([row["id"] for row in page.rows])
    assert back[::-1] == forth[:-1]
    whole = store.customer_page(conn, ListFilter(), sort=sort, turned=turned)
    key = {"new": "id", "value": "annual_revenue"}.get(sort, sort)
    keys = [row[key] for row in whole.rows if row[key] is not None]
    assert keys == sorted(keys, reverse=turned ^ (sort in ("new", "value")))


@pytest.mark.parametrize("text", ["", "x", "W10", "WyJhIiwxXQ", "WzEsMV0", "WzEsMSwxXQ"])
def test_a_place_of_another_order_is_refused(text: str) -> None:
    """What was typed into the address, or belongs to another order, is no place."""
    with pytest.raises(UsageError):
        Place.read(text, "name" if text == "WzEsMV0" else "new")


def test_industries_by_hops(conn: Connection) -> None:
    """Each industry once, without those who have none."""
    assert sorted(store.industries(conn)) == ["制造", "金融"]
