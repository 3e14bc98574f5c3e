"""合成数据: a few hundred believable customers with everything a pop can show, the same for the same seed.

For the demo and the tests only. Every row says so (``source`` = synthetic, 备注 = 合成数据); names are put
together at random and mobile numbers lie in blocks that read as placeholders (138 0000 1234).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.complaint_clock import Deadlines
from cti.domain.phone import parse
from cti.domain.tiers import Scheme
from cti.store.passwords import hash_password
from cti.store.repos.complaints import act_on_complaint, add_complaint
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.people import add_user, user_by_name
from cti.store.repos.problems import register_problem
from cti.store.repos.waybills import upsert_waybills
from cti.store.synthetic_maker import SOURCE, Maker
from cti.store.tables import axb_bindings, contacts, customers, orders


@dataclass(slots=True)
class Filled:
    """What there is to call about; numbers as a caller would send them."""

    customers: int = 0
    known: list[str] = field(default_factory=list)  # belong to exactly one customer
    shared: list[str] = field(default_factory=list)  # belong to two
    virtual: list[str] = field(default_factory=list)  # middle numbers with a binding that is valid now
    waybills: list[str] = field(default_factory=list)
    complaints: int = 0
    contacts: int = 0


def fill(conn: Connection, *, now: datetime, scheme: Scheme, seed: int = 1, count: int = 300) -> Filled:
    """Write the data into an empty store; running it again changes nothing and returns the same."""
    maker = Maker(random.Random(seed), now)  # noqa: S311 - dice for made-up data
    given = [maker.customer(i) for i in range(count)]
    shared = maker.share(given)
    fresh = (
        conn.execute(sa.select(customers.c.id).where(customers.c.source == SOURCE).limit(1)).first() is None
    )
    for start in range(0, count, 200):
        batch = given[start : start + 200]
        upsert_customers(conn, batch, now=now, scheme=scheme, source=SOURCE, cause=SOURCE)
    filled = Filled(customers=count, shared=shared)
    filled.known = [n["display"] for g in given for n in g.numbers[:1] if n["display"] not in shared]
    parcels = [parcel for g in given for parcel in maker.waybills(g, given)]
    filled.waybills = [p.values["number"] for p in parcels]
    filled.virtual = [f"1700000{i:04d}" for i in range(4)]
    if not fresh:
        return filled
    query = sa.select(customers.c.code, customers.c.id).where(customers.c.source == SOURCE)
    ids = {row.code: row.id for row in conn.execute(query)}
    for start in range(0, len(parcels), 200):
        upsert_waybills(conn, parcels[start : start + 200], now=now, source=SOURCE)
    spoken = [row for g in given for row in maker.contacts(g, ids[g.values["code"]])]
    ordered = [row for g in given for row in maker.orders(g, ids[g.values["code"]])]
    conn.execute(sa.insert(contacts), spoken)
    conn.execute(sa.insert(orders), ordered)
    filled.contacts = len(spoken)
    filled.complaints = _complaints(conn, maker, given, ids, scheme)
    for item in maker.problem_items(parcels):
        register_problem(conn, source=SOURCE, **item)
    _bindings(conn, filled.virtual, [ids[g.values["code"]] for g in given], now)
    return filled


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Somebody who signs in to the demo."""

    username: str
    name: str
    roles: tuple[str, ...]
    agent: str = ""


DEMO_USERS: tuple[DemoUser, ...] = (
    DemoUser("1001", "座席 陈晓", ("agent",), "1001"),
    DemoUser("1002", "座席 刘洋", ("agent",), "1002"),
    DemoUser("1003", "座席 赵敏", ("agent",), "1003"),
    DemoUser("1004", "座席 孙磊", ("agent",), "1004"),
    DemoUser("1005", "座席 周婷", ("agent",), "1005"),
    DemoUser("1006", "座席 吴昊", ("agent",), "1006"),
    DemoUser("supervisor", "班长 何静", ("supervisor",)),
    DemoUser("qa_lead", "质检主管 郑波", ("qa_lead",)),
    DemoUser("admin", "管理员", ("admin",)),
)


def add_demo_users(conn: Connection, passwords: Mapping[str, str], *, now: datetime) -> list[DemoUser]:
    """The demo's people, each with the password given for the username; existing ones stay as they are."""
    for user in DEMO_USERS:
        if user_by_name(conn, user.username) is None:
            add_user(
                conn,
                username=user.username,
                password_hash=hash_password(passwords[user.username]),
                name=user.name,
                roles=user.roles,
                agent=user.agent,
                team="热线一组" if user.agent else "",
                now=now,
            )
    return list(DEMO_USERS)


def _complaints(
    conn: Connection, maker: Maker, given: Sequence[Given], ids: Mapping[str, int], scheme: Scheme
) -> int:
    deadlines = Deadlines(priorities={(scheme.name, t.id): t.benefits.priority for t in scheme.tiers})
    chosen = maker.chosen(given)
    for one in chosen:
        category, summary, at, actions = maker.complaint()
        who, cause = maker.agent(), maker.cause() if "resolve" in actions else ""
        complaint_id = add_complaint(
            conn,
            category=category,
            summary=summary,
            opened_at=at,
            opened_by=who,
            customer_id=ids[one.values["code"]],
            caller_name=one.values["name"],
            number_key=one.numbers[0]["key"],
            number_display=one.numbers[0]["display"],
            department=maker.department(),
            cause=cause,
            deadlines=deadlines,
            channel="call",
            source=SOURCE,
        )
        version = 1
        for step, action in enumerate(actions, 1):
            then = at + timedelta(minutes=20 * step)
            more: dict[str, Any] = {"result": "已查明原因并向客户致歉"} if action == "resolve" else {}
            more |= {"told_how": "phone"} if action == "tell" else {}
            version = act_on_complaint(conn, complaint_id, action, version=version, who=who, at=then, **more)
    return len(chosen)


def _bindings(conn: Connection, virtual: Sequence[str], ids: Sequence[int], now: datetime) -> None:
    rows = [
        {
            "virtual_key": parse(number).key,
            "customer_id": ids[i * 7 % len(ids)],
            "valid_from": now - timedelta(days=1),
            "valid_until": now + timedelta(days=30),
            "source": SOURCE,
        }
        for i, number in enumerate(virtual)
    ]
    conn.execute(sa.insert(axb_bindings), rows)
