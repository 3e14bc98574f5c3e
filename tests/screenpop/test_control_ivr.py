"""A caller is sent to the menus in mid-call and comes back to the same agent, with what was typed there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asterisk_conf.scenario import dtmf, wait
from tests.plugins.agi import OWN
from tests.plugins.control_desk import desks, empty
from tests.plugins.screenpop import WANG

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]


async def test_to_the_menu_and_back_with_a_waybill(
    start_popline: Callable[..., Any], seeded_url: str, hotline: Callable[..., Any]
) -> None:
    """The waybill typed in mid-call stands on the pop, the agent has the caller again; one hangs up there.

    The agent has two devices, one of which is not there.
    """
    two_devices = {"number": "1001", "queues": ["hotline"], "devices": ["1001a", "1001b"]}
    async with hotline(agents=[two_devices]) as h:
        await h.phones.agent("1001b", answer_after=0.2)
        agi = {"enabled": True, "port": h.settings.agi.port}
        async with desks(start_popline, seeded_url, h.instance, "a1001", agi=agi) as (one,):
            steps = [wait(7.0), dtmf(OWN + "#"), wait(40.0)]
            call = await h.phones.call("1001", number=WANG, hold=None, steps=steps)
            await one.ring()
            assert "ivr" in (await one.situation("talking"))["commands"]
            assert (await one.order("ivr", "flow", "nonsense"))[1]["error"]["code"] == "no_such_flow"
            await one.done("ivr", "flow", "waybill")
            await one.situation("ivr")
            await h.hears("ask_waybill")
            await one.situation("talking")
            assert one.pop["context"]["waybill"] == OWN
            await one.done("ivr", "flow", "survey")
            await one.situation("ivr")
            await one.done("resume")
            await one.situation("talking")
            await one.done("ivr", "flow", "waybill")
            channel = (
                h.instance.console("core show channels concise").partition("PJSIP/trunk")[2].partition("!")[0]
            )
            h.instance.console(f"channel request hangup PJSIP/trunk{channel}")
            await call.result()
            await empty(h.instance)
