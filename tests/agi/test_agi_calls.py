"""Callers in the menus of a real Asterisk, with real keys."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import wave

import numpy as np
import pytest

from asterisk_conf.scenario import dtmf, hangup, play, wait
from cti.store.tables import complaints
from cti.store.tables_ivr import surveys
from ivr_flows.prompts import FOLDER
from tests.plugins.agi import CALLER, FOREIGN, OWN, STRANGER, VIP

pytestmark = pytest.mark.asterisk


async def test_caller_types_a_waybill_and_hears_where_it_is(hotline):
    """domain.md §8: tracking by waybill — a caller who types an own waybill hears its state at once, and
    the context carries the number."""
    async with hotline() as h:
        call = await h.phones.call(
            "95001",
            number=CALLER,
            hold=None,
            steps=[wait(1.0), dtmf("1"), wait(1.0), dtmf(OWN + "#"), wait(6), hangup()],
        )
        await h.hears("parcel_delivering")
        await call.result()
        assert "ask_last4" not in h.spoken()
        told = await h.context(waybill=OWN)
        assert "快件跟踪" in told["path"]


async def test_stranger_hears_of_a_parcel_only_after_the_last_four_digits(hotline):
    """Of somebody else's parcel a caller hears nothing before the right last four digits."""
    steps = [wait(1.0), dtmf("1"), wait(1.0), dtmf(FOREIGN + "#"), wait(1.5), dtmf("1234"), wait(4.0)]
    async with hotline() as h:
        call = await h.phones.call(
            "95001", number=STRANGER, hold=None, steps=[*steps, dtmf("2222"), wait(30)]
        )
        await h.hears("wrong_last4")
        assert not any(s.startswith(("your_parcel", "parcel_")) for s in h.spoken())
        await h.hears("your_parcel_tail")
        await call.stop()


async def test_complaint_is_recorded_and_goes_on_to_a_person_with_priority(hotline, tmp_path):
    """domain.md §8: complaint — a complaint by keys and voice is in the store with its recording before
    the agent's phone rings."""
    voice = tmp_path / "voice.al"
    voice.write_bytes(bytes((0xD5, 0x55, 0x35, 0xB5)) * 20_000)  # a loud tone in A-law
    async with hotline() as h:
        agent = await h.phones.agent("1001", answer_after=0.2)
        call = await h.phones.call(
            "95001",
            number=STRANGER,
            hold=None,
            steps=[
                *(wait(1.0), dtmf("3"), wait(1.0), dtmf("1"), wait(5.0)),
                *(dtmf("1"), wait(1.5), dtmf("#"), wait(6.0), play(voice), wait(3.0), dtmf("#"), wait(40)),
            ],
        )
        await h.hears("complaint_record")
        await h.hears("complaint_saved")
        (row,) = h.rows(complaints)
        assert (row["category"], row["opened_by"], row["number_key"]) == ("延误", "ivr", f"mobile:{STRANGER}")
        assert row["linkedid"]
        file = h.instance.recordings / f"{row['recording_id']}.wav"
        with wave.open(str(file)) as recording:
            samples = np.frombuffer(recording.readframes(recording.getnframes()), np.int16)
            assert recording.getframerate() == 8000
        assert len(samples) > 8000
        assert np.abs(samples.astype(int)).max() > 1000, "the recording is silent"
        await agent.event("answered", timeout_s=40)
        told = await h.context(complaint_id=str(row["id"]))
        assert told["category"] == "延误"
        joined = next(m for m in h.heard.events if m.name == "QueueCallerJoin")
        assert joined.get("Linkedid") == row["linkedid"]
        await call.stop()


async def test_vip_skips_the_menu(hotline):
    """domain.md §8: key account channel — a VIP hears no menu and stands in the VIP queue with priority."""
    async with hotline() as h:
        agent = await h.phones.agent("1002", answer_after=0.2)
        call = await h.phones.call("95001", number=VIP, hold=None, steps=[wait(30)])
        await agent.event("answered", timeout_s=30)
        assert "green_welcome" in h.spoken()
        assert "main_menu" not in h.spoken()
        joined = next(m for m in h.heard.events if m.name == "QueueCallerJoin")
        assert joined.get("Queue") == "vip"
        told = await h.context(tier="VIP客户")
        assert "绿色通道" in told["path"]
        await call.stop()


async def test_zero_leads_to_a_person_and_the_agent_is_scored_afterwards(hotline):
    """domain.md §7: keypad survey — 0 leads to a person; when the agent has hung up, the caller's 4 is
    stored for that agent."""
    async with hotline() as h:
        await h.phones.agent("1001", answer_after=0.2, steps=[wait(1.0), hangup()])
        call = await h.phones.call(
            "95001", number=CALLER, hold=None, steps=[wait(1.0), dtmf("0"), wait(11.0), dtmf("4"), wait(20)]
        )
        (row,) = await h.until(lambda: h.rows(surveys), "a score", 40)
        assert "ask_score" in h.spoken()
        assert (row["score"], row["agent"], row["number_key"]) == (4, "1001", f"mobile:{CALLER}")
        await call.result()


