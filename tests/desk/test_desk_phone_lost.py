"""A browser that dies in a plain call and does not come back, over a real Asterisk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from asterisk_conf.scenario import hangup, play, wait
from tests.desk.test_desk_phone import answer, phone_is
from tests.plugins.browser import signed_in
from tests.plugins.control_desk import recorded
from tests.plugins.phone_desk import phone_desk, registered

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.xdist_group("asterisk")]
GONE_AFTER_S = 2
AGENTS = [
    {"number": "1001", "queues": ["hotline"]},
    {"number": "1002", "queues": []},
    {"number": "1003", "queues": ["hotline"]},
]


async def test_a_killed_browser_that_stays_away_leaves_its_caller_to_a_colleague(
    asterisk_here: None, tmp_path: Path, seeded_url: str, agent_voice: Path, alaw_voice: Path
) -> None:
    """A muted page is no dead one; a dead one's caller waits for it, and is then first in the queue."""
    sections = {
        "agents": AGENTS,
        "asterisk": {"rtp_timeout_s": GONE_AFTER_S},
        "control": {"rejoin_s": 2},
    }
    async with phone_desk(tmp_path, seeded_url, **sections) as desk:
        browser = await desk.browser(agent_voice)
        page = await signed_in(browser, desk.line.base, "a1001", desk.complaints)
        await registered(page)
        call = await desk.call(alaw_voice)
        await answer(page)
        await page.keyboard.press("Alt+u")
        await expect(page.get_by_test_id("phone-mute")).to_have_attribute("aria-pressed", "true")
        await asyncio.sleep(GONE_AFTER_S + 1.5)
        await phone_is(page, "talking")
        await browser.close()
        async with asyncio.timeout(20):
            while "laidian/reconnecting" not in await asyncio.to_thread(
                desk.pbx.console, "core show channels concise"
            ):
                await asyncio.sleep(0.1)
        says = play(alaw_voice, -1)
        await desk.phones.agent("1003", answer_after=0.2, steps=[says, wait(0.5), hangup()])
        assert "bye" in (await call.result(40)).events
        rows = await recorded(desk.line)
    assert [(r["agent"], r["hung_up_by"]) for r in rows] == [("1001", "phone"), ("1003", "agent")]
