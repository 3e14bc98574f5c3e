"""Headsets chosen, pulled out and plugged in again: real loudspeakers and microphones of a sound server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.desk.test_desk_phone import answer, phone_is
from tests.plugins.browser import chromium, keep, signed_in
from tests.plugins.phone_desk import PhoneDesk, registered, until, voice_of
from tests.plugins.qa import spoken
from tests.plugins.soundcards import SoundCards, loudness_of

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.xdist_group("asterisk")]

NEVER_ASKS = ["--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"]
LOUD, QUIET = 300.0, 30.0  # RMS of 16-bit samples
FRESH_S = 4.0  # the recording grows in steps of two seconds


async def sounds(cards: SoundCards, speaker: str) -> None:
    """Wait until something is to be heard there."""
    async with asyncio.timeout(20):
        while await cards.loudness(speaker) < LOUD:
            pass


async def reaches_the_pbx(desk: PhoneDesk, loud: bool) -> None:
    """The agent's leg as Asterisk gets it becomes loud, or quiet."""
    [leg] = list(desk.pbx.settings.recordings.glob("*-agent.wav"))

    def holds() -> bool:
        level = loudness_of(leg, FRESH_S)
        return level > LOUD if loud else level < QUIET

    await until(holds, 25)


async def choose(page: Page, what: str, label: str) -> None:
    """Pick this device in the dialog."""
    await page.get_by_test_id(f"phone-{what}").select_option(label=label)


async def test_a_headset_is_chosen_pulled_out_and_back(
    desk: PhoneDesk, soundcards: SoundCards, alaw_voice: Path, tmp_path: Path
) -> None:
    """Rings on the chosen device, speaks on another; one that is pulled out is replaced until it is back."""
    cards = soundcards
    for speaker in ("Monitor", "Headset", "Box"):
        await cards.plug_speaker(speaker)
    for microphone in ("Camera", "Boom"):
        await cards.plug_microphone(microphone)
    await cards.default("Monitor", "Camera")
    voice = voice_of(spoken(3) * 4, tmp_path / "boom.wav")
    browser = await desk.stack.enter_async_context(chromium(NEVER_ASKS, cards.env))
    page = await signed_in(browser, desk.line.base, "a1001", desk.complaints)
    await registered(page)
    await page.get_by_test_id("notify-later").click()

    await page.keyboard.press("Alt+o")
    level = page.get_by_test_id("phone-level")
    await cards.say("Boom", voice)
    await choose(page, "microphone", "Boom")
    await expect(level).to_have_attribute("data-heard", "true")
    await choose(page, "microphone", "Camera")  # nobody speaks into that one
    await expect(level).to_have_attribute("data-heard", "false")
    await choose(page, "microphone", "Boom")
    await choose(page, "speaker", "Headset")
    await choose(page, "ring", "Box")
    await page.keyboard.press("Escape")

    call = await desk.call(alaw_voice, hold=None)
    await phone_is(page, "ringing")
    await sounds(cards, "Box")
    assert await cards.loudness("Headset") < QUIET
    assert await cards.loudness("Monitor") < QUIET
    await answer(page)
    await sounds(cards, "Headset")
    assert await cards.loudness("Box") < QUIET
    await reaches_the_pbx(desk, loud=True)
    await page.keyboard.press("Alt+u")
    await reaches_the_pbx(desk, loud=False)

    sign = page.get_by_test_id("phone-sign")
    await cards.unplug("Headset")
    await expect(sign).to_have_attribute("data-kind", "away")
    await sounds(cards, "Monitor")
    await keep(page, "phone-headset-away")
    await cards.plug_speaker("Headset")
    await expect(sign).not_to_be_visible()
    # Chromium sends a device that was away under PulseAudio to the system's until it is started anew
    await page.keyboard.press("Alt+o")
    await choose(page, "speaker", "Box")
    await page.keyboard.press("Escape")
    await sounds(cards, "Box")

    await cards.unplug("Boom")
    await expect(sign).to_have_attribute("data-kind", "away")
    await cards.say("Camera", voice)
    await asyncio.sleep(FRESH_S)
    await reaches_the_pbx(desk, loud=False)  # still mute, whatever it speaks into
    await page.keyboard.press("Alt+u")
    await reaches_the_pbx(desk, loud=True)

    await cards.unplug("Camera")
    await expect(sign).to_have_attribute("data-kind", "no_device")
    await phone_is(page, "talking")
    await cards.plug_microphone("Boom")
    await cards.say("Boom", voice)
    await expect(sign).not_to_be_visible()
    await reaches_the_pbx(desk, loud=True)
    await page.keyboard.press("Alt+d")
    await phone_is(page, "idle")
    await call.result()
