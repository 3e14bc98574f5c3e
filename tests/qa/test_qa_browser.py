"""The QA desk in a real Chromium: list, a call with waves and evidence, sound, decision, publication."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from cti.speech.start import rules_of
from cti.speech.worker import SpeechWorker
from cti.store import repos
from cti.store.db import Database
from cti.store.passwords import hash_password
from tests.plugins.browser import keep, signed_in
from tests.plugins.qa import Archive
from tests.plugins.screenpop import PASSWORD, WANG
from tests.qa.speech_worker import saying

pytestmark = [pytest.mark.browser]


async def test_a_scored_call_is_heard_decided_published_and_acknowledged(
    browser: Browser, start_popline: Callable[..., Any], seeded_url: str, tmp_path: Path
) -> None:
    """An inspector finds, hears, decides and publishes a call with keys; its agent then acknowledges it."""
    folder = tmp_path / "monitor"
    folder.mkdir()
    db = Database(seeded_url)
    with db.begin() as conn:
        repos.add_user(
            conn,
            username="qa1",
            password_hash=hash_password(PASSWORD),
            name="质检一",
            roles=("qa",),
            now=datetime.now(UTC),
        )
    line = await start_popline(seeded_url, recording={"directory": str(folder)})
    archive = Archive(db, folder)
    second = archive.call(agent="1002")
    first = archive.call(number_display=WANG, number_key=f"mobile:{WANG}")  # the latest: on top of the list
    settings = line.parts.ctx.settings
    worker = SpeechWorker(settings, db, rules_of(settings), saying)
    while worker.once():
        pass

    complaints: list[str] = []
    page = await signed_in(browser, line.base, "qa1", complaints, "/qa?agent=1001")
    await expect(page.get_by_test_id("qa-row")).to_have_count(1)
    await page.get_by_test_id("qa-filter-agent").select_option("")
    await expect(page.get_by_test_id("qa-row")).to_have_count(2)
    await keep(page, "qa_list")
    await page.get_by_test_id("qa-filter-rule").select_option("STA-03")
    await expect(page).to_have_url(re.compile("rule=STA-03"))
    await page.reload()
    await expect(page.get_by_test_id("qa-row")).to_have_count(2)

    await page.locator(f"[data-testid=qa-row][data-id='{first}'] a").first.click()
    detail = page.get_by_test_id("qa-detail")
    await expect(detail).to_have_attribute("data-id", first)
    await expect(page.locator("[data-rule=STA-03][data-verdict]")).to_have_attribute("data-verdict", "fail")
    await expect(page.get_by_test_id("qa-turn").first).to_contain_text("欢迎致电")
    drawn = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    assert await page.get_by_test_id("qa-wave").locator("canvas").evaluate(drawn) > 8

    await page.get_by_test_id("qa-turn").first.locator(".word").first.click()
    await expect(page.get_by_test_id("qa-play")).to_have_attribute("data-playing", "true")
    await page.keyboard.press("k")
    await expect(page.get_by_test_id("qa-play")).to_have_attribute("data-playing", "false")

    row = page.locator("[data-testid=qa-sheet-row][data-row='STA-03']")
    if await row.locator("[aria-expanded]").get_attribute("aria-expanded") == "false":
        await row.locator("[aria-expanded]").click()
    await page.keyboard.press("2")
    verdict = row.get_by_test_id("qa-verdict")
    await expect(verdict).to_have_attribute("data-verdict", "pass")
    await page.keyboard.press("1")
    await expect(verdict).to_have_attribute("data-verdict", "fail")
    await expect(row.get_by_test_id("qa-confirm")).to_have_attribute("aria-pressed", "true")
    await keep(page, "qa_detail")
    other = page.get_by_test_id("qa-confirm").and_(page.locator("[aria-pressed=false]"))
    await page.get_by_test_id("qa-done").click()  # a fault without a word: the page leads there instead
    await expect(page.get_by_test_id("qa-undecided")).to_be_visible()
    await expect(page.get_by_test_id("qa-state")).to_have_attribute("data-state", "auto_scored")
    while await page.get_by_test_id("qa-undecided").count():
        left = await page.get_by_test_id("qa-undecided").text_content()
        await other.first.click()
        await expect(page.get_by_text(left or "", exact=True)).to_have_count(0)
    await page.get_by_test_id("qa-done").click()
    await expect(page.get_by_test_id("qa-state")).to_have_attribute("data-state", "reviewed")
    await page.get_by_test_id("qa-publish").click()
    await expect(page.get_by_test_id("qa-state")).to_have_attribute("data-state", "published")
    await page.keyboard.press("n")
    await expect(detail).to_have_attribute("data-id", second)

    agent = await signed_in(browser, line.base, "a1001", complaints, "/qa/mine")
    await expect(agent.get_by_test_id("qa-row")).to_have_count(1)
    await agent.get_by_test_id("qa-row").locator("a").first.click()
    await expect(agent.get_by_test_id("qa-confirm")).to_have_count(0)
    await agent.get_by_test_id("qa-acknowledge").click()
    await expect(agent.get_by_test_id("qa-state")).to_have_attribute("data-state", "acknowledged")
    await keep(agent, "qa_mine")
    assert complaints == []
    db.close()
