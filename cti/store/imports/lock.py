"""One import at a time: the second waits for the first instead of mixing with it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from cti.errors import Unavailable
from cti.store.db import Database

_ADVISORY = 0x6C61_6964  # any fixed number will do, as long as nothing else takes it
_POLL_S = 0.1


@contextmanager
def import_lock(database: Database, wait_s: float) -> Iterator[None]:
    """Hold the lock of a store; Unavailable when it was not to be had within `wait_s` seconds.

    SQLite: a lock on a file beside the database, freed by the system when the process dies. PostgreSQL:
    an advisory lock, freed when its connection ends.
    """
    give_up = time.monotonic() + wait_s
    if database.dialect == "sqlite":
        with open(f"{database.url.database}.import-lock", "w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    _wait(give_up)
            yield
        return
    with database.begin(write=False) as connection:
        while not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY))).scalar():
            _wait(give_up)
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_ADVISORY)))


def _wait(give_up: float) -> None:
    if time.monotonic() > give_up:
        raise Unavailable("another import is still running")
    time.sleep(_POLL_S)
