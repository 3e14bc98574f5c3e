"""What the card says while it rings, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from playwright.async_api import expect

from cti.domain.call import CallEventKind as K
from tests.plugins.browser import keep
from tests.plugins.desk_page import HOSTILE, MARKUP, TYPED, DeskPage, card_in
from tests.plugins.postgres import dsn
from tests.plugins.screenpop import SHARED, WANG

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
NOTE = "客户催派送，承诺 16:00 前送达"


async def test_card_says_who_rings_and_what_to_say(desk_page: DeskPage) -> None:
    """domain.md §3: who, what was done in the menu, first sentence — while it rings the card shows who,
    tier, number, match, sentence and menu; nothing scrolls."""
    page = await desk_page.agent()
    await page.get_by_test_id("notify-later").click()
    call = desk_page.pbx.call("ring_all")
    call.until(K.ARRIVED)
    call.menu(path="查件>输入运单>转人工", waybill=TYPED, ivr_s="32", wait_s="45")
    call.until(K.OFFERED, "1001")
    await card_in(page, "ringing")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("王小明")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("先生")
    await expect(page.get_by_test_id("pop-tier")).to_have_text("VIP客户")
    await expect(page.get_by_test_id("pop-number")).to_have_text("138****8000")
    await expect(page.get_by_test_id("pop-outcome")).to_contain_text("号码精确匹配")
    await expect(page.get_by_test_id("pop-greeting")).to_contain_text("王先生")
    await expect(page.get_by_test_id("context-waybill")).to_contain_text(TYPED)
    await expect(page.get_by_test_id("context-waybill")).to_contain_text("派送中")
    await expect(page.get_by_test_id("timeline")).to_contain_text("月度回访")
    await expect(page.get_by_test_id("state-switch")).to_have_attribute("data-state", "ringing")
    assert await page.title() == "来电 王小明"
    assert WANG not in await page.content()
    await keep(page, "desk-ringing")
    overflow = await page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll('[data-testid=pop-card] .body')]
            .map((e) => e.scrollHeight - e.clientHeight)"""
    )
    assert overflow == [0, 0]


OUTCOMES = [
    ("15012340000", "none", "未登记客户"),
    ("anonymous", "anonymous", "号码隐藏"),
    ("138****8000", "masked", "号码被遮蔽"),
    ("95338", "service", "服务号码"),
]


async def test_card_shows_each_outcome_as_such(desk_page: DeskPage) -> None:
    """A caller who is not known is never dressed up as a customer."""
    page = await desk_page.agent()
    for number, outcome, name in OUTCOMES:
        call = desk_page.pbx.call("abandoned_ringing", number=number, name=number)
        call.until(K.OFFERED, "1001")
        await expect(page.get_by_test_id("pop-outcome")).to_have_attribute("data-outcome", outcome)
        await card_in(page, "ringing")
        await expect(page.get_by_test_id("pop-name")).to_have_text(name)
        await expect(page.get_by_test_id("pop-tier")).to_have_count(0)
        await expect(page.get_by_test_id("candidate")).to_have_count(0)
        call.rest()
        await card_in(page, "closed")


@pytest.mark.postgres
async def test_card_is_completed_by_a_late_look_up(
    start_desk_page: Callable[..., Any], postgres_url: str
) -> None:
    """What the look-up could not give in time comes in later, under what is being typed."""
    desk: DeskPage = await start_desk_page(postgres_url, seeded=False, pop={"lookup_deadline_s": 0.2})
    page = await desk.agent()
    with psycopg.connect(**dsn(postgres_url)) as lock:
        lock.execute("LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE")
        desk.pbx.call("direct").until(K.OFFERED, "1001")
        await card_in(page, "ringing")
        await expect(page.get_by_test_id("pop-outcome")).to_have_attribute("data-outcome", "unavailable")
        await expect(page.get_by_test_id("pop-name")).to_have_text("资料暂不可用")
        await expect(page.get_by_test_id("pop-tier")).to_have_count(0)
        await page.get_by_test_id("note").fill(NOTE)
        lock.rollback()
    await expect(page.get_by_test_id("pop-name")).to_contain_text("王小明")
    await expect(page.get_by_test_id("note")).to_have_value(NOTE)
    await expect(page.get_by_test_id("note")).to_be_focused()


async def test_several_customers_are_chosen_by_key(desk_page: DeskPage) -> None:
    """Two customers with one number: both are listed, nobody is chosen until the agent presses 2."""
    page = await desk_page.agent()
    desk_page.pbx.call("direct", number=SHARED).until(K.OFFERED, "1001")
    await card_in(page, "ringing")
    candidates = page.get_by_test_id("candidate")
    await expect(candidates).to_have_count(2)
    await expect(page.get_by_test_id("pop-outcome")).to_contain_text("2 位客户使用此号码，请选择")
    await expect(page.get_by_test_id("pop-greeting")).to_have_text("您好，请问有什么可以帮助您？")
    second = "刘芳" if "刘芳" in await candidates.nth(1).inner_text() else "欧阳静"
    await page.keyboard.press("2")
    await expect(page.get_by_test_id("pop-name")).to_contain_text(second)
    said = {"刘芳": "刘女士，请问", "欧阳静": "欧阳女士，请问"}[second]
    await expect(page.get_by_test_id("pop-greeting")).to_contain_text(said)


async def test_number_is_shown_only_on_request(desk_page: DeskPage) -> None:
    """The whole number appears after Alt-R, which asks the service; there it is written down."""
    page = await desk_page.agent()
    desk_page.pbx.call("direct").until(K.OFFERED, "1001")
    pop = await card_in(page, "ringing")
    await expect(page.get_by_test_id("pop-number")).to_have_text("138****8000")
    assert WANG not in await page.content()
    assert pop not in await desk_page.revealed()
    await page.keyboard.press("Alt+r")
    await expect(page.get_by_test_id("pop-number")).to_have_text(WANG)
    assert pop in await desk_page.revealed()


async def test_hostile_texts_stay_texts(desk_page: DeskPage) -> None:
    """Markup in names and menu texts is shown as written; no script runs, no policy is broken."""
    page = await desk_page.agent()
    call = desk_page.pbx.call("direct", number=HOSTILE, name='"><script>alert(1)</script>')
    call.until(K.ARRIVED)
    call.context(path="<b>查件</b>>" + "x" * 5000, waybill="<i>1</i>", k="v" * 500)
    call.until(K.OFFERED, "1001")
    await card_in(page, "ringing")
    await expect(page.get_by_test_id("pop-name")).to_contain_text(MARKUP)
    assert await page.locator("[data-testid=pop-card] img, [data-testid=pop-card] script").count() == 0
    box = await page.get_by_test_id("note").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 768
