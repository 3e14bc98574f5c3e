"""Customers and statistics in a real Chromium: list, record, time line, charts, the caller's message."""

from __future__ import annotations

import asyncio
import re
import wave
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, expect

from cti.domain.call import CallEventKind as K
from cti.domain.problem import ProblemKind, Shift
from cti.store import repos
from cti.store.recompute import NIGHTLY, recompute
from cti.store.repos.customer_edit import Edit, edit_customer
from cti.store.repos.ivr import add_ivr_contact, save_score
from cti.store.repos.problems import register_problem
from cti.store.repos.tiering import Plan
from cti.store.synthetic import fill
from cti.store.tables import customers
from screenpop.service import utc_now
from tests.plugins.browser import keep
from tests.plugins.desk_page import BROKEN, DeskPage, card_in
from tests.plugins.screenpop import WANG
from tests.screenpop.test_value_api import CHINA, schemes

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
LENGTH = """a => new Promise(done => {
    const tell = () => done(a.duration)
    if (a.readyState) tell()
    else a.onloadedmetadata = tell
})"""
DRAWN = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"


def _business(desk_page: DeskPage) -> None:
    """Synthetic customers with half a year of orders, complaints, problem items, and scores of callers."""
    db, now = desk_page.popline.parts.ctx.db, utc_now()
    with db.begin() as conn:
        conn.execute(sa.update(customers).values(source="test"))  # the store counts as still to be filled
        fill(conn, now=now, scheme=schemes()[0], seed=3, count=70)
        for n in range(40):
            call = {"node": "n", "linkedid": f"s{n}"}
            save_score(conn, at=now - timedelta(days=n % 20), score=5 - n % 7 % 5, agent="1001", **call)
            path = ("查件>输入运单", "网点电话", "查件>按来电号码", "报价")[n % 4]
            at = now - timedelta(days=n % 25)
            add_ivr_contact(conn, number_key="", at=at, ended_at=at, path=path, node="n", linkedid=f"i{n}")
    recompute(db, Plan(schemes()[0], schemes()), now=now - timedelta(days=40), zone=CHINA, cause=NIGHTLY)
    recompute(db, Plan(schemes()[0], schemes()), now=now, zone=CHINA, cause=NIGHTLY)


async def _wang(desk_page: DeskPage) -> int:
    query = sa.select(customers.c.id).where(customers.c.code == "C1")
    return int(await desk_page.popline.parts.ctx.db.run(lambda c: c.execute(query).scalar_one()))


async def _problem(desk_page: DeskPage, cid: int) -> str:
    """A problem item of 王小明's broken parcel; its code."""
    now = utc_now()

    def write(conn: sa.Connection) -> str:
        made = register_problem(
            conn,
            kind=ProblemKind.DAMAGE,
            shift=Shift.MID,
            remark="3月10日9点 李女士 外箱破损拒收 13800138000",
            arose_at=now - timedelta(minutes=20),
            at=now,
            who="1001",
            waybill=BROKEN,
            customer_id=cid,
        )
        (code,) = conn.execute(sa.text("SELECT code FROM problem_items WHERE id = :id"), {"id": made}).one()
        return str(code)

    return await desk_page.popline.parts.ctx.db.write(write)


