"""Consent in the store: every word of a customer is kept, the last one counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.consent import SOURCES, Purpose, allowed
from cti.errors import UsageError
from cti.store.repos.people import add_audit
from cti.store.tables import customers
from cti.store.tables_links import consents


def say(
    conn: Connection,
    customer_id: int,
    purpose: Purpose,
    *,
    given: bool,
    at: datetime,
    who: str,
    source: str = "电话",
    note: str = "",
    remote: str = "",
) -> None:
    """A customer agreed or refused. UsageError when there is no such customer or source."""
    if source not in SOURCES:
        raise UsageError(f"unknown source {source!r}; known: {'、'.join(SOURCES)}")
    if conn.execute(sa.select(customers.c.id).where(customers.c.id == customer_id)).first() is None:
        raise UsageError(f"there is no customer {customer_id}")
    before = last_words(conn, customer_id).get(purpose)
    row = {"customer_id": customer_id, "purpose": purpose.value, "given": given, "at": at, "who": who}
    conn.execute(sa.insert(consents).values(**row, source=source, note=note[:400]))
    detail = {"changes": {purpose.value: [before, given]}, "source": source}
    subject = f"customer:{customer_id}"
    add_audit(conn, at=at, who=who, action="consent", subject=subject, detail=detail, remote=remote)


def last_words(conn: Connection, customer_id: int) -> dict[Purpose, bool]:
    """Purpose → what was said last; purposes that nothing was said about are absent."""
    return {Purpose(row["purpose"]): bool(row["given"]) for row in reversed(history(conn, customer_id))}


def history(conn: Connection, customer_id: int) -> Sequence[RowMapping]:
    """Everything a customer said, the latest first."""
    query = sa.select(consents).where(consents.c.customer_id == customer_id)
    return conn.execute(query.order_by(consents.c.at.desc(), consents.c.id.desc())).mappings().all()


def may(conn: Connection, customer_id: int, purpose: Purpose) -> bool:
    """Whether this may be done for a customer."""
    return allowed(purpose, last_words(conn, customer_id).get(purpose))


def refused(conn: Connection, ids: Collection[int], purpose: Purpose) -> set[int]:
    """Those of the customers who refused: one question for a whole plan."""
    query = sa.select(customers.c.id).where(customers.c.id.in_(ids), refuses(customers.c.id, purpose))
    return set(conn.execute(query).scalars())


def refuses(customer_id: sa.ColumnElement[Any], purpose: Purpose) -> sa.ColumnElement[bool]:
    """The same as a condition of a query over customers."""
    c, later = consents.c, consents.alias("later")
    newer = sa.or_(later.c.at > c.at, sa.and_(later.c.at == c.at, later.c.id > c.id))
    overruled = sa.exists().where(later.c.customer_id == c.customer_id, later.c.purpose == c.purpose, newer)
    return sa.exists().where(
        c.customer_id == customer_id, c.purpose == purpose.value, c.given.is_(False), ~overruled
    )
