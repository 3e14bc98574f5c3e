"""Who may sign in, their sessions, and the audit trail of who saw and changed what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.errors import UsageError
from cti.obs import mask
from cti.store.repos.common import known
from cti.store.tables import audit, sessions, users

ROLES = ("agent", "supervisor", "qa", "qa_lead", "admin")


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in; `agent` is the agent number, "" for who takes no calls."""

    id: int
    username: str
    name: str
    roles: tuple[str, ...]
    agent: str
    team: str
    disabled: bool
    password_hash: str
    failed_logins: int
    locked_until: datetime | None


def add_user(
    conn: Connection,
    *,
    username: str,
    password_hash: str,
    name: str,
    roles: Sequence[str],
    now: datetime,
    agent: str = "",
    team: str = "",
) -> int:
    """A new user; UsageError for an unknown role or a username that exists."""
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise UsageError(f"unknown role {', '.join(unknown) or '(none given)'}; known: {', '.join(ROLES)}")
    if user_by_name(conn, username) is not None:
        raise UsageError(f"user {username!r} exists")
    row = {
        "username": username,
        "password_hash": password_hash,
        "name": name,
        "roles": list(roles),
        "agent": agent,
        "team": team,
        "created_at": now,
        "updated_at": now,
    }
    return int(conn.execute(sa.insert(users).values(row).returning(users.c.id)).scalar_one())


def user_by_name(conn: Connection, username: str) -> User | None:
    """The user with this name, also a disabled one: the caller decides what that means."""
    return _user(conn.execute(sa.select(users).where(users.c.username == username)).mappings().first())


def user_by_agent(conn: Connection, agent: str) -> User | None:
    """The first enabled user with this agent number."""
    query = sa.select(users).where(users.c.agent == agent, users.c.disabled.is_(False)).order_by(users.c.id)
    return _user(conn.execute(query).mappings().first()) if agent else None


def list_users(conn: Connection) -> list[User]:
    """Everybody, by name."""
    rows = conn.execute(sa.select(users).order_by(users.c.username)).mappings()
    return [u for u in map(_user, rows) if u is not None]


def update_user(conn: Connection, user_id: int, *, now: datetime, **columns: Any) -> bool:
    """Set columns of ``users``; False if there is no such user."""
    known(users, columns)
    values = {**columns, "updated_at": now}
    return conn.execute(sa.update(users).where(users.c.id == user_id).values(values)).rowcount == 1


def add_session(
    conn: Connection,
    *,
    token_hash: str,
    user_id: int,
    created_at: datetime,
    expires_at: datetime,
    remote: str = "",
    user_agent: str = "",
) -> None:
    """A user signed in; only the hash of the token is kept."""
    row = {
        "token_hash": token_hash,
        "user_id": user_id,
        "created_at": created_at,
        "last_seen_at": created_at,
        "expires_at": expires_at,
        "remote": remote[:200],
        "user_agent": user_agent[:400],
    }
    conn.execute(sa.insert(sessions).values(row))


def session_user(conn: Connection, token_hash: str, now: datetime) -> User | None:
    """The enabled user of a session that has not expired."""
    return _user(conn.execute(_OF_SESSION, {"token": token_hash, "now": now}).mappings().first())


# put once: it is asked for every page twice a minute
_OF_SESSION = (
    sa.select(users)
    .join(sessions, sessions.c.user_id == users.c.id)
    .where(sessions.c.token_hash == sa.bindparam("token"), sessions.c.expires_at > sa.bindparam("now"))
    .where(users.c.disabled.is_(False))
)


def end_session(conn: Connection, token_hash: str) -> bool:
    """Sign out; False if there was no such session."""
    return conn.execute(sa.delete(sessions).where(sessions.c.token_hash == token_hash)).rowcount == 1


def end_sessions_of(conn: Connection, user_id: int) -> int:
    """Sign a user out everywhere (password changed, disabled)."""
    return conn.execute(sa.delete(sessions).where(sessions.c.user_id == user_id)).rowcount


def purge_sessions(conn: Connection, now: datetime) -> int:
    """Forget expired sessions."""
    return conn.execute(sa.delete(sessions).where(sessions.c.expires_at <= now)).rowcount


def add_audit(
    conn: Connection,
    *,
    at: datetime,
    who: str,
    action: str,
    subject: str = "",
    detail: Mapping[str, Any] | None = None,
    remote: str = "",
) -> None:
    """Somebody saw or changed something: ``reveal``, ``login``, ``edit`` …; entries are never changed."""
    row = {"at": at, "who": who, "action": action, "subject": subject, "remote": remote[:200]}
    conn.execute(sa.insert(audit).values({**row, "detail": _masked(dict(detail or {}))}))


def hidden(changes: Mapping[str, Any], words: Collection[str]) -> dict[str, Any]:
    """Changes (field → [before, after]) for the log: of free texts about people only how long they are.

    The log is only added to: what stands in it cannot be erased with the person.
    """
    return {
        name: [f"（{len(str(v or ''))} 字）" for v in pair] if name in words else pair
        for name, pair in changes.items()
    }


def _masked(value: Any) -> Any:
    """The log tells what was done, not people's numbers."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {k: _masked(v) for k, v in value.items()}
    return [_masked(v) for v in value] if isinstance(value, list | tuple) else value


def list_audit(
    conn: Connection, *, who: str | None = None, subject: str | None = None, limit: int = 200
) -> Sequence[RowMapping]:
    """The latest entries, newest first."""
    query = sa.select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    if who is not None:
        query = query.where(audit.c.who == who)
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    return conn.execute(query).mappings().all()


def _user(row: RowMapping | None) -> User | None:
    if row is None:
        return None
    return User(
        id=row["id"],
        username=row["username"],
        name=row["name"],
        roles=tuple(row["roles"]),
        agent=row["agent"],
        team=row["team"],
        disabled=row["disabled"],
        password_hash=row["password_hash"],
        failed_logins=row["failed_logins"],
        locked_until=row["locked_until"],
    )
