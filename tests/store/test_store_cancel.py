"""A cancellation is never lost in the store: a service that stops must not wait for what it gave up."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from cti.store.db import Database


async def test_cancelled_in_the_moment_of_the_answer(sqlite_url: str) -> None:
    """The answer is on its way to the loop when the asking task is cancelled: it ends as cancelled."""
    database = Database(sqlite_url)
    go = threading.Event()
    asked = asyncio.create_task(database.run(lambda c: go.wait(10)))
    await asyncio.sleep(0.1)
    go.set()
    time.sleep(0.2)  # noqa: ASYNC251 - the thread answers while the loop is not looking
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    database.close()
