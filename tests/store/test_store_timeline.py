"""The time line of one customer on both databases: every kind of thing that can have happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.problem import ProblemKind, Shift
from cti.schemes import load_scheme
from cti.store import repos
from cti.store.db import Database
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.ivr import add_ivr_contact, add_request, request_callback, save_score
from cti.store.repos.problems import register_problem
from cti.store.repos.timeline import Kind
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from cti.store.tables_quality import recordings, reviews

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)
KEY = "mobile:13800138000"
CALL: dict[str, Any] = {"node": "pbx1", "linkedid": "1741590000.1"}


def _ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """王小明, to whom everything has happened once; somebody else, to whom other things have."""
    number = {"key": KEY, "suffix": KEY[-8:], "display": KEY[7:], "label": "", "extension": "", "contact": ""}
    people = [
        Given({"code": "P1", "kind": "person", "name": "王小明"}, {"monthly_revenue": 500}, numbers=[number]),
        Given({"code": "P2", "kind": "person", "name": "李芳"}, {"monthly_revenue": 20_000}),
    ]
    with database.begin() as c:
        upsert_customers(c, people, now=_ago(20), scheme=load_scheme("sf"), source="test")
        one, other = _id(c, "P1"), _id(c, "P2")
        for cid in (one, other):
            for hours, channel, way in (
                (1, "call", "inbound"),
                (2, "call", "outbound"),
                (3, "wechat", "inbound"),
                (4, "visit", "outbound"),
            ):
                told = {"direction": way, "agent": "1001", "summary": f"{channel} {way}"}
                repos.add_contact(c, at=_ago(hours), channel=channel, customer_id=cid, **told)
        add_ivr_contact(c, number_key=KEY, at=_ago(5), ended_at=_ago(4.9), path="查件>人工", **CALL)
        save_score(c, at=_ago(6), score=4, agent="1001", number_key=KEY, **CALL)
        wish = {"number_display": "13800138000", "queue": "hotline", "waiting_since": _ago(7)}
        request_callback(c, number_key=KEY, requested_at=_ago(7), **wish, **CALL)
        add_request(c, kind="pickup", number_key=KEY, at=_ago(8), **CALL)
        complaint = {"category": "破损", "summary": "外箱破损", "opened_by": "1001", "customer_id": one}
        repos.add_complaint(c, opened_at=_ago(9), **complaint)
        register_problem(
            c,
            kind=ProblemKind.DAMAGE,
            shift=Shift.MID,
            remark="3月10日9点 李女士 外箱破损拒收 13800138000",
            arose_at=_ago(10.2),
            at=_ago(10),
            who="1001",
            waybill="SF1234567890",
            customer_id=one,
        )
        parcel = {"number": "SF1234567890", "state": "problem", "updated_at": _ago(11)}
        upsert_waybills(c, [GivenWaybill(parcel, sender_code="P1")], now=NOW, source="test")
        part = {"id": "r1", "uniqueid": "1", "number_key": KEY, "agent": "1001", "state": "ended", **CALL}
        c.execute(sa.insert(recordings).values(started_at=_ago(12), **part))
        review = {"recording_id": "r1", "state": "published", "auto_score": 92.5}
        c.execute(sa.insert(reviews).values(created_at=NOW, updated_at=NOW, **review))
        yield c


def _id(conn: Connection, code: str) -> int:
    (hit,) = repos.search(conn, code)
    assert hit.customer is not None
    return hit.customer.id


def test_every_kind_stands_on_one_line(conn: Connection) -> None:
    """domain.md §1: interaction history — calls, menus, messages, complaints, scores on one line."""
    items = repos.timeline(conn, _id(conn, "P1"))
    assert [item.kind for item in items] == [
        *("call", "outbound", "message", "visit", "ivr", "survey", "callback", "request"),
        *("complaint", "problem", "waybill", "score", "tier"),
    ]
    assert {item.kind for item in items} == set(get_args(Kind))
    assert [item.at for item in items] == sorted((item.at for item in items), reverse=True)
    others = {item.kind for item in repos.timeline(conn, _id(conn, "P2"))}
    assert others == {"call", "outbound", "message", "visit", "tier"}


def test_every_item_names_the_record_that_it_opens(conn: Connection) -> None:
    """What was left in the menus opens the contact of its call; the rest opens itself."""
    items = {item.kind: item for item in repos.timeline(conn, _id(conn, "P1"))}
    contact = items["ivr"].ref
    assert [items[kind].ref for kind in ("survey", "callback", "request")] == [contact] * 3
    assert items["problem"].ref.startswith("WT")
    assert (items["waybill"].ref, items["score"].ref) == ("SF1234567890", "r1")
    assert "外箱破损拒收" in items["problem"].detail
    assert items["problem"].title == "货物破损或未接到 · 未结"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_one_kind_alone(conn: Connection, kind: Kind) -> None:
    """Asked for one kind, the line holds that kind only."""
    (item,) = repos.timeline(conn, _id(conn, "P1"), kinds=(kind,))
    assert item.kind == kind


def test_pages_go_on_where_the_last_one_ended(conn: Connection) -> None:
    """The page before a moment begins with what came before it; nothing twice, nothing left out."""
    cid = _id(conn, "P1")
    whole = repos.timeline(conn, cid)
    pages = []
    before = None
    while part := repos.timeline(conn, cid, limit=4, before=before):
        pages += part
        before = part[-1].at
    assert pages == whole
