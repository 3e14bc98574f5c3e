"""Heads and rows of each kind of export, as texts that the readers of the imports understand.

The first name of a column (`cti.store.imports.columns`) is its head. Moments are Chinese time as in the
imports; empty cells say nothing, so an import of them leaves what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.complaint import LABELS as COMPLAINT_STATES
from cti.domain.complaint import ComplaintState
from cti.domain.tier_terms import FLAG_LABELS
from cti.domain.waybill import WaybillState, label_of
from cti.store import tables as t
from cti.store.imports.cells import CHINA
from cti.store.imports.columns import TABLES
from cti.store.repos.customers import LOOSE
from cti.store.tables_tiers import payments, points_ledger

PAGE = 500
ERASED = "erased"
_KINDS = {"company": "公司", "person": "个人"}
_PHONE = {"电话": "phone", "固定电话": "fixed", "移动电话": "mobile"}
_RANK = {state.value: i for i, state in enumerate(WaybillState)}

Cells = dict[str, str]  # field → text


def money(fen: int) -> str:
    """分 as 元; nothing for 0."""
    return f"{fen // 100}.{fen % 100:02d}" if fen > 0 else f"-{-fen // 100}.{-fen % 100:02d}" if fen else ""


def moment(at: datetime | None) -> str:
    """A moment in Chinese time, with its zone where the clock says one hour twice or a second has parts."""
    if at is None:
        return ""
    local = at.astimezone(CHINA)
    plain = local.replace(tzinfo=CHINA, fold=0)
    text = local.strftime("%Y-%m-%d %H:%M:%S") + (f".{at.microsecond:06d}" if at.microsecond else "")
    return text if plain.utcoffset() == local.utcoffset() else text + local.strftime("%z")


def figure(value: Any) -> str:
    """A figure as it was given: whole ones without a point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _birthday(day: date | None, month_only: bool) -> str:
    if day is None:
        return ""
    return f"{day.year}年{day.month}月" if month_only else day.isoformat()


def _customer(row: RowMapping, points: int, loose: str) -> Cells:
    plain: tuple[str, ...] = (
        "code",
        "name",
        "title",
        "company",
        "address",
        "business",
        "occupation",
        "hobbies",
        "note",
    )
    plain += ("cargo", "transport_volume", "routes", "timeliness", "special_handling", "delivery_preference")
    plain += ("industry", "services", "county", "payment", "representative")
    metrics = dict(row["metrics"] or {})
    cells = {n: row[n] for n in plain}
    cells |= {"kind": _KINDS[row["kind"]], "phone": loose, "points": str(points) if points else ""}
    cells |= {"birthday": _birthday(row["birthday"], row["birthday_month_only"])}
    cells |= {"spend_fen": money(row["spend_fen"]), "arrears_fen": money(row["arrears_fen"])}
    cells |= {n: figure(row[n]) for n in ("cooperation_years", "satisfaction")}
    cells |= {"last_order_at": moment(row["last_order_at"]), "green_channel": figure(row["green_channel"])}
    cells["flags"] = "、".join(FLAG_LABELS.get(f, f) for f in metrics.pop("flags", ()))
    return cells | {n: figure(v) for n, v in metrics.items() if n in TABLES["customers"]}


def customers(conn: Connection) -> Iterator[Cells]:
    """A row a customer, and one more for each 联系人."""
    for rows in _pages(conn, t.customers, t.customers.c.source != ERASED):
        ids = [r["id"] for r in rows]
        numbers = _by(conn, t.numbers, "customer_id", ids)
        people = _by(conn, t.customer_contacts, "customer_id", ids)
        p = points_ledger.c
        sums = (
            sa.select(p.customer_id, sa.func.sum(p.delta))
            .where(p.customer_id.in_(ids))
            .group_by(p.customer_id)
        )
        points = {id_: int(n) for id_, n in conn.execute(sums)}
        for row in rows:
            mine = numbers.get(row["id"], [])
            first = _customer(row, points.get(row["id"], 0), (row["preferences"] or {}).get(LOOSE, ""))
            for number in (n for n in mine if n["contact_id"] is None):
                _join(first, _PHONE.get(number["label"], "contact_phone"), _number(number))
            yield first
            for person in people.get(row["id"], []):
                more = {n: first[n] for n in ("code", "name", "kind")}
                more |= {f"contact_{n}": person[n] for n in ("title", "role", "hobbies")}
                more |= {"contact": person["name"], "contact_age": figure(person["age"])}
                for number in (n for n in mine if n["contact_id"] == person["id"]):
                    _join(more, "contact_phone", _number(number))
                yield more


def _number(row: RowMapping) -> str:
    return str(row["display"]) + (f"转{row['extension']}" if row["extension"] else "")


def _join(cells: Cells, name: str, text: str) -> None:
    cells[name] = f"{cells[name]}；{text}" if cells.get(name) else text


