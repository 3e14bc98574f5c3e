"""The parts of a look-up as Core statements: SQLite runs them one by one, PostgreSQL as one statement.

Each part is a function of "which customer", so that the same text serves a bound value (SQLite) and a
sub-query on the part before (PostgreSQL). Nothing is built while a call waits: `lookup.py` compiles all of
them once.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from cti.domain.complaint import PENDING
from cti.store.tables import (
    axb_bindings,
    complaints,
    contacts,
    customer_contacts,
    customers,
    numbers,
    orders,
    waybills,
)
from cti.store.tables_tiers import customer_metrics
from cti.store.types import Id, UtcDateTime

MAX_CANDIDATES = 20
SHOWN = 5  # waybills, contacts of a pop
ERASED = sa.literal_column("'erased'", sa.Text())  # a row that stays for sums: its person is gone
ORDERS = 9  # eight gaps between orders: domain.md §4

CUSTOMER_COLUMNS = (
    *(customers.c[n] for n in ("id", "code", "kind", "name", "title", "company", "address", "note")),
    *(customers.c[n] for n in ("birthday", "birthday_month_only", "arrears_fen", "payment")),
    *(customers.c[n] for n in ("cargo", "transport_volume", "routes", "timeliness", "special_handling")),
    *(customers.c[n] for n in ("delivery_preference", "preferences", "metrics", "last_order_at")),
    *(customers.c[n] for n in ("tier_scheme", "tier_id", "tier_label", "tier_reason", "representative")),
    customers.c.green_channel,
)
WAYBILL_COLUMNS = (
    *(waybills.c[n] for n in ("id", "number", "state", "updated_at", "origin", "destination")),
    *(waybills.c[n] for n in ("receiver_name", "last_event", "problem")),
)

_KEY = sa.bindparam("key", type_=sa.Text())
_NOW = sa.bindparam("now", type_=UtcDateTime())
_WAYBILL = sa.bindparam("waybill", type_=sa.Text())
_SUFFIX = sa.bindparam("suffix", type_=sa.Text())

# limits as literals: a planner that does not know them reads far too much
_FEW = sa.literal_column(str(SHOWN), sa.Integer())
_MANY = sa.literal_column(str(MAX_CANDIDATES), sa.Integer())
_ORDERS = sa.literal_column(str(ORDERS), sa.Integer())

_EMPTY = sa.literal_column("''", sa.Text())

Select = Any  # Select or CompoundSelect: SQLAlchemy has no public name for both
Which = ColumnElement[int]

CID: Which = sa.bindparam("cid", type_=Id)


def _bound() -> ColumnElement[bool]:
    """Whether the key is a middle number: then it is nobody's own."""
    return sa.exists().where(axb_bindings.c.virtual_key == _KEY)


def _rule(name: str) -> ColumnElement[Any]:
    return sa.literal_column(f"'{name}'", sa.Text()).label("rule")


def is_virtual() -> Select:
    return sa.select(_bound().label("virtual"))


def who() -> Select:
    """The customers behind a number, with the rule (``axb`` or ``exact``) and the contact person if any."""
    binding = sa.select(
        _rule("axb"),
        axb_bindings.c.customer_id,
        sa.cast(sa.null(), Id).label("contact_id"),
    ).where(
        axb_bindings.c.virtual_key == _KEY,
        axb_bindings.c.customer_id.is_not(None),
        axb_bindings.c.valid_from <= _NOW,
        sa.or_(axb_bindings.c.valid_until.is_(None), axb_bindings.c.valid_until > _NOW),
    )
    own = sa.select(_rule("exact"), numbers.c.customer_id, numbers.c.contact_id).where(
        numbers.c.key == _KEY, ~_bound()
    )
    return _joined(sa.union(binding, own).subquery("hits"))


def who_by_waybill() -> Select:
    """Sender and receiver of a waybill, as far as they are customers."""
    none = sa.cast(sa.null(), Id).label("contact_id")
    rule = _rule("waybill")
    sides = (waybills.c.sender_customer_id, waybills.c.receiver_customer_id)
    hits = sa.union(
        *(
            sa.select(rule, side.label("customer_id"), none).where(
                waybills.c.number == _WAYBILL, side.is_not(None)
            )
            for side in sides
        )
    )
    return _joined(hits.subquery("hits"))


def who_by_suffix() -> Select:
    """Customers with another area code before the same last 8 digits."""
    rule = _rule("suffix")
    hits = (
        sa.select(rule, numbers.c.customer_id, sa.func.min(numbers.c.contact_id).label("contact_id"))
        .where(
            numbers.c.suffix == _SUFFIX,
            numbers.c.key != _KEY,
            sa.literal_column("substr(numbers.key, 1, 6) = 'fixed:'", sa.Boolean()),
        )
        .group_by(numbers.c.customer_id)
    )
    return _joined(hits.subquery("hits"))


