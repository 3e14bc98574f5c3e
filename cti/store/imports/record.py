"""What the two kinds of import share: a fault with its place, and turning cells into values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cti.store.imports.cells import CellError
from cti.store.imports.columns import Column, Header
from cti.store.imports.rows import Row


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where: the line of the file (row of the sheet) and the name of the column."""

    line: int
    column: str
    reason: str


class RowFaults(Exception):
    """A row cannot be taken; all of its faults at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(slots=True)
class Cells:
    """The filled cells of one row, by field; reading one notes its fault instead of stopping."""

    row: Row
    header: Header
    faults: list[Fault] = field(default_factory=list)

    def filled(self) -> Iterator[tuple[Column, str]]:
        """Columns with something in them, in the order of the file."""
        for column in self.header.columns:
            value = self.row.cells[column.index] if column.index < len(self.row.cells) else ""
            if value:
                yield column, value

    def read(self, column: Column, value: str, convert: Callable[[str], Any]) -> Any:
        """The converted value, or None with a fault noted."""
        try:
            return convert(value)
        except CellError as e:
            self.fault(column.header, str(e))
            return None

    def fault(self, column: str, reason: str) -> None:
        self.faults.append(Fault(self.row.line, column, reason))

    def done(self) -> None:
        """Raises RowFaults if there were any."""
        if len(self.row.cells) > len(self.header.columns) + len(self.header.unknown):
            extra = [c for c in self.row.cells[self._width() :] if c]
            if extra:
                self.fault("", f"比表头多出 {len(extra)} 个单元格（{extra[0][:20]}），请检查分隔符和引号")
        if self.faults:
            raise RowFaults(self.faults)

    def _width(self) -> int:
        return 1 + max((c.index for c in self.header.columns), default=0) + len(self.header.unknown)
