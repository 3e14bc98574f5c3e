"""A customer's record edited by people: nothing is lost, nothing half done, all of it on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.phone import parse
from cti.store import repos
from cti.store.db import Database
from cti.store.repos.customer_edit import (
    BadNumber,
    BadPerson,
    Edit,
    changes_of,
    edit_customer,
    record,
)
from cti.store.repos.customers import Given, upsert_customers
from cti.store.tables import audit, axb_bindings, customers

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)
BY: dict[str, Any] = {"who": "a1001", "at": NOW}


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """深圳蓝桥 with one contact person, and a middle number."""
    with database.begin() as connection:
        firm = Given(
            {"code": "C-001", "kind": "company", "name": "深圳蓝桥电子", "note": "备用 13800138000"},
            contacts=[{"name": "欧阳雪"}],
        )
        upsert_customers(connection, [firm], now=NOW, scheme=None, source="test")
        virtual = parse("17000001234").key
        binding = {"virtual_key": virtual, "customer_id": 1, "valid_from": NOW}
        connection.execute(sa.insert(axb_bindings).values(binding))
        yield connection


def _id(conn: Connection) -> int:
    return int(conn.execute(sa.select(customers.c.id)).scalar_one())


def test_fields_numbers_and_people_change_in_one_step(conn: Connection) -> None:
    """domain.md §1: company, trade history — 主营业务, 合作年限, 付款情况, 联系人: edited, found."""
    cid = _id(conn)
    edit = Edit(
        fields={
            "cooperation_years": 6.5,
            "payment": "月结 30 天",
            "name": "深圳蓝桥科技",
            "business": "电子元件",
            "birthday": date(2001, 5, 1),
            "address": "南山区",
        },
        add_numbers=[("0755-86013388", "电话", ""), ("138 0013 8000", "", "林岚")],
        people=[{"name": "林岚", "age": 31, "hobbies": "登山", "role": "仓管"}],
    )
    assert edit_customer(conn, cid, edit, version=1, **BY) == 2
    found = record(conn, cid)
    assert found is not None
    assert (found.row["name"], found.row["business"], found.row["version"]) == ("深圳蓝桥科技", "电子元件", 2)
    assert (found.row["cooperation_years"], found.row["payment"]) == (6.5, "月结 30 天")
    assert [(n["key"], n["contact_name"]) for n in found.numbers] == [
        ("fixed:0755-86013388", None),
        ("mobile:13800138000", "林岚"),
    ]
    assert [(p["name"], p["age"], p["hobbies"]) for p in found.people] == [
        ("欧阳雪", None, ""),
        ("林岚", 31, "登山"),
    ]
    for words in ("蓝桥科技", "林岚", "欧阳雪", "13800138000"):
        assert [h.customer.id for h in repos.search(conn, words) if h.customer] == [cid]
    assert repos.search(conn, "蓝桥电子") == []
    (change,) = changes_of(conn, cid)
    assert change["changes"]["name"] == ["深圳蓝桥电子", "深圳蓝桥科技"]
    assert change["changes"]["numbers"] == ["", "0755-86013388、13800138000"]
    (told,) = conn.execute(sa.select(audit).where(audit.c.subject == f"customer:{cid}")).mappings()
    assert (told["who"], told["action"], told["detail"]["version"]) == ("a1001", "edit", 2)


def test_who_is_second_changes_nothing(conn: Connection) -> None:
    """Two people edit one customer: the second one is told, and the first one's work stays."""
    cid = _id(conn)
    edit_customer(conn, cid, Edit({"address": "宝安"}), version=1, **BY)
    with pytest.raises(repos.StaleVersion):
        edit_customer(conn, cid, Edit({"address": "福田", "note": ""}), version=1, **BY)
    found = record(conn, cid)
    assert found is not None
    assert (found.row["address"], found.row["version"]) == ("宝安", 2)


def test_what_comes_back_as_it_was_shown_stays(conn: Connection) -> None:
    """A note that is sent back with its number hidden is not saved so; nothing changed, no version."""
    cid = _id(conn)
    hidden = lambda text: text.replace("13800138000", "138****8000")  # noqa: E731
    edit = Edit({"note": "备用 138****8000", "name": "深圳蓝桥电子"})
    assert edit_customer(conn, cid, edit, version=1, seen=hidden, **BY) == 1
    found = record(conn, cid)
    assert found is not None
    assert found.row["note"] == "备用 13800138000"


@pytest.mark.parametrize(
    ("text", "why"), [("12", "invalid"), ("10086", "invalid"), ("x", "invalid"), ("17000001234", "virtual")]
)
def test_numbers_that_are_nobodys_are_refused(
    database: Database, conn: Connection, text: str, why: str
) -> None:
    """No short and no middle number becomes a customer's own; the rest of the edit is not done either."""
    cid = _id(conn)
    with pytest.raises(BadNumber) as refused, conn.begin_nested():
        edit_customer(conn, cid, Edit({"address": "福田"}, add_numbers=[(text, "", "")]), version=1, **BY)
    assert (refused.value.text, refused.value.why) == (text, why)
    found = record(conn, cid)
    assert found is not None
    assert (found.row["address"], found.row["version"]) == ("", 1)


def test_people_are_renamed_and_removed_but_never_doubled(conn: Connection) -> None:
    """A contact person keeps a name of his own; one who is gone cannot be changed any more."""
    cid = _id(conn)
    (one,) = record(conn, cid).people  # type: ignore[union-attr]  # there is one
    assert edit_customer(conn, cid, Edit(people=[{"id": one["id"], "name": "欧阳晴"}]), version=1, **BY) == 2
    for bad in ({"name": "欧阳晴"}, {"name": " "}, {"id": 999, "name": "甲"}):
        with pytest.raises(BadPerson), conn.begin_nested():
            edit_customer(conn, cid, Edit(people=[bad]), version=2, **BY)
    assert edit_customer(conn, cid, Edit(drop_people=[one["id"]]), version=2, **BY) == 3
    assert repos.search(conn, "欧阳") == []
    assert [c["changes"] for c in changes_of(conn, cid, after=1)] == [
        {"people": ["欧阳晴", ""]},
        {"people": ["欧阳雪", "欧阳晴"]},
    ]
