"""Bad days at the desk, made real: a line that goes in mid-transfer, an hour of sleep, crossing BYEs."""

from __future__ import annotations

import asyncio
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, WebSocket, expect

from asterisk_conf.scenario import hangup, wait
from cti.store.tables import sessions
from cti.store.tables_quality import recordings
from tests.desk.test_desk_phone import answer, card_is, phone_is
from tests.plugins.bad_days import asleep, choose, line_away, processes_of, situation_is, sleeper
from tests.plugins.browser import keep, sign_in, signed_in
from tests.plugins.phone_desk import PhoneDesk, phone_desk, registered, until
from tests.plugins.screenpop import WANG

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.xdist_group("asterisk")]
ROUNDS, TALK_S, LATER_S = 10, 0.8, 0.004


async def pressed(desk: PhoneDesk, pop_id: str) -> list[tuple[str, str]]:
    """The commands of a pop's call, as logged."""
    await desk.line.parts.ctx.ledger.settled(10)
    _, log = await desk.line.api("GET", f"/calls/{pop_id}/commands", user="boss")
    return [(x["command"], x["state"]) for x in log["items"]]


async def pop_of(page: Page) -> str:
    return str(await page.get_by_test_id("pop-card").get_attribute("data-pop-id"))


async def test_the_line_is_away_for_ten_seconds_in_mid_transfer(
    desk: PhoneDesk, agent_voice: Path, alaw_voice: Path
) -> None:
    """Page and phone are cut off for 10 s while a colleague answers, then while one rejects: both times the
    page that is back shows what has come of it, the talk went on, and no command was carried out twice."""
    other = await desk.agent("a1002", agent_voice)
    await other.get_by_test_id("notify-later").click()
    async with desk.line_to_pages() as (line, base):
        page = await desk.agent("a1001", agent_voice, base)
        call = await desk.call(alaw_voice, hold=None)
        await answer(page)
        first = await pop_of(page)
        await choose(page, "1002", "Shift+Enter")
        await until(lambda: f"/calls/{first}/commands".encode() in line.sent)
        async with line_away(line, 10):  # the answer to the command is lost with everything else
            await phone_is(other, "ringing")
            await expect(page.get_by_test_id("link-phone")).to_have_attribute("data-ok", "false")
            await expect(page.get_by_test_id("link-service")).to_have_attribute("data-ok", "false")
            await other.keyboard.press("Alt+j")
            await situation_is(other, "asked")
            for key in ("Alt+g", "Alt+v", "Alt+h", "Alt+d"):
                await page.keyboard.press(key)  # an impatient hand: nothing of it may come later
            await phone_is(page, "talking")
        await situation_is(page, "consulting")
        for command in ("complete", "cancel", "swap", "three"):
            await expect(page.get_by_test_id(f"control-{command}")).to_be_enabled()
        await registered(page)
        await phone_is(page, "talking")
        await expect(page.get_by_test_id("pop-card")).to_have_attribute("data-pop-id", first)
        await keep(page, "bad-day-consulting")
        await page.keyboard.press("Alt+g")
        await situation_is(other, "talking")
        await phone_is(page, "idle")
        assert await pressed(desk, first) == [("consult", "done"), ("complete", "done")]
        await other.keyboard.press("Alt+d")
        await phone_is(other, "idle")
        assert "bye" in (await call.result()).events

        call = await desk.call(alaw_voice, hold=None)
        await answer(page)
        second = await pop_of(page)
        await choose(page, "1002", "Enter")
        await phone_is(other, "ringing")
        await phone_is(page, "idle")
        async with line_away(line, 10):
            await expect(page.get_by_test_id("link-phone")).to_have_attribute("data-ok", "false")
            await other.keyboard.press("Alt+q")
            await phone_is(other, "idle")
        await answer(page)  # back at the queue, whose only agent is this one
        third = await pop_of(page)
        assert third != second
        await expect(page.get_by_test_id("pop-name")).to_contain_text("王小明")
        await situation_is(page, "talking")
        assert await pressed(desk, third) == [("blind", "done")]  # of the whole call
        await page.keyboard.press("Alt+d")
        await phone_is(page, "idle")
        assert "bye" in (await call.result()).events
        await until(lambda: desk.pbx.status().channels == 0)


