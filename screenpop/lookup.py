"""Finding out who calls, from the moment the call arrives, without ever holding up a ring.

The answer is told once it is there. After `deadline_s` the pops are told to go without it, and it is told
later as a completion. A store that is away is asked again, with growing pauses, while the call lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from cti.domain.call import CallKey
from cti.domain.customer import Lookup, Outcome
from cti.domain.phone import NumberClass, Plan, parse
from cti.errors import DeadlineExceeded, LaidianError, Unavailable
from cti.obs import get_logger

_log = get_logger("lookup")

MAX_RUNNING = 2_000
AGAIN_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_NO_STORE = {
    NumberClass.ANONYMOUS: Outcome.ANONYMOUS,
    NumberClass.MASKED: Outcome.MASKED,
    NumberClass.SERVICE: Outcome.SERVICE,
    NumberClass.INTERNAL: Outcome.NONE,
    NumberClass.INVALID: Outcome.NONE,
}


class Finder(Protocol):
    """The store's side. Raises Unavailable or DeadlineExceeded."""

    def by_number(self, number: str) -> Awaitable[Lookup]: ...

    def by_waybill(self, waybill: str) -> Awaitable[Lookup]: ...


class Answered(Protocol):
    """Is told the answer; None when the deadline has passed without one."""

    def __call__(self, key: CallKey, lookup: Lookup | None, *, by_waybill: bool = False) -> None: ...


def at_once(number: str, plan: Plan) -> Lookup | None:
    """The answer for numbers that may not or cannot be looked up: no store is needed for that."""
    parsed = parse(number, plan)
    outcome = _NO_STORE.get(parsed.cls)
    return Lookup(outcome, parsed.rule) if outcome is not None else None


class Lookups:
    """All look-ups that are under way; at most MAX_RUNNING, further ones are `unavailable` at once."""

    def __init__(self, finder: Finder, plan: Plan, deadline_s: float, answered: Answered) -> None:
        self._finder = finder
        self._plan = plan
        self._deadline_s = deadline_s
        self._answered = answered
        self._running: dict[CallKey, set[asyncio.Task[None]]] = {}
        self._count = 0
        self.slow = 0  # answers after the deadline
        self.failed = 0  # questions that the store did not answer

    def number(self, key: CallKey, number: str) -> None:
        """Ask who has this number."""
        known = at_once(number, self._plan)
        if known is not None:
            self._answered(key, known)
        elif self._count >= MAX_RUNNING:
            self._answered(key, Lookup(Outcome.UNAVAILABLE, "overload"))
        else:
            self._start(key, self._ask(key, lambda: self._finder.by_number(number), by_waybill=False))

    def waybill(self, key: CallKey, waybill: str) -> None:
        """Ask whose waybill this is: the second key."""
        if self._count < MAX_RUNNING:
            self._start(key, self._ask(key, lambda: self._finder.by_waybill(waybill), by_waybill=True))

    def drop(self, key: CallKey) -> None:
        """The call has ended: nobody waits for the answer any more."""
        for task in self._running.pop(key, set()):
            task.cancel()

    async def stop(self) -> None:
        tasks = [t for group in self._running.values() for t in group]
        for key in list(self._running):
            self.drop(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: CallKey, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.setdefault(key, set()).add(task)
        self._count += 1
        task.add_done_callback(lambda t: self._done(key, t))

    def _done(self, key: CallKey, task: asyncio.Task[None]) -> None:
        self._count -= 1
        group = self._running.get(key, set())
        group.discard(task)
        if not group:
            self._running.pop(key, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("look-up failed", linkedid=key.linkedid, why=repr(task.exception()))
            self._answered(key, Lookup(Outcome.UNAVAILABLE, "error"))

    async def _ask(self, key: CallKey, ask: Callable[[], Awaitable[Lookup]], *, by_waybill: bool) -> None:
        handle = None
        if not by_waybill:
            handle = asyncio.get_running_loop().call_later(self._deadline_s, self._late, key)
        try:
            for pause in (*AGAIN_S, None):
                try:
                    answer = await ask()
                except (Unavailable, DeadlineExceeded) as e:
                    self.failed += 1
                    _log.warning("the store does not answer", linkedid=key.linkedid, why=str(e))
                    if not by_waybill:
                        self._answered(key, Lookup(Outcome.UNAVAILABLE, "store"))
                except LaidianError as e:
                    _log.error("look-up refused", linkedid=key.linkedid, why=str(e))
                    self._answered(key, Lookup(Outcome.UNAVAILABLE, "error"), by_waybill=by_waybill)
                    return
                else:
                    self._answered(key, answer, by_waybill=by_waybill)
                    return
                if handle is not None:
                    handle.cancel()
                if pause is not None:
                    await asyncio.sleep(pause)
        finally:
            if handle is not None:
                handle.cancel()

    def _late(self, key: CallKey) -> None:
        self.slow += 1
        _log.warning("the look-up is late, the pop goes without it", linkedid=key.linkedid)
        self._answered(key, None)
