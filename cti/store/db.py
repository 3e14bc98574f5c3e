"""The store behind a bounded thread pool: synchronous SQLAlchemy Core on sqlite3 or psycopg.

Synchronous drivers behind threads because the asynchronous ones cost several times as much on the pop's
path (speed.md). Reading and writing have separate connections: on SQLite there is one writer and any
number of readers (WAL), on PostgreSQL reads run in autocommit, which saves two round trips.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cti.errors import ConfigError, DeadlineExceeded, Unavailable

T = TypeVar("T")

READ_DEADLINE_S = 2.0
WRITE_DEADLINE_S = 5.0
BUSY_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 30.0  # PostgreSQL's own limit, behind the deadlines of the callers
CONNECT_TIMEOUT_S = 3
BESIDE = 8  # connections of `begin` on top of those of the threads: a look-up never waits for nightly work


@dataclass(slots=True)
class _Job:
    """One call of `run`: knows its connection while it has one, so that it can be broken off."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    driver: Any = None
    broken_off: bool = False

    def hold(self, driver: Any) -> None:
        with self.lock:
            if self.broken_off:
                raise DeadlineExceeded("the store: the caller gave up before the statement started")
            self.driver = driver

    def release(self) -> None:
        with self.lock:
            self.driver = None

    def break_off(self) -> None:
        """Stop the running statement, so that its thread is free again. Called off the event loop."""
        with self.lock:
            self.broken_off = True
            if self.driver is None:
                return
            # the connection may have died meanwhile: then there is nothing left to stop
            with suppress(Exception):
                if isinstance(self.driver, sqlite3.Connection):
                    self.driver.interrupt()
                else:
                    self.driver.cancel_safe(timeout=1.0)


class _Lane:
    """An engine, its threads and the bound on how many may wait for them."""

    def __init__(self, name: str, engine: Engine, threads: int, waiting: int) -> None:
        self.engine = engine
        self.limit = threads + waiting
        self._count = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"store-{name}")

    def submit(self, call: Callable[[], T]) -> Future[T]:
        with self._lock:
            if self._count >= self.limit:
                raise Unavailable(f"the store is overloaded: {self._count} statements are waiting")
            self._count += 1
        try:
            future = self._pool.submit(call)
        except RuntimeError as e:  # shut down
            self._done()
            raise Unavailable("the store is closed") from e
        future.add_done_callback(lambda _: self._done())
        return future

    def _done(self) -> None:
        with self._lock:
            self._count -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.engine.dispose()


