"""Finding a customer or a waybill by whatever an agent types: number, name, 编号 or waybill number.

Every way is a range of an index and stops after a few rows, so that it stays quick over millions; nothing
walks through a table. All ways but parts of names are asked in one statement.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection

from cti.domain import waybill as waybill_domain
from cti.domain.customer import Customer, WaybillSummary
from cti.domain.phone import DEFAULT_PLAN, Plan, parse
from cti.store.repos import grams, parts
from cti.store.repos.build import Row, customer_from, waybill_from
from cti.store.repos.common import Prepared, prepared
from cti.store.repos.name_parts import by_part
from cti.store.tables import customers, numbers, waybills
from cti.store.types import Id

MAX_QUERY = 64
MIN_DIGITS = 4  # fewer digits would list half of the store
LAST = "\U0010ffff"
_WHY = {"whole": "number"}


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A customer or a waybill, and why it was found: number, suffix, code, name or waybill."""

    why: str
    customer: Customer | None = None
    waybill: WaybillSummary | None = None


def search(conn: Connection, query: str, *, plan: Plan = DEFAULT_PLAN, limit: int = 20) -> list[SearchHit]:
    """What matches best first: exact number, 编号, waybill, then parts of numbers, then names."""
    text = query.strip()[:MAX_QUERY]
    if not text:
        return []
    found = _ids(conn, text, plan, limit)
    parcels = _waybills(conn, text, limit)
    rows = {row["id"]: row for row in _by_ids(conn, list(found)[:limit])}
    hits = [SearchHit(_WHY.get(found[i], found[i]), customer_from(rows[i])) for i in found if i in rows]
    first = sum(found[i] in ("whole", "code") for i in rows)
    hits[first:first] = [SearchHit("waybill", waybill=p) for p in parcels]
    return hits[:limit]


def search_ids(conn: Connection, query: str, *, plan: Plan = DEFAULT_PLAN, limit: int = 20) -> list[int]:
    """The customers that a search leads to, senders and receivers of waybills included."""
    text = query.strip()[:MAX_QUERY]
    if not text:
        return []
    ids = list(_ids(conn, text, plan, limit))
    number = waybill_domain.clean_number(text)
    if number is not None:
        sides = _rows(conn, "sides", {**_values("number", number), "limit": limit})
        ids += [i for row in sides for i in row.values() if i is not None]
    return list(dict.fromkeys(ids))[:limit]


def _ids(conn: Connection, text: str, plan: Plan, limit: int) -> dict[int, str]:
    """Customers and why they were found, the best first."""
    digits = "".join(c for c in text if c.isdigit() and c.isascii())
    named = not (digits and digits == text)
    ways = _ways(text, digits, plan, named=named)
    values = {name: value for _, some in ways.values() for name, value in some.items()}
    found: dict[int, str] = {}
    rows = _asked(conn.dialect.name, tuple(ways)).rows(conn, {**values, "limit": limit})
    whys = [why for why, _ in ways.values()]
    for row in sorted(rows, key=lambda row: row["way"]):  # inside of a way they stay as they came
        found.setdefault(row["id"], whys[row["way"]])
    if named and len(found) < limit and (terms := grams.query_terms(text)):
        for i in _ranked(text, by_part(conn, terms, enough=limit, most=limit * 5)):
            found.setdefault(i, "name")
    return found


def _ways(text: str, digits: str, plan: Plan, *, named: bool) -> dict[str, tuple[str, dict[str, str]]]:
    """The ways to ask, the best first: why a row of it was found, and the values that it is asked with."""
    ways: dict[str, tuple[str, dict[str, str]]] = {}
    whole = parse(text, plan).key
    if whole:
        ways["whole"] = ("whole", {"whole": whole})
    ways["code"] = ("code", {"code": text})
    if len(digits) >= MIN_DIGITS:
        # a beginning, of a mobile or with the area code; eight digits may be an ending too
        why = "suffix" if len(digits) == 8 else "number"
        ways["mobile"] = (why, _values("mobile", f"mobile:{digits}"))
        if len(digits) == 8:
            ways["suffix"] = (why, {"suffix": digits})
        if digits.startswith("0"):
            area = 3 if digits[1] in "12" else 4
            fixed = f"fixed:{digits[:area]}-{digits[area:]}" if len(digits) > area else f"fixed:{digits}"
            ways["fixed"] = (why, _values("fixed", fixed))
    if named:
        ways["name"] = ("name", _values("name", text))
    return ways


