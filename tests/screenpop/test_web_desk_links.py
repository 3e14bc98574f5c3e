"""Connections that go and come back: to the service, to the PBX, and the sign-in; in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import expect

from cti.domain.call import CallEventKind as K
from cti.store import repos
from tests.plugins.browser import SOON, sign_in
from tests.plugins.desk_page import DeskPage, card_in, comes_true

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
NOTE = "客户催派送，承诺 16:00 前送达"


async def test_page_comes_back_without_losing_the_card(desk_page: DeskPage) -> None:
    """The service goes and returns: banner, card and note stay, and the unsaved note is sent."""
    desk_page.faults_expected = True
    page = await desk_page.agent()
    desk_page.pbx.call("direct").until(K.ANSWERED, "1001")
    pop = await card_in(page, "talking")
    await desk_page.line.refuse()
    desk_page.line.cut()
    banner = page.get_by_test_id("conn-banner")
    await expect(banner).to_have_attribute("data-kind", "service-down")
    await page.get_by_test_id("note").fill(NOTE)
    await expect(page.get_by_test_id("draft-state")).to_contain_text("已存本机")
    await desk_page.line.listen()
    await expect(banner).to_have_attribute("data-kind", "recovered", timeout=SOON * 2)
    assert await card_in(page, "talking") == pop
    await expect(page.get_by_test_id("note")).to_have_value(NOTE)
    await expect(page.get_by_test_id("draft-state")).to_have_text("已存草稿")
    assert desk_page.popline.parts.ctx.service.drafts[pop].note == NOTE


async def test_call_that_ended_meanwhile_is_closed_on_return(desk_page: DeskPage) -> None:
    """A pop that is missing in the snapshot after a reconnect says so and leaves."""
    desk_page.faults_expected = True
    page = await desk_page.agent()
    call = desk_page.pbx.call("abandoned_ringing")
    call.until(K.OFFERED, "1001")
    pop = await card_in(page, "ringing")
    await desk_page.line.refuse()
    desk_page.line.cut()
    await expect(page.get_by_test_id("conn-banner")).to_have_attribute("data-kind", "service-down")
    call.rest()
    book = desk_page.popline.parts.ctx.service.book
    await comes_true(lambda: book.get(pop) is None)
    await desk_page.line.listen()
    await expect(page.get_by_test_id("pop-close-reason")).to_have_text(
        "在您离开期间通话已结束", timeout=SOON * 2
    )
    await expect(page.get_by_test_id("pop-card")).to_have_count(0)


async def test_silent_connection_is_noticed(desk_page: DeskPage) -> None:
    """A socket that is open but says nothing is given up after the ping, and the page comes back."""
    desk_page.faults_expected = True
    page = await desk_page.agent()
    desk_page.line.silent.set()
    # what a computer does on waking: the page tests the connection at once
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await expect(page.get_by_test_id("conn-banner")).to_have_attribute("data-kind", "service-down")
    desk_page.line.silent.clear()
    await expect(page.get_by_test_id("link-service")).to_have_attribute("data-ok", "true", timeout=SOON * 2)


async def test_time_without_the_pbx_is_told(desk_page: DeskPage) -> None:
    """While the PBX is away the page says so; afterwards it says for how long."""
    desk_page.faults_expected = True  # 503 for a change of state
    page = await desk_page.agent()
    await desk_page.pbx.ami.away()
    banner = page.get_by_test_id("conn-banner")
    await expect(banner).to_have_attribute("data-kind", "pbx-down")
    await expect(page.get_by_test_id("link-pbx")).to_have_attribute("data-ok", "false")
    await page.keyboard.press("Alt+b")
    await page.keyboard.press("1")
    await expect(page.get_by_text("暂时不能改变状态")).to_be_visible()
    await desk_page.pbx.ami.listen()
    await expect(banner).to_have_text(re.compile(r"与交换机断开 \d+ 秒，已恢复"), timeout=SOON * 2)
    await expect(page.get_by_test_id("link-pbx")).to_have_attribute("data-ok", "true")


async def test_ended_sign_in_leads_to_the_door_with_a_reason(
    start_desk_page: Callable[..., Any], furnished_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that no longer counts ends at the sign-in page, which says why; the note is kept."""
    monkeypatch.setattr("screenpop.session.CHECK_S", 0.1)
    monkeypatch.setattr("screenpop.auth.CACHE_S", 0.0)
    desk: DeskPage = await start_desk_page(furnished_url)
    desk.faults_expected = True
    page = await desk.agent()
    desk.pbx.call("direct").until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    await page.get_by_test_id("note").fill(NOTE)
    db = desk.popline.parts.ctx.db
    user = await db.run(lambda c: repos.user_by_name(c, "a1001"))
    assert user is not None
    await db.write(lambda c: repos.end_sessions_of(c, user.id))
    await expect(page.get_by_text("登录已过期")).to_be_visible()
    await sign_in(page, "a1001")
    await card_in(page, "talking")
    await expect(page.get_by_test_id("note")).to_have_value(NOTE)
