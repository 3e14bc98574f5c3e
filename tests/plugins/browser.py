"""A headless Chromium of the system, a person signed in on a page, and screenshots kept as artefacts."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from screenpop.api.app import DIST
from tests.plugins.screenpop import PASSWORD

ARTEFACTS = Path(__file__).parents[2] / "build" / "artefacts"
SOON = 20_000  # ms; a page that needs longer is stuck
VIEWPORT: ViewportSize = {"width": 1366, "height": 768}
expect.set_options(timeout=SOON)  # by itself it gives up after 5 s, which a busy machine needs
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def with_voice(voice: Path) -> list[str]:
    """Flags of a Chromium whose microphone says this WAV of 48 kHz again and again, and that never asks."""
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={voice}",
        "--autoplay-policy=no-user-gesture-required",
    ]


@contextlib.asynccontextmanager
async def chromium(flags: Sequence[str] = (), sound: dict[str, str] | None = None) -> AsyncIterator[Browser]:
    """A headless Chromium; skips where there is none, or no built pages for it.

    `sound`: what tells it where its loudspeakers and microphones are; without, it is mute.
    """
    if _CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt: chromium)")
    if not (DIST / "index.html").is_file():
        pytest.skip("the pages are not built (make setup)")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=_CHROMIUM,
            args=[*_FLAGS, *flags],
            env={**os.environ, **sound} if sound else None,
            ignore_default_args=["--mute-audio"] if sound else None,
        )
        try:
            yield started
        finally:
            await started.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium for one test."""
    async with chromium() as started:
        yield started


async def new_page(context: BrowserContext, complaints: list[str]) -> Page:
    """A tab; what the browser complains of in it is collected."""
    page = await context.new_page()
    page.set_default_timeout(SOON)

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


async def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Fill in the door of the pages and go through it."""
    await page.get_by_test_id("login-username").fill(username)
    await page.get_by_test_id("login-password").fill(password)
    await page.get_by_test_id("login-submit").click()
    await page.get_by_test_id("user-menu").wait_for()


async def signed_in(
    browser: Browser, base: str, username: str, complaints: list[str], path: str = "/"
) -> Page:
    """This person's page at `path`; what the browser complains of is collected."""
    context = await browser.new_context(viewport=VIEWPORT, locale="zh-CN")
    page = await new_page(context, complaints)
    await page.goto(f"{base}{path}")
    await sign_in(page, username)
    return page


async def keep(page: Page, name: str) -> None:
    """A screenshot among the artefacts of the test run."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=ARTEFACTS / f"{name}.png")
