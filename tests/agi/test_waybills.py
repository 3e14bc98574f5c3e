"""The waybill port: the same answers from SQL and from HTTP, and a back end that fails is left alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from aiohttp import web

from cti.errors import DeadlineExceeded, ProtocolError, TransportError, Unavailable
from cti.store.tables import waybills
from cti.waybills.breaker import Breaker
from cti.waybills.http import HttpWaybills
from cti.waybills.port import MAX_LISTED
from cti.waybills.sql import SqlWaybills
from tests.plugins.agi import CALLER, OWN

KEY = f"mobile:{CALLER}"


class Service:
    """A waybill service: what it answers is set by the test, what it was asked is kept."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.statuses: list[int] = []
        self.delay_s = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        await asyncio.sleep(self.delay_s)
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            return web.Response(status=status)
        one = {
            "number": "LD" + OWN,
            "state": "派送中",
            "updated_at": "2025-03-09T16:00:00+08:00",
            "due_at": "2025-03-09T18:00:00+08:00",
            "receiver_phone": "+86 138-0013-8000",
            "token": request.headers.get("Authorization"),
        }
        older = {**one, "number": "1", "updated_at": "2025-03-08T16:00:00+08:00"}
        return web.json_response([older, one] * 9 if "phone" in request.query else one)


@pytest.fixture
async def service():
    """On a free port."""
    found = Service()
    app = web.Application()
    app.router.add_get("/api/{rest:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    yield found
    await runner.cleanup()


@pytest.fixture
async def client(service):
    """The port over it."""
    found = HttpWaybills(service.url, token="secret", timeout_s=0.3, failures=3, rest_s=60)
    yield found
    await found.close()


async def test_sql_finds_by_number_and_prefix(ivr_store):
    """A number is found as typed, or behind the letters that cannot be typed."""
    with ivr_store.begin() as conn:
        conn.execute(sa.update(waybills).where(waybills.c.number == OWN).values(number="LD" + OWN))
    assert await SqlWaybills(ivr_store).find(OWN) is None
    parcel = await SqlWaybills(ivr_store, prefixes=("LD",)).find(OWN)
    assert (parcel.number, parcel.place, parcel.receiver_key) == ("LD" + OWN, "广州", KEY)
    assert parcel.belongs_to(KEY)
    assert parcel.unlocked_by("8000")
    assert not parcel.unlocked_by("")
    assert not parcel.belongs_to("")


async def test_sql_lists_the_newest_nine_of_a_phone(ivr_store):
    """Sent and received parcels of a phone come newest first, at most nine."""
    now = datetime.now(UTC)
    with ivr_store.begin() as conn:
        for i in range(12):
            side = "sender_key" if i % 2 else "receiver_key"
            conn.execute(
                sa.insert(waybills).values(
                    number=f"70000000000{i:02}",
                    **{side: KEY},
                    state="in_transit",
                    created_at=now,
                    updated_at=now - timedelta(hours=i + 2),
                )
            )
    found = await SqlWaybills(ivr_store).of_phone(KEY)
    assert [p.number for p in found] == [OWN, *(f"70000000000{i:02}" for i in range(MAX_LISTED - 1))]
    assert await SqlWaybills(ivr_store).of_phone("mobile:13600000000") == ()


async def test_http_finds_one_and_many(client, service):
    """One parcel by number, many by phone newest first, times in UTC, phones as keys."""
    parcel = await client.find(OWN)
    assert parcel.updated_at == datetime(2025, 3, 9, 8, tzinfo=UTC)
    assert parcel.receiver_key == KEY
    many = await client.of_phone(KEY)
    assert len(many) == MAX_LISTED
    assert many[0].number == "LD" + OWN
    assert service.asked == [f"/api/waybills/{OWN}", "/api/waybills?phone=mobile:13800138000"]


async def test_http_number_cannot_leave_its_place(client, service):
    """A number with a path or query in it is one segment to the service."""
    await client.find("1/../../admin?x=1")
    assert service.asked == ["/api/waybills/1%2F..%2F..%2Fadmin%3Fx=1"]


async def test_http_unknown_is_no_failure(client, service):
    """404 means there is none, and says that the service is well."""
    service.statuses = [404] * 9
    for _ in range(9):
        assert await client.find(OWN) is None
    assert not client.breaker.is_open


async def test_http_is_tried_again_once(client, service):
    """One failure is hidden by a second try."""
    service.statuses = [503]
    assert await client.find(OWN) is not None
    assert len(service.asked) == 2


async def test_http_that_fails_is_left_alone(client, service):
    """After three failed calls nobody is made to wait for it any more."""
    service.statuses = [500] * 6
    for _ in range(3):
        with pytest.raises(Unavailable):
            await client.find(OWN)
    asked = len(service.asked)
    with pytest.raises(Unavailable, match="left alone"):
        await client.find(OWN)
    assert len(service.asked) == asked


async def test_http_slow_refused_or_away(client, service):
    """Slow, refusing and absent services are told apart in our words."""
    service.statuses = [403]
    with pytest.raises(ProtocolError):
        await client.find(OWN)
    service.delay_s = 2
    with pytest.raises(DeadlineExceeded):
        await client.find(OWN)
    away = HttpWaybills("http://127.0.0.1:9", timeout_s=0.3)
    with pytest.raises(TransportError):
        await away.find(OWN)
    await away.close()


def test_breaker_lets_one_try_after_its_rest():
    """After the rest exactly one call may try; its outcome closes or opens the breaker."""
    now = [0.0]
    breaker = Breaker(failures=2, rest_s=10, clock=lambda: now[0])
    for _ in range(2):
        breaker.enter()
        breaker.failed()
    with pytest.raises(Unavailable):
        breaker.enter()
    now[0] = 11
    breaker.enter()
    with pytest.raises(Unavailable):
        breaker.enter()
    breaker.failed()
    with pytest.raises(Unavailable):
        breaker.enter()
    now[0] = 22
    breaker.enter()
    breaker.succeeded()
    breaker.enter()
