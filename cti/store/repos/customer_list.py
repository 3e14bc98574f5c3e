"""The list of customers: filters, sorting, and paging by the key of the last row, so that no page costs more
than the first one."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.classification import PREFECTURE, PROVINCE, PROVINCE_FROM
from cti.domain.phone import DEFAULT_PLAN, Plan
from cti.errors import UsageError
from cti.store.repos.search import search_ids
from cti.store.tables import customers, numbers
from cti.store.tables_tiers import customer_metrics, customer_tiers

COUNTED = 10_000  # more than these are "more than": nobody reads a longer number
MOST_FOUND = 500  # of a search by words

Sort = Literal["new", "name", "code", "value"]
_C, _M = customers.c, customer_metrics.c
_SHOWN = (
    *(_C[n] for n in ("id", "code", "kind", "name", "title", "company", "tier_scheme", "tier_id")),
    *(_C[n] for n in ("tier_label", "tier_reason", "representative", "green_channel", "industry")),
    *(_C[n] for n in ("services", "county", "updated_at")),
    *(_M[n] for n in ("annual_revenue", "potential_value", "regions", "churn", "reach_label")),
)
_KEY = {"new": _C.id, "name": _C.name, "code": _C.code, "value": _M.annual_revenue}
# which way each is read first
_DOWN = {"new": True, "name": False, "code": False, "value": True}


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which customers; empty fields mean all.

    `tier` is one of `scheme`, which is the active one or is computed `beside` it; `service` one of 业务;
    `churn` is any, silent or volume; `q` a number, name, 编号 or waybill, or the beginning of one.
    """

    kind: str = ""
    scheme: str = ""
    tier: str = ""
    beside: bool = False
    industry: str = ""
    service: str = ""
    region: str = ""
    county: str = ""
    representative: str = ""
    green: bool = False
    churn: str = ""
    q: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after (or before) the row with this key."""

    key: Any
    id: int

    def text(self) -> str:
        """The place as it stands in an address."""
        raw = json.dumps([self.key, self.id], ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @staticmethod
    def read(text: str, sort: Sort) -> Place:
        """UsageError for a text that is no place in this order."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            key, row = json.loads(raw)
        except ValueError:
            raise UsageError("the place in the list is not one of ours") from None
        kinds: tuple[type, ...] = (str,)
        if sort in ("new", "value"):
            kinds = (int,) if sort == "new" else (int, float, type(None))
        if type(row) is not int or isinstance(key, bool) or not isinstance(key, kinds):
            raise UsageError("the place in the list is not one of this order")
        return Place(key, row)


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `before` and `after` are the places of its neighbours, None where there is nothing."""

    rows: list[RowMapping]
    before: Place | None
    after: Place | None
    total: int  # at most COUNTED + 1


def customer_page(
    conn: Connection,
    f: ListFilter,
    *,
    sort: Sort = "new",
    turned: bool = False,
    after: Place | None = None,
    before: Place | None = None,
    limit: int = 50,
    plan: Plan = DEFAULT_PLAN,
) -> Page:
    """One page after (or before) a place, and how many there are. `turned` reads the order from its end."""
    where = _conditions(conn, f, plan)
    back = before is not None
    place = before if back else after
    rows = _rows(
        conn, where, sort, down=_DOWN[sort] is not (turned ^ back), place=place, back=back, n=limit + 1
    )
    more = len(rows) > limit
    rows = rows[:limit]
    if back:
        rows.reverse()
    there = bool(rows) and (more if back else place is not None)
    beyond = bool(rows) and (place is not None if back else more)
    counted = sa.select(sa.literal(1)).select_from(_joined()).where(*where).limit(COUNTED + 1)
    total = conn.execute(sa.select(sa.func.count()).select_from(counted.subquery())).scalar_one()
    return Page(
        rows,
        _place(rows[0], sort) if there else None,
        _place(rows[-1], sort) if beyond else None,
        int(total),
    )


def first_numbers(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    """One number of each, as it was given: the first that was saved."""
    if not ids:
        return {}
    n = numbers.c
    first = sa.select(sa.func.min(n.id)).where(n.customer_id.in_(list(ids))).group_by(n.customer_id)
    query = sa.select(n.customer_id, n.display).where(n.id.in_(first))
    return {row.customer_id: row.display for row in conn.execute(query)}


def industries(conn: Connection) -> list[str]:
    """Every industry that some customer has, by hops over the index instead of a walk through everybody."""
    found: list[str] = []
    least = sa.select(sa.func.min(_C.industry)).where(_C.industry != "")
    name = conn.execute(least).scalar()
    while name is not None:
        found.append(name)
        name = conn.execute(least.where(_C.industry > name)).scalar()
    return found


def _rows(
    conn: Connection, where: list[Any], sort: Sort, *, down: bool, place: Place | None, back: bool, n: int
) -> list[RowMapping]:
    """The next `n` rows in this direction. Customers without figures come last in the order of value."""
    key = _KEY[sort]
    query = sa.select(*_SHOWN).select_from(_joined()).where(*where)
    if sort != "value":
        return _run(conn, query, key, place, down, n)
    known, unknown = query.where(key.is_not(None)), query.where(key.is_(None))
    # the unknown ones keep one direction, whichever way the others are turned
    parts = [(known, key, down), (unknown, _C.id, not back)]
    if back:
        parts.reverse()
    found: list[RowMapping] = []
    begun = place is None
    for part, by, falling in parts:
        here = place is not None and (place.key is None) == (by is _C.id)
        if not begun and not here:
            continue
        begun = True
        if len(found) < n:
            at = place if here else None
            found += _run(conn, part, by, at, falling, n - len(found))
    return found


def _run(conn: Connection, query: Any, key: Any, place: Place | None, down: bool, n: int) -> list[RowMapping]:
    by: tuple[Any, ...] = (key,) if key is _C.id else (key, _C.id)
    if place is not None:
        if key is _C.id:
            query = query.where(key < place.id if down else key > place.id)
        else:
            row, there = sa.tuple_(*by), sa.tuple_(sa.literal(place.key, key.type), sa.literal(place.id))
            query = query.where(row < there if down else row > there)
    order = [c.desc() if down else c for c in by]
    return list(conn.execute(query.order_by(*order).limit(n)).mappings())


def _place(row: RowMapping, sort: Sort) -> Place:
    return Place(row[_KEY[sort].name], row["id"])


def _joined() -> sa.Join:
    return customers.outerjoin(customer_metrics, _M.customer_id == _C.id)


def _conditions(conn: Connection, f: ListFilter, plan: Plan) -> list[Any]:
    equal = ((_C.kind, f.kind), (_C.industry, f.industry), (_C.county, f.county))
    out: list[Any] = [
        column == value for column, value in (*equal, (_C.representative, f.representative)) if value
    ]
    if f.tier and f.beside:
        of = customer_tiers.c
        out.append(sa.exists().where(of.customer_id == _C.id, of.scheme == f.scheme, of.tier_id == f.tier))
    elif f.tier:
        out += [_C.tier_scheme == f.scheme, _C.tier_id == f.tier]
    if f.service:
        listed = sa.literal("、").concat(_C.services).concat("、")
        out.append(listed.contains(f"、{f.service}、", autoescape=True))
    if f.region == PROVINCE:
        out.append(_M.regions >= PROVINCE_FROM)
    elif f.region == PREFECTURE:
        out.append(_M.regions == 1)
    if f.green:
        out.append(_C.green_channel)
    if f.churn:
        out.append(_M.churn != "" if f.churn == "any" else _M.churn == f.churn)
    if f.q.strip():
        out.append(_C.id.in_(search_ids(conn, f.q, plan=plan, limit=MOST_FOUND)))
    return out
