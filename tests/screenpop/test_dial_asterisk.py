"""Click-to-dial on a real Asterisk: the agent's phone first, the customer second, never twice."""

from __future__ import annotations

import asyncio
import json
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, expect

from asterisk_conf import tones
from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_udp
from asterisk_conf.scenario import hangup, play, wait
from asterisk_conf.softphones import Phones
from cti.config import Settings
from cti.speech.choose import Choice
from cti.speech.engine import Heard, HeardWord, Samples
from cti.speech.start import rules_of
from cti.speech.worker import Recogniser, SpeechWorker
from cti.store.repos import quality
from cti.store.repos.outreach import add_tasks
from cti.store.tables import contacts, customers
from cti.store.tables_quality import recordings
from screenpop.dial import CONTEXT
from tests.plugins.ami_tap import Tap
from tests.plugins.browser import keep, signed_in
from tests.plugins.qa import spoken
from tests.plugins.screenpop import WANG, PopLine, sections_of

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]
ALWAYS = {"dial_hours": "00:00-24:00", "agent_ring_s": 5, "customer_ring_s": 10}
SAID = "您好请问您是王先生吗打扰您了我是来电速运好的打扰您了谢谢"


class Saying:
    """Hears the sentences of an outbound call in every stretch; implements the port of recognisers."""

    name, model, rate, longest_s = "saying", "outbound", 8000, 30.0

    def recognise(self, samples: Samples) -> Heard:
        length = len(samples) / self.rate / len(SAID)
        words = tuple(HeardWord(c, i * length, (i + 1) * length, 0.95) for i, c in enumerate(SAID))
        return Heard(SAID, words, "zh")

    def language_of(self, samples: Samples) -> str | None:
        return "zh"


@dataclass
class Line:
    """A service with a carrier behind its Asterisk, phones, and an ear at AMI."""

    popline: PopLine
    asterisk: Instance
    phones: Phones
    tap: Tap
    carrier: int

    async def task(self, kind: str = "receipt_call") -> int:
        """A task about 王小明."""

        def write(conn: sa.Connection) -> int:
            wang = conn.execute(sa.select(customers.c.id).where(customers.c.code == "C1")).scalar_one()
            due = datetime.now(UTC) + timedelta(hours=1)
            row = {"key": f"{kind}:{datetime.now(UTC)}", "kind": kind, "customer_id": wang, "title": "回访"}
            add_tasks(conn, [{**row, "due_at": due}], now=datetime.now(UTC))
            return int(conn.execute(sa.text("SELECT max(id) FROM outreach_tasks")).scalar_one())

        return await self.popline.parts.ctx.db.write(write)

    async def click(self, key: str, user: str = "a1001", **whom: Any) -> tuple[int, Any]:
        return await self.popline.api("POST", "/dial", user=user, body={"key": key, **whom})

    async def comes_to(self, attempt: int, *states: str, user: str = "a1001") -> dict[str, Any]:
        """The attempt, once it is in one of these states."""
        async with asyncio.timeout(30):
            while True:
                _, found = await self.popline.api("GET", f"/dial/{attempt}", user=user)
                if found["state"] in states:
                    return dict(found)
                await asyncio.sleep(0.05)

    def originated(self) -> int:
        """Channels of the agent that were made by a click."""
        return len([e for e in self.tap.all("Newchannel") if e["Channel"].startswith("PJSIP/1001")])


@pytest.fixture
def line(start_popline: Callable[..., Any], start_asterisk: Callable[..., Instance]) -> Callable[..., Any]:
    """``async with line(url, dial_live=1) as hotline``: service and Asterisk of the same settings."""

    @asynccontextmanager
    async def run(url: str, **own: Any) -> AsyncIterator[Line]:
        outreach, carrier = {**ALWAYS, **own}, free_udp()
        trunk = {"trunk_contact": f"sip:127.0.0.1:{carrier}"}
        recording = {"enabled": True}
        asterisk = start_asterisk(asterisk=trunk, outreach=outreach, recording=recording)
        popline: PopLine = await start_popline(
            url,
            **sections_of(asterisk),
            outreach=outreach,
            recording={**recording, "directory": str(asterisk.recordings)},
            quality={"calls": "all", "workers": 0},
        )
        fleet = popline.parts.fleet
        assert fleet is not None
        await fleet.client("pbx1").wait_ready()
        async with Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
            yield Line(popline, asterisk, phones, tap, carrier)

    return run


