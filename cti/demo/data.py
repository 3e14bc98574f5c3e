"""The demo's store: synthetic customers, and people who can sign in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cti.config import Settings
from cti.domain.waybill import event_words
from cti.store.db import Database
from cti.store.migrations import upgrade
from cti.store.outreach_rules import outreach_rules
from cti.store.recompute import recompute
from cti.store.repos.outreach_plan import plan_day
from cti.store.repos.waybills import GivenWaybill, upsert_waybills, waybill
from cti.store.synthetic import DEMO_USERS, Filled, add_demo_users, fill
from cti.store.synthetic_floor import add_visits
from cti.store.synthetic_links import add_commanded_calls, add_systems
from cti.store.tier_plan import tier_plan, zone_of

AT_WORK = 4  # agents who had the synthetic talks of the last days
SPOKEN_WAYBILL = "HC107488752316"  # the one that a caller of voices.yaml says
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
            if waybill(conn, SPOKEN_WAYBILL) is None:
                upsert_waybills(conn, [_spoken(now)], now=now, source="synthetic")
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


def _spoken(now: datetime) -> GivenWaybill:
    start = now.replace(microsecond=0) - timedelta(days=3)
    steps: list[dict[str, Any]] = [
        {"at": start, "state": "collected", "place": "深圳", "text": "已收件"},
        {"at": start + timedelta(hours=9), "state": "in_transit", "place": "武汉", "text": "离开武汉"},
    ]
    ends = {"sender_name": "王先生", "receiver_name": "刘女士", "origin": "深圳", "destination": "北京"}
    about = {"goods": "书籍", "pieces": 1, "weight_g": 1_200, "freight_fen": 1_500, "accepted_at": start}
    now_at = steps[-1]
    last = {"state": now_at["state"], "last_event": event_words(now_at), "updated_at": now_at["at"]}
    return GivenWaybill({"number": SPOKEN_WAYBILL, **ends, **about, **last}, events=steps)


def sign_ins() -> list[tuple[str, str, str]]:
    """Who may sign in, as (name, user name, password); the first agent stands for all."""
    return [
        (user.name, user.username, PASSWORD)
        for user in DEMO_USERS
        if user.agent in ("", DEMO_USERS[0].agent, DEMO_USERS[1].agent)
    ]
