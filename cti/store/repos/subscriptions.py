"""Who is told of events, and what could not be told."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.events import checked
from cti.errors import UsageError
from cti.store.repos.people import add_audit
from cti.store.tables_links import deliveries, outbox, subscriptions


def checked_url(url: str) -> str:
    """An address that events may be posted to. UsageError for what is no plain http(s) address.

    Only admins set these, so addresses of the own network are right; link-local ones (where clouds keep
    their secrets), multicast and 0.0.0.0 are never a receiver.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError(f"{url[:200]} is not an address") from None
    if len(url) > 500 or any(c.isspace() or not c.isprintable() for c in url):
        raise UsageError("an address has at most 500 printable characters")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("an address begins with http:// or https://")
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise UsageError("an address has no user name, password or fragment")
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return url
    if forbidden(address):
        raise UsageError(f"{parts.hostname} is no address of a receiver")
    return url


def forbidden(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Addresses that nothing is ever posted to."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified)


def add_subscription(
    conn: Connection,
    *,
    name: str,
    url: str,
    secret: str,
    kinds: Sequence[str],
    at: datetime,
    who: str,
    remote: str = "",
) -> int:
    """A new one; it is told what happens from now on. UsageError for a taken name, wrong kind or address."""
    name = name.strip()
    if not 1 <= len(name) <= 40 or not name.isprintable():
        raise UsageError("the name of a subscription has 1 to 40 printable characters")
    if conn.execute(sa.select(subscriptions.c.id).where(subscriptions.c.name == name)).first():
        raise UsageError(f"subscription {name!r} exists")
    row = {
        "name": name,
        "url": checked_url(url),
        "secret": secret,
        "kinds": checked(kinds),
        "created_at": at,
        "created_by": who,
    }
    made = int(conn.execute(sa.insert(subscriptions).values(row).returning(subscriptions.c.id)).scalar_one())
    detail = {"name": name, "url": row["url"], "kinds": row["kinds"]}
    subject = f"subscription:{made}"
    add_audit(conn, at=at, who=who, action="subscription_add", subject=subject, detail=detail, remote=remote)
    return made


def list_subscriptions(conn: Connection) -> list[dict[str, Any]]:
    """All of them with how their deliveries stand; without secrets."""
    d = deliveries.c
    query = sa.select(d.subscription_id, d.state, sa.func.count()).group_by(d.subscription_id, d.state)
    counts: dict[int, dict[str, int]] = {}
    for id_, state, n in conn.execute(query):
        counts.setdefault(id_, {})[state] = int(n)
    shown = [c for c in subscriptions.c if c.name != "secret"]
    rows = conn.execute(sa.select(*shown).order_by(subscriptions.c.name)).mappings()
    zero = {"waiting": 0, "sent": 0, "dead": 0}
    return [{**row, **zero, **counts.get(row["id"], {})} for row in rows]


def set_subscription(
    conn: Connection, name: str, *, on: bool, at: datetime, who: str, remote: str = ""
) -> None:
    """Stop or go on telling; what waits stays and is told when it goes on. UsageError when there is none."""
    row = _must(conn, name)
    values: dict[str, Any] = {"disabled_at": None, "not_before": None} if on else {"disabled_at": at}
    conn.execute(sa.update(subscriptions).where(subscriptions.c.id == row["id"]).values(values))
    action = "subscription_on" if on else "subscription_off"
    subject, detail = f"subscription:{row['id']}", {"name": name}
    add_audit(conn, at=at, who=who, action=action, subject=subject, detail=detail, remote=remote)


def remove_subscription(conn: Connection, name: str, *, at: datetime, who: str, remote: str = "") -> None:
    """Away with it and what waits for it. UsageError when there is none."""
    row = _must(conn, name)
    conn.execute(sa.delete(subscriptions).where(subscriptions.c.id == row["id"]))
    subject, detail = f"subscription:{row['id']}", {"name": name, "url": row["url"]}
    add_audit(
        conn, at=at, who=who, action="subscription_remove", subject=subject, detail=detail, remote=remote
    )


def list_deliveries(
    conn: Connection, *, state: str = "", subscription_id: int | None = None, limit: int = 100
) -> Sequence[RowMapping]:
    """Deliveries with their events, the newest first."""
    d, s, o = deliveries.c, subscriptions.c, outbox.c
    query = (
        sa.select(
            *(d.id, d.seq, d.subject, d.state, d.attempts, d.due_at, d.sent_at, d.last_error),
            *(s.name.label("subscription"), o.kind, o.at),
        )
        .select_from(deliveries)
        .join(subscriptions, s.id == d.subscription_id)
        .join(outbox, o.id == d.event_id)
    )
    if state:
        query = query.where(d.state == state)
    if subscription_id is not None:
        query = query.where(d.subscription_id == subscription_id)
    return conn.execute(query.order_by(d.seq.desc(), d.id.desc()).limit(limit)).mappings().all()


def resend(
    conn: Connection,
    *,
    at: datetime,
    who: str,
    delivery_id: int | None = None,
    name: str = "",
    remote: str = "",
) -> int:
    """Try again what is dead or was sent: one delivery, or all dead ones of a subscription; how many."""
    d = deliveries.c
    if delivery_id is not None:
        which, subject = d.id == delivery_id, f"delivery:{delivery_id}"
        which = sa.and_(which, d.state != "waiting")
    else:
        row = _must(conn, name)
        which = sa.and_(d.subscription_id == row["id"], d.state == "dead")
        subject = f"subscription:{row['id']}"
    values = {"state": "waiting", "attempts": 0, "due_at": at, "held_until": None, "last_error": ""}
    done = conn.execute(sa.update(deliveries).where(which).values(values)).rowcount
    if done:
        detail = {"deliveries": done}
        add_audit(conn, at=at, who=who, action="resend", subject=subject, detail=detail, remote=remote)
    return done


def _must(conn: Connection, name: str) -> RowMapping:
    row = conn.execute(sa.select(subscriptions).where(subscriptions.c.name == name)).mappings().first()
    if row is None:
        raise UsageError(f"there is no subscription {name!r}")
    return row
