"""Personal data while the service runs: erased people leave the screens, sound of their calls goes when it is
over, and every night what is past its days goes.

An erasure may come from anywhere (command, page, another service): it is found in the store within LOOK_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from cti.config import Settings
from cti.errors import DeadlineExceeded, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.privacy import expire, unlinker
from cti.store.repos import erase as repo
from cti.store.repos.expire import last_done
from cti.store.tier_plan import zone_of
from screenpop.night import due_since

_log = get_logger("forgetting")
LOOK_S = 2.0
NIGHT_EVERY_S = 60.0
LATELY = timedelta(hours=12)

Forget = Callable[[int | None, frozenset[str]], None]


class Forgetting:
    """`forget` is told of each erasure: the customer's id, and the hashes of the numbers."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        now: Callable[[], datetime],
        forget: Forget,
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self._db, self._settings, self._now, self._forget = db, settings, now, forget
        self._look_s = look_s
        self._seen = 0
        self._over = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._night_after = 0.0

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="forgetting")

    async def stop(self) -> None:
        """Ends after the batch that is being written."""
        self._over.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Tell of erasures since the last look, and finish what waited for the end of a call."""
        now, after = self._now(), self._seen
        rows = await self._db.run(lambda c: repo.erasures_after(c, after, since=now - LATELY))
        for row in rows:
            self._seen = max(self._seen, row["id"])
            self._forget(row["customer_id"], frozenset(row["keys"].get("numbers", ())))
        waiting = await self._db.run(lambda c: repo.running_recordings(c, now=now))
        if waiting:
            unlink = unlinker(self._settings)
            await self._db.write(lambda c: repo.finish_running(c, now=now, unlink=unlink))

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._night_after = loop.time() + NIGHT_EVERY_S
        while True:
            try:
                await self.look()
                if self._settings.privacy.nightly and loop.time() >= self._night_after:
                    self._night_after = loop.time() + NIGHT_EVERY_S
                    # shielded: the thread ends by itself at the next batch
                    await asyncio.shield(asyncio.to_thread(self._night))
            except (Unavailable, DeadlineExceeded) as e:
                _log.info("no look at erasures now", why=str(e))
            except Exception as e:  # noqa: BLE001 - the next look may succeed
                _log.error("erasures could not be followed", why=f"{type(e).__name__}: {e}")
            await asyncio.sleep(self._look_s)

    def _night(self) -> None:
        now, own = self._now(), self._settings
        with self._db.begin(write=False) as conn:
            last = last_done(conn)
        if last is not None and last >= due_since(now, own.privacy.nightly, zone_of(own)):
            return
        counts = expire(self._db, own, now=now, who="system", stop=self._over.is_set)
        _log.info("data past their days are gone", rows=sum(counts.values()))
