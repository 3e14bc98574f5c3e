"""Synthetic neighbours of the demo: systems with tokens, receivers of events, and agents who gave commands.

All of them say 合成 in their names. Nobody knows the tokens; who is not in reach is turned off.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.store.repos.commands import apply_command
from cti.store.repos.integrations import add_integration, integration_used, revoke_integration
from cti.store.repos.subscriptions import add_subscription, set_subscription
from cti.store.synthetic_maker import SOURCE
from cti.store.tables import contacts, customers, numbers, pops
from cti.store.tables_links import integrations, subscriptions

NODE = "synthetic"
WHO = "admin"
SYSTEMS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("合成 · 运输系统 TMS", ("waybills:write", "waybills:read"), True),
    ("合成 · 订单系统 OMS", ("orders:write", "customers:read"), False),
    ("合成 · 旧报表接口", ("events:read",), False),
)
LIVE, AWAY = "合成 · 客户关系 CRM", "合成 · 停用的接收方"

# what agents did in three calls: seconds after the answer, situation, command, target, state, code
_CALLS: tuple[tuple[tuple[float, str, str, str, str, str], ...], ...] = (
    (
        (21, "talking", "hold", "", "done", ""),
        (58, "held", "resume", "", "done", ""),
    ),
    (
        (15, "talking", "consult", "agent:1003", "done", ""),
        (47, "consulting", "swap", "", "done", ""),
        (63, "aside", "swap", "", "done", ""),
        (80, "consulting", "complete", "", "done", ""),
    ),
    (
        (34, "talking", "consult", "agent:1005", "failed", "target_failed"),
        (70, "talking", "blind", "queue:claims", "done", ""),
    ),
)


def add_systems(conn: Connection, *, at: datetime, receiver: str) -> None:
    """Tokens and subscriptions; `receiver` is the address at which the demo listens itself in this run."""
    known = conn.execute(sa.select(subscriptions.c.id).where(subscriptions.c.name == LIVE)).first()
    if known is not None:
        conn.execute(sa.update(subscriptions).where(subscriptions.c.name == LIVE).values(url=receiver))
        return
    made = at - timedelta(days=20)
    for name, scopes, signed in SYSTEMS:
        secret = secrets.token_hex(16) if signed else ""
        how: dict[str, Any] = {"token_hash": secrets.token_hex(32), "scopes": scopes, "secret": secret}
        add_integration(conn, name=name, at=made, who=WHO, **how)
    query = sa.select(integrations.c.id).where(integrations.c.name == SYSTEMS[0][0])
    used = conn.execute(query).scalar_one()
    integration_used(conn, used, at=at - timedelta(minutes=12), remote="192.0.2.17")
    revoke_integration(conn, SYSTEMS[-1][0], at=at - timedelta(days=2), who=WHO)
    secret = secrets.token_hex(16)
    add_subscription(conn, name=LIVE, url=receiver, secret=secret, kinds=(), at=made, who=WHO)
    add_subscription(
        conn,
        name=AWAY,
        url="https://events.example.com/laidian",
        secret=secret,
        kinds=("complaint.opened", "complaint.changed"),
        at=made,
        who=WHO,
    )
    set_subscription(conn, AWAY, on=False, at=at - timedelta(days=1), who=WHO)


def add_commanded_calls(conn: Connection, *, at: datetime, agents: Sequence[str]) -> None:
    """Three calls of this morning in which agents held, consulted and transferred; once."""
    if not agents or conn.execute(sa.select(pops.c.id).where(pops.c.node == NODE).limit(1)).first():
        return
    callers = sa.select(customers.c.id, numbers.c.key, numbers.c.display).join(
        numbers, numbers.c.customer_id == customers.c.id
    )
    found = conn.execute(callers.where(customers.c.source == SOURCE).order_by(customers.c.id).limit(9))
    for n, (caller, steps) in enumerate(zip(list(found)[::3], _CALLS, strict=False)):
        agent = agents[n % len(agents)]
        offered = at - timedelta(minutes=9 * (n + 1))
        answered = offered + timedelta(seconds=7)
        ended = answered + timedelta(seconds=steps[-1][0] + 25)
        gone = steps[-1][2] in ("complete", "blind")
        pop_id, linkedid = f"{NODE}:command:{n}", f"{int(offered.timestamp())}.{n}"
        same = {
            "node": NODE,
            "linkedid": linkedid,
            "agent": agent,
            "customer_id": caller.id,
            "number_key": caller.key,
            "number_display": caller.display,
            "queue": "hotline",
            "disposition": "查件",
        }
        conn.execute(
            sa.insert(pops).values(
                **same,
                id=pop_id,
                outcome="one",
                rule="exact",
                pbx_at=offered,
                answered_at=answered,
                ended_at=ended,
                closed_at=ended + timedelta(seconds=14),
                state="closed",
                reason="transferred" if gone else "completed",
                note="合成数据",
                snapshot=_snapshot(offered, caller.display),
            )
        )
        conn.execute(
            sa.insert(contacts).values(
                **same,
                at=answered,
                ended_at=ended,
                channel="call",
                direction="inbound",
                summary="合成数据：通话中用过保持、咨询或转接",
                note="合成数据",
                wait_s=7.0,
                talk_s=(ended - answered).total_seconds(),
                hold_s=37.0 if n == 0 else 0.0,
                wrapup_s=14.0,
                pop_id=pop_id,
                source=SOURCE,
            )
        )
        for i, (after, situation, command, target, state, code) in enumerate(steps):
            asked = answered + timedelta(seconds=after)
            apply_command(
                conn,
                {
                    "id": f"{pop_id}:{i}",
                    "pop_id": pop_id,
                    "node": NODE,
                    "linkedid": linkedid,
                    "agent": agent,
                    "username": agent,
                    "command": command,
                    "target": target,
                    "situation": situation,
                    "state": state,
                    "code": code,
                    "asked_at": asked,
                    "done_at": asked + timedelta(seconds=0.4),
                },
            )


def _snapshot(offered: datetime, number: str) -> dict[str, Any]:
    """What a card is given back from when its agent looks at it again."""
    call = {"direction": "inbound", "arrived_at": offered.isoformat(), "number": number, "name": ""}
    of_call = {**call, "did": "", "queue": "hotline", "context": {}, "chain": []}
    own = {"consult": False, "peer": "", "given_to": "", "wrapup_until": None, "held_at": None}
    return {"seq": 1, "by": "", **own, "hold_s": 0.0, "call": of_call}
