"""Finding customers and waybills, and writing a complaint, by keys alone; in a real Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from cti.domain.call import CallEventKind as K
from cti.store import repos
from tests.plugins.browser import keep
from tests.plugins.desk_page import BROKEN, TYPED, DeskPage, card_in
from tests.plugins.screenpop import WANG

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_waybill_is_found_and_opened_by_keys_alone(desk_page: DeskPage) -> None:
    """Ctrl-K, the waybill, Enter, without waiting for the list: it is open with its events; Esc closes it."""
    page = await desk_page.agent()
    detail = page.get_by_test_id("waybill-detail")
    for number, says in ((TYPED, "已由派送员取出派送"), (BROKEN, "货物破损")):
        await page.keyboard.press("Control+k")
        await page.keyboard.type(number)
        await page.keyboard.press("Enter")
        await expect(detail).to_have_attribute("data-number", number)
        await expect(detail).to_contain_text(says)
        await expect(detail).to_contain_text("已揽收")
        await keep(page, "desk-waybill")
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("side-panel")).to_have_count(0)


async def test_customer_is_found_by_number_or_name(desk_page: DeskPage) -> None:
    """The number, its beginning or last eight digits, or a part of the name find him; no number is shown."""
    page = await desk_page.agent()
    for typed in (WANG, WANG[:7], WANG[-8:], "王小"):
        await page.keyboard.press("Control+k")
        await page.keyboard.type(typed)
        await expect(page.get_by_test_id("search-input")).to_have_value(typed)
        hit = page.locator('[data-testid="search-result"][data-kind="customer"]')
        await expect(hit).to_have_count(1)
        await expect(hit).to_contain_text("王小明")
        await page.keyboard.press("Enter")
        detail = page.get_by_test_id("customer-detail")
        await expect(detail).to_contain_text("王小明")
        await expect(detail).to_contain_text("138****8000")
        assert WANG not in await page.get_by_test_id("side-panel").inner_text()
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("side-panel")).to_have_count(0)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("慕容")
    await expect(page.get_by_test_id("search-none")).to_contain_text("没有找到「慕容」")


async def test_complaint_is_written_from_the_card(desk_page: DeskPage) -> None:
    """Alt-C opens the complaint beside the card with the waybill filled in; missing parts are named."""
    page = await desk_page.agent()
    call = desk_page.pbx.call("direct")
    call.until(K.ARRIVED)
    call.menu(path="查件>输入运单>转人工", waybill=TYPED)
    call.until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    await page.keyboard.press("Alt+c")
    await expect(page.get_by_test_id("complaint-waybill")).to_have_value(TYPED)
    await page.get_by_test_id("complaint-submit").click()
    await expect(page.get_by_text("请写下客户所述")).to_be_visible()
    await page.get_by_test_id("complaint-category").first.click()
    await page.get_by_test_id("complaint-text").fill("冷链药品晚到 6 小时")
    await keep(page, "desk-complaint")
    await page.get_by_test_id("complaint-submit").click()
    await expect(page.get_by_text(re.compile("投诉已登记，编号"))).to_be_visible()
    await expect(page.get_by_test_id("pop-card")).to_be_visible()
    written = await desk_page.popline.parts.ctx.db.run(repos.list_complaints)
    assert [(c["waybill"], c["summary"]) for c in written if c["opened_by"] == "a1001"] == [
        (TYPED, "冷链药品晚到 6 小时")
    ]
