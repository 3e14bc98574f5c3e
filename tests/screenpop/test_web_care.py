"""投诉与问题件 in a real Chromium: from the pop to the board, two people at one record, a problem item."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, expect

from cti.domain.call import CallEventKind as K
from cti.store import repos
from cti.store.tables import complaints
from tests.plugins.browser import keep
from tests.plugins.desk_page import TYPED, DeskPage, card_in

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def _complaints(desk_page: DeskPage) -> dict[str, int]:
    """Three more than 王小明's: one late, one to be told back, one of nobody; ids by what they say."""
    now = datetime.now(UTC)

    def write(conn: sa.Connection) -> dict[str, int]:
        same = {"opened_by": "a1002", "number_display": "13800138000", "department": "派送部"}
        late = repos.add_complaint(
            conn, category="破损", summary="陶瓷碎裂两件，已拍照", opened_at=now - timedelta(hours=29), **same
        )
        told = repos.add_complaint(
            conn, category="费用", summary="到付金额与报价不一致", opened_at=now, cause="信息有误", **same
        )
        version = repos.act_on_complaint(conn, told, "take", version=1, who="a1001", at=now)
        repos.act_on_complaint(
            conn, told, "resolve", version=version, who="a1001", at=now, result="退还差价 12 元"
        )
        wang = sa.select(complaints.c.id).where(complaints.c.summary.like("冷链药品%"))
        return {"late": late, "told": told, "wang": int(conn.execute(wang).scalar_one())}

    return await desk_page.popline.parts.ctx.db.write(write)


async def _card(page: Page, complaint_id: int) -> None:
    """Open one from the board."""
    await page.locator(f"[data-testid=care-card][data-id='{complaint_id}']").click()
    await expect(page.get_by_test_id("care-whole")).to_have_attribute("data-id", str(complaint_id))


