"""One customer's record as people keep it: base fields, numbers and contact persons, changed in one step by
the version that was read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.phone import DEFAULT_PLAN, Plan, parse
from cti.errors import UsageError
from cti.store.repos.grams import index_terms
from cti.store.repos.people import add_audit
from cti.store.repos.records import StaleVersion
from cti.store.tables import axb_bindings, customer_contacts, customers, numbers
from cti.store.tables_customers import customer_changes

MOST = 100  # numbers, contact persons of one customer
# 编号 and kind are what others know the customer by; preferences have their own form
FIELDS = (
    *("name", "title", "company", "address", "business", "occupation", "hobbies", "birthday", "note"),
    *("industry", "services", "county", "representative", "green_channel", "payment", "cooperation_years"),
)
PERSON = ("name", "title", "role", "age", "hobbies", "note")


class BadNumber(UsageError):
    """Not a number that somebody can be called at; `why` is invalid, virtual or too_many."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"number {why}")
        self.text, self.why = text, why


class BadPerson(UsageError):
    """A contact person without a name, with the name of another one, or one who is not there."""


@dataclass(frozen=True, slots=True)
class Record:
    """A customer as stored, with numbers (``contact_name`` beside each) and contact persons."""

    row: RowMapping
    numbers: Sequence[RowMapping]
    people: Sequence[RowMapping]


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be changed. A person without ``id`` is new; `add_numbers` are (text, label, person)."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    add_numbers: Sequence[tuple[str, str, str]] = ()
    drop_numbers: Sequence[int] = ()
    people: Sequence[Mapping[str, Any]] = ()
    drop_people: Sequence[int] = ()


def record(conn: Connection, customer_id: int) -> Record | None:
    """The whole record; None if there is no such customer."""
    row = conn.execute(sa.select(customers).where(customers.c.id == customer_id)).mappings().first()
    return None if row is None else Record(row, _numbers(conn, customer_id), _people(conn, customer_id))


def changes_of(
    conn: Connection, customer_id: int, *, after: int = -1, limit: int = 50
) -> Sequence[RowMapping]:
    """What was changed by hand since a version, newest first."""
    c = customer_changes.c
    query = sa.select(customer_changes).where(c.customer_id == customer_id, c.version > after)
    return conn.execute(query.order_by(c.version.desc()).limit(limit)).mappings().all()


def edit_customer(
    conn: Connection,
    customer_id: int,
    edit: Edit,
    *,
    version: int,
    who: str,
    at: datetime,
    remote: str = "",
    plan: Plan = DEFAULT_PLAN,
    seen: Callable[[str], str] = str,
) -> int | None:
    """Make the change; returns the new version, None if there is no such customer.

    StaleVersion if anybody (an import too) changed the customer since `version`; BadNumber, BadPerson, and
    then nothing is changed. `seen` is how the person saw the texts: one that comes back as it was shown
    stays as it is, so that a masked number is not saved masked.
    """
    query = sa.select(customers).where(customers.c.id == customer_id).with_for_update()
    row = conn.execute(query).mappings().first()
    if row is None:
        return None
    if row["version"] != version:
        raise StaleVersion(f"customer {customer_id} is at version {row['version']}, not {version}")
    values = _changed(row, edit.fields, seen)
    changes: dict[str, Any] = {name: [_plain(row[name]), _plain(value)] for name, value in values.items()}
    if people := _write_people(conn, customer_id, edit, seen):
        changes["people"] = people
    if moved := _write_numbers(conn, customer_id, edit, plan):
        changes["numbers"] = moved
    if not changes:
        return version
    if "birthday" in values:
        values["birthday_month_only"] = False
    if {"name", "company", "people"} & changes.keys():
        now = {**row, **values}
        named = [p["name"] for p in _people(conn, customer_id)]
        values["grams"] = index_terms([now["name"], now["company"], *sorted(named)])
    same = sa.update(customers).where(customers.c.id == customer_id, customers.c.version == version)
    conn.execute(same.values(**values, version=version + 1, updated_at=at))
    told = {"customer_id": customer_id, "version": version + 1, "at": at, "who": who, "changes": changes}
    conn.execute(sa.insert(customer_changes).values(told))
    add_audit(
        conn,
        at=at,
        who=who,
        action="edit",
        subject=f"customer:{customer_id}",
        detail={"fields": sorted(changes), "version": version + 1},
        remote=remote,
    )
    return version + 1


