"""Live help on a real Asterisk with real calls: legs, hints, hold, transfer, bad days, nothing left over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest

from asterisk_conf import scenario, tones
from asterisk_conf.instance import Instance
from asterisk_conf.scenario import play, wait
from asterisk_conf.softphones import Phones
from cti.ari.client import AriClient
from cti.ari.legs import PREFIX
from cti.demo.voices import LINES
from screenpop.live import LiveHelp
from tests.ami.tcp_proxy import Proxy
from tests.plugins.asterisk import ari_sections
from tests.plugins.qa import PROMPTS, put_together
from tests.plugins.screenpop import WANG, Page, PopLine

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("live"), pytest.mark.timeout(240)]
STRANGER = "13900139000"  # of whom there is no record
WAYBILL = "107488752316"
SOON_S, SLOW_S = 30.0, 60.0


@dataclass
class Line:
    """A hotline with live help: Asterisk, service, phones, the agent's page."""

    pbx: Instance
    popline: PopLine
    phones: Phones
    page: Page
    ari: AriClient
    proxy: Proxy  # in front of ARI

    @property
    def live(self) -> LiveHelp:
        """Of the service."""
        live = self.popline.parts.live
        if live is None:
            raise AssertionError("no live help")
        return live

    async def hear(self, what: str, /, **fields: Any) -> dict[str, Any]:
        """The next message of this kind with these fields, on the agent's page."""
        return await heard(self.page, what, **fields)

    async def hint(self, **fields: Any) -> dict[str, Any]:
        """A reminder with these fields, which may have come already."""
        for seen in self.page.messages:
            if seen["type"] == "live_hint" and all(seen[k] == v for k, v in fields.items()):
                return seen
        return await self.hear("live_hint", **fields)

    async def up(self) -> None:
        """Wait until a call that comes now is listened to."""
        async with asyncio.timeout(SLOW_S * 2):
            while not (self.popline.parts.ctx.service.floor.pbx and self.live.ready):
                await asyncio.sleep(0.1)

    async def hang_up(self) -> None:
        """The PBX ends the talk of agent 1001."""
        for channel in await self.ari.request("GET", "channels"):
            if channel["name"].startswith("PJSIP/1001-"):
                await self.ari.request("DELETE", "channels", channel["id"])

    async def left(self) -> list[str]:
        """What live help has made in Asterisk and is there now."""
        return [
            item["id"]
            for kind in ("channels", "bridges")
            for item in await self.ari.request("GET", kind)
            if item["id"].startswith(PREFIX)
        ]

    async def nothing_left(self) -> None:
        """Wait until nothing of it is there any more."""
        async with asyncio.timeout(SOON_S):
            while await self.left():
                await asyncio.sleep(0.2)


async def heard(page: Page, what: str, /, **fields: Any) -> dict[str, Any]:
    """The next message of this kind with these fields; recognisers are slow on a busy machine."""
    try:
        async with asyncio.timeout(SLOW_S):
            while True:
                message: dict[str, Any] = await page.ws.receive_json()
                page.messages.append(message)
                if message["type"] == what and all(message[k] == v for k, v in fields.items()):
                    return message
    except TimeoutError:
        came = [m for m in page.messages if m["type"].startswith("live_") and m.get("final", True)]
        raise AssertionError(f"no {what} {fields}; what came: {came}") from None


def alaw(file: Path, target: Path) -> Path:
    """What a phone plays."""
    with wave.open(str(file), "rb") as f:
        samples = array("h", f.readframes(f.getnframes()))
    target.write_bytes(tones.alaw(samples))
    return target


def voice(folder: Path, name: str, *parts: tuple[float, str], seconds: float) -> Path:
    """The menu's own prompts at their seconds, as a phone plays them."""
    placed = [(at, PROMPTS / f"{prompt}.wav") for at, prompt in parts]
    return alaw(put_together(folder / f"{name}.wav", placed, seconds), folder / f"{name}.al")