async def test_three_wrong_keys_lead_to_a_person(hotline):
    """A caller who presses keys that mean nothing, three times, is given to a person."""
    async with hotline() as h:
        agent = await h.phones.agent("1001", answer_after=0.2)
        keys = [dtmf("9"), wait(3.0), dtmf("#"), wait(3.0), dtmf("8"), wait(30)]
        call = await h.phones.call("95001", number=STRANGER, hold=None, steps=[wait(1.5), *keys])
        await agent.event("answered", timeout_s=40)
        assert "wrong_input" in h.spoken()
        await call.stop()


async def test_without_the_server_the_caller_hears_an_apology_and_gets_a_person(hotline):
    """With no FastAGI server at all the dialplan apologises and queues the caller."""
    async with hotline(serve=False) as h:
        agent = await h.phones.agent("1001", answer_after=0.2)
        call = await h.phones.call("95001", number=STRANGER, hold=None, steps=[wait(30)])
        await agent.event("answered", timeout_s=20)
        assert h.spoken()[0] == "apology"
        await call.stop()


async def test_the_sound_on_the_line_is_the_prompt(hotline, tmp_path):
    """What goes out to the caller is the recording of the welcome, sample for sample close."""
    async with hotline() as h:
        out = h.instance.recordings / "proof.wav"
        call = await h.phones.call("95001", number=STRANGER, hold=None, steps=[wait(30)])
        await h.hears("welcome")
        name = next(m.get("Channel") for m in h.heard.events if m.name == "Newchannel")
        h.instance.console(f"mixmonitor start {name} {h.instance.recordings}/m.wav,t({out})")
        await h.hears("main_menu")
        await h.until(lambda: out.exists() and out.stat().st_size > 180_000, "eleven seconds of sound", 30)
        await call.stop()
        heard = _samples(out)
        assert _likeness(heard, _samples(FOLDER / "zh" / "main_menu.wav")[8000:16000]) > 0.9
        assert _likeness(heard, _samples(FOLDER / "zh" / "queue_busy.wav")[:8000]) < 0.5


def _samples(file) -> np.ndarray:
    data = file.read_bytes()[44:]
    return np.frombuffer(data[: len(data) // 2 * 2], np.int16).astype(float)


def _likeness(heard: np.ndarray, part: np.ndarray) -> float:
    """The greatest normalised correlation of `part` with any stretch of `heard`."""
    size = 1 << (len(heard) + len(part)).bit_length()
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(part, size)), size)
    sums = np.concatenate(([0.0], np.cumsum(heard**2)))
    n = len(heard) - len(part)
    energy = np.sqrt((sums[len(part) : len(part) + n] - sums[:n]) * (part**2).sum()) + 1e-9
    return float((products[:n] / energy).max())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_server_that_goes_away_in_mid_call(hotline, how):
    """When the server is killed, or stopped, while a caller types, an apology and a person follow."""
    async with hotline(serve=False, agi={"drain_s": 1.0}) as h:
        settings = {
            "queues": [q.model_dump() for q in h.settings.queues],
            "agi": h.settings.agi.model_dump(mode="json"),
            "asterisk": {"directory": str(h.settings.asterisk.directory)},
            "store": {"url": str(h.db.url)},
        }
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVER, json.dumps(settings), stderr=asyncio.subprocess.PIPE
        )
        while b"agi_listening" not in await server.stderr.readline():
            assert server.returncode is None
        agent = await h.phones.agent("1001", answer_after=0.2)
        call = await h.phones.call(
            "95001", number=CALLER, hold=None, steps=[wait(1.0), dtmf("1"), wait(0.5), dtmf("800"), wait(40)]
        )
        await h.hears("ask_waybill")
        await asyncio.sleep(1.5)  # in the middle of the number
        server.send_signal(how)
        assert await asyncio.wait_for(server.wait(), 20) == (-how if how is signal.SIGKILL else 0)
        await agent.event("answered", timeout_s=30)
        assert "apology" in h.spoken()
        told = await h.context(ivr="broken")
        assert told["UserEvent"] == "LaidianContext"
        await call.stop()


SERVER = """
import asyncio, json, signal, sys
from agi_scripts.host import serve
from cti import obs
from cti.config import Settings

obs.configure()

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(Settings(**json.loads(sys.argv[1])), stop)

asyncio.run(main())
"""
