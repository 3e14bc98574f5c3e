"""Open pops follow what is pushed by webhook or changed by colleagues, over real sockets."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from cti.domain.call import CallEventKind as K
from screenpop.freshen import GATHER_S
from tests.plugins.links import Join, System
from tests.plugins.screenpop import LIU, SHARED, WANG, PopLine, Story

NUMBER = "SF1234567890"  # on its way, sent by WANG


async def _push(tms: System, delivery: str, number: str = NUMBER, state: str = "派件", **more: Any) -> None:
    at = (datetime.now(UTC) + timedelta(minutes=5, seconds=len(delivery))).isoformat()  # after what is seeded
    item = {"number": number, "events": [{"at": at, "state": state, "place": "北京"}], **more}
    status, told = await tms.send("POST", "/hooks/waybills", {"delivery": delivery, "items": [item]})
    assert status == 200, told


def _state(update: dict[str, Any], number: str = NUMBER) -> str:
    return str({w["number"]: w["state"] for w in update["changes"]["history"]["waybills"]}[number])


def _of_history(update: dict[str, Any]) -> bool:
    return "history" in update["changes"]


async def test_a_pushed_waybill_is_on_every_open_card(popline: PopLine, join_system: Join) -> None:
    """The parcel's new state reaches all who have its customer on the screen, marked; others hear nothing."""
    tms = await join_system(popline, "waybills:write")
    async with popline.page("a1001") as one, popline.page("a1002") as two, popline.page("a1003") as other:
        popline.hear(*Story().rings("1001", "1002"), *Story("2.1", LIU).rings("1003"))
        first, second, unknown = [await page.next("pop") for page in (one, two, other)]
        assert unknown["caller"]["outcome"] == "none"
        await _push(tms, "d")
        for page, pop in ((one, first), (two, second)):
            update = await page.next("pop_update")
            assert (update["id"], _state(update)) == (pop["id"], "delivering")
            assert update["changes"]["fresh"]["waybills"] == [NUMBER]
            assert update["seq"] > pop["seq"]
            assert set(update["changes"]) <= {"history", "fresh", "customer", "candidates", "hints"}
        # what is new for a number counts too, also where the number is nobody's
        await _push(tms, "dd", "SF7770000001", sender_phone=WANG)
        assert _state(await one.next("pop_update"), "SF7770000001") == "delivering"
        await _push(tms, "ddd", "SF7770000002", receiver_phone=LIU)
        update = await other.next("pop_update")
        assert _state(update, "SF7770000002") == "delivering"
        assert update["changes"]["caller"]["rule"] == "party"
        assert [m["id"] for m in other.messages if m["type"] == "pop_update"] == [unknown["id"]]
        # a page that comes back has the mark in its snapshot
        async with popline.page("a1001") as again:
            (shown,) = again.messages[0]["snapshot"]
            assert shown["fresh"]["waybills"] == ["SF7770000001"]


async def test_many_deliveries_are_told_together(popline: PopLine, join_system: Join) -> None:
    """A flood of deliveries is a few updates of each card, and the last of them is right."""
    tms = await join_system(popline, "waybills:write", rate_per_min=6000)
    async with popline.page("a1001") as page:
        popline.hear(*Story().rings("1001"))
        await page.next("pop")
        began = time.monotonic()
        for n in range(1, 31):
            await _push(tms, "d" * n)
        await _push(tms, "d" * 31, state="签收")
        updates = [await page.next("pop_update")]
        while _state(updates[-1]) != "signed":
            updates.append(await page.next("pop_update"))
        most = (time.monotonic() - began) / GATHER_S + 1
        assert len(updates) <= min(most, 30)
        assert await page.silent() == []


async def test_cards_follow_what_colleagues_change(popline: PopLine) -> None:
    """A complaint written or acted on and a customer edited elsewhere are on the open card."""
    async with popline.page("a1001") as page:
        popline.hear(*(story := Story(number=SHARED)).rings("1001"))
        pop = await page.next("pop")
        liu = next(c for c in pop["candidates"] if c["name"] == "刘芳")
        status, _ = await popline.api(
            "POST", f"/pops/{pop['id']}/choose", user="a1001", body={"customer_id": liu["id"]}
        )
        assert status == 200
        await page.until("pop_update", _of_history)
        body = {"category": "延误", "text": "未按约定时间派送", "customer_id": liu["id"]}
        _, made = await popline.api("POST", "/complaints", user="boss", body=body)
        update = await page.until("pop_update", _of_history)
        assert update["changes"]["fresh"]["complaints"] == [made["id"]]
        act = {"action": "take", "version": 1}
        status, _ = await popline.api("POST", f"/complaints/{made['id']}/steps", user="boss", body=act)
        assert status == 200
        update = await page.until("pop_update", _of_history)
        assert [c["state"] for c in update["changes"]["history"]["complaints"]] == ["handling"]
        _, shown = await popline.api("GET", f"/customers/{liu['id']}", user="boss")
        version = shown["record"]["version"]
        edit = {"version": version, "fields": {"company": "远航贸易"}}
        status, _ = await popline.api("PATCH", f"/customers/{liu['id']}", user="boss", body=edit)
        assert status == 200
        update = await page.until("pop_update", lambda m: "customer" in m["changes"])
        assert update["changes"]["customer"]["company"] == "远航贸易"
        assert update["changes"]["fresh"]["customer"]
        _, shown = await popline.api("GET", f"/pops/{pop['id']}", user="a1001")
        assert (shown["pop"]["caller"]["rule"], len(shown["pop"]["candidates"])) == ("chosen", 2)
        popline.hear(story.tell(K.ABANDONED))
        await page.next("pop_close")
        edit = {"version": version + 1, "fields": {"company": "远航"}}
        await popline.api("PATCH", f"/customers/{liu['id']}", user="boss", body=edit)
        assert await page.silent() == []
