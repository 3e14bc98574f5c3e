"""Callbacks on a real Asterisk: the place is kept by a channel in the queue, the caller is dialled last."""

from __future__ import annotations

import asyncio

import pytest

from agi_scripts.host import running
from agi_scripts.ports import CallInfo
from asterisk_conf import scenario
from asterisk_conf.ports import free_udp
from asterisk_conf.scenario import dtmf, hangup, wait
from asterisk_conf.softphones import Phone
from cti.store.tables_ivr import callbacks
from tests.plugins.agi import CALLER, STRANGER

pytestmark = pytest.mark.asterisk

WISH = [wait(1.5), dtmf("0"), wait(4.5), dtmf("1"), wait(5.0), dtmf("1"), wait(30)]
"""0 for a person; nobody is there; 1 for a callback; 1 for this number."""


async def customers_phone(h, port: int, *, answer_after: float | None = 0.3, reject: int | None = None):
    """The carrier and whoever it rings: answers every call that goes out."""
    script = scenario.agent(user="carrier", answer_after=answer_after, reject=reject, steps=())
    process, folder, _ = await h.phones._start(script, port=port)
    phone = Phone(process, folder, port)
    h.phones._phones.append(phone)
    return phone


def calls_out(h) -> list[str]:
    return [
        m.get("DestChannel")
        for m in h.heard.events
        if m.name == "DialBegin" and "trunk" in m.get("DestChannel")
    ]


async def test_callback_waits_for_an_agent_then_dials_the_caller(hotline):
    """With nobody there a caller asks for a callback; the first free agent is given the caller, once."""
    port = free_udp()
    async with hotline(asterisk={"trunk_contact": f"sip:127.0.0.1:{port}"}) as h:
        phone = await customers_phone(h, port)
        call = await h.phones.call("95001", number=STRANGER, hold=None, steps=WISH)
        await h.hears("callback_accepted", 40)
        await call.result()
        (row,) = h.rows(callbacks)
        assert (row["number_key"], row["state"]) == (f"mobile:{STRANGER}", row["state"])
        await h.until(lambda: h.rows(callbacks)[0]["state"] == "queued", "a channel in the queue")
        await asyncio.sleep(1)
        assert calls_out(h) == [], "somebody was dialled with no agent on the line"
        agent = await h.phones.agent("1001", answer_after=0.3, steps=[wait(3.0), hangup()])
        await agent.event("answered", timeout_s=20)
        await phone.event("answered", timeout_s=20)
        await h.until(lambda: h.rows(callbacks)[0]["state"] == "done", "the callback done", 20)
        assert len(calls_out(h)) == 1
        rung = next(m for m in h.heard.events if m.name == "AgentCalled")
        assert rung.get("CallerIDNum") == STRANGER, "the pop would not know who it is"
        told = await h.context(callback="yes")
        assert told["UserEvent"] == "LaidianContext"


async def test_caller_who_rings_again_has_no_callback_any_more(hotline):
    """A caller who rings again is not called back, and the channel in the queue goes away."""
    port = free_udp()
    async with hotline(asterisk={"trunk_contact": f"sip:127.0.0.1:{port}"}) as h:
        await customers_phone(h, port)
        call = await h.phones.call("95001", number=STRANGER, hold=None, steps=WISH)
        await h.until(lambda: [r for r in h.rows(callbacks) if r["state"] == "queued"], "a callback", 40)
        await call.result()
        again = await h.phones.call("95001", number=STRANGER, hold=None, steps=[wait(3), hangup()])
        await h.until(lambda: h.rows(callbacks)[0]["state"] == "cancelled", "the callback cancelled")
        await again.result()
        await h.until(
            lambda: "callback-wait" not in h.instance.console("core show channels concise"),
            "the channel gone",
        )
        assert calls_out(h) == []


async def test_never_more_calls_out_than_free_agents(hotline, ivr_store):
    """Three wishes and one agent: one call out at a time, in the order of asking, also after a restart."""
    port = free_udp()
    trunk = {"trunk_contact": f"sip:127.0.0.1:{port}"}
    async with hotline(serve=False, asterisk=trunk) as h:
        await customers_phone(h, port)
        numbers = ["13900000001", "13900000002", "13900000003"]
        async with running(h.settings, ivr_store) as service:
            desk = service.callbacks
            for number in numbers:
                call = CallInfo("pbx1", f"x.{number}", "x", number, "95001")
                answer = await desk.request({"queue": "hotline", "number": number}, call)
                assert answer.outcome == "accepted"
                answer = await desk.request({"queue": "hotline", "number": number}, call)
                assert answer.outcome == "duplicate"
            await h.until(lambda: all(r["state"] == "queued" for r in h.rows(callbacks)), "three places", 20)
        async with running(h.settings, ivr_store):  # the server was restarted meanwhile
            agent = await h.phones.agent("1002", answer_after=0.2, steps=[wait(1.5), hangup()])
            most = 0

            def done() -> bool:
                nonlocal most
                talking = h.instance.console("core show channels concise").count("PJSIP/trunk-")
                most = max(most, talking)
                return all(r["state"] == "done" for r in h.rows(callbacks))

            await h.until(done, "three callbacks done", 60)
            assert most == 1
            assert len(calls_out(h)) == 3
            order = [m.get("CallerIDNum") for m in h.heard.events if m.name == "AgentConnect"]
            assert order == numbers
            assert agent.count("answered") == 3


async def test_nobody_answers_the_callback(hotline, ivr_store):
    """A caller who is busy is called once more after the pause, then the callback is given up."""
    port = free_udp()
    trunk = {"trunk_contact": f"sip:127.0.0.1:{port}"}
    async with hotline(asterisk=trunk, callback={"again_after_s": 1.0, "tries": 2}) as h:
        await customers_phone(h, port, reject=486)
        await h.phones.agent("1001", answer_after=0.2)
        await h.service.callbacks.request(
            {"queue": "hotline", "number": CALLER}, CallInfo("pbx1", "1", "1", CALLER, "")
        )
        await h.until(lambda: h.rows(callbacks)[0]["state"] == "failed", "given up", 60)
        assert h.rows(callbacks)[0]["attempts"] == 2
        assert len(calls_out(h)) == 2


async def test_a_key_while_waiting_asks_for_a_callback_in_the_same_place(hotline):
    """Who presses 1 in the queue and wants a callback keeps the place before those who came later."""
    port = free_udp()
    async with hotline(asterisk={"trunk_contact": f"sip:127.0.0.1:{port}"}, agi={"survey": False}) as h:
        await customers_phone(h, port)
        await h.phones.agent("1001", answer_after=None)  # there, but rings for ever
        keys = [wait(1.0), dtmf("0"), wait(20.0), dtmf("1"), wait(6.0), dtmf("1"), wait(30)]
        first = await h.phones.call("95001", number=STRANGER, hold=None, steps=keys)
        await h.until(lambda: "QueueCallerJoin" in h.heard.names(), "the first in the queue", 30)
        # one who comes later and meets no menu
        await h.ami.originate("Local/95001@transfer", application="Wait", data="90")

        def joins():
            return [m for m in h.heard.events if m.name == "QueueCallerJoin"]

        await h.until(lambda: len(joins()) == 3, "three in the queue", 60)
        assert [m.get("CallerIDNum") == STRANGER for m in joins()] == [True, False, True]
        assert joins()[2].get("Position") == "1", "the callback lost its place"
        await first.result()
