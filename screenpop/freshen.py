"""Open pops follow what other systems and colleagues change: the look-up is put again, what differs is told.

News come in whole deliveries and may come by thousands; a call is asked about once for all news of GATHER_S
seconds, one call after another, so that a ringing call's look-up never waits behind more than one of these.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from cti.domain.call import CallKey
from cti.domain.customer import Lookup, Outcome
from cti.domain.phone import Plan, parse
from cti.errors import LaidianError
from cti.obs import get_logger
from screenpop.finder import StoreFinder
from screenpop.merge import better
from screenpop.pop import Call
from screenpop.service import Service

_log = get_logger("freshen")
GATHER_S = 0.4


@dataclass(frozen=True, slots=True)
class News:
    """Whom a change concerns: customers and complaints by id, waybills by number, callers by number key."""

    customers: frozenset[int] = frozenset()
    complaints: frozenset[int] = frozenset()
    waybills: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def concern(self, call: Call, plan: Plan) -> bool:
        """Whether this call's card may show something of it, or should from now on."""
        found = call.lookup
        if found is None or call.erased:
            return False
        known = (found.customer, *found.candidates)
        if any(c is not None and c.id in self.customers for c in known):
            return True
        if any(w.number in self.waybills for w in found.waybills) or call.waybill_asked in self.waybills:
            return True
        if any(c.id in self.complaints for c in found.complaints):
            return True
        return (
            bool(self.keys) and found.outcome is not Outcome.ONE and parse(call.number, plan).key in self.keys
        )


class Freshen:
    """Takes news and brings the pops that are open up to them."""

    def __init__(self, service: Service, finder: StoreFinder, plan: Plan) -> None:
        self._service, self._finder, self._plan = service, finder, plan
        self._waiting: dict[CallKey, None] = {}  # bounded by the calls that are on a screen
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="freshen")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def told(self, news: News) -> None:
        """Something was changed in the store just now."""
        for call in self._service.book.shown():
            if news.concern(call, self._plan):
                self._waiting[call.key] = None
        if self._waiting:
            self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            keys, self._waiting = list(self._waiting), {}
            for key in keys:
                call = self._service.book.call(key)
                if call is None or call.lookup is None:
                    continue
                try:
                    found = await self._again(call, call.lookup)
                except LaidianError as e:
                    _log.warning("an open pop is not up to date", linkedid=key.linkedid, why=str(e))
                except Exception as e:  # noqa: BLE001 - the next news are told all the same
                    _log.error("an open pop is not up to date", linkedid=key.linkedid, why=repr(e))
                else:
                    self._service.freshened(key, call.lookup, found)

    async def _again(self, call: Call, old: Lookup) -> Lookup:
        """The question that led to `old`, put once more."""
        if old.rule == "chosen" and old.customer is not None:
            found = await self._finder.by_id(old.customer.id)
            return replace(found, rule=old.rule, candidates=old.candidates)
        found = await self._finder.by_number(call.number)
        if call.waybill_asked:
            typed = await self._finder.by_waybill(call.waybill_asked)
            found = better(found, typed, by_waybill=True)
        return found


def news_of(
    *,
    customers: Iterable[int | None] = (),
    complaints: Iterable[int] = (),
    waybills: Iterable[str] = (),
    keys: Iterable[str] = (),
) -> News:
    """News of these; None and "" are nobody."""
    return News(
        frozenset(i for i in customers if i is not None),
        frozenset(complaints),
        frozenset(w for w in waybills if w),
        frozenset(k for k in keys if k),
    )
