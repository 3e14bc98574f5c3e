"""Webhooks over HTTP: tokens, scopes, atomic batches, repeats, signatures, junk."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cti.domain import signing
from cti.store import repos
from cti.store.tables import customers, orders, tier_history, waybill_events, waybills
from cti.store.tables_links import integrations
from cti.store.tables_tiers import customer_metrics
from tests.plugins.links import Join
from tests.plugins.screenpop import PopLine

NOW = datetime.now(UTC)


def _waybill(number: str, state: str = "派件", **more: Any) -> dict[str, Any]:
    return {"number": number, "events": [{"at": NOW.isoformat(), "state": state, "place": "深圳"}], **more}


async def _rows(line: PopLine, table: sa.Table) -> list[Any]:
    return list(await line.parts.ctx.db.run(lambda c: c.execute(sa.select(table)).mappings().all()))


async def test_a_batch_is_taken_once_and_whole(popline: PopLine, join_system: Join) -> None:
    """A delivery changes things once; a bad item is named and nothing of its delivery is kept."""
    tms = await join_system(popline, "waybills:write")
    good = _waybill("SF5550000001", sender_code="C1", sender_phone="13800138000", site="福田")
    body = {"delivery": "d-1", "items": [good, _waybill("SF5550000002", receiver_code="C9")]}
    status, first = await tms.send("POST", "/hooks/waybills", body)
    assert (status, first["created"]) == (200, 2)
    assert first["warnings"] == [{"index": 1, "field": "", "reason": "没有客户编号 C9"}]
    before = await _rows(popline, waybill_events)
    assert await tms.send("POST", "/hooks/waybills", body) == (200, first)
    assert await _rows(popline, waybill_events) == before
    other = {"delivery": "d-1", "items": [_waybill("SF5550000003")]}
    assert (await tms.send("POST", "/hooks/waybills", other))[0] == 409
    bad = {"delivery": "d-2", "items": [_waybill("SF5550000004"), good, _waybill("SF5550000005", "飞了")]}
    status, told = await tms.send("POST", "/hooks/waybills", bad)
    assert (status, told["error"]["code"]) == (422, "bad_items")
    assert told["error"]["detail"]["items"] == [{"index": 2, "field": "state", "reason": "未知状态 飞了"}]
    numbers = {r["number"] for r in await _rows(popline, waybills)}
    assert numbers == {"SF1234567890", "SF5550000001", "SF5550000002"}
    bad["items"][2] = _waybill("SF5550000005")
    assert (await tms.send("POST", "/hooks/waybills", bad))[0] == 200
    _, shown = await popline.api("GET", "/waybills/SF5550000001", user="boss")
    assert (shown["waybill"]["state"], shown["waybill"]["events"][0]["place"]) == ("delivering", "深圳")


async def test_pushed_orders_move_the_tier(popline: PopLine, join_system: Join) -> None:
    """Orders by webhook are counted as imported ones are: figures and tier follow, with a reason."""
    tms = await join_system(popline, "orders:write")
    at = (NOW - timedelta(days=3)).isoformat()
    items = [{"number": f"D{i}", "code": "C2", "at": at, "amount_fen": 60_000_00} for i in range(3)]
    status, told = await tms.send("POST", "/hooks/orders", {"delivery": "o-1", "items": items})
    assert (status, told["created"]) == (200, 3)
    refresh = popline.parts.ctx.refresh
    assert refresh is not None
    await refresh.settled()
    liu = next(r for r in await _rows(popline, customers) if r["code"] == "C2")
    figures = {r["customer_id"]: r for r in await _rows(popline, customer_metrics)}
    assert figures[liu["id"]]["monthly_revenue"] == 180_000
    assert [h["cause"] for h in await _rows(popline, tier_history) if h["customer_id"] == liu["id"]][
        -1
    ] == "import"
    items.append({"number": "D9", "code": "NOBODY", "at": at})
    status, told = await tms.send("POST", "/hooks/orders", {"delivery": "o-2", "items": items})
    assert (status, told["error"]["detail"]["items"][0]["index"]) == (422, 3)
    assert len(await _rows(popline, orders)) == 3


async def test_tokens_open_only_what_their_scopes_say(popline: PopLine, join_system: Join) -> None:
    """A token works for its scopes, until it is revoked or past its time; people do not push."""
    crm = await join_system(popline, "customers:read", name="CRM")
    status, found = await crm.send("GET", "/search?q=13800138000")
    assert (status, found["items"][0]["customer"]["name"]) == (200, "王小明")
    customer = found["items"][0]["customer"]["id"]
    _, whole = await crm.send("GET", f"/customers/{customer}")
    assert "****" in whole["numbers"][0]["display"]
    for method, path in (
        ("POST", "/hooks/orders"),
        ("GET", "/complaints"),
        ("GET", "/me"),
        ("POST", "/reveal"),
    ):
        status, told = await crm.send(method, path, {})
        assert (status, told["error"]["code"]) == (403, "no_scope"), path
    assert (await popline.api("POST", "/hooks/orders", user="root", body={}))[0] == 403
    old = await join_system(popline, "customers:read", name="old", expires_at=NOW + timedelta(hours=9))
    past = sa.update(integrations).where(integrations.c.name == "old").values(expires_at=NOW - timedelta(1))
    await popline.parts.ctx.db.write(lambda c: c.execute(past))
    assert (await old.send("GET", "/search?q=13800138000"))[0] == 401
    await crm.send("GET", "/search?q=1")
    used = {r["name"]: r for r in await _rows(popline, integrations)}
    assert used["CRM"]["token_hash"] != crm.token


async def test_an_integration_has_its_rate(popline: PopLine, join_system: Join) -> None:
    """More requests than agreed are answered 429 with the time to wait."""
    slow = await join_system(popline, "customers:read", rate_per_min=6)
    assert (await slow.send("GET", "/search?q=1380"))[0] == 200
    headers = {"Authorization": f"Bearer {slow.token}"}
    async with popline.http.get(f"{popline.base}/api/v1/search?q=1", headers=headers) as answer:
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 10


async def test_signed_webhooks(popline: PopLine, join_system: Join) -> None:
    """With a secret a delivery counts only if its signature is right and of now."""
    wms = await join_system(popline, "waybills:write", secret="s3cret")
    body = {"delivery": "d-1", "items": [_waybill("SF5550000009")]}
    raw = json.dumps(body).encode()

    async def answer(header: str) -> str:
        status, told = await wms.send("POST", "/hooks/waybills", raw=raw, **{signing.HEADER: header})
        return "ok" if status == 200 else str(told["error"]["code"])

    assert await answer("") == "signature_missing"
    assert await answer("t=1,v1=zz") == "signature_malformed"
    assert await answer(signing.sign("other", raw, time.time())) == "signature_wrong"
    assert await answer(signing.sign("s3cret", raw + b" ", time.time())) == "signature_wrong"
    assert await answer(signing.sign("s3cret", raw, time.time() - 3600)) == "signature_late"
    assert await answer(signing.sign("s3cret", raw, time.time())) == "ok"


async def test_junk_is_refused_and_changes_nothing(popline: PopLine, join_system: Join) -> None:
    """Ten thousand items of junk: every answer is a clear refusal, the service is well, nothing is kept."""
    tms = await join_system(popline, "waybills:write", "orders:write", rate_per_min=60_000)
    dice = random.Random(5)
    odd: list[Any] = [
        None,
        "",
        "\u0000",
        "𝕊𝔽1",
        -1,
        1e308,
        True,
        [],
        {},
        "a" * 500,
        "2026-02-30T00:00:00Z",
        "派件",
    ]
    names = ["number", "at", "state", "events", "pieces", "sender_phone", "weight_g", "code", "x"]

    def item() -> Any:
        return (
            {n: dice.choice(odd) for n in dice.sample(names, 4)} if dice.random() < 0.9 else dice.choice(odd)
        )

    before = len(await _rows(popline, waybills))
    raws: list[Callable[[], bytes]] = [
        lambda: json.dumps({"delivery": dice.choice(odd), "items": [item() for _ in range(100)]}).encode(),
        lambda: json.dumps({"delivery": "j", "items": [item() for _ in range(100)]}).encode(),
        lambda: dice.randbytes(64),
        lambda: b'{"delivery":"' + b"\xff" * 9,
        lambda: b"[" * 5000,
    ]
    for turn in range(170):
        raw = raws[turn % 5]() if turn < 70 else raws[turn % 2]()
        path = ("/hooks/waybills", "/hooks/orders")[turn % 2 if turn % 4 else 0]
        status, told = await tms.send("POST", path, raw=raw)
        assert status == 422, (status, told, raw[:200])
        assert told["error"]["message"]
    big = io.BytesIO(b'{"delivery":"' + b"x" * (5 * 1024 * 1024) + b'"}')
    headers = {"Authorization": f"Bearer {tms.token}"}
    async with popline.http.post(f"{popline.base}/api/v1/hooks/orders", data=big, headers=headers) as answer:
        assert answer.status == 413
    assert len(await _rows(popline, waybills)) == before
    entries = await popline.parts.ctx.db.run(repos.list_audit)
    assert [e["action"] for e in entries] == ["integration_add"]
