"""The agent's own state, switched in a real Chromium and confirmed by a real Asterisk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from tests.plugins.browser import keep, signed_in
from tests.screenpop.test_pop_asterisk import listening

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.xdist_group("asterisk")]


async def test_own_state_is_switched_by_keys(
    browser: Browser,
    start_popline: Callable[..., Any],
    seeded_url: str,
    asterisk: Instance,
    phones: Phones,
) -> None:
    """Alt-B 2 goes to lunch, Alt-A comes back; the switch shows what the PBX confirmed."""
    await phones.agent("1001", answer_after=None)
    complaints: list[str] = []
    async with listening(start_popline, seeded_url, asterisk, wrapup_s=0) as popline:
        page = await signed_in(browser, popline.base, "a1001", complaints)
        switch = page.get_by_test_id("state-switch")
        await expect(switch).to_have_attribute("data-state", "available")
        await page.keyboard.press("Alt+b")
        await page.keyboard.press("2")
        await expect(switch).to_have_attribute("data-state", "paused")
        await expect(switch).to_contain_text("就餐")
        await keep(page, "desk-lunch")
        await page.keyboard.press("Alt+a")
        await expect(switch).to_have_attribute("data-state", "available")
    assert complaints == []
