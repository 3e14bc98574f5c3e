"""The demo's store: synthetic customers, and people who can sign in."""

from __future__ import annotations

from datetime import UTC, datetime

from cti.config import Settings
from cti.store.db import Database
from cti.store.migrations import upgrade
from cti.store.outreach_rules import outreach_rules
from cti.store.recompute import recompute
from cti.store.repos.outreach_plan import plan_day
from cti.store.synthetic import DEMO_USERS, Filled, add_demo_users, fill
from cti.store.synthetic_floor import add_visits
from cti.store.synthetic_links import add_commanded_calls, add_systems
from cti.store.tier_plan import tier_plan, zone_of

AT_WORK = 4  # agents who had the synthetic talks of the last days
PASSWORD = "laidian-demo"  # noqa: S105 - the demo listens on loopback only, and says this word to everybody


def prepare_store(settings: Settings, seed: int, receiver: str) -> Filled:
    """Create or upgrade the store and fill it; a store of an earlier run keeps what happened there.

    `receiver` is the address of the other system that takes events in this run.
    """
    database = Database(settings.store.url)
    try:
        upgrade(database)
        now = datetime.now(UTC)
        plan = tier_plan(settings)
        with database.begin() as conn:
            filled = fill(conn, now=now, scheme=plan.active, seed=seed)
            add_demo_users(conn, {u.username: PASSWORD for u in DEMO_USERS}, now=now)
            queues, tiers = [q.name for q in settings.queues], [t.label for t in plan.active.tiers]
            agents = [a.number for a in settings.agents][:AT_WORK]
            zone = zone_of(settings)
            add_visits(conn, now=now, zone=zone, queues=queues, tiers=tiers, agents=agents, seed=seed)
            add_systems(conn, at=now, receiver=receiver)
            add_commanded_calls(conn, at=now, agents=agents)
        recompute(database, plan, now=now, zone=zone_of(settings), cause="nightly")
        plan_day(database, outreach_rules(settings), now=now)
    finally:
        database.close()
    return filled


def sign_ins() -> list[tuple[str, str, str]]:
    """Who may sign in, as (name, user name, password); the first agent stands for all."""
    return [
        (user.name, user.username, PASSWORD)
        for user in DEMO_USERS
        if user.agent in ("", DEMO_USERS[0].agent, DEMO_USERS[1].agent)
    ]
