"""One customer's time line: everything that happened with them on any way, newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.complaint import LABELS as COMPLAINT_LABELS
from cti.domain.problem import LABELS as PROBLEM_LABELS
from cti.domain.problem import ProblemKind
from cti.domain.waybill import label_of
from cti.store.tables import complaints, contacts, customers, numbers, tier_history, waybills
from cti.store.tables_care import problem_items
from cti.store.tables_ivr import callbacks, ivr_requests, surveys
from cti.store.tables_quality import recordings, reviews

REQUESTS = {"pickup": "预约取件", "claim": "理赔", "suggestion": "建议"}
CALLBACKS = {
    "waiting": "等待回拨",
    "queued": "等待回拨",
    "dialling": "正在回拨",
    "done": "已回拨",
    "cancelled": "已取消",
    "expired": "已过期",
    "failed": "未接通",
}
WRITTEN = ("sms", "app", "wechat", "email")

Kind = Literal[
    "call",
    "outbound",
    "message",
    "ivr",
    "request",
    "callback",
    "survey",
    "visit",
    "complaint",
    "problem",
    "waybill",
    "score",
    "tier",
]
KINDS: frozenset[str] = frozenset(get_args(Kind))


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One thing that happened; `ref` is the record that it opens: a contact's id, a complaint's, the code of
    a problem item, a waybill's number, a recording's id; "" where there is nothing more."""

    at: datetime
    kind: Kind
    ref: str
    title: str
    detail: str
    who: str
    mark: str = ""  # the channel of a contact, the state of a review


def timeline(
    conn: Connection,
    customer_id: int,
    *,
    limit: int = 50,
    before: datetime | None = None,
    kinds: Iterable[str] = (),
) -> list[TimelineItem]:
    """The latest `limit` items of these kinds (all, if none are given), before a moment for the next page."""
    wanted = frozenset(kinds) or KINDS
    items = [
        item for of, part in _PARTS if of & wanted for item in part(conn, customer_id, limit, before, wanted)
    ]
    return sorted(items, key=lambda item: item.at, reverse=True)[:limit]


Before = datetime | None
Part = Callable[[Connection, int, int, Before, frozenset[str]], Iterable[TimelineItem]]


def _latest(conn: Connection, query: Any, at: Any, limit: int, before: Before) -> Iterator[RowMapping]:
    page = query.order_by(at.desc()).limit(limit)
    yield from conn.execute(page.where(at < before) if before else page).mappings()


def _contact(of: sa.Table) -> sa.Label[Any]:
    """The contact of the call that left this in the menus: the record that an item opens."""
    c = contacts.c
    same = sa.and_(c.node == of.c.node, c.linkedid == of.c.linkedid, of.c.linkedid != "")
    return sa.select(sa.func.min(c.id)).where(same).scalar_subquery().label("contact")


def _keys(cid: int) -> sa.ScalarSelect[Any]:
    """The customer's numbers: what was left in the menus is known by the number alone."""
    return sa.select(numbers.c.key).where(numbers.c.customer_id == cid).scalar_subquery()


def _contacts(
    conn: Connection, cid: int, limit: int, before: Before, kinds: frozenset[str]
) -> Iterator[TimelineItem]:
    c = contacts.c
    kind = sa.case(
        (c.channel == "ivr", "ivr"),
        (c.channel == "visit", "visit"),
        (c.channel == "survey", "survey"),
        (c.channel.in_(WRITTEN), "message"),
        (c.direction == "outbound", "outbound"),
        else_="call",
    )
    query = sa.select(contacts, kind.label("kind")).where(c.customer_id == cid)
    if not kinds >= _OF_CONTACTS:
        query = query.where(kind.in_(sorted(kinds & _OF_CONTACTS)))
    for row in _latest(conn, query, c.at, limit, before):
        parts = (row["direction"] if row["kind"] == "call" else "", row["disposition"], row["note"])
        yield TimelineItem(
            at=row["at"],
            kind=row["kind"],
            ref=str(row["id"]),
            title=row["summary"] or row["disposition"] or row["channel"],
            detail=" · ".join(t for t in (row["channel"], *parts) if t),
            who=row["agent"],
            mark=row["channel"],
        )


def _complaints(
    conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
) -> Iterator[TimelineItem]:
    c = complaints.c
    for row in _latest(conn, sa.select(complaints).where(c.customer_id == cid), c.opened_at, limit, before):
        yield TimelineItem(
            at=row["opened_at"],
            kind="complaint",
            ref=str(row["id"]),
            title=f"投诉 · {row['category']} · {COMPLAINT_LABELS.get(row['state'], row['state'])}",
            detail=row["summary"],
            who=row["opened_by"],
        )


