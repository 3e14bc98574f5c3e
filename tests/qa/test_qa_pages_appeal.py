"""Review and appeal through the pages, each step by the person whose step it is."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.plugins.browser import keep
from tests.plugins.qa_desk import QaDesk

pytestmark = [pytest.mark.browser]


def sheet_row(page: Page, rule: str) -> Locator:
    return page.locator(f"[data-testid=qa-sheet-row][data-row='{rule}']")


async def state(page: Page, name: str) -> None:
    await expect(page.get_by_test_id("qa-state")).to_have_attribute("data-state", name)


async def verdict(page: Page, rule: str, name: str) -> None:
    await expect(sheet_row(page, rule).get_by_test_id("qa-verdict")).to_have_attribute("data-verdict", name)


async def open_row(page: Page, rule: str) -> Locator:
    row = sheet_row(page, rule)
    head = row.locator("[aria-expanded]")
    if await head.get_attribute("aria-expanded") == "false":
        await head.click()
    return row


async def review_and_publish(desk: QaDesk, browser: Browser, id: str) -> Page:
    """The first inspector confirms every fault and publishes."""
    page = await desk.page(browser, "qa1", f"/qa/calls/{id}")
    for row in (await desk.get(f"/qa/calls/{id}"))["sheet"]:
        if row["auto"] == "fail":
            await sheet_row(page, row["rule"]).get_by_test_id("qa-confirm").click()
            await expect(sheet_row(page, row["rule"])).to_contain_text("qa1 判为命中")
    await page.get_by_test_id("qa-comment").fill("开头语不合要求")
    await page.get_by_test_id("qa-done").click()
    await state(page, "reviewed")
    await page.get_by_test_id("qa-publish").click()
    await state(page, "published")
    await expect(page.get_by_test_id("qa-publish")).to_have_count(0)
    return page


async def appeal(desk: QaDesk, browser: Browser, id: str, rule: str, reason: str) -> Page:
    """The agent finds the call among the own ones and appeals one item."""
    page = await desk.page(browser, "s1001", "/qa/mine")
    await page.locator(f"[data-testid=qa-row][data-id='{id}'] a").first.click()
    await expect(page.get_by_test_id("qa-confirm")).to_have_count(0)
    await page.get_by_test_id("qa-appeal").click()
    await expect(page.get_by_test_id("qa-appeal-send")).to_be_disabled()
    await sheet_row(page, rule).get_by_test_id("qa-appeal-reason").fill(reason)
    await page.get_by_test_id("qa-appeal-send").click()
    await state(page, "appealed")
    return page


async def test_an_appeal_goes_its_whole_way_through_the_pages(qa_desk: QaDesk, browser: Browser) -> None:
    """Inspector, agent, supervisor, lead, another inspector: the fault falls, and the agent reads why."""
    id = qa_desk.script("h03", agent="1001")
    await qa_desk.score()
    inspector = await review_and_publish(qa_desk, browser, id)
    agent = await appeal(qa_desk, browser, id, "OPN-04", "我说的是“喂您好，说吧台地址”")
    await expect(agent.get_by_test_id("qa-withdraw")).to_be_visible()
    await keep(agent, "qa_appeal_agent")

    boss = await qa_desk.page(browser, "boss_a", "/qa/dashboard")
    await boss.get_by_role("link", name=re.compile("已申诉")).click()
    await boss.locator(f"[data-testid=qa-row][data-id='{id}'] a").first.click()
    await expect(sheet_row(boss, "OPN-04").get_by_test_id("qa-appealed")).to_contain_text("喂您好")
    await expect(boss.get_by_test_id("qa-assign")).to_have_count(0)
    await boss.get_by_test_id("qa-comment").fill("请复听")
    await boss.get_by_test_id("qa-forward-appeal").click()
    await state(boss, "forwarded")
    await expect(boss.get_by_test_id("qa-final")).to_have_count(0)

    lead = await qa_desk.page(browser, "lead", f"/qa/calls/{id}")
    await expect(lead.get_by_test_id("qa-inspector").locator("option[value=qa2]")).to_have_count(1)
    offered = await lead.get_by_test_id("qa-inspector").locator("option").all_text_contents()
    assert "qa2员" in offered
    assert "qa1员" not in offered  # the appeal is against her
    await lead.get_by_test_id("qa-inspector").select_option("qa2")
    await lead.get_by_test_id("qa-assign").click()
    await state(lead, "reassigned")
    await expect(lead.get_by_test_id("qa-state")).to_contain_text("qa2员")
    await inspector.reload()
    await state(inspector, "reassigned")
    await expect(inspector.get_by_test_id("qa-final")).to_have_count(0)

    second = await qa_desk.page(browser, "qa2", "/qa?mine=true")
    await second.locator(f"[data-testid=qa-row][data-id='{id}'] a").first.click()
    row = await open_row(second, "OPN-04")
    await expect(row.get_by_test_id("qa-appealed")).to_contain_text("喂您好")
    await second.keyboard.press("2")
    await verdict(second, "OPN-04", "pass")
    await second.reload()  # a draft of the last word is kept
    await verdict(second, "OPN-04", "pass")
    await agent.reload()
    await verdict(agent, "OPN-04", "fail")  # and nobody else's business yet
    await second.get_by_test_id("qa-comment").fill("复听属实，改判")
    await keep(second, "qa_appeal_second")
    await second.get_by_test_id("qa-final").click()
    await state(second, "final")
    await expect(second.get_by_test_id("qa-confirm")).to_have_count(0)

    await agent.reload()
    await state(agent, "final")
    await verdict(agent, "OPN-04", "pass")
    await verdict(agent, "OPN-01", "fail")
    await expect(sheet_row(agent, "OPN-04").get_by_test_id("qa-appealed")).to_contain_text("申诉成立")
    assert float(await agent.get_by_test_id("qa-score").get_attribute("data-score") or 0) > 0
    await agent.get_by_test_id("qa-tab-history").click()
    history = agent.get_by_test_id("qa-history")
    for word in (
        "质检",
        "发布",
        "申诉",
        "转交申诉",
        "分派",
        "终审",
        "复听属实，改判",
        "请复听",
        "开头语不合要求",
    ):
        await expect(history).to_contain_text(word)
    await keep(agent, "qa_appeal_final")
    assert qa_desk.complaints == []


async def test_an_appeal_that_fails_says_so(qa_desk: QaDesk, browser: Browser) -> None:
    """The second inspector upholds the fault: the score stays, the appeal is told as rejected."""
    id = qa_desk.script("h03", agent="1001")
    await qa_desk.score()
    await qa_desk.review(id)
    await qa_desk.step(id, "publish", "qa1")
    await qa_desk.step(id, "appeal", "s1001", items=[{"rule": "STA-03", "reason": "说了"}])
    await qa_desk.step(id, "forward", "boss_a")
    await qa_desk.step(id, "assign", "lead", inspector="qa2")
    page = await qa_desk.page(browser, "qa2", f"/qa/calls/{id}")
    await open_row(page, "STA-03")
    await page.keyboard.press("1")
    await expect(sheet_row(page, "STA-03")).to_contain_text("qa2 判为命中")
    await page.get_by_test_id("qa-final").click()
    await state(page, "final")
    await expect(sheet_row(page, "STA-03").get_by_test_id("qa-appealed")).to_contain_text("维持原判")
    await expect(page.get_by_test_id("qa-score")).to_have_attribute("data-score", "0")
    assert qa_desk.complaints == []


async def test_an_agent_takes_an_appeal_back_and_acknowledges(qa_desk: QaDesk, browser: Browser) -> None:
    """Withdrawn, the call is as published; acknowledged, it is closed."""
    id = qa_desk.script("h03", agent="1001")
    await qa_desk.score()
    await qa_desk.review(id)
    await qa_desk.step(id, "publish", "qa1")
    page = await appeal(qa_desk, browser, id, "STA-03", "我说了再见")
    await page.get_by_test_id("qa-withdraw").click()
    await state(page, "published")
    await page.get_by_test_id("qa-acknowledge").click()
    await state(page, "acknowledged")
    await expect(page.get_by_test_id("qa-appeal")).to_have_count(0)
    await page.get_by_test_id("qa-to-list").click()
    await expect(page.get_by_test_id("qa-row")).to_contain_text("已确认")
    assert qa_desk.complaints == []


async def test_agents_see_only_own_published_calls(qa_desk: QaDesk, browser: Browser) -> None:
    """Drafts and calls of others are neither listed nor opened by address; next stays in the own list."""
    mine = [qa_desk.script("h03", agent="1001") for _ in range(2)]
    draft, other = qa_desk.script("h03", agent="1001"), qa_desk.script("h03", agent="1002")
    await qa_desk.score()
    for id in (*mine, other):
        await qa_desk.review(id)
        await qa_desk.step(id, "publish", "qa1")
    page = await qa_desk.page(browser, "s1001", "/qa/mine")
    await expect(page.get_by_test_id("qa-row")).to_have_count(2)
    await expect(page.get_by_test_id("qa-export")).to_have_count(0)
    await page.get_by_test_id("qa-row").first.locator("a").first.click()
    await expect(page.get_by_test_id("qa-detail")).to_have_attribute("data-id", mine[1])
    await page.keyboard.press("1")  # decides nothing
    await page.get_by_test_id("qa-turn").first.locator(".word").first.click()
    await expect(page.get_by_test_id("qa-play")).to_have_attribute("data-playing", "true")
    await page.keyboard.press("n")
    await expect(page.get_by_test_id("qa-detail")).to_have_attribute("data-id", mine[0])
    assert qa_desk.complaints == []
    for id in (draft, other):
        await page.goto(f"{qa_desk.line.base}/qa/mine/{id}")
        await expect(page.get_by_text("没有这通电话")).to_be_visible()


async def test_two_inspectors_in_one_call_are_told(qa_desk: QaDesk, browser: Browser) -> None:
    """Who decides on what somebody else has just changed reads that, and sees the other's word."""
    id = qa_desk.script("h03")
    await qa_desk.score()
    one = await qa_desk.page(browser, "qa1", f"/qa/calls/{id}")
    other = await qa_desk.page(browser, "qa2", f"/qa/calls/{id}")
    await sheet_row(other, "OPN-04").get_by_test_id("qa-confirm").wait_for()
    await sheet_row(one, "OPN-04").get_by_test_id("qa-confirm").click()
    await expect(sheet_row(one, "OPN-04")).to_contain_text("qa1 判为命中")
    await sheet_row(other, "OPN-04").get_by_test_id("qa-reject").click()
    await expect(other.get_by_text("有人先改了，已重新加载，请再看一遍。")).to_be_visible()
    await expect(sheet_row(other, "OPN-04")).to_contain_text("qa1 判为命中")
    await verdict(other, "OPN-04", "fail")
