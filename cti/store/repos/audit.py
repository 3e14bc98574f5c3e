"""Reading the audit log. It is written by `people.add_audit`, in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.store.tables import audit

PAGE = 1000


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; empty fields mean all. `subject` is a beginning: ``customer:12``, ``customer:``."""

    who: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


def find_audit(
    conn: Connection, f: AuditFilter, *, before: int | None = None, limit: int = 100
) -> Sequence[RowMapping]:
    """Entries, the newest first; `before` is the id that the page before ended with."""
    a = audit.c
    query = sa.select(audit)
    if f.who:
        query = query.where(a.who == f.who)
    if f.action:
        query = query.where(a.action == f.action)
    if f.subject:
        # a customer's entries, not those of customers whose id begins alike
        some = sa.or_(a.subject == f.subject, a.subject.startswith(f"{f.subject}:", autoescape=True))
        query = query.where(
            a.subject.startswith(f.subject, autoescape=True) if f.subject[-1] == ":" else some
        )
    if f.since is not None:
        query = query.where(a.at >= f.since)
    if f.until is not None:
        query = query.where(a.at < f.until)
    if before is not None:
        query = query.where(a.id < before)
    return conn.execute(query.order_by(a.id.desc()).limit(limit)).mappings().all()


def all_audit(conn: Connection, f: AuditFilter, most: int) -> Iterator[RowMapping]:
    """Up to `most` entries, the newest first, a page at a time."""
    before: int | None = None
    while most > 0:
        rows = find_audit(conn, f, before=before, limit=min(PAGE, most))
        yield from rows
        if len(rows) < PAGE:
            return
        most -= len(rows)
        before = rows[-1]["id"]
