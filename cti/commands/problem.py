"""``laidian problem check``: whether the remark of a problem item is good enough to be registered."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from cti.commands.output import Subparsers, add_command, dump

_KINDS = ("delivery", "damage", "out_of_area", "other")


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("problem", help="problem items (问题件)")
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    check = add_command(
        commands,
        "check",
        run,
        "whether a remark holds 产生时间, 联系人, 事情 and 联系电话",
        examples='  laidian problem check "11:20 张先生拒收，要求改地址 13800138000" --kind delivery --json\n'
        '  laidian problem check "派送中"\n'
        '  laidian problem check "…" --kind damage --arose 2025-03-09T08:10',
        json_output=True,
    )
    check.add_argument("remark", metavar="REMARK")
    check.add_argument("--kind", choices=_KINDS, default="delivery")
    check.add_argument("--arose", metavar="TIME", help="when it arose (Asia/Shanghai): tells the deadline")
    check.add_argument("--shift", choices=("late", "mid"), default="late", help="晚班 or 中班")
    check.add_argument("--next-day-site", action="store_true", help="a site without same-day service")


def run(args: argparse.Namespace) -> int:
    from cti.domain import problem, remark

    found = remark.check(args.remark)
    said: dict[str, Any] = {"valid": found.valid, "missing": list(found.missing), "void": found.void}
    if args.arose:
        kind, shift = problem.ProblemKind(args.kind), problem.Shift(args.shift)
        due = problem.due_at(kind, _moment(args.arose), shift, same_day=not args.next_day_site)
        said["due"] = due.isoformat()
    if args.json:
        dump(said)
    else:
        lacks = f"缺少{'、'.join(found.missing)}"
        print(
            "规范"
            if found.valid
            else f"无效备注：等于没有说明；{lacks}"
            if found.void
            else f"不规范：{lacks}"
        )
        if "due" in said:
            print(f"登记期限 {said['due'][:16].replace('T', ' ')}")
    return 0  # a remark that lacks something is an answer, not a fault of the question


def _moment(text: str) -> datetime:
    from zoneinfo import ZoneInfo

    from cti.errors import UsageError

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--arose {text!r} is not a time like 2025-03-09T08:10") from None
    china = ZoneInfo("Asia/Shanghai")
    return at.replace(tzinfo=china) if at.tzinfo is None else at.astimezone(china)
