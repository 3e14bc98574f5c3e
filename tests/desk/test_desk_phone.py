"""The phone in the browser over a real Asterisk: it registers, rings, talks, and comes back."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from cti.commands import doctor
from cti.store.repos.phone import quality_of
from tests.plugins.browser import keep, signed_in
from tests.plugins.phone_desk import PhoneDesk, registered, until

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.xdist_group("asterisk")]


async def phone_is(page: Page, state: str) -> None:
    await expect(page.get_by_test_id("phone-strip")).to_have_attribute("data-state", state)


async def card_is(page: Page, state: str) -> None:
    await expect(page.get_by_test_id("pop-card")).to_have_attribute("data-state", state)


async def answer(page: Page) -> None:
    """Take the call that rings, by key."""
    await phone_is(page, "ringing")
    await page.keyboard.press("Alt+j")
    await phone_is(page, "talking")
    await card_is(page, "talking")


async def test_a_call_is_answered_in_the_page(desk: PhoneDesk, agent_voice: Path, alaw_voice: Path) -> None:
    """Ring, answer, mute and keys without the mouse; how the talk sounded is in the ledger."""
    page = await desk.agent("a1001", agent_voice)
    colleague = await desk.phones.agent("1003")
    call = await desk.call(alaw_voice, hold=12)
    await phone_is(page, "ringing")
    await card_is(page, "ringing")
    assert await page.evaluate("document.scrollingElement.scrollHeight <= innerHeight")
    await keep(page, "phone-ringing")
    await answer(page)
    await expect(page.get_by_test_id("phone-figures")).to_contain_text("ms")
    pop_id = str(await page.get_by_test_id("pop-card").get_attribute("data-pop-id"))
    await page.keyboard.press("Alt+u")
    await expect(page.get_by_test_id("phone-mute")).to_have_attribute("aria-pressed", "true")
    await keep(page, "phone-muted")
    await page.keyboard.press("Alt+u")
    await expect(page.get_by_test_id("phone-mute")).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("Alt+k")
    for key in "##1003#":  # the code of a transfer: whoever hears it is Asterisk
        await page.keyboard.press(key)
    await keep(page, "phone-talking")
    await colleague.event("answered")
    await phone_is(page, "idle")
    await call.stop()
    rows: list[Any] = await until_told(desk, pop_id)
    assert len(rows) == 1
    row = rows[0]
    assert (row["agent"], row["device"], row["codec"]) == ("1001", "1001", "PCMA")
    assert row["seconds"] > 3
    assert row["loss_in"] == 0
    assert row["rtt_ms"] < 300
    status, ledger = await desk.line.api("GET", "/ledger", user="boss")
    voice = next(r for r in ledger["items"] if r["id"] == pop_id)["voice"]
    assert (status, voice[0]["bad"], voice[0]["codec"]) == (200, False, "PCMA")
    assert desk.complaints == []


async def until_told(desk: PhoneDesk, pop_id: str) -> list[Any]:
    """What the browser told of this call, once it is there."""
    async with asyncio.timeout(15):
        while True:
            found = await desk.line.parts.ctx.db.run(lambda c: quality_of(c, [pop_id]))
            if found:
                return list(found[pop_id])
            await asyncio.sleep(0.1)


async def test_one_page_has_the_phone(desk: PhoneDesk, agent_voice: Path) -> None:
    """Another tab shows it and presses its keys; another browser is told, and may take it over."""
    browser = await desk.browser(agent_voice)
    first = await signed_in(browser, desk.line.base, "a1001", desk.complaints)
    await registered(first)
    contacts = "pjsip show contacts"
    assert len(re.findall(r"1001/sip", desk.pbx.console(contacts))) == 1
    tab = await first.context.new_page()
    await tab.goto(desk.line.base)
    await expect(tab.get_by_test_id("phone-strip")).to_contain_text("另一标签页")
    await desk.phones.call("1001", hold=3)
    await phone_is(tab, "ringing")
    await tab.keyboard.press("Alt+j")
    await phone_is(first, "talking")
    await phone_is(tab, "talking")
    await phone_is(tab, "idle")
    other = await signed_in(browser, desk.line.base, "a1001", desk.complaints)
    await expect(other.get_by_test_id("phone-sign")).to_have_attribute("data-kind", "taken")
    await registered(first)
    await other.get_by_test_id("phone-repair").click()
    await registered(other)
    await expect(first.get_by_test_id("phone-sign")).to_have_attribute("data-kind", "taken")
    assert len(re.findall(r"1001/sip", desk.pbx.console(contacts))) == 1
    await first.close()  # the tab beside it leads now, and leaves the phone to the other browser
    await expect(tab.get_by_test_id("phone-sign")).to_have_attribute("data-kind", "taken")
    await registered(other)


async def test_a_talk_outlives_its_line(desk: PhoneDesk, agent_voice: Path, alaw_voice: Path) -> None:
    """The line drops and comes back: the talk went on, and its end is heard, even one that was missed."""
    async with desk.line_to_pages() as (line, base):
        page = await desk.agent("a1001", agent_voice, base)
        call = await desk.call(alaw_voice, hold=None)
        await answer(page)
        await line.refuse()
        line.cut()
        await expect(page.get_by_test_id("link-phone")).to_have_attribute("data-ok", "false")
        await asyncio.sleep(1.5)
        await phone_is(page, "talking")
        await line.listen()
        await registered(page)
        await phone_is(page, "talking")
        await card_is(page, "talking")
        desk.pbx.console("channel request hangup all")  # both sides at once
        await phone_is(page, "idle")
        await call.stop()
        call = await desk.call(alaw_voice, hold=None)
        await answer(page)
        await line.refuse()
        line.cut()
        await expect(page.get_by_test_id("link-phone")).to_have_attribute("data-ok", "false")
        desk.pbx.console("channel request hangup all")
        await until(lambda: desk.pbx.status().channels == 0)
        await phone_is(page, "talking")  # it cannot know
        await line.listen()
        await phone_is(page, "idle")
        await call.stop()


async def test_asterisk_is_restarted(desk: PhoneDesk, agent_voice: Path, alaw_voice: Path) -> None:
    """A restart forgets every password: the page registers anew, and answers by itself when told to."""
    page = await desk.agent("a1001", agent_voice)
    await page.keyboard.press("Alt+o")
    await expect(page.get_by_test_id("phone-level")).to_have_attribute("data-heard", "true")
    await page.get_by_test_id("phone-auto").check()
    await page.emulate_media(color_scheme="dark")
    await keep(page, "phone-settings-dark")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("phone-dialog")).not_to_be_visible()
    await asyncio.to_thread(desk.pbx.down, grace_s=0.5)
    await expect(page.get_by_test_id("link-phone")).to_have_attribute("data-ok", "false")
    await asyncio.to_thread(desk.pbx.up, tied=True)
    await registered(page)
    text = (desk.pbx.home / "etc" / "pjsip.conf").read_text()
    assert "1001-auth" in text
    assert "username = 1001\n" not in text
    await page.get_by_test_id("lang-switch").click()
    await desk.call(alaw_voice, hold=4)
    await phone_is(page, "ringing")
    await keep(page, "phone-ringing-dark-en")
    await phone_is(page, "talking")
    await phone_is(page, "idle")


async def test_doctor_looks_at_the_way_of_the_phones(desk: PhoneDesk) -> None:
    """``laidian doctor`` tries the REST interface and the WebSocket, and says which of them fails."""
    settings = desk.line.parts.ctx.settings
    [found] = await asyncio.to_thread(lambda: list(doctor._phones(settings)))
    assert (found.state, "2 部网页话机" in found.text) == ("ok", True)
    node = settings.ami[0]
    wrong = settings.model_copy(update={"ami": (node.model_copy(update={"ari_username": "nobody"}),)})
    [found] = await asyncio.to_thread(lambda: list(doctor._phones(wrong)))
    assert (found.state, "REST" in found.text) == ("fail", True)


async def test_a_killed_browser_comes_back_into_its_call(
    desk: PhoneDesk, agent_voice: Path, alaw_voice: Path
) -> None:
    """The call goes on without the browser; the new one has the card and is put back to the caller."""
    browser = await desk.browser(agent_voice)
    page = await signed_in(browser, desk.line.base, "a1001", desk.complaints)
    await registered(page)
    call = await desk.call(alaw_voice)
    await answer(page)
    pop_id = str(await page.get_by_test_id("pop-card").get_attribute("data-pop-id"))
    await browser.close()
    page = await desk.agent("a1001", agent_voice)
    await expect(page.get_by_test_id("pop-card")).to_have_attribute("data-pop-id", pop_id)
    await phone_is(page, "talking")
    await card_is(page, "talking")
    await expect(page.get_by_test_id("phone-figures")).to_contain_text("ms")
    await keep(page, "phone-rejoined")
    assert call.process.returncode is None, "the caller was there all the time"
    await page.keyboard.press("Alt+d")
    await phone_is(page, "idle")
    await call.result()
