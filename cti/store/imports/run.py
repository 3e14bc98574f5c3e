"""An import from file to store: read and prove everything first, then write it in one transaction.

Nothing is half-imported: while there is a bad row nothing is written (or, if asked for, the good rows
only), and the writing is one transaction. Proved records wait in a temporary file, so memory stays flat
whatever the size; the transaction is as short as it can be, because SQLite has one writer.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.phone import Plan
from cti.domain.tiers import Scheme
from cti.errors import UsageError
from cti.store.db import Database
from cti.store.imports.cells import CHINA
from cti.store.imports.columns import understand
from cti.store.imports.customers import CustomerReader, CustomerRecord
from cti.store.imports.orders import LedgerRecord, OrderReader, PaymentReader
from cti.store.imports.record import Fault
from cti.store.imports.rows import Source, open_source, read_rows
from cti.store.imports.waybills import WaybillReader, WaybillRecord
from cti.store.lock import store_lock
from cti.store.recompute import recompute
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.orders import upsert_ledger
from cti.store.repos.people import add_audit
from cti.store.repos.tiering import Plan as TierPlan
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from cti.store.tables import imports

BATCH = 500
MAX_FAULTS = 200  # reported one by one; all are counted
LOCK_WAIT_S = 600.0
KINDS = ("customers", "waybills", "orders", "payments")

READERS: dict[str, Any] = {
    "customers": CustomerReader,
    "waybills": WaybillReader,
    "orders": OrderReader,
    "payments": PaymentReader,
}
RECORDS: dict[str, Any] = {
    "customers": CustomerRecord,
    "waybills": WaybillRecord,
    "orders": LedgerRecord,
    "payments": LedgerRecord,
}

Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Report:
    """What an import found and did."""

    kind: str
    file: str
    sha256: str
    encoding: str
    rows: int = 0  # records: customers, waybills, orders or payments
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    bad: int = 0  # rows with faults
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    written: bool = False
    already: datetime | None = None  # when this very file was imported before
    tiers_changed: int | None = None  # by the recomputation that follows; None where none did
    touched: set[int] = field(default_factory=set, repr=False)  # customers whose figures may differ now

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        told = asdict(self) | {"already": self.already.isoformat() if self.already else None}
        return {k: v for k, v in told.items() if k != "touched"}


@dataclass(frozen=True, slots=True)
class Options:
    """How to import."""

    now: datetime
    plan: Plan
    scheme: Scheme | None = None
    encoding: str | None = None
    skip_bad: bool = False
    dry_run: bool = False
    again: bool = False
    who: str = "cli"
    tiers: TierPlan | None = None  # what to recompute afterwards; None: nothing
    zone: tzinfo = CHINA
    wait_s: float = LOCK_WAIT_S  # for another import to end
    name: str = ""  # of the file as its owner knows it, where it was uploaded


def import_file(
    database: Database, kind: str, file: Path, options: Options, progress: Progress = lambda _, __: None
) -> Report:
    """Import one file. A report with `bad` and without `written` means: refused, nothing was changed.

    UsageError if the file is no table of this kind; Unavailable if the store is away or another import
    runs for longer than ten minutes.
    """
    if kind not in KINDS:
        raise UsageError(f"cannot import {kind!r}; known: {', '.join(KINDS)}")
    source = open_source(file, options.encoding)
    report = Report(kind, options.name or file.name, source.sha256, source.encoding)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as spool:
        _prove(source, options, report, spool, progress)
        if options.dry_run or (report.bad and not options.skip_bad):
            return report
        with suppress(_NothingWritten), store_lock(database, options.wait_s), database.begin() as connection:
            _write(connection, options, report, spool, progress)
    if options.tiers is not None and report.touched:
        # behind the import's transaction: what is cut short here the night's run makes good
        done = recompute(
            database,
            options.tiers,
            now=options.now,
            zone=options.zone,
            cause="import",
            ids=sorted(report.touched),
            progress=progress,
        )
        report.tiers_changed = done.changed
    return report


class _NothingWritten(Exception):
    """Takes the transaction back: rows turned out to be bad while they were written."""


def _prove(source: Source, options: Options, report: Report, spool: IO[str], progress: Progress) -> None:
    rows = read_rows(source)
    first = next(rows, None)
    if first is None:
        raise UsageError(f"{source.file}: empty")
    try:
        header = understand(report.kind, first.cells)
    except UsageError as e:
        raise UsageError(f"{source.file}: {e}") from None
    if header.unknown:
        report.warnings.append(f"未识别的列，已忽略：{'、'.join(header.unknown)}")
    reader = READERS[report.kind](header, options.plan)
    seen = 0
    for record in reader.records(rows):
        seen += 1
        if seen % 1000 == 0:
            progress("读取", seen)
        if isinstance(record, list):
            report.bad += 1
            report.faults += record[: MAX_FAULTS - len(report.faults)]
            continue
        report.rows += 1
        if isinstance(record, CustomerRecord) and record.loose_numbers and len(report.warnings) < MAX_FAULTS:
            loose = "、".join(record.loose_numbers)
            report.warnings.append(
                f"第 {record.line} 行：号码 {loose} 位数不全或为服务号，已保存但不能用于识别来电"
            )
        spool.write(
            json.dumps({n: getattr(record, n) for n in record.__slots__}, ensure_ascii=False, default=_plain)
        )
        spool.write("\n")


def _write(conn: Connection, options: Options, report: Report, spool: IO[str], progress: Progress) -> None:
    """Write the proved records; the caller's transaction commits all of them or none."""
    same = sa.select(imports.c.finished_at).where(
        imports.c.kind == report.kind, imports.c.sha256 == report.sha256, imports.c.options == _mark(options)
    )
    before = conn.execute(same.order_by(imports.c.id.desc())).scalars().first()
    if before is not None and not options.again:
        report.already = before
        report.unchanged = report.rows
        return
    done = 0
    spool.seek(0)
    for batch in _batches(spool, report.kind):
        _write_batch(conn, batch, options, report)
        done += len(batch)
        progress("写入", done)
    if report.bad and not options.skip_bad:
        report.created = report.changed = report.unchanged = 0
        report.touched.clear()
        raise _NothingWritten
    conn.execute(
        sa.insert(imports).values(
            kind=report.kind,
            sha256=report.sha256,
            file_name=report.file,
            options=_mark(options),
            started_at=options.now,
            finished_at=options.now,
            who=options.who,
            rows=report.rows,
            created=report.created,
            changed=report.changed,
            unchanged=report.unchanged,
            bad=report.bad,
        )
    )
    detail = {"file": report.file, "rows": report.rows, "created": report.created, "changed": report.changed}
    add_audit(conn, at=options.now, who=options.who, action="import", subject=report.kind, detail=detail)
    report.written = True


