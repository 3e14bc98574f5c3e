"""Pushed waybills and orders in the store: any order of telling ends in the same place, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cti.store.db import Database
from cti.store.repos import hooks
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.hooks import DeliveryReused, Push
from cti.store.repos.integrations import add_integration
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from cti.store.tables import orders, waybill_events, waybills
from cti.store.tables_links import hook_deliveries, outbox

T0 = datetime(2026, 3, 8, 15, 30, tzinfo=UTC)
NOW = T0 + timedelta(days=1)
NUMBER = "SF1234567890"


def _event(minute: int, state: str, place: str = "深圳", text: str = "") -> dict[str, Any]:
    at = T0 + timedelta(minutes=minute)
    return {"at": at, "state": state, "place": place, "operator": "", "text": text}


def _push(minute: int, facts: dict[str, Any], *events: dict[str, Any]) -> Push:
    return Push(0, NUMBER, T0 + timedelta(minutes=minute), facts, events)


def _end(database: Database, pushes: Sequence[Push], before: GivenWaybill | None = None) -> dict[str, Any]:
    """Where a row of deliveries ends; nothing is kept."""
    with database.begin() as conn:
        step = conn.begin_nested()
        if before is not None:
            upsert_waybills(conn, [before], now=T0, source="import")
        for push in pushes:
            hooks.push_waybills(conn, [push], now=NOW, source="api:T")
        row = dict(conn.execute(sa.select(waybills)).mappings().one())
        query = sa.select(waybill_events).order_by(waybill_events.c.at, waybill_events.c.state)
        events = conn.execute(query.order_by(waybill_events.c.place)).mappings().all()
        step.rollback()
    for name in ("id", "version"):
        row.pop(name)
    return row | {"events": [{k: v for k, v in e.items() if k not in ("id", "waybill_id")} for e in events]}


_STATES = st.sampled_from(["collected", "in_transit", "delivering", "problem", "signed", "returning"])
_EVENTS = st.builds(
    _event, st.integers(0, 6), _STATES, st.sampled_from(["深圳", "北京"]), st.sampled_from(["", "拒收"])
)
_FACTS = st.fixed_dictionaries(
    {}, optional={"site": st.sampled_from(["甲", "乙"]), "pieces": st.integers(1, 3), "goods": st.just("书")}
)
_PUSHES = st.lists(
    st.builds(lambda m, f, e: _push(m, f, *e), st.integers(0, 6), _FACTS, st.lists(_EVENTS, max_size=3)),
    min_size=1,
    max_size=6,
)
_BEFORE = st.one_of(
    st.none(),
    st.builds(
        lambda minute, state: GivenWaybill(
            {"number": NUMBER, "state": state, "updated_at": T0 + timedelta(minutes=minute)}
        ),
        st.integers(0, 6),
        _STATES,
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), pushes=_PUSHES, before=_BEFORE)
def test_any_order_of_deliveries_ends_in_the_same_place(
    database: Database, data: st.DataObject, pushes: list[Push], before: GivenWaybill | None
) -> None:
    """Deliveries that come mixed up and twice leave the waybill and its history as those in order do."""
    mixed = data.draw(st.permutations([*pushes, *data.draw(st.lists(st.sampled_from(pushes), max_size=3))]))
    assert _end(database, mixed, before) == _end(database, pushes, before)


def test_a_late_old_event_only_adds_to_the_history(database: Database) -> None:
    """An event older than the state is in the history; state, problem and words stay those of the newest."""
    signed = _push(9, {}, _event(9, "signed", "北京", "本人签收"))
    old = _push(3, {"site": "旧网点"}, _event(3, "problem", "武汉", "外包装破损"))
    newer = _push(9, {"site": "新网点"})
    end = _end(database, [signed, newer, old])
    assert (end["state"], end["problem"], end["site"]) == ("signed", "", "新网点")
    assert (end["last_event"], end["updated_at"]) == ("北京 本人签收", T0 + timedelta(minutes=9))
    assert [e["state"] for e in end["events"]] == ["problem", "signed"]


def test_a_fresh_exception_becomes_one_event(database: Database) -> None:
    """A waybill that turns into a problem is told once, an old one not at all."""
    push = _push(9, {}, _event(9, "problem", "武汉", "拒收"))
    with database.begin() as conn:
        hooks.push_waybills(conn, [push], now=NOW, source="api:T")
        hooks.push_waybills(conn, [push], now=NOW, source="api:T")
        other = Push(0, "SF999999999", T0, {}, [_event(0, "lost")])
        hooks.push_waybills(conn, [other], now=T0 + timedelta(days=9), source="api:T")
        told = conn.execute(sa.select(outbox.c.kind, outbox.c.subject)).all()
    assert [tuple(t) for t in told] == [("waybill.exception", f"waybill:{NUMBER}")]


def test_orders_newest_telling_counts_and_unknown_customers_are_bad(database: Database) -> None:
    """Of two tellings the later counts whatever came first; an order of nobody is named with its place."""
    with database.begin() as conn:
        given = [Given({"code": c, "kind": "person", "name": c}) for c in ("C1", "C2")]
        upsert_customers(conn, given, now=T0, scheme=None, source="import")

        def push(minute: int, code: str, **facts: Any) -> hooks.Taken:
            at = T0 + timedelta(minutes=minute)
            one = Push(3, "D1", at, {"at": T0, **facts}, codes={"customer": code})
            return hooks.push_orders(conn, [one], source="api:T")

        push(5, "C1", pieces=5, amount_fen=500)
        assert push(2, "C1", pieces=2).unchanged == 1
        assert push(9, "C1", state="cancelled").changed == 1
        row = conn.execute(sa.select(orders)).mappings().one()
        assert (row["pieces"], row["amount_fen"], row["state"], row["at"]) == (5, 500, "cancelled", T0)
        assert push(9, "C9").bad == [(3, "没有客户编号 C9")]


def test_one_delivery_at_a_time_and_once(database: Database) -> None:
    """Two services that get one delivery at the same moment take it once and answer the same."""
    with database.begin() as conn:
        how = {"name": "T", "token_hash": "h", "scopes": ["waybills:write"], "at": T0, "who": "x"}
        one = add_integration(conn, **how)
    answers: list[Any] = []
    start = threading.Barrier(2)

    def deliver() -> None:
        start.wait(10)
        with database.begin() as conn:
            known = hooks.begin_delivery(conn, one, "waybills", "d-1", "sha", at=T0)
            if known is None:
                hooks.push_waybills(conn, [_push(1, {}, _event(1, "collected"))], now=NOW, source="api:T")
                known = {"created": 1}
                hooks.end_delivery(conn, one, "d-1", known)
            answers.append(known)

    threads = [threading.Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [{"created": 1}, {"created": 1}]
    with database.begin(write=False) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(hook_deliveries)).scalar() == 1
        with pytest.raises(DeliveryReused):
            hooks.begin_delivery(conn, one, "waybills", "d-1", "other", at=T0)