def _voice(folder: Path) -> Path:
    """A prompt of the menu, as a phone plays it."""
    with wave.open(str(spoken(2)[0]), "rb") as f:
        samples = array("h", f.readframes(f.getnframes()))
    target = folder / "voice.al"
    target.write_bytes(tones.alaw(samples))
    return target


async def test_agent_first_then_customer_and_a_double_click_dials_once(
    line: Callable[..., Any], seeded_url: str, tmp_path: Path
) -> None:
    """domain.md §8: outbound — agent, then customer; the pop knows both and the task; the call is
    scored."""
    async with line(seeded_url) as hotline, hotline.popline.page("a1001") as page:
        agent = await hotline.phones.agent("1001", steps=[play(_voice(tmp_path)), wait(2.5), hangup()])
        customer = await hotline.phones.outside(hotline.carrier, answer_after=0.5)
        task = await hotline.task()
        (status, first), (_, second) = await asyncio.gather(
            hotline.click("click-0001", task_id=task), hotline.click("click-0001", task_id=task)
        )
        assert (status, first["id"]) == (202, second["id"])
        assert [first["new"], second["new"]].count(True) == 1
        _, third = await hotline.click("click-0002", task_id=task)
        assert (third["id"], third["new"]) == (first["id"], False)
        await agent.event("answered")
        assert customer.count("answered") == 0
        pop = await page.next("pop")
        assert (pop["customer"]["name"], pop["call"]["direction"]) == ("王小明", "outbound")
        assert (pop["context"]["task"], pop["context"]["dial"]) == (str(task), str(first["id"]))
        assert WANG not in json.dumps(pop)
        talking = await hotline.comes_to(first["id"], "talking")
        assert talking["number"] == "138****8000"
        ended = await hotline.comes_to(first["id"], "ended")
        assert ended["over"]
        assert ended["talk_s"] > 1
        assert (agent.count("invite"), customer.count("invite"), hotline.originated()) == (1, 1, 1)
        rung = await hotline.tap.event("NewCallerid", lambda e: e["Channel"].startswith("PJSIP/1001"))
        assert (rung["CallerIDNum"], rung["CallerIDName"]) == ("95001", f"外呼 #{first['id']}")
        out = await hotline.tap.event("DialBegin", lambda e: e["DestChannel"].startswith("PJSIP/trunk"))
        assert (out["CallerIDNum"], out["CallerIDName"]) == ("95001", "<unknown>")
        score = await asyncio.to_thread(_scored, hotline.popline.parts.ctx.settings, seeded_url, hotline)
        await hotline.popline.parts.ctx.ledger.settled(10)
    verdicts = {v["rule"]: v["verdict"] for v in score["verdicts"]}
    assert (verdicts["OUT-01"], verdicts["OUT-02"], verdicts["OUT-05"]) == ("pass", "pass", "pass")
    assert (verdicts["OUT-03"], verdicts["OUT-04"], verdicts["OPN-01"]) == ("na", "na", "na")


def _scored(settings: Settings, url: str, hotline: Line) -> dict[str, Any]:
    """What the real worker stores of the recorded call."""

    def saying() -> Recogniser:
        return Recogniser(Choice("saying", "outbound", Path(), "for a test"), Saying)

    db = hotline.popline.parts.ctx.db
    worker = SpeechWorker(settings, db, rules_of(settings), saying, name="test")
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while not worker.once():
        assert datetime.now(UTC) < deadline, "no recording came to the worker"
    with db.begin(write=False) as conn:
        row = conn.execute(sa.select(recordings)).mappings().one()
        assert (row["direction"], row["number_key"], row["agent"]) == ("outbound", f"mobile:{WANG}", "1001")
        (stored,) = quality.scores_of(conn, row["id"])
        return dict(stored)


