"""A consumer that keeps what it heard, and waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from cti.ami.client import AmiClient
from cti.ami.wire import Message
from cti.config import AmiNode
from cti.domain.call import GapEvent


class Listener:
    """Everything in order: ``("message", …)``, ``("resync", …)``, ``("gap", …)``."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.on_batch: Callable[[Sequence[Message]], None] = lambda _: None

    def messages(self, batch: Sequence[Message], received: datetime) -> None:
        self.heard += [("message", m) for m in batch]
        self.on_batch(batch)

    def resync(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None:
        self.heard.append(("resync", (channels, queues)))

    def gap(self, event: GapEvent) -> None:
        self.heard.append(("gap", event))

    def names(self) -> list[str]:
        return [m.name for kind, m in self.heard if kind == "message"]

    def gaps(self) -> list[GapEvent]:
        return [event for kind, event in self.heard if kind == "gap"]

    async def until(self, what: Callable[[Listener], bool], timeout_s: float = 15.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not what(self):
                await asyncio.sleep(0.01)


def node(port: int, **values: Any) -> AmiNode:
    given = {"name": "pbx1", "port": port, "username": "u", "secret": SecretStr("s"), "ping_s": 1.0, **values}
    return AmiNode(**{"action_timeout_s": 1.0, **given})


@asynccontextmanager
async def listening(port: int, **values: Any) -> AsyncIterator[tuple[AmiClient, Listener]]:
    """A client that is ready, and what it hears."""
    listener = Listener()
    async with AmiClient(node(port, **values), listener) as client:
        await client.wait_ready()
        yield client, listener