@contextlib.asynccontextmanager
async def hotline(
    start_asterisk: Callable[..., Instance],
    start_popline: Callable[..., Any],
    url: str,
    *,
    leftover: str = "",
    **sections: Any,
) -> AsyncIterator[Line]:
    """Everything; voice activity only unless `sections` say otherwise; a `leftover` of an earlier run."""
    given = ari_sections()
    pbx = await asyncio.to_thread(lambda: start_asterisk(**given))
    node = given["ami"][0]
    async with (
        Proxy(("127.0.0.1", given["asterisk"]["http_port"])) as proxy,
        AriClient(pbx.settings.ami[0]) as ari,
        Phones(pbx.settings) as phones,
    ):
        if leftover:
            await ari.request("POST", "bridges", params={"bridgeId": leftover, "type": "mixing"})
        values = {
            "ami": [{**node, "ari_url": f"http://127.0.0.1:{proxy.port}"}],
            "queues": [{"name": "hotline", "label": "热线", "wrapup_s": 0, "live_help": True}],
            "speech": {"engine": "whisper", "models": "/nonexistent", "auto_pull": False},
            **sections,
        }
        popline = await start_popline(url, **values)
        async with popline.page("a1001") as page:
            line = Line(pbx, popline, phones, page, ari, proxy)
            await line.up()
            yield line


async def test_a_silent_caller_is_seen_by_voice_activity_and_hold_is_not_silence(
    start_asterisk: Callable[..., Instance],
    start_popline: Callable[..., Any],
    seeded_url: str,
    tmp_path: Path,
) -> None:
    """SIL with its count-down without any recogniser; a hold ends it, the end takes everything away."""
    agent = voice(tmp_path, "agent", (0.5, "welcome"), seconds=4.0)
    async with hotline(start_asterisk, start_popline, seeded_url) as line:
        steps = [play(agent), wait(7.0), scenario.hold(), wait(3.0), scenario.resume(), wait(60.0)]
        await line.phones.agent("1001", answer_after=0.2, steps=steps)
        call = await line.phones.call("95001", number=WANG, hold=14.0)
        state = await line.hear("live_state", state="silence_only")
        assert "只提示静音" in state["note"]
        # two legs: a snoop, an external channel and a bridge each
        assert len(await line.left()) == 6
        due = await line.hear("live_hint", kind="silence", gone=False)
        assert (due["rule"], due["step"], due["steps"]) == ("SIL", 2, 3)
        assert due["text"] == "您好，请问有什么可以帮助您"
        assert due["due_at"]
        await line.hear("live_hint", kind="silence", gone=True)
        again = await line.hear("live_hint", kind="silence", gone=False)
        assert again["due_at"] > due["due_at"]
        assert (await call.result()).ok
        await line.hear("live_state", state="off")
        await line.nothing_left()
        assert line.live.count == 0


async def test_the_legs_follow_a_transfer_and_more_calls_go_on_without(
    start_asterisk: Callable[..., Instance],
    start_popline: Callable[..., Any],
    seeded_url: str,
) -> None:
    """A new agent's channel gets new streams; a call over live.max_calls says 繁忙 and is not touched."""
    async with (
        hotline(start_asterisk, start_popline, seeded_url, live={"max_calls": 1}) as line,
        line.popline.page("a1002") as second,
        line.popline.page("a1003") as third,
    ):
        transfer = [wait(3.0), scenario.blind_transfer("1002"), wait(30.0)]
        await line.phones.agent("1001", answer_after=0.1, steps=transfer)
        call = await line.phones.call("95001", number=WANG, hold=9.0)
        first = await line.hear("live_state", state="silence_only")
        await line.phones.agent("1003", answer_after=0.1, steps=[wait(30.0)])
        other = await line.phones.call("95001", number="13900139000", hold=1.0)
        busy = await third.until("live_state", lambda m: bool(m["state"] == "busy"))
        assert "繁忙" in busy["note"]
        assert (await other.result()).ok
        await line.phones.agent("1002", answer_after=0.1, steps=[wait(30.0)])
        await line.hear("live_state", state="off", id=first["id"])
        await second.until("live_state", lambda m: bool(m["state"] == "silence_only"))
        assert (await call.result()).ok
        await second.until("live_state", lambda m: bool(m["state"] == "off"))
        await line.nothing_left()


