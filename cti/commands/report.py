"""``laidian report day``: the figures of a day, or of several, as a table, JSON or workbook."""

from __future__ import annotations

import argparse
from pathlib import Path

from cti.commands.output import Subparsers, add_command, dump


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("report", help="figures by day of the hotline (日报)")
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    day = add_command(
        commands,
        "day",
        run,
        "offered, answered, abandoned, service level … by queue, agent, tier and hour",
        examples="  laidian report day\n"
        "  laidian report day 2025-03-09 --json\n"
        "  laidian report day 2025-03-01 --to 2025-03-09 --xlsx march.xlsx",
        json_output=True,
        config=True,
    )
    day.add_argument("date", nargs="?", metavar="DATE", help="in the zone of the settings; default: today")
    day.add_argument("--to", metavar="DATE", help="last day, for several")
    day.add_argument("--queue", metavar="QUEUE", help="one queue only")
    day.add_argument("--xlsx", type=Path, metavar="FILE", help="write a workbook")


def run(args: argparse.Namespace) -> int:
    """Do what is asked."""
    from datetime import UTC, datetime

    from cti.config import load
    from cti.domain.report import Span, parse_day
    from cti.errors import UsageError
    from cti.store.db import Database
    from cti.store.migrations import upgrade
    from cti.store.tier_plan import zone_of
    from screenpop.api.report_xlsx import workbook
    from screenpop.api.reports import read_report

    settings = load(args.config)
    zone = zone_of(settings)
    first = parse_day(args.date) if args.date else datetime.now(UTC).astimezone(zone).date()
    span = Span(first, parse_day(args.to) if args.to else first, zone)
    if args.queue is not None and args.queue not in {q.name for q in settings.queues}:
        raise UsageError(f"no queue {args.queue!r} in the settings")
    database = Database(settings.store.url)
    try:
        upgrade(database)
        with database.begin() as conn:
            found = read_report(conn, settings, span, args.queue)
    finally:
        database.close()
    if args.xlsx is not None:
        try:
            args.xlsx.write_bytes(workbook(found))
        except OSError as e:
            raise UsageError(f"{args.xlsx} cannot be written: {e.strerror}") from e
    if args.json:
        dump(found.model_dump(mode="json"))
    elif args.xlsx is None:
        _print(found.model_dump())
    return 0


def _print(found: dict[str, object]) -> None:
    from screenpop.api.report_models import ReportOut

    report = ReportOut.model_validate(found)
    print(f"{report.first} – {report.last}  {report.timezone}")
    print(f"{'':　<12}\t进线\t接起\t放弃\t短放弃\t服务水平\t平均等待\t通话\t投诉")
    for title, rows in (
        ("", (report.total, report.before)),
        ("队列", report.queues),
        ("座席", report.agents),
        ("等级", report.tiers),
    ):
        if title:
            print(f"— {title}")
        for r in rows:
            level = "—" if r.service_level is None else f"{r.service_level:.1%}"
            wait = "—" if r.mean_wait_s is None else f"{r.mean_wait_s:g} s"
            cells = (r.offered, r.answered, r.abandoned, r.short, level, wait, r.talks, r.complaints)
            print(f"{r.label:　<12}\t" + "\t".join(str(c) for c in cells))
    print(report.definitions["service_level"])
