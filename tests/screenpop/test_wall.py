"""The wall board's socket: who waits and of which tier, agents with clocks, the figures of today."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cti.domain.call import AgentEvent, AgentState, CallEventKind, Direction, GapEvent
from cti.domain.customer import TierRef
from cti.domain.floor import Counts, VisitKind
from cti.store.tables_floor import queue_visits
from screenpop.visits import Visit
from screenpop.wall import Today
from tests.plugins.screenpop import WANG, Page, PopLine

QUICK = {"floor": {"wall_every_s": 0.05}}
OTHER = "13500000001"


class Board:
    """A viewer that merges what it hears, as the page does."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.whole = page.messages[0]
        self.agents = {a["agent"]: a for a in self.whole["agents"]}
        self.queues = {q["queue"]: q for q in self.whole["queues"]}

    @property
    def waiting(self) -> int:
        return int(self.queues["hotline"]["waiting"])

    async def until(self, true: Callable[[Board], Any]) -> None:
        """Hear until it is so."""
        while not true(self):
            news = await self.page.next("wall_update")
            self.agents.update((a["agent"], a) for a in news.get("agents", ()))
            self.queues.update((q["queue"], q) for q in news.get("queues", ()))


@contextlib.asynccontextmanager
async def board(line: PopLine, user: str = "boss") -> AsyncIterator[Board]:
    """A board that has signed in."""
    token = await line.token(user)
    async with line.http.ws_connect(f"{line.base}/ws/wall") as ws:
        await ws.send_json({"type": "auth", "token": token})
        page = Page(ws)
        await page.next("wall")
        yield Board(page)


async def test_board_shows_who_waits_by_tier_and_what_came_of_it(
    start_popline: Callable[..., Any], seeded_url: str, story: Any
) -> None:
    """Callers wait by tier; ring, talk, hold, wrap-up are seen; answered and abandoned are counted."""
    line: PopLine = await start_popline(seeded_url, **QUICK)
    vip, plain, rash = story("1.1", WANG), story("1.2", OTHER), story("1.3", OTHER)
    async with board(line) as wall:
        assert wall.whole["alarms"]["hold_s"] == 120
        line.hear(*vip.rings("1001"), plain.tell(CallEventKind.ARRIVED), plain.tell(CallEventKind.QUEUED))
        await wall.until(lambda b: len(b.queues["hotline"].get("tiers", ())) == 2)
        hotline = wall.queues["hotline"]
        assert (hotline["waiting"], hotline.get("offered", 0)) == (2, 0)
        assert [t["label"] for t in hotline["tiers"]] == ["VIP客户", ""]
        assert datetime.fromisoformat(hotline["oldest"]) <= datetime.now(UTC)
        await wall.until(lambda b: b.agents["1001"]["state"] == "ringing")
        line.hear(*vip.answered("1001"))
        await wall.until(lambda b: b.agents["1001"]["state"] == "talking")
        assert (wall.agents["1001"]["queue"], wall.agents["1001"]["tier"]) == ("热线", "VIP客户")
        line.hear(vip.tell(CallEventKind.HELD, agent="1001"))
        await wall.until(lambda b: b.agents["1001"]["state"] == "hold")
        line.hear(*vip.over("1001"), plain.tell(CallEventKind.ABANDONED), plain.tell(CallEventKind.ENDED))
        await wall.until(
            lambda b: b.agents["1001"]["state"] == "wrapup" and not b.queues["hotline"]["waiting"]
        )
        line.hear(rash.tell(CallEventKind.QUEUED))
        rash.at += timedelta(seconds=30)
        line.hear(rash.tell(CallEventKind.ABANDONED), rash.tell(CallEventKind.ENDED))
        await wall.until(lambda b: b.queues["hotline"].get("offered") == 3)
        hotline = wall.queues["hotline"]
        counted = {n: hotline.get(n, 0) for n in ("answered", "in_time", "short", "abandoned", "left")}
        assert counted == {"answered": 1, "in_time": 1, "short": 1, "abandoned": 1, "left": 0}
        assert hotline["service_level"] == 0.5


async def test_figures_and_waiting_callers_survive_a_restart(
    start_popline: Callable[..., Any], seeded_url: str, story: Any, tmp_path: Path
) -> None:
    """After a restart today's figures come from the store; who waited and has gone meanwhile is lost."""
    first: PopLine = await start_popline(seeded_url, **QUICK)
    done, waits, gone = story("1.1", WANG), story("1.2", OTHER), story("1.3", OTHER)
    first.hear(*done.rings("1001"), *done.answered("1001"), *done.over("1001"))
    first.hear(waits.tell(CallEventKind.QUEUED), gone.tell(CallEventKind.QUEUED))
    await first.parts.ctx.ledger.settled(10)
    journal = {"pop": {"journal": tmp_path / "second"}}
    second: PopLine = await start_popline(seeded_url, **QUICK, **journal)
    async with board(second) as wall:
        assert (wall.queues["hotline"]["answered"], wall.queues["hotline"]["waiting"]) == (1, 2)
        assert wall.whole["pbx"]["partial"] is False
        second.hear(waits.tell(CallEventKind.QUEUED, recovered=True))
        second.parts.ctx.service.resynced("pbx1", datetime.now(UTC))
        await wall.until(lambda b: b.queues["hotline"]["waiting"] == 1)
        assert wall.queues["hotline"]["lost"] == 1
        second.hear(*waits.answered("1002"))
        await wall.until(lambda b: b.queues["hotline"]["answered"] == 2)
        assert (wall.queues["hotline"]["offered"], wall.queues["hotline"]["service_level"]) == (2, 1.0)


