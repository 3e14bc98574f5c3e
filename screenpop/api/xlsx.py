"""What the exports share: sheets with a head, times of the installation, texts that are never formulas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def local_text(at: datetime, zone: ZoneInfo) -> str:
    """A moment as people in this zone write it."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def sheet_of(sheet: Worksheet, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Fill a sheet: a bold head that stays, texts that are never formulas."""
    sheet.append(list(head))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for number, row in enumerate(rows, 2):
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("", v) if isinstance(v, str) else v for v in row])
        for cell in sheet[number]:
            if cell.data_type == "f":  # what begins with = came from a person, not from us
                cell.data_type = "s"
