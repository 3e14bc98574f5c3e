"""The nightly recomputation of figures and tiers, by whichever of several services comes first.

In a thread of its own, in batches: calls and pops go on beside it. What a stopped service has left undone
is done when the next one finds it due.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo

from sqlalchemy.engine import Connection

from cti.errors import LaidianError, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.recompute import NIGHTLY, last_run, recompute
from cti.store.repos.tiering import Plan

_log = get_logger("night")
FIRST_LOOK_S = 60.0  # a service that starts has other things to do
LOOK_S = 60.0


def due_since(now: datetime, at: str, zone: tzinfo) -> datetime:
    """The latest moment at which a night's run was due: today's hour, or yesterday's before it."""
    hour, minute = (int(part) for part in at.split(":"))
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), time(hour, minute), zone)
    if local < today:
        today = datetime.combine(local.date() - timedelta(days=1), time(hour, minute), zone)
    return today.astimezone(UTC)


class Night:
    """Looks once a minute whether the run is due."""

    def __init__(
        self,
        db: Database,
        plan: Plan,
        at: str,
        zone: tzinfo,
        now: Callable[[], datetime],
        *,
        first_look_s: float = FIRST_LOOK_S,
    ) -> None:
        self._db, self._plan, self._at, self._zone, self._now = db, plan, at, zone, now
        self._first_look_s = first_look_s
        self._over = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Ends after the batch that is being written."""
        self._over.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        pause = self._first_look_s
        while True:
            await asyncio.sleep(pause)
            pause = LOOK_S
            try:
                # shielded: the thread ends by itself at the next batch, and its connection with it
                await asyncio.shield(asyncio.to_thread(self._look))
            except Unavailable as e:
                _log.info("no recomputation now", why=str(e))
            except LaidianError as e:
                _log.error("recomputation failed", why=str(e))
            except Exception as e:  # noqa: BLE001 - tomorrow is another night
                _log.error("recomputation failed", why=f"{type(e).__name__}: {e}")

    def _look(self) -> None:
        now = self._now()
        with self._db.begin(write=False) as conn:
            if not self._due(conn, now):
                return
        done = recompute(
            self._db,
            self._plan,
            now=now,
            zone=self._zone,
            cause=NIGHTLY,
            wait_s=0,
            stop=self._over.is_set,
            due=lambda conn: self._due(conn, now),
        )
        if done.customers and not done.stopped:
            told = {"customers": done.customers, "changed": done.changed, "seconds": round(done.seconds, 1)}
            _log.info("figures and tiers recomputed", **told)

    def _due(self, conn: Connection, now: datetime) -> bool:
        last = last_run(conn, NIGHTLY)
        return last is None or last["started_at"] < due_since(now, self._at, self._zone)
