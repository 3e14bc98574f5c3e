"""Rows of a waybill list to records; rows with the same number add their events (轨迹)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cti.domain.phone import Plan, parse
from cti.domain.waybill import WaybillState, clean_number, event_words, state_of
from cti.store.imports import cells as cell
from cti.store.imports.columns import Column, Header
from cti.store.imports.record import Cells, Fault, RowFaults
from cti.store.imports.rows import Row

_EVENT = ("event_at", "event_state", "event_place", "event_operator", "event_text")


@dataclass(slots=True)
class WaybillRecord:
    """One waybill as the file tells it; `sender_code` and `receiver_code` name customers."""

    line: int
    values: dict[str, Any]
    events: list[dict[str, Any]]
    sender_code: str = ""
    receiver_code: str = ""

    @property
    def number(self) -> str:
        return str(self.values["number"])


class WaybillReader:
    """Turns rows into records; neighbouring rows with the same 运单号 are one."""

    def __init__(self, header: Header, plan: Plan) -> None:
        self._header = header
        self._plan = plan

    def records(self, rows: Iterator[Row]) -> Iterator[WaybillRecord | list[Fault]]:
        """Records and, in place of a bad row, its faults."""
        open_record: WaybillRecord | None = None
        for row in rows:
            try:
                record = self._record(row)
                if open_record is not None and record.number == open_record.number:
                    _merge(open_record, record)
                    continue
            except RowFaults as e:
                yield e.faults
                continue
            if open_record is not None:
                yield _settled(open_record)
            open_record = record
        if open_record is not None:
            yield _settled(open_record)

    def _record(self, row: Row) -> WaybillRecord:
        found = Cells(row, self._header)
        values: dict[str, Any] = {}
        event: dict[str, Any] = {}
        for column, raw in found.filled():
            value = found.read(column, raw, self._converter(column))
            target = event if column.field in _EVENT else values
            target[column.field.removeprefix("event_")] = value
        for side in ("sender", "receiver"):
            number = values.pop(f"{side}_phone", None)
            if number is not None:
                values[f"{side}_key"] = number.key or ""
                values[f"{side}_display"] = number.national
        if "number" not in values:
            found.fault("运单号", "不能为空")
        if event and "at" not in event:
            found.fault("事件时间", "有事件但没有时间")
        if event and "state" not in event:
            # 状态 beside 事件时间 is the state at that moment; the last event's becomes the waybill's
            event["state"] = values.pop("state", None) or WaybillState.IN_TRANSIT.value
        elif not event and "state" not in values:
            values["state"] = WaybillState.ORDERED.value
        found.done()
        codes = {f"{side}_code": values.pop(f"{side}_code", "") for side in ("sender", "receiver")}
        return WaybillRecord(row.line, values, [event] if event else [], **codes)

    def _converter(self, column: Column) -> Callable[[str], Any]:
        name = column.field
        if name == "number":
            return _waybill_number
        if name in ("state", "event_state"):
            return _state
        if name.endswith("_at"):
            return cell.moment
        if name.endswith("_fen"):
            return lambda v: cell.money_fen(v, column.factor)
        if name.endswith("_phone"):
            return self._phone
        if name == "pieces":
            return cell.whole
        if name == "weight_kg":
            return cell.figure
        return cell.text

    def _phone(self, value: str) -> Any:
        number = parse(cell.text(value), self._plan)
        # platforms print receivers' numbers masked: kept for reading, never for matching
        if number.cls.value == "invalid":
            raise cell.CellError(f"{value} 不是可识别的电话号码")
        return number


def _waybill_number(value: str) -> str:
    number = clean_number(cell.text(value))
    if number is None:
        raise cell.CellError(f"{value} 不像运单号（8–20 位数字，可带字母前缀）")
    return number


def _state(value: str) -> str:
    state = state_of(cell.text(value))
    if state is None:
        raise cell.CellError(f"未知状态 {value}")
    return state.value


def _merge(record: WaybillRecord, more: WaybillRecord) -> None:
    fixed = {k: v for k, v in more.values.items() if k not in ("state", "problem", "problem_kind")}
    differing = [k for k, v in fixed.items() if record.values.get(k, v) != v]
    if differing:
        what = "、".join(sorted(differing))
        raise RowFaults(
            [Fault(more.line, "运单号", f"运单 {more.number} 与第 {record.line} 行内容不一致（{what}）")]
        )
    record.values = {**more.values, **record.values}
    record.events += more.events
    record.sender_code = record.sender_code or more.sender_code
    record.receiver_code = record.receiver_code or more.receiver_code


def _settled(record: WaybillRecord) -> WaybillRecord:
    """What follows from the events: the state unless the file says it, the last event in words, times."""
    values = record.values
    weight = values.pop("weight_kg", None)
    if weight is not None:
        values["weight_g"] = round(weight * 1000)
    record.events = list({(e["at"], e["state"], e.get("place", "")): e for e in record.events}.values())
    record.events.sort(key=lambda e: e["at"])
    if record.events:
        last = record.events[-1]
        values.setdefault("state", last["state"])
        values["last_event"] = event_words(last)
        values["updated_at"] = last["at"]
        if values["state"] == WaybillState.SIGNED.value:
            values.setdefault("delivered_at", last["at"])
    times: list[datetime] = [values[n] for n in ("updated_at", "delivered_at", "accepted_at") if n in values]
    if times:
        values["updated_at"] = max(times)
    return record
