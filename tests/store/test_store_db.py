"""The store's doors: deadlines, bounds, transactions and errors that say whose fault it was."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.errors import ConfigError, DeadlineExceeded, Unavailable
from cti.store.db import Database
from cti.store.tables import gaps
from tests.plugins.postgres import Cluster


def _slow(conn: Connection) -> int:
    """A statement that takes far longer than any deadline here."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text("SELECT pg_sleep(60)"))
        return 0
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    return int(conn.execute(sa.text(endless)).scalar_one())


def _one(conn: Connection) -> int:
    return int(conn.execute(sa.text("SELECT 1")).scalar_one())


def _gaps(conn: Connection) -> int:
    return int(conn.execute(sa.select(sa.func.count()).select_from(gaps)).scalar_one())


async def test_result_comes_back(database: Database) -> None:
    """What the function returns is what `run` returns."""
    assert await database.run(_one) == 1
    assert await database.write(_one) == 1
    await database.health()


async def test_deadline_stops_the_statement_and_frees_the_thread(database: Database) -> None:
    """A statement past its deadline is broken off; the store answers right after, on every thread."""
    calls = [database.run(_slow, deadline=0.2) for _ in range(8)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(r, DeadlineExceeded) for r in results)
    assert await asyncio.gather(*(database.run(_one, deadline=30) for _ in range(8))) == [1] * 8


async def test_deadline_of_a_write_rolls_back(database: Database) -> None:
    """What a broken-off write had done before is undone."""

    def write(conn: Connection) -> None:
        conn.execute(sa.insert(gaps).values(node="n", since=sa.func.current_timestamp(), reason="x"))
        _slow(conn)

    with pytest.raises(DeadlineExceeded):
        await database.write(write, deadline=0.5)
    count = await database.write(
        lambda c: c.execute(sa.select(sa.func.count()).select_from(gaps)).scalar_one()
    )
    assert count == 0


async def test_exception_rolls_back(database: Database) -> None:
    """An error of the function undoes the whole transaction and reaches the caller as it is."""

    def write(conn: Connection) -> None:
        conn.execute(sa.insert(gaps).values(node="n", since=sa.func.current_timestamp(), reason="x"))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await database.write(write)
    assert await database.run(_gaps) == 0


async def test_nightly_work_takes_no_connection_from_the_threads(database_url: str) -> None:
    """While background work holds connections as `begin` gives them, every thread still has its own."""
    database = Database(database_url, threads=2)
    try:
        with database.begin(write=False) as first, database.begin(write=False) as second:
            assert (_one(first), _one(second)) == (1, 1)
            assert await asyncio.gather(*(database.run(_one, deadline=2) for _ in range(8))) == [1] * 8
    finally:
        database.close()


async def test_reading_cannot_write(database: Database) -> None:
    """A statement that changes anything fails without ``write=True``."""
    statement = sa.insert(gaps).values(node="n", since=sa.func.current_timestamp(), reason="x")
    with pytest.raises((Unavailable, sa.exc.DBAPIError), match=r"readonly|read-only"):
        await database.run(lambda c: c.execute(statement))


