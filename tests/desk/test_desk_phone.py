"""The phone in the browser over a real Asterisk: it registers, rings, talks, and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from asterisk_conf.scenario import play
from tests.plugins.browser import keep
from tests.plugins.phone_desk import PhoneDesk
from tests.plugins.screenpop import WANG

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.xdist_group("asterisk")]


async def test_a_call_is_answered_in_the_page(desk: PhoneDesk, agent_voice: Path, alaw_voice: Path) -> None:
    """Ring, answer by key, both hear each other, mute, keys, hang-up; how it sounded is in the ledger."""
    page = await desk.agent("a1001", agent_voice)
    await keep(page, "phone-registered")
    call = await desk.phones.call(
        "95001", number=WANG, name="王小明", steps=[play(alaw_voice, -1)], hold=None
    )
    strip = page.get_by_test_id("phone-strip")
    await expect(strip).to_have_attribute("data-state", "ringing")
    await expect(page.get_by_test_id("pop-card")).to_have_attribute("data-state", "ringing")
    await keep(page, "phone-ringing")
    await page.keyboard.press("Alt+j")
    await expect(strip).to_have_attribute("data-state", "talking")
    await expect(page.get_by_test_id("pop-card")).to_have_attribute("data-state", "talking")
    await expect(page.get_by_test_id("phone-figures")).to_contain_text("ms")
    await keep(page, "phone-talking")
    await call.stop()
    assert desk.complaints == []
