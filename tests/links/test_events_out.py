"""Events out: written where things happen, posted signed and in order, tried again, put aside, sent again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cti.config import EventSettings
from cti.domain import signing
from cti.domain.events import LONGEST_S, again_after
from cti.domain.problem import ProblemKind, Shift
from cti.errors import UsageError
from cti.store import repos
from cti.store.db import Database
from cti.store.repos import ivr, outbox, problems
from cti.store.repos import subscriptions as subs
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from cti.store.tables_links import deliveries
from screenpop.courier import Courier
from tests.plugins.links import Join, Receiver
from tests.plugins.screenpop import PopLine, Story

T0 = datetime(2026, 3, 8, 15, 59, 59, tzinfo=UTC)


def _emit(database: Database, subject: str, n: int) -> None:
    with database.begin() as conn:
        outbox.emit(conn, "complaint.changed", subject, at=T0, body={"n": n}, mark=f"{subject}:{n}")


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = T0

    def __call__(self) -> datetime:
        return self.now


@contextlib.asynccontextmanager
async def _courier(database: Database, clock: Clock, **settings: Any) -> AsyncIterator[Courier]:
    courier = Courier(database, EventSettings(**settings), clock, look_s=0.01)
    courier.start()
    try:
        yield courier
    finally:
        await courier.stop()


def _subscribe(database: Database, url: str, *kinds: str, name: str = "CRM") -> None:
    with database.begin() as conn:
        made = {"name": name, "url": url, "secret": "s3cret", "kinds": kinds}
        subs.add_subscription(conn, **made, at=T0, who="root")


def _rows(database: Database) -> list[Any]:
    with database.begin(write=False) as conn:
        return list(conn.execute(sa.select(deliveries).order_by(deliveries.c.seq)).mappings())


async def _until(database: Database, true: Callable[[list[Any]], bool]) -> list[Any]:
    async with asyncio.timeout(20):
        while not true(rows := await asyncio.to_thread(_rows, database)):
            await asyncio.sleep(0.02)
    return rows


async def test_events_come_signed_and_in_order_whatever_the_receiver_does(
    database: Database, receiver: Receiver
) -> None:
    """A receiver that fails, hangs, cuts and redirects gets every event, each subject in its order."""
    _subscribe(database, receiver.url)
    receiver.answers = [500, "hang", "cut", 302, 429]
    for n in range(4):
        _emit(database, "complaint:1", n)
        _emit(database, "complaint:2", n)
    clock = Clock()
    async with _courier(database, clock, timeout_s=0.3):
        for tries in range(1, 6):
            await receiver.count(tries)
            await _until(database, lambda rows, t=tries: sum(r["attempts"] for r in rows) >= t)  # type: ignore[misc]
            clock.now += timedelta(seconds=2 * LONGEST_S)
        rows = await _until(database, lambda rows: all(r["state"] == "sent" for r in rows))
    assert len(rows) == 8
    for subject in ("complaint:1", "complaint:2"):
        mine = [h["data"]["n"] for h in receiver.heard if h["subject"] == subject]
        assert list(dict.fromkeys(mine)) == [0, 1, 2, 3]
        assert mine == sorted(mine)
    for head, body in zip(receiver.heads, receiver.bodies, strict=True):
        assert signing.fault(head[signing.HEADER], "s3cret", body, time.time()) == ""
    ids = {(h["id"], h["subject"], h["data"]["n"]) for h in receiver.heard}
    assert len(ids) == 8


async def test_dead_letters_are_kept_and_sent_again(database: Database, receiver: Receiver) -> None:
    """What is refused too often is put aside without holding up its receiver, and goes out when asked."""
    _subscribe(database, receiver.url)
    receiver.answers = [400, 200, 400]
    _emit(database, "complaint:1", 0)
    clock = Clock()
    async with _courier(database, clock, attempts=2):
        await receiver.count(1)
        await _until(database, lambda rows: rows[0]["attempts"] == 1)
        _emit(database, "complaint:9", 0)
        await receiver.count(2)
        clock.now += timedelta(hours=3)
        await _until(database, lambda rows: [r["state"] for r in rows] == ["dead", "sent"])
        with database.begin() as conn:
            (told,) = subs.list_subscriptions(conn)
            assert (told["dead"], told["sent"], told["last_error"]) == (1, 1, "HTTP 400")
            assert subs.resend(conn, name="CRM", at=clock.now, who="root") == 1
        await _until(database, lambda rows: all(r["state"] == "sent" for r in rows))
    assert [h["subject"] for h in receiver.heard] == [
        "complaint:1",
        "complaint:9",
        "complaint:1",
        "complaint:1",
    ]
    with database.begin(write=False) as conn:
        assert [e["action"] for e in repos.list_audit(conn)] == ["resend", "subscription_add"]


async def test_two_services_share_the_work(database: Database, receiver: Receiver) -> None:
    """Two couriers on one store send each event once and never two of one subject at a time."""
    _subscribe(database, receiver.url, "complaint.changed")
    for n in range(12):
        _emit(database, f"complaint:{n % 3}", n)
    clock = Clock()
    async with _courier(database, clock), _courier(database, clock):
        await _until(database, lambda rows: len(rows) == 12 and all(r["state"] == "sent" for r in rows))
    assert sorted(h["data"]["n"] for h in receiver.heard) == list(range(12))
    for rest in range(3):
        mine = [h["data"]["n"] for h in receiver.heard if h["data"]["n"] % 3 == rest]
        assert mine == sorted(mine)


def test_numbers_are_given_in_order_of_commit(database: Database) -> None:
    """Who has pulled up to a number never misses one that was written earlier but committed later."""
    with database.begin() as conn:
        outbox.emit(conn, "problem.opened", "problem:1", at=T0, body={}, mark="1")
        assert outbox.events_after(conn, 0) == []
    _emit(database, "complaint:1", 1)
    with database.begin() as conn:
        assert outbox.sort(conn, now=T0, most_waiting=10) == 2
        assert [e["seq"] for e in outbox.events_after(conn, 0)] == [1, 2]
        outbox.emit(conn, "problem.opened", "problem:1", at=T0, body={}, mark="1")
        assert outbox.sort(conn, now=T0, most_waiting=10) == 0


def test_a_full_queue_puts_aside(database: Database) -> None:
    """A receiver with too much waiting gets further events as dead letters, which say why."""
    _subscribe(database, "http://crm.example/hook")
    for n in range(5):
        _emit(database, f"complaint:{n}", n)
    with database.begin() as conn:
        outbox.sort(conn, now=T0, most_waiting=3)
    assert [(r["state"], r["last_error"]) for r in _rows(database)][2:4] == [
        ("waiting", ""),
        ("dead", "queue full"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://crm.example/",
        "http://169.254.169.254/latest",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "http://user:pw@crm.example/",
        "http://crm.example/ a",
        "http:///x",
        "javascript:alert(1)",
        "http://crm.example:99999/",
    ],
)
def test_addresses_that_are_no_receivers(url: str) -> None:
    """Only plain http(s) addresses are taken; link-local ones never."""
    with pytest.raises(UsageError):
        subs.checked_url(url)


def test_pauses_grow_to_an_hour() -> None:
    """5, 10, 20 … seconds, at most an hour, spread by a fifth."""
    assert [again_after(n, 0.5) for n in (1, 2, 3, 30)] == [5.0, 10.0, 20.0, LONGEST_S]
    assert again_after(1, 0.0) == 4.0


def test_everything_that_happens_is_written_down(database: Database) -> None:
    """Complaints, problem items, callbacks, scores and exceptions each leave their event, once."""
    now = datetime.now(UTC)
    with database.begin() as conn:
        made = repos.add_complaint(conn, category="延误", summary="x", opened_at=now, opened_by="a")
        repos.act_on_complaint(conn, made, "take", version=1, who="a", at=now)
        remark = "3月10日9点 李女士 外箱破损拒收 13800138000"
        how: dict[str, Any] = {"kind": ProblemKind.DAMAGE, "shift": Shift.MID, "arose_at": now, "at": now}
        item = problems.register_problem(conn, remark=remark, who="a", **how)
        problems.close_problem(conn, item, version=1, result="已派", who="a", at=now)
        wish: dict[str, Any] = {
            "number_key": "mobile:13800138000",
            "number_display": "13800138000",
            "queue": "hotline",
        }
        wish["waiting_since"] = now
        row, _ = ivr.request_callback(conn, requested_at=now, **wish)
        ivr.move_callback(conn, row["id"], ["waiting"], "done", ended_at=now)
        for _ in range(2):
            ivr.save_score(conn, at=now, score=2, agent="1001", node="pbx1", linkedid="1.1")
            lost = GivenWaybill({"number": "SF7777777777", "state": "lost", "updated_at": now})
            upsert_waybills(conn, [lost], now=now, source="import")
        outbox.sort(conn, now=now, most_waiting=10)
        told = [e["kind"] for e in outbox.events_after(conn, 0)]
        bodies = str([e["body"] for e in outbox.events_after(conn, 0)])
    assert told == [
        *("complaint.opened", "complaint.changed", "problem.opened", "problem.closed"),
        *("callback.requested", "callback.ended", "survey.answered", "waybill.exception"),
    ]
    assert "13800138000" not in bodies


async def test_a_call_that_ended_is_posted_and_pulled(
    popline: PopLine, receiver: Receiver, join_system: Join
) -> None:
    """From the end of a call to another system's server, by the journal; the same event can be pulled."""
    body = {"name": "CRM", "url": receiver.url, "kinds": ["call.ended"]}
    status, made = await popline.api("POST", "/admin/subscriptions", user="root", body=body)
    assert (status, len(made["secret"])) == (201, 43)
    assert (await popline.api("POST", "/admin/subscriptions", user="root", body=body))[0] == 400
    assert (await popline.api("GET", "/admin/subscriptions", user="boss"))[0] == 403
    told = Story()
    popline.hear(*told.rings("1001"), *told.answered("1001"), *told.over("1001"))
    pop = popline.parts.ctx.service.book.everything()[0]
    popline.parts.ctx.service._wrapup_over(pop.id)
    await receiver.count(1)
    (event,) = receiver.heard
    assert (event["kind"], event["subject"]) == ("call.ended", "call:pbx1/1700000000.1")
    assert (event["data"]["agent"], event["data"]["number"]) == ("1001", "138****8000")
    crm = await join_system(popline, "events:read")
    status, pulled = await crm.send("GET", "/events?kinds=call.ended")
    assert (status, pulled["items"][0]["data"]) == (200, event["data"])
    assert (await crm.send("GET", f"/events?after={pulled['last']}"))[1]["items"] == []
    assert (await crm.send("GET", "/events?kinds=nothing"))[0] == 422
    async with asyncio.timeout(10):
        while True:
            _, listed = await popline.api("GET", "/admin/subscriptions", user="root")
            if listed["items"][0]["sent"] == 1:
                break
            await asyncio.sleep(0.05)
    _, rows = await popline.api("GET", "/admin/deliveries?state=sent", user="root")
    again = {"delivery_id": rows["items"][0]["id"]}
    assert (await popline.api("POST", "/admin/resend", user="root", body=again))[1] == {"count": 1}
    await receiver.count(2)
    assert receiver.bodies[0] == receiver.bodies[1]
