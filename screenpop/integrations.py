"""Other systems at the door: whose token it is, how often it may call, when it last did."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from cti.errors import DeadlineExceeded, LaidianError, Unavailable
from cti.store.db import Database
from cti.store.repos import integrations as repo
from cti.store.repos.integrations import Integration
from screenpop.auth import token_hash

PREFIX = "ldi_"  # tells a system's token from a person's session, and a leaked one from any other text
CACHE_S = 5.0
USED_EVERY_S = 60.0
MAX_KNOWN = 1000


class RateExceeded(LaidianError):
    """More requests than the integration may make; `retry_after` in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many requests")
        self.retry_after = retry_after


def new_token() -> str:
    """A fresh token; shown once, never stored."""
    return PREFIX + secrets.token_urlsafe(32)


def new_secret() -> str:
    """A fresh secret for signatures."""
    return secrets.token_urlsafe(32)


class Bucket:
    """So many requests a minute, a sixth of them at once."""

    def __init__(self, per_min: int, now: float) -> None:
        self._rate, self._most = per_min / 60.0, max(1.0, per_min / 6.0)
        self._left, self._at = self._most, now

    def take(self, now: float) -> float:
        """0 when the request may go on, else the seconds to wait."""
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._rate


class Integrations:
    """Knows tokens for CACHE_S seconds: a token revoked elsewhere works no longer than that."""

    def __init__(
        self,
        db: Database,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._db, self._now = db, now
        self._clock = clock or asyncio.get_running_loop().time
        self._known: OrderedDict[str, tuple[float, Integration]] = OrderedDict()
        self._buckets: dict[int, tuple[int, Bucket]] = {}
        self._used: dict[int, float] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def who(self, token: str, remote: str) -> Integration | None:
        """Whose token this is. Raises RateExceeded, and what the store raises."""
        hashed, clock = token_hash(token), self._clock()
        known = self._known.get(hashed)
        if known is None or clock - known[0] >= CACHE_S:
            self._known.pop(hashed, None)
            found = await self._db.run(lambda c: repo.integration_by_token(c, hashed, self._now()))
            if found is None:
                return None
            known = self._known[hashed] = (clock, found)
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        it = known[1]
        rate, bucket = self._buckets.get(it.id, (0, None))
        if bucket is None or rate != it.rate_per_min:
            bucket = Bucket(it.rate_per_min, clock)
            self._buckets[it.id] = (it.rate_per_min, bucket)
        if (wait := bucket.take(clock)) > 0:
            raise RateExceeded(wait)
        if clock - self._used.get(it.id, -USED_EVERY_S) >= USED_EVERY_S:
            self._used[it.id] = clock
            task = asyncio.get_running_loop().create_task(self._note(it.id, remote))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return it

    def forget(self) -> None:
        """Ask the store again: something was revoked here."""
        self._known.clear()

    async def stop(self) -> None:
        """Ends what is being written."""
        for task in list(self._writing):
            task.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _note(self, integration_id: int, remote: str) -> None:
        at = self._now()
        with contextlib.suppress(Unavailable, DeadlineExceeded):  # told again in a minute
            await self._db.write(lambda c: repo.integration_used(c, integration_id, at=at, remote=remote))
