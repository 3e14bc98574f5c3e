"""回访与关怀 in a real Chromium: from the customer to the worklist, a receipt call, figures."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from playwright.async_api import expect

from cti.domain.call import CallEventKind as K
from cti.domain.call import Direction
from cti.store.repos.ivr import save_score
from cti.store.repos.outreach import Given, act, add_tasks
from cti.store.tables import customers
from tests.ami.played_pbx import NODE
from tests.plugins.browser import keep
from tests.plugins.desk_page import BROKEN, DeskPage, card_in
from tests.plugins.screenpop import Story

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def _tasks(desk_page: DeskPage) -> dict[str, int]:
    """One task of most kinds, two of them late, one of a colleague; ids by key."""

    def write(conn: sa.Connection) -> dict[str, int]:
        people = {c.code: c.id for c in conn.execute(sa.select(customers.c.code, customers.c.id))}
        wang, liu, ouyang = people["C1"], people["C2"], people["C4"]
        rows = [
            ("late", "visit_call", wang, "A 级客户回访电话（第 1/2 次）", -26, "a1001"),
            ("receipt", "receipt_call", wang, "收货回访：昨日签收", -1, ""),
            ("complaint", "complaint_result", liu, "投诉 TS20261127-0001 的处理结果要回复客户", 2, "a1001"),
            ("greeting", "greeting", ouyang, "生日问候", 5, ""),
            ("notice", "notice", liu, "主动通知：快件异常", 1, ""),
            ("visit", "visit", ouyang, "A 级客户上门拜访（第 2/3 次）", 60, "a1001"),
            ("other", "retention", liu, "客户挽留：久未下单", 30, "a1002"),
        ]
        names = ("key", "kind", "customer_id", "title", "due_at", "owner")
        made = [dict(zip(names, (*r[:4], NOW + r[4] * HOUR, r[5]), strict=True)) for r in rows]
        made[1]["waybill"] = BROKEN
        made[3]["detail"] = "欧阳文静女士您好，来电速运祝您生日快乐，感谢您一直以来的支持！"
        add_tasks(conn, made, now=NOW)
        ids = {str(k): int(i) for k, i in conn.execute(sa.text("SELECT key, id FROM outreach_tasks"))}
        act(conn, ids["visit"], "take", version=1, who="a1001", now=NOW, given=Given())
        scores = {"order": 5, "punctuality": 2, "intact": 4, "information": 4, "response": 3, "solving": 4}
        done = Given(outcome="reached", result="希望早班派送", scores=scores)
        act(conn, ids["visit"], "finish", version=2, who="a1001", now=NOW, given=done)
        for n, score in enumerate((5, 5, 4, 1)):
            save_score(conn, at=NOW, score=score, agent="1001", number_key="", node="p", linkedid=str(n))
        return ids

    return await desk_page.popline.parts.ctx.db.write(write)


async def test_receipt_call_on_the_page(desk_page: DeskPage) -> None:
    """domain.md §7: worklist — late first, the script, the questions that apply, a low score,
    a complaint, undo."""
    ids = await _tasks(desk_page)
    page = await desk_page.signed_in("a1001", "/outreach")
    rows = page.get_by_test_id("outreach-row")
    await expect(rows.first).to_have_attribute("data-id", str(ids["late"]))
    await expect(page.get_by_test_id("outreach-late")).to_contain_text("2 件逾期")
    await expect(page.locator(f'[data-id="{ids["other"]}"]')).to_have_count(0)
    await page.get_by_test_id("outreach-filter-kind").select_option("receipt_call")
    await expect(rows).to_have_count(1)
    await rows.first.click()
    task = page.get_by_test_id("outreach-task")
    await expect(page.get_by_test_id("outreach-script")).to_contain_text("您好，请问您是王先生吗？")
    await expect(task).not_to_contain_text("13800138000")
    await page.get_by_test_id("outreach-do-take").click()
    await expect(task).to_have_attribute("data-state", "taken")
    await page.get_by_test_id("outreach-do-finish").click()
    await page.get_by_test_id("outreach-outcome-reached").check()
    await page.get_by_test_id("outreach-answer-received-yes").check()
    for name in ("when-on_time", "condition-damaged", "signed-self"):
        await page.get_by_test_id(f"outreach-answer-{name}").check()
    await page.get_by_test_id("outreach-score-intact-2").click()
    await page.get_by_test_id("outreach-result").fill("外箱压坏，内件完好")
    await keep(page, "outreach-receipt")
    await page.get_by_test_id("outreach-save").click()
    await expect(task).to_have_attribute("data-state", "done")
    await expect(page.get_by_test_id("outreach-trouble")).to_contain_text("货物或外包装破损")
    await page.get_by_test_id("outreach-complain").click()
    await expect(page.get_by_test_id("outreach-complain")).to_have_count(0)
    await expect(page.get_by_test_id("outreach-answers")).to_contain_text("有破损")
    await page.get_by_test_id("outreach-filter-clear").click()
    await expect(page.get_by_test_id("outreach-row").filter(has_text="货物完好 2 分")).to_have_count(1)
    await page.get_by_test_id("outreach-do-reopen").click()
    await page.get_by_test_id("outreach-note").fill("记错了")
    await page.get_by_test_id("outreach-send").click()
    await expect(task).to_have_attribute("data-state", "taken")
    await page.keyboard.press("Escape")
    await expect(task).to_have_count(0)
    await keep(page, "outreach-list")


async def test_supervisor_sees_all_assigns_and_reads_figures(desk_page: DeskPage) -> None:
    """domain.md §7: worklist — supervisors see everybody's, give tasks away, and read what was
    done and how it was."""
    ids = await _tasks(desk_page)
    page = await desk_page.signed_in("boss", f"/outreach/tasks/{ids['other']}")
    await expect(page.get_by_test_id("outreach-task")).to_have_attribute("data-id", str(ids["other"]))
    await page.get_by_test_id("outreach-do-assign").click()
    await page.get_by_test_id("outreach-owner").select_option("a1001")
    await page.get_by_test_id("outreach-send").click()
    row = page.locator(f'[data-testid="outreach-row"][data-id="{ids["other"]}"]')
    await expect(row).to_contain_text("张一")
    await page.get_by_test_id("outreach-plan").click()
    await expect(page.get_by_test_id("outreach-plan")).to_be_enabled()
    async with page.expect_download() as download:
        await page.get_by_test_id("outreach-export").click()
    assert re.fullmatch(r"outreach-\d{4}-\d\d-\d\d\.xlsx", (await download.value).suggested_filename)
    await page.get_by_test_id("outreach-tab-figures").click()
    await expect(page.get_by_test_id("outreach-chart-aspects")).to_have_attribute(
        "aria-label", re.compile("准时送达 2 ")
    )
    await expect(page.get_by_test_id("outreach-chart-done")).to_be_visible()
    await keep(page, "outreach-figures")
    await page.get_by_test_id("user-menu").click()
    for _ in range(2):
        await page.get_by_test_id("theme-switch").click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("theme-switch")).to_be_hidden()
    await keep(page, "outreach-figures-dark")


async def test_from_the_pop_to_the_customers_tasks_in_one_click(desk_page: DeskPage) -> None:
    """The card leads to the customer's tasks; a call out shows its task and what to say on the card."""
    ids = await _tasks(desk_page)
    page = await desk_page.agent()
    story = Story("1800000000.1", "13800138000", node=NODE)
    desk_page.popline.hear(*story.rings("1001"))
    await card_in(page, "ringing")
    await page.get_by_test_id("pop-outreach").click()
    await expect(page.get_by_test_id("outreach-row")).to_have_count(2)
    await page.get_by_test_id("nav-desk").click()
    desk_page.popline.hear(*story.answered("1001"), *story.over("1001"))
    await card_in(page, "wrapup")
    await page.get_by_test_id("wrapup-done").click()
    await expect(page.get_by_test_id("pop-card")).to_have_count(0)
    out = Story("1800000000.2", "1001", node=NODE)
    context = {"dial": "1", "task": str(ids["late"])}
    about = {"direction": Direction.OUTBOUND, "did": "13800138000", "queue": "", "context": context}
    desk_page.popline.hear(out.tell(K.ARRIVED, **about), out.tell(K.ANSWERED, agent="1001", **about))
    await card_in(page, "talking")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("王小明")
    await expect(page.get_by_test_id("pop-greeting")).to_have_text("您好，请问您是王先生吗？")
    await expect(page.get_by_test_id("pop-script")).to_contain_text("打扰您了，我是来电速运")
    await expect(page.get_by_test_id("pop-card")).not_to_contain_text("13800138000")
    await keep(page, "outreach-pop")
    await page.get_by_test_id("pop-task").click()
    await expect(page.get_by_test_id("outreach-task")).to_have_attribute("data-id", str(ids["late"]))
    await keep(page, "outreach-task")