def _problems(
    conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
) -> Iterator[TimelineItem]:
    p = problem_items.c
    for row in _latest(
        conn, sa.select(problem_items).where(p.customer_id == cid), p.registered_at, limit, before
    ):
        state = "已结" if row["closed_at"] is not None else "未结"
        yield TimelineItem(
            at=row["registered_at"],
            kind="problem",
            ref=row["code"],
            title=f"{PROBLEM_LABELS[ProblemKind(row['kind'])]} · {state}",
            detail=" · ".join(t for t in (row["waybill"], row["remark"], row["result"]) if t),
            who=row["registered_by"],
        )


def _waybills(
    conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
) -> Iterator[TimelineItem]:
    found: dict[str, TimelineItem] = {}
    w = waybills.c
    for mine in (w.sender_customer_id == cid, w.receiver_customer_id == cid):
        for row in _latest(conn, sa.select(waybills).where(mine), w.updated_at, limit, before):
            found[row["number"]] = TimelineItem(
                at=row["updated_at"],
                kind="waybill",
                ref=row["number"],
                title=f"运单 {row['number']} · {label_of(row['state'])}",
                detail=row["problem"] or row["last_event"] or f"{row['origin']} → {row['destination']}",
                who=row["courier"],
            )
    yield from found.values()


def _tiers(
    conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
) -> Iterator[TimelineItem]:
    # the schemes beside the active one have their changes on the customer's card
    shown = sa.select(customers.c.tier_scheme).where(customers.c.id == cid).scalar_subquery()
    mine = sa.and_(tier_history.c.customer_id == cid, tier_history.c.scheme == shown)
    for row in _latest(conn, sa.select(tier_history).where(mine), tier_history.c.at, limit, before):
        yield TimelineItem(
            at=row["at"],
            kind="tier",
            ref=str(row["id"]),
            title=f"等级 · {row['label']}",
            detail=row["reason"],
            who=row["cause"],
        )


def _scores(
    conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
) -> Iterator[TimelineItem]:
    r = recordings.c
    score = sa.func.coalesce(reviews.c.final_score, reviews.c.manual_score, reviews.c.auto_score)
    query = (
        sa.select(r.id, r.started_at, r.agent, score.label("score"), reviews.c.state)
        .join(reviews, reviews.c.recording_id == r.id)
        .where(r.number_key.in_(_keys(cid)), score.is_not(None))
    )
    for row in _latest(conn, query, r.started_at, limit, before):
        yield TimelineItem(
            at=row["started_at"],
            kind="score",
            ref=row["id"],
            title=f"质检 {row['score']:g} 分",
            detail="",
            who=row["agent"],
            mark=row["state"],
        )


def _surveys(
    conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
) -> Iterator[TimelineItem]:
    s = surveys.c
    query = sa.select(surveys, _contact(surveys)).where(s.number_key.in_(_keys(cid)))
    for row in _latest(conn, query, s.at, limit, before):
        yield TimelineItem(
            at=row["at"],
            kind="survey",
            ref=str(row["contact"] or ""),
            title=f"服务评价 {row['score']} 分",
            detail="",
            who=row["agent"],
        )


def _callbacks(
    conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
) -> Iterator[TimelineItem]:
    c = callbacks.c
    query = sa.select(callbacks, _contact(callbacks)).where(c.number_key.in_(_keys(cid)))
    for row in _latest(conn, query, c.requested_at, limit, before):
        yield TimelineItem(
            at=row["requested_at"],
            kind="callback",
            ref=str(row["contact"] or ""),
            title=f"排队回拨 · {CALLBACKS.get(row['state'], row['state'])}",
            detail=row["reason"],
            who=row["agent"],
        )


def _requests(
    conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
) -> Iterator[TimelineItem]:
    r = ivr_requests.c
    query = sa.select(ivr_requests, _contact(ivr_requests)).where(r.number_key.in_(_keys(cid)))
    for row in _latest(conn, query, r.at, limit, before):
        yield TimelineItem(
            at=row["at"],
            kind="request",
            ref=str(row["contact"] or ""),
            title=f"自助登记 · {REQUESTS.get(row['kind'], row['kind'])}",
            detail=row["waybill"],
            who="",
        )


_OF_CONTACTS = frozenset({"call", "ivr", "message", "visit", "survey", "outbound"})
_PARTS: tuple[tuple[frozenset[str], Part], ...] = (
    (_OF_CONTACTS, _contacts),
    (frozenset({"complaint"}), _complaints),
    (frozenset({"problem"}), _problems),
    (frozenset({"waybill"}), _waybills),
    (frozenset({"tier"}), _tiers),
    (frozenset({"score"}), _scores),
    (frozenset({"survey"}), _surveys),
    (frozenset({"callback"}), _callbacks),
    (frozenset({"request"}), _requests),
)
