"""Agents with two devices: whichever has answered is the agent's phone, on a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from tests.plugins.control_desk import desks, empty, recorded, talking

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]

AGENTS = [
    {"number": "1001", "queues": ["hotline"], "devices": ["1001a", "1001b"]},
    {"number": "1002", "queues": ["vip"], "devices": ["1002a", "1002b"]},
]


@pytest.fixture
def pbx(start_asterisk: Callable[..., Instance]) -> Instance:
    """Both agents have a hard phone and another device."""
    return start_asterisk(recording={"enabled": True}, agents=AGENTS)


async def test_every_command_whichever_device_has_answered(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """Both devices ring, the first has the call, the other is silent; a dead or busy one does not matter."""
    other = await handsets.agent("1001a", answer_after=None)
    phone = await handsets.agent("1001b", answer_after=0.5)
    busy = await handsets.agent("1002a", reject=486)
    second = await handsets.agent("1002b", answer_after=0.5)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        call = await talking(one, handsets, "95001")  # the queue's member is a Local channel
        await other.event("cancelled")
        await asyncio.sleep(0.5)  # in the very moment of an answer through a Local channel an order is lost
        for command, then in (("hold", "held"), ("resume", "talking")):
            await one.done(command)
            await one.situation(then)
        for kind, to in (("agent", "1002"), ("queue", "vip")):
            await one.done("consult", kind, to)
            await two.ring()
            control = await one.situation("consulting")
            assert (two.pop["call"]["consult"], control["colleague"]) == (True, "1002")
            await two.situation("asked")
            await one.done("cancel")
            await one.situation("talking")
            await two.page.next("pop_close")
        assert (busy.count("rejected"), second.count("answered")) == (2, 2)
        await one.done("consult", "queue", "vip")
        await two.ring()
        await one.situation("consulting")
        for command, then in (("three", "three"), ("drop", "talking")):
            await one.done(command)
            await one.situation(then)
        await two.page.next("pop_close")
        await busy.stop()  # dies without a word: it is rung in vain
        await one.done("consult", "queue", "vip")
        await two.ring()
        await one.situation("consulting")
        await one.done("complete")
        await two.situation("talking")
        assert await one.wrap_up() == "transferred"
        await phone.event("bye")
        # the way back: now the other device of the first agent answers
        await handsets.agent("1001a", answer_after=0.5)
        phone = await handsets.agent("1001b", answer_after=None)
        await two.done("blind", "agent", "1001")
        await one.ring()
        await one.situation("talking")
        await phone.event("cancelled")
        await one.done("hold")
        await one.situation("held")
        await one.done("hangup")
        assert "bye" in (await call.result()).events
        await empty(pbx)
        rows = await recorded(one.popline)
    seen = [(r["agent"], r["channel"].partition("-")[0], r["hung_up_by"]) for r in rows]
    assert seen == [
        ("1001", "PJSIP/1001b", "transfer"),
        ("1002", "PJSIP/1002b", "unknown"),  # the third, who was sent away
        ("1002", "PJSIP/1002b", "transfer"),
        ("1001", "PJSIP/1001a", "agent"),
    ]
