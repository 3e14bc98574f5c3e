"""Rows of a list of orders or payments to records; every number once in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from cti.domain.phone import Plan
from cti.store.imports import cells as cell
from cti.store.imports.columns import MUST, TABLES, Column, Header
from cti.store.imports.record import Cells, Fault, RowFaults
from cti.store.imports.rows import Row

# what tells a cancelled order in the owners' systems; every other word is kept as it is written
_CANCELLED = frozenset({"已取消", "取消", "作废", "已作废", "cancelled", "canceled"})


@dataclass(slots=True)
class LedgerRecord:
    """One order or payment as the file tells it; `code` names the customer."""

    line: int
    code: str
    values: dict[str, Any]

    @property
    def number(self) -> str:
        return str(self.values["number"])


class LedgerReader:
    """Turns rows into records."""

    kind = "orders"

    def __init__(self, header: Header, plan: Plan) -> None:
        self._header = header
        self._seen: dict[str, int] = {}

    def records(self, rows: Iterator[Row]) -> Iterator[LedgerRecord | list[Fault]]:
        """Records and, in place of a bad row, its faults."""
        for row in rows:
            try:
                record = self._record(row)
                self._once(record)
            except RowFaults as e:
                yield e.faults
            else:
                yield record

    def _once(self, record: LedgerRecord) -> None:
        before = self._seen.setdefault(record.number, record.line)
        if before != record.line:
            name = TABLES[self.kind]["number"][0]
            said = f"{name} {record.number} 重复，首次出现在第 {before} 行"
            raise RowFaults([Fault(record.line, name, said)])

    def _record(self, row: Row) -> LedgerRecord:
        found = Cells(row, self._header)
        values = {c.field: found.read(c, raw, _converter(c)) for c, raw in found.filled()}
        for must in MUST[self.kind]:
            if must not in values:
                found.fault(TABLES[self.kind][must][0], "不能为空")
        if isinstance(values.get("pieces"), int) and values["pieces"] < 0:
            found.fault("件数", "不能为负")
        found.done()
        return LedgerRecord(row.line, values.pop("code"), values)


class OrderReader(LedgerReader):
    """Orders."""


class PaymentReader(LedgerReader):
    """Payments."""

    kind = "payments"


def _converter(column: Column) -> Callable[[str], Any]:
    if column.field == "at":
        return cell.moment
    if column.field.endswith("_fen"):
        return partial(cell.money_fen, factor=column.factor)
    if column.field == "pieces":
        return cell.whole
    if column.field == "state":
        return lambda value: state_word(cell.text(value))
    return cell.text


def state_word(text: str) -> str:
    """A word for a cancelled order is told as ``cancelled``; every other one stays as it is written."""
    return "cancelled" if text.strip().lower() in _CANCELLED else text
