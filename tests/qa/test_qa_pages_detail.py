"""One call on the QA desk in a real Chromium: waves, sound, keys, evidence, added faults, its complaint."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.plugins.browser import keep
from tests.plugins.qa_desk import QaDesk

pytestmark = [pytest.mark.browser]
COLOURS = """c => new Set(new Uint32Array(
  c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"""


def sheet_row(page: Page, rule: str) -> Locator:
    return page.locator(f"[data-testid=qa-sheet-row][data-row='{rule}']")


async def clock(page: Page) -> float:
    """Where the head stands, in seconds."""
    text = await page.get_by_test_id("qa-clock").inner_text()
    minutes, seconds = text.split("/")[0].strip().split(":")
    return int(minutes) * 60 + float(seconds)


async def stands_at(page: Page, seconds: float) -> None:
    """The head comes to stand at this second."""
    async with asyncio.timeout(20):
        while abs(await clock(page) - seconds) > 0.15:
            await page.wait_for_timeout(50)


async def playing(page: Page, on: bool) -> None:
    await expect(page.get_by_test_id("qa-play")).to_have_attribute("data-playing", str(on).lower())


async def test_the_two_waves_are_drawn_on_one_clock_and_play_from_a_click(
    qa_desk: QaDesk, browser: Browser
) -> None:
    """Both legs are drawn where they speak, with hits as marks; a click on the wave plays from there."""
    id = qa_desk.script("h03")
    await qa_desk.score()
    seen = await qa_desk.get(f"/qa/calls/{id}")
    page = await qa_desk.page(browser, "qa1", f"/qa/calls/{id}")
    wave = page.get_by_test_id("qa-wave").locator("canvas")
    length = max(leg["duration_ms"] for leg in seen["legs"].values())
    label = f"{length // 60000}:{round(length / 100) / 10 % 60:04.1f}，{len(seen['marks'])} 处标记"
    await expect(wave).to_have_attribute("aria-label", re.compile(re.escape(label)))
    assert await wave.evaluate(COLOURS) >= 5  # ground, two waves, speech, marks
    box = await wave.bounding_box()
    assert box is not None
    await wave.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    await playing(page, True)
    await page.keyboard.press(" ")
    await playing(page, False)
    assert length / 2000 - 0.5 < await clock(page) <= length / 1000
    marks = [m for m in seen["marks"] if m["leg"] == "agent"]
    middle = (marks[-1]["t0"] + marks[-1]["t1"]) / 2
    hit = next(m["rule"] for m in marks if m["t0"] <= middle <= m["t1"])
    # in the lane of marks over the agent's wave
    await wave.click(position={"x": middle / length * box["width"], "y": 16 + 6})
    await expect(sheet_row(page, hit).locator("[aria-expanded]")).to_have_attribute("aria-expanded", "true")
    assert qa_desk.complaints == []


async def test_the_transcript_plays_from_a_click_and_keys_move_the_head(
    qa_desk: QaDesk, browser: Browser
) -> None:
    """A click on a word or a time plays from there; space, K, J and L stop, go on and jump."""
    id = qa_desk.script("h01")
    await qa_desk.score()
    page = await qa_desk.page(browser, "qa1", f"/qa/calls/{id}")
    turn = page.get_by_test_id("qa-turn").nth(2)
    start = int(await turn.get_attribute("data-t0") or 0) / 1000
    assert start > 8
    assert await clock(page) == 0
    await turn.locator(".word").first.click()
    await playing(page, True)
    await page.keyboard.press("k")
    await playing(page, False)
    here = await clock(page)
    assert start - 0.2 <= here
    await page.keyboard.press("l")
    await stands_at(page, here + 3)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await stands_at(page, here - 3)
    await page.keyboard.press("k")
    await playing(page, True)
    await page.keyboard.press(" ")
    await playing(page, False)
    await page.get_by_role("button", name=re.compile("^从 0:00.6 播放")).first.click()
    await playing(page, True)
    await page.get_by_role("combobox", name="倍速").select_option("2")
    await page.get_by_role("combobox", name="收听").select_option("caller")
    await playing(page, True)
    await page.get_by_test_id("qa-play").click()
    await playing(page, False)
    assert qa_desk.complaints == []


async def test_one_two_three_decide_and_the_arrows_choose(qa_desk: QaDesk, browser: Browser) -> None:
    """1, 2 and 3 are hit, false hit and not applicable for the chosen rule; N opens the next call."""
    last, id = qa_desk.script("h03", agent="1002"), qa_desk.script("h03", agent="1001")
    await qa_desk.score()
    page = await qa_desk.page(browser, "qa1")
    await page.locator(f"[data-testid=qa-row][data-id='{id}'] a").first.click()
    rows = page.get_by_test_id("qa-sheet-row")
    first = str(await rows.nth(0).get_attribute("data-row"))
    second = str(await rows.nth(1).get_attribute("data-row"))
    assert first == "OPN-04"  # the proposed fatal before everything else
    await expect(rows.nth(0)).to_contain_text("致命项（待确认）")
    await expect(rows.nth(0).locator("dt")).to_contain_text(["禁语", "听到"])
    for key, verdict in (("2", "pass"), ("3", "na"), ("1", "fail")):
        await page.keyboard.press(key)
        await expect(sheet_row(page, first).get_by_test_id("qa-verdict")).to_have_attribute(
            "data-verdict", verdict
        )
    await expect(sheet_row(page, first)).to_contain_text("qa1 判为命中")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("2")
    await expect(sheet_row(page, second).get_by_test_id("qa-verdict")).to_have_attribute(
        "data-verdict", "pass"
    )
    note = sheet_row(page, second).get_by_placeholder("备注（可不填）")
    await note.fill("他说了，只是轻")
    await note.press("Tab")
    await expect(sheet_row(page, second)).to_contain_text("误命中：他说了，只是轻")
    await page.reload()
    await expect(sheet_row(page, second)).to_contain_text("误命中：他说了，只是轻")
    await expect(sheet_row(page, first)).to_contain_text("qa1 判为命中")
    await keep(page, "qa_detail_decided")
    await page.keyboard.press("n")
    await expect(page.get_by_test_id("qa-detail")).to_have_attribute("data-id", last)
    await page.keyboard.press("n")
    await expect(page.get_by_text("已经是最后一通")).to_be_visible()
    assert qa_desk.complaints == []


async def test_evidence_shows_due_over_heard_and_the_measured_pause(
    qa_desk: QaDesk, browser: Browser
) -> None:
    """Required words stand over heard ones with what differs marked, a pause beside its due length."""
    greeting, silent = qa_desk.script("h25"), qa_desk.script("h05")
    await qa_desk.score()
    page = await qa_desk.page(browser, "qa1", f"/qa/calls/{greeting}")
    opening = sheet_row(page, "OPN-01")
    await expect(opening.locator("dt")).to_contain_text(["要求", "听到"])
    await expect(opening.locator(".missed").first).to_be_visible()
    await expect(opening).to_contain_text("系统默认，待确认")
    await page.goto(f"{qa_desk.line.base}/qa/calls/{silent}")
    await expect(sheet_row(page, "SIL")).to_contain_text(re.compile(r"停顿 2\.5 s / 要求 4\.5–10 s"))
    await keep(page, "qa_detail_pause")
    assert qa_desk.complaints == []


async def test_a_missed_fault_is_added_where_the_wave_was_marked(qa_desk: QaDesk, browser: Browser) -> None:
    """Dragging marks a piece, A opens the form with its times; the fault counts, and can be taken back."""
    id = qa_desk.script("h01")
    await qa_desk.score()
    page = await qa_desk.page(browser, "qa1", f"/qa/calls/{id}")
    wave = page.get_by_test_id("qa-wave").locator("canvas")
    box = await wave.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2, steps=5)
    await page.mouse.up()
    await playing(page, False)
    await page.keyboard.press("a")
    form = page.get_by_test_id("qa-add-form")
    length = (await qa_desk.get(f"/qa/calls/{id}"))["legs"]["agent"]["duration_ms"] / 1000
    times = [form.get_by_role("spinbutton", name=n) for n in ("开始（秒）", "结束（秒）")]
    a, b = [float(await field.input_value()) for field in times]
    assert abs(a - length / 4) < 0.5
    assert abs(b - length / 2) < 0.5
    await form.get_by_test_id("qa-add-rule").select_option("HFR-02")
    await form.get_by_test_id("qa-add-comment").fill("喊了客户")
    await form.get_by_test_id("qa-add-save").click()
    row = sheet_row(page, "HFR-02")
    await expect(row.get_by_test_id("qa-verdict")).to_have_attribute("data-verdict", "fail")
    await expect(row).to_contain_text("喊了客户")
    (added,) = (await qa_desk.get(f"/qa/calls/{id}"))["added"]
    assert (added["rule"], added["leg"], added["by"], added["comment"]) == (
        "HFR-02",
        "agent",
        "qa1",
        "喊了客户",
    )
    await row.get_by_role("button", name="删除").click()
    await expect(row.get_by_test_id("qa-verdict")).to_have_attribute("data-verdict", "pass")
    await page.get_by_test_id("qa-add").click()
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    assert qa_desk.complaints == []


async def test_the_complaint_is_one_click_away(qa_desk: QaDesk, browser: Browser) -> None:
    """Category, code, waybill and promise unfold in the head of the call; the waybill leads on."""
    id = qa_desk.script("h03")
    qa_desk.complain(id)
    await qa_desk.score()
    page = await qa_desk.page(browser, "qa1", f"/qa/calls/{id}")
    button = page.get_by_test_id("qa-complaint")
    await expect(button).to_have_text("投诉：破损")
    await button.click()
    record = page.get_by_test_id("qa-complaint-record")
    await expect(record).to_contain_text("TS20250309-0003")
    await expect(record).to_contain_text("没有承诺")
    await keep(page, "qa_complaint")
    await record.get_by_role("link", name="SF1234567890").click()
    await expect(page).to_have_url(re.compile("waybill=SF1234567890"))
    await expect(page.get_by_text("SF1234567890").first).to_be_visible()
    assert qa_desk.complaints == []


async def test_a_call_is_asked_for_and_appears_by_itself(qa_desk: QaDesk, browser: Browser) -> None:
    """Transcribe now puts a call in the line, and its score comes onto the open page without a reload."""
    id = qa_desk.script("h01", job="waiting")
    page = await qa_desk.page(browser, "qa1", f"/qa/calls/{id}")
    await expect(page.get_by_text("还没有评分")).to_be_visible()
    await page.get_by_test_id("qa-transcribe").click()
    await expect(page.get_by_test_id("qa-transcribe")).to_have_count(0)
    await qa_desk.score()
    await expect(sheet_row(page, "OPN-01").get_by_test_id("qa-verdict")).to_have_attribute(
        "data-verdict", "pass"
    )
    await expect(page.get_by_test_id("qa-engine")).to_contain_text("saying")
    assert qa_desk.complaints == []


async def test_a_complaint_is_written_at_the_desk_and_joined_to_the_call(
    qa_desk: QaDesk, browser: Browser
) -> None:
    """domain.md §5: record — the inspector writes it beside the call; it leads back to the recording."""
    id = qa_desk.script("h04")
    await qa_desk.score()
    page = await qa_desk.page(browser, "qa1", f"/qa/calls/{id}")
    await page.get_by_test_id("qa-complaint-new").click()
    form = page.get_by_test_id("complaint-form")
    await form.get_by_role("radio", name="服务态度").click()
    await form.get_by_test_id("complaint-text").fill("座席打断客户，客户要求道歉")
    await keep(page, "qa_complaint_new")
    await form.get_by_test_id("complaint-submit").click()
    await expect(page.get_by_test_id("complaint-form")).to_have_count(0)
    await page.get_by_test_id("qa-complaint").click()
    record = page.get_by_test_id("qa-complaint-record")
    await expect(record).to_contain_text("服务态度")
    await record.get_by_role("link").first.click()
    await page.get_by_test_id("care-card").click()
    whole = page.get_by_test_id("care-whole")
    await expect(whole).to_contain_text("座席打断客户")
    await expect(whole.get_by_test_id("care-recording")).to_contain_text("得分")
    await whole.get_by_role("link", name="到质检台").click()
    await expect(page.get_by_test_id("qa-detail")).to_have_attribute("data-id", id)
