"""Tells the PBX when an agent is paused: one order at a time per agent, the latest wish wins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cti.errors import LaidianError
from cti.obs import get_logger
from screenpop.desk import Desk

_log = get_logger("pauses")
AGAIN_S = 5.0

PauseAgent = Callable[[str, bool, str], Awaitable[None]]  # agent, paused, reason; raises LaidianError


class Pauses:
    """Carries out what `Desk.due` says; tries again later what the PBX did not take."""

    def __init__(self, desk: Desk, pause: PauseAgent, failed: Callable[[], None]) -> None:
        self._desk = desk
        self._pause = pause
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def sync(self, agent: str) -> None:
        """Bring the PBX in line for this agent, soon."""
        timer = self._timers.pop(agent, None)
        if timer is not None:
            timer.cancel()
        if agent in self._desk and agent not in self._tasks and self._desk.due(agent) is not None:
            self._tasks[agent] = asyncio.get_running_loop().create_task(self._run(agent))

    async def stop(self, deadline: float = 2.0) -> None:
        """Let orders under way end, within `deadline` seconds."""
        for timer in self._timers.values():
            timer.cancel()
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=deadline)
            for task in late:
                task.cancel()

    async def _run(self, agent: str) -> None:
        try:
            while (wish := self._desk.due(agent)) is not None:
                self._desk.telling(agent, wish)
                done = False
                try:
                    await self._pause(agent, wish.paused, wish.reason)
                    done = True
                finally:
                    self._desk.told(agent, done=done)
        except LaidianError as e:
            self._failed()
            _log.warning("the PBX did not take a pause", agent=agent, why=str(e))
            loop = asyncio.get_running_loop()
            self._timers[agent] = loop.call_later(AGAIN_S, self.sync, agent)
        finally:
            self._tasks.pop(agent, None)