async def test_the_list_is_filtered_turned_and_opened_by_keys(desk_page: DeskPage) -> None:
    """Filters, order and place stand in the address, columns in the browser; Enter opens the chosen row."""
    await asyncio.to_thread(_business, desk_page)
    page = await desk_page.signed_in("boss", "/customers")
    rows = page.get_by_test_id("customers-row")
    await expect(rows).to_have_count(50)
    await keep(page, "customers_list")
    first = await rows.first.get_attribute("data-id")
    await page.get_by_test_id("customers-after").click()
    await expect(page).to_have_url(re.compile("after="))
    await expect(rows.first).not_to_have_attribute("data-id", first or "")
    await page.get_by_test_id("customers-before").click()
    await expect(rows.first).to_have_attribute("data-id", first or "")

    await page.get_by_test_id("customers-filter-kind").select_option("company")
    await page.get_by_test_id("customers-filter-tier").select_option("vip")
    await page.get_by_test_id("customers-sort").select_option("value")
    await expect(page).to_have_url(re.compile("kind=company.*tier=vip.*sort=value"))
    await expect(rows.first).to_contain_text("VIP客户")
    await page.get_by_test_id("customers-columns").locator("summary").click()
    await page.locator("[data-column=county]").check()
    await page.locator("[data-column=updated]").uncheck()
    await page.get_by_test_id("customers-columns").locator("summary").click()
    await keep(page, "customers_filtered")
    await page.reload()
    head = page.get_by_test_id("customers").locator("thead")
    await expect(head).to_contain_text("区县")
    await expect(head).not_to_contain_text("更新")
    await expect(rows.first).to_contain_text("VIP客户")

    await page.get_by_test_id("customers-filter-scheme").select_option("abcd")
    await page.get_by_test_id("customers-filter-tier").select_option("D")
    await expect(page).to_have_url(re.compile("scheme=abcd"))
    await page.get_by_test_id("customers-filter-clear").click()
    await page.get_by_test_id("customers-filter-q").fill("没有这个人")
    await page.get_by_test_id("customers-filter-q").press("Enter")
    await expect(page.get_by_text("没有符合条件的客户")).to_be_visible()
    await keep(page, "customers_none")
    await page.get_by_test_id("customers-filter-clear").click()
    await page.get_by_test_id("customers-filter-q").fill(WANG)
    await page.get_by_test_id("customers-filter-q").press("Enter")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("王小明")
    await rows.locator("a").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("customer-detail")).to_contain_text("王小明")


async def test_a_record_is_edited_and_nothing_of_others_is_lost(desk_page: DeskPage) -> None:
    """Fields and a number are saved; who is second sees the first one's change and saves on top of it."""
    desk_page.faults_expected = True  # the browser reports the 409 and the 422
    cid = await _wang(desk_page)
    page = await desk_page.signed_in("boss", f"/customers/{cid}")
    await page.get_by_test_id("customer-edit").click()
    form = page.get_by_test_id("customer-edit-form")
    await form.locator("[data-field=address]").fill("深圳市南山区科技园")
    await form.locator("[data-field=industry]").fill("制造")
    await form.get_by_label("同城").check()
    await page.get_by_test_id("number-add").click()
    await page.get_by_test_id("number-new").fill("10086")
    await page.get_by_test_id("customer-save").click()
    await expect(page.get_by_test_id("customer-edit-failed")).to_contain_text("“10086” 不是可以拨打的号码")
    await page.get_by_test_id("number-new").fill("0755-86013388")
    await keep(page, "customer_edit")
    db, now = desk_page.popline.parts.ctx.db, utc_now()
    _, found = await desk_page.popline.api("GET", f"/customers/{cid}", user="boss")
    version = found["record"]["version"]
    await db.write(
        lambda c: edit_customer(
            c, cid, Edit({"occupation": "药店店主"}), version=version, who="a1002", at=now
        )
    )
    await page.get_by_test_id("customer-save").click()
    conflict = page.get_by_test_id("customer-conflict")
    await expect(conflict).to_contain_text("从事职业：— → 药店店主")
    await keep(page, "customer_conflict")
    await page.get_by_test_id("customer-conflict-again").click()
    await expect(form).to_have_count(0)
    detail = page.get_by_test_id("customer-detail")
    for text in ("深圳市南山区科技园", "药店店主", "0755-86013388", "制造"):
        await expect(detail).to_contain_text(text)
    await page.get_by_test_id("customer-changes").locator("summary").click()
    await expect(page.get_by_test_id("customer-change")).to_have_count(2)
    await expect(page.get_by_test_id("tier-services")).to_contain_text("VIP客服代表")
    await keep(page, "customer_detail")


