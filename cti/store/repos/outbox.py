"""Events on their way out: written where they happen, put in order, given to those who subscribed.

Writers only add a row. `sort` numbers the rows that have been committed, so that a reader who has seen
number N never misses an earlier one, and makes one delivery for each subscription.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.events import EXCEPTIONS, FRESH, KINDS
from cti.errors import UsageError
from cti.store.repos.common import insert_or_skip
from cti.store.tables_links import deliveries, outbox, subscriptions

SORT_MOST = 500
_LOCK = 0x6C61_6966


def emit(
    conn: Connection, kind: str, subject: str, *, at: datetime, body: Mapping[str, Any], mark: str
) -> None:
    """Something happened; `mark` makes it one event however often it is told. In the caller's transaction."""
    emit_all(conn, [(kind, subject, at, body, mark)])


def emit_all(conn: Connection, told: Sequence[tuple[str, str, datetime, Mapping[str, Any], str]]) -> None:
    """Several at once."""
    rows = []
    for kind, subject, at, body, mark in told:
        if kind not in KINDS:
            raise UsageError(f"unknown event {kind}")
        rows.append(
            {"kind": kind, "subject": subject, "at": at, "body": dict(body), "mark": f"{kind}:{mark}"}
        )
    insert_or_skip(conn, outbox, rows, ["mark"])


def waybill_exceptions(
    conn: Connection, changed: Sequence[tuple[str, str, str, datetime]], *, now: datetime
) -> None:
    """Emit for waybills (number, state before, state after, since) that have just become an exception."""
    emit_all(
        conn,
        [
            (
                "waybill.exception",
                f"waybill:{number}",
                at,
                {"waybill": number, "state": after, "before": before, "at": at.isoformat()},
                f"{number}:{after}:{at.isoformat()}",
            )
            for number, before, after, at in changed
            if after in EXCEPTIONS and before != after and at >= now - FRESH
        ],
    )


def sort(conn: Connection, *, now: datetime, most_waiting: int) -> int:
    """Number what is new and make its deliveries; how many events. Whoever else sorts waits."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    o = outbox.c
    new = conn.execute(
        sa.select(o.id, o.kind, o.subject).where(o.seq.is_(None)).order_by(o.id).limit(SORT_MOST)
    ).all()
    if not new:
        return 0
    last = conn.execute(sa.select(sa.func.max(o.seq))).scalar() or 0
    numbered = [(last + i, *row) for i, row in enumerate(new, 1)]
    conn.execute(
        sa.update(outbox).where(o.id == sa.bindparam("b_id")).values(seq=sa.bindparam("b_seq")),
        [{"b_id": row[1], "b_seq": row[0]} for row in numbered],
    )
    for sub in conn.execute(sa.select(subscriptions).where(subscriptions.c.disabled_at.is_(None))).mappings():
        mine = [n for n in numbered if not sub["kinds"] or n[2] in sub["kinds"]]
        if not mine:
            continue
        waiting = sa.select(sa.func.count()).where(
            deliveries.c.subscription_id == sub["id"], deliveries.c.state == "waiting"
        )
        room = most_waiting - int(conn.execute(waiting).scalar_one())
        rows = [
            {
                "event_id": event_id,
                "subscription_id": sub["id"],
                "seq": seq,
                "subject": subject,
                "state": "waiting" if i < room else "dead",
                "due_at": now,
                "last_error": "" if i < room else "queue full",
            }
            for i, (seq, event_id, _, subject) in enumerate(mine)
        ]
        insert_or_skip(conn, deliveries, rows, ["event_id", "subscription_id"])
    return len(new)


def events_after(
    conn: Connection, after: int, *, kinds: Sequence[str] = (), limit: int = 100
) -> Sequence[RowMapping]:
    """Events with a higher number, in order."""
    query = sa.select(outbox).where(outbox.c.seq > after)
    if kinds:
        query = query.where(outbox.c.kind.in_(kinds))
    return conn.execute(query.order_by(outbox.c.seq).limit(limit)).mappings().all()


def last_seq(conn: Connection) -> int:
    """The number of the newest event, 0 before the first."""
    return int(conn.execute(sa.select(sa.func.max(outbox.c.seq))).scalar() or 0)


def claim(conn: Connection, *, now: datetime, hold: timedelta, limit: int) -> Sequence[RowMapping]:
    """Deliveries to try now, held for this service: of each subject the oldest only, so order is kept.

    A subscription whose last try failed has one delivery at a time, until one succeeds.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    d, s, e = deliveries.c, subscriptions.c, deliveries.alias("earlier")
    free = sa.or_(d.held_until.is_(None), d.held_until < now)
    first = ~sa.exists().where(
        e.c.subscription_id == d.subscription_id,
        e.c.subject == d.subject,
        e.c.state == "waiting",
        e.c.seq < d.seq,
    )
    open_ = sa.and_(s.disabled_at.is_(None), sa.or_(s.not_before.is_(None), s.not_before <= now))
    query = (
        sa.select(
            *(d.id, d.seq, d.subject, d.attempts, d.subscription_id),
            *(s.url, s.secret, s.name, s.failures),
            *(outbox.c.kind, outbox.c.at, outbox.c.body),
        )
        .select_from(deliveries)
        .join(subscriptions, s.id == d.subscription_id)
        .join(outbox, outbox.c.id == d.event_id)
        .where(d.state == "waiting", d.due_at <= now, free, first, open_)
        .order_by(d.seq)
        .limit(limit)
    )
    picked, probing = [], _probing(conn, now)
    for row in conn.execute(query).mappings():
        if row["failures"]:
            if row["subscription_id"] in probing:
                continue
            probing.add(row["subscription_id"])
        picked.append(row)
    if picked:
        ids = [r["id"] for r in picked]
        conn.execute(sa.update(deliveries).where(d.id.in_(ids)).values(held_until=now + hold))
    return picked