def who_by_id() -> Select:
    rule = _rule("id")
    none = sa.cast(sa.null(), Id).label("contact_id")
    return _joined(
        sa.select(rule, customers.c.id.label("customer_id"), none)
        .where(customers.c.id == CID, customers.c.source != ERASED)
        .subquery("hits")
    )


def _joined(hits: sa.Subquery) -> Select:
    return (
        sa.select(
            hits.c.rule,
            *CUSTOMER_COLUMNS,
            *(customer_metrics.c[n] for n in ("volume_30d", "volume_before", "reach_label")),
            sa.func.coalesce(customer_contacts.c.name, _EMPTY).label("contact_name"),
            sa.func.coalesce(customer_contacts.c.title, _EMPTY).label("contact_title"),
        )
        .select_from(hits)
        .join(customers, customers.c.id == hits.c.customer_id)
        .outerjoin(customer_contacts, customer_contacts.c.id == hits.c.contact_id)
        .outerjoin(customer_metrics, customer_metrics.c.customer_id == hits.c.customer_id)
        .order_by(customers.c.id)
        .limit(_MANY)
    )


def waybills_of(cid: Which) -> Select:
    """The latest waybills sent or received, and open problem items however old."""
    open_problem = sa.literal_column("waybills.problem <> ''", sa.Boolean())
    sides = (waybills.c.sender_customer_id, waybills.c.receiver_customer_id)
    latest = [_latest_waybills(side == cid) for side in sides]
    problems = [_latest_waybills(sa.and_(side == cid, open_problem)) for side in sides]
    return sa.union(*(sa.select(q.subquery()) for q in (*latest, *problems)))


def waybills_of_key() -> Select:
    """The latest waybills that carry a number, for a caller who is no customer."""
    sides = (waybills.c.sender_key, waybills.c.receiver_key)
    return sa.union(*(sa.select(_latest_waybills(side == _KEY).subquery()) for side in sides))


def waybill_itself() -> Select:
    return sa.select(*WAYBILL_COLUMNS).where(waybills.c.number == _WAYBILL)


def _latest_waybills(condition: ColumnElement[bool]) -> Select:
    return sa.select(*WAYBILL_COLUMNS).where(condition).order_by(waybills.c.updated_at.desc()).limit(_FEW)


def contacts_of(cid: Which) -> Select:
    columns = (
        contacts.c[n] for n in ("at", "channel", "direction", "agent", "summary", "disposition", "note")
    )
    return sa.select(*columns).where(contacts.c.customer_id == cid).order_by(contacts.c.at.desc()).limit(_FEW)


def complaints_of(cid: Which) -> Select:
    """Complaints that still wait for something, the most urgent first."""
    names = ("id", "opened_at", "category", "state", "waybill", "due_at", "summary")
    pending = ", ".join(f"'{s.value}'" for s in sorted(PENDING))
    return (
        sa.select(*(complaints.c[n] for n in names))
        .where(
            complaints.c.customer_id == cid,
            sa.literal_column(f"complaints.state IN ({pending})", sa.Boolean()),
        )
        .order_by(complaints.c.due_at, complaints.c.id)
        .limit(_MANY)
    )


def orders_of(cid: Which) -> Select:
    return (
        sa.select(orders.c.at).where(orders.c.customer_id == cid).order_by(orders.c.at.desc()).limit(_ORDERS)
    )


def history_parts(cid: Which) -> dict[str, Select]:
    """What is shown of one customer, by name."""
    return {
        "waybills": waybills_of(cid),
        "contacts": contacts_of(cid),
        "complaints": complaints_of(cid),
        "orders": orders_of(cid),
    }


def whole(matched: Select, extra: dict[str, Select]) -> Select:
    """All parts as one row of JSON arrays: `matched`, its history when exactly one matched, and `extra`."""
    found = matched.cte("who")
    one: Which = (
        sa.select(sa.case((sa.func.count() == 1, sa.func.max(found.c.id))))
        .select_from(found)
        .scalar_subquery()
    )
    columns = [_as_json(sa.select(found), "who")]
    columns += [_as_json(part, name) for name, part in {**history_parts(one), **extra}.items()]
    return sa.select(*columns)


def listed(matched: Select) -> Select:
    """One part alone as a row with one JSON array."""
    return sa.select(_as_json(matched, "who"))


def _as_json(part: Any, name: str) -> ColumnElement[Any]:
    rows = part.subquery(f"{name}_rows")
    return sa.select(sa.func.json_agg(rows.table_valued())).scalar_subquery().label(name)