async def test_every_item_of_the_time_line_opens_its_record(desk_page: DeskPage) -> None:
    """One kind can be shown alone; a call opens beside, a problem item and a complaint on their pages."""
    cid = await _wang(desk_page)
    code = await _problem(desk_page, cid)
    page = await desk_page.signed_in("boss", f"/customers/{cid}")
    items = page.get_by_test_id("timeline-item")
    await expect(page.locator("[data-testid=timeline-item][data-kind=problem]")).to_contain_text(
        "外箱破损拒收"
    )
    await keep(page, "customer_timeline")
    await page.get_by_test_id("timeline-kind-call").click()
    await expect(items).to_have_count(2)
    await items.first.get_by_test_id("timeline-open").click()
    await expect(page.get_by_test_id("contact-detail")).to_contain_text("外箱受潮")
    await keep(page, "customer_contact")
    await page.get_by_test_id("panel-close").click()
    await page.get_by_test_id("timeline-kind-all").click()
    await page.locator("[data-kind=problem]").get_by_test_id("timeline-open").click()
    await expect(page).to_have_url(re.compile(f"/care/problems.*{code}"))
    await expect(page.get_by_test_id("problem-row")).to_have_count(1)
    await page.go_back()
    await page.locator("[data-kind=complaint]").get_by_test_id("timeline-open").click()
    await expect(page.get_by_test_id("care-whole")).to_be_visible()


async def test_the_pop_leads_to_the_customer_in_one_click(desk_page: DeskPage) -> None:
    """domain.md §3: preferences — beside the card, with value and points, one click from it."""
    page = await desk_page.agent()
    desk_page.pbx.call("direct").until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    line = page.get_by_test_id("timeline")
    await expect(line.get_by_test_id("timeline-item").first).to_be_visible()
    await page.get_by_test_id("open-customer").click()
    detail = page.get_by_test_id("customer-detail")
    await expect(detail).to_contain_text("王小明")
    await expect(page.get_by_test_id("customer-value")).to_contain_text("潜在价值")
    await expect(page.get_by_test_id("points-balance")).to_be_visible()
    await expect(page.get_by_test_id("preferences-edit")).to_be_visible()
    await keep(page, "pop_customer")


async def test_statistics_are_drawn_and_exported(desk_page: DeskPage) -> None:
    """Each part has its chart with a sentence for those who do not see it; days stand in the address."""
    await asyncio.to_thread(_business, desk_page)
    page = await desk_page.signed_in("boss", "/statistics")
    for part in ("tiers", "moves", "category", "answers", "problems", "scores", "dispositions", "uses"):
        canvas = page.get_by_test_id(f"statistics-{part}").locator("canvas")
        await expect(canvas).to_be_visible()
        assert await canvas.evaluate(DRAWN) > 4, part
    label = page.get_by_test_id("statistics-tiers").get_by_role("img")
    await expect(label).to_have_attribute("aria-label", re.compile("VIP客户 \\d+"))
    await keep(page, "statistics")
    await page.get_by_test_id("statistics-days").select_option("7")
    await expect(page).to_have_url(re.compile("first=.*last="))
    async with page.expect_download() as download:
        await page.get_by_test_id("statistics-export").click()
    assert (await download.value).suggested_filename.endswith(".xlsx")
    await page.get_by_test_id("user-menu").click()
    for _ in range(2):  # as the system → light → dark
        await page.get_by_test_id("theme-switch").click()
    await page.keyboard.press("Escape")
    await page.get_by_test_id("statistics-days").select_option("30")
    await expect(page.get_by_test_id("statistics-scores").locator("canvas")).to_be_visible()
    await keep(page, "statistics_dark")


async def test_a_callers_message_is_played_on_the_record(
    start_desk_page: Callable[..., Any], furnished_url: str, tmp_path: Path
) -> None:
    """What was said to the menu is played in the page, under its strict policy."""
    folder = tmp_path / "spool" / "monitor"
    folder.mkdir(parents=True)
    with wave.open(str(folder / "ivr-1700000000.7-1.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16_000))
    desk: DeskPage = await start_desk_page(furnished_url, asterisk={"directory": tmp_path})
    now = datetime.now(UTC)
    given = {"category": "破损", "summary": "菜单留言", "opened_by": "ivr", "channel": "ivr"}
    made = await desk.popline.parts.ctx.db.write(
        lambda c: repos.add_complaint(c, opened_at=now, recording_id="ivr-1700000000.7-1", **given)
    )
    page: Page = await desk.signed_in("boss", f"/care/complaints/{made}")
    await page.get_by_test_id("care-voice").click()
    player = page.get_by_test_id("care-voice-player")
    await expect(player).to_be_visible()
    assert await player.evaluate(LENGTH) == 1
    await keep(page, "care_voice")
