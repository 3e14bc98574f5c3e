"""Who is held is not forgotten: the limit of a hold, on a real Asterisk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from tests.plugins.control_desk import desks, empty, hang_up, recorded, talking

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]


@pytest.fixture
def pbx(start_asterisk: Callable[..., Instance]) -> Instance:
    """A hold lasts two seconds, and the agent is reminded for two."""
    control = {"longest_hold_s": 2, "recall_s": 2}
    return start_asterisk(recording={"enabled": True}, control=control)


async def test_a_caller_held_for_too_long_comes_back_or_goes_to_the_queue(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """The agent is reminded, may hold on or take him back; else the queue has him, before all others."""
    phone = await handsets.agent("1001", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        call = await talking(one, handsets, "1001")
        await one.done("hold")
        control = await one.situation("recall")
        assert control["commands"] == ["hold", "resume", "blind", "consult", "hangup"]
        await one.done("resume")
        await one.situation("talking")
        await one.done("hold")
        await one.situation("recall")
        await one.done("hold")
        await one.situation("held")
        await one.situation("recall")
        await handsets.agent("1002", answer_after=0.2)
        pop = await two.ring()
        assert (pop["call"]["peer"], pop["call"]["queue"], pop["customer"]["name"]) == (
            "1001",
            "hotline",
            "王小明",
        )
        assert await one.wrap_up() == "transferred"
        await two.situation("talking")
        prio = pbx.console("core show channel " + pbx_caller(pbx))
        assert "QUEUE_PRIO=014" in prio
        await phone.event("bye")
        # a colleague who is asked for longer than that: the caller hears music until it is over
        await handsets.agent("1001", answer_after=0.2)
        await two.done("consult", "agent", "1001")
        await one.ring()
        await two.situation("consulting")
        assert await two.stays("consulting", 3.0)
        await two.done("swap")
        await two.situation("aside")
        await one.page.next("pop_close")  # who waits for too long is let go
        await two.situation("talking")
        await two.done("hold")
        await two.situation("recall")
        hang_up(pbx, "trunk")
        await call.result()
        await empty(pbx)
        first, second = await recorded(one.popline)
    assert (first["agent"], first["hung_up_by"], len(first["holds"])) == ("1001", "transfer", 2)
    assert second["agent"] == "1002"


def pbx_caller(pbx: Instance) -> str:
    lines = pbx.console("core show channels concise").splitlines()
    return next(line.split("!")[0] for line in lines if line.startswith("PJSIP/trunk"))
