"""Figures and tiers of customers whose orders were pushed: recomputed soon after, off the hot path.

What is still waiting when the service ends is made good by the nightly run.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import Any

from cti.errors import LaidianError
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.recompute import recompute
from cti.store.repos.tiering import Plan

_log = get_logger("refresh")
GATHER_S = 0.5
AGAIN_S = 30.0
MOST = 100_000  # customers that may wait; more wait for the night


class Refresh:
    """Takes customers and recomputes them; `done` hears whose figures are right again."""

    def __init__(
        self,
        db: Database,
        plan: Plan,
        zone: tzinfo,
        now: Callable[[], datetime],
        *,
        done: Callable[[frozenset[int]], None] = lambda _: None,
        gather_s: float = GATHER_S,
    ) -> None:
        self._db, self._plan, self._zone, self._now = db, plan, zone, now
        self._done = done
        self._gather_s = gather_s
        self._waiting: set[int] = set()
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._over = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="refresh")

    async def stop(self) -> None:
        """Ends after the batch that is being written."""
        self._over.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def add(self, ids: Iterable[int]) -> None:
        """The figures of these customers may differ now."""
        self._waiting |= set(ids)
        if self._waiting:
            if len(self._waiting) > MOST:
                _log.warning("too many customers to recompute at once, the night does it")
                self._waiting = set(list(self._waiting)[:MOST])
            self._idle.clear()
            self._wake.set()

    async def settled(self) -> None:
        """Return when nothing waits."""
        await self._idle.wait()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._gather_s)
            self._wake.clear()
            ids, self._waiting = sorted(self._waiting), set()
            try:
                # shielded: the thread ends by itself at the next batch
                await asyncio.shield(asyncio.to_thread(self._recompute, ids))
                self._done(frozenset(ids))
            except LaidianError as e:
                _log.warning("customers are recomputed later", why=str(e), customers=len(ids))
                self._waiting |= set(ids)
                await asyncio.sleep(AGAIN_S)
                self._wake.set()
            except Exception as e:  # noqa: BLE001 - the night makes it good
                _log.error("recomputation failed", why=f"{type(e).__name__}: {e}")
            if not self._waiting:
                self._idle.set()

    def _recompute(self, ids: list[int]) -> None:
        how: dict[str, Any] = {"now": self._now(), "zone": self._zone, "cause": "import"}
        recompute(self._db, self._plan, **how, ids=ids, stop=self._over.is_set)