def _numbers(conn: Connection, cid: int) -> Sequence[RowMapping]:
    n, p = numbers.c, customer_contacts.c
    query = (
        sa.select(n.id, n.key, n.display, n.label, n.extension, p.name.label("contact_name"))
        .select_from(numbers.outerjoin(customer_contacts, p.id == n.contact_id))
        .where(n.customer_id == cid)
    )
    return conn.execute(query.order_by(n.id).limit(MOST)).mappings().all()


def _people(conn: Connection, cid: int) -> Sequence[RowMapping]:
    p = customer_contacts.c
    query = sa.select(customer_contacts).where(p.customer_id == cid)
    return conn.execute(query.order_by(p.id).limit(MOST)).mappings().all()


def _changed(row: RowMapping, given: Mapping[str, Any], seen: Callable[[str], str]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise UsageError(f"a customer has no field {', '.join(unknown)} to edit")
    found = {}
    for name, value in given.items():
        old = row[name]
        new = value.strip() if isinstance(value, str) else value
        if isinstance(old, str) and old and new == seen(old):
            continue
        if new != old:
            found[name] = new
    if found.get("name", row["name"]) == "":
        raise UsageError("a customer has a name")
    return found


def _write_people(conn: Connection, cid: int, edit: Edit, seen: Callable[[str], str]) -> list[str]:
    """Add, change and remove contact persons; names before and after, [] where nothing changed."""
    there = {p["id"]: p for p in _people(conn, cid)}
    before = _told(there.values())
    for gone in there.keys() & set(edit.drop_people):
        conn.execute(sa.delete(customer_contacts).where(customer_contacts.c.id == gone))
        del there[gone]
    taken = {p["name"]: p["id"] for p in there.values()}
    for given in edit.people:
        person_id = given.get("id")
        values = {k: v.strip() if isinstance(v, str) else v for k, v in given.items() if k in PERSON}
        old = there.get(person_id) if person_id is not None else None
        if person_id is not None and old is None:
            raise BadPerson("there is no such contact person any more")
        if old is not None:
            values = {k: v for k, v in values.items() if not (isinstance(v, str) and v == seen(old[k] or ""))}
            values = {k: v for k, v in values.items() if v != old[k]}
        name = values.get("name", old["name"] if old is not None else "")
        if not name or taken.get(name, person_id) != person_id:
            raise BadPerson("a contact person has a name of his own")
        if old is None and len(taken) >= MOST:
            raise BadPerson("too many contact persons")
        if old is None:
            values["customer_id"] = cid
            made = conn.execute(sa.insert(customer_contacts).values(values).returning(customer_contacts.c.id))
            taken[name] = made.scalar_one()
        elif values:
            taken.pop(old["name"], None)
            taken[name] = old["id"]
            conn.execute(
                sa.update(customer_contacts).where(customer_contacts.c.id == old["id"]).values(values)
            )
    after = _told(_people(conn, cid))
    return [] if after == before else [before, after]


def _told(people: Any) -> str:
    """Contact persons in words, as a change is told."""
    words = ("name", "title", "role", "age", "hobbies", "note")
    return "；".join(" ".join(str(p[w]) for w in words if p[w]) for p in people)


def _write_numbers(conn: Connection, cid: int, edit: Edit, plan: Plan) -> list[str]:
    n = numbers.c
    there = _numbers(conn, cid)
    before = "、".join(row["display"] for row in there)
    if edit.drop_numbers:
        mine = sa.and_(n.customer_id == cid, n.id.in_(list(edit.drop_numbers)))
        conn.execute(sa.delete(numbers).where(mine))
    have = {row["key"] for row in there if row["id"] not in set(edit.drop_numbers)}
    people = {p["name"]: p["id"] for p in _people(conn, cid)}
    for text, label, person in edit.add_numbers:
        number = parse(text, plan)
        if not number.key:
            raise BadNumber(text, "invalid")
        bound = sa.select(axb_bindings.c.id).where(axb_bindings.c.virtual_key == number.key).limit(1)
        if conn.execute(bound).first() is not None:
            raise BadNumber(text, "virtual")
        if number.key in have:
            continue
        if len(have) >= MOST:
            raise BadNumber(text, "too_many")
        have.add(number.key)
        conn.execute(
            sa.insert(numbers).values(
                key=number.key,
                suffix=number.suffix,
                display=number.national,
                label=label,
                extension=number.extension or "",
                customer_id=cid,
                contact_id=people.get(person),
                source="agent",
            )
        )
    after = "、".join(row["display"] for row in _numbers(conn, cid))
    return [] if after == before else [before, after]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
