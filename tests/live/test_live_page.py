"""The panel of live help in a real browser: text, hints with count-down, numbers, folding, coming back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from screenpop import wire
from screenpop.wire_live import LiveHint, LiveState, LiveText, TextPart
from tests.plugins.browser import keep, signed_in
from tests.plugins.screenpop import WANG, PopLine, Story

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


ONE_LINE = 32  # px
FADE_MS = 300  # of the colours
NOBODY = "13926584713"
LONG = [
    "你好，我姓欧阳，",
    "我上个星期从深圳寄到北京的那个快件，",
    "到现在还没有收到，",
    "已经打了三次电话了，",
    "每次都说在查。",
]
SENTENCE = "对不起，您的电话没有声音，请您换一部电话再次打来，好吗？再会！"


async def height(part: Locator) -> float:
    """How much of the card it takes, px."""
    box = await part.bounding_box()
    assert box is not None
    return box["height"]


class Talk:
    """Says what the service would say of one talk."""

    def __init__(self, line: PopLine, pop: str) -> None:
        self._line, self.pop = line, pop

    def tell(self, message: wire.Wire) -> None:
        """To the agent's pages."""
        text = wire.encode(message)
        self._line.parts.ctx.service.hub.to_agent("1001", lambda _: text)

    def say(self, leg: Any, n: int, *parts: tuple[str, bool], final: bool = True) -> None:
        """An utterance."""
        shown = tuple(TextPart(text=t, sure=s) for t, s in parts)
        self.tell(LiveText(id=self.pop, leg=leg, n=n, t0_ms=n * 2000, t1_ms=None, final=final, parts=shown))

    def hint(self, key: str, kind: Any, **fields: Any) -> None:
        """A reminder."""
        self.tell(LiveHint(id=self.pop, key=key, kind=kind, **fields))


async def test_what_comes_does_not_disturb(browser: Browser, popline: PopLine, story: type[Story]) -> None:
    """Long and growing texts, three hints at once: nothing moves, is cut off or takes the focus."""
    page = await signed_in(browser, popline.base, "a1001", [])
    await page.set_viewport_size({"width": 1366, "height": 768})
    call = story(number=WANG)
    popline.hear(*call.rings("1001"), *call.answered("1001"))
    card = page.get_by_test_id("pop-card")
    await expect(card).to_have_attribute("data-state", "talking")
    talk = Talk(popline, str(await card.get_attribute("data-pop-id")))
    talk.tell(LiveState(id=talk.pop, state="on", engine="vosk:x"))
    panel, due = page.get_by_test_id("live-panel"), page.get_by_test_id("live-due")
    await expect(panel).to_have_attribute("data-state", "on")
    note = page.get_by_test_id("note")
    await note.fill("客户催件")
    before = await panel.bounding_box()
    text = ""
    for part in LONG:
        text += part
        talk.say("caller", 1, (text, False), final=False)
        await expect(page.get_by_test_id("live-line")).to_have_text(f"客户{text}")
        assert await panel.bounding_box() == before
    box = page.get_by_test_id("live-line").locator(".said")
    grown = await height(box)
    talk.say("caller", 1, (text[:9], True), (text[9:14], False), (text[14:], True))
    await expect(page.get_by_test_id("live-line").locator(".partial")).to_have_count(0)
    assert await height(box) == grown, "the text does not wrap anew when it is final"
    soon = {"due_at": popline.parts.ctx.now() + timedelta(seconds=60), "step": 3, "steps": 3}
    talk.hint("silence", "silence", rule="SIL", title="客户无声", text=SENTENCE, **soon)
    talk.hint(
        "forbidden:OPN-02:1",
        "forbidden",
        rule="OPN-02",
        title="不得说",
        text="不得说：喂说话呀，再不说话我就挂了",
    )
    talk.hint("NAM-01", "name", rule="NAM-01", text="欧阳先生／欧阳女士", sure=False)
    hints = page.get_by_test_id("live-hint")
    await expect(hints).to_have_count(3)
    inside = await due.bounding_box()
    assert inside is not None
    for hint in await hints.all():
        area = await hint.bounding_box()
        assert area is not None
        assert area["y"] >= inside["y"]
        assert area["y"] + area["height"] <= inside["y"] + inside["height"]
    assert await panel.bounding_box() == before
    await expect(note).to_be_focused()
    # said politely, and not every second of the count-down
    await expect(due).to_have_attribute("aria-live", "polite")
    await expect(due).to_have_attribute("aria-atomic", "false")
    await expect(hints.first.locator(".label")).to_have_attribute("aria-hidden", "true")
    await keep(page, "live-full")
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_timeout(FADE_MS)
    await keep(page, "live-full-dark")
    await page.get_by_test_id("lang-switch").click()
    await page.emulate_media(color_scheme="light")
    talk.hint("number:SF1234567890", "number", text="SF1234567890", what="waybill")
    talk.hint("number:107488752316", "number", text="107488752316", what="waybill")
    talk.hint(f"number:{NOBODY}", "number", text=NOBODY, what="phone")
    await expect(page.get_by_test_id("live-number")).to_have_count(3)
    await expect(panel).to_contain_text("Do not say")
    assert await panel.bounding_box() == before
    await page.wait_for_timeout(FADE_MS)
    await keep(page, "live-full-en")


