"""Raises the level of late complaints while the service runs; several services do it once between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

from cti.domain.complaint_clock import Deadlines
from cti.errors import DeadlineExceeded, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.repos.complaints import escalate

_log = get_logger("escalation")
LOOK_S = 60.0


class Escalation:
    """Looks at once and then once a minute."""

    def __init__(
        self, db: Database, deadlines: Deadlines, now: Callable[[], datetime], *, look_s: float = LOOK_S
    ) -> None:
        self._db, self._deadlines, self._now, self._look_s = db, deadlines, now, look_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Ends after what is being written."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while True:
            try:
                raised = await self._db.write(
                    lambda conn: escalate(conn, now=self._now(), deadlines=self._deadlines)
                )
                if raised:
                    _log.info("complaints went up a level", complaints=len(raised))
            except (Unavailable, DeadlineExceeded) as e:
                _log.info("no look at late complaints now", why=str(e))
            except Exception as e:  # noqa: BLE001 - the next look may succeed
                _log.error("late complaints could not be raised", why=f"{type(e).__name__}: {e}")
            await asyncio.sleep(self._look_s)
