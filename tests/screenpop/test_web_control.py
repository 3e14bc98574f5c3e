"""The buttons of a call in a real Chromium, on a real Asterisk with SIPp phones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from tests.plugins.browser import VIEWPORT, chromium, keep, new_page, sign_in
from tests.plugins.control_desk import empty
from tests.plugins.screenpop import WANG
from tests.screenpop.test_pop_asterisk import listening

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asterisk,
    pytest.mark.xdist_group("asterisk"),
]


@dataclass
class Floor:
    """A hotline with two agents' pages."""

    asterisk: Instance
    phones: Phones
    one: Page
    two: Page
    complaints: list[str]


@pytest_asyncio.fixture
async def floor(
    start_popline: Callable[..., Any],
    seeded_url: str,
    start_asterisk: Callable[..., Instance],
    tmp_path: Path,
) -> AsyncIterator[Floor]:
    asterisk = start_asterisk(recording={"enabled": True})
    async with AsyncExitStack() as stack:
        phones = await stack.enter_async_context(Phones(asterisk.settings))
        await phones.agent("1001", answer_after=0.3)
        await phones.agent("1002", answer_after=0.3)
        popline = await stack.enter_async_context(listening(start_popline, seeded_url, asterisk, wrapup_s=20))
        browser = await stack.enter_async_context(chromium())
        complaints: list[str] = []
        pages = []
        for user in ("a1001", "a1002"):
            context = await browser.new_context(
                viewport=VIEWPORT, locale="zh-CN", timezone_id="Asia/Shanghai"
            )
            page = await new_page(context, complaints)
            await page.goto(popline.base)
            await sign_in(page, user)
            await expect(page.get_by_test_id("state-switch")).to_be_visible()
            pages.append(page)
        yield Floor(asterisk, phones, pages[0], pages[1], complaints)


async def test_a_call_is_led_by_key_and_button(floor: Floor) -> None:
    """Hold and resume by key; consult a colleague chosen by key, three-way, complete; the note goes along."""
    one, two = floor.one, floor.two
    call = await floor.phones.call("1001", number=WANG, name="王小明", hold=None)
    bar, other = one.get_by_test_id("call-controls"), two.get_by_test_id("call-controls")
    await expect(bar).to_have_attribute("data-situation", "talking")
    await keep(one, "control-talking")
    await one.keyboard.press("Alt+h")
    await expect(bar).to_have_attribute("data-situation", "held")
    await expect(one.get_by_test_id("control-status")).to_have_text("客户在听音乐")
    await one.keyboard.press("Alt+h")
    await expect(bar).to_have_attribute("data-situation", "talking")
    await one.get_by_test_id("note").fill("客户要求改送北门，电话13800138000")
    await expect(one.get_by_test_id("draft-state")).to_contain_text("已存草稿")
    await one.keyboard.press("Alt+x")
    await expect(one.get_by_test_id("control-search")).to_be_focused()
    await one.keyboard.type("1002")
    await expect(one.get_by_test_id("control-target")).to_have_count(1)
    await keep(one, "control-chooser")
    await one.keyboard.press("Shift+Enter")
    await expect(bar).to_have_attribute("data-situation", "consulting")
    await keep(one, "control-consulting")
    await expect(two.get_by_test_id("handed-note")).to_contain_text("客户要求改送北门")
    await expect(other).to_have_attribute("data-situation", "asked")
    await one.get_by_test_id("control-swap").click()
    await expect(bar).to_have_attribute("data-situation", "aside")
    await one.get_by_test_id("control-three").click()
    await expect(bar).to_have_attribute("data-situation", "three")
    await one.get_by_test_id("lang-switch").click()
    await keep(one, "control-three-en")
    await one.keyboard.press("Alt+g")
    await expect(bar).to_have_count(0)
    await expect(other).to_have_attribute("data-situation", "talking")
    await two.emulate_media(color_scheme="dark")
    await keep(two, "control-given")
    await two.keyboard.press("Alt+d")
    assert "bye" in (await call.result()).events
    await expect(other).to_have_count(0)
    await empty(floor.asterisk)
    assert floor.complaints == []
