"""Several tabs of one agent: one leads, rings, notifies and acknowledges; in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from cti.domain.call import CallEventKind as K
from tests.plugins.desk_page import DeskPage, card_in, comes_true, page_says

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_pop_is_acknowledged_once_from_the_leading_tab_only(desk_page: DeskPage) -> None:
    """Of two tabs both show the pop, one acknowledges; when it closes the other one leads."""
    first = await desk_page.agent()
    second = await desk_page.tab()
    await expect(second.get_by_test_id("tab-role")).to_have_attribute("data-leader", "false")
    desk_page.pbx.call("direct").until(K.OFFERED, "1001")
    await card_in(first, "ringing")
    pop = await card_in(second, "ringing")
    await comes_true(lambda: bool(desk_page.acks(first)))
    await second.get_by_test_id("note").fill("x")  # a round trip later no second one has come
    await expect(second.get_by_test_id("draft-state")).to_have_text("已存草稿")
    assert (desk_page.acks(first), desk_page.acks(second)) == ([pop], [])
    assert (await desk_page.popline.row(pop))["acked_at"] is not None
    await first.close()
    await expect(second.get_by_test_id("tab-role")).to_have_attribute("data-leader", "true")


SPY = """
window.rung = []; window.notes = 0
document.hasFocus = () => false
window.Notification = class {
  static permission = 'granted'
  constructor(title, options) { window.rung.push(`${title} | ${options.body}`) }
  close() { window.rung.push('closed') }
}
const create = AudioContext.prototype.createOscillator
AudioContext.prototype.createOscillator = function () { window.notes += 1; return create.call(this) }
"""


async def test_leading_tab_rings_and_notifies_until_answered(desk_page: DeskPage) -> None:
    """The leading tab sounds and notifies while it rings and takes both back; the other tab is silent."""
    await desk_page.context.add_init_script(SPY)
    first = await desk_page.agent("a1002")
    second = await desk_page.tab()
    await expect(second.get_by_test_id("tab-role")).to_have_attribute("data-leader", "false")
    await second.locator("body").click()  # a browser lets a page sound after a click; this one must not
    await first.locator("body").click()
    call = desk_page.pbx.call("ring_all")
    call.until(K.OFFERED, "1002")
    await card_in(first, "ringing")
    await card_in(second, "ringing")
    await page_says(first, "window.notes >= 2 && window.rung.length === 1")
    assert await first.evaluate("window.rung") == ["来电：王小明先生 | VIP客户 138****8000 普通热线"]
    call.until(K.ANSWERED, "1002")
    await card_in(first, "talking")
    await page_says(first, "window.rung.length === 2")
    assert await first.evaluate("window.rung[1]") == "closed"
    assert await second.evaluate("[window.notes, window.rung]") == [0, []]
