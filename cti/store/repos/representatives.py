"""专属客服: how many customers each representative has."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.store.tables import customers


def crowded(conn: Connection, most: int) -> list[tuple[str, int]]:
    """Representatives with more than `most` customers, and how many, the most first."""
    who, count = customers.c.representative, sa.func.count()
    query = sa.select(who, count).where(who != "").group_by(who).having(count > most)
    return [(str(r[0]), int(r[1])) for r in conn.execute(query.order_by(count.desc(), who))]
