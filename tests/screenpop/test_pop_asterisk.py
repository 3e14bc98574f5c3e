"""From a SIP call on a real Asterisk to an agent's page, and back into the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from tests.plugins.screenpop import SHARED, WANG, PopLine, pbx_sections

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]


@asynccontextmanager
async def listening(
    start_popline: Callable[..., Any], url: str, asterisk: Instance, *, wrapup_s: int = 2
) -> AsyncIterator[PopLine]:
    """A service that hears the Asterisk and has told its picture."""
    popline: PopLine = await start_popline(url, **pbx_sections(asterisk, wrapup_s))
    fleet = popline.parts.fleet
    if fleet is None:
        raise AssertionError("no fleet")
    await fleet.client("pbx1").wait_ready()
    yield popline


async def test_sip_call_to_pop_to_ledger(
    start_popline: Callable[..., Any], seeded_url: str, asterisk: Instance, phones: Phones
) -> None:
    """Caller rings the queue: pop with customer and tier, talk, wrap-up pause, complete, whole ledger row."""
    agent = await phones.agent("1001", answer_after=1.0)
    async with listening(start_popline, seeded_url, asterisk) as popline, popline.page("a1001") as page:
        call = await phones.call("95001", number=WANG, name="王小明", hold=3)
        pop = await page.next("pop")
        await page.ack(pop)
        assert (pop["customer"]["name"], pop["customer"]["tier"]["label"]) == ("王小明", "VIP客户")
        assert (pop["call"]["queue"], pop["call"]["did"], pop["call"]["state"]) == (
            "hotline",
            "95001",
            "ringing",
        )
        talking = await page.next("pop_update")
        assert talking["changes"]["call"]["state"] == "talking"
        await call.result()
        wrapup = await page.until(
            "pop_update", lambda m: m["changes"].get("call", {}).get("state") == "wrapup"
        )
        assert wrapup["changes"]["call"]["wrapup_until"]
        paused = await page.until("state", lambda m: m["state"] == "paused")
        assert paused["reason"] == "话后"
        assert (await page.next("pop_close"))["reason"] == "completed"
        await page.until("state", lambda m: m["state"] == "available")
        await popline.row(pop["id"])
        _, body = await popline.api("GET", "/ledger", user="boss")
        await agent.stop()
    (row,) = body["items"]
    steps = ("pbx_at", "received_at", "pushed_at", "acked_at", "answered_at", "closed_at")
    assert None not in [row[s] for s in steps]
    assert row["looked_up_at"] <= row["pushed_at"]
    assert (row["final"], row["outcome"]) == ("completed", "one")


async def test_ring_all_on_a_real_queue(
    start_popline: Callable[..., Any], seeded_url: str, asterisk: Instance, phones: Phones
) -> None:
    """Three phones ring, each agent has one pop, the two slower ones hear who answered."""
    for number, after in (("1001", 8.0), ("1002", 1.0), ("1003", 8.0)):
        await phones.agent(number, answer_after=after)
    async with (
        listening(start_popline, seeded_url, asterisk) as popline,
        popline.page("a1001") as one,
        popline.page("a1002") as two,
        popline.page("a1003") as three,
    ):
        call = await phones.call("95001", number=SHARED, hold=3)
        pops = [await p.next("pop") for p in (one, two, three)]
        closes = [await p.next("pop_close") for p in (one, three)]
        await call.result()
        assert (await two.next("pop_close"))["reason"] == "completed"
    assert {p["caller"]["outcome"] for p in pops} == {"many"}
    assert [(c["reason"], c["by"]) for c in closes] == [("answered_elsewhere", "1002")] * 2


async def test_break_reason_reaches_the_queue(
    start_popline: Callable[..., Any], seeded_url: str, asterisk: Instance, phones: Phones
) -> None:
    """小休 pauses the agent in every queue: a call passes by to a colleague; available brings it back."""
    await phones.agent("1001", answer_after=0.5)
    async with (
        listening(start_popline, seeded_url, asterisk, wrapup_s=0) as popline,
        popline.page("a1001") as page,
        popline.page("a1002") as other,
    ):
        assert page.messages[0]["state"]["state"] == "available"
        body = {"state": "paused", "reason": "就餐"}
        assert (await popline.api("PUT", "/agent/state", user="a1001", body=body))[0] == 202
        paused = await page.until("state", lambda m: m["state"] == "paused")
        assert paused["reason"] == "就餐"
        await phones.agent("1002", answer_after=0.5)
        call = await phones.call("95001", number=WANG, hold=2)
        await other.next("pop")
        await call.result()
        assert await page.silent() == []
        body = {"state": "available", "reason": ""}
        assert (await popline.api("PUT", "/agent/state", user="a1001", body=body))[0] == 202
        await page.until("state", lambda m: m["state"] == "available")


async def test_pbx_that_goes_away_is_told_and_recorded(
    start_popline: Callable[..., Any], seeded_url: str, start_asterisk: Callable[..., Instance]
) -> None:
    """The page hears that the PBX is down and up again; the gap stands in the ledger."""
    asterisk = await asyncio.to_thread(start_asterisk)
    async with (
        listening(start_popline, seeded_url, asterisk) as popline,
        popline.page("a1001") as page,
    ):
        await asyncio.to_thread(asterisk.down)
        down = await page.until("state", lambda m: m["pbx"] == "down")
        assert [g["until"] for g in down["gaps"]] == [None]
        body = {"state": "paused", "reason": "小休"}
        status, answer = await popline.api("PUT", "/agent/state", user="a1001", body=body)
        assert (status, answer["error"]["code"]) == (503, "pbx_away")
        await asyncio.to_thread(asterisk.up, tied=True)
        up = await page.until("state", lambda m: m["pbx"] == "up")
        assert [g["node"] for g in up["gaps"] if g["until"]] == ["pbx1"]
        await popline.parts.ctx.ledger.settled(10)
        _, body = await popline.api("GET", "/ledger", user="boss")
    assert [(g["node"], g["until"] is not None) for g in body["gaps"]] == [("pbx1", True)]