class Database:
    """The store. Opens nothing until it is first used; `close` ends its threads and connections.

    `url` is an SQLAlchemy URL, ``sqlite:///file`` or ``postgresql+psycopg://…``; ConfigError for others.
    `threads` is the number of readers (and of writers on PostgreSQL); at most `waiting` calls may wait.
    """

    def __init__(self, url: str, *, threads: int = 4, waiting: int = 1000) -> None:
        self.url = _checked(url)
        self.dialect = self.url.get_backend_name()
        writers = 1 if self.dialect == "sqlite" else threads
        self._read = _Lane("read", _engine(self.url, threads, read_only=True), threads, waiting)
        self._write = _Lane("write", _engine(self.url, writers, read_only=False), writers, waiting)
        self._breaker = ThreadPoolExecutor(1, thread_name_prefix="store-cancel")

    async def run(
        self, fn: Callable[[Connection], T], *, deadline: float = READ_DEADLINE_S, write: bool = False
    ) -> T:
        """Run `fn(connection)` in a thread; with `write`, inside one transaction, committed at its end.

        Without `write` a statement that changes anything fails. `deadline` in seconds covers waiting
        and running. Raises DeadlineExceeded (the statement is stopped and rolled back; a write may have
        been committed in the very last moment) and Unavailable (queue full, store away or locked).
        """
        job = _Job()
        lane = self._write if write else self._read
        future = lane.submit(lambda: self._call(lane, fn, job, again=not write))
        try:
            # not wait_for: up to Python 3.11 it loses a cancellation that comes together with the result
            async with asyncio.timeout(deadline):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            self._breaker.submit(job.break_off)
            raise DeadlineExceeded(f"the store did not answer within {deadline:g} s") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if future.cancelled() and task is not None and not task.cancelling():
                raise Unavailable("the store was closed meanwhile") from None
            if not future.done():
                self._breaker.submit(job.break_off)
            raise

    async def write(self, fn: Callable[[Connection], T], *, deadline: float = WRITE_DEADLINE_S) -> T:
        """`run` with ``write=True``."""
        return await self.run(fn, deadline=deadline, write=True)

    async def health(self, deadline: float = 1.0) -> None:
        """Returns when the store answers; raises DeadlineExceeded or Unavailable otherwise."""
        await self.run(lambda c: c.execute(sa.text("SELECT 1")).scalar_one(), deadline=deadline)

    @contextmanager
    def begin(self, *, write: bool = True) -> Iterator[Connection]:
        """For the command line and tests: a connection in this thread, in one transaction."""
        lane = self._write if write else self._read
        try:
            with lane.engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as e:
            raise _ours(e) from e

    def close(self) -> None:
        """End all threads and connections; calls that wait get Unavailable."""
        self._read.close()
        self._write.close()
        self._breaker.shutdown(wait=True)

    def _call(self, lane: _Lane, fn: Callable[[Connection], T], job: _Job, *, again: bool) -> T:
        try:
            with lane.engine.begin() as connection:
                job.hold(connection.connection.driver_connection)
                try:
                    return fn(connection)
                finally:
                    job.release()
        except (DBAPIError, PoolTimeout) as e:
            # a pooled connection that died while idle: every other one is renewed, so one more try is enough
            if again and isinstance(e, DBAPIError) and e.connection_invalidated and not job.broken_off:
                return self._call(lane, fn, job, again=False)
            # plain DatabaseError is sqlite3's word for a file that is damaged or no database
            if isinstance(e, OperationalError | InterfaceError | PoolTimeout) or type(e) is DatabaseError:
                raise _ours(e) from e
            raise


def _ours(error: DBAPIError | PoolTimeout) -> DeadlineExceeded | Unavailable:
    """The driver's complaint in our terms, in one line and without the statement's values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = " ".join(str(cause).split())[:300]
    if getattr(cause, "sqlstate", None) == "57014" or said == "interrupted":
        return DeadlineExceeded(f"the store broke off a statement: {said}")
    return Unavailable(f"the store is not available: {said}")


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as e:
        raise ConfigError("store.url is not a database URL (sqlite:///file or postgresql+psycopg://…)") from e
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise ConfigError(f"store.url: {parsed.drivername} is not supported (sqlite or postgresql+psycopg)")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigError("store.url: SQLite needs a file here (sqlite:///var/laidian.db)")
    return parsed


def _engine(url: URL, size: int, *, read_only: bool) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, size, read_only=read_only)
    limit_ms = int(STATEMENT_TIMEOUT_S * 1000)
    # a parallel plan of some nightly count would take every core from the calls (bench ring_to_pop)
    options = f"-c statement_timeout={limit_ms} -c timezone=UTC -c max_parallel_workers_per_gather=0"
    if read_only:
        options += " -c default_transaction_read_only=on"
    return sa.create_engine(
        url,
        pool_size=size,
        max_overflow=BESIDE,
        pool_timeout=CONNECT_TIMEOUT_S,
        # a write must not be tried twice, so its connection is tested first; a read is simply repeated
        pool_pre_ping=not read_only,
        isolation_level="AUTOCOMMIT" if read_only else "READ COMMITTED",
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": options},
    )


def _sqrt(value: float | None) -> float | None:
    return None if value is None or value < 0 else math.sqrt(value)


def _sqlite_engine(url: URL, size: int, *, read_only: bool) -> Engine:
    engine = sa.create_engine(
        url,
        poolclass=sa.pool.QueuePool,
        pool_size=size,
        max_overflow=BESIDE,
        pool_timeout=BUSY_TIMEOUT_S,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S, "cached_statements": 512},
    )

    @sa.event.listens_for(engine, "do_connect")
    def _directory(dialect: Any, record: Any, args: Any, kwargs: Any) -> None:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # our own BEGIN below, not the driver's late one
        # not every build of SQLite has the mathematical functions
        connection.create_function("sqrt", 1, _sqrt, deterministic=True)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.execute("PRAGMA mmap_size = 1073741824")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a writer takes the lock at once: upgrading a read lock later fails without waiting
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
