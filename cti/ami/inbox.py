"""The bounded queue between the reader of a connection and who consumes its messages."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from cti.ami.wire import Message

HIGH_WATER = 4_000  # messages; more would only grow cold: the kernel and the server hold the rest
LOW_WATER = 1_000


class Tap(Protocol):
    """What can be told to stop and go on reading."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Inbox:
    """Batches of messages in order. Full means: stop reading, so that TCP makes the server wait.

    Nothing is dropped here. A consumer that stays behind for so long that the server gives up (its
    ``writetimeout``) or a ping stays unanswered costs the connection, which is told as a gap and resynced.
    """

    def __init__(self, high: int = HIGH_WATER, low: int = LOW_WATER) -> None:
        self._batches: deque[list[Message]] = deque()
        self._filled = asyncio.Event()
        self._high, self._low = high, low
        self._tap: Tap | None = None
        self.count = 0
        self.pauses = 0
        self.paused = False

    def attach(self, tap: Tap) -> None:
        """Whom to stop when full."""
        self._tap = tap

    def put(self, batch: list[Message]) -> None:
        """Called by the reader; never blocks, never refuses what has been read."""
        self._batches.append(batch)
        self.count += len(batch)
        self._filled.set()
        if self.count >= self._high and not self.paused and self._tap is not None:
            self.paused = True
            self.pauses += 1
            self._tap.pause()

    def wake(self) -> None:
        """Let the consumer look up although nothing came (the connection is lost)."""
        self._filled.set()

    async def wait(self) -> None:
        """Until there is something, or `wake` was called."""
        await self._filled.wait()

    def take(self, at_most: int) -> list[Message]:
        """The next messages in order, at most so many; empty when there are none."""
        if not self._batches:
            self._filled.clear()
            return []
        batch = self._batches.popleft()
        if len(batch) > at_most:
            self._batches.appendleft(batch[at_most:])
            batch = batch[:at_most]
        self.count -= len(batch)
        if self.paused and self.count <= self._low and self._tap is not None:
            self.paused = False
            self._tap.resume()
        return batch
