"""Finding a customer or a waybill by whatever an agent types: number, name, 编号 or waybill number.

Every way is a range of an index and stops after a few rows, so that it stays quick over millions; nothing
walks through a table. All ways but parts of names are asked in one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain import waybill as waybill_domain
from cti.domain.customer import Customer, WaybillSummary
from cti.domain.phone import DEFAULT_PLAN, Plan, parse
from cti.store.repos import grams, parts
from cti.store.repos.build import Row, customer_from, waybill_from
from cti.store.repos.name_parts import ids_by_part
from cti.store.tables import customers, numbers, waybills

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
        sides = sa.select(waybills.c.sender_customer_id, waybills.c.receiver_customer_id)
        these = sides.where(_starts(waybills.c.number, number)).order_by(waybills.c.number).limit(limit)
        ids += [i for row in conn.execute(these) for i in row if i is not None]
    return list(dict.fromkeys(ids))[:limit]


def _ids(conn: Connection, text: str, plan: Plan, limit: int) -> dict[int, str]:
    """Customers and why they were found, the best first."""
    digits = "".join(c for c in text if c.isdigit() and c.isascii())
    named = not (digits and digits == text)
    ways = _ways(text, digits, plan, named=named)
    found: dict[int, str] = {}
    for way, i in _ask(conn, ways, limit):
        found.setdefault(i, ways[way][0])
    if named and len(found) < limit and (terms := grams.query_terms(text)):
        names = _ranked(conn, text, ids_by_part(conn, terms, enough=limit, most=limit * 5))
        for i in names:
            found.setdefault(i, "name")
    return found


Way = tuple[str, sa.ColumnElement[int], Sequence[sa.ColumnElement[bool]], sa.ColumnElement[Any] | None]


def _ways(text: str, digits: str, plan: Plan, *, named: bool) -> list[Way]:
    """Why, which column, by what range of which index, and the order inside of it."""
    key, owner = numbers.c.key, numbers.c.customer_id
    whole = parse(text, plan).key
    ways: list[Way] = []
    if whole:
        ways.append(("whole", owner, (key == whole,), None))
    ways.append(("code", customers.c.id, (customers.c.code == text,), None))
    if len(digits) >= MIN_DIGITS:
        # a beginning, of a mobile or with the area code; eight digits may be an ending too
        why = "suffix" if len(digits) == 8 else "number"
        ways.append((why, owner, (_starts(key, f"mobile:{digits}"),), key))
        if len(digits) == 8:
            ways.append((why, owner, (numbers.c.suffix == digits,), None))
        if digits.startswith("0"):
            area = 3 if digits[1] in "12" else 4
            fixed = f"fixed:{digits[:area]}-{digits[area:]}" if len(digits) > area else f"fixed:{digits}"
            ways.append((why, owner, (_starts(key, fixed),), key))
    if named:
        ways.append(("name", customers.c.id, (_starts(customers.c.name, text),), customers.c.name))
    return ways


def _ask(conn: Connection, ways: Sequence[Way], limit: int) -> list[tuple[int, int]]:
    """All ways in one statement, each a short range of its own: (place of the way, customer).

    A planner that is given them as one condition may rather walk through all customers.
    """
    several = []
    for place, (_, column, conditions, order) in enumerate(ways):
        one = sa.select(sa.literal_column(str(place), sa.Integer).label("way"), column.label("id"))
        one = one.where(*conditions).limit(limit)
        few = (one if order is None else one.order_by(order)).subquery()
        several.append(sa.select(few.c.way, few.c.id))
    rows = [(row.way, row.id) for row in conn.execute(sa.union_all(*several))]
    return sorted(rows, key=lambda row: row[0])  # inside of a way they stay as they came


def _starts(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """A prefix as a range, which any B-tree serves that orders byte by byte."""
    return sa.and_(column >= prefix, column < prefix + LAST)


def _waybills(conn: Connection, text: str, limit: int) -> list[WaybillSummary]:
    number = waybill_domain.clean_number(text)
    if number is None:
        return []
    starts = _starts(waybills.c.number, number)
    query = sa.select(*parts.WAYBILL_COLUMNS).where(starts).order_by(waybills.c.number).limit(limit)
    return [waybill_from(dict(row)) for row in conn.execute(query).mappings()]


def _ranked(conn: Connection, text: str, ids: Sequence[int]) -> list[int]:
    """The whole name first, then names that begin so, then the rest."""
    if not ids:
        return []
    rows = conn.execute(sa.select(customers.c.id, customers.c.name).where(customers.c.id.in_(ids)))
    wanted = grams.folded(text)

    def rank(row: Any) -> tuple[bool, bool, str, int]:
        name = grams.folded(row.name)
        return (name != wanted, not name.startswith(wanted), row.name, row.id)

    return [row.id for row in sorted(rows, key=rank)]


def _by_ids(conn: Connection, ids: Sequence[int]) -> list[Row]:
    if not ids:
        return []
    query = sa.select(*parts.CUSTOMER_COLUMNS).where(customers.c.id.in_(ids))
    return [{**row, "contact_name": "", "contact_title": ""} for row in conn.execute(query).mappings()]
