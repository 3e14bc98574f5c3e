"""An export as a file: CSV (UTF-8 with its mark, for Excel) or XLSX, every cell a text, never a formula."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from cti.errors import UsageError
from cti.store.db import Database
from cti.store.exports.tables import KINDS, head
from cti.store.repos.people import add_audit

FORMATS = ("csv", "xlsx")
SHEET_MOST = 1_000_000  # rows that a sheet of Excel can have
_FORMULA = ("=", "+", "-", "@")


def export_file(
    database: Database,
    kind: str,
    file: Path,
    *,
    at: datetime,
    who: str,
    remote: str = "",
    most: int = SHEET_MOST,
) -> int:
    """Write one kind to a file that only its owner may read; how many rows. Audited.

    The file is there whole or not at all. UsageError for an unknown kind or ending, for more than `most`
    rows, and where the file cannot be written.
    """
    if kind not in KINDS:
        raise UsageError(f"cannot export {kind!r}; known: {', '.join(KINDS)}")
    ending = file.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise UsageError(f"{file}: the name ends in .csv or .xlsx")
    try:
        with NamedTemporaryFile("w+b", dir=file.parent or Path(), prefix=".export-", delete=False) as part:
            try:
                count = _write(database, kind, part, ending, most)
                part.flush()
                os.replace(part.name, file)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part.name)
                raise
    except OSError as e:
        raise UsageError(f"{file}: cannot be written: {e.strerror}") from e
    with database.begin() as conn:
        add_audit(conn, at=at, who=who, action="export", subject=kind, detail={"rows": count}, remote=remote)
    return count


def _write(database: Database, kind: str, part: IO[bytes], ending: str, most: int) -> int:
    fields = head(kind)
    count = 0

    def counted(rows: Iterator[dict[str, str]]) -> Iterator[list[str]]:
        nonlocal count
        for cells in rows:
            count += 1
            if count > most:
                raise UsageError(f"more than {most} rows")
            yield [cells.get(name) or "" for name in fields]

    # one transaction: on PostgreSQL all pages show the same moment
    with database.begin(write=False) as conn:
        rows = counted(KINDS[kind](conn))
        (_csv if ending == "csv" else _xlsx)(part, list(fields.values()), rows)
    return count


def _csv(part: IO[bytes], names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.TextIOWrapper(part, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        # Excel would count what begins with =; the import takes the tab away again
        writer.writerow([f"\t{cell}" if cell.startswith(_FORMULA) else cell for cell in row])
    text.flush()
    text.detach()


def _xlsx(part: IO[bytes], names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("数据")
    sheet.append(list(names))
    for row in rows:
        sheet.append([_cell(sheet, cell) if cell else None for cell in row])
    book.save(part)


def _cell(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"
    return cell
