"""Rows of a customer list to records: 公司 and 个人, several numbers and 联系人 each (domain.md §1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cti.domain.classification import SERVICES, services_from
from cti.domain.phone import Number, Plan
from cti.domain.tier_terms import FLAG_LABELS
from cti.store.imports import cells as cell
from cti.store.imports.columns import Column, Header
from cti.store.imports.record import Cells, Fault, RowFaults
from cti.store.imports.rows import Row

_KINDS = {
    **dict.fromkeys(("公司", "企业", "单位", "company", "公司客户", "企业客户"), "company"),
    **dict.fromkeys(("个人", "person", "个人客户", "自然人"), "person"),
}
_TITLES = {"男": "先生", "女": "女士"}
_FIRM_WORDS = ("公司", "厂", "店", "集团", "中心", "商行", "经营部", "工作室", "合作社", "局", "院", "学校")
_COMPANY_FIELDS = {"business", "contact", "contact_phone"}
_PERSON_FIELDS = {"birthday", "occupation", "mobile", "hobbies"}

_TEXTS = (
    *("code", "name", "company", "address", "business", "occupation", "hobbies", "note", "cargo", "payment"),
    *("transport_volume", "routes", "timeliness", "special_handling", "representative"),
    *("industry", "county"),
)
_FEN = ("spend_fen", "arrears_fen")
_METRICS = (
    *("monthly_revenue", "annual_revenue", "orders_per_year", "daily_pieces_3m", "county_rank"),
    *("monthly_volume", "volume_cv", "regions"),
)
_PHONES = {"phone": "电话", "fixed": "固定电话", "mobile": "移动电话"}


@dataclass(slots=True)
class Person:
    """One 联系人 while its cells are collected."""

    values: dict[str, Any] = field(default_factory=dict)
    numbers: list[Number] = field(default_factory=list)


@dataclass(slots=True)
class CustomerRecord:
    """One customer as the file tells it: only what is filled in is here, and only that will be changed."""

    line: int
    values: dict[str, Any]
    metrics: dict[str, Any]
    contacts: list[dict[str, Any]]
    numbers: list[dict[str, Any]]  # key, suffix, display, label, extension, contact (a name or "")
    loose_numbers: list[str]

    @property
    def code(self) -> str:
        return str(self.values["code"])


class CustomerReader:
    """Turns rows into records; neighbouring rows with the same 编号 are one customer with more 联系人."""

    def __init__(self, header: Header, plan: Plan) -> None:
        self._header = header
        self._plan = plan
        self._seen: dict[str, int] = {}

    def records(self, rows: Iterator[Row]) -> Iterator[CustomerRecord | list[Fault]]:
        """Records and, in place of a bad row, its faults."""
        open_record: CustomerRecord | None = None
        for row in rows:
            try:
                record = self._record(row)
                if open_record is not None and record.code == open_record.code:
                    _merge(open_record, record)
                    continue
                self._once(record)
            except RowFaults as e:
                yield e.faults
                continue
            if open_record is not None:
                yield open_record
            open_record = record
        if open_record is not None:
            yield open_record

    def _once(self, record: CustomerRecord) -> None:
        before = self._seen.setdefault(record.code, record.line)
        if before != record.line:
            raise RowFaults(
                [Fault(record.line, "编号", f"编号 {record.code} 重复，首次出现在第 {before} 行")]
            )

    def _record(self, row: Row) -> CustomerRecord:
        found = Cells(row, self._header)
        values: dict[str, Any] = {}
        metrics: dict[str, Any] = {}
        preferences: dict[str, str] = {}
        people: dict[int, Person] = {}
        numbers: list[dict[str, Any]] = []
        loose: list[str] = []
        for column, raw in found.filled():
            name = column.field
            if name in _PHONES:
                read = found.read(column, raw, lambda v: cell.numbers(cell.text(v), self._plan))
                if read is not None:
                    numbers += [_number(n, _PHONES[name], "") for n in read[0]]
                    loose += read[1]
            elif name.startswith("contact"):
                self._person(found, column, raw, people)
            elif name in _METRICS:
                metrics[name] = found.read(column, raw, partial(cell.figure, factor=column.factor))
            elif name == "delivery_preference":
                preferences[column.header] = found.read(column, raw, cell.text)
            else:
                self._value(found, column, raw, values, metrics)
        if preferences:
            joined = [f"{k}：{v}" if len(preferences) > 1 else v for k, v in preferences.items()]
            values["delivery_preference"] = "；".join(joined)
        filled = {c.field for c, _ in found.filled()}
        self._kind(found, values, filled)
        if values.get("kind") == "company" and len(people) == 1 and "hobbies" in values:
            next(iter(people.values())).values.setdefault("hobbies", values.pop("hobbies"))
        contacts = self._contacts(found, people, numbers)
        for must, header in (("code", "编号"), ("name", "客户名称")):
            if must not in filled:
                found.fault(header, "不能为空")
        found.done()
        return CustomerRecord(row.line, values, metrics, contacts, _once_each(numbers), loose)

    def _value(
        self, found: Cells, column: Column, raw: str, values: dict[str, Any], metrics: dict[str, Any]
    ) -> None:
        name = column.field
        simple: dict[str, Callable[[str], Any]] = {
            **dict.fromkeys(_TEXTS, cell.text),
            **dict.fromkeys(_FEN, partial(cell.money_fen, factor=column.factor)),
            "cooperation_years": lambda v: cell.figure(v.removesuffix("年")),
            "satisfaction": cell.figure,
            "points": cell.whole,
            "services": _services,
            "last_order_at": cell.moment,
            "green_channel": cell.yes_no,
            "title": lambda v: _TITLES.get(v, cell.text(v)),
        }
        if name == "birthday":
            read = found.read(column, raw, cell.birthday)
            if read is not None:
                values["birthday"], values["birthday_month_only"] = read
        elif name == "is_contract":
            metrics[name] = found.read(column, raw, cell.yes_no)
        elif name == "flags":
            metrics[name] = found.read(column, raw, _flags)
        elif name == "kind":
            values[name] = found.read(column, raw, _kind_word)
        else:
            values[name] = found.read(column, raw, simple[name])

    def _person(self, found: Cells, column: Column, raw: str, people: dict[int, Person]) -> None:
        person = people.setdefault(column.serial, Person())
        if column.field == "contact":
            listed = found.read(column, raw, lambda v: cell.people(cell.text(v), self._plan)) or []
            for i, (name, own) in enumerate(listed):
                each = person if i == 0 else people.setdefault(1000 * column.serial + i, Person())
                each.values["name"] = name
                each.numbers += own
        elif column.field == "contact_phone":
            read = found.read(column, raw, lambda v: cell.numbers(cell.text(v), self._plan))
            person.numbers += read[0] if read else []
        elif column.field == "contact_age":
            person.values["age"] = found.read(column, raw, lambda v: cell.whole(v.removesuffix("岁")))
        else:
            person.values[column.field.removeprefix("contact_")] = found.read(column, raw, cell.text)

    def _contacts(
        self, found: Cells, people: dict[int, Person], numbers: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        contacts = []
        for person in people.values():
            name = person.values.get("name")
            if name:
                contacts.append(person.values)
                numbers += [_number(n, "联系人", name) for n in person.numbers]
            elif person.numbers:
                numbers += [_number(n, "联系人", "") for n in person.numbers]
            elif "age" not in person.values and any(person.values.values()):
                found.fault("联系人", "有联系人信息但没有姓名")
        return contacts

    def _kind(self, found: Cells, values: dict[str, Any], filled: set[str]) -> None:
        if "kind" in values:
            return
        if filled & _COMPANY_FIELDS or str(values.get("name", "")).endswith(_FIRM_WORDS):
            values["kind"] = "company"
        elif filled & _PERSON_FIELDS or "title" in values:
            values["kind"] = "person"
        else:
            values["kind"] = "company" if self._header.fields & _COMPANY_FIELDS else "person"


def _number(number: Number, label: str, contact: str) -> dict[str, Any]:
    return {
        "key": number.key,
        "suffix": number.suffix,
        "display": number.national,
        "label": label,
        "extension": number.extension or "",
        "contact": contact,
    }


def _once_each(numbers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A key once per customer; the first mention, which is the firm's own, wins."""
    return list({n["key"]: n for n in reversed(numbers)}.values())[::-1]


