"""A supervisor who listens: service, Asterisk, phones that say tones, and who hears which."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asterisk_conf import tones
from asterisk_conf.instance import Instance
from asterisk_conf.scenario import play
from asterisk_conf.softphones import Phones
from tests.plugins.ami_tap import Tap
from tests.plugins.screenpop import PopLine, sections_of
from tests.plugins.wiretap import listen, tones_in

CALLER, AGENT, BOSS, THIRD = 440.0, 1000.0, 1700.0, 2300.0
ALL = (CALLER, AGENT, BOSS, THIRD)


async def until(true: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(0.02)


@dataclass
class Floor:
    """A service with its Asterisk, phones that say tones, an ear at AMI."""

    popline: PopLine
    asterisk: Instance
    phones: Phones
    tap: Tap
    folder: Path

    def says(self, hertz: float) -> Any:
        file = self.folder / f"{hertz:g}.al"
        file.write_bytes(tones.alaw(tones.tone(hertz, 2)))
        return play(file, -1)

    def state(self, agent: str) -> str:
        wall = self.popline.parts.ctx.wall
        assert wall is not None
        return wall.wall.agent(agent).state

    def channels(self) -> list[str]:
        return [x for x in self.asterisk.console("core show channels concise").splitlines() if "!" in x]

    async def ask(self, method: str, body: Any = None, user: str = "boss") -> tuple[int, Any]:
        status, answer = await self.popline.api(method, "/floor/listen", user=user, body=body)
        return status, answer.get("listening", answer.get("error"))

    async def hang_up(self, device: str) -> None:
        """End what this device, or the trunk, talks in."""
        for line in self.channels():
            if line.startswith(f"PJSIP/{device}-"):
                await self.tap.action("Hangup", Channel=line.split("!")[0])

    async def heard(self, seconds: float = 1.2) -> dict[str, set[float]]:
        """Device → the tones that it is sent."""
        names = [name for line in self.channels() if (name := line.split("!")[0]).startswith("PJSIP/")]
        heard = await listen(seconds)
        found = {}
        for name in names:
            reply = await self.tap.action("Getvar", Channel=name, Variable="CHANNEL(rtp,dest)")
            port = int(reply["Value"].rpartition(":")[2])
            found[name.removeprefix("PJSIP/").partition("-")[0]] = tones_in(heard[port], ALL)
        return found


@pytest.fixture
def floor(
    start_popline: Callable[..., Any], start_asterisk: Callable[..., Instance], tmp_path: Path
) -> Callable[..., Any]:
    """``async with floor(url, listen_follow=True) as f``."""

    @asynccontextmanager
    async def run(url: str, **own: Any) -> AsyncIterator[Floor]:
        own = {"supervisor_devices": {"boss": "9001"}, "wall_every_s": 0.1, **own}
        asterisk = start_asterisk(floor=own)
        popline: PopLine = await start_popline(
            url,
            seeded=True,
            **sections_of(asterisk),
            pop={"wrapup_s": 120},  # it ends when it is ended: not by itself while a busy machine types
            floor=own,
        )
        fleet = popline.parts.fleet
        assert fleet is not None
        await fleet.client("pbx1").wait_ready()
        async with Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
            yield Floor(popline, asterisk, phones, tap, tmp_path)

    return run
