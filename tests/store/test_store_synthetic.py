"""合成数据: enough of everything for a demo, the same for the same seed, and marked as made up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from cti.domain.customer import Outcome
from cti.domain.phone import parse
from cti.schemes import load_scheme
from cti.store import repos, synthetic
from cti.store.db import Database
from cti.store.passwords import verify_password
from cti.store.tables import complaints, contacts, customers, waybills

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)


def _fill(database: Database, seed: int = 1) -> synthetic.Filled:
    with database.begin() as conn:
        return synthetic.fill(conn, now=NOW, scheme=load_scheme("sf"), seed=seed, count=200)


def test_everything_a_pop_can_show_is_there(database: Database) -> None:
    """Both kinds, all sf tiers, every outcome, open problems and complaints, alerts of each kind."""
    filled = _fill(database)
    with database.begin(write=False) as conn:
        kinds = set(conn.execute(sa.select(customers.c.kind)).scalars())
        tiers = set(conn.execute(sa.select(customers.c.tier_label)).scalars())
        states = set(conn.execute(sa.select(waybills.c.state)).scalars())
        channels = set(conn.execute(sa.select(contacts.c.channel)).scalars())
        open_states = set(conn.execute(sa.select(complaints.c.state)).scalars())
        found = [repos.find_by_number(conn, parse(n), now=NOW) for n in filled.known]
        shared = {repos.find_by_number(conn, parse(n), now=NOW).outcome for n in filled.shared}
        virtual = {repos.find_by_number(conn, parse(n), now=NOW).rule for n in filled.virtual}
    assert kinds == {"company", "person"}
    assert tiers == {"项目客户", "VIP客户", "中端客户", "普通客户", "流动客户"}
    assert {"in_transit", "delivering", "signed", "problem"} <= states
    assert channels == {"call", "ivr", "sms", "app", "visit"}
    assert {"open", "handling", "closed"} <= open_states
    assert {look.outcome for look in found} == {Outcome.ONE}
    assert (shared, virtual) == ({Outcome.MANY}, {"axb"})
    alerts = " ".join(a for look in found if look.customer for a in look.customer.alerts)
    assert all(word in alerts for word in ("生日", "欠款", "投诉", "问题件", "流失警示"))


def test_same_seed_is_the_same_and_twice_changes_nothing(database: Database) -> None:
    """Filling again returns the same numbers and writes nothing."""
    first = _fill(database)

    def count() -> list[int]:
        with database.begin(write=False) as conn:
            return [
                conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in (customers, waybills, contacts, complaints)
            ]

    before = count()
    second = _fill(database)
    assert (second.known, second.shared, second.waybills) == (first.known, first.shared, first.waybills)
    assert count() == before


def test_it_says_that_it_is_made_up(database: Database) -> None:
    """Every customer carries the mark, and no number is a subscriber's landline."""
    filled = _fill(database)
    with database.begin(write=False) as conn:
        marks = set(conn.execute(sa.select(customers.c.source, customers.c.note)).tuples())
    assert marks == {("synthetic", "合成数据")}
    assert all(n.split("-")[1].startswith("1") if "-" in n else n[3:7] == "0000" for n in filled.known)


@pytest.mark.parametrize("again", [False, True])
def test_demo_users(database: Database, again: bool) -> None:
    """Six agents, a supervisor, a QA lead and an admin sign in with the passwords given."""
    passwords = {u.username: f"pw-{u.username}" for u in synthetic.DEMO_USERS}
    with database.begin() as conn:
        synthetic.add_demo_users(conn, passwords, now=NOW)
        if again:
            synthetic.add_demo_users(conn, dict.fromkeys(passwords, "other"), now=NOW)
        users = {u.username: u for u in repos.list_users(conn)}
    assert {r for u in users.values() for r in u.roles} == {"agent", "supervisor", "qa_lead", "admin"}
    assert {u.agent for u in users.values() if u.agent} == {str(n) for n in range(1001, 1007)}
    assert verify_password(users["admin"].password_hash, "pw-admin")
