"""``laidian outreach``: plan what we owe customers now, show what is due."""

from __future__ import annotations

import argparse
from typing import Any

from cti.commands.output import Subparsers, add_command, dump


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "outreach",
        run,
        "plan visits, calls and greetings, show what is due (回访与关怀)",
        examples="  laidian outreach plan --json\n  laidian outreach due --late",
        json_output=True,
        config=True,
    )
    parser.add_argument("action", choices=("plan", "due"))
    parser.add_argument("--late", action="store_true", help="only what is overdue, for due")
    parser.add_argument("--url", help="store instead of the one of the settings")


def run(args: argparse.Namespace) -> int:
    """Do what is asked."""
    from cti.config import load
    from cti.store.db import Database
    from cti.store.migrations import upgrade

    settings = load(args.config)
    database = Database(args.url or settings.store.url)
    try:
        upgrade(database)
        return (_plan if args.action == "plan" else _due)(database, settings, args)
    finally:
        database.close()


def _plan(database: Any, settings: Any, args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from cti.domain.outreach import KINDS, TaskKind
    from cti.store.outreach_rules import outreach_rules
    from cti.store.repos.outreach_plan import plan_day

    done = plan_day(database, outreach_rules(settings), now=datetime.now(UTC))
    if args.json:
        dump({"added": done.added, "settled": done.settled, "said": done.said})
        return 0
    for kind, count in done.added.items():
        print(f"{KINDS[TaskKind(kind)]}：新增 {count}")
    for text in done.said:
        print(f"注意：{text}")
    return 0


def _due(database: Any, settings: Any, args: argparse.Namespace) -> int:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from cti.domain.outreach import KINDS, TaskKind
    from cti.obs import mask
    from cti.store.repos.outreach_lists import TaskFilter, find_tasks

    now, zone = datetime.now(UTC), ZoneInfo(settings.timezone)
    asked = TaskFilter(state="live", late_at=now if args.late else None)
    with database.begin(write=False) as conn:
        rows = find_tasks(conn, asked, limit=500)
    names = ("id", "kind", "state", "customer_id", "waybill", "title", "due_at", "owner")
    if args.json:
        dump([{**{n: r[n] for n in names}, "title": mask(r["title"])} for r in rows])
        return 0
    for r in rows:
        late = " 逾期" if r["due_at"] < now else ""
        kind, owner = KINDS[TaskKind(r["kind"])], r["owner"] or "未分派"
        print(f"{r['due_at'].astimezone(zone):%m-%d %H:%M}{late}\t{kind}\t{mask(r['title'])}\t{owner}")
    if not rows:
        print("没有到期的任务")
    return 0
