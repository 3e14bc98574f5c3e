"""The REST interface of one node, kept open for live help: connected, swept, connected again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

from cti.ari.client import AriClient
from cti.ari.legs import APP, Legs
from cti.config import AmiNode
from cti.errors import LaidianError
from cti.obs import get_logger

_log = get_logger("live")
AGAIN_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
SWEEP_S = 60.0


class LiveNode:
    """One node. `names` tells which talks are open; `on_up` is told when it comes and goes."""

    def __init__(
        self,
        node: AmiNode,
        run: str,
        on_up: Callable[[str, bool], None],
        names: Callable[[], Collection[str]],
    ) -> None:
        self._node, self._run, self._on_up, self._names = node, run, on_up, names
        self.legs: Legs | None = None
        self._task: asyncio.Task[None] | None = None
        self._serial = 0

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.get_running_loop().create_task(self._keep(), name=f"live-{self._node.name}")

    async def stop(self) -> None:
        """End at once; what this run has made is taken away first."""
        if self.legs is not None:
            with contextlib.suppress(LaidianError):
                await self.legs.sweep()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                async with AriClient(self._node) as ari, ari.events(APP) as events:
                    self._serial += 1
                    legs = Legs(ari, _media(self._node.ari_url), f"{self._run}{self._serial:x}")
                    await legs.sweep(self._names(), everything=True)
                    failures, self.legs = 0, legs
                    _log.info("live audio can be had", node=self._node.name)
                    await self._listen(legs, events)
            except LaidianError as e:
                if not failures:
                    _log.warning("no live audio", node=self._node.name, why=str(e))
            self.legs = None
            self._on_up(self._node.name, False)
            await asyncio.sleep(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
            failures += 1

    async def _listen(self, legs: Legs, events: AsyncIterator[dict[str, Any]]) -> None:
        tidying = asyncio.create_task(self._tidy(legs), name="live-sweep")
        try:
            self._on_up(self._node.name, True)
            async for event in events:
                legs.heard(event)
        finally:
            tidying.cancel()

    async def _tidy(self, legs: Legs) -> None:
        """What could not be deleted when its talk ended."""
        while True:
            await asyncio.sleep(SWEEP_S)
            with contextlib.suppress(LaidianError):
                await legs.sweep(self._names())


def _media(url: str) -> str:
    """Where the sound is fetched: the same door, over WebSocket."""
    return "ws" + url.removeprefix("http").rstrip("/")
