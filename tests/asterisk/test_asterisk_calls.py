"""Real calls over the real Asterisk: who rings, who is connected, who hung up."""

from __future__ import annotations

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.scenario import attended_transfer, blind_transfer, hangup, hold, refer, resume, wait
from asterisk_conf.softphones import Phones
from tests.plugins.ami_tap import Event, Tap

pytestmark = pytest.mark.asterisk


def on(channel_of: str, **wanted: str) -> object:
    """Match events whose Channel is of this device and whose other headers are as given."""

    def match(event: Event) -> bool:
        return event.get("Channel", "").startswith(f"PJSIP/{channel_of}-") and all(
            event.get(k) == v for k, v in wanted.items()
        )

    return match


async def test_queue_call_is_answered(phones: Phones, tap: Tap) -> None:
    """A caller of the hotline is answered; name and number reach AMI and the agent's phone intact."""
    agent = await phones.agent("1001", answer_after=0.2)
    call = await phones.call("95001", number="13800138000", name="王小明", hold=2)
    await agent.event("answered")
    result = await call.result()
    assert (result.ok, result.code) == (True, 200)
    await agent.event("bye")
    assert '"王小明" <sip:13800138000@' in agent.events[0].text
    joined = await tap.event("QueueCallerJoin")
    assert (joined["Queue"], joined["CallerIDNum"], joined["CallerIDName"]) == (
        "hotline",
        "13800138000",
        "王小明",
    )
    connected = await tap.event("AgentConnect")
    assert (connected["MemberName"], connected["Interface"]) == ("1001", "PJSIP/1001")


async def test_ringall_rings_everyone_and_stops_when_one_answers(phones: Phones) -> None:
    """Three agents ring, one answers, the other two are cancelled."""
    slow = [await phones.agent(d, answer_after=None) for d in ("1001", "1002")]
    quick = await phones.agent("1003", answer_after=0.8)
    call = await phones.call("95001", hold=2)
    await quick.event("answered")
    for phone in slow:
        await phone.event("cancelled")
        assert phone.count("ringing") == 1
    assert (await call.result()).ok


async def test_hunt_goes_on_to_the_next_agent(phones: Phones, tap: Tap) -> None:
    """Who does not answer within three seconds is left for the next."""
    first = await phones.agent("1001", answer_after=None)
    second = await phones.agent("1002", answer_after=0.2)
    call = await phones.call("95003", hold=6)
    await first.event("cancelled")
    await second.event("answered")
    assert (await call.result()).ok
    missed = await tap.event("AgentRingNoAnswer")
    assert missed["MemberName"] == "1001"


async def test_both_devices_of_an_agent_ring_and_one_answer_stops_the_other(phones: Phones, tap: Tap) -> None:
    """Agent 1004 is one queue member whose two devices ring together."""
    desk = await phones.agent("1004a", answer_after=None)
    mobile = await phones.agent("1004b", answer_after=0.4)
    call = await phones.call("95001", hold=2)
    await mobile.event("answered")
    await desk.event("cancelled")
    assert (await call.result()).ok
    connected = await tap.event("AgentConnect")
    assert (connected["MemberName"], connected["Interface"]) == ("1004", "Local/1004@agents")


async def test_direct_call_and_its_refusals(phones: Phones) -> None:
    """An agent's own number rings the agent; busy, decline, nobody there and wrong number are told apart."""
    busy = await phones.agent("1006", reject=486)
    assert (await (await phones.call("1006")).result()).code == 486
    await busy.event("rejected")
    await phones.agent("1006", reject=603)
    assert (await (await phones.call("1006")).result()).code in (603, 403)
    answering = await phones.agent("1006", answer_after=0.2)
    assert (await (await phones.call("1006", hold=1)).result()).code == 200
    assert answering.count("answered") == 1
    assert (await (await phones.call("1005")).result()).code not in (0, 200)
    assert (await (await phones.call("7777777")).result()).code == 404


async def test_caller_gives_up_while_it_rings(phones: Phones, tap: Tap) -> None:
    """A cancelled direct call stops ringing; a hang-up in the queue is an abandoned call."""
    agent = await phones.agent("1001", answer_after=None)
    result = await (await phones.call("1001", give_up_after=0.5)).result()
    assert (result.ok, result.code) == (True, 487)
    await agent.event("cancelled")
    assert (await (await phones.call("95001", hold=1.5)).result()).ok
    await agent.event("cancelled", times=2)
    assert (await tap.event("QueueCallerAbandon"))["Queue"] == "hotline"


@pytest.mark.parametrize(("agent_first", "leg"), [(True, "agent"), (False, "caller")])
async def test_who_hung_up_is_told(phones: Phones, tap: Tap, agent_first: bool, leg: str) -> None:
    """Each leg's LaidianHangup event names the channel that hung up first."""
    await phones.agent("1006", answer_after=0.2, steps=[wait(1), hangup()] if agent_first else ())
    call = await phones.call("1006", hold=None if agent_first else 1)
    assert (await call.result()).ok
    for told in ("agent", "caller"):
        event = await tap.event("UserEvent", lambda e, leg=told: e.get("Leg") == leg)
        assert event["UserEvent"] == "LaidianHangup"
        assert event["Source"].startswith("PJSIP/1006-" if leg == "agent" else "PJSIP/trunk-")
        assert event["Linkedid"]


