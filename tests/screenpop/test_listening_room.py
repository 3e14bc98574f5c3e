"""Listening to a call that was moved to its room, on a real Asterisk: tones tell who hears whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asterisk_conf.scenario import wait
from tests.plugins.control_desk import Desk
from tests.plugins.listening import AGENT, BOSS, CALLER, THIRD, until

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]
SOON_S = 0.4  # until a change of the audio is heard


async def test_a_supervisor_is_in_the_room_of_a_call_that_was_moved(
    floor: Callable[..., Any], seeded_url: str
) -> None:
    """Listen, whisper and barge in a room of two and of three; the supervisor goes out with the agent."""
    async with floor(seeded_url) as f, f.popline.page("a1001") as page, f.popline.page("a1002") as other:
        one, two = Desk(f.popline, page, "a1001"), Desk(f.popline, other, "a1002")
        await f.phones.agent("9001", answer_after=0.1, steps=[f.says(BOSS)])
        await f.phones.agent("1001", answer_after=0.1, steps=[f.says(AGENT)])
        await f.phones.agent("1002", answer_after=0.1, steps=[f.says(THIRD)])

        async def hears(mode: str) -> dict[str, set[float]]:
            if mode:
                assert (await f.ask("PUT", {"mode": mode}))[1]["mode"] == mode
            await asyncio.sleep(SOON_S)
            return await f.heard()  # type: ignore[no-any-return]

        await f.phones.call("1001", hold=None, steps=[f.says(CALLER), wait(120)])
        await one.ring()
        await one.situation("talking")
        assert (await f.ask("POST", {"agent": "1001"}))[0] == 200
        # barged in before the call moves: heard again as soon as the caller is back
        assert (await hears("barge"))["trunk"] == {AGENT, BOSS}
        await one.done("hold")
        await one.done("resume")
        await one.situation("talking")
        all_hear = {"9001": {CALLER, AGENT}, "1001": {CALLER, BOSS}, "trunk": {AGENT, BOSS}}
        assert await hears("") == all_hear
        assert await hears("listen") == {"9001": {CALLER, AGENT}, "1001": {CALLER}, "trunk": {AGENT}}
        heard = await hears("whisper")
        assert (heard["1001"], heard["trunk"]) == ({CALLER, BOSS}, {AGENT})
        assert await hears("barge") == all_hear
        await one.done("consult", "agent", "1002")
        await two.ring()
        await one.situation("consulting")
        await one.done("three")
        await one.situation("three")
        heard = await hears("")
        assert (heard["trunk"], heard["1002"]) == ({AGENT, BOSS, THIRD}, {CALLER, AGENT, BOSS})
        # the agent leaves: whom the supervisor listened to is out, the two talk alone
        await one.done("leave")
        await two.situation("talking")
        await until(
            lambda: not [x for x in f.channels() if x.startswith("PJSIP/9001")], "the supervisor is out"
        )
        assert (await f.ask("GET"))[1] is None
        # barge in, and both hang up: nobody sits in an empty room
        await two.done("hold")
        await two.done("resume")
        assert (await f.ask("POST", {"agent": "1002"}))[0] == 200
        assert (await hears("barge"))["trunk"] == {THIRD, BOSS}
        await f.hang_up("trunk")
        await until(lambda: not f.channels(), "nothing is left")
