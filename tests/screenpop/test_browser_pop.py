"""A SIP call on a real Asterisk becomes a pop in a real Chromium; a screenshot is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from tests.plugins.browser import keep, signed_in
from tests.plugins.screenpop import LIU, SHARED, WANG
from tests.screenpop.test_pop_asterisk import listening

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.xdist_group("asterisk")]


async def test_sip_call_shows_the_pop_in_chromium(
    browser: Browser,
    start_popline: Callable[..., Any],
    seeded_url: str,
    asterisk: Instance,
    phones: Phones,
) -> None:
    """Ring, talk, note, reload, hang up, 话后完成: the card is there, right, and goes when it should."""
    await phones.agent("1001", answer_after=2.5)
    complaints: list[str] = []
    async with listening(start_popline, seeded_url, asterisk, wrapup_s=120) as popline:
        page = await signed_in(browser, popline.base, "a1001", complaints)
        call = await phones.call("95001", number=WANG, name="王小明", hold=9)
        card = page.get_by_test_id("pop-card")
        await expect(card).to_have_attribute("data-state", "ringing")
        await expect(page.get_by_test_id("pop-name")).to_contain_text("王")
        await expect(page.get_by_test_id("pop-tier")).to_contain_text("VIP客户")
        await expect(page.get_by_test_id("pop-greeting")).to_have_text("王先生，请问有什么可以帮助您？")
        await expect(page.get_by_test_id("pop-number")).to_contain_text("138****8000")
        assert WANG not in await page.content()
        await keep(page, "pop-ringing")
        pop_id = await card.get_attribute("data-pop-id")
        await expect(card).to_have_attribute("data-state", "talking")
        await page.get_by_test_id("note").fill("客户催促派送")
        await keep(page, "pop-talking")
        async with asyncio.timeout(10):
            while pop_id not in popline.parts.ctx.service.drafts:
                await asyncio.sleep(0.05)
        await page.reload()
        await expect(card).to_have_attribute("data-pop-id", str(pop_id))
        await expect(page.get_by_test_id("note")).to_have_value("客户催促派送")
        await call.result()
        await expect(card).to_have_attribute("data-state", "wrapup")
        await page.get_by_test_id("disposition-option").nth(1).click()
        await keep(page, "pop-wrapup")
        await page.get_by_test_id("wrapup-done").click()
        await expect(page.get_by_test_id("idle")).to_be_visible()
        row = await popline.row(str(pop_id))
    assert (row["note"], row["disposition"], row["reason"]) == ("客户催促派送", "催派", "completed")
    assert row["acked_at"] is not None
    assert complaints == []


async def test_colleague_answers_and_the_card_says_so(
    browser: Browser,
    start_popline: Callable[..., Any],
    seeded_url: str,
    asterisk: Instance,
    phones: Phones,
) -> None:
    """Two browsers ring; the slower one reads who answered, then its card leaves; candidates are listed."""
    await phones.agent("1001", answer_after=9.0)
    await phones.agent("1002", answer_after=2.5)
    complaints: list[str] = []
    async with listening(start_popline, seeded_url, asterisk, wrapup_s=0) as popline:
        slow = await signed_in(browser, popline.base, "a1001", complaints)
        quick = await signed_in(browser, popline.base, "a1002", complaints)
        call = await phones.call("95001", number=SHARED, hold=5)
        await expect(slow.get_by_test_id("candidate")).to_have_count(2)
        await expect(quick.get_by_test_id("pop-card")).to_have_attribute("data-state", "ringing")
        await keep(slow, "pop-candidates")
        await expect(slow.get_by_test_id("pop-close-reason")).to_contain_text("1002")
        await expect(quick.get_by_test_id("pop-card")).to_have_attribute("data-state", "talking")
        await expect(slow.get_by_test_id("idle")).to_be_visible()
        await call.result()
    assert complaints == []


async def test_unknown_caller_is_called_so(
    browser: Browser,
    start_popline: Callable[..., Any],
    seeded_url: str,
    asterisk: Instance,
    phones: Phones,
) -> None:
    """A number that nobody has: outcome none on the card and the general greeting."""
    await phones.agent("1001", answer_after=None)
    complaints: list[str] = []
    async with listening(start_popline, seeded_url, asterisk, wrapup_s=0) as popline:
        page = await signed_in(browser, popline.base, "a1001", complaints)
        call = await phones.call("1001", number=LIU, give_up_after=3)
        await expect(page.get_by_test_id("pop-outcome")).to_have_attribute("data-outcome", "none")
        await expect(page.get_by_test_id("pop-greeting")).to_have_text("您好，请问有什么可以帮助您？")
        await call.result()
        await expect(page.get_by_test_id("idle")).to_be_visible()
    assert complaints == []
