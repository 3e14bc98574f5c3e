"""``laidian events``: who is told of what happens, and what could not be told."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def register(subparsers: Subparsers) -> None:
    """Add the group and its commands."""
    group = subparsers.add_parser(
        "events", help="对外事件: subscribe, list, off, on, remove, dead, resend", description="Events out."
    )
    commands = group.add_subparsers(metavar="subscribe|list|off|on|remove|dead|resend", required=True)
    add = _add(
        commands,
        "subscribe",
        _subscribe,
        "post events to an address; prints the secret of the signatures once",
        "  laidian events subscribe CRM https://crm.example/hook --kinds call.ended,complaint.opened",
    )
    add.add_argument("url")
    add.add_argument("--kinds", default="", help="by commas; default: all (laidian events kinds)")
    for name, run, text in (
        ("off", _off, "stop telling; what waits is kept"),
        ("on", _on, "go on telling"),
        ("remove", _remove, "away with the subscription and what waits for it"),
        ("resend", _resend, "try all dead deliveries of a subscription again"),
    ):
        _add(commands, name, run, text, f"  laidian events {name} CRM")
    for name, run, text in (
        ("list", _list, "subscriptions with the state of their deliveries"),
        ("dead", _dead, "deliveries that were given up, the newest first"),
        ("kinds", _kinds, "every kind of event"),
    ):
        add_command(commands, name, run, text, json_output=True, config=True)


def _add(commands: Subparsers, name: str, run: Any, text: str, example: str) -> argparse.ArgumentParser:
    parser = add_command(commands, name, run, text, examples=example, json_output=True, config=True)
    parser.add_argument("name")
    return parser


def _subscribe(args: argparse.Namespace) -> int:
    from cti.store.repos import subscriptions as subs
    from screenpop.integrations import new_secret

    secret = new_secret()
    made = {"name": args.name, "url": args.url, "secret": secret, "kinds": args.kinds.split(",")}
    _in_store(args, lambda c, by: subs.add_subscription(c, **made, **by))
    _say(args, {"name": args.name, "secret": secret}, f"{args.name}\n签名密钥（只显示这一次）：{secret}")
    return 0


def _off(args: argparse.Namespace) -> int:
    return _set(args, on=False)


def _on(args: argparse.Namespace) -> int:
    return _set(args, on=True)


def _set(args: argparse.Namespace, *, on: bool) -> int:
    from cti.store.repos import subscriptions as subs

    _in_store(args, lambda c, by: subs.set_subscription(c, args.name, on=on, **by))
    _say(args, {"name": args.name, "on": on}, f"{args.name}：{'继续投递' if on else '已暂停'}")
    return 0


def _remove(args: argparse.Namespace) -> int:
    from cti.store.repos import subscriptions as subs

    _in_store(args, lambda c, by: subs.remove_subscription(c, args.name, **by))
    _say(args, {"name": args.name, "removed": True}, f"{args.name}：已删除")
    return 0


def _resend(args: argparse.Namespace) -> int:
    from cti.store.repos import subscriptions as subs

    done = _in_store(args, lambda c, by: subs.resend(c, name=args.name, **by))
    _say(args, {"name": args.name, "deliveries": done}, f"{args.name}：{done} 条重新投递")
    return 0


def _list(args: argparse.Namespace) -> int:
    from cti.store.repos import subscriptions as subs

    for row in _in_store(args, lambda c, _: subs.list_subscriptions(c)):
        state = "已暂停" if row["disabled_at"] else "投递中" if not row["failures"] else "收方无应答"
        counts = f"等待 {row['waiting']} 已送 {row['sent']} 死信 {row['dead']}"
        _say(args, row, f"{row['name']}\t{state}\t{counts}\t{row['url']}\t{row['last_error']}")
    return 0


def _dead(args: argparse.Namespace) -> int:
    from cti.store.repos import subscriptions as subs

    for row in _in_store(args, lambda c, _: subs.list_deliveries(c, state="dead", limit=500)):
        words = f"{row['id']}\t{row['subscription']}\t{row['kind']}\t{row['subject']}\t{row['last_error']}"
        _say(args, dict(row), words)
    return 0


def _kinds(args: argparse.Namespace) -> int:
    from cti.domain.events import KINDS

    for kind, label in KINDS.items():
        _say(args, {"kind": kind, "label": label}, f"{kind}\t{label}")
    return 0


def _say(args: argparse.Namespace, data: dict[str, Any], words: str) -> None:
    if args.json:
        dump(data)
    else:
        print(words)


def _in_store(args: argparse.Namespace, fn: Callable[[Connection, dict[str, Any]], Any]) -> Any:
    from contextlib import closing
    from datetime import UTC, datetime

    from cti.config import load
    from cti.store.db import Database
    from cti.store.migrations import upgrade

    with closing(Database(load(args.config).store.url)) as db:
        upgrade(db)
        with db.begin() as conn:
            return fn(conn, {"at": datetime.now(UTC), "who": "cli"})
