"""The store's answer to "who calls", in its threads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cti.domain.customer import Lookup
from cti.domain.phone import Plan, parse
from cti.store import repos
from cti.store.db import Database

DEADLINE_S = 20.0  # the pop has its own, shorter one; a late answer completes it


class StoreFinder:
    """Implements `screenpop.lookup.Finder`."""

    def __init__(self, db: Database, plan: Plan, now: Callable[[], datetime]) -> None:
        self._db = db
        self._plan = plan
        self._now = now

    async def by_number(self, number: str) -> Lookup:
        """Who has this number."""
        parsed = parse(number, self._plan)
        now = self._now()
        return await self._db.run(lambda c: repos.find_by_number(c, parsed, now=now), deadline=DEADLINE_S)

    async def by_waybill(self, waybill: str) -> Lookup:
        """Whose waybill this is."""
        now = self._now()
        return await self._db.run(lambda c: repos.find_by_waybill(c, waybill, now=now), deadline=DEADLINE_S)

    async def by_id(self, customer_id: int) -> Lookup:
        """One customer."""
        now = self._now()
        return await self._db.run(lambda c: repos.find_by_id(c, customer_id, now=now))