async def test_a_machine_sleeps_for_an_hour(
    asterisk_here: None, tmp_path: Path, seeded_url: str, agent_voice: Path, alaw_voice: Path
) -> None:
    """Asleep, and awake an hour later: one registration, the right time, and the next call is answered here;
    a sign-in that ended meanwhile says so.

    What sleeps: every process of the browser is stopped, so that no timer runs and nobody answers. The way
    forgets its connections as routers do: the service and Asterisk hear at once that the page is gone (by
    themselves they notice after 30 s), the page's sockets stay open and never say a word again. Passwords of
    a phone last 3 s here, so that many of their lives go by. When the processes go on, the wall clock of the
    page has jumped by an hour, and its timers, which stood still, have not.
    """
    async with phone_desk(tmp_path, seeded_url, softphone={"password_min": 0.05}) as desk:
        browser = await desk.browser(agent_voice)
        async with desk.line_to_pages() as (line, base):
            page = await sleeper(browser, base, "a1001")
            await registered(page)
            assert contacts(desk) == 1
            with asleep(await processes_of(browser)):
                line.forget()
                await until(lambda: contacts(desk) == 0)
                impatient = await desk.phones.call("95001", number=WANG, hold=1.5)
                await impatient.result()
                await asyncio.sleep(3)
                call = await desk.call(alaw_voice, hold=None)
            await answer(page)
            assert await page.evaluate("hoursAsleep()") == 1
            assert contacts(desk) == 1
            talked = page.get_by_test_id("phone-talk")
            await expect(talked).to_have_text(re.compile(r" 0?0:0[1-9]"))  # by the service's clock
            await situation_is(page, "talking")
            await page.keyboard.press("Alt+d")
            await phone_is(page, "idle")
            assert "bye" in (await call.result()).events
            with asleep(await processes_of(browser)):
                line.forget()
                await desk.line.parts.ctx.db.write(lambda c: c.execute(sa.delete(sessions)))
                await asyncio.sleep(5)
            await expect(page.get_by_test_id("login-ended")).to_be_visible()
            await sign_in(page, "a1001")
            await registered(page)
            assert contacts(desk) == 1


def contacts(desk: PhoneDesk) -> int:
    """Where Asterisk would ring this agent."""
    return len(re.findall(r"1001/sip", desk.pbx.console("pjsip show contacts")))


class Told:
    """How the service told this page of the states of each call, in order."""

    def __init__(self, page: Page) -> None:
        self.states: dict[str, list[str]] = {}
        self.errors: list[dict[str, Any]] = []
        page.on("websocket", lambda ws: self._listen(ws))

    def _listen(self, ws: WebSocket) -> None:
        if ws.url.endswith("/ws/agent"):
            ws.on("framereceived", lambda text: self._hear(json.loads(text)))

    def _hear(self, message: dict[str, Any]) -> None:
        states = self.states.setdefault(message.get("id", ""), [])
        if message["type"] == "pop":
            states.append(message["call"]["state"])
        elif message["type"] == "pop_update" and "call" in message["changes"]:
            states.append(message["changes"]["call"]["state"])
        elif message["type"] == "pop_close":
            states.append(message["reason"])
        elif message["type"] in ("error", "command"):
            self.errors.append(message)


async def test_both_sides_hang_up_at_once(desk: PhoneDesk, agent_voice: Path) -> None:
    """Two BYEs cross: one wrap-up, no error, nothing left in Asterisk, and the recording says who it was or
    that it cannot be known."""
    page = await signed_in(await desk.browser(agent_voice), desk.line.base, "a1003", desk.complaints)
    told = Told(page)
    await page.reload()
    agent = await desk.phones.agent("1003", answer_after=0.2, steps=[wait(TALK_S), hangup()])
    await page.get_by_test_id("notify-later").click()
    crossed, hold = 0, TALK_S
    for _ in range(ROUNDS):
        before = agent.count("hangup")
        call = await desk.phones.call("1003", number=WANG, hold=hold)
        await card_is(page, "wrapup")
        result = await call.result()
        assert not result.faults
        await until(lambda: desk.pbx.status().channels == 0)
        await expect(page.get_by_test_id("pop-card")).to_have_count(1)
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_test_id("pop-card")).to_have_count(0)
        by_caller, by_agent = "hangup" in result.events, agent.count("hangup") > before
        crossed += by_caller and by_agent
        hold += LATER_S * (by_caller - by_agent)  # who was first alone waits a little longer the next time
    assert crossed, "no two BYEs crossed"
    rounds = [[state for state, _ in groupby(states)] for states in told.states.values() if states]
    assert rounds == [["ringing", "talking", "wrapup", "completed"]] * ROUNDS
    assert (told.errors, desk.complaints) == ([], [])
    assert desk.pbx.console("bridge show all").count("\n") <= 1
    ctx = desk.line.parts.ctx
    await ctx.ledger.settled(10)
    rows = await ctx.db.run(lambda c: c.execute(sa.select(recordings)).mappings().all())
    assert len(rows) == ROUNDS
    _, ledger = await desk.line.api("GET", "/ledger", user="boss")
    assert len(ledger["items"]) == ROUNDS
    for row in rows:
        said = {row["witnesses"]["source"], row["witnesses"]["asked"]} - {""}
        assert row["hung_up_by"] == (said.pop() if len(said) == 1 else "unknown")
        assert (row["state"], row["hung_up_by"] in ("caller", "agent", "unknown")) == ("ended", True)
    assert await pressed(desk, ledger["items"][0]["id"]) == []  # nobody ordered it here
