"""Recordings of real calls: what is stored of them, who hung up, and what is not recorded on purpose."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, expect

from asterisk_conf import tones
from asterisk_conf.instance import Instance
from asterisk_conf.scenario import hangup, hold, play, refer, resume, wait
from asterisk_conf.softphones import Phones
from cti.domain.call import CallKey
from cti.store.tables_quality import recordings, speech_jobs
from tests.plugins.browser import keep, signed_in
from tests.plugins.screenpop import WANG, PopLine

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]
WAITS_S = 15.0


@pytest.fixture
def recorder(start_asterisk: Callable[..., Instance]) -> Instance:
    """An Asterisk that records."""
    return start_asterisk(recording={"enabled": True})


@pytest.fixture
def voices(tmp_path: Path) -> dict[str, Path]:
    """A-law tones: 1000 Hz for agents, 440 Hz for callers."""
    for name, hertz in (("agent", 1000), ("caller", 440)):
        (tmp_path / f"{name}.al").write_bytes(tones.alaw(tones.tone(hertz, 2)))
    return {name: tmp_path / f"{name}.al" for name in ("agent", "caller")}


def sections(asterisk: Instance, **more: Any) -> dict[str, Any]:
    """Settings of a service that listens to this Asterisk and knows where its recordings are."""
    s = asterisk.settings
    node = {
        "name": "pbx1",
        "port": s.asterisk.ami_port,
        "username": s.asterisk.ami_username,
        "secret": s.asterisk.ami_secret.get_secret_value(),
    }
    return {
        "ami": [node],
        "agents": [a.model_dump() for a in s.agents],
        "queues": [q.model_dump() | {"wrapup_s": 1} for q in s.queues],
        "recording": {"enabled": True, "directory": str(asterisk.recordings)},
        "quality": {"calls": "all"},
        **more,
    }


@asynccontextmanager
async def listening(
    start_popline: Callable[..., Any], url: str, asterisk: Instance, **more: Any
) -> AsyncIterator[PopLine]:
    """A service that hears the Asterisk."""
    popline: PopLine = await start_popline(url, **sections(asterisk, **more))
    fleet = popline.parts.fleet
    if fleet is None:
        raise AssertionError("no fleet")
    await fleet.client("pbx1").wait_ready()
    yield popline


async def rows(popline: PopLine, count: int, state: str = "ended") -> list[dict[str, Any]]:
    """The recordings of this state, once there are so many."""
    async with asyncio.timeout(WAITS_S):
        while True:
            query = sa.select(recordings).where(recordings.c.state == state).order_by(recordings.c.started_at)
            found = await popline.parts.ctx.db.run(lambda c, q=query: c.execute(q).mappings().all())
            if len(found) >= count:
                return [dict(r) for r in found]
            await asyncio.sleep(0.05)


def samples(file: Path) -> np.ndarray[Any, Any]:
    with wave.open(str(file), "rb") as f:
        return np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(float)


async def test_a_call_becomes_a_recording_with_a_job(
    start_popline: Callable[..., Any],
    seeded_url: str,
    recorder: Instance,
    voices: dict[str, Path],
) -> None:
    """Agent, queue, caller, bridge, hold and who hung up are stored; the job waits in line."""
    agent = [play(voices["agent"], -1), wait(1.5), hold(), wait(1.0), resume(), wait(1.0), hangup()]
    async with Phones(recorder.settings) as phones:
        await phones.agent("1001", answer_after=0.2, steps=agent)
        async with listening(start_popline, seeded_url, recorder) as popline:
            call = await phones.call("95001", number=WANG, steps=[play(voices["caller"], -1)], hold=None)
            await call.result()
            (row,) = await rows(popline, 1)
            jobs = await popline.parts.ctx.db.run(
                lambda c: c.execute(sa.select(speech_jobs)).mappings().all()
            )
    assert (row["agent"], row["queue"], row["direction"]) == ("1001", "hotline", "inbound")
    assert (row["number_key"], row["hung_up_by"]) == (f"mobile:{WANG}", "agent")
    assert [(j["recording_id"], j["state"]) for j in jobs] == [(row["id"], "queued")]
    ((t0, t1),) = row["holds"]
    assert 0 < t0 < t1 <= row["bridge_s"] * 1000 + 500
    assert 600 < t1 - t0 < 2500
    length = len(samples(recorder.recordings / row["agent_file"])) / 8000
    assert abs(length - row["bridge_s"]) < 0.5
    assert row["uniqueid"] not in row["id"]


async def test_the_caller_hangs_up(
    start_popline: Callable[..., Any], seeded_url: str, recorder: Instance
) -> None:
    """Both witnesses say caller."""
    async with Phones(recorder.settings) as phones:
        await phones.agent("1001", answer_after=0.2)
        async with listening(start_popline, seeded_url, recorder) as popline:
            call = await phones.call("95001", hold=1)
            await call.result()
            (row,) = await rows(popline, 1)
    assert row["hung_up_by"] == "caller"
    assert (row["witnesses"]["source"], row["witnesses"]["asked"]) == ("caller", "caller")


async def test_each_transfer_target_has_a_recording_of_its_own(
    start_popline: Callable[..., Any], seeded_url: str, recorder: Instance
) -> None:
    """A blind transfer ends the first agent's recording by transfer and begins the second one's."""
    async with Phones(recorder.settings) as phones:
        await phones.agent("1001", answer_after=0.2, steps=[wait(1.0), refer("1006")])
        await phones.agent("1006", answer_after=0.2)
        async with listening(start_popline, seeded_url, recorder) as popline:
            call = await phones.call("95003", hold=5)
            await call.result()
            first, second = await rows(popline, 2)
    assert (first["agent"], first["hung_up_by"]) == ("1001", "transfer")
    assert (second["agent"], second["hung_up_by"]) == ("1006", "caller")
    assert first["linkedid"] == second["linkedid"]


async def test_payment_data_are_not_recorded(
    start_popline: Callable[..., Any],
    seeded_url: str,
    recorder: Instance,
    voices: dict[str, Path],
) -> None:
    """While the agent's page has paused it, both legs hold silence of the same length, and it is noted."""
    async with Phones(recorder.settings) as phones:
        await phones.agent("1001", answer_after=0.2, steps=[play(voices["agent"], -1)])
        async with (
            listening(start_popline, seeded_url, recorder) as popline,
            popline.page("a1001") as page,
        ):
            call = await phones.call("95001", steps=[play(voices["caller"], -1)], hold=6)
            pop = await page.next("pop")
            path = f"/calls/{pop['id']}/recording"
            assert (await popline.api("POST", path, user="a1001", body={"paused": True}))[0] == 409
            await page.until("pop_update", lambda m: m["changes"].get("call", {}).get("state") == "talking")
            await asyncio.sleep(1.0)
            status, body = await popline.api("POST", path, user="a1001", body={"paused": True})
            assert (status, body["paused"], body["recording"]) == (200, True, True)
            await asyncio.sleep(2.0)
            status, body = await popline.api("POST", path, user="a1001", body={"paused": False})
            assert (status, body["paused"]) == (200, False)
            await call.result()
            (row,) = await rows(popline, 1)
            assert (await popline.api("GET", path, user="a1001"))[1]["recording"] is False
            assert (await popline.api("GET", path, user="a1002"))[0] == 404
    ((t0, t1),) = row["pauses"]
    assert 1700 < t1 - t0 < 2800
    for role in ("agent", "caller"):
        sound = samples(recorder.recordings / row[f"{role}_file"])
        assert abs(len(sound) / 8000 - row["bridge_s"]) < 0.5
        quiet = sound[(t0 + 300) * 8 : (t1 - 300) * 8]
        assert np.abs(quiet).max() == 0, role
        assert np.abs(sound[: (t0 - 300) * 8]).max() > 1000
        assert np.abs(sound[(t1 + 500) * 8 :]).max() > 1000


