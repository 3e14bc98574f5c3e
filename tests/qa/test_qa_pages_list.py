"""The list of the QA desk in a real Chromium: filters, order, pages, the export, closed doors."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from playwright.async_api import Browser, Page, expect

from tests.plugins.browser import keep
from tests.plugins.qa import put_together
from tests.plugins.qa_desk import QaDesk

pytestmark = [pytest.mark.browser]
ZONE = ZoneInfo("Asia/Shanghai")


async def shows(page: Page, *ids: str) -> None:
    """The list settles on exactly these calls."""
    for id in ids:
        await expect(page.locator(f"[data-testid=qa-row][data-id='{id}']")).to_be_visible()
    await expect(page.get_by_test_id("qa-row")).to_have_count(len(ids))


async def choose(page: Page, name: str, value: str) -> None:
    """Set one filter as a person does: pick, tick or type."""
    field = page.get_by_test_id(f"qa-filter-{name}")
    if value == "on":
        await field.check()
    elif await field.evaluate("e => e.tagName") == "SELECT":
        await field.select_option(value)
    else:
        await field.fill(value)
        await field.press("Tab")


async def test_each_filter_leaves_the_calls_that_it_names(qa_desk: QaDesk, browser: Browser) -> None:
    """Agent, team, queue, days, score, rule, verdict, state, reason, job, complaint, fatal and own work."""
    qa_desk.archive.base -= timedelta(days=3)
    old_day = qa_desk.archive.base.astimezone(ZONE).date()
    good = qa_desk.script("h01", agent="1001")
    qa_desk.archive.base += timedelta(days=3)
    rude = qa_desk.script("h03", agent="1002")
    unsure = qa_desk.script("h26", agent="1001", queue="vip", heard=0.5)
    await qa_desk.score()
    waiting = qa_desk.call(agent="1003", job="waiting")
    qa_desk.complain(rude)
    await qa_desk.step(rude, "assign", "lead", inspector="qa1")
    scores = {c["id"]: c["score"] for c in (await qa_desk.get("/qa/calls"))["items"]}
    assert scores[rude] < 59 < scores[unsure] <= scores[good]

    page = await qa_desk.page(browser, "qa1")
    await shows(page, good, rude, unsure, waiting)
    await keep(page, "qa_list_filters")
    cases = (
        ({"agent": "1002"}, {rude}),
        ({"team": "A组"}, {good, unsure}),
        ({"queue": "vip"}, {unsure}),
        ({"to": str(old_day + timedelta(days=1))}, {good}),
        ({"from": str(old_day + timedelta(days=2))}, {rude, unsure, waiting}),
        ({"score-max": "59"}, {rude}),
        ({"score-min": "60"}, {good, unsure}),
        ({"score-min": "20", "score-max": "60"}, {rude}),
        ({"fatal": "on"}, {rude}),
        ({"reason": "fatal"}, {rude}),
        ({"reason": "band"}, {unsure}),
        ({"verdict": "review"}, {unsure}),
        ({"rule": "OPN-04"}, {rude}),
        ({"rule": "OPN-01", "verdict": "pass"}, {good, unsure}),
        ({"rule": "NAM-01", "verdict": "review"}, {unsure}),
        ({"state": "auto_scored"}, {good}),
        ({"state": "queued"}, {rude, unsure}),
        ({"job": "waiting"}, {waiting}),
        ({"complaint": "on"}, {rude}),
        ({"q": "TS20250309-0003"}, {rude}),
        ({"mine": "on"}, {rude}),
        ({"agent": "1001", "queue": "hotline"}, {good}),
    )
    for filters, ids in cases:
        for name, value in filters.items():
            await choose(page, name, value)
        try:
            await shows(page, *ids)
        except AssertionError as e:
            raise AssertionError(f"{filters}: {e}") from e
        await page.get_by_test_id("qa-filter-clear").click()
        await shows(page, good, rude, unsure, waiting)
    await choose(page, "agent", "1002")
    await choose(page, "queue", "vip")
    await expect(page.get_by_text("没有符合条件的通话")).to_be_visible()
    await page.get_by_role("button", name="清除筛选").last.click()
    await shows(page, good, rude, unsure, waiting)
    assert qa_desk.complaints == []


async def test_the_order_turns_and_stays_in_the_address(qa_desk: QaDesk, browser: Browser) -> None:
    """A click on time or score turns the order, and a reload keeps it; calls without a score come last."""
    good, rude = qa_desk.script("h01"), qa_desk.script("h03")
    await qa_desk.score()
    waiting = qa_desk.call(job="waiting")
    page = await qa_desk.page(browser, "lead")
    rows = page.get_by_test_id("qa-row")

    async def order(*ids: str) -> None:
        for place, id in enumerate(ids):
            await expect(rows.nth(place)).to_have_attribute("data-id", id)

    await order(waiting, rude, good)
    await page.get_by_role("button", name="时间").click()
    await order(good, rude, waiting)
    await page.get_by_role("button", name="得分").click()
    await order(good, rude, waiting)
    await expect(page.get_by_role("columnheader", name="得分")).to_have_attribute("aria-sort", "descending")
    await page.get_by_role("button", name="得分").click()
    await order(rude, good, waiting)
    await expect(page).to_have_url(re.compile("sort=score"))
    await page.reload()
    await order(rude, good, waiting)


async def test_many_calls_come_in_pages(qa_desk: QaDesk, browser: Browser, tmp_path: Path) -> None:
    """Fifty to a page; the next key goes on into the following page."""
    legs = {r: put_together(tmp_path / f"{r}.wav", [], 1.0) for r in ("agent", "caller")}
    ids = [qa_desk.call(job="waiting", legs=legs, seconds=1.0) for _ in range(52)]
    page = await qa_desk.page(browser, "lead")
    rows = page.get_by_test_id("qa-row")
    await expect(rows).to_have_count(50)
    await page.get_by_role("button", name="下一页").click()
    await shows(page, ids[0], ids[1])
    await expect(page.get_by_text("51–52 / 52")).to_be_visible()
    await page.get_by_role("button", name="上一页").click()
    await expect(rows).to_have_count(50)
    await rows.nth(49).locator("a").click()
    await expect(page.get_by_test_id("qa-detail")).to_have_attribute("data-id", ids[2])
    await page.keyboard.press("n")
    await expect(page.get_by_test_id("qa-detail")).to_have_attribute("data-id", ids[1])


async def test_the_export_holds_what_the_list_shows(
    qa_desk: QaDesk, browser: Browser, tmp_path: Path
) -> None:
    """The downloaded workbook has the calls of the filter with verdicts, people's words and every step."""
    qa_desk.script("h01", agent="1001")
    rude = qa_desk.script("h03", agent="1002")
    await qa_desk.score()
    qa_desk.complain(rude)
    await qa_desk.review(rude, comment="请注意开头语")
    page = await qa_desk.page(browser, "lead", "/qa?agent=1002")
    await shows(page, rude)
    async with page.expect_download() as coming:
        await page.get_by_test_id("qa-export").click()
        await expect(page.get_by_text("已导出")).to_be_visible()
    file = tmp_path / "export.xlsx"
    download = await coming.value
    assert re.fullmatch(r"qa-\d{4}-\d{2}-\d{2}\.xlsx", download.suggested_filename)
    await download.save_as(file)
    book = load_workbook(file)
    head, *calls = [[c.value for c in row] for row in book["通话"].iter_rows()]
    assert len(calls) == 1
    call = dict(zip(head, calls[0], strict=True))
    assert (call["录音编号"], call["座席"], call["班组"], call["技能组"]) == (rude, "1002", "B组", "热线")
    assert (call["投诉编号"], call["投诉类别"]) == ("TS20250309-0003", "破损")
    assert (call["得分"], call["人工得分"], call["状态"]) == (0, 0, "已质检")  # a fatal is confirmed
    assert 0 < call["自动得分"] < 60
    assert "OPN-04" in call["致命项"]
    verdicts = {r[1].value: (r[3].value, r[4].value) for r in book["判定"].iter_rows(min_row=2)}
    assert verdicts["OPN-04"] == ("不合格", "命中")
    assert verdicts["HUP-01"][0] == "合格"
    steps = [(r[2].value, r[4].value, r[7].value) for r in book["复核记录"].iter_rows(min_row=2)]
    assert steps[-1] == ("qa1", "review", "请注意开头语")
    assert qa_desk.complaints == []


async def test_closed_doors_say_so(qa_desk: QaDesk, browser: Browser) -> None:
    """An agent has no QA desk, a supervisor only the team, an inspector neither sampling nor foreign tabs."""
    first, second = qa_desk.script("h01", agent="1001"), qa_desk.script("h01", agent="1002")
    await qa_desk.score()
    inspector = await qa_desk.page(browser, "qa1")
    await shows(inspector, first, second)
    await expect(inspector.get_by_test_id("qa-sample")).to_have_count(0)
    boss = await qa_desk.page(browser, "boss_b")
    await shows(boss, second)
    await expect(boss.get_by_test_id("qa-nav-rules")).to_have_count(0)
    await boss.goto(f"{qa_desk.line.base}/qa/calls/{first}")
    await expect(boss.get_by_text("没有这通电话")).to_be_visible()
    agent = await qa_desk.page(browser, "s1001", "/qa")
    await expect(agent).to_have_url(re.compile("/no-access"))
    await agent.goto(f"{qa_desk.line.base}/qa/mine")
    await expect(agent.get_by_text("还没有发布的质检结果")).to_be_visible()