def _merge(record: CustomerRecord, more: CustomerRecord) -> None:
    """A further row of the same customer: its 联系人 and numbers are added, the rest must not differ."""
    differing = [k for k, v in more.values.items() if k != "kind" and record.values.get(k, v) != v]
    if differing:
        names = "、".join(sorted(differing))
        raise RowFaults(
            [Fault(more.line, "编号", f"编号 {more.code} 与第 {record.line} 行重复但内容不一致（{names}）")]
        )
    record.values = {**more.values, **record.values}
    record.metrics = {**more.metrics, **record.metrics}
    known = {c["name"] for c in record.contacts}
    record.contacts += [c for c in more.contacts if c["name"] not in known]
    record.numbers = _once_each([*record.numbers, *more.numbers])
    record.loose_numbers += [n for n in more.loose_numbers if n not in record.loose_numbers]


def _kind_word(value: str) -> str:
    try:
        return _KINDS[value.strip().lower()]
    except KeyError:
        raise cell.CellError(f"{value} 应为 公司 或 个人") from None


def _words(value: str) -> list[str]:
    marked = cell.text(value).translate(str.maketrans("，;；,/", "、、、、、"))
    return [w.strip() for w in marked.split("、") if w.strip()]


def _services(value: str) -> str:
    known, unknown = services_from(_words(value))
    if unknown:
        raise cell.CellError(f"未知业务 {'、'.join(unknown)}；可用：{'、'.join(SERVICES)}")
    return "、".join(known)


def _flags(value: str) -> list[str]:
    by_label = {label: flag for flag, label in FLAG_LABELS.items()}
    words = _words(value)
    unknown = [w for w in words if w not in by_label and w not in FLAG_LABELS]
    if unknown:
        raise cell.CellError(f"未知标记 {'、'.join(unknown)}；可用：{'、'.join(by_label)}")
    return [by_label.get(w, w) for w in words]