async def test_a_service_that_was_away_closes_what_ended_meanwhile(
    start_popline: Callable[..., Any], seeded_url: str, recorder: Instance
) -> None:
    """A recording that began before and ended after the service's end is not lost: it has a job."""
    async with Phones(recorder.settings) as phones:
        await phones.agent("1001", answer_after=0.2)
        async with listening(start_popline, seeded_url, recorder) as popline:
            fleet = popline.parts.fleet
            if fleet is None:
                raise AssertionError("no fleet")
            call = await phones.call("95001", hold=2)
            await rows(popline, 1, "recording")
            await fleet.stop()
            await call.result()
            fleet.start()
            (row,) = await rows(popline, 1, "lost")
            assert row["hung_up_by"] == "unknown"
            jobs = await popline.parts.ctx.db.run(
                lambda c: c.execute(sa.select(speech_jobs.c.state)).scalars().all()
            )
            assert list(jobs) == ["queued"]
            key = CallKey("pbx1", row["linkedid"])
            assert popline.parts.ctx.recordings is not None
            assert popline.parts.ctx.recordings.shown(key, "1001").recording is False


@pytest.mark.browser
async def test_the_card_stops_the_recording_by_a_key(
    browser: Browser,
    start_popline: Callable[..., Any],
    seeded_url: str,
    recorder: Instance,
    voices: dict[str, Path],
) -> None:
    """In the talk the card says that it is recorded; Alt-P pauses that and resumes it; both are noted."""
    complaints: list[str] = []
    async with Phones(recorder.settings) as phones:
        await phones.agent("1001", answer_after=1.0, steps=[play(voices["agent"], -1)])
        async with listening(start_popline, seeded_url, recorder) as popline:
            page = await signed_in(browser, popline.base, "a1001", complaints)
            call = await phones.call("95001", steps=[play(voices["caller"], -1)], hold=10)
            shown = page.get_by_test_id("recording")
            await expect(shown).to_have_attribute("data-paused", "false")
            await page.keyboard.press("Alt+p")
            await expect(shown).to_have_attribute("data-paused", "true")
            await keep(page, "pop-recording-paused")
            await page.get_by_test_id("recording-switch").click()
            await expect(shown).to_have_attribute("data-paused", "false")
            await call.result()
            await expect(shown).to_have_count(0)
            (row,) = await rows(popline, 1)
    assert len(row["pauses"]) == 1
    assert complaints == []
