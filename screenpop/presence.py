"""登录时长: which agents have their desk open in a browser, looked at every EVERY_S seconds and recorded.

A page that is loaded again between two looks counts through; the end of the service takes less than one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

from cti.errors import Unavailable
from cti.obs import get_logger
from screenpop.hub import Hub
from screenpop.ledger import LedgerWriter

_log = get_logger("presence")
EVERY_S = 20.0
MOST = 200  # agents in one record


class Presence:
    """Looks at the pages of the hub."""

    def __init__(
        self, hub: Hub, ledger: LedgerWriter, now: Callable[[], datetime], *, every_s: float = EVERY_S
    ) -> None:
        self._hub, self._ledger, self._now, self._every_s = hub, ledger, now, every_s
        self._since: dict[str, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="presence")

    async def stop(self) -> None:
        """The pages are gone by then: what is lost is the time since the last look."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def look(self) -> None:
        """Record who is signed in now, since when."""
        at = self._now()
        there = {member.agent for member in self._hub.members() if member.agent}
        self._since = {agent: self._since.get(agent, at) for agent in sorted(there)}
        told = [[agent, since.isoformat(), at.isoformat()] for agent, since in self._since.items()]
        try:
            for start in range(0, len(told), MOST):
                self._ledger.add({"op": "signed_in", "set": {"agents": told[start : start + MOST]}})
        except Unavailable as e:
            _log.error("sign-ins are not recorded", why=str(e))

    async def _run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(self._every_s)
