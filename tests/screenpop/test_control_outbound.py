"""Calls that an agent has placed (click-to-dial) under call control, on a real Asterisk with SIPp phones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_udp
from asterisk_conf.softphones import Phones
from cti.store.repos.outreach import add_tasks
from cti.store.tables import customers
from tests.plugins.control_desk import Desk, desks, empty, hang_up, recorded

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]
OUTREACH = {"dial_hours": "00:00-24:00", "agent_ring_s": 5, "customer_ring_s": 10}


@pytest.fixture
def carrier() -> int:
    """The port behind the trunk."""
    return free_udp()


@pytest.fixture
def pbx(start_asterisk: Callable[..., Instance], carrier: int) -> Instance:
    """An Asterisk that records and has a carrier."""
    trunk = {"trunk_contact": f"sip:127.0.0.1:{carrier}"}
    control = {"longest_hold_s": 2, "recall_s": 2}
    return start_asterisk(recording={"enabled": True}, asterisk=trunk, outreach=OUTREACH, control=control)


async def call_out(desk: Desk) -> int:
    """Click on a customer's number; the agent talks with him. The number of the attempt."""
    db = desk.popline.parts.ctx.db

    def write(conn: sa.Connection) -> int:
        wang = conn.execute(sa.select(customers.c.id).where(customers.c.code == "C1")).scalar_one()
        now = datetime.now(UTC)
        row = {"key": f"receipt_call:{now}", "kind": "receipt_call", "customer_id": wang, "title": "回访"}
        add_tasks(conn, [{**row, "due_at": now + timedelta(hours=1)}], now=now)
        return int(conn.execute(sa.text("SELECT max(id) FROM outreach_tasks")).scalar_one())

    task = await db.write(write)
    body = {"key": f"click-{task:06}", "task_id": task}
    status, attempt = await desk.popline.api("POST", "/dial", user=desk.user, body=body)
    assert status == 202, attempt
    await desk.ring()
    await desk.situation("talking")
    return int(attempt["id"])


async def test_a_call_that_the_agent_placed_obeys_every_command(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones, carrier: int
) -> None:
    """Hold, consult, three-way, transfers and hanging up work as in a call that came in."""
    phone = await handsets.agent("1001", answer_after=0.2)
    await handsets.agent("1002", answer_after=0.2)
    customer = await handsets.outside(carrier)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002", outreach=OUTREACH) as (one, two):
        attempt = await call_out(one)
        assert (one.pop["customer"]["name"], one.pop["call"]["direction"]) == ("王小明", "outbound")
        for command, then in (("hold", "held"), ("resume", "talking")):
            await one.done(command)
            await one.situation(then)
        for last in ("cancel", "three"):
            await one.done("consult", "agent", "1002")
            pop = await two.ring()
            assert (pop["call"]["consult"], pop["call"]["peer"]) == (True, "1001")
            control = await one.situation("consulting")
            assert control["colleague"] == "1002"
            await two.situation("asked")
            await one.done(last)
        await one.situation("three")
        await one.done("leave")
        await two.situation("talking")
        assert await one.wrap_up() == "transferred"
        await phone.event("bye")
        await two.done("hold")
        await two.situation("held")
        await two.done("consult", "agent", "1001")
        await one.ring()
        await two.situation("consulting")
        await two.done("complete")
        await one.situation("talking")
        assert await two.wrap_up() == "transferred"
        await one.done("blind", "queue", "vip")  # the receiver's phone says who that is
        await two.ring()
        assert (two.pop["customer"]["name"], two.pop["call"]["peer"]) == ("王小明", "1001")
        await two.situation("talking")
        assert await one.wrap_up() == "transferred"
        await two.done("hangup")
        await customer.event("bye")
        await empty(pbx)
        _, told = await one.popline.api("GET", f"/dial/{attempt}", user="a1001")
        # held for too long: the agent is reminded; the customer hangs up meanwhile
        await call_out(one)
        await one.done("hold")
        await one.situation("recall")
        hang_up(pbx, "trunk")
        await one.wrap_up()
        await empty(pbx)
        rows = await recorded(one.popline)
        print([(r["agent"], r["hung_up_by"], r["direction"], r["bridge_s"]) for r in rows])
    assert (told["state"], customer.count("invite")) == ("ended", 2)
    assert [(r["agent"], r["hung_up_by"]) for r in rows] == [
        ("1001", "transfer"),
        ("1002", "transfer"),
        ("1001", "transfer"),
        ("1002", "agent"),
        ("1001", "caller"),
    ]
    assert {r["direction"] for r in rows} == {"outbound"}
    assert len({r["number_key"] for r in rows}) == 1
