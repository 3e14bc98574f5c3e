"""Plans what we owe customers while the service runs: what has just happened every minute, the day once.

In a thread of its own, each part a short transaction. Several services may do it at once: tasks have keys.
When the day was planned is kept in the store: to plan it reads every customer, which a service that starts
again at noon shall not do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

from cti.errors import DeadlineExceeded, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.outreach_rules import Rules
from cti.store.repos.outreach_plan import plan_day, plan_events, planned_at
from screenpop.night import due_since

_log = get_logger("rounds")
FIRST_LOOK_S = 20.0  # a service that starts has other things to do
LOOK_S = 60.0


class Rounds:
    """Looks once a minute; the day's plan is made at the hour of the settings, or when it was missed."""

    def __init__(
        self, db: Database, rules: Rules, now: Callable[[], datetime], *, first_look_s: float = FIRST_LOOK_S
    ) -> None:
        self._db, self._rules, self._now, self._first_look_s = db, rules, now, first_look_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Ends; a part that is being written finishes in its thread."""
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
                await asyncio.shield(asyncio.to_thread(self._look))
            except (Unavailable, DeadlineExceeded) as e:
                _log.info("nothing planned now", why=str(e))
            except Exception as e:  # noqa: BLE001 - the next look may succeed
                _log.error("planning failed", why=f"{type(e).__name__}: {e}")

    def _look(self) -> None:
        now, at = self._now(), self._rules.own.plan_at
        if not at or self._planned_since(due_since(now, at, self._rules.zone)):
            plan_events(self._db, self._rules, now=now)
            return
        done = plan_day(self._db, self._rules, now=now)
        _log.info("the day is planned", **{k: n for k, n in done.added.items() if n})
        for text in done.said:
            _log.warning("planning", said=text)

    def _planned_since(self, due: datetime) -> bool:
        with self._db.begin(write=False) as conn:
            last = planned_at(conn)
        return last is not None and last >= due
