"""A whole desk: real Asterisk, real service, agents whose phone is in a real Chromium with a voice."""

from __future__ import annotations

import asyncio
import contextlib
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from playwright.async_api import Browser, Page, expect

from asterisk_conf import tones
from asterisk_conf.instance import Instance
from asterisk_conf.scenario import play
from asterisk_conf.softphones import Call, Phones
from cti.errors import Unavailable
from tests.ami.tcp_proxy import Proxy
from tests.plugins.asterisk import ari_sections, asterisk_settings
from tests.plugins.browser import chromium, signed_in, with_voice
from tests.plugins.qa import spoken
from tests.plugins.screenpop import WANG, PopLine, poplines

QUEUES = [
    {"name": "hotline", "label": "热线", "did": "95001", "strategy": "ringall", "retry_s": 1, "wrapup_s": 0}
]
AGENTS = [
    {"number": "1001", "queues": ["hotline"]},
    {"number": "1002", "queues": []},
    {"number": "1003", "queues": []},
]
SOFTPHONES = ["1001", "1002"]


def voice_of(files: list[Path], target: Path, gap_s: float = 0.4) -> Path:
    """A WAV of 48 kHz for a Chromium's microphone: these files one after the other."""
    parts = []
    for file in files:
        with wave.open(str(file), "rb") as f:
            sound = np.frombuffer(f.readframes(f.getnframes()), "<i2")
            parts += [soxr.resample(sound, f.getframerate(), 48_000), np.zeros(int(gap_s * 48_000), "<i2")]
    with wave.open(str(target), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(48_000)
        f.writeframes(np.concatenate(parts).astype("<i2").tobytes())
    return target


def as_alaw(files: list[Path], target: Path) -> Path:
    """What SIPp plays: these files of 8 kHz one after the other, as raw A-law."""
    samples: array[int] = array("h")
    for file in files:
        with wave.open(str(file), "rb") as f:
            samples.frombytes(f.readframes(f.getnframes()))
    target.write_bytes(tones.alaw(samples))
    return target


@dataclass
class PhoneDesk:
    """What a test has in its hands."""

    line: PopLine
    pbx: Instance
    phones: Phones
    stack: contextlib.AsyncExitStack
    complaints: list[str] = field(default_factory=list)

    async def browser(self, voice: Path) -> Browser:
        """A Chromium with this voice."""
        return await self.stack.enter_async_context(chromium(with_voice(voice)))

    async def agent(self, user: str, voice: Path, base: str = "") -> Page:
        """This agent's page in a Chromium of its own, the phone registered."""
        page = await signed_in(
            await self.browser(voice), base or self.line.base, user, [] if base else self.complaints
        )
        await registered(page)
        return page

    async def call(self, voice: Path, to: str = "95001", hold: float | None = None) -> Call:
        """A caller with a voice, who stays until hung up."""
        says = [play(voice, -1)]
        return await self.phones.call(to, number=WANG, name="王小明", steps=says, hold=hold)

    @contextlib.asynccontextmanager
    async def line_to_pages(self) -> AsyncIterator[tuple[Proxy, str]]:
        """A way to the service that can be cut, and its address."""
        async with Proxy((self.line.parts.host, self.line.parts.port)) as proxy:
            yield proxy, f"http://127.0.0.1:{proxy.port}"


async def registered(page: Page) -> None:
    """Wait until the phone of this page is ready to ring."""
    await expect(page.get_by_test_id("link-phone")).to_have_attribute("data-ok", "true")


async def until(what: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait until `what` holds; what it gave."""
    async with asyncio.timeout(seconds):
        while not (got := what()):
            await asyncio.sleep(0.05)
    return got


@contextlib.asynccontextmanager
async def phone_desk(folder: Path, url: str, **sections: Any) -> AsyncIterator[PhoneDesk]:
    """Open one on a seeded store: agents 1001 and 1002 have their phone in the browser, 1003 on the table."""
    ari = ari_sections(softphones=SOFTPHONES, **sections.pop("asterisk", {}))
    told = {"agents": AGENTS, "queues": QUEUES, "recording": {"enabled": True}, **ari, **sections}
    pbx = Instance(asterisk_settings(folder / "pbx", **told))
    await asyncio.to_thread(pbx.up, tied=True)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, pbx.down)
        start = await stack.enter_async_context(poplines(folder))
        asterisk = pbx.settings.model_dump()["asterisk"]
        line = await start(url, **{**told, "asterisk": asterisk})
        assert line.parts.fleet is not None
        await line.parts.fleet.client("pbx1").wait_ready()
        try:
            phones = await stack.enter_async_context(Phones(pbx.settings))
        except Unavailable as e:
            pytest.skip(str(e))
        yield PhoneDesk(line, pbx, phones, stack)


@pytest.fixture(scope="session")
def agent_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real voice for a microphone, that says something else all the time."""
    return voice_of(spoken(2), tmp_path_factory.mktemp("voice") / "agent.wav")


@pytest.fixture
async def desk(asterisk_here: None, tmp_path: Path, seeded_url: str) -> AsyncIterator[PhoneDesk]:
    """A desk of this test."""
    async with phone_desk(tmp_path, seeded_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def alaw_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A caller's voice as SIPp plays it: raw A-law."""
    return as_alaw(spoken(4)[2:], tmp_path_factory.mktemp("voice") / "caller.al")
