"""Call control as an agent's page has it: what is told, what is ordered, on a real Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Call, Phones
from cti.store.tables_quality import recordings
from tests.plugins.screenpop import WANG, Page, PopLine, pbx_sections


class Desk:
    """An agent's page and what is ordered from it."""

    def __init__(self, popline: PopLine, page: Page, user: str) -> None:
        self.popline, self.page, self.user = popline, page, user
        self.pop: dict[str, Any] = {}

    async def ring(self) -> dict[str, Any]:
        """The next pop."""
        self.pop = await self.page.next("pop")
        return self.pop

    async def hear(self, *kinds: str) -> dict[str, Any]:
        """The next message about this pop, which is kept up to date."""
        while True:
            message = await self.page.next("pop_update", *kinds)
            if message["type"] == "pop_update" and message["id"] == self.pop["id"]:
                self.pop.update(message["changes"])
            if not kinds or message["type"] in kinds:
                return message

    async def situation(self, *wanted: str) -> dict[str, Any]:
        """Wait until the page is told one of these."""
        while (self.pop.get("control") or {}).get("situation") not in wanted:
            await self.hear()
        return dict(self.pop["control"])

    async def told(self, code: str) -> None:
        """Wait until the page is told that a command has failed for this reason."""
        while (await self.hear("command"))["code"] != code:
            pass

    async def order(self, command: str, kind: str = "", to: str = "", id: str = "") -> tuple[int, Any]:
        """Press a button."""
        body: dict[str, Any] = {"id": id or str(uuid.uuid4()), "command": command}
        if kind:
            body["target"] = {"kind": kind, "to": to}
        return await self.popline.api("POST", f"/calls/{self.pop['id']}/commands", user=self.user, body=body)

    async def stays(self, situation: str, seconds: float) -> bool:
        """Whether nothing else is told for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    said = await self.page.next("pop_update")
                    self.pop.update(said["changes"] if said["id"] == self.pop["id"] else {})
        return bool(self.pop["control"]["situation"] == situation)

    async def wrap_up(self) -> str:
        """The talk is over for this agent: 话后完成; how it ended."""
        while self.pop["call"]["state"] != "wrapup":
            await self.hear()
        body = {"note": "已转出", "disposition": "查件"}
        path = f"/pops/{self.pop['id']}/wrapup"
        status, answer = await self.popline.api("POST", path, user=self.user, body=body)
        assert status in (200, 202), answer
        return str(answer["reason"])

    async def done(self, command: str, kind: str = "", to: str = "") -> None:
        """Press a button; it must have worked."""
        status, answer = await self.order(command, kind, to)
        assert (status, answer.get("state")) == (200, "done"), answer


@pytest.fixture
def pbx(start_asterisk: Callable[..., Instance]) -> Instance:
    """An Asterisk that records."""
    return start_asterisk(recording={"enabled": True})


@pytest.fixture
async def handsets(pbx: Instance) -> AsyncIterator[Phones]:
    async with Phones(pbx.settings) as phones:
        yield phones


@asynccontextmanager
async def desks(
    start_popline: Callable[..., Any],
    url: str,
    asterisk: Instance,
    *users: str,
    ami_port: int = 0,
    **more: Any,
) -> AsyncIterator[tuple[Desk, ...]]:
    """A service on this Asterisk and a page for each user."""
    sections = pbx_sections(asterisk, 2)
    sections["ami"][0]["port"] = ami_port or sections["ami"][0]["port"]
    sections["asterisk"] = {"trunk_contact": asterisk.settings.asterisk.trunk_contact}
    popline: PopLine = await start_popline(url, **sections, **more)
    fleet = popline.parts.fleet
    assert fleet is not None
    await fleet.client("pbx1").wait_ready()
    async with AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(popline.page(user)) for user in users]
        yield tuple(Desk(popline, page, user) for page, user in zip(pages, users, strict=True))


async def talking(desk: Desk, handsets: Phones, to: str) -> Call:
    """A known customer calls this number, and the agent talks with him."""
    call = await handsets.call(to, number=WANG, hold=None)
    await desk.ring()
    await desk.situation("talking")
    return call


def hang_up(asterisk: Instance, device: str) -> None:
    """End the oldest channel of this device, or of the trunk, as if its other side were gone."""
    lines = asterisk.console("core show channels concise").splitlines()
    names = sorted(line.split("!")[0] for line in lines if line.startswith(f"PJSIP/{device}-"))
    asterisk.console(f"channel request hangup {names[0]}")


async def empty(asterisk: Instance) -> None:
    """Nothing is left in Asterisk: no channel, no bridge."""
    async with asyncio.timeout(10):
        while (await asyncio.to_thread(asterisk.status)).channels:
            await asyncio.sleep(0.05)


async def recorded(popline: PopLine) -> list[Any]:
    """The recordings, oldest first."""
    await popline.parts.ctx.ledger.settled(10)
    query = sa.select(recordings).order_by(recordings.c.started_at)
    return list(await popline.parts.ctx.db.run(lambda c: c.execute(query).mappings().all()))
