"""Search by number, name, 编号 and waybill; common words cost no more than rare ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from cti.store import repos
from cti.store.db import Database
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.waybills import GivenWaybill, upsert_waybills

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """A store with five customers and one waybill of each."""
    people = [
        Given(
            {"code": "C-001", "kind": "company", "name": "深圳蓝桥电子有限公司"},
            contacts=[{"name": "欧阳雪"}],
        ),
        Given({"code": "C-002", "kind": "company", "name": "广州蓝天服饰有限公司"}),
        Given({"code": "P-001", "kind": "person", "name": "王小明", "company": "远舟科技"}),
        Given({"code": "P-002", "kind": "person", "name": "王明"}),
        Given({"code": "P-003", "kind": "person", "name": "O'Brien 50%_\\"}),
    ]
    number = {"label": "", "extension": "", "contact": ""}
    people[0].numbers = [{**number, "key": "fixed:0755-86013388", "suffix": "86013388", "display": "x"}]
    people[2].numbers = [{**number, "key": "mobile:13800138000", "suffix": "00138000", "display": "x"}]
    with database.begin() as connection:
        upsert_customers(connection, people, now=NOW, scheme=None, source="test")
        parcels = [GivenWaybill({"number": f"HC10000000000{i}", "state": "signed"}) for i in range(3)]
        upsert_waybills(connection, parcels, now=NOW, source="test")
        yield connection


def _names(conn: Connection, query: str) -> list[str]:
    return [
        hit.customer.name if hit.customer else hit.waybill.number if hit.waybill else ""
        for hit in repos.search(conn, query)
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("蓝桥", ["深圳蓝桥电子有限公司"]),
        ("蓝桥电子", ["深圳蓝桥电子有限公司"]),
        ("有限公司", ["广州蓝天服饰有限公司", "深圳蓝桥电子有限公司"]),
        ("王", ["王小明", "王明"]),
        ("王明", ["王明"]),
        ("远舟", ["王小明"]),
        ("欧阳", ["深圳蓝桥电子有限公司"]),
        ("o'brien", ["O'Brien 50%_\\"]),
        ("桥蓝", []),
        ("C-001", ["深圳蓝桥电子有限公司"]),
        ("13800138000", ["王小明"]),
        ("+86 138-0013-8000", ["王小明"]),
        ("1380013", ["王小明"]),
        ("86013388", ["深圳蓝桥电子有限公司"]),
        ("0755-8601", ["深圳蓝桥电子有限公司"]),
        ("0755860", ["深圳蓝桥电子有限公司"]),
        ("hc1000-0000-0001", ["HC100000000001"]),
        ("HC10000000000", ["HC100000000000", "HC100000000001", "HC100000000002"]),
        ("", []),
        ("   ", []),
        ("%", []),
        ("_", []),
        ('" OR 1=1 --', []),
        ("AND", []),
        ("*", []),
    ],
)
def test_search(conn: Connection, query: str, names: list[str]) -> None:
    """What an agent types finds what it should, by its parts, and no sign has a meaning of its own."""
    assert sorted(_names(conn, query)) == sorted(names)


def test_exact_name_comes_first(conn: Connection) -> None:
    """The name that was typed whole is on top, then names that begin so."""
    assert _names(conn, "王明")[0] == "王明"


def test_renamed_customer_is_found_by_the_new_name_only(conn: Connection) -> None:
    """The search follows a change of name."""
    renamed = Given({"code": "P-002", "kind": "person", "name": "诸葛亮"})
    upsert_customers(conn, [renamed], now=NOW, scheme=None, source="test")
    assert _names(conn, "诸葛") == ["诸葛亮"]
    assert _names(conn, "王明") == []


def test_words_that_thousands_have(database: Database) -> None:
    """The whole name comes first however many hold the word; rare words are found behind common ones."""
    firms = [
        Given({"code": f"K{i}", "kind": "company", "name": f"甲{i:04d}物流有限公司"}) for i in range(3000)
    ]
    firms.append(Given({"code": "S1", "kind": "company", "name": "有限公司"}))
    firms.append(Given({"code": "S2", "kind": "company", "name": "壬癸有限公司"}))
    with database.begin() as conn:
        for start in range(0, len(firms), 500):
            upsert_customers(conn, firms[start : start + 500], now=NOW, scheme=None, source="test")
        assert _names(conn, "有限公司")[0] == "有限公司"
        assert len(_names(conn, "物流")) == 20
        assert _names(conn, "癸有限公司") == ["壬癸有限公司"]
        assert _names(conn, "2047物流") == ["甲2047物流有限公司"]
        assert _names(conn, "甲00")[:2] == ["甲0000物流有限公司", "甲0001物流有限公司"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=70))
def test_search_takes_any_text(conn: Connection, query: str) -> None:
    """Nothing that can be typed makes the search fail."""
    assert isinstance(repos.search(conn, query.replace("\x00", "")), list)