def _waybills(conn: Connection, text: str, limit: int) -> list[WaybillSummary]:
    number = waybill_domain.clean_number(text)
    if number is None:
        return []
    rows = _rows(conn, "waybills", {**_values("number", number), "limit": limit})
    return [waybill_from(row) for row in rows]


def _ranked(text: str, names: Mapping[int, str]) -> list[int]:
    """The whole name first, then names that begin so, then the rest."""
    wanted = grams.folded(text)

    def rank(i: int) -> tuple[bool, bool, str, int]:
        name = grams.folded(names[i])
        return (name != wanted, not name.startswith(wanted), names[i], i)

    return sorted(names, key=rank)


def _by_ids(conn: Connection, ids: Sequence[int]) -> list[Row]:
    if not ids:
        return []
    # SQLite knows no arrays
    asked = json.dumps(ids) if conn.dialect.name == "sqlite" else list(ids)
    return [{**row, "contact_name": "", "contact_title": ""} for row in _rows(conn, "by_ids", {"ids": asked})]


def _values(name: str, prefix: str) -> dict[str, str]:
    """The values of `_starts`."""
    return {name: prefix, f"{name}_end": prefix + LAST}


def _starts(column: sa.ColumnElement[str], name: str) -> tuple[sa.ColumnElement[bool], ...]:
    """A prefix as a range, which any B-tree serves that orders byte by byte."""
    return column >= _text(name), column < _text(f"{name}_end")


def _text(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.Text())


_LIMIT = sa.bindparam("limit", type_=sa.Integer())

# a way: which column, by what range of which index, and the order inside of it
Way = tuple[sa.ColumnElement[int], Sequence[sa.ColumnElement[bool]], sa.ColumnElement[Any] | None]
_OWNER = numbers.c.customer_id
_WAYS: dict[str, Way] = {
    "whole": (_OWNER, (numbers.c.key == _text("whole"),), None),
    "code": (customers.c.id, (customers.c.code == _text("code"),), None),
    "mobile": (_OWNER, _starts(numbers.c.key, "mobile"), numbers.c.key),
    "suffix": (_OWNER, (numbers.c.suffix == _text("suffix"),), None),
    "fixed": (_OWNER, _starts(numbers.c.key, "fixed"), numbers.c.key),
    "name": (customers.c.id, _starts(customers.c.name, "name"), customers.c.name),
}


@cache
def _asked(dialect: str, ways: tuple[str, ...]) -> Prepared:
    """All ways in one statement, each a short range of its own: (place of the way, customer).

    A planner that is given them as one condition may rather walk through all customers.
    """
    several = []
    for place, way in enumerate(ways):
        column, conditions, order = _WAYS[way]
        one = sa.select(sa.literal_column(str(place), sa.Integer).label("way"), column.label("id"))
        one = one.where(*conditions).limit(_LIMIT)
        few = (one if order is None else one.order_by(order)).subquery()
        several.append(sa.select(few.c.way, few.c.id))
    return prepared(dialect, sa.union_all(*several))


@cache
def _statements(dialect: str) -> dict[str, Prepared]:
    number = waybills.c.number
    starts = _starts(number, "number")
    sides = (waybills.c.sender_customer_id, waybills.c.receiver_customer_id)
    if dialect == "sqlite":
        listed = sa.func.json_each(_text("ids")).table_valued("value")
        these: sa.ColumnElement[bool] = customers.c.id.in_(sa.select(listed.c.value))
    else:
        these = customers.c.id == sa.func.any(sa.bindparam("ids", type_=ARRAY(Id)))
    questions = {
        "by_ids": sa.select(*parts.CUSTOMER_COLUMNS).where(these),
        "waybills": sa.select(*parts.WAYBILL_COLUMNS).where(*starts).order_by(number).limit(_LIMIT),
        "sides": sa.select(*sides).where(*starts).order_by(number).limit(_LIMIT),
    }
    return {name: prepared(dialect, question) for name, question in questions.items()}


def _rows(conn: Connection, what: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _statements(conn.dialect.name)[what].rows(conn, values)
