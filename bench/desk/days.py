"""The bad days that ``bench/page_return.py`` measures: each makes one, and ends when the way is free again.

A day gets a page that talks, and returns what must then be seen on it: the moment of the return is the moment
at which the function returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Error, Page, StorageState

from tests.ami.tcp_proxy import Proxy
from tests.plugins.bad_days import asleep, choose, line_away, processes_of, situation_is, sleeper
from tests.plugins.browser import VIEWPORT, new_page
from tests.plugins.phone_desk import PhoneDesk, registered, until

GAP_S = 10.0
ASLEEP_S = 6.0
UP = {"service": "true", "phone": "true"}
SHOWN = """() => {
  const of = (id, name) => document.querySelector(`[data-testid=${id}]`)?.dataset[name] ?? ''
  return {
    service: of('link-service', 'ok'), phone: of('link-phone', 'ok'), pbx: of('link-pbx', 'ok'),
    strip: of('phone-strip', 'state'), card: of('pop-card', 'state'), pop: of('pop-card', 'popId'),
    situation: of('call-controls', 'situation'),
  }
}"""
Expected = dict[str, str]


@dataclass
class Desk:
    """One agent's page on a line that can be cut."""

    desk: PhoneDesk
    line: Proxy
    base: str
    voice: Path
    browser: Browser
    page: Page

    @classmethod
    async def open(cls, desk: PhoneDesk, line: Proxy, base: str, voice: Path) -> Desk:
        """Signed in and registered."""
        browser = await desk.browser(voice)
        page = await sleeper(browser, base, "a1001")
        await registered(page)
        return cls(desk, line, base, voice, browser, page)

    async def shown(self) -> dict[str, Any]:
        """What the page shows; nothing while it is being loaded."""
        found: dict[str, Any] = {}
        with contextlib.suppress(Error):
            found = await self.page.evaluate(SHOWN)
        return found

    async def wait(self, **expected: str) -> None:
        """Until the page shows this."""
        async with asyncio.timeout(30):
            while not expected.items() <= (await self.shown()).items():  # noqa: ASYNC110 - a foreign process
                await asyncio.sleep(0.02)

    async def talk(self, voice: Path) -> None:
        """A caller, answered in the page."""
        await self.desk.call(voice, hold=None)
        await self.wait(strip="ringing", card="ringing")
        await self.page.keyboard.press("Alt+j")
        await self.wait(strip="talking", situation="talking")

    async def clear(self) -> None:
        """Nobody talks any more, and everything is there again."""
        await asyncio.to_thread(self.desk.pbx.console, "channel request hangup all")
        await until(lambda: self.desk.pbx.status().channels == 0)
        await self.wait(**UP, strip="idle", situation="")


async def browser_killed(desk: Desk) -> Expected:
    """Killed in a talk, started again: the page is loaded with the sign-in that the browser kept."""
    kept = await desk.page.context.storage_state()
    pop = (await desk.shown())["pop"]
    for pid in (await processes_of(desk.browser))[:1]:
        os.kill(pid, signal.SIGKILL)
    desk.browser = await desk.desk.browser(desk.voice)
    context = await desk.browser.new_context(viewport=VIEWPORT, storage_state=StorageState(**kept))
    desk.page = await new_page(context, [])
    await desk.page.goto("about:blank")
    asyncio.get_running_loop().create_task(desk.page.goto(desk.base, wait_until="commit"))
    return {**UP, "pop": pop, "card": "talking", "situation": "talking"}


async def target_answers(desk: Desk) -> Expected:
    """Both sockets are away for ten seconds while a colleague is asked, who answers."""
    await desk.desk.phones.agent("1003", answer_after=3.0)
    await choose(desk.page, "1003", "Shift+Enter")
    await situation_is(desk.page, "asking")
    async with line_away(desk.line, GAP_S):
        pass
    return {**UP, "strip": "talking", "situation": "consulting"}


async def target_rejects(desk: Desk) -> Expected:
    """The same, and the colleague's ringing ends: the caller is back."""
    await desk.desk.phones.agent("1003", answer_after=None)
    await choose(desk.page, "1003", "Shift+Enter")
    await situation_is(desk.page, "asking")
    async with line_away(desk.line, GAP_S):
        await asyncio.sleep(3)
        for line in desk.desk.pbx.console("core show channels concise").splitlines():
            if line.startswith("PJSIP/1003-"):
                desk.desk.pbx.console(f"channel request hangup {line.split('!')[0]}")
    return {**UP, "strip": "talking", "situation": "talking"}


async def tab_asleep(desk: Desk) -> Expected:
    """The machine sleeps in a talk, which ends meanwhile; its clock is an hour on when it wakes."""
    with asleep(await processes_of(desk.browser)):
        desk.line.forget()
        await asyncio.sleep(ASLEEP_S / 2)
        await asyncio.to_thread(desk.desk.pbx.console, "channel request hangup all")
        await asyncio.sleep(ASLEEP_S / 2)
    return {**UP, "strip": "idle", "situation": ""}


async def asterisk_restarted(desk: Desk) -> Expected:
    """Asterisk ends in a talk; the return is the moment at which the service hears it again."""
    pbx, fleet = desk.desk.pbx, desk.desk.line.parts.fleet
    if fleet is None:
        raise SystemExit("no AMI")
    await asyncio.to_thread(pbx.down, grace_s=0.5)
    await desk.wait(phone="false", pbx="false")
    await asyncio.to_thread(pbx.up, tied=True)
    await fleet.client("pbx1").wait_ready()
    return {**UP, "pbx": "true", "strip": "idle", "situation": ""}


DAYS: tuple[Callable[[Desk], Awaitable[Expected]], ...] = (
    browser_killed,
    target_answers,
    target_rejects,
    tab_asleep,
    asterisk_restarted,
)
