"""``laidian privacy``: one person's data, and what is past its days."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from cti.config import Settings
    from cti.domain.phone import Plan

WHOM = "编号, #id or phone number"
BACKUPS = "备份里的数据不会被改动：恢复备份之后请再执行一次删除。"


def register(subparsers: Subparsers) -> None:
    """Add the group and its commands."""
    group = subparsers.add_parser(
        "privacy", help="个人数据: export, erase, expire", description="Data of one person; retention."
    )
    commands = group.add_subparsers(metavar="export|erase|expire", required=True)
    export = add_command(
        commands,
        "export",
        run_export,
        "everything about one person as JSON, with the names of the sound files",
        examples="  laidian privacy export C1001 --out 1001.json",
        config=True,
    )
    export.add_argument("who", metavar="CUSTOMER", help=WHOM)
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="readable by its owner alone")
    erase = add_command(
        commands,
        "erase",
        run_erase,
        "remove one person: rows stay for statistics without the person, words and sound go",
        examples="  laidian privacy erase C1001          # shows what goes and asks\n"
        "  laidian privacy erase 13800138000 --yes",
        json_output=True,
        config=True,
    )
    erase.add_argument("who", metavar="CUSTOMER", help=WHOM)
    erase.add_argument("--yes", action="store_true", help="do not ask")
    expire = add_command(
        commands,
        "expire",
        run_expire,
        "remove what is past its days ([privacy]); laidian run does it every night",
        examples="  laidian privacy expire --dry-run",
        json_output=True,
        config=True,
    )
    expire.add_argument("--dry-run", action="store_true", help="only count")


def run_export(args: argparse.Namespace) -> int:
    """Export one person."""
    import json
    import os
    from datetime import UTC, datetime

    from cti.errors import UsageError
    from cti.store.db import Database
    from cti.store.repos.people import add_audit
    from cti.store.repos.personal import export_person, find_person

    settings, plan = _settings(args)
    with closing(Database(settings.store.url)) as db:
        with db.begin() as conn:
            person = find_person(conn, args.who, plan)
            told = export_person(conn, person)
            subject = f"customer:{person.id}" if person.id is not None else "number"
            add_audit(conn, at=datetime.now(UTC), who="cli", action="export_person", subject=subject)
        try:
            # a new file that nobody else may read; never over one that is there
            handle = os.open(args.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as e:
            raise UsageError(f"{args.out}: cannot be written: {e.strerror}") from e
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(told, file, ensure_ascii=False, indent=1, default=str)
    for label, rows in told.items():
        if rows:
            print(f"{label}\t{len(rows)}")
    print(args.out)
    return 0


def run_erase(args: argparse.Namespace) -> int:
    """Erase one person."""
    from datetime import UTC, datetime

    from cti.store.db import Database
    from cti.store.privacy import erase
    from cti.store.repos.personal import count_person, find_person

    settings, plan = _settings(args)
    with closing(Database(settings.store.url)) as db:
        with db.begin(write=False) as conn:
            counts = count_person(conn, find_person(conn, args.who, plan))
        if not args.yes and not _sure(counts):
            print("没有删除任何数据。", file=sys.stderr)
            return 1
        customer, counts = erase(db, settings, args.who, plan, at=datetime.now(UTC), who="cli")
    if args.json:
        dump({"customer": customer, "erased": counts, "note": BACKUPS})
    else:
        _print(counts)
        print(BACKUPS)
    return 0


def run_expire(args: argparse.Namespace) -> int:
    """Expire what is past its days."""
    from datetime import UTC, datetime

    from cti.store.db import Database
    from cti.store.privacy import expire

    settings, _ = _settings(args)
    with closing(Database(settings.store.url)) as db:
        counts = expire(db, settings, now=datetime.now(UTC), who="cli", dry_run=args.dry_run)
    if args.json:
        dump({"dry_run": args.dry_run, "rows": counts})
        return 0
    for label, n in counts.items():
        print(f"{label}\t{n}")
    print("只是清点，没有删除。" if args.dry_run else "已完成。")
    return 0


def _sure(counts: dict[str, int]) -> bool:
    _print(counts)
    print(BACKUPS)
    if not sys.stdin.isatty():
        print("laidian: not a terminal: say --yes to erase", file=sys.stderr)
        return False
    return input("删除后不能恢复。输入 删除 确认：").strip() == "删除"


def _print(counts: dict[str, int]) -> None:
    for label, n in counts.items():
        print(f"{label}\t{n}")


def _settings(args: argparse.Namespace) -> tuple[Settings, Plan]:
    import re

    from cti.config import load
    from cti.domain.phone import Plan

    settings = load(args.config)
    return settings, Plan(settings.phone.home_area, re.compile(settings.phone.internal))