async def test_hold_and_resume(phones: Phones, tap: Tap) -> None:
    """A hold from the agent's phone is seen as Hold and Unhold."""
    agent = await phones.agent(
        "1006", answer_after=0.2, steps=[wait(0.5), hold(), wait(1), resume(), wait(0.5), hangup()]
    )
    call = await phones.call("1006", hold=None)
    assert (await call.result()).ok
    await tap.event("Hold", on("1006"))
    await tap.event("Unhold", on("1006"))
    assert agent.faults == ""


@pytest.mark.parametrize("way", ["code", "refer"])
async def test_blind_transfer(phones: Phones, tap: Tap, way: str) -> None:
    """The caller goes on to another agent, whose phone shows the caller and not the first agent."""
    step = blind_transfer("1002") if way == "code" else refer("1002")
    first = await phones.agent("1001", answer_after=0.2, steps=[wait(0.5), step])
    second = await phones.agent("1002", answer_after=0.2)
    call = await phones.call("1001", number="13800138000", hold=7)
    await second.event("answered")
    assert "13800138000" in second.events[0].text
    channel = (await tap.event("Newchannel", on("1002")))["Channel"]
    context = {
        name: (await tap.action("Getvar", Channel=channel, Variable=f"LAIDIAN_{name}"))["Value"]
        for name in ("DID", "CALLER")
    }
    assert context == {"DID": "1001", "CALLER": "13800138000"}
    await first.event("end")
    assert (await call.result()).ok
    transfer = await tap.event("BlindTransfer")
    assert (transfer["Extension"], transfer["Result"]) == ("1002", "Success")
    assert transfer["TransfereeLinkedid"] == (await tap.event("Newchannel", on("trunk")))["Linkedid"]


async def test_attended_transfer(phones: Phones, tap: Tap) -> None:
    """After a word with the colleague the caller is connected to them and the first agent is out."""
    steps = [wait(0.5), *attended_transfer("1002", talk_s=2)]
    first = await phones.agent("1001", answer_after=0.2, steps=steps)
    second = await phones.agent("1002", answer_after=0.2)
    call = await phones.call("95003", hold=9)
    await second.event("answered")
    await first.event("end")
    assert (await call.result()).ok
    assert (await tap.event("AttendedTransfer"))["Result"] == "Success"
    await second.event("bye")


async def test_a_caller_cannot_transfer(phones: Phones, tap: Tap) -> None:
    """The feature codes and REFER are the agents' alone: a caller's are ignored or refused."""
    agent = await phones.agent("1006", answer_after=0.2)
    other = await phones.agent("1002", answer_after=0.2)
    call = await phones.call("1006", steps=[wait(0.5), blind_transfer("1002"), wait(3)], hold=0.5)
    assert (await call.result()).ok
    assert other.count("invite") == 0
    assert agent.count("answered") == 1
    call = await phones.call("1006", steps=[wait(0.5), refer("1002")], hold=None)
    assert not (await call.result()).ok
    assert other.count("invite") == 0
    assert tap.all("BlindTransfer") == []


async def test_an_agent_calls_a_colleague(phones: Phones) -> None:
    """A registered device dials another agent's number."""
    await phones.agent("1001", answer_after=None)
    colleague = await phones.agent("1002", answer_after=0.2)
    call = await phones.call("1002", device="1001", hold=1)
    assert (await call.result()).code == 200
    assert "1001" in colleague.events[0].text


async def test_a_name_in_another_charset_does_no_harm(phones: Phones, tap: Tap) -> None:
    """Asterisk replaces the bytes of a GBK name, which is lost; the call and the number go on."""
    agent = await phones.agent("1006", answer_after=None)
    call = await phones.call("1006", number="13800138000", name="王小明".encode("gbk"), give_up_after=0.5)
    assert (await call.result()).code == 487
    assert "13800138000" in agent.events[0].text
    assert "\ufffd" in (await tap.event("Newchannel"))["CallerIDName"]


async def test_twenty_callers_at_once(phones: Phones, tap: Tap, asterisk: Instance) -> None:
    """Twenty calls from one process are all taken, and none is left over."""
    agents = [await phones.agent(d, answer_after=0.1) for d in ("1001", "1002", "1003", "1005")]
    callers = [(f"1380013{n:04}", f"客户{n}") for n in range(20)]
    calls = await phones.calls("95001", callers, per_second=20, hold=6)
    result = await calls.result()
    assert result.ok, result.faults
    assert result.events.count("answered") == 20
    joined = {e["CallerIDNum"] for e in tap.all("QueueCallerJoin")}
    assert joined == {number for number, _ in callers}
    assert sum(a.count("answered") for a in agents) >= 4
    assert "0 active channels" in asterisk.console("core show channels count")
