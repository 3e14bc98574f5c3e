"""The hooks of the dialplan: self-service, its fallback, recording, calls out."""

from __future__ import annotations

import asyncio
import math
import wave
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from asterisk_conf import tones
from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_tcp, free_udp
from asterisk_conf.scenario import dtmf, hangup, play, wait
from asterisk_conf.softphones import Phones
from tests.plugins.ami_tap import Tap

pytestmark = pytest.mark.asterisk

Script = Callable[["Agi"], Awaitable[None]]


class Agi:
    """One FastAGI connection, by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.environment: dict[str, str] = {}

    async def begin(self) -> None:
        while line := (await self.reader.readline()).decode().strip():
            key, _, value = line.partition(": ")
            self.environment[key] = value

    async def command(self, text: str) -> str:
        self.writer.write(text.encode() + b"\n")
        return (await self.reader.readline()).decode().strip()


@asynccontextmanager
async def agi_server(port: int, script: Script) -> AsyncIterator[list[Agi]]:
    """Serve `script` to every call; the list holds the connections that came."""
    came: list[Agi] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        agi = Agi(reader, writer)
        came.append(agi)
        try:
            await agi.begin()
            await script(agi)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield came
    finally:
        server.close()
        await server.wait_closed()


async def test_keys_reach_the_self_service_which_chooses_queue_and_priority(
    start_asterisk: Callable[..., Instance],
) -> None:
    """Typed digits are collected by GET DATA; LAIDIAN_QUEUE and LAIDIAN_PRIORITY lead on to a person."""
    port = free_tcp()
    asterisk = start_asterisk(agi={"enabled": True, "port": port})
    digits = []

    async def script(agi: Agi) -> None:
        digits.append(await agi.command("GET DATA beep 8000 10"))
        await agi.command("SET VARIABLE LAIDIAN_QUEUE vip")
        await agi.command("SET VARIABLE LAIDIAN_PRIORITY 7")
        await agi.command("SET VARIABLE LAIDIAN_NEXT queue")

    async with agi_server(port, script) as came, Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
        call = await phones.call("95001", steps=[wait(1), dtmf("1234567890#")], hold=6)
        await tap.event("QueueCallerJoin")
        assert "prio: 7" in asterisk.console("queue show vip")
        agent = await phones.agent("1005", answer_after=0.2)
        await agent.event("answered")
        assert (await call.result()).ok
        assert digits == ["200 result=1234567890"]
        assert came[0].environment["agi_network_script"] == "hotline"
        joined = await tap.event("QueueCallerJoin")
        assert joined["Queue"] == "vip"
        assert (await tap.event("QueueCallerLeave"))["Queue"] == "vip"


async def test_the_self_service_may_end_the_call_or_name_an_agent(
    start_asterisk: Callable[..., Instance],
) -> None:
    """LAIDIAN_NEXT=hangup ends the call; agent rings LAIDIAN_AGENT first and falls back to the queue."""
    port = free_tcp()
    asterisk = start_asterisk(agi={"enabled": True, "port": port})
    orders = [{"NEXT": "hangup"}, {"NEXT": "agent", "AGENT": "1006"}, {"NEXT": "agent", "AGENT": "1003"}]

    async def script(agi: Agi) -> None:
        for name, value in orders.pop(0).items():
            await agi.command(f"SET VARIABLE LAIDIAN_{name} {value}")

    async with agi_server(port, script), Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
        named = await phones.agent("1006", answer_after=0.2)
        queued = await phones.agent("1001", answer_after=0.2)
        call = await phones.call("95001", hold=None)
        assert (await call.result()).ok
        assert tap.all("QueueCallerJoin") == []
        call = await phones.call("95001", hold=2)
        await named.event("answered")
        assert (await call.result()).ok
        assert tap.all("QueueCallerJoin") == []
        call = await phones.call("95001", hold=3)  # 1003 is not registered
        await queued.event("answered")
        assert (await call.result()).ok


async def test_without_the_self_service_a_person_answers(start_asterisk: Callable[..., Instance]) -> None:
    """Nobody listens on the AGI port: the caller hears the apology and gets to the queue."""
    asterisk = start_asterisk(agi={"enabled": True, "port": free_tcp()})
    async with Phones(asterisk.settings) as phones:
        agent = await phones.agent("1001", answer_after=0.2)
        call = await phones.call("95001", hold=11)
        await agent.event("answered")
        assert (await call.result()).ok


async def test_a_self_service_that_breaks_off_leads_to_a_person(
    start_asterisk: Callable[..., Instance],
) -> None:
    """The connection is cut in the middle of the menu: the caller gets to the queue all the same."""
    port = free_tcp()
    asterisk = start_asterisk(agi={"enabled": True, "port": port})

    async def script(agi: Agi) -> None:
        await agi.command("VERBOSE hello")  # and gone

    async with agi_server(port, script) as came, Phones(asterisk.settings) as phones:
        agent = await phones.agent("1001", answer_after=0.2)
        call = await phones.call("95001", hold=11)
        await agent.event("answered")
        assert (await call.result()).ok
        assert len(came) == 1


async def test_an_unknown_queue_becomes_the_first(start_asterisk: Callable[..., Instance]) -> None:
    """A queue name that does not exist, whatever it holds, leads to the first queue."""
    port = free_tcp()
    asterisk = start_asterisk(agi={"enabled": True, "port": port})

    async def script(agi: Agi) -> None:
        await agi.command('SET VARIABLE LAIDIAN_QUEUE "nowhere,t)${GLOBAL(X)}"')
        await agi.command('SET VARIABLE LAIDIAN_PRIORITY "9;9 x"')
        await agi.command("SET VARIABLE LAIDIAN_NEXT queue")

    async with agi_server(port, script), Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
        call = await phones.call("95002", hold=2)
        assert (await tap.event("QueueCallerJoin"))["Queue"] == "hotline"
        assert (await call.result()).ok


async def test_a_survey_follows_when_the_agent_hangs_up(start_asterisk: Callable[..., Instance]) -> None:
    """With the self-service on, the caller goes on to its survey after the agent has left."""
    port = free_tcp()
    asterisk = start_asterisk(agi={"enabled": True, "port": port})

    async def script(agi: Agi) -> None:
        if agi.environment["agi_network_script"] == "hotline":
            await agi.command("SET VARIABLE LAIDIAN_NEXT queue")

    async with agi_server(port, script) as came, Phones(asterisk.settings) as phones:
        await phones.agent("1001", answer_after=0.2, steps=[wait(1), hangup()])
        call = await phones.call("95001", hold=None)
        assert (await call.result()).ok
        assert [a.environment["agi_network_script"] for a in came] == ["hotline", "survey"]


def heard(path: Path) -> float:
    """The strongest of the test's tones in a leg, by Goertzel's algorithm, in hertz; 0 for silence."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        samples = array("h", file.readframes(file.getnframes()))
    middle = samples[len(samples) // 3 : 2 * len(samples) // 3]
    assert len(middle) > 4000

    def power(hertz: float) -> float:
        turn = 2 * math.cos(2 * math.pi * hertz / 8000)
        one = two = 0.0
        for sample in middle:
            one, two = sample / 32768 + turn * one - two, one
        return (one * one + two * two - turn * one * two) / len(middle)

    powers = {hertz: power(hertz) for hertz in (440.0, 1000.0)}
    best = max(powers, key=lambda h: powers[h])
    rest = min(powers.values())
    if powers[best] < 1:
        return 0.0
    assert powers[best] > 100 * rest, powers
    return best


@pytest.mark.parametrize("number", ["95001", "1006", "95001-local"])
async def test_two_tones_prove_whose_leg_is_whose(
    start_asterisk: Callable[..., Instance], tmp_path: Path, number: str
) -> None:
    """In every kind of call the -agent file holds the agent's 1000 Hz, the -caller file the 440 Hz."""
    asterisk = start_asterisk(recording={"enabled": True})
    device = {"95001": "1001", "1006": "1006", "95001-local": "1004b"}[number]
    for name, hertz in (("agent", 1000), ("caller", 440)):
        (tmp_path / f"{name}.al").write_bytes(tones.alaw(tones.tone(hertz, 2)))
    async with Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
        await phones.agent(device, answer_after=0.2, steps=[play(tmp_path / "agent.al", -1)])
        call = await phones.call(number[:5].rstrip("-"), steps=[play(tmp_path / "caller.al", -1)], hold=5)
        assert (await call.result()).ok
        event = await tap.event("UserEvent", lambda e: e["UserEvent"] == "LaidianRecording")
        recording = event["Recording"]
        await tap.event("UserEvent", lambda e: e["UserEvent"] == "LaidianHangup" and e["Leg"] == "agent")
        assert event["Agent"] == device
        assert recording == event["Uniqueid"]
    assert sorted(p.name for p in asterisk.recordings.iterdir()) == sorted(
        f"{recording}{suffix}.wav" for suffix in ("", "-agent", "-caller")
    )
    assert heard(asterisk.recordings / f"{recording}-agent.wav") == 1000
    assert heard(asterisk.recordings / f"{recording}-caller.wav") == 440


async def test_a_call_out_is_recorded(
    start_asterisk: Callable[..., Instance],
) -> None:
    """With a carrier set, an agent dials a number outside; without recording before the answer."""
    carrier = free_udp()
    asterisk = start_asterisk(
        asterisk={"trunk_contact": f"sip:127.0.0.1:{carrier}"}, recording={"enabled": True}
    )
    async with Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
        await phones.agent("1001", answer_after=None)
        customer = await phones.outside(carrier, answer_after=0.5)
        call = await phones.call("013800138000", device="1001", hold=2)
        await customer.event("answered")
        assert (await call.result()).ok
        event = await tap.event("UserEvent", lambda e: e["UserEvent"] == "LaidianRecording")
        assert event["Agent"] == "1001"
    assert (asterisk.recordings / f"{event['Recording']}-agent.wav").exists()


async def test_nobody_dials_out_where_no_carrier_is_set(phones: Phones) -> None:
    """Without trunk_contact an outside number is refused."""
    await phones.agent("1001", answer_after=None)
    call = await phones.call("013800138000", device="1001", hold=1)
    assert (await call.result()).code == 404
