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


def _part(
    kind: Kind, at: Any, rows: Callable[[int], Any], said: Callable[[RowMapping], tuple[str, ...]]
) -> tuple[frozenset[str], Part]:
    """Items of one table: which rows are the customer's; ref, title, detail, who (and mark) of a row."""

    def part(
        conn: Connection, cid: int, limit: int, before: Before, _: frozenset[str]
    ) -> Iterator[TimelineItem]:
        for row in _latest(conn, rows(cid), at, limit, before):
            yield TimelineItem(row[at.name], kind, *said(row))

    return frozenset({kind}), part


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


def _tiers(cid: int) -> Any:
    # the schemes beside the active one have their changes on the customer's card
    shown = sa.select(customers.c.tier_scheme).where(customers.c.id == cid).scalar_subquery()
    return sa.select(tier_history).where(tier_history.c.customer_id == cid, tier_history.c.scheme == shown)


def _scores(cid: int) -> Any:
    r = recordings.c
    score = sa.func.coalesce(reviews.c.final_score, reviews.c.manual_score, reviews.c.auto_score)
    query = sa.select(r.id, r.started_at, r.agent, score.label("score"), reviews.c.state)
    joined = query.join(reviews, reviews.c.recording_id == r.id)
    return joined.where(r.number_key.in_(_keys(cid)), score.is_not(None))


def _left_in_menus(table: sa.Table) -> Callable[[int], Any]:
    return lambda cid: sa.select(table, _contact(table)).where(table.c.number_key.in_(_keys(cid)))


def _complaint(row: RowMapping) -> tuple[str, ...]:
    state = COMPLAINT_LABELS.get(row["state"], row["state"])
    return str(row["id"]), f"投诉 · {row['category']} · {state}", row["summary"], row["opened_by"]


def _problem(row: RowMapping) -> tuple[str, ...]:
    title = f"{PROBLEM_LABELS[ProblemKind(row['kind'])]} · {'未结' if row['closed_at'] is None else '已结'}"
    detail = " · ".join(t for t in (row["waybill"], row["remark"], row["result"]) if t)
    return row["code"], title, detail, row["registered_by"]


def _score(row: RowMapping) -> tuple[str, ...]:
    return row["id"], f"质检 {row['score']:g} 分", "", row["agent"], row["state"]


def _survey(row: RowMapping) -> tuple[str, ...]:
    return str(row["contact"] or ""), f"服务评价 {row['score']} 分", "", row["agent"]


def _callback(row: RowMapping) -> tuple[str, ...]:
    state = CALLBACKS.get(row["state"], row["state"])
    return str(row["contact"] or ""), f"排队回拨 · {state}", row["reason"], row["agent"]


def _request(row: RowMapping) -> tuple[str, ...]:
    what = REQUESTS.get(row["kind"], row["kind"])
    return str(row["contact"] or ""), f"自助登记 · {what}", row["waybill"], ""


def _of(table: sa.Table) -> Callable[[int], Any]:
    return lambda cid: sa.select(table).where(table.c.customer_id == cid)


_OF_CONTACTS = frozenset({"call", "ivr", "message", "visit", "survey", "outbound"})
_PARTS: tuple[tuple[frozenset[str], Part], ...] = (
    (_OF_CONTACTS, _contacts),
    _part("complaint", complaints.c.opened_at, _of(complaints), _complaint),
    _part("problem", problem_items.c.registered_at, _of(problem_items), _problem),
    (frozenset({"waybill"}), _waybills),
    _part(
        "tier",
        tier_history.c.at,
        _tiers,
        lambda row: (str(row["id"]), f"等级 · {row['label']}", row["reason"], row["cause"]),
    ),
    _part("score", recordings.c.started_at, _scores, _score),
    _part("survey", surveys.c.at, _left_in_menus(surveys), _survey),
    _part("callback", callbacks.c.requested_at, _left_in_menus(callbacks), _callback),
    _part("request", ivr_requests.c.at, _left_in_menus(ivr_requests), _request),
)
