"""``laidian user``: who may sign in to the pages."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Connection

ROLES = ("agent", "supervisor", "qa", "qa_lead", "admin")


def register(subparsers: Subparsers) -> None:
    """Add the group and its commands."""
    group = subparsers.add_parser(
        "user", help="用户: add, passwd, disable, list", description="Who may sign in to the pages."
    )
    commands = group.add_subparsers(metavar="add|passwd|disable|enable|list", required=True)
    add = add_command(
        commands,
        "add",
        run_add,
        "add a user; the password is asked for, or read from stdin",
        examples="  laidian user add zhang --name 张三 --agent 1001\n"
        "  printf '%s' \"$PASSWORD\" | laidian user add li --name 李四 --role supervisor",
        config=True,
    )
    add.add_argument("username")
    add.add_argument("--name", default="", help="shown name (default: the user name)")
    add.add_argument("--role", action="append", choices=ROLES, default=[], help="default: agent; repeatable")
    add.add_argument("--agent", default="", metavar="NUMBER", help="agent number, for who takes calls")
    add.add_argument("--team", default="")
    passwd = add_command(
        commands, "passwd", run_passwd, "set a new password and sign the user out everywhere", config=True
    )
    passwd.add_argument("username")
    for name, run, text in (
        ("disable", run_disable, "no longer let a user in, and sign him out"),
        ("enable", run_enable, "let a user in again"),
    ):
        add_command(commands, name, run, text, config=True).add_argument("username")
    add_command(commands, "list", run_list, "everybody", json_output=True, config=True)


def run_add(args: argparse.Namespace) -> int:
    """Add a user."""
    from datetime import UTC, datetime

    from cti.errors import UsageError
    from cti.store import repos

    username = args.username.strip()
    if not username or len(username) > 64 or not username.isprintable():
        raise UsageError("a user name has 1 to 64 printable characters")
    if args.agent and not (args.agent.isascii() and args.agent.isdigit() and 2 <= len(args.agent) <= 6):
        raise UsageError("an agent number has 2 to 6 digits")
    hashed = _hashed()
    with _store(args) as conn:
        repos.add_user(
            conn,
            username=username,
            password_hash=hashed,
            name=args.name or username,
            roles=args.role or ["agent"],
            now=datetime.now(UTC),
            agent=args.agent,
            team=args.team,
        )
        _told(conn, "user_add", username, {"roles": args.role or ["agent"]})
    print(f"added {username}")
    return 0


def run_passwd(args: argparse.Namespace) -> int:
    """Set a password."""
    _change(args, password_hash=_hashed())
    print(f"password of {args.username} changed")
    return 0


def run_disable(args: argparse.Namespace) -> int:
    """Keep a user out."""
    _change(args, disabled=True)
    print(f"{args.username} is disabled")
    return 0


def run_enable(args: argparse.Namespace) -> int:
    """Let a user in again."""
    _change(args, disabled=False)
    print(f"{args.username} is enabled")
    return 0


def run_list(args: argparse.Namespace) -> int:
    """List everybody."""
    from cti.store import repos

    with _store(args, write=False) as conn:
        users = repos.list_users(conn)
    for user in users:
        if args.json:
            dump(
                {
                    "username": user.username,
                    "name": user.name,
                    "roles": list(user.roles),
                    "agent": user.agent,
                    "team": user.team,
                    "disabled": user.disabled,
                }
            )
        else:
            mark = "\t(disabled)" if user.disabled else ""
            print(f"{user.username}\t{user.name}\t{','.join(user.roles)}\t{user.agent or '-'}{mark}")
    return 0


def _change(args: argparse.Namespace, **columns: object) -> None:
    from datetime import UTC, datetime

    from cti.errors import UsageError
    from cti.store import repos

    with _store(args) as conn:
        user = repos.user_by_name(conn, args.username)
        if user is None:
            raise UsageError(f"there is no user {args.username!r}")
        repos.update_user(conn, user.id, now=datetime.now(UTC), **columns)
        repos.end_sessions_of(conn, user.id)
        changes = {n: True if n == "password_hash" else v for n, v in columns.items()}
        _told(conn, "user_change", user.username, changes)


def _told(conn: Connection, action: str, username: str, detail: dict[str, object]) -> None:
    from datetime import UTC, datetime

    from cti.store import repos

    at = datetime.now(UTC)
    repos.add_audit(conn, at=at, who="cli", action=action, subject=f"user:{username}", detail=detail)


def _hashed() -> str:
    """Ask twice on a terminal; else the first line of stdin is the password."""
    from getpass import getpass

    from cti.errors import UsageError
    from screenpop.auth import checked_password

    if sys.stdin.isatty():
        password = getpass("password: ")
        if getpass("again: ") != password:
            raise UsageError("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    return checked_password(password)


def _store(args: argparse.Namespace, *, write: bool = True) -> AbstractContextManager[Connection]:
    from contextlib import contextmanager

    from cti import config
    from cti.store import migrations
    from cti.store.db import Database

    @contextmanager
    def opened() -> Iterator[Connection]:
        db = Database(config.load(args.config).store.url)
        try:
            migrations.upgrade(db)
            with db.begin(write=write) as conn:
                yield conn
        finally:
            db.close()

    return opened()
