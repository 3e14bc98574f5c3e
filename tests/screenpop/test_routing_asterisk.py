"""Routing by tier on a real Asterisk: who is answered first, and by whom; no call waits for a look-up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from asterisk_conf.instance import Instance
from asterisk_conf.scenario import hangup, wait
from asterisk_conf.softphones import Agent, Phones
from cti.domain.phone import parse
from cti.store.db import Database
from cti.store.tables import contacts, customers
from tests.plugins.ami_tap import Event, Tap
from tests.plugins.postgres import dsn
from tests.plugins.screenpop import WANG, PopLine, sections_of

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]

ORDINARY = ("13500000001", "13500000002")


@dataclass
class Line:
    """A service, the Asterisk it steers, phones, and an ear at AMI."""

    popline: PopLine
    asterisk: Instance
    phones: Phones
    tap: Tap

    async def agent(self, number: str, **how: Any) -> Agent:
        """A phone of an agent, who is free in the service's eyes, too."""
        phone = await self.phones.agent(number, **how)
        await self.state(number, "available")
        return phone

    async def state(self, number: str, state: str) -> None:
        desk = self.popline.parts.ctx.service.desk
        await until(lambda: desk.state(number).state == state, f"{number} {state}")

    async def calls(self, number: str, to: str = "95001", hold: float | None = None) -> None:
        """Somebody calls and stands in the queue."""
        await self.phones.call(to, number=number, hold=hold, steps=[wait(60)])
        await self.tap.event("QueueCallerJoin", caller(number))

    def answered(self) -> list[str]:
        """Numbers of the callers whom the queue gave to agents, in order."""
        return [e["CallerIDNum"] for e in self.tap.all("AgentConnect")]


def caller(number: str) -> Callable[[Event], bool]:
    return lambda e: e.get("CallerIDNum") == number