async def test_the_panel_on_the_card(browser: Browser, popline: PopLine, story: type[Story]) -> None:
    """One line until there is an engine; text rolls without moving the card, hints count down."""
    complaints: list[str] = []
    page = await signed_in(browser, popline.base, "a1001", complaints)
    call = story(number=WANG)
    popline.hear(*call.rings("1001"), *call.answered("1001"))
    card = page.get_by_test_id("pop-card")
    await expect(card).to_have_attribute("data-state", "talking")
    await expect(page.get_by_test_id("live-panel")).to_have_count(0)
    talk = Talk(popline, str(await card.get_attribute("data-pop-id")))
    now = popline.parts.ctx.now
    talk.tell(LiveState(id=talk.pop, state="busy"))
    panel = page.get_by_test_id("live-panel")
    await expect(panel).to_contain_text("实时辅助繁忙")
    assert await height(panel) <= ONE_LINE
    await expect(page.get_by_test_id("live-fold")).to_be_disabled()
    await keep(page, "live-line")
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_timeout(FADE_MS)
    await keep(page, "live-line-dark")
    await page.emulate_media(color_scheme="light")
    talk.tell(LiveState(id=talk.pop, state="silence_only"))
    talk.hint("silence", "silence", rule="SIL", text="您好，请讲", due_at=now() - timedelta(seconds=1))
    await expect(page.get_by_test_id("live-first")).to_have_text("现在说 您好，请讲")
    assert await height(panel) <= ONE_LINE
    talk.tell(LiveState(id=talk.pop, state="on", engine="vosk:x"))
    await expect(panel).to_have_attribute("data-state", "on")
    await expect(page.get_by_test_id("live-note")).to_have_text("实时文字")
    before = await panel.bounding_box()
    talk.say("agent", 1, ("您好，请问有什么可以帮助您", True))
    talk.say("caller", 2, ("我要", True), ("查键", False), final=False)
    talk.say("caller", 2, ("我要", True), ("查件", False))
    soon = {"due_at": now() + timedelta(seconds=60), "step": 2, "steps": 3}
    talk.hint("silence", "silence", rule="SIL", text="您好，请问有什么可以帮助您", **soon)
    talk.hint("NAM-01", "name", rule="NAM-01", text="王先生")
    talk.hint("number:SF1234567890", "number", text="SF1234567890", what="waybill")
    hint = page.locator("[data-testid=live-hint][data-kind=silence]")
    await expect(hint).to_contain_text("还需停顿")
    await expect(page.get_by_test_id("live-line")).to_have_count(2)
    await expect(page.get_by_test_id("live-line").last).to_contain_text("我要查件")
    await expect(page.locator("[data-kind=name]")).to_contain_text("请称呼王先生")
    await keep(page, "live-panel")
    for n in range(3, 30):
        talk.say("caller", n, (f"第{n}句话，说得比较长一些，看看会不会把卡片撑开", True))
    await expect(page.get_by_test_id("live-line").last).to_contain_text("第29句")
    await expect(page.get_by_test_id("live-line").last).to_be_in_viewport()
    talk.tell(LiveState(id=talk.pop, state="retrying"))
    await expect(panel).to_have_attribute("data-state", "retrying")
    talk.tell(LiveState(id=talk.pop, state="silence_only"))
    await expect(panel).to_have_attribute("data-state", "silence_only")
    assert await panel.bounding_box() == before
    talk.hint("silence", "silence", gone=True)
    await expect(hint).to_have_count(0)
    talk.hint("silence", "hangup", rule="SIL", due_at=now() - timedelta(seconds=1), step=3, steps=3)
    await expect(page.locator("[data-kind=hangup]")).to_contain_text("可以按流程挂机")
    talk.hint("forbidden:OPN-02:1", "forbidden", rule="OPN-02", text="不得说：喂说话呀", heard="喂说话呀")
    await expect(page.locator("[data-kind=forbidden]")).to_contain_text("请勿使用")
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_timeout(FADE_MS)
    await keep(page, "live-panel-dark")
    await page.emulate_media(color_scheme="light")
    await page.get_by_test_id("live-number").click()
    await expect(page.get_by_test_id("waybill-detail")).to_have_attribute("data-number", "SF1234567890")
    await page.keyboard.press("Escape")
    talk.hint(f"number:{WANG}", "number", text=WANG, what="phone")
    talk.hint(f"number:{NOBODY}", "number", text=NOBODY, what="phone")
    await page.get_by_test_id("live-number").filter(has_text=WANG).click()
    await expect(page.get_by_test_id("customer-detail")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.get_by_test_id("live-number").filter(has_text=NOBODY).click()
    await expect(page.get_by_test_id("search-input")).to_have_value(NOBODY)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Alt+KeyL")
    await expect(page.get_by_test_id("live-fold")).to_have_attribute("aria-expanded", "false")
    await expect(panel).to_contain_text("可以按流程挂机")
    await page.reload()
    await expect(card).to_have_attribute("data-state", "talking")
    talk.tell(LiveState(id=talk.pop, state="on"))
    talk.tell(LiveState(id=talk.pop, state="retrying"))
    await expect(page.get_by_test_id("live-note")).to_contain_text("通话不受影响")
    await expect(page.get_by_test_id("live-fold")).to_be_enabled()
    await expect(page.get_by_test_id("live-fold")).to_have_attribute("aria-expanded", "false")
    talk.tell(LiveState(id=talk.pop, state="off"))
    await expect(page.get_by_test_id("live-fold")).to_be_disabled()
    assert complaints == []
