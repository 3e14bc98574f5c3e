"""An agent's phone that dies in a plain call, on a real Asterisk: the caller stays, and nobody is blamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.scenario import Step, hangup, play, wait
from asterisk_conf.softphones import Phones
from tests.plugins.control_desk import desks, empty, recorded
from tests.plugins.screenpop import WANG

pytestmark = pytest.mark.asterisk
GONE_AFTER_S = 2


@pytest.fixture
def pbx(start_asterisk: Callable[..., Instance]) -> Instance:
    """An Asterisk that soon finds a silent phone; nobody waits long for one to come back."""
    return start_asterisk(
        asterisk={"rtp_timeout_s": GONE_AFTER_S}, control={"rejoin_s": 3}, recording={"enabled": True}
    )


@pytest.fixture
async def handsets(pbx: Instance) -> AsyncIterator[Phones]:
    async with Phones(pbx.settings) as phones:
        yield phones


@pytest.fixture
def speaks(tmp_path: Path) -> Step:
    """What a living phone does: it sends sound, be it silence."""
    silence = tmp_path / "silence.al"
    silence.write_bytes(b"\xd5" * 8000)
    return play(silence, -1)


async def test_the_caller_of_a_dead_phone_is_first_in_the_queue_again(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones, speaks: Step
) -> None:
    """One call: the sentence, the queue's head, a colleague's pop with who had it; both recordings kept."""
    dead = await handsets.agent("1001", answer_after=0.2, steps=[speaks])
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        call = await handsets.call("95001", number=WANG, hold=None)
        await one.ring()
        await one.situation("talking")
        await dead.stop()
        control = await one.situation("lost")
        assert control["commands"] == ["rejoin"]
        async with asyncio.timeout(10):
            while "laidian/reconnecting" not in await asyncio.to_thread(
                pbx.console, "core show channels concise"
            ):
                await asyncio.sleep(0.1)
        await handsets.agent("1002", answer_after=0.2, steps=[speaks, wait(0.5), hangup()])
        pop = await two.ring()
        assert (pop["customer"]["name"], pop["call"]["queue"]) == ("王小明", "hotline")
        assert pop["call"]["linkedid"] == one.pop["call"]["linkedid"]
        assert [(c["kind"], c["agent"]) for c in pop["call"]["chain"]][:2] == [
            ("answered", "1001"),
            ("phone", "1001"),
        ]
        assert await one.wrap_up() == "completed"
        await two.wrap_up()
        assert "bye" in (await call.result()).events
        await empty(pbx)
        rows = await recorded(one.popline)
    assert [(r["agent"], r["hung_up_by"]) for r in rows] == [("1001", "phone"), ("1002", "agent")]
    assert len({r["linkedid"] for r in rows}) == 1


async def test_a_phone_that_is_back_gets_its_caller_again(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones, speaks: Step
) -> None:
    """Called by number (Dial): the agent's phone, registered anew, rings by itself; it may even die twice."""
    agent = await handsets.agent("1001", answer_after=0.2, steps=[speaks])
    async with desks(start_popline, seeded_url, pbx, "a1001") as (one,):
        call = await handsets.call("1001", number=WANG, hold=None)
        await one.ring()
        await one.situation("talking")
        for last in (False, True):
            await agent.stop()
            await one.situation("lost")
            ends = [wait(0.5), hangup()] if last else []
            agent = await handsets.agent("1001", answer_after=0.2, steps=[speaks, *ends])
            await one.ring()
            await one.situation("talking")
        assert "bye" in (await call.result()).events
        await empty(pbx)
        rows = await recorded(one.popline)
    assert [r["hung_up_by"] for r in rows] == ["phone", "phone", "agent"]


@pytest.mark.parametrize("to", ["95001", "1001"])
async def test_whoever_hangs_up_ends_the_call(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones, speaks: Step, to: str
) -> None:
    """Agent's phone, agent's page, caller, both at once: nothing is played or rung any more."""
    async with desks(start_popline, seeded_url, pbx, "a1001") as (one,):
        for agent_does, caller_does in (
            ([wait(0.5), hangup()], {"hold": None}),
            ([], {"hold": None}),
            ([], {"hold": 0.8}),
            ([wait(0.8), hangup()], {"hold": 0.8}),
        ):
            agent = await handsets.agent("1001", answer_after=0.1, steps=[speaks, *agent_does])
            call = await handsets.call(to, number=WANG, **caller_does)
            await one.ring()
            await agent.event("answered")
            if not agent_does and caller_does["hold"] is None:
                await one.situation("talking")
                await one.done("hangup")
            await call.result(10)
            await empty(pbx)
            assert agent.count("invite") == 1
            assert await one.wrap_up() == "completed"
        rows = await recorded(one.popline)
    assert [r["hung_up_by"] for r in rows][:3] == ["agent", "agent", "caller"]
    assert rows[3]["hung_up_by"] in ("agent", "caller", "unknown")