def waybills(conn: Connection) -> Iterator[Cells]:
    """A row an event, the first with everything else."""
    for rows in _pages(conn, t.waybills):
        events = _by(conn, t.waybill_events, "waybill_id", [r["id"] for r in rows])
        owners = {r[f"{side}_customer_id"] for r in rows for side in ("sender", "receiver")} - {None}
        query = sa.select(t.customers.c.id, t.customers.c.code).where(
            t.customers.c.id.in_(owners), t.customers.c.source != ERASED
        )
        codes = dict(conn.execute(query).tuples().all())
        for row in rows:
            history = sorted(
                events.get(row["id"], []), key=lambda e: (e["at"], _RANK.get(e["state"], -1), e["place"])
            )
            for cells, event in zip_longest([_waybill(row, codes)], history, fillvalue=None):
                whole: Cells = dict(cells) if isinstance(cells, dict) else {"number": row["number"]}
                if isinstance(event, sa.RowMapping):
                    whole |= {f"event_{n}": event[n] for n in ("place", "operator", "text")}
                    whole |= {"event_at": moment(event["at"]), "event_state": label_of(event["state"])}
                yield whole


def _waybill(row: RowMapping, codes: Mapping[int, str]) -> Cells:
    plain = ("number", "sender_name", "receiver_name", "receiver_address", "origin", "destination", "goods")
    cells = {n: row[n] for n in (*plain, "signed_by", "site", "courier", "problem", "problem_kind")}
    for side in ("sender", "receiver"):
        cells[f"{side}_phone"] = row[f"{side}_display"]
        cells[f"{side}_code"] = codes.get(row[f"{side}_customer_id"], "")
    weight = row["weight_g"]
    cells |= {"pieces": str(row["pieces"]), "weight_kg": "" if weight is None else repr(weight / 1000)}
    cells |= {"freight_fen": money(row["freight_fen"]), "cod_fen": money(row["cod_fen"])}
    cells["state"] = label_of(row["state"])
    return cells | {n: moment(row[n]) for n in ("accepted_at", "promised_at", "delivered_at")}


def orders(conn: Connection) -> Iterator[Cells]:
    """Orders of customers that still are somebody's."""
    for row, code in _of_customers(conn, t.orders):
        state = "已取消" if row["state"] == "cancelled" else row["state"]
        cells = {"number": row["number"], "code": code, "at": moment(row["at"]), "pieces": str(row["pieces"])}
        cells |= {"amount_fen": money(row["amount_fen"]), "paid_fen": money(row["paid_fen"])}
        yield cells | {"waybill": row["waybill"], "state": state, "region": row["region"]}


def payments_(conn: Connection) -> Iterator[Cells]:
    """Payments."""
    for row, code in _of_customers(conn, payments):
        cells = {"number": row["number"], "code": code, "at": moment(row["at"]), "method": row["method"]}
        yield cells | {"amount_fen": money(row["amount_fen"]) or "0", "order_number": row["order_number"]}


_COMPLAINTS = {
    "code": "投诉编号",
    "opened_at": "登记时间",
    "category": "类别",
    "state": "状态",
    "customer": "客户编号",
    "caller_name": "来电者",
    "number_display": "号码",
    "waybill": "运单号",
    "summary": "内容",
    "department": "责任部门",
    "cause": "原因",
    "owner": "负责人",
    "due_at": "答复时限",
    "promised_at": "承诺答复",
    "result": "处理结果",
    "told_at": "回复时间",
    "closed_at": "结案时间",
}


def complaints(conn: Connection) -> Iterator[Cells]:
    """Complaints; there is no import of these."""
    for rows in _pages(conn, t.complaints):
        owners = {r["customer_id"] for r in rows} - {None}
        query = sa.select(t.customers.c.id, t.customers.c.code).where(t.customers.c.id.in_(owners))
        codes = dict(conn.execute(query).tuples().all())
        for row in rows:
            cells = {n: row[n] for n in _COMPLAINTS if n in row and not n.endswith("_at")}
            cells |= {n: moment(row[n]) for n in _COMPLAINTS if n.endswith("_at")}
            cells |= {"customer": codes.get(row["customer_id"], "")}
            yield cells | {"state": COMPLAINT_STATES[ComplaintState(row["state"])]}


KINDS: Mapping[str, Callable[[Connection], Iterator[Cells]]] = {
    "customers": customers,
    "waybills": waybills,
    "orders": orders,
    "payments": payments_,
    "complaints": complaints,
}


def head(kind: str) -> dict[str, str]:
    """Field → head of its column."""
    return dict(_COMPLAINTS) if kind == "complaints" else {f: names[0] for f, names in TABLES[kind].items()}


def _pages(
    conn: Connection, table: sa.Table, *where: sa.ColumnElement[bool]
) -> Iterator[Sequence[RowMapping]]:
    after = 0
    while True:
        query = sa.select(table).where(table.c.id > after, *where).order_by(table.c.id).limit(PAGE)
        rows = conn.execute(query).mappings().all()
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


def _of_customers(conn: Connection, table: sa.Table) -> Iterator[tuple[RowMapping, str]]:
    for rows in _pages(conn, table):
        ids = {r["customer_id"] for r in rows}
        query = sa.select(t.customers.c.id, t.customers.c.code).where(
            t.customers.c.id.in_(ids), t.customers.c.source != ERASED
        )
        codes = dict(conn.execute(query).tuples().all())
        for row in rows:
            if row["customer_id"] in codes:
                yield row, codes[row["customer_id"]]


def _by(conn: Connection, table: sa.Table, column: str, ids: Sequence[int]) -> dict[int, list[RowMapping]]:
    query = sa.select(table).where(table.c[column].in_(ids)).order_by(table.c.id)
    found: dict[int, list[RowMapping]] = {}
    for row in conn.execute(query).mappings():
        found.setdefault(row[column], []).append(row)
    return found