async def test_full_queue_is_refused_at_once(database_url: str) -> None:
    """With all threads busy and the queue full the next call gets Unavailable instead of waiting."""
    database = Database(database_url, threads=1, waiting=1)
    go = threading.Event()
    blocked = [asyncio.ensure_future(database.run(lambda _: go.wait(30), deadline=60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="overloaded"):
        await database.run(_one)
    go.set()
    assert await asyncio.gather(*blocked) == [True, True]
    assert await database.run(_one) == 1
    database.close()


async def test_cancelling_the_caller_frees_the_thread(database_url: str) -> None:
    """A caller that goes away takes its statement along."""
    database = Database(database_url, threads=1)
    task = asyncio.ensure_future(database.run(_slow, deadline=60))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await database.run(_one, deadline=30) == 1
    database.close()


async def test_closing_lets_waiting_calls_know(database_url: str) -> None:
    """Calls that still wait when the store is closed get Unavailable, and so do later ones."""
    database = Database(database_url, threads=1)
    go = threading.Event()
    first = asyncio.ensure_future(database.run(lambda _: go.wait(30), deadline=60))
    second = asyncio.ensure_future(database.run(_one, deadline=60))
    await asyncio.sleep(0.1)
    closing = asyncio.ensure_future(asyncio.to_thread(database.close))
    await asyncio.sleep(0.1)
    go.set()
    await closing
    assert await first is True
    with pytest.raises(Unavailable):
        await second
    with pytest.raises(Unavailable):
        await database.run(_one)


async def test_many_writers_take_turns(database: Database) -> None:
    """Writes at the same time all succeed, none is lost."""
    metadata = sa.MetaData()
    table = sa.Table("counter", metadata, sa.Column("n", sa.Integer))

    def create(conn: Connection) -> None:
        metadata.create_all(conn)
        conn.execute(sa.insert(table).values(n=0))

    await database.write(create)
    add = sa.update(table).values(n=table.c.n + 1)
    await asyncio.gather(*(database.write(lambda c: c.execute(add), deadline=60) for _ in range(100)))
    assert await database.run(lambda c: c.execute(sa.select(table.c.n)).scalar_one()) == 100


async def test_locked_sqlite_is_read_while_it_is_locked(sqlite_url: str) -> None:
    """While another process holds the write lock, reading goes on and writing meets its deadline."""
    database = Database(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    await database.health()
    other.execute("BEGIN IMMEDIATE")
    assert await database.run(_one) == 1
    with pytest.raises(DeadlineExceeded):
        await database.write(_one, deadline=0.3)
    other.execute("COMMIT")
    assert await database.write(_one, deadline=30) == 1
    other.close()
    database.close()


@pytest.mark.postgres
async def test_lost_connections_are_replaced(postgres_url: str, postgres_cluster: Cluster) -> None:
    """After the server has dropped every connection the next read and write succeed on new ones."""
    database = Database(postgres_url)
    await asyncio.gather(*(database.run(_one) for _ in range(8)), database.write(_one))
    name = database.url.database
    postgres_cluster.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    assert await asyncio.gather(*(database.run(_one, deadline=30) for _ in range(8))) == [1] * 8
    assert await database.write(_one, deadline=30) == 1
    database.close()


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that accepts connections and never says anything."""
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield server.getsockname()[1]


async def test_silent_server_costs_no_more_than_the_deadline(silent_server: int) -> None:
    """A server that accepts and says nothing gives DeadlineExceeded; a closed port gives Unavailable."""
    database = Database(f"postgresql+psycopg://u:secret@127.0.0.1:{silent_server}/x")
    with pytest.raises(DeadlineExceeded):
        await database.run(_one, deadline=0.2)
    await asyncio.to_thread(database.close)


async def test_store_that_is_away_is_unavailable() -> None:
    """Nothing listens there: Unavailable, and the password is not in the text."""
    database = Database("postgresql+psycopg://u:secret@127.0.0.1:1/x")
    with pytest.raises(Unavailable) as caught:
        await database.run(_one, deadline=30)
    assert "secret" not in str(caught.value)
    database.close()


async def test_sqlite_file_that_is_none(tmp_path: Path) -> None:
    """A file that is no database is told as such, not as a crash."""
    file = tmp_path / "bad.db"
    file.write_bytes(b"this is no database at all" * 100)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(Unavailable, match="not a database"):
        await database.run(_one)
    database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://u@h/d", "not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_wrong_urls_are_refused(url: str, said: str) -> None:
    """A URL that cannot work is a settings error in one sentence."""
    with pytest.raises(ConfigError, match=said):
        Database(url)


def test_plain_postgresql_url_means_psycopg() -> None:
    """The short form is taken too."""
    database = Database("postgresql://u@h/d")
    assert database.url.drivername == "postgresql+psycopg"
    database.close()


async def test_moments_come_back_in_utc(database: Database) -> None:
    """What goes in with any zone comes out in UTC; a moment without a zone is refused."""
    from datetime import UTC, datetime, timedelta, timezone

    china = datetime(2025, 3, 10, 8, 30, 15, 250_000, tzinfo=timezone(timedelta(hours=8)))

    def write(conn: Connection) -> Any:
        conn.execute(sa.insert(gaps).values(node="n", since=china, reason=""))
        return conn.execute(sa.select(gaps.c.since)).scalar_one()

    found = await database.write(write)
    assert found == china
    assert found.tzinfo is UTC
    with pytest.raises(sa.exc.StatementError, match="without time zone"):
        await database.write(
            lambda c: c.execute(sa.insert(gaps).values(node="m", since=china.replace(tzinfo=None), reason=""))
        )


def test_psycopg_is_the_real_thing() -> None:
    """The driver that the tests use is the compiled one that the product ships with."""
    assert psycopg.pq.__impl__ == "binary"