async def test_agent_who_does_not_take_it_is_told_and_nobody_else_is_called(
    line: Callable[..., Any], seeded_url: str
) -> None:
    """No phone, a phone that rejects, one that rings in vain: each has its word; the customer never rings."""
    async with line(seeded_url) as hotline:
        customer = await hotline.phones.outside(hotline.carrier)
        task = await hotline.task()
        _, away = await hotline.click("click-away", task_id=task)
        assert (await hotline.comes_to(away["id"], "agent_away"))["label"] == "您的话机未注册"
        await hotline.phones.agent("1001", reject=486)
        _, busy = await hotline.click("click-busy", task_id=task)
        await hotline.comes_to(busy["id"], "agent_busy")
        _, again = await hotline.click("click-busy", task_id=task)
        assert (again["id"], again["over"]) == (busy["id"], True)
        await hotline.phones.agent("1001", answer_after=None)
        _, late = await hotline.click("click-late", task_id=task)
        ringing = await hotline.comes_to(late["id"], "agent")
        status, other = await hotline.click("click-else", pop_id="", number_id=2)
        assert (status, other["error"]["code"]) == (409, "already_calling")
        assert not ringing["over"]
        await hotline.comes_to(late["id"], "agent_no_answer")
        assert (customer.count("invite"), hotline.originated()) == (0, 2)


async def test_customer_who_is_busy_or_not_waited_for(line: Callable[..., Any], seeded_url: str) -> None:
    """A customer who is busy is told so; an agent who hangs up before the answer has cancelled."""
    async with line(seeded_url) as hotline:
        await hotline.phones.agent("1001", answer_after=0.1, steps=[wait(60)])
        customer = await hotline.phones.outside(hotline.carrier, reject=486)
        task = await hotline.task("visit_call")
        _, busy = await hotline.click("click-busy", task_id=task)
        assert (await hotline.comes_to(busy["id"], "busy", "failed"))["state"] == "busy"
        await customer.stop()
        await hotline.phones.agent("1001", answer_after=0.1, steps=[wait(1.0), hangup()])
        customer = await hotline.phones.outside(hotline.carrier, answer_after=None)
        _, given_up = await hotline.click("click-gone", task_id=task)
        await hotline.comes_to(given_up["id"], "cancelled")
        assert customer.count("answered") == 0
        rows = await hotline.popline.parts.ctx.db.run(lambda c: c.execute(sa.select(contacts.c.id)).all())
        assert rows == []


async def test_limits_and_a_pbx_that_is_away(line: Callable[..., Any], seeded_url: str) -> None:
    """Too many in a minute are refused; without a PBX the attempt says so and nothing is sent later."""
    async with line(seeded_url, dial_agent_minute=2) as hotline:
        fleet = hotline.popline.parts.fleet
        await fleet.client("pbx1").stop()
        task = await hotline.task()
        for n in range(2):
            _, away = await hotline.click(f"click-away-{n}", task_id=task)
            await hotline.comes_to(away["id"], "pbx_away")
        status, much = await hotline.click("click-more", task_id=task)
        assert (status, much["error"]["code"]) == (429, "too_many_calls")
        fleet.client("pbx1").start()
        await fleet.client("pbx1").wait_ready()
        assert hotline.originated() == 0
        status, no = await hotline.click("click-null", user="boss", task_id=task)
        assert (status, no["error"]["code"]) == (409, "no_agent")
        assert f"[{CONTEXT}]" in (hotline.asterisk.home / "etc" / "extensions.conf").read_text()


@pytest.mark.browser
async def test_double_click_on_the_page_is_one_call(
    line: Callable[..., Any], seeded_url: str, browser: Browser
) -> None:
    """domain.md §8 Outbound: two clicks on 呼叫 are one call; the page says how it goes."""
    async with line(seeded_url) as hotline:
        agent = await hotline.phones.agent("1001", answer_after=0.5, steps=[wait(2.5), hangup()])
        customer = await hotline.phones.outside(hotline.carrier, answer_after=0.5)
        task = await hotline.task("visit_call")
        said: list[str] = []
        page = await signed_in(browser, hotline.popline.base, "a1001", said, f"/outreach/tasks/{task}")
        await page.get_by_test_id("dial-start").dblclick()
        state = page.get_by_test_id("dial-state")
        await expect(state).to_have_attribute("data-state", "talking")
        await keep(page, "outreach-dial")
        await expect(state).to_have_attribute("data-state", "ended")
        await expect(page.get_by_test_id("outreach-call")).to_have_count(1)
        await expect(page.get_by_test_id("outreach-task")).to_have_attribute("data-state", "taken")
        assert (agent.count("invite"), customer.count("invite")) == (1, 1)
    assert said == []
