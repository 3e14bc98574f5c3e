"""What goes wrong between a page and the service, made on purpose; also for ``bench/page_return.py``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psutil
from playwright.async_api import Browser, Page, expect

from tests.ami.tcp_proxy import Proxy
from tests.plugins.browser import VIEWPORT, new_page, sign_in

HOUR_ASLEEP = """(() => {
  const real = Date.now, Real = Date
  let last = real(), skew = 0
  const now = () => {
    const at = real()
    if (at - last > 4000) skew += 3600e3
    last = at
    return at + skew
  }
  globalThis.Date = class extends Real {
    constructor(...given) { super(...(given.length ? given : [now()])) }
    static now() { return now() }
  }
  globalThis.hoursAsleep = () => skew / 3600e3
})()"""
"""The page's wall clock as after sleep: a real gap of seconds in which nothing ran counts as an hour more."""


@contextlib.asynccontextmanager
async def line_away(line: Proxy, seconds: float) -> AsyncIterator[None]:
    """All connections through `line` are cut and none can be made, until `seconds` after that."""
    until = asyncio.get_running_loop().time() + seconds
    await line.refuse()
    line.cut()
    yield
    await asyncio.sleep(until - asyncio.get_running_loop().time())
    await line.listen()


async def processes_of(browser: Browser) -> list[int]:
    """Every process of this Chromium: browser, network, sound, pages."""
    session = await browser.new_browser_cdp_session()
    told: dict[str, Any] = await session.send("SystemInfo.getProcessInfo")
    await session.detach()
    [main] = [int(p["id"]) for p in told["processInfo"] if p["type"] == "browser"]
    return [main, *(child.pid for child in psutil.Process(main).children(recursive=True))]


@contextlib.contextmanager
def asleep(processes: list[int]) -> Iterator[None]:
    """A machine's lid is shut: its processes stand still until the block is left."""
    try:
        _send(processes, signal.SIGSTOP)
        yield
    finally:
        _send(processes, signal.SIGCONT)


def _send(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):  # ended by itself meanwhile
            os.kill(pid, number)


async def sleeper(browser: Browser, base: str, user: str) -> Page:
    """This person's page on a machine whose clock goes on by an hour when it sleeps."""
    context = await browser.new_context(viewport=VIEWPORT, locale="zh-CN")
    await context.add_init_script(HOUR_ASLEEP)
    page = await new_page(context, [])
    await page.goto(base)
    await sign_in(page, user)
    return page


async def situation_is(page: Page, situation: str) -> None:
    """Wait until the buttons of the call are those of this situation."""
    await expect(page.get_by_test_id("call-controls")).to_have_attribute("data-situation", situation)


async def choose(page: Page, to: str, key: str) -> None:
    """By key: the chooser, the number, Enter (blind) or Shift+Enter (consult)."""
    await page.keyboard.press("Alt+x")
    await page.get_by_test_id("control-search").fill(to)
    await expect(page.get_by_test_id("control-target").first).to_have_attribute("data-to", to)
    await page.keyboard.press(key)
