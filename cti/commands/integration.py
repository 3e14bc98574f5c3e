"""``laidian integration``: tokens for other systems (TMS, WMS)."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from cti.store.db import Database


def register(subparsers: Subparsers) -> None:
    """Add the group and its commands."""
    group = subparsers.add_parser(
        "integration", help="对接令牌: add, list, revoke", description="Tokens for other systems (TMS, WMS)."
    )
    commands = group.add_subparsers(metavar="add|list|revoke", required=True)
    add = add_command(
        commands,
        "add",
        run_add,
        "make a token; it is shown once and never again",
        examples="  laidian integration add TMS --scopes waybills:write,orders:write\n"
        "  laidian integration add CRM --scopes customers:read,events:read --days 365 --signed",
        json_output=True,
        config=True,
    )
    add.add_argument("name")
    add.add_argument("--scopes", required=True, help="what it may do, by commas (see --help of the group)")
    add.add_argument("--days", type=float, help="expires after so many days; default: never")
    add.add_argument("--rate", type=int, default=600, metavar="N", help="requests a minute (default 600)")
    add.add_argument("--signed", action="store_true", help="webhooks must be signed; prints the secret once")
    add_command(commands, "list", run_list, "all tokens, without secrets", json_output=True, config=True)
    revoke = add_command(
        commands,
        "revoke",
        run_revoke,
        "the token no longer works (within 5 s)",
        json_output=True,
        config=True,
    )
    revoke.add_argument("name")


def run_add(args: argparse.Namespace) -> int:
    """Make a token."""
    from datetime import UTC, datetime, timedelta

    from cti.errors import UsageError
    from cti.store.repos import integrations as repo
    from screenpop.auth import token_hash
    from screenpop.integrations import new_secret, new_token

    now, token = datetime.now(UTC), new_token()
    secret = new_secret() if args.signed else ""
    if args.days is not None and not 0 < args.days <= 3650:
        raise UsageError("--days is more than 0 and at most 3650")
    expires = now + timedelta(days=args.days) if args.days else None
    with closing(_store(args)) as db, db.begin() as conn:
        repo.add_integration(
            conn,
            name=args.name,
            token_hash=token_hash(token),
            scopes=args.scopes.split(","),
            at=now,
            who="cli",
            expires_at=expires,
            rate_per_min=args.rate,
            secret=secret,
        )
    if args.json:
        dump({"name": args.name, "token": token, "secret": secret, "expires_at": expires})
        return 0
    print(f"{args.name}\n令牌（只显示这一次）：{token}")
    if secret:
        print(f"签名密钥（只显示这一次）：{secret}")
    return 0


def run_list(args: argparse.Namespace) -> int:
    """All tokens."""
    from cti.store.repos import integrations as repo

    with closing(_store(args)) as db, db.begin(write=False) as conn:
        rows = repo.list_integrations(conn)
    for row in rows:
        if args.json:
            dump(dict(row))
            continue
        used = f"{row['last_used_at']:%Y-%m-%d %H:%M} UTC" if row["last_used_at"] else "从未使用"
        state = "已停用" if row["revoked_at"] else "有效"
        print(f"{row['name']}\t{state}\t{','.join(row['scopes'])}\t{row['rate_per_min']}/分钟\t{used}")
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    """Revoke one."""
    from datetime import UTC, datetime

    from cti.store.repos import integrations as repo

    with closing(_store(args)) as db, db.begin() as conn:
        done = repo.revoke_integration(conn, args.name, at=datetime.now(UTC), who="cli")
    if args.json:
        dump({"name": args.name, "revoked": done})
    else:
        print(f"{args.name}：{'已停用' if done else '早已停用'}")
    return 0


def _store(args: argparse.Namespace) -> Database:
    from cti.config import load
    from cti.store.db import Database
    from cti.store.migrations import upgrade

    db = Database(load(args.config).store.url)
    upgrade(db)
    return db
