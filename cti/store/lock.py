"""One import at a time, and one recomputation: the second waits for the first instead of mixing with it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from cti.errors import Unavailable
from cti.store.db import Database

# any fixed numbers will do, as long as nothing else takes them
_ADVISORY = {"import": 0x6C61_6964, "tiers": 0x6C61_6965}
_RUNS = {"import": "another import is still running", "tiers": "tiers are being recomputed already"}
_POLL_S = 0.1


@contextmanager
def store_lock(database: Database, wait_s: float, name: str = "import") -> Iterator[None]:
    """Hold a lock of a store (``import``, ``tiers``); Unavailable when it was not to be had in `wait_s` s.

    SQLite: a lock on a file beside the database, freed by the system when the process dies. PostgreSQL:
    an advisory lock, freed when its connection ends.
    """
    give_up = time.monotonic() + wait_s
    if database.dialect == "sqlite":
        with open(f"{database.url.database}.{name}-lock", "w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    _wait(give_up, name)
            yield
        return
    with database.begin(write=False) as connection:
        while not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY[name]))).scalar():
            _wait(give_up, name)
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_ADVISORY[name])))


def _wait(give_up: float, name: str) -> None:
    if time.monotonic() > give_up:
        raise Unavailable(_RUNS[name])
    time.sleep(_POLL_S)
