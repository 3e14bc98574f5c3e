"""Rows of a CSV or XLSX file as text, one at a time, with the line that a person finds them on."""

from __future__ import annotations

import codecs
import csv
import hashlib
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from cti.errors import UsageError

MAX_CELL = 4000  # characters; longer ones are refused as a fault of the row
MAX_BYTES = 1 << 30
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = (",", "\t", ";", "，")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it starts on (or the row of the sheet) and its cells, stripped."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was looked at: how it is written, and its fingerprint."""

    file: Path
    sha256: str
    encoding: str  # "xlsx" for a workbook


def open_source(file: Path, encoding: str | None = None) -> Source:
    """Look at a file; UsageError with one sentence if it cannot be read or its encoding is not clear."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UsageError(f"{file}: larger than {MAX_BYTES >> 30} GB; split it")
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            head = stream.read(8)
    except OSError as e:
        raise UsageError(f"{file}: cannot be read: {e.strerror}") from e
    if head.startswith(b"PK\x03\x04"):
        return Source(file, digest, "xlsx")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UsageError(f"{file}: old Excel format (.xls); save it as .xlsx")
    return Source(file, digest, _encoding(file, head, encoding))


def read_rows(source: Source) -> Iterator[Row]:
    """All rows that are not empty, the header first. UsageError if the file breaks off or is no table."""
    return _sheet_rows(source.file) if source.encoding == "xlsx" else _csv_rows(source)


def _encoding(file: Path, head: bytes, wanted: str | None) -> str:
    if wanted is not None:
        try:
            name = codecs.lookup(wanted).name
        except LookupError:
            raise UsageError(f"unknown encoding {wanted!r} (utf-8, gb18030, …)") from None
        if not _decodes(file, name):
            raise UsageError(f"{file}: not {wanted}")
        return "utf-8-sig" if name == "utf-8" else name
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    # GBK text is hardly ever valid UTF-8 by chance, so the stricter one is tried first
    for name in ("utf-8", "gb18030"):
        if _decodes(file, name):
            return name
    raise UsageError(f"{file}: neither UTF-8 nor GB18030; say which with --encoding")


def _decodes(file: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _csv_rows(source: Source) -> Iterator[Row]:
    with source.file.open(encoding=source.encoding, newline="") as stream:
        head = stream.readline()
        stream.seek(0)
        delimiter = max(_DELIMITERS, key=head.count)
        reader = csv.reader(stream, delimiter=delimiter)
        start = 1
        try:
            for cells in reader:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    yield Row(start, stripped)
                start = reader.line_num + 1
        except csv.Error as e:
            raise UsageError(f"{source.file}: line {start}: not CSV: {e}") from e


def _sheet_rows(file: Path) -> Iterator[Row]:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl does not know
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                sheet = book.worksheets[0]
                for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
                    cells = [_cell_text(value) for value in values]
                    if any(cells):
                        yield Row(number, cells)
            finally:
                book.close()
    except (
        zipfile.BadZipFile,
        InvalidFileException,
        KeyError,
        IndexError,
        ValueError,
        SyntaxError,
        OSError,
    ) as e:
        raise UsageError(f"{file}: not a readable workbook (.xlsx): {' '.join(str(e).split())[:200]}") from e


LOST_DIGITS = "\ufffd"  # marks a number that Excel has already rounded


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float):
        # a workbook keeps numbers as doubles: beyond 15 digits the last ones are no longer true
        if abs(value) >= 1e15:
            return f"{LOST_DIGITS}{value:.0f}"
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).strip()
