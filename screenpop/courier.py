"""Brings events to those who subscribed: at least once, in order for each subject, off the hot path.

Every receiver gets a signed POST with a deadline. What is not taken is tried again with growing pauses; a
receiver that is away is asked with one delivery at a time. After `events.attempts` tries a delivery is put
aside, where an admin sees it and may send it again. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import random
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from cti import __version__
from cti.config import EventSettings
from cti.domain import signing
from cti.domain.events import LONGEST_S, again_after
from cti.errors import DeadlineExceeded, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.repos import outbox
from cti.store.repos.subscriptions import forbidden

_log = get_logger("courier")
LOOK_S = 1.0
OWN_FAULT = frozenset({400, 409, 413, 415, 422})  # of this delivery; any other answer is the receiver's state


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one POST; `error` "" when it was taken."""

    error: str = ""
    everybody: bool = False
    retry_after_s: float = 0.0


class _Resolver(AbstractResolver):
    """Names that lead to link-local or other forbidden addresses are not followed."""

    def __init__(self) -> None:
        self._inner = aiohttp.DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [r for r in found if not forbidden(ipaddress.ip_address(r["host"].partition("%")[0]))]
        if found and not allowed:
            raise OSError(f"{host} leads to a forbidden address")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def payload(row: Mapping[Any, Any]) -> bytes:
    """An event as it is posted and pulled."""
    event = {"id": row["seq"], "kind": row["kind"], "subject": row["subject"]}
    event |= {"at": row["at"].isoformat(), "data": row["body"]}
    return json.dumps(event, ensure_ascii=False, default=str).encode()


class Courier:
    """One per service; several services share the work by holding deliveries for a while."""

    def __init__(
        self, db: Database, settings: EventSettings, now: Callable[[], datetime], *, look_s: float = LOOK_S
    ) -> None:
        self._db, self._settings, self._now, self._look_s = db, settings, now, look_s
        self._hold = timedelta(seconds=2 * settings.timeout_s + 30)
        self._task: asyncio.Task[None] | None = None
        self._http: aiohttp.ClientSession | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="courier")

    async def stop(self) -> None:
        """Ends at once; what was on its way is sent again by whoever is next."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._http is not None:
            await self._http.close()

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=self._settings.at_once, resolver=_Resolver())
        self._http = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s, connect=5.0),
        )
        while True:
            busy = False
            try:
                busy = await self.round()
            except (Unavailable, DeadlineExceeded) as e:
                _log.info("no events are brought now", why=str(e))
            except Exception as e:  # noqa: BLE001 - the next round may succeed
                _log.error("events could not be brought", why=f"{type(e).__name__}: {e}")
            if not busy:
                await asyncio.sleep(self._look_s)

    async def round(self) -> bool:
        """Sort what is new, bring what is due; whether there may be more at once."""
        now, most = self._now(), self._settings.at_once
        if not await self._db.run(lambda c: outbox.anything(c, now=now)):
            return False
        room = self._settings.max_waiting
        sorted_ = await self._db.write(lambda c: outbox.sort(c, now=now, most_waiting=room))
        held = await self._db.write(lambda c: outbox.claim(c, now=now, hold=self._hold, limit=most))
        try:
            await asyncio.gather(*(self._bring(row) for row in held))
        except asyncio.CancelledError:
            ids = [row["id"] for row in held]
            with contextlib.suppress(Unavailable, DeadlineExceeded):
                await asyncio.shield(self._db.write(lambda c: outbox.let_go(c, ids), deadline=2.0))
            raise
        return bool(held) or sorted_ == outbox.SORT_MOST

    async def _bring(self, row: Mapping[Any, Any]) -> None:
        tried = await self._post(row)
        at, attempts = self._now(), int(row["attempts"]) + 1
        if not tried.error:
            await self._db.write(lambda c: outbox.sent(c, row["id"], row["subscription_id"], at=at))
            return
        again: datetime | None = None
        if attempts < self._settings.attempts:
            dice = random.random()  # noqa: S311 - spreads retries
            wait = max(again_after(attempts, dice), min(tried.retry_after_s, LONGEST_S))
            again = at + timedelta(seconds=wait)
        _log.warning(
            "an event was not taken", to=row["name"], seq=row["seq"], why=tried.error, tries=attempts
        )
        how: dict[str, Any] = {"again_at": again, "error": tried.error, "everybody": tried.everybody}
        await self._db.write(lambda c: outbox.not_sent(c, row["id"], row["subscription_id"], **how))

    async def _post(self, row: Mapping[Any, Any]) -> Tried:
        if self._http is None:
            return Tried("not started", everybody=True)
        body = payload(row)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"laidian/{__version__}",
            "Laidian-Event": row["kind"],
            "Laidian-Delivery": str(row["id"]),
            signing.HEADER: signing.sign(row["secret"], body, time.time()),
        }
        try:
            async with self._http.post(
                row["url"], data=body, headers=headers, allow_redirects=False
            ) as answer:
                return _tried(answer.status, answer.headers.get("Retry-After", ""))
        except TimeoutError:
            return Tried(f"no answer within {self._settings.timeout_s:g} s", everybody=True)
        except (aiohttp.ClientError, OSError, ValueError) as e:
            return Tried(f"{type(e).__name__}: {e}"[:300], everybody=True)


def _tried(status: int, retry_after: str) -> Tried:
    if 200 <= status < 300:
        return Tried()
    wait = (
        float(retry_after)
        if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7
        else 0.0
    )
    words = f"HTTP {status}" + (", redirects are not followed" if 300 <= status < 400 else "")
    return Tried(words, status not in OWN_FAULT, wait)
