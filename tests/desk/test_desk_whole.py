"""One call over everything: browser phones, control, live help, recording and score on a real Asterisk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from cti.demo import voices
from cti.speech.start import recogniser_of, rules_of
from cti.speech.worker import SpeechWorker
from cti.store.db import Database
from tests.desk.test_desk_phone import answer, card_is, phone_is
from tests.plugins.browser import keep
from tests.plugins.phone_desk import QUEUES, PhoneDesk, as_alaw, phone_desk, until, voice_of
from tests.plugins.qa import put_together

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.browser,
    pytest.mark.speech,
    pytest.mark.xdist_group("speech"),
    pytest.mark.timeout(300),
]
QUEUE = {**QUEUES[0], "live_help": True}


def said(folder: Path, name: str, *lines: tuple[float, str], seconds: float) -> Path:
    """Lines of the demo's voices at their seconds."""
    parts = [(at, voices.LINES / f"{line}.wav") for at, line in lines]
    return put_together(folder / f"{name}.wav", parts, seconds)


async def transfer(page: Page, to: str) -> None:
    """Blind, by key: the chooser, the number, Enter."""
    await page.keyboard.press("Alt+x")
    await page.get_by_test_id("control-search").fill(to)
    await expect(page.get_by_test_id("control-target").first).to_have_attribute("data-to", to)
    await page.keyboard.press("Enter")


def score(desk: PhoneDesk) -> None:
    """The real worker goes through the line."""
    settings = desk.line.parts.ctx.settings
    db = Database(settings.store.url)
    try:
        worker = SpeechWorker(settings, db, rules_of(settings), lambda: recogniser_of(settings))
        while worker.once():
            pass
    finally:
        db.close()


async def scored(desk: PhoneDesk, agent: str) -> dict[str, Any]:
    """The recording of this agent's part, with its sheet."""
    await desk.line.parts.ctx.ledger.settled(10)
    await asyncio.to_thread(score, desk)
    _, body = await desk.line.api("GET", "/qa/calls", user="qa")
    [found] = [item for item in body["items"] if item["agent"] == agent]
    status, call = await desk.line.api("GET", f"/qa/calls/{found['id']}", user="qa")
    assert status == 200
    return dict(call)


async def test_the_whole_desk(
    asterisk_here: None, seeded_url: str, whisper_base: Path, tmp_path: Path
) -> None:
    """Answered in the page, prompted, warned, held, transferred to a second page; the score agrees."""
    # asks, is not answered, and loses patience
    first = voice_of([said(tmp_path, "first", (0.5, "help"), (9.5, "rude"), seconds=60)], tmp_path / "a.wav")
    second = voice_of(
        [said(tmp_path, "second", (0.5, "sorry"), (8.0, "bye"), seconds=60)], tmp_path / "b.wav"
    )
    # the caller's clock begins at the queue's answer, the agent's with the talk: what a busy machine needs in
    # between must not shorten the silence
    caller = as_alaw(
        [said(tmp_path, "caller", (30.0, "late"), (39.0, "thanks"), seconds=60)], tmp_path / "c.al"
    )
    told = {"queues": [QUEUE], "speech": {"engine": "whisper"}, "quality": {"calls": "all"}}
    async with phone_desk(tmp_path, seeded_url, **told) as desk:
        live = desk.line.parts.live
        assert live is not None
        page = await desk.agent("a1001", first)
        other = await desk.agent("a1002", second)
        await page.get_by_test_id("notify-later").click()
        await until(lambda: live.ready, 120)
        call = await desk.call(caller)
        await answer(page)
        prompt = page.locator("[data-testid=live-hint][data-kind=silence]")
        await expect(prompt).to_be_visible()
        await expect(prompt).to_contain_text("还需停顿")
        forbidden = page.locator("[data-testid=live-hint][data-kind=forbidden]").first
        await expect(forbidden).to_be_visible()
        rule = str(await forbidden.get_attribute("data-rule"))
        await expect(page.get_by_test_id("live-line").first).to_be_visible()
        await page.get_by_test_id("note").fill("客户没有声音，已提示")
        await keep(page, "desk")
        await page.keyboard.press("Alt+h")
        await card_is(page, "held")
        await phone_is(page, "talking")  # held by the service: the phone itself knows nothing of it
        await page.keyboard.press("Alt+h")
        await card_is(page, "talking")
        await transfer(page, "1002")
        await phone_is(other, "ringing")
        await expect(other.get_by_test_id("pop-name")).to_contain_text("王小明")
        await expect(other.get_by_test_id("pop-chain")).to_contain_text("1001")
        await answer(other)
        await phone_is(page, "idle")
        await asyncio.sleep(3)
        await keep(other, "desk-second")
        await other.keyboard.press("Alt+d")
        await phone_is(other, "idle")
        await call.result()
        seen = await scored(desk, "1001")
        verdicts = {row["rule"]: row["verdict"] for row in seen["sheet"]}
        assert verdicts[rule] == "fail", "what was hinted is found in the recording"
        assert verdicts["SIL"] == "fail", "the caller was silent, and the agent did not wait as prompted"
        assert seen["customer"]["name"] == "王小明"
        assert desk.complaints == []
