"""Live help along the way of a call under call control, on a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.scenario import wait
from tests.live.test_live_asterisk import Line, hotline
from tests.plugins.control_desk import Desk
from tests.plugins.screenpop import WANG, Page

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("live"), pytest.mark.timeout(240)]


async def told(page: Page, state: str, times: int = 1) -> None:
    """Wait until this page has been told this of live help so often."""
    while sum(m["type"] == "live_state" and m["state"] == state for m in page.messages) < times:
        await page.next()


async def legs(line: Line, count: int) -> None:
    """Wait for so many channels and bridges of live help: three for each of two legs."""
    async with asyncio.timeout(30):
        while len(await line.left()) != count:
            await asyncio.sleep(0.1)


async def test_the_legs_follow_an_attended_transfer_and_a_three_way_call(
    start_asterisk: Callable[..., Instance], start_popline: Callable[..., Any], seeded_url: str
) -> None:
    """Held and taken back: the same legs; the colleague is listened to when he has the caller, not before."""
    async with (
        hotline(start_asterisk, start_popline, seeded_url) as line,
        line.popline.page("a1002") as second,
    ):
        one, two = Desk(line.popline, line.page, "a1001"), Desk(line.popline, second, "a1002")
        await line.phones.agent("1001", answer_after=0.1, steps=[wait(90.0)])
        call = await line.phones.call("95001", number=WANG, hold=None)
        await one.ring()
        await one.situation("talking")
        await told(line.page, "silence_only")
        await legs(line, 6)
        there = sorted(await line.left())
        await one.done("hold")
        await one.done("resume")
        await one.situation("talking")
        assert sorted(await line.left()) == there
        await line.phones.agent("1002", answer_after=0.1, steps=[wait(90.0)])
        await one.done("consult", "agent", "1002")
        await two.ring()
        await one.situation("consulting")
        assert sorted(await line.left()) == there
        await one.done("complete")
        await two.situation("talking")
        await told(second, "silence_only")
        await told(line.page, "off")
        await legs(line, 6)
        # and back, by way of a three-way call
        await line.phones.agent("1001", answer_after=0.1, steps=[wait(90.0)])
        await two.done("consult", "agent", "1001")
        await one.ring()
        await two.situation("consulting")
        await two.done("three")
        await two.situation("three")
        await two.done("leave")
        await one.situation("talking")
        await told(line.page, "silence_only", times=2)
        await told(second, "off")
        await legs(line, 6)
        await one.done("hangup")
        await call.result()
        await line.nothing_left()
        assert line.live.count == 0
        assert not [m for m in second.messages if m["type"] == "live_text"]
