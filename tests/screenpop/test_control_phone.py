"""What an agent does with the keys of a hard phone: the page shows it, on a real Asterisk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.scenario import hold, refer, resume, wait
from asterisk_conf.softphones import Phones
from tests.plugins.control_desk import desks, empty, talking

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]


async def test_hold_and_transfer_by_the_phone_itself(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """Held and transferred (REFER) by the phone, the card follows, and commands work on."""
    keys = [wait(1.5), hold(), wait(0.7), resume(), wait(0.7), refer("1002")]
    await handsets.agent("1001", answer_after=0.1, steps=keys)
    await handsets.agent("1002", answer_after=0.2, steps=[wait(2.0), hold(), wait(0.7), resume()])
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        call = await talking(one, handsets, "1001")
        control = await one.situation("phone_held")
        assert "resume" not in control["commands"]
        await one.situation("talking")
        pop = await two.ring()
        assert (pop["customer"]["name"], pop["call"]["peer"]) == ("王小明", "1001")
        assert await one.wrap_up() == "transferred"
        await two.situation("talking")
        assert ("blind", "1001", "1002") in [
            (c["kind"], c["agent"], c["peer"]) for c in two.pop["call"]["chain"]
        ]
        for command, then in (("hold", "held"), ("resume", "talking")):
            await two.done(command)
            await two.situation(then)
        await two.situation("phone_held")  # in the room of the call, too
        await two.situation("talking")
        await two.done("hangup")
        assert "bye" in (await call.result()).events
        await empty(pbx)
