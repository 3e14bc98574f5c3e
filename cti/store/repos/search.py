"""Finding a customer or a waybill by whatever an agent types: number, name, 编号 or waybill number.

Every way is an index range, so that it stays quick over millions of rows; nothing scans a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain import waybill as waybill_domain
from cti.domain.customer import Customer, WaybillSummary
from cti.domain.phone import DEFAULT_PLAN, Plan, parse
from cti.store.repos import grams, parts
from cti.store.repos.build import Row, customer_from, waybill_from
from cti.store.tables import customers, numbers, waybills

MAX_QUERY = 64
MIN_DIGITS = 4  # fewer digits would list half of the store


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
    hits: list[SearchHit] = []
    seen: set[tuple[str, Any]] = set()

    def add(why: str, *, customer: Customer | None = None, waybill: WaybillSummary | None = None) -> None:
        mark = ("c", customer.id) if customer else ("w", waybill.number if waybill else "")
        if mark not in seen and len(hits) < limit:
            seen.add(mark)
            hits.append(SearchHit(why, customer, waybill))

    number = parse(text, plan)
    digits = "".join(c for c in text if c.isdigit() and c.isascii())
    if number.key:
        for row in _by_ids(conn, _owners(conn, [numbers.c.key == number.key], limit), limit):
            add("number", customer=customer_from(row))
    coded = list(conn.execute(sa.select(customers.c.id).where(customers.c.code == text)).scalars())
    for row in _by_ids(conn, coded, limit):
        add("code", customer=customer_from(row))
    for found in _waybills(conn, text, limit):
        add("waybill", waybill=found)
    if len(digits) >= MIN_DIGITS and len(hits) < limit:
        for row in _by_ids(conn, _owners(conn, _parts_of_number(digits), limit), limit):
            add("suffix" if len(digits) == 8 else "number", customer=customer_from(row))
    if len(hits) < limit and not (digits and digits == text):
        for row in _by_name(conn, text, limit):
            add("name", customer=customer_from(row))
    return hits


def _owners(conn: Connection, conditions: list[sa.ColumnElement[bool]], limit: int) -> list[int]:
    """Whose numbers these are. One short index range after another: a planner that is given them as one
    question may rather walk through all customers."""
    ids: list[int] = []
    for condition in conditions:
        query = sa.select(numbers.c.customer_id).where(condition).order_by(numbers.c.key).limit(limit)
        ids += [i for i in conn.execute(query).scalars() if i not in ids]
    return ids[:limit]


def _parts_of_number(digits: str) -> list[sa.ColumnElement[bool]]:
    """A beginning, of a mobile or with the area code; eight digits may be an ending too."""
    ranges = [_starts(numbers.c.key, f"mobile:{digits}")]
    if len(digits) == 8:
        ranges.append(numbers.c.suffix == digits)
    if digits.startswith("0"):
        area = 3 if digits[1] in "12" else 4
        fixed = f"fixed:{digits[:area]}-{digits[area:]}" if len(digits) > area else f"fixed:{digits}"
        ranges.append(_starts(numbers.c.key, fixed))
    return ranges


def _starts(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """A prefix as a range, which any B-tree serves; keys and waybill numbers are ASCII."""
    return sa.and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))


def _waybills(conn: Connection, text: str, limit: int) -> list[WaybillSummary]:
    number = waybill_domain.clean_number(text)
    if number is None:
        return []
    starts = _starts(waybills.c.number, number)
    query = sa.select(*parts.WAYBILL_COLUMNS).where(starts).order_by(waybills.c.number)
    return [waybill_from(row) for row in _rows(conn, query.limit(limit))]


def _by_name(conn: Connection, text: str, limit: int) -> list[Row]:
    terms = grams.query_terms(text)
    if not terms:
        return []
    if conn.dialect.name == "sqlite":
        found = sa.text("SELECT rowid AS id FROM customers_fts WHERE customers_fts MATCH :terms LIMIT :few")
        match = " AND ".join(f'"{term}"' for term in terms)
        ids = [row[0] for row in conn.execute(found, {"terms": match, "few": limit * 5})]
    else:
        array = sa.type_coerce(terms, customers.c.grams.type)
        holds = customers.c.grams.op("@>", is_comparison=True)(array)
        ids = list(conn.execute(sa.select(customers.c.id).where(holds).limit(limit * 5)).scalars())
    rows = _by_ids(conn, ids, limit * 5)
    wanted = grams.folded(text)

    def rank(row: Row) -> tuple[int, int, str]:
        name = grams.folded(row["name"])
        return (name != wanted, not name.startswith(wanted), row["name"])

    return sorted(rows, key=rank)


def _by_ids(conn: Connection, ids: list[int], limit: int) -> list[Row]:
    if not ids:
        return []
    query = sa.select(*parts.CUSTOMER_COLUMNS).where(customers.c.id.in_(ids)).order_by(customers.c.id)
    return [{**row, "contact_name": "", "contact_title": ""} for row in _rows(conn, query.limit(limit))]


def _rows(conn: Connection, query: Any) -> list[Row]:
    return [dict(row) for row in conn.execute(query).mappings()]