def _write_batch(conn: Connection, batch: list[Any], options: Options, report: Report) -> None:
    if report.kind == "customers":
        given = [Given(r.values, r.metrics, r.contacts, r.numbers, r.loose_numbers) for r in batch]
        wrote = upsert_customers(conn, given, now=options.now, scheme=options.scheme, source="import")
        told = [
            f"编号 {code}：{key} 是虚拟号（中间号），不保存为客户号码" for code, key in wrote.skipped_virtual
        ]
        counts: Any = wrote
        report.touched |= wrote.ids
    elif report.kind in ("orders", "payments"):
        counts = upsert_ledger(conn, report.kind, [(r.code, r.values) for r in batch], source="import")
        report.touched |= counts.touched
        lines = {r.number: r.line for r in batch}
        faults = [Fault(lines[n], "客户编号", f"没有客户编号 {code}") for n, code in counts.unknown]
        report.bad += len(faults)
        report.rows -= len(faults)
        report.faults += faults[: max(0, MAX_FAULTS - len(report.faults))]
        told = []
    else:
        parcels = [GivenWaybill(r.values, r.events, r.sender_code, r.receiver_code) for r in batch]
        counts = upsert_waybills(conn, parcels, now=options.now, source="import")
        told = [f"运单 {number}：没有客户编号 {code}" for number, code in counts.unknown_codes]
    report.warnings += told[: max(0, MAX_FAULTS - len(report.warnings))]
    report.created += counts.created
    report.changed += counts.changed
    report.unchanged += counts.unchanged


def _batches(spool: IO[str], kind: str) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for line in spool:
        record = json.loads(line, object_hook=_revive)
        batch.append(RECORDS[kind](**record))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _plain(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    if isinstance(value, date):
        return {"$day": value.isoformat()}
    raise TypeError(f"cannot keep {type(value).__name__}")


def _revive(found: dict[str, Any]) -> Any:
    if "$at" in found:
        return datetime.fromisoformat(found["$at"])
    if "$day" in found:
        return date.fromisoformat(found["$day"])
    return found


def _mark(options: Options) -> str:
    """What else decides the outcome: the same bytes read otherwise are another import."""
    scheme = options.scheme.name if options.scheme else ""
    return f"scheme={scheme} skip_bad={int(options.skip_bad)} encoding={options.encoding or ''}"
