"""Transfers to a queue and to a number outside, by HTTP, on a real Asterisk with SIPp phones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_udp
from asterisk_conf.softphones import Phones
from tests.plugins.control_desk import Desk, desks, empty, hang_up, recorded, talking

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]

OUTSIDE, SHOWN = "13900139000", "139****9000"


@pytest.fixture
def carrier() -> int:
    """The port behind the trunk."""
    return free_udp()


@pytest.fixture
def pbx(start_asterisk: Callable[..., Instance], carrier: int) -> Instance:
    """An Asterisk that records and has a carrier; who asks for advice waits for 3 s."""
    trunk = {"trunk_contact": f"sip:127.0.0.1:{carrier}"}
    control = {"consult_ring_s": 3, "consult_wait_s": 3}
    return start_asterisk(recording={"enabled": True}, asterisk=trunk, control=control)


async def in_vain(one: Desk, kind: str, to: str) -> None:
    """Ask somebody who is not had: the caller is back by himself, and the page says why."""
    await one.order("consult", kind, to)
    failed = await one.page.until("command", lambda m: bool(m["state"] == "failed"))
    assert failed["message"] == "对方没有接听，客户已回到本机。"
    if one.pop["control"]["situation"] != "talking":
        await one.situation("talking")


def way(desk: Desk) -> list[tuple[str, str, str]]:
    """The caller's way so far, as the page shows it."""
    return [(c["kind"], c["agent"], c["peer"]) for c in desk.pop["call"]["chain"]]


