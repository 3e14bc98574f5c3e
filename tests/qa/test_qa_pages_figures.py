"""Figures, sampling and rules on trial in a real Chromium."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from cti.quality.report import wilson
from tests.plugins.browser import keep
from tests.plugins.qa_desk import QaDesk

pytestmark = [pytest.mark.browser]
SHORT: dict[str, Any] = {  # says nothing that is due: a quick call with faults
    "direction": "inbound",
    "desk": "hotline",
    "hangup_by": "caller",
    "turns": [{"role": "agent", "text": "您好。"}, {"role": "caller", "text": "我要查件。"}],
}
COLOURS = (
    "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
)


def figure(page: Page, name: str) -> Locator:
    return page.locator(".figures > div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def card(page: Page, title: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


async def test_the_figures_of_the_house(qa_desk: QaDesk, browser: Browser) -> None:
    """Coverage, decided share, trends, fatal list and backlog are those of the calls, and lead to them."""
    for name, agent in (("h01", "1001"), ("h03", "1001"), ("h26", "1002")):
        qa_desk.script(name, agent=agent)
    fatal = qa_desk.script("h17", agent="1002")
    await qa_desk.score()
    qa_desk.call(job="waiting", agent="1001")
    await qa_desk.review(fatal)
    page = await qa_desk.page(browser, "lead", "/qa/dashboard")
    await expect(figure(page, "录音通话")).to_have_text("5")
    await expect(figure(page, "评分覆盖率")).to_contain_text("80%")
    await expect(figure(page, "人工质检覆盖率")).to_contain_text("20%")
    await expect(figure(page, "规则判定率")).to_have_text(re.compile(r"^\d+\.\d%$"))
    board = await qa_desk.get("/qa/dashboard")
    assert board["backlog"]["queued"] >= 1
    await expect(figure(page, "待质检").get_by_role("link")).to_have_text(str(board["backlog"]["queued"]))
    await expect(figure(page, "平均分")).to_contain_text(f"{board['mean_score']:.1f}")
    charts = page.locator(".chart canvas")
    await expect(charts).to_have_count(2)
    assert await charts.nth(0).evaluate(COLOURS) > 5
    assert await charts.nth(1).evaluate(COLOURS) > 5
    await page.get_by_role("combobox", name="规则", exact=True).select_option("OPN-01")
    await expect(page).to_have_url(re.compile("trend=OPN-01"))

    groups = card(page, "座席 / 班组（得分低的在前）").locator("tbody tr")
    await expect(groups).to_have_count(2)
    await expect(groups.filter(has_text="1001 s1001员")).to_contain_text(re.compile(r"3\s*2"))
    await page.get_by_role("combobox", name="座席 / 班组趋势").select_option("team")
    await expect(groups.filter(has_text="A组")).to_contain_text(re.compile(r"3\s*2"))
    await keep(page, "qa_figures")

    listed = card(page, "致命项").locator("tbody tr")
    proposed = listed.filter(has_text="OPN-04")
    await expect(proposed).to_contain_text("致命项（待确认）")
    await expect(listed.filter(has_text="SIL-07")).to_contain_text("已确认")
    await listed.filter(has_text="SIL-07").get_by_role("link").click()
    await expect(page.get_by_test_id("qa-detail")).to_have_attribute("data-id", fatal)
    await page.go_back()

    await page.get_by_role("combobox", name="班组", exact=True).select_option("B组")
    await expect(figure(page, "录音通话")).to_have_text("2")
    failed = page.locator("[data-testid=qa-precision] tr[data-rule=SIL-07]").get_by_role("link")
    await failed.click()  # leads to the calls that it counts, and to no others
    await expect(page.get_by_test_id("qa-row")).to_have_count(1)
    await expect(page).to_have_url(re.compile(r"team=.*rule=SIL-07"))
    await page.go_back()
    await card(page, "积压").get_by_role("link", name=re.compile("致命项")).click()
    await expect(page.get_by_test_id("qa-row")).to_have_count(1)
    assert qa_desk.complaints == []


async def test_precision_has_n_and_interval_and_says_when_it_is_not_enough(
    qa_desk: QaDesk, browser: Browser
) -> None:
    """From 30 sampled and reviewed calls on a rule has its precision with a Wilson interval."""
    ids = [qa_desk.script(SHORT, agent="1001") for _ in range(30)]
    few = qa_desk.script("h03", agent="1001")
    await qa_desk.score()
    page = await qa_desk.page(browser, "lead")
    await page.get_by_test_id("qa-sample").click()
    await page.get_by_test_id("qa-sample-per-agent").fill("40")
    await page.get_by_test_id("qa-sample-draw").click()
    await expect(page.get_by_test_id("qa-sample-drawn")).to_contain_text("从 31 通中抽取 31 通")
    for n, id in enumerate([*ids, few]):
        await qa_desk.review(id, decision="hit" if n >= 3 else "false_hit")
    bounds = wilson(28, 31)
    assert bounds is not None
    low, high = (f"{b * 100:.1f}%" for b in bounds)
    await page.goto(f"{qa_desk.line.base}/qa/dashboard")
    table = page.get_by_test_id("qa-precision")
    await expect(table.locator("tr[data-rule=OPN-01]")).to_contain_text(
        f"{28 / 31 * 100:.1f}% [{low}, {high}] n=31"
    )
    await expect(table.locator("tr[data-rule=OPN-04]")).to_contain_text("样本不足（n=1）")
    await keep(page, "qa_figures_precision")
    assert qa_desk.complaints == []


async def test_a_sample_is_drawn_shown_and_kept(qa_desk: QaDesk, browser: Browser) -> None:
    """The lead draws so many of each agent by a seed; what was drawn is one click away."""
    for agent in ("1001", "1001", "1001", "1002"):
        qa_desk.script("h01", agent=agent)
    await qa_desk.score()
    page = await qa_desk.page(browser, "lead")
    await page.get_by_test_id("qa-sample").click()
    form = page.get_by_test_id("qa-sample-form")
    await page.get_by_test_id("qa-sample-per-agent").fill("1")
    await page.get_by_test_id("qa-sample-seed").fill("7")
    await form.get_by_label("起始日期").fill("2025-03-09")
    await form.get_by_label("截止日期").fill("2025-03-01")
    await page.get_by_test_id("qa-sample-draw").click()
    await expect(form.get_by_role("alert")).to_have_text("请检查起止日期。")
    await form.get_by_label("截止日期").fill("2099-03-01")
    await page.get_by_test_id("qa-sample-draw").click()
    await expect(page.get_by_test_id("qa-sample-drawn")).to_contain_text("从 4 通中抽取 2 通，种子 7")
    await keep(page, "qa_sampling")
    await page.get_by_test_id("qa-sample-show").click()
    rows = page.get_by_test_id("qa-row")
    await expect(rows).to_have_count(2)
    await expect(rows.filter(has_text="1001")).to_contain_text("待质检 · 随机抽样")
    await expect(rows.filter(has_text="1002")).to_have_count(1)
    await page.get_by_test_id("qa-filter-sample").click()
    await expect(rows).to_have_count(4)
    await page.get_by_test_id("qa-sample").click()
    await expect(page.get_by_role("dialog")).to_contain_text("种子 7")
    (kept,) = (await qa_desk.get("/qa/samples"))["items"]
    assert (kept["who"], kept["seed"], kept["per_agent"], kept["population"]) == ("lead", 7, 1, 4)
    assert qa_desk.complaints == []


async def test_a_changed_rule_shows_what_it_would_change(qa_desk: QaDesk, browser: Browser) -> None:
    """A trial lists verdicts and scores that would change, a wrong file its faults; it writes nothing."""
    id = qa_desk.script("h01")
    await qa_desk.score()
    files = (await qa_desk.get("/qa/rules"))["files"]
    text = next(f["text"] for f in files if f["name"] == "hotline.yaml")
    page = await qa_desk.page(browser, "lead", "/qa/rules")
    await expect(page.get_by_test_id("qa-rules")).to_contain_text("系统默认，待确认")
    await page.get_by_test_id("qa-rules-parameters").click()
    await expect(page.get_by_test_id("qa-rules")).to_contain_text("系统默认，待确认")
    await page.get_by_test_id("qa-rules-files").click()
    await page.get_by_role("combobox", name="规则文件与试算").select_option("hotline.yaml")
    await expect(page.get_by_test_id("qa-preview")).to_be_disabled()
    await page.get_by_test_id("qa-rules-text").fill(text.replace("[您好, ", "[您好, 祝您生活愉快, ", 1))
    await page.get_by_test_id("qa-preview").click()
    result = page.get_by_test_id("qa-preview-result")
    await expect(result).to_contain_text("重算 1 通，1 处判定会变")
    row = result.locator("tr").filter(has_text="OPN-01")
    await expect(row).to_contain_text(re.compile(r"合格\s*→\s*\W?不合格"))
    await expect(result).to_contain_text(re.compile(r"100\.0\s*→\s*\d"))
    await keep(page, "qa_rules_trial")
    await page.get_by_test_id("qa-rules-text").fill(text.replace("weight: 10", "weigth: 10", 1))
    await page.get_by_test_id("qa-preview").click()
    await expect(result.get_by_role("alert")).to_contain_text(re.compile(r"hotline\.yaml:\d+"))
    await page.goto(f"{qa_desk.line.base}/qa/calls/{id}")
    await expect(page.get_by_test_id("qa-score")).to_have_attribute("data-score", "100")
    inspector = await qa_desk.page(browser, "qa1", "/qa/rules")
    await inspector.get_by_test_id("qa-rules-files").click()
    await expect(inspector.get_by_test_id("qa-preview")).to_have_count(0)
    await expect(inspector.get_by_test_id("qa-rules-text")).to_have_attribute("readonly", "")


async def test_the_line_of_recognition_is_visible(qa_desk: QaDesk, browser: Browser) -> None:
    """Jobs are listed by state with the engine and the reason for it; a row leads to its call."""
    id = qa_desk.script("h01")
    await qa_desk.score()
    qa_desk.call(job="waiting")
    page = await qa_desk.page(browser, "lead", "/qa/jobs")
    jobs = page.get_by_test_id("qa-jobs")
    await expect(jobs.locator("tbody tr")).to_have_count(2)
    await expect(page.get_by_text("for a test").first).to_be_visible()
    await jobs.get_by_role("button", name=re.compile("完成")).click()
    await expect(jobs.locator("tbody tr")).to_have_count(1)
    await jobs.locator("tbody tr a").click()
    await expect(page.get_by_test_id("qa-detail")).to_have_attribute("data-id", id)
    assert qa_desk.complaints == []
