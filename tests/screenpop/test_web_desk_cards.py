"""How cards come, wait, stay and leave, in a real Chromium."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.async_api import expect

from cti.domain.call import CallEventKind as K
from tests.plugins.browser import keep
from tests.plugins.desk_page import OUYANG, TYPED, DeskPage, card_in
from tests.plugins.links import Join

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
NOTE = "客户催派送，承诺 16:00 前送达"


async def test_second_call_never_covers_what_is_typed(desk_page: DeskPage) -> None:
    """A second call waits as a bar while the note keeps text and focus; it says why when it ends."""
    page = await desk_page.agent()
    desk_page.pbx.call("direct").until(K.ANSWERED, "1001")
    first = await card_in(page, "talking")
    note = page.get_by_test_id("note")
    await note.fill(NOTE)
    second = desk_page.pbx.call("abandoned_ringing", number=OUYANG)
    second.until(K.OFFERED, "1001")
    await expect(page.get_by_test_id("second-call-bar")).to_contain_text("欧阳文静")
    await keep(page, "desk-second-call")
    assert await page.get_by_test_id("pop-card").get_attribute("data-pop-id") == first
    await expect(note).to_be_focused()
    await page.keyboard.type("！")
    await expect(note).to_have_value(NOTE + "！")
    await page.keyboard.press("Alt+s")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("欧阳文静")
    await page.keyboard.press("Alt+s")
    await expect(note).to_have_value(NOTE + "！")
    second.rest()
    await expect(page.get_by_test_id("bar-close-reason")).to_have_text("客户已挂断")
    await expect(page.get_by_test_id("second-call-bar")).to_have_count(0)


async def test_closed_pop_says_why_and_leaves(desk_page: DeskPage) -> None:
    """A pop that a colleague answered says so and goes, and stays in the list of recent calls."""
    page = await desk_page.agent()
    call = desk_page.pbx.call("ring_all")
    call.until(K.OFFERED, "1001")
    await card_in(page, "ringing")
    call.until(K.ANSWERED, "1002")
    await expect(page.get_by_test_id("pop-close-reason")).to_have_text("已由 1002 接听")
    await card_in(page, "closed")
    await expect(page.get_by_test_id("pop-card")).to_have_count(0)
    await expect(page.get_by_test_id("recent-call").first).to_contain_text("已由 1002 接听")


async def test_note_survives_the_tab_and_is_handed_in(desk_page: DeskPage, join_system: Join) -> None:
    """Note and disposition are there in a new tab, and Ctrl-Enter hands them in after the call.

    Meanwhile a pushed parcel is shown in its new state, with a quiet mark; who types is not disturbed.
    """
    page = await desk_page.agent()
    call = desk_page.pbx.call("direct")
    call.until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    await page.keyboard.press("Alt+n")
    await page.keyboard.type(NOTE)
    await page.keyboard.press("Alt+2")
    await expect(page.get_by_test_id("wrapup-done")).to_be_disabled()
    tms = await join_system(desk_page.popline, "waybills:write")
    signed = {"at": datetime.now(UTC).isoformat(), "state": "签收", "place": "北京朝阳", "text": "已签收"}
    await tms.send(
        "POST", "/hooks/waybills", {"delivery": "d", "items": [{"number": TYPED, "events": [signed]}]}
    )
    parcel = page.get_by_test_id("pop-waybill").filter(has_text=TYPED)
    await expect(parcel).to_contain_text("已签收")
    await expect(page.get_by_test_id("pop-card").get_by_test_id("fresh")).to_have_text("刚更新")
    await expect(parcel.get_by_test_id("fresh")).to_be_visible()
    await expect(page.get_by_test_id("note")).to_be_focused()
    await keep(page, "desk-talking")
    await page.close()
    page = await desk_page.tab()
    pop = await card_in(page, "talking")
    await expect(page.get_by_test_id("note")).to_have_value(NOTE)
    chosen = page.locator('[data-testid="disposition-option"][aria-checked="true"]')
    await expect(chosen).to_have_attribute("data-value", "催派")
    draft = desk_page.popline.parts.ctx.service.drafts[pop]
    assert (draft.note, draft.disposition) == (NOTE, "催派")
    call.rest()
    await card_in(page, "wrapup")
    await expect(page.get_by_test_id("wrapup-countdown")).to_contain_text("剩余")
    await keep(page, "desk-wrapup")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_test_id("pop-card")).to_have_count(0)
    row = await desk_page.popline.row(pop)
    assert (row["note"], row["disposition"], row["reason"]) == (NOTE, "催派", "completed")


async def test_closed_card_stays_while_somebody_types(desk_page: DeskPage) -> None:
    """A card that ends under the agent's hands keeps its note until Esc; the new call waits."""
    page = await desk_page.agent()
    first = desk_page.pbx.call("abandoned_ringing")
    first.until(K.OFFERED, "1001")
    pop = await card_in(page, "ringing")
    await page.get_by_test_id("note").fill(NOTE)
    first.rest()
    desk_page.pbx.call("direct", number=OUYANG).until(K.OFFERED, "1001")
    await expect(page.get_by_test_id("pop-close-reason")).to_have_text("客户已挂断")
    await expect(page.get_by_test_id("second-call-bar")).to_be_visible()
    await page.keyboard.type("…")
    assert await page.get_by_test_id("pop-card").get_attribute("data-pop-id") == pop
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("欧阳文静")
    await expect(page.get_by_test_id("recent-call").first).to_contain_text("备注未提交")


async def test_answered_second_call_comes_up_over_an_idle_wrap_up(desk_page: DeskPage) -> None:
    """Who is now in talk lies on top; the card before it waits with its unfinished note."""
    page = await desk_page.agent()
    desk_page.pbx.call("direct").rest()
    await card_in(page, "wrapup")
    await page.get_by_test_id("pop-name").click()  # nobody types
    second = desk_page.pbx.call("direct", number=OUYANG)
    second.until(K.OFFERED, "1001")
    await expect(page.get_by_test_id("second-call-bar")).to_contain_text("欧阳文静")
    second.until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("欧阳文静")
    await expect(page.get_by_test_id("second-call-bar")).to_contain_text("话后未提交")
