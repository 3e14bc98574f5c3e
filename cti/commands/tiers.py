"""``laidian tiers``: recompute everybody's figures and tiers, show one customer's."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from cti.commands.output import Subparsers, add_command, dump


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "tiers",
        run,
        "recompute figures and tiers of all customers, show one customer's (等级重算与查询)",
        examples="  laidian tiers recompute --json\n  laidian tiers show HC-0001",
        json_output=True,
        config=True,
    )
    parser.add_argument("action", choices=("recompute", "show"))
    parser.add_argument("customer", nargs="?", metavar="CUSTOMER", help="客户编号, for show")
    parser.add_argument("--url", help="store instead of the one of the settings")


def run(args: argparse.Namespace) -> int:
    """Do what is asked."""
    from cti.config import load
    from cti.errors import UsageError
    from cti.store.db import Database
    from cti.store.migrations import upgrade

    if args.action == "show" and not args.customer:
        raise UsageError("which customer? laidian tiers show CUSTOMER (客户编号)")
    settings = load(args.config)
    database = Database(args.url or settings.store.url)
    try:
        upgrade(database)
        return (_recompute if args.action == "recompute" else _show)(database, settings, args)
    finally:
        database.close()


def _recompute(database: Any, settings: Any, args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from cti.store.recompute import recompute
    from cti.store.tier_plan import tier_plan, zone_of

    plan = tier_plan(settings)
    now = datetime.now(UTC)
    done = recompute(
        database, plan, now=now, zone=zone_of(settings), cause="by hand", progress=_progress, wait_s=5.0
    )
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if args.json:
        dump(
            {
                "scheme": plan.active.name,
                "schemes": [s.name for s in plan.schemes],
                "customers": done.customers,
                "changed": done.changed,
                "seconds": round(done.seconds, 2),
            }
        )
    else:
        print(
            f"{plan.active.label}（{plan.active.name}）：{done.customers} 位客户，"
            f"等级变更 {done.changed}，用时 {done.seconds:.1f} 秒"
        )
    return 0


def _progress(what: str, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{what} {count}", end="", file=sys.stderr, flush=True)


def _show(database: Any, settings: Any, args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from cti.errors import UsageError
    from cti.store.repos import value
    from cti.store.tier_plan import tier_plan

    with database.begin(write=False) as conn:
        customer_id = value.id_of_code(conn, args.customer)
        if customer_id is None:
            raise UsageError(f"no customer with 编号 {args.customer!r}")
        found = value.of_customer(conn, customer_id, tier_plan(settings), now=datetime.now(UTC))
    if found is None:
        raise UsageError(f"no customer with 编号 {args.customer!r}")
    if args.json:
        dump({k: v for k, v in found.items() if k not in ("steps", "points_entries")})
        return 0
    print(f"{args.customer} {found['name']}")
    for tier in found["tiers"]:
        mark = "*" if tier["active"] else " "
        print(f"{mark} {tier['scheme']}\t{tier['label'] or '（数据不足）'}\t{tier['reason']}")
    print(f"当前价值 {_yuan(found['current_value'])}，潜在价值 {_yuan(found['potential_value'])}（元/年）")
    if found["reach"]:
        print(f"可升级 {found['reach']['label']}：{found['reach']['wanting']}")
    if found["churn"]:
        print(found["churn"]["text"])
    for step in found["history"]:
        when = f"{step['at']:%Y-%m-%d %H:%M} UTC"
        print(f"  {when} {step['scheme']} {step['label']}：{step['reason']}（{step['cause']}）")
    return 0


def _yuan(value: float | None) -> str:
    return "未知" if value is None else f"{value:,.2f}"