def _probing(conn: Connection, now: datetime) -> set[int]:
    """Subscriptions that something is being sent to at this moment."""
    d = deliveries.c
    query = sa.select(d.subscription_id).where(d.state == "waiting", d.held_until >= now).distinct()
    return set(conn.execute(query).scalars())


def sent(conn: Connection, delivery_id: int, subscription_id: int, *, at: datetime) -> None:
    """It was taken."""
    same = sa.update(deliveries).where(deliveries.c.id == delivery_id)
    conn.execute(
        same.values(
            state="sent", sent_at=at, held_until=None, last_error="", attempts=deliveries.c.attempts + 1
        )
    )
    of = sa.update(subscriptions).where(subscriptions.c.id == subscription_id)
    conn.execute(of.values(failures=0, not_before=None, last_success_at=at, last_error=""))


def not_sent(
    conn: Connection,
    delivery_id: int,
    subscription_id: int,
    *,
    again_at: datetime | None,
    error: str,
    everybody: bool,
) -> None:
    """It was not taken: again at this time, or never (None). `everybody`: the whole receiver is away."""
    values: dict[str, Any] = {
        "held_until": None,
        "last_error": error[:300],
        "attempts": deliveries.c.attempts + 1,
    }
    values |= {"state": "dead"} if again_at is None else {"due_at": again_at}
    conn.execute(sa.update(deliveries).where(deliveries.c.id == delivery_id).values(values))
    told: dict[str, Any] = {"last_error": error[:300]}
    if everybody:
        told |= {"failures": subscriptions.c.failures + 1, "not_before": again_at}
    conn.execute(sa.update(subscriptions).where(subscriptions.c.id == subscription_id).values(told))


def let_go(conn: Connection, ids: Sequence[int]) -> None:
    """The service stops in the middle: others may send these at once."""
    conn.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids)).values(held_until=None))


def anything(conn: Connection, *, now: datetime) -> bool:
    """Whether there is anything to sort or to bring: a cheap look before anything is locked."""
    d, s = deliveries.c, subscriptions.c
    unsorted = sa.select(outbox.c.id).where(outbox.c.seq.is_(None)).limit(1)
    if conn.execute(unsorted).first() is not None:
        return True
    free = sa.or_(d.held_until.is_(None), d.held_until < now)
    open_ = sa.and_(s.disabled_at.is_(None), sa.or_(s.not_before.is_(None), s.not_before <= now))
    due = sa.select(d.id).join(subscriptions, s.id == d.subscription_id)
    due = due.where(d.state == "waiting", d.due_at <= now, free, open_).limit(1)
    return conn.execute(due).first() is not None
