"""Tokens of other systems (TMS, WMS): made, listed, revoked, found by their hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.scopes import MAX_RATE_PER_MIN, RATE_PER_MIN, checked
from cti.errors import UsageError
from cti.store.repos.people import add_audit
from cti.store.tables_links import integrations


@dataclass(frozen=True, slots=True)
class Integration:
    """One system that may call; `secret` is "" where no signature is asked for."""

    id: int
    name: str
    scopes: tuple[str, ...]
    rate_per_min: int
    secret: str


def add_integration(
    conn: Connection,
    *,
    name: str,
    token_hash: str,
    scopes: Sequence[str],
    at: datetime,
    who: str,
    expires_at: datetime | None = None,
    rate_per_min: int = RATE_PER_MIN,
    secret: str = "",
    remote: str = "",
) -> int:
    """A new one. UsageError for a name that is taken or unfit, an unknown scope, a past expiry."""
    name = name.strip()
    if not 1 <= len(name) <= 40 or not name.isprintable():
        raise UsageError("the name of an integration has 1 to 40 printable characters")
    if not 1 <= rate_per_min <= MAX_RATE_PER_MIN:
        raise UsageError(f"the rate is 1 to {MAX_RATE_PER_MIN} requests a minute")
    if expires_at is not None and expires_at <= at:
        raise UsageError("the expiry is past already")
    allowed = checked(scopes)
    if conn.execute(sa.select(integrations.c.id).where(integrations.c.name == name)).first():
        raise UsageError(f"integration {name!r} exists")
    row = {
        "name": name,
        "token_hash": token_hash,
        "secret": secret,
        "scopes": allowed,
        "rate_per_min": rate_per_min,
        "created_at": at,
        "created_by": who,
        "expires_at": expires_at,
    }
    made = int(conn.execute(sa.insert(integrations).values(row).returning(integrations.c.id)).scalar_one())
    detail = {"name": name, "scopes": allowed, "signed": bool(secret)}
    subject = f"integration:{made}"
    add_audit(conn, at=at, who=who, action="integration_add", subject=subject, detail=detail, remote=remote)
    return made


def list_integrations(conn: Connection) -> Sequence[RowMapping]:
    """All of them, revoked ones too, by name; without token and secret."""
    shown = [c for c in integrations.c if c.name not in ("token_hash", "secret")]
    signed = (integrations.c.secret != "").label("signed")
    return conn.execute(sa.select(*shown, signed).order_by(integrations.c.name)).mappings().all()


def integration_by_token(conn: Connection, token_hash: str, now: datetime) -> Integration | None:
    """Whose token this is, unless it is revoked or past its time."""
    i = integrations.c
    alive = sa.or_(i.expires_at.is_(None), i.expires_at > now)
    query = sa.select(integrations).where(i.token_hash == token_hash, i.revoked_at.is_(None), alive)
    row = conn.execute(query).mappings().first()
    if row is None:
        return None
    return Integration(row["id"], row["name"], tuple(row["scopes"]), row["rate_per_min"], row["secret"])


def revoke_integration(conn: Connection, name: str, *, at: datetime, who: str, remote: str = "") -> bool:
    """Its token no longer works; False when it was revoked before. UsageError when there is none."""
    row = conn.execute(sa.select(integrations).where(integrations.c.name == name)).mappings().first()
    if row is None:
        raise UsageError(f"there is no integration {name!r}")
    if row["revoked_at"] is not None:
        return False
    conn.execute(sa.update(integrations).where(integrations.c.id == row["id"]).values(revoked_at=at))
    subject, detail = f"integration:{row['id']}", {"name": name}
    add_audit(
        conn, at=at, who=who, action="integration_revoke", subject=subject, detail=detail, remote=remote
    )
    return True


def integration_used(conn: Connection, integration_id: int, *, at: datetime, remote: str) -> None:
    """It called; told at most once a minute."""
    same = sa.update(integrations).where(integrations.c.id == integration_id)
    conn.execute(same.values(last_used_at=at, last_remote=remote[:200]))
