"""Who is at the other end: passwords, tokens, roles, and a brake on guessing.

Passwords are hashed with argon2id; of a token only the SHA-256 is stored. Hashing runs in two threads of
its own, so that a storm of sign-ins never delays a pop.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import Connection

from cti.errors import LaidianError, Unavailable, UsageError
from cti.store.db import Database
from cti.store.passwords import hash_password, verify_password
from cti.store.repos import people

MIN_PASSWORD = 8
MAX_PASSWORD = 256
FAILURES = 5  # wrong passwords for one name from one address, then 429
FAILURES_PER_ADDRESS = 50
FAILURE_WINDOW_S = 60.0
CACHE_S = 10.0
MAX_CACHE = 10_000
MAX_WAITING_HASHES = 2000


class BadCredentials(LaidianError):
    """User name or password is wrong; which of them is not told."""


class TooManyAttempts(LaidianError):
    """Too many wrong passwords; `retry_after` in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many attempts, wait {retry_after:.0f} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person, or another system with what its token may do; without anything secret."""

    user_id: int
    username: str
    name: str
    roles: tuple[str, ...]
    agent: str
    scopes: tuple[str, ...] = ()  # of a system

    def has(self, *roles: str) -> bool:
        """Whether the person has one of these roles; admin has every role."""
        return "admin" in self.roles or any(r in self.roles for r in roles)


def checked_password(password: str) -> str:
    """The argon2id hash to store. Raises UsageError for a password that is too short or too long."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise UsageError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return hash_password(password)


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Brake:
    """Counts failures per key in a sliding window; bounded, the oldest key is forgotten first."""

    def __init__(self, limit: int, window_s: float, keys: int = 10_000) -> None:
        self._limit, self._window, self._keys = limit, window_s, keys
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until the next attempt is allowed; 0 when it is allowed now."""
        recent = [t for t in self._failures.get(key, []) if t > now - self._window]
        if len(recent) < self._limit:
            return 0.0
        return recent[-self._limit] + self._window - now

    def failed(self, key: str, now: float) -> None:
        recent = [t for t in self._failures.pop(key, []) if t > now - self._window]
        self._failures[key] = [*recent, now][-self._limit :]
        while len(self._failures) > self._keys:
            self._failures.popitem(last=False)

    def cleared(self, key: str) -> None:
        self._failures.pop(key, None)


class Gate:
    """Signs people in and out and knows whom a token belongs to.

    `now` gives the present moment in UTC; `clock` seconds that only rise.
    """

    def __init__(
        self,
        db: Database,
        *,
        session_hours: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._db = db
        self._lifetime = timedelta(hours=session_hours)
        self._now = now
        self._clock = clock or asyncio.get_running_loop().time
        self._names = Brake(FAILURES, FAILURE_WINDOW_S)
        self._addresses = Brake(FAILURES_PER_ADDRESS, FAILURE_WINDOW_S)
        self._known: OrderedDict[str, tuple[float, Principal]] = OrderedDict()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")
        self._waiting = 0
        # verified against when there is no such user, so that the time taken tells nothing
        self._nobody = hash_password(secrets.token_urlsafe(16))

    async def sign_in(
        self, username: str, password: str, *, remote: str, user_agent: str = ""
    ) -> tuple[str, datetime, Principal]:
        """Token, its end, and who it is. Raises BadCredentials, TooManyAttempts, Unavailable."""
        name = f"{username.casefold()}|{remote}"
        clock = self._clock()
        wait = max(self._names.wait(name, clock), self._addresses.wait(remote, clock))
        if wait > 0:
            raise TooManyAttempts(wait)
        # counted before the password is verified: a hundred guesses at once are a hundred guesses
        self._names.failed(name, clock)
        user = await self._db.run(lambda c: people.user_by_name(c, username))
        good = await self._verify(user.password_hash if user is not None else self._nobody, password)
        at = self._now()
        if user is None or not good or user.disabled:
            # only failures here: a whole hotline may sign in from one address at the start of a shift
            self._addresses.failed(remote, clock)
            subject = f"user:{user.username}" if user is not None else ""
            await self._audit(at, username[:64], "login_failed", subject, remote)
            raise BadCredentials("user name or password is wrong")
        self._names.cleared(name)
        token = secrets.token_urlsafe(32)
        ends = at + self._lifetime

        def save(conn: Connection) -> None:
            people.purge_sessions(conn, at)
            people.add_session(
                conn,
                token_hash=token_hash(token),
                user_id=user.id,
                created_at=at,
                expires_at=ends,
                remote=remote,
                user_agent=user_agent,
            )
            people.add_audit(conn, at=at, who=user.username, action="login", remote=remote)

        await self._db.write(save)
        return token, ends, _principal(user)

    async def who(self, token: str) -> Principal | None:
        """Whom the token belongs to, or None; asked of the store at most every CACHE_S seconds."""
        hashed = token_hash(token)
        clock = self._clock()
        known = self._known.get(hashed)
        if known is not None and clock - known[0] < CACHE_S:
            return known[1]
        user = await self._db.run(lambda c: people.session_user(c, hashed, self._now()))
        self._known.pop(hashed, None)
        if user is None:
            return None
        self._known[hashed] = (clock, _principal(user))
        while len(self._known) > MAX_CACHE:
            self._known.popitem(last=False)
        return self._known[hashed][1]

    async def sign_out(self, token: str) -> None:
        """End the session; unknown tokens are ignored."""
        hashed = token_hash(token)
        self._known.pop(hashed, None)
        at = self._now()

        def end(conn: Connection) -> None:
            user = people.session_user(conn, hashed, at)
            if people.end_session(conn, hashed) and user is not None:
                people.add_audit(conn, at=at, who=user.username, action="logout")

        await self._db.write(end)
        self._known.pop(hashed, None)

    async def sign_out_agent(self, agent: str) -> int:
        """End every session of the people who have this agent number; how many there were."""

        def end(conn: Connection) -> tuple[int, set[int]]:
            ids = {u.id for u in people.list_users(conn) if u.agent == agent}
            return sum(people.end_sessions_of(conn, i) for i in ids), ids

        count, ids = await self._db.write(end)
        for hashed in [h for h, (_, who) in self._known.items() if who.user_id in ids]:
            del self._known[hashed]
        return count

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _verify(self, stored: str, password: str) -> bool:
        if self._waiting >= MAX_WAITING_HASHES:
            raise Unavailable("too many people sign in at once")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, verify_password, stored, password)
        finally:
            self._waiting -= 1

    async def _audit(self, at: datetime, who: str, action: str, subject: str, remote: str) -> None:
        await self._db.write(
            lambda c: people.add_audit(c, at=at, who=who, action=action, subject=subject, remote=remote)
        )


def _principal(user: people.User) -> Principal:
    return Principal(user.id, user.username, user.name, user.roles, user.agent)