async def test_callbacks_and_colleagues_are_no_callers_who_wait(popline: PopLine, story: Any) -> None:
    """排队回呼 keeps a place without waiting, and a colleague who dials the queue is not 进线."""
    service = popline.parts.ctx.service
    back, inside = story("5.1", OTHER), story("5.2", "1002", direction=Direction.INTERNAL)
    service.visits.is_callback = lambda key: key == back.key
    popline.hear(back.tell(CallEventKind.QUEUED), inside.tell(CallEventKind.QUEUED))
    popline.hear(*back.answered("1001"), *inside.answered("1003"))
    status, board = await popline.api("GET", "/wall", user="boss")
    hotline = board["queues"][0]
    assert (status, hotline["waiting"], hotline["offered"]) == (200, 0, 0)
    await popline.parts.ctx.ledger.settled(10)
    kinds = await popline.parts.ctx.db.run(
        lambda c: [tuple(r) for r in c.execute(sa.select(queue_visits.c.kind, queue_visits.c.outcome))]
    )
    assert kinds == [("callback", "answered")]


async def test_breaks_and_gaps_are_on_the_board(start_popline: Callable[..., Any], seeded_url: str) -> None:
    """A break has its reason, wrap-up is no break, and a gap of the PBX connection is marked (pain #8)."""
    line: PopLine = await start_popline(seeded_url, **QUICK)
    service, now = line.parts.ctx.service, datetime.now(UTC)
    async with board(line) as wall:
        for agent, state, reason in (
            ("1001", AgentState.PAUSED, "就餐"),
            ("1002", AgentState.PAUSED, "话后"),
            ("1003", AgentState.BUSY, ""),
        ):
            service.hear(AgentEvent("pbx1", agent, state, now, reason))
        await wall.until(lambda b: b.agents["1003"]["state"] == "talking")
        assert (wall.agents["1001"]["state"], wall.agents["1001"]["reason"]) == ("break", "就餐")
        assert wall.agents["1002"]["state"] == "wrapup"
        service.hear(GapEvent("pbx1", now, None, "test"))
        news = await wall.page.until("wall_update", lambda m: bool(m.get("pbx", {}).get("gaps")))
        assert (news["pbx"]["up"], news["pbx"]["gaps"][0]["node"]) == (False, "pbx1")


async def test_only_supervisors_and_readers_who_read_see_the_board(
    start_popline: Callable[..., Any], seeded_url: str, story: Any
) -> None:
    """An agent is refused with 4005; a board that does not read is closed with 4008, the others go on."""
    line: PopLine = await start_popline(
        seeded_url, **QUICK, web={"push_queue": 8}, agents=[{"number": f"{n}"} for n in range(2000, 2600)]
    )
    async with line.http.ws_connect(f"{line.base}/ws/wall") as ws:
        await ws.send_json({"type": "auth", "token": await line.token("a1001")})
        assert await Page(ws).closed() == 4005
    service = line.parts.ctx.service
    async with board(line, "root") as good, board(line) as slow:
        transport = slow.page.ws._response.connection.transport  # type: ignore[union-attr]
        transport.pause_reading()
        state = AgentState.AVAILABLE
        async with asyncio.timeout(30):
            while not line.parts.ctx.wall.hub.slow:  # type: ignore[union-attr]
                state = AgentState.BUSY if state is AgentState.AVAILABLE else AgentState.AVAILABLE
                for n in range(2000, 2600):
                    service.hear(AgentEvent("pbx1", f"{n}", state, datetime.now(UTC)))
                await good.page.next("wall_update")
        transport.resume_reading()


def test_a_call_over_midnight_counts_on_the_day_it_arrived() -> None:
    """Asia/Shanghai (pain #19): what arrived at 23:59 and was answered at 00:01 is yesterday's."""
    shanghai = ZoneInfo("Asia/Shanghai")
    late = datetime(2025, 3, 9, 23, 59, tzinfo=shanghai)
    today = Today({"hotline": 20.0}, 5.0, shanghai, late)

    def visit(at: datetime) -> Visit:
        tier = TierRef("sf", "gold", "金卡")
        found = Visit("v", ("pbx1", "1"), "hotline", VisitKind.CALL, at, at, tier)  # type: ignore[arg-type]
        found.ended_at, found.outcome, found.wait_s = at + timedelta(minutes=2), "answered", 10.0
        return found

    today.add(visit(late))
    assert today.counts["hotline"].answered == 1
    assert today.turn(late + timedelta(minutes=1))
    today.add(visit(late))
    assert today.counts == {}
    today.add(visit(late + timedelta(minutes=1)))
    assert today.counts["hotline"] == Counts(answered=1, in_time=1, wait_s=10.0, longest_s=10.0)
