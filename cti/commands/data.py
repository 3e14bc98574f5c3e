"""``laidian init-db`` and ``laidian import``: making the store and filling it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from cti.store.imports import Report


def register(subparsers: Subparsers) -> None:
    init = add_command(
        subparsers,
        "init-db",
        run_init,
        "make or update the tables of the store (建库与升级)",
        json_output=True,
        config=True,
    )
    init.add_argument("--url", help="store instead of the one of the settings")
    load = add_command(
        subparsers,
        "import",
        run_import,
        "import customers, waybills, orders or payments from CSV or XLSX (导入)",
        examples="  laidian import customers 客户.xlsx\n  laidian import waybills 运单.csv --dry-run\n"
        "  laidian import orders 订单.csv\n"
        "  laidian import customers --columns",
        json_output=True,
        config=True,
    )
    load.add_argument("kind", choices=("customers", "waybills", "orders", "payments"))
    load.add_argument("file", type=Path, nargs="?", metavar="FILE")
    load.add_argument("--url", help="store instead of the one of the settings")
    load.add_argument("--encoding", help="of a CSV, if it is not found out (utf-8, gb18030 …)")
    load.add_argument("--dry-run", action="store_true", help="only check the file")
    load.add_argument(
        "--skip-bad", action="store_true", help="import the good rows although there are bad ones"
    )
    load.add_argument("--again", action="store_true", help="even if this very file was imported before")
    load.add_argument("--columns", action="store_true", help="list the columns that are understood")

    out = add_command(
        subparsers,
        "export",
        run_export,
        "export customers, waybills, orders, payments or complaints in the columns of the imports (导出)",
        examples="  laidian export customers 客户.xlsx\n  laidian export orders 订单.csv",
        json_output=True,
        config=True,
    )
    out.add_argument("kind", choices=("customers", "waybills", "orders", "payments", "complaints"))
    out.add_argument("file", type=Path, metavar="FILE", help=".csv or .xlsx; readable by its owner alone")
    out.add_argument("--url", help="store instead of the one of the settings")


def run_export(args: argparse.Namespace) -> int:
    from contextlib import closing
    from datetime import UTC, datetime

    from cti.config import load
    from cti.store.db import Database
    from cti.store.exports import export_file

    with closing(Database(args.url or load(args.config).store.url)) as database:
        rows = export_file(database, args.kind, args.file, at=datetime.now(UTC), who="cli")
    if args.json:
        dump({"kind": args.kind, "file": str(args.file), "rows": rows})
    else:
        print(f"{args.file}：{rows} 行")
    return 0


def run_init(args: argparse.Namespace) -> int:
    from cti.config import load
    from cti.store.db import Database
    from cti.store.migrations import upgrade

    database = Database(args.url or load(args.config).store.url)
    try:
        before, after = upgrade(database)
    finally:
        database.close()
    url = database.url.render_as_string(hide_password=True)
    if args.json:
        dump({"url": url, "before": before, "after": after})
    else:
        print(f"{url}：{'已是最新' if before == after else '已升级'}（{before or '空'} → {after}）")
    return 0


def run_import(args: argparse.Namespace) -> int:
    if args.columns:
        return _columns(args.kind, as_json=args.json)
    import re
    from datetime import UTC, datetime

    from cti.config import load
    from cti.domain.phone import Plan
    from cti.errors import UsageError
    from cti.store.db import Database
    from cti.store.imports import Options, import_file
    from cti.store.migrations import upgrade
    from cti.store.tier_plan import tier_plan, zone_of

    if args.file is None:
        raise UsageError(f"which file? laidian import {args.kind} FILE.csv")
    settings = load(args.config)
    plan = tier_plan(settings)
    options = Options(
        now=datetime.now(UTC),
        plan=Plan(settings.phone.home_area, re.compile(settings.phone.internal)),
        scheme=plan.active,
        tiers=plan,
        zone=zone_of(settings),
        encoding=args.encoding,
        skip_bad=args.skip_bad,
        dry_run=args.dry_run,
        again=args.again,
    )
    database = Database(args.url or settings.store.url)
    try:
        if not args.dry_run:
            upgrade(database)
        report = import_file(database, args.kind, args.file, options, _progress)
    finally:
        database.close()
        if sys.stderr.isatty():
            print(file=sys.stderr)
    if args.json:
        dump(report.as_json())
    else:
        _print(report)
    if report.bad and not args.skip_bad:
        print(f"laidian: {args.file}: {report.bad} bad row(s), nothing was imported", file=sys.stderr)
        return 2
    return 0


def _progress(what: str, count: int) -> None:
    """One line that grows on a terminal, one line each otherwise."""
    end = "" if sys.stderr.isatty() else "\n"
    start = "\r" if sys.stderr.isatty() else ""
    print(f"{start}{what} {count}", end=end, file=sys.stderr, flush=True)


def _print(report: Report) -> None:
    for fault in report.faults:
        print(f"第 {fault.line} 行 {fault.column or '（整行）'}：{fault.reason}")
    for warning in report.warnings:
        print(f"注意：{warning}")
    counted = f"{report.rows} 条记录，{report.bad} 行有误"
    if report.already:
        print(
            f"{report.file}：此文件已于 {report.already:%Y-%m-%d %H:%M} UTC 导入过，未作更改"
            "（--again 可强制）"
        )
    elif report.written:
        print(
            f"{report.file}：{counted}；新增 {report.created}，更新 {report.changed}，未变 {report.unchanged}"
        )
        if report.tiers_changed:
            print(f"等级变更 {report.tiers_changed} 位客户")
    else:
        print(f"{report.file}：{counted}；未写入")


def _columns(kind: str, *, as_json: bool) -> int:
    from cti.store.imports.columns import MUST, TABLES

    if as_json:
        dump({field: list(names) for field, names in TABLES[kind].items()})
        return 0
    for field, names in TABLES[kind].items():
        must = "（必填）" if field in MUST[kind] else ""
        print(f"{names[0]}{must}\t{'、'.join(names[1:])}")
    return 0