async def test_the_call_survives_everything_that_can_fail(
    start_asterisk: Callable[..., Instance],
    start_popline: Callable[..., Any],
    seeded_url: str,
) -> None:
    """Engine killed, ARI cut: told once and resumed; after a restart of Asterisk nothing hangs or is left."""
    async with hotline(start_asterisk, start_popline, seeded_url) as line:
        await line.phones.agent("1001", answer_after=0.1, steps=[wait(90.0)])
        call = await line.phones.call("95001", number=WANG, hold=None)
        await line.hear("live_state", state="silence_only")
        pid = line.live.workers[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        told = await line.hear("live_state", state="retrying")
        assert "通话不受影响" in told["note"]
        await line.hear("live_state", state="silence_only")
        await line.proxy.refuse()
        line.proxy.cut()
        await line.hear("live_state", state="retrying")
        await line.proxy.listen()
        await line.hear("live_state", state="silence_only")
        # a snoop that was hung up is listed until its call ends; the rest of the earlier tries is gone
        there = await line.left()
        assert [sum(id.endswith(part) for id in there) for part in ("media", "bridge")] == [2, 2]
        assert [m["state"] for m in line.page.messages if m["type"] == "live_state"] == [
            *("opening", "silence_only", "retrying", "silence_only", "retrying", "silence_only"),
        ]
        assert line.popline.parts.ctx.service.book.live("1001"), "the call is not touched"
        await asyncio.to_thread(line.pbx.down)
        await line.hear("live_state", state="off")
        await call.stop()
        await asyncio.to_thread(line.pbx.up, tied=True)
        await line.up()
        assert await line.left() == []
        assert line.live.count == 0


async def test_a_worker_that_dies_while_a_talk_is_opened(
    start_asterisk: Callable[..., Instance],
    start_popline: Callable[..., Any],
    seeded_url: str,
) -> None:
    """Killed between the order and the first sound: the talk is opened anew, with one pair of legs."""
    async with hotline(start_asterisk, start_popline, seeded_url) as line:
        await line.phones.agent("1001", answer_after=0.1, steps=[wait(90.0)])
        for after in (0.0, 0.03):
            call = await line.phones.call("95001", number=WANG, hold=None)
            opening = await line.hear("live_state", state="opening")
            await asyncio.sleep(after)
            pid = line.live.workers[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await line.hear("live_state", state="silence_only", id=opening["id"])
            there = await line.left()
            assert [sum(id.endswith(part) for id in there) for part in ("media", "bridge")] == [2, 2]
            await line.hang_up()
            assert (await call.result()).ok
            await line.nothing_left()


async def test_calls_that_end_at_once_leave_nothing(
    start_asterisk: Callable[..., Instance],
    start_popline: Callable[..., Any],
    seeded_url: str,
) -> None:
    """What an earlier run left is swept at the start; calls that end while they are opened leave nothing."""
    old = f"{PREFIX}0000-1-agent-bridge"
    async with hotline(start_asterisk, start_popline, seeded_url, leftover=old) as line:
        assert await line.left() == []
        await line.phones.agent("1001", answer_after=0.02, steps=[wait(0.6), scenario.hangup()])
        # from the queue's answer; about 0.8: both sides hang up at once
        for hold in (0.0, 0.4, 0.6, 0.8, 0.8, 1.0, 2.0, 2.0):
            call = await line.phones.call("95001", number=WANG, hold=hold)
            await call.result()
        await line.nothing_left()
        assert line.live.count == 0
        await line.page.silent()
        opened = [m for m in line.page.messages if m["type"] == "live_state" and m["state"] == "opening"]
        assert len(opened) >= 3, "they were really listened to"


def lines(folder: Path, name: str, *said: tuple[float, str], seconds: float) -> Path:
    """Lines of the demo's voices at their seconds, as a phone plays them."""
    parts = [(at, LINES / f"{line}.wav") for at, line in said]
    return alaw(put_together(folder / f"{name}.wav", parts, seconds), folder / f"{name}.al")


@pytest.mark.speech
async def test_a_talk_with_everything_that_live_help_says(
    start_asterisk: Callable[..., Instance],
    start_popline: Callable[..., Any],
    seeded_url: str,
    whisper_base: Path,
    tmp_path: Path,
) -> None:
    """Silence, a name, a forbidden phrase with its flag, a waybill in groups, closing words: come and go."""
    answers = [(0.6, "help"), (19.0, "rude"), (30.0, "check"), (39.0, "bye")]
    agent = lines(tmp_path, "agent", *answers, seconds=42)
    # the caller's clock begins with the queue, a second or two before the agent's
    groups = [(22.0, "number"), (23.8, "number_1"), (25.9, "number_2"), (27.9, "number_3")]
    caller = lines(tmp_path, "caller", (13.0, "late"), *groups, (37.0, "thanks"), seconds=43)
    async with (
        hotline(start_asterisk, start_popline, seeded_url, speech={"engine": "whisper"}) as line,
        line.popline.page("boss") as boss,
    ):
        flags = asyncio.create_task(heard(boss, "live_flag"))
        await line.phones.agent("1001", answer_after=0.2, steps=[play(agent), wait(60)])
        call = await line.phones.call("95001", number=STRANGER, steps=[play(caller)], hold=45.0)
        on = await line.hear("live_state", state="on")
        assert on["engine"] == "whisper:whisper-base"
        silent = await line.hear("live_hint", kind="silence", gone=False)
        assert silent["rule"] == "SIL"
        assert silent["due_at"], "counted down"
        # the caller speaks: the count-down stops, and what he says is read
        await line.hear("live_hint", key="silence", gone=True)
        asked = await line.hint(kind="name")
        assert (asked["rule"], asked["heard"]) == ("NAM-01", "王")
        assert "王先生" in asked["text"]
        assert "王女士" in asked["text"]
        hint = await line.hint(kind="forbidden")
        assert (hint["rule"], hint["gone"]) == ("OPN-04", False)
        flag = await flags
        assert (flag["agent"], flag["rule"], flag["queue"]) == ("1001", "OPN-04", "hotline")
        assert line.popline.parts.ctx.wall.wall.agent("1001").flag.rule == "OPN-04"
        chip = await line.hint(kind="number", what="waybill")
        # a single digit may be misread
        assert SequenceMatcher(None, chip["text"], WAYBILL).ratio() >= 0.8
        await line.hint(key="NAM-01", gone=True)  # 王先生，请您稍等
        closing = await line.hint(kind="closing", rule="STA-03")
        assert "感谢您的来电" in closing["text"]
        await line.hint(key=closing["key"], gone=True)  # 感谢您的来电，再见
        assert (await call.result(timeout_s=120)).ok
        await line.nothing_left()
        legs = {m["leg"]: m for m in line.page.messages if m["type"] == "live_text" and m["final"]}
        assert set(legs) == {"agent", "caller"}
        await line.popline.parts.ctx.ledger.settled(10)
        status, kept = await line.popline.api("GET", "/live/flags", user="boss")
        assert (status, [f["id"] for f in kept["items"]]) == (200, [flag["flag"]])
        status, _ = await line.popline.api("GET", "/live/flags", user="a1001")
        assert status == 403
