"""Everybody who looks at the wall board: one message for all, at a bounded rate, never in a pop's way.

The picture is made when it is told, not when something happens; without viewers nothing is made at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from cti.config import Settings
from cti.errors import DeadlineExceeded, LaidianError, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.repos.people import list_users
from cti.store.repos.visits import counts_by_queue, open_callbacks
from screenpop import wire
from screenpop.auth import Principal
from screenpop.hub import Hub, Member
from screenpop.ledger import LedgerWriter
from screenpop.service import Service
from screenpop.wall import Wall

_log = get_logger("wall")
SLICE = 25
ASIDE_EVERY_S = 10.0  # callbacks and names, from the store
AGAIN_S = 5.0
STORE_S = 5.0


class WallRoom:
    """The viewers of ``/ws/wall``."""

    def __init__(self, settings: Settings, service: Service, db: Database, ledger: LedgerWriter) -> None:
        self.hub = Hub()
        self.wall = Wall(settings, service.desk, service.book, service.floor, service.visits, service.now())
        self._service, self._db, self._ledger = service, db, ledger
        self._own = settings.floor
        self._zone = ZoneInfo(settings.timezone)
        self._wake = asyncio.Event()
        self._ask = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.bytes_sent = 0
        service.on_agent = self.wall.changed
        service.on_flag = self.wall.flagged

    async def seed(self) -> None:
        """Today's figures from the store, once all that was recorded is there. Raises what the store does."""
        today, now = self.wall.today, self._service.now()
        start, end = day_bounds(now, self._zone)
        if not await self._ledger.settled(STORE_S):
            raise Unavailable("the store has not taken the journal yet")
        counts = await self._db.run(
            lambda c: counts_by_queue(
                c, since=start, until=end, before=now, levels=today.levels, short_s=today.short_s
            ),
            deadline=STORE_S,
        )
        today.seed(counts, now)

    def start(self) -> None:
        """Begin to tell viewers; figures that could not be read are tried again until they are."""
        loop = asyncio.get_running_loop()
        for work, name in ((self._tell(), "wall"), (self._aside(), "wall aside")):
            self._tasks.append(loop.create_task(work, name=name))
        if self.wall.today.partial:
            self._tasks.append(loop.create_task(self._seed_again(), name="wall figures"))

    async def stop(self) -> None:
        """Say good-bye to the viewers."""
        self.hub.dismiss_all(wire.GOING_AWAY)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # what a session needs

    def join(self, member: Member) -> bool:
        """A board has signed in: it gets everything, then what changes."""
        if not self.hub.join(member):
            return False
        if len(self.hub) == 1:
            # nobody looked: what was told last is of another time
            self.wall.news(self._service.now())
        member.put(wire.encode(self.wall.whole(self._service.now())))
        self._wake.set()
        self._ask.set()
        return True

    def acked(self, who: Principal, pop_id: str) -> None:
        """A board acknowledges nothing."""

    # the loops

    async def _tell(self) -> None:
        while True:
            if not len(self.hub):
                self._wake.clear()
                await self._wake.wait()
            await asyncio.sleep(self._own.wall_every_s)
            news = self.wall.news(self._service.now())
            if news is None:
                continue
            text = news.model_dump_json(exclude_defaults=True)
            text = f'{{"type":"wall_update",{text[1:]}'
            members = list(self.hub.members())
            for start in range(0, len(members), SLICE):
                for member in members[start : start + SLICE]:
                    self.hub.put(member, text)
                    self.bytes_sent += len(text)
                await asyncio.sleep(0)

    async def _aside(self) -> None:
        """What only the store knows: names of agents, callbacks that wait."""
        while True:
            if len(self.hub):
                try:
                    await self.refresh()
                except LaidianError as e:
                    _log.warning("the wall board cannot ask the store", why=str(e))
            self._ask.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASIDE_EVERY_S):
                    await self._ask.wait()

    async def refresh(self) -> None:
        """Ask the store now. Raises what the store does."""
        late = self._service.now() - timedelta(seconds=self._own.callback_late_s)

        def read(conn: Connection) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
            names = {u.agent: u.name for u in list_users(conn) if u.agent and not u.disabled}
            return names, open_callbacks(conn, late_before=late)

        self.wall.names, self.wall.callbacks = await self._db.run(read, deadline=STORE_S)

    async def _seed_again(self) -> None:
        while self.wall.today.partial:
            try:
                await self.seed()
            except (Unavailable, DeadlineExceeded) as e:
                _log.warning("today's figures cannot be read yet", why=str(e))
                await asyncio.sleep(AGAIN_S)


def day_bounds(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first moment of today and of tomorrow in a zone, also where clocks change."""
    day = now.astimezone(zone).date()
    return (
        datetime.combine(day, time(), zone),
        datetime.combine(day + timedelta(days=1), time(), zone),
    )
