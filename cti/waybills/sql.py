"""Waybills out of our own store."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.store.db import Database
from cti.store.tables import waybill_events, waybills
from cti.waybills.port import MAX_LISTED, Parcel

_PLACE = (
    sa.select(waybill_events.c.place)
    .where(waybill_events.c.waybill_id == waybills.c.id, waybill_events.c.place != "")
    .order_by(waybill_events.c.at.desc())
    .limit(1)
    .scalar_subquery()
    .label("place")
)
_COLUMNS = (
    *(
        waybills.c[name]
        for name in (
            "number",
            "state",
            "origin",
            "destination",
            "site",
            "updated_at",
            "promised_at",
            "problem",
            "problem_kind",
            "signed_by",
            "sender_key",
            "receiver_key",
        )
    ),
    _PLACE,
)


class SqlWaybills:
    """The port over `cti.store`; `prefixes` are the letters that callers cannot type ("" is always tried)."""

    def __init__(self, db: Database, *, prefixes: Sequence[str] = ()) -> None:
        self._db = db
        self._prefixes = ("", *prefixes)

    async def find(self, number: str) -> Parcel | None:
        """By number, with each prefix in turn; the first that exists."""
        numbers = [prefix + number for prefix in self._prefixes]

        def read(conn: Connection) -> RowMapping | None:
            rows = conn.execute(sa.select(*_COLUMNS).where(waybills.c.number.in_(numbers))).mappings().all()
            return min(rows, key=lambda row: numbers.index(row["number"]), default=None)

        row = await self._db.run(read)
        return _parcel(row) if row is not None else None

    async def of_phone(self, key: str) -> tuple[Parcel, ...]:
        """Newest first. Two indexed halves rather than an OR, which neither engine answers from an index."""
        halves = [
            sa.select(waybills.c.id)
            .where(column == key)
            .order_by(waybills.c.updated_at.desc())
            .limit(MAX_LISTED)
            .subquery()
            for column in (waybills.c.sender_key, waybills.c.receiver_key)
        ]
        ids = sa.union(*(sa.select(half.c.id) for half in halves))
        query = (
            sa.select(*_COLUMNS)
            .where(waybills.c.id.in_(ids))
            .order_by(waybills.c.updated_at.desc())
            .limit(MAX_LISTED)
        )
        rows = await self._db.run(lambda conn: conn.execute(query).mappings().all())
        return tuple(_parcel(row) for row in rows)

    async def close(self) -> None:
        """The store is closed by whoever opened it."""


def _parcel(row: RowMapping) -> Parcel:
    return Parcel(
        number=row["number"],
        state=row["state"],
        origin=row["origin"],
        destination=row["destination"],
        place=row["place"] or row["site"],
        updated_at=row["updated_at"],
        due_at=row["promised_at"],
        problem=row["problem_kind"],
        reason=row["problem"],
        signer=row["signed_by"],
        sender_key=row["sender_key"],
        receiver_key=row["receiver_key"],
    )
