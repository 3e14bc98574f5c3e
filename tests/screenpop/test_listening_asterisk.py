"""Listening on a real Asterisk: three tones tell who hears whom; nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from asterisk_conf.scenario import wait
from cti.ami.facts import LISTENER
from cti.store.repos import list_audit
from tests.plugins.browser import keep, signed_in
from tests.plugins.listening import AGENT, BOSS, CALLER, until

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]


async def test_microphone_is_closed_at_first_then_whisper_then_barge(
    floor: Callable[..., Any], seeded_url: str
) -> None:
    """Listening nobody hears the supervisor, whispering only the agent, barging both; all is audited."""
    async with floor(seeded_url) as f:
        await f.phones.agent("9001", answer_after=0.1, steps=[f.says(BOSS)])
        await f.phones.agent("1001", answer_after=0.1, steps=[f.says(AGENT)])
        assert (await f.ask("POST", {"agent": "1001"}))[1]["code"] == "not_talking"
        await f.phones.call("1001", hold=None, steps=[f.says(CALLER), wait(120)])
        await until(lambda: f.state("1001") == "talking", "a talk")
        async with f.popline.page("a1001") as page:
            status, ear = await f.ask("POST", {"agent": "1001"})
            assert (status, ear["mode"], ear["state"]) == (200, "listen", "on")
            notice = await page.next("notice")
            assert (notice["kind"], notice["by"], notice["on"]) == ("listening", "班长", True)
            assert (await f.ask("POST", {"agent": "1001"}))[1]["code"] == "already"
            await asyncio.sleep(0.3)
            assert await f.heard() == {"9001": {CALLER, AGENT}, "1001": {CALLER}, "trunk": {AGENT}}
            assert (await f.ask("PUT", {"mode": "whisper"}))[1]["mode"] == "whisper"
            await asyncio.sleep(0.3)
            heard = await f.heard()
            assert (heard["1001"], heard["trunk"]) == ({CALLER, BOSS}, {AGENT})
            assert (await f.ask("PUT", {"mode": "barge"}))[1]["mode"] == "barge"
            await asyncio.sleep(0.3)
            heard = await f.heard()
            assert (heard["1001"], heard["trunk"]) == ({CALLER, BOSS}, {AGENT, BOSS})
            assert (await f.ask("PUT", {"mode": "listen"}))[1]["mode"] == "listen"
            await asyncio.sleep(0.3)
            assert (await f.heard())["1001"] == {CALLER}
            assert await f.ask("DELETE") == (200, None)
            assert (await page.next("notice"))["on"] is False
        await until(lambda: len(f.channels()) == 2, "the supervisor's channel is gone")
        assert not [p for p in f.popline.parts.ctx.service.book.everything() if p.agent != "1001"]
        await f.hang_up("trunk")
        await until(lambda: not f.channels(), "nothing is left")
        rows = [e for e in await f.popline.parts.ctx.db.run(list_audit) if e["action"] == "listen"]
        assert [e["detail"]["mode"] for e in reversed(rows)] == [
            "listen",
            "whisper",
            "barge",
            "listen",
            "end",
        ]
        assert {(e["who"], e["subject"]) for e in rows} == {("boss", "agent:1001")}


async def test_supervisor_works_from_the_board(
    floor: Callable[..., Any], seeded_url: str, browser: Browser
) -> None:
    """One click listens, the next whispers, the page says that the microphone is open; a break is forced."""
    async with floor(seeded_url) as f:
        await f.phones.agent("9001", answer_after=0.1, steps=[f.says(BOSS)])
        await f.phones.agent("1001", answer_after=0.1, steps=[f.says(AGENT)])
        await f.phones.call("1001", hold=None, steps=[f.says(CALLER), wait(120)])
        complaints: list[str] = []
        agent = await signed_in(browser, f.popline.base, "a1001", complaints)
        page = await signed_in(browser, f.popline.base, "boss", complaints, "/wall?agent=1001")
        box = page.get_by_test_id("listen")
        await page.get_by_test_id("listen-start").click()
        await expect(box).to_have_attribute("data-mode", "listen")
        await expect(page.get_by_test_id("listen-said")).to_have_text("正在听，麦克风关闭")
        await expect(agent.get_by_test_id("listened-to")).to_have_text("班长在听")
        await keep(agent, "wall-listened-to")
        await page.get_by_test_id("listen-whisper").click()
        await expect(page.get_by_test_id("listen-said")).to_have_text("耳语中：座席听得到您")
        await keep(page, "wall-whisper")
        await page.get_by_test_id("listen-end").click()
        await expect(page.get_by_test_id("listen-start")).to_be_visible()
        await expect(agent.get_by_test_id("listened-to")).to_have_count(0)
        await f.hang_up("trunk")
        state = page.get_by_test_id("agent-control-state")
        await expect(state).to_contain_text("话后")
        await page.get_by_test_id("force-why").fill("客户在排队")
        await page.get_by_test_id("force-end-wrapup").click()
        await expect(state).to_contain_text("空闲")
        await expect(agent.get_by_text("班长 结束了您的话后处理：客户在排队")).to_be_visible()
        await page.get_by_test_id("force-why").fill("培训")
        await page.get_by_test_id("force-reason").select_option("培训")
        await page.get_by_test_id("force-break").click()
        await expect(state).to_contain_text("培训")
        await until(lambda: "paused:培训" in f.asterisk.console("queue show hotline"), "the PBX has it too")
        await expect(agent.get_by_test_id("state-switch")).to_have_attribute("data-reason", "培训")
        assert complaints == []


async def test_listening_ends_with_the_call_or_follows_the_agent(
    floor: Callable[..., Any], seeded_url: str
) -> None:
    """With listen_follow the supervisor stays for the next talk, microphone closed again; a stray ends."""
    async with floor(seeded_url, listen_follow=True) as f:
        await f.phones.agent("9001", answer_after=0.1, steps=[f.says(BOSS)])
        await f.phones.agent("1001", answer_after=0.1, steps=[f.says(AGENT)])
        await f.phones.call("1001", hold=None, steps=[f.says(CALLER), wait(120)])
        await until(lambda: f.state("1001") == "talking", "a talk")
        assert (await f.ask("POST", {"agent": "1001"}))[0] == 200
        assert (await f.ask("PUT", {"mode": "whisper"}))[0] == 200
        await f.hang_up("trunk")

        async def ear() -> Any:
            return (await f.ask("GET"))[1]

        async with asyncio.timeout(20):
            while (await ear())["state"] != "waiting":
                await asyncio.sleep(0.05)
        await f.phones.call("1001", hold=None, steps=[f.says(CALLER), wait(120)])
        async with asyncio.timeout(20):
            while (await ear())["state"] != "on":
                await asyncio.sleep(0.05)
        assert (await ear())["mode"] == "listen"
        await asyncio.sleep(0.3)
        assert await f.heard() == {"9001": {CALLER, AGENT}, "1001": {CALLER}, "trunk": {AGENT}}
        # a channel of a service that was killed: after a resync it is gone, ours stays
        await f.hang_up("9001")
        await until(lambda: len(f.channels()) == 2, "the supervisor hung up")
        assert await ear() is None
        await f.phones.agent("9001", answer_after=0.1)
        stray = {"Channel": "PJSIP/9001", "ChannelId": f"{LISTENER}stray", "Application": "Echo"}
        await f.tap.action("Originate", **stray, Async="yes")
        await until(lambda: len(f.channels()) == 3, "a stray")
        fleet = f.popline.parts.fleet
        assert fleet is not None
        listening = f.popline.parts.ctx.listening
        assert listening is not None
        reply = await fleet.client("pbx1").send({"Action": "CoreShowChannels"}, listing=True)
        listening.resync("pbx1", reply.items, f.popline.parts.ctx.now())
        await until(lambda: len(f.channels()) == 2, "the stray is gone")