async def until(true: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(0.02)


@pytest.fixture
def line(start_popline: Callable[..., Any], start_asterisk: Callable[..., Instance]) -> Callable[..., Any]:
    """``async with line(url, routing={…}) as hotline``: service and Asterisk of the same settings."""

    @asynccontextmanager
    async def run(url: str, *, seeded: bool = True, **routing: Any) -> AsyncIterator[Line]:
        # whoever needs the route before the queue may wait long: this machine may be slow, the hotline is not
        routing = {"wait_ms": 2000} | routing
        asterisk = start_asterisk(routing=routing)
        popline: PopLine = await start_popline(
            url,
            seeded=seeded,
            **sections_of(asterisk),
            routing=routing,
        )
        fleet = popline.parts.fleet
        assert fleet is not None
        await fleet.client("pbx1").wait_ready()
        async with Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
            async with asyncio.timeout(30):
                while await router(tap) != "1":
                    await asyncio.sleep(0.05)
            yield Line(popline, asterisk, phones, tap)

    return run


async def router(tap: Tap) -> str:
    """What the dialplan knows of the service: "1" here, "0" it was late or has gone."""
    return (await tap.action("Getvar", Variable="LAIDIAN_ROUTER"))["Value"]


def change(url: str, **values: Any) -> int:
    """Enter something of the VIP; the id of the customer."""
    db = Database(url)
    with db.begin() as conn:
        conn.execute(sa.update(customers).where(customers.c.code == "C1").values(**values))
        found = int(conn.execute(sa.select(customers.c.id).where(customers.c.code == "C1")).scalar_one())
    db.close()
    return found


def talked(url: str, agent: str, ago: timedelta) -> None:
    """The VIP has talked to this agent."""
    customer = change(url, note="")
    db = Database(url)
    with db.begin() as conn:
        conn.execute(
            sa.insert(contacts).values(
                customer_id=customer,
                number_key=parse(WANG).key,
                at=datetime.now(UTC) - ago,
                channel="call",
                direction="inbound",
                agent=agent,
            )
        )
    db.close()


async def test_vip_who_calls_later_is_answered_before_ordinary_callers(
    line: Callable[..., Any], seeded_url: str
) -> None:
    """domain.md §2: queue and priority — two ordinary callers wait, then a VIP calls: the agent who
    comes gets the VIP first."""
    async with line(seeded_url) as hotline:
        for number in (*ORDINARY, WANG):
            await hotline.calls(number)
        shown = hotline.asterisk.console("queue show hotline")
        assert ["prio: " + text.split(")")[0] for text in shown.split("prio: ")[1:]] == [
            "prio: 10",
            "prio: 0",
            "prio: 0",
        ]
        await hotline.agent("1001", answer_after=0.1, steps=[wait(0.3), hangup()])
        await until(lambda: len(hotline.answered()) == 3, "three talks")
        assert hotline.answered() == [WANG, *ORDINARY]


@pytest.mark.postgres
async def test_late_look_up_delays_nothing_and_is_put_right(
    line: Callable[..., Any], postgres_url: str
) -> None:
    """The store hangs: the VIP queues at ordinary level; when the answer comes the VIP goes to the front."""
    async with line(postgres_url, seeded=False, wait_ms=300) as hotline:
        with psycopg.connect(**dsn(postgres_url)) as lock:
            lock.execute("LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE")
            for number in (*ORDINARY, WANG):
                await hotline.calls(number)
            assert hotline.asterisk.console("queue show hotline").count("prio: 0") == 3
            lock.rollback()
        await until(lambda: "prio: 10" in hotline.asterisk.console("queue show hotline"), "the VIP is moved")
        await hotline.agent("1001", answer_after=0.1, steps=[wait(0.3), hangup()])
        await until(lambda: len(hotline.answered()) == 3, "three talks")
        assert hotline.answered() == [WANG, *ORDINARY]


async def test_representative_rings_first_then_the_queue(line: Callable[..., Any], seeded_url: str) -> None:
    """domain.md §2: dedicated representative — the representative rings alone; when the time is up
    another agent of the queue gets the call."""
    change(seeded_url, representative="1002")
    async with line(seeded_url, representative_s=3, rejected_s=20) as hotline:
        representative = await hotline.agent("1002", answer_after=None)
        other = await hotline.agent("1001", answer_after=0.2)
        call = await hotline.phones.call("95001", number=WANG, hold=None, steps=[wait(60)])
        await representative.event("ringing")
        assert (other.count("invite"), hotline.tap.all("QueueCallerJoin")) == (0, [])
        await other.event("answered", timeout_s=30)
        assert representative.count("invite") == 1
        assert "penalty 500" in hotline.asterisk.console("queue show hotline")
        await call.stop()
        await until(
            lambda: "penalty 500" not in hotline.asterisk.console("queue show"), "the penalty is given back"
        )


async def test_representative_who_is_busy_or_on_a_break_is_not_waited_for(
    line: Callable[..., Any], seeded_url: str
) -> None:
    """A paused representative is not rung: the caller is in the queue at once, with the level of the tier."""
    change(seeded_url, representative="1002")
    async with line(seeded_url, representative_s=30) as hotline:
        representative = await hotline.agent("1002", answer_after=0.1)
        fleet = hotline.popline.parts.fleet
        await fleet.queue_pause("PJSIP/1002", True, "就餐")
        await hotline.state("1002", "paused")
        await hotline.calls(WANG)
        assert "prio: 10" in hotline.asterisk.console("queue show hotline")
        assert representative.count("invite") == 0


async def test_last_agent_is_preferred(line: Callable[..., Any], seeded_url: str) -> None:
    """Who talked to the caller yesterday gets the call, though others are free."""
    talked(seeded_url, "1003", timedelta(days=1))
    async with line(seeded_url) as hotline:
        others = [await hotline.agent(n, answer_after=0.1) for n in ("1001", "1002")]
        last = await hotline.agent("1003", answer_after=0.2)
        call = await hotline.phones.call("95001", number=WANG, hold=None, steps=[wait(60)])
        await last.event("answered", timeout_s=30)
        book = hotline.popline.parts.ctx.service.book
        await until(lambda: [p.queue for p, _ in book.live("1003")] == ["hotline"], "the queue on the pop")
        assert [o.count("invite") for o in others] == [0, 0]
        await call.stop()


async def test_agent_of_the_customers_language_is_rung_first(
    line: Callable[..., Any], seeded_url: str
) -> None:
    """A customer who prefers 粤语 gets the agent who speaks it."""
    change(seeded_url, preferences={"方言": "粤语"})
    async with line(seeded_url) as hotline:
        other = await hotline.agent("1001", answer_after=0.1)
        speaker = await hotline.agent("1005", answer_after=0.2)
        call = await hotline.phones.call("95001", number=WANG, hold=None, steps=[wait(60)])
        await speaker.event("answered", timeout_s=30)
        assert other.count("invite") == 0
        await call.stop()


async def test_agent_who_rejected_is_not_rung_again_while_another_is_free(
    line: Callable[..., Any], seeded_url: str
) -> None:
    """Who declines is left out of the next rounds, and rung again when nobody else is left."""
    async with line(seeded_url, rejected_s=600) as hotline:
        rejecting = await hotline.agent("1001", reject=486)
        other = await hotline.agent("1002", answer_after=None)
        await hotline.calls(ORDINARY[0], to="95003")
        await rejecting.event("rejected")
        await other.event("cancelled", times=2, timeout_s=40)
        assert rejecting.count("invite") == 1
        await hotline.phones.stop_agent(other)
        await rejecting.event("rejected", times=2, timeout_s=40)


async def test_service_that_comes_back_gives_penalties_back(
    line: Callable[..., Any], seeded_url: str
) -> None:
    """A penalty that an earlier run left raised is mended when the service connects."""
    async with line(seeded_url) as hotline:
        fleet = hotline.popline.parts.fleet
        await fleet.client("pbx1").stop()
        told = await hotline.tap.action("QueuePenalty", Interface="PJSIP/1001", Penalty="500")
        assert told["Response"] == "Success"
        assert "penalty 500" in hotline.asterisk.console("queue show hotline")
        fleet.client("pbx1").start()
        await until(
            lambda: "penalty 500" not in hotline.asterisk.console("queue show"), "the penalty is given back"
        )


async def test_without_the_service_calls_go_on_at_ordinary_level(
    start_asterisk: Callable[..., Instance],
) -> None:
    """Nobody routes: the caller is in the queue. A service that vanished is waited for by one call only."""
    asterisk = start_asterisk()
    async with Phones(asterisk.settings) as phones, Tap(asterisk) as tap:
        await phones.call("95001", number=ORDINARY[0], hold=None, steps=[wait(60)])
        await tap.event("QueueCallerJoin", caller(ORDINARY[0]))
        await tap.action("Setvar", Variable="LAIDIAN_ROUTER", Value="1")
        # of who hides the number there is nothing to know, so there is nothing to wait for
        for number, after in (("anonymous", "1"), (ORDINARY[1], "0")):
            await phones.call("95001", number=number, hold=None, steps=[wait(60)])
            await tap.event("QueueCallerJoin", lambda e, n=ORDINARY[0]: e["CallerIDNum"] != n)
            tap.events.clear()
            assert await router(tap) == after
        assert asterisk.console("queue show hotline").count("prio: 0") == 3