async def test_from_the_pop_to_the_board_and_a_complaint_worked_on(desk_page: DeskPage) -> None:
    """One click from the card: the customer's complaints; taken, followed up, resolved and told back."""
    made = await _complaints(desk_page)
    page = await desk_page.agent()
    desk_page.pbx.call("direct").until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    await page.get_by_test_id("pop-complaints").get_by_test_id("care-open").click()
    await expect(page).to_have_url(re.compile(r"/care\?customer=\d+"))
    await expect(page.get_by_test_id("care-card")).to_have_count(1)
    await page.get_by_test_id("care-filter-clear").click()
    await expect(page.get_by_test_id("care-card")).to_have_count(3)
    await _card(page, made["wang"])
    whole = page.get_by_test_id("care-whole")
    await page.get_by_test_id("care-do-take").click()
    await expect(whole).to_have_attribute("data-state", "handling")
    await page.get_by_test_id("care-do-follow_up").click()
    await page.get_by_test_id("care-note").fill("已问上海浦东网点")
    await page.get_by_test_id("care-outcome").fill("件在库房，18 点前送达")
    await page.get_by_test_id("care-send").click()
    await expect(whole.locator("[data-action=follow_up]")).to_contain_text("18 点前送达")
    await page.get_by_test_id("care-do-resolve").click()
    await page.get_by_test_id("care-department").select_option("派送部")
    await page.get_by_test_id("care-cause").select_option("车辆晚点")
    await page.get_by_test_id("care-result").fill("今日 17:20 已送达，退还保温费")
    await keep(page, "care_resolve")
    await page.get_by_test_id("care-send").click()
    await expect(whole).to_have_attribute("data-state", "resolved")
    await expect(page.get_by_test_id("care-column-resolved").get_by_test_id("care-card")).to_have_count(2)
    await page.get_by_test_id("care-do-tell").click()
    await page.get_by_test_id("care-outcome").fill("客户满意")
    await page.get_by_test_id("care-send").click()
    await expect(whole).to_have_attribute("data-state", "told")
    await expect(page.get_by_test_id("care-do-close")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(whole).to_have_count(0)


async def test_a_supervisor_sees_late_ones_and_causes(desk_page: DeskPage) -> None:
    """Late ones are red with their level, filters are in the address, shares of causes are drawn."""
    made = await _complaints(desk_page)
    page = await desk_page.signed_in("boss", "/care")
    late = page.locator(f"[data-testid=care-card][data-id='{made['late']}']")
    await expect(late).to_have_attribute("data-late", "true")
    await expect(late.get_by_test_id("care-due")).to_have_text(re.compile("超时"))
    await expect(late).to_contain_text("投诉主管")
    await expect(page.get_by_test_id("care-late")).to_contain_text("1 件超时")
    await keep(page, "care_board")
    await page.get_by_test_id("care-filter-late").check()
    await expect(page).to_have_url(re.compile("late=1"))
    await expect(page.get_by_test_id("care-card")).to_have_count(1)
    await page.reload()
    await expect(page.get_by_test_id("care-card")).to_have_count(1)
    async with page.expect_download() as download:
        await page.get_by_test_id("care-export").click()
    assert (await download.value).suggested_filename.endswith(".xlsx")
    await page.get_by_test_id("care-tab-figures").click()
    chart = page.get_by_test_id("care-chart-category")
    await expect(chart).to_have_attribute("aria-label", re.compile("破损 1"))
    drawn = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    await expect(chart.locator("canvas")).to_be_visible()
    assert await chart.locator("canvas").evaluate(drawn) > 4
    await keep(page, "care_figures")


async def test_two_people_edit_one_complaint(desk_page: DeskPage) -> None:
    """Who saves second sees what the other changed, and saves own fields on top: nothing is lost."""
    desk_page.faults_expected = True  # the browser reports the 409
    made = await _complaints(desk_page)
    page = await desk_page.signed_in("boss", f"/care/complaints/{made['late']}")
    await page.get_by_test_id("care-edit").click()
    await page.get_by_test_id("care-edit-cause").select_option("包装不当")
    db = desk_page.popline.parts.ctx.db
    now = datetime.now(UTC)
    await db.write(
        lambda c: repos.edit_complaint(c, made["late"], version=1, who="a1001", at=now, department="客服部")
    )
    await page.get_by_test_id("care-save").click()
    conflict = page.get_by_test_id("care-conflict")
    await expect(conflict).to_contain_text("责任部门：派送部 → 客服部")
    await expect(conflict).to_contain_text("张一")
    await keep(page, "care_conflict")
    await page.get_by_test_id("care-conflict-again").click()
    await expect(conflict).to_have_count(0)
    await expect(page.get_by_test_id("care-whole")).to_contain_text("包装不当")
    row = await db.run(lambda c: repos.complaint(c, made["late"]))
    assert row is not None
    assert (row["department"], row["cause"], row["version"]) == ("客服部", "包装不当", 3)


async def test_a_problem_item_is_registered_beside_the_waybill(desk_page: DeskPage) -> None:
    """From the card: what the remark lacks is named while it is typed; then it is listed and closed."""
    page = await desk_page.agent()
    call = desk_page.pbx.call("direct")
    call.until(K.ARRIVED)
    call.menu(path="查件>输入运单>转人工", waybill=TYPED)
    call.until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    await page.get_by_test_id("problem-open").click()
    await expect(page.get_by_test_id("problem-waybill")).to_have_value(TYPED)
    await page.get_by_test_id("problem-kind-damage").click()
    state = page.get_by_test_id("problem-state")
    await page.get_by_test_id("problem-remark").fill("3月10日9点 外箱破损拒收")
    await expect(state).to_contain_text("✕ 联系人")
    await expect(state).to_contain_text("✓ 产生时间")
    await keep(page, "care_problem_form")
    await page.get_by_test_id("problem-remark").fill("3月10日9点 李女士 外箱破损拒收 13800138000")
    await expect(state).not_to_contain_text("✕")
    await page.get_by_test_id("problem-submit").click()
    await expect(page.get_by_text(re.compile("问题件 WT.* 已登记"))).to_be_visible()
    await page.get_by_test_id("nav-care").click()
    await page.get_by_test_id("care-tab-problems").click()
    row = page.get_by_test_id("problem-row")
    await expect(row).to_contain_text("外箱破损拒收 138****8000")
    await keep(page, "care_problems")
    await row.get_by_test_id("problem-close-open").click()
    await row.get_by_test_id("problem-result").fill("已换箱重派，客户签收")
    await row.get_by_test_id("problem-close").click()
    await expect(row).to_contain_text("已换箱重派")
    await expect(page.get_by_test_id("problem-counts")).to_contain_text("未结 0")