async def test_blind_transfer_to_a_queue_and_to_a_number(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones, carrier: int
) -> None:
    """Notes, open complaint and chain go along to the agent of the queue; nobody outside: the agent again."""
    await handsets.agent("1001", answer_after=0.2)
    await handsets.agent("1002", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        api = one.popline.api
        await talking(one, handsets, "1001")
        body = {"note": "包裹破损，要求理赔", "disposition": "投诉"}
        await api("PUT", f"/pops/{one.pop['id']}/draft", user="a1001", body=body)
        complaint = {"pop_id": one.pop["id"], "category": "破损", "text": "外箱破了"}
        status, _ = await api("POST", "/complaints", user="a1001", body=complaint)
        await one.done("blind", "queue", "vip")
        pop = await two.ring()
        assert (pop["customer"]["name"], pop["call"]["peer"], pop["call"]["queue"]) == (
            "王小明",
            "1001",
            "vip",
        )
        assert [(n["agent"], n["note"]) for n in pop["notes"]] == [("1001", "包裹破损，要求理赔")]
        assert await one.wrap_up() == "transferred"
        await two.situation("talking")
        assert way(two)[-2:] == [("blind", "1001", "vip"), ("answered", "1002", "")]
        while not (known := two.pop["history"]["complaints"]):
            two.pop.update((await two.page.next("pop_update"))["changes"])
        assert (status, [c["summary"] for c in known]) == (201, ["外箱破了"])
        # nobody answers outside: the giver's phone rings, with the way so far
        outside = await handsets.outside(carrier, reject=486)
        await two.done("blind", "number", OUTSIDE)
        await two.ring()
        await two.situation("talking")
        assert way(two)[-2:] == [("blind", "1002", SHOWN), ("answered", "1002", "")]
        await outside.stop()
        outside = await handsets.outside(carrier)
        await two.done("blind", "number", OUTSIDE)
        assert await two.wrap_up() == "transferred"
        await outside.event("answered")
        hang_up(pbx, "trunk")
        await outside.event("bye")
        await empty(pbx)
        rows = await recorded(one.popline)
        _, ledger = await api("GET", "/ledger", user="boss")
    assert [(r["agent"], r["hung_up_by"]) for r in rows] == [
        ("1001", "transfer"),
        ("1002", "transfer"),
        ("1002", "transfer"),
    ]
    assert len({(r["linkedid"], r["number_key"]) for r in rows}) == 1
    assert [(r["agent"], r["final"], r["by"]) for r in ledger["items"]][::-1] == [
        ("1001", "transferred", "vip"),
        ("1002", "transferred", SHOWN),
        ("1002", "transferred", SHOWN),
    ]
    # in full only in the order of the agent who typed it
    said = [m for m in one.page.messages + two.page.messages if m["type"] != "command"]
    assert OUTSIDE not in json.dumps(said)


async def test_attended_transfer_to_a_number_and_three_way_with_it(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones, carrier: int
) -> None:
    """Busy, declined, not answered: the caller is back; cancel, three-way, leave, complete."""
    await handsets.agent("1001", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001") as (one,):
        await talking(one, handsets, "1001")
        for how in ({"reject": 486}, {"reject": 603}, {"answer_after": None}):
            outside = await handsets.outside(carrier, **how)
            await in_vain(one, "number", OUTSIDE)
            await outside.stop()
        outside = await handsets.outside(carrier)
        await one.done("consult", "number", OUTSIDE)
        control = await one.situation("consulting")
        assert (control["colleague"], control["commands"]) == ("", ["complete", "cancel", "swap", "three"])
        shown = next(e.text for e in outside.events if e.word == "invite")
        assert "sip:95001@" in shown, "the hotline's number, not the agent's"
        await one.done("cancel")
        await one.situation("talking")
        await outside.event("bye")
        for command, then in (("three", "three"), ("drop", "talking")):
            if command == "three":
                await one.done("consult", "number", OUTSIDE)
                await one.situation("consulting")
            await one.done(command)
            await one.situation(then)
        await outside.event("bye", times=2)
        await one.done("consult", "number", OUTSIDE)
        await one.situation("consulting")
        await one.done("three")
        await one.situation("three")
        await one.done("leave")
        assert await one.wrap_up() == "transferred"
        hang_up(pbx, "trunk")
        await outside.event("bye", times=3)
        await empty(pbx)
        # the agent's phone hangs up in the three-way call, then the caller: who is alone is let go
        await talking(one, handsets, "1001")
        await one.done("consult", "number", OUTSIDE)
        await one.situation("consulting")
        await one.done("three")
        await one.situation("three")
        hang_up(pbx, "1001")
        assert await one.wrap_up() == "transferred"
        hang_up(pbx, "trunk")
        await outside.event("bye", times=4)
        await empty(pbx)
        await talking(one, handsets, "1001")
        await one.done("consult", "number", OUTSIDE)
        await one.situation("consulting")
        await one.done("complete")
        assert await one.wrap_up() == "transferred"
        hang_up(pbx, "trunk")
        await outside.event("bye", times=5)
        await empty(pbx)
        rows = await recorded(one.popline)
        _, ledger = await one.popline.api("GET", "/ledger", user="boss")
    # what was said with the number outside before the caller was there is not in the caller's recording
    assert [(r["hung_up_by"], len(r["pauses"]) >= 1) for r in rows] == [("transfer", True)] * 3
    assert {(r["final"], r["by"]) for r in ledger["items"]} == {("transferred", SHOWN)}


async def test_attended_transfer_to_a_queue(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """Nobody in the queue: cancelled, waited in vain, or the caller takes the agent's place in it."""
    await handsets.agent("1001", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        await talking(one, handsets, "1001")
        await one.done("consult", "queue", "vip")
        control = await one.situation("asking")
        assert control["commands"] == ["complete", "cancel"]
        await one.done("cancel")
        await one.situation("talking")
        await in_vain(one, "queue", "vip")
        await handsets.agent("1002", answer_after=0.2)
        await one.done("consult", "queue", "vip")
        pop = await two.ring()
        assert (pop["call"]["consult"], pop["call"]["peer"], pop["customer"]["name"]) == (
            True,
            "1001",
            "王小明",
        )
        await one.situation("consulting")
        await one.done("complete")
        await two.situation("talking")
        assert way(two)[-1] == ("attended", "1001", "1002")
        assert await one.wrap_up() == "transferred"
        # from here back: the caller is given to the queue before anybody has answered there
        await handsets.agent("1001", answer_after=None)
        await two.done("consult", "queue", "hunt")
        await two.situation("asking")
        await one.ring()
        assert one.pop["call"]["consult"] is True
        await two.done("complete")
        assert await two.wrap_up() == "transferred"
        await one.page.next("pop_close")
        await one.ring()
        assert (one.pop["call"]["consult"], one.pop["call"]["peer"]) == (False, "1002")
        assert way(one)[-1] == ("blind", "1002", "hunt")
        hang_up(pbx, "trunk")
        assert (await one.page.next("pop_close"))["reason"] == "abandoned"
        await empty(pbx)
        rows = await recorded(one.popline)
    assert [(r["agent"], r["hung_up_by"]) for r in rows] == [("1001", "transfer"), ("1002", "transfer")]
