"""One customer's time line: contacts, complaints, waybills and tiers, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.complaint import LABELS as COMPLAINT_LABELS
from cti.domain.waybill import label_of
from cti.store.tables import complaints, contacts, customers, tier_history, waybills


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One thing that happened; `kind` is contact, complaint, waybill or tier, `ref` its id or number."""

    at: datetime
    kind: str
    ref: str
    title: str
    detail: str
    who: str


def timeline(
    conn: Connection, customer_id: int, *, limit: int = 50, before: datetime | None = None
) -> list[TimelineItem]:
    """The latest `limit` items, before a moment for the next page."""
    items = [
        *_contacts(conn, customer_id, limit, before),
        *_complaints(conn, customer_id, limit, before),
        *_waybills(conn, customer_id, limit, before),
        *_tiers(conn, customer_id, limit, before),
    ]
    return sorted(items, key=lambda item: item.at, reverse=True)[:limit]


def _latest(
    conn: Connection, table: sa.Table, mine: Any, at: Any, limit: int, before: datetime | None
) -> Any:
    query = sa.select(table).where(mine).order_by(at.desc()).limit(limit)
    return conn.execute(query.where(at < before) if before else query).mappings()


def _contacts(conn: Connection, cid: int, limit: int, before: datetime | None) -> list[TimelineItem]:
    rows = _latest(conn, contacts, contacts.c.customer_id == cid, contacts.c.at, limit, before)
    return [
        TimelineItem(
            at=row["at"],
            kind="contact",
            ref=str(row["id"]),
            title=row["summary"] or row["disposition"] or row["channel"],
            detail=" · ".join(
                t for t in (row["channel"], row["direction"], row["disposition"], row["note"]) if t
            ),
            who=row["agent"],
        )
        for row in rows
    ]


def _complaints(conn: Connection, cid: int, limit: int, before: datetime | None) -> list[TimelineItem]:
    mine = complaints.c.customer_id == cid
    return [
        TimelineItem(
            at=row["opened_at"],
            kind="complaint",
            ref=str(row["id"]),
            title=f"投诉 · {row['category']} · {COMPLAINT_LABELS.get(row['state'], row['state'])}",
            detail=row["summary"],
            who=row["opened_by"],
        )
        for row in _latest(conn, complaints, mine, complaints.c.opened_at, limit, before)
    ]


def _waybills(conn: Connection, cid: int, limit: int, before: datetime | None) -> list[TimelineItem]:
    found: dict[str, TimelineItem] = {}
    for mine in (waybills.c.sender_customer_id == cid, waybills.c.receiver_customer_id == cid):
        for row in _latest(conn, waybills, mine, waybills.c.updated_at, limit, before):
            found[row["number"]] = TimelineItem(
                at=row["updated_at"],
                kind="waybill",
                ref=row["number"],
                title=f"运单 {row['number']} · {label_of(row['state'])}",
                detail=row["problem"] or row["last_event"] or f"{row['origin']} → {row['destination']}",
                who=row["courier"],
            )
    return list(found.values())


def _tiers(conn: Connection, cid: int, limit: int, before: datetime | None) -> list[TimelineItem]:
    # the schemes beside the active one have their changes on the customer's card
    shown = sa.select(customers.c.tier_scheme).where(customers.c.id == cid).scalar_subquery()
    mine = sa.and_(tier_history.c.customer_id == cid, tier_history.c.scheme == shown)
    return [
        TimelineItem(
            at=row["at"],
            kind="tier",
            ref=str(row["id"]),
            title=f"等级 · {row['label']}",
            detail=row["reason"],
            who=row["cause"],
        )
        for row in _latest(conn, tier_history, mine, tier_history.c.at, limit, before)
    ]
