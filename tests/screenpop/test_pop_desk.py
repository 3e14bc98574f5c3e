"""Agents' states and pauses: who wins, what the PBX is told, what happens when it does not listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cti.domain.call import AgentEvent, AgentState
from screenpop.desk import NO_PAUSE, WRAPUP_REASON, Desk, Pause
from tests.ami.fake_ami import FakeAmi, event
from tests.plugins.screenpop import PopLine, Story

T0 = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
A = AgentState


def heard(
    desk: Desk, state: A, reason: str = "", *, node: str = "pbx1", at: int = 0, recovered: bool = False
) -> bool:
    when = T0 + timedelta(seconds=at)
    return desk.heard(AgentEvent(node, "1001", state, when, reason, recovered=recovered))


def told(desk: Desk) -> Pause | None:
    """Carry out what is due."""
    due = desk.due("1001")
    if due is not None:
        desk.telling("1001", due)
        desk.told("1001", done=True)
    return due


def test_own_break_is_stronger_than_the_wrap_up() -> None:
    """小休 chosen during a talk stays when the wrap-up ends."""
    desk = Desk(["1001"], T0)
    heard(desk, A.AVAILABLE)
    desk.writing("1001", "p1")
    assert told(desk) == Pause(True, WRAPUP_REASON)
    desk.want("1001", "小休")
    assert told(desk) == Pause(True, "小休")
    desk.written("1001", "p1")
    assert told(desk) is None
    desk.want("1001", None)
    assert told(desk) == NO_PAUSE


def test_two_wrap_ups_end_with_the_second() -> None:
    """The pause lasts until nothing is left to write."""
    desk = Desk(["1001"], T0)
    desk.writing("1001", "p1")
    desk.writing("1001", "p2")
    told(desk)
    desk.written("1001", "p1")
    assert told(desk) is None
    desk.written("1001", "p2")
    assert told(desk) == NO_PAUSE


def test_pause_from_elsewhere_is_taken_over() -> None:
    """Paused by a phone code: shown with its reason, and `available` ends it."""
    desk = Desk(["1001"], T0)
    heard(desk, A.PAUSED, "会议")
    assert told(desk) is None
    assert desk.state("1001").reason == "会议"
    desk.want("1001", None)
    assert told(desk) == NO_PAUSE


def test_unpaused_elsewhere_is_believed() -> None:
    """Somebody unpaused the agent at the console: we do not pause again."""
    desk = Desk(["1001"], T0)
    desk.want("1001", "小休")
    told(desk)
    heard(desk, A.PAUSED, "小休")
    heard(desk, A.AVAILABLE, at=1)
    assert told(desk) is None


def test_pbx_that_forgot_is_told_again() -> None:
    """After its restart the PBX says available (recovered): the break is told again."""
    desk = Desk(["1001"], T0)
    desk.want("1001", "小休")
    told(desk)
    heard(desk, A.PAUSED, "小休")
    heard(desk, A.AVAILABLE, at=1, recovered=True)
    assert told(desk) == Pause(True, "小休")


def test_wrap_up_of_an_earlier_run_is_ended() -> None:
    """We find the agent paused for a wrap-up that nobody writes any more: it is lifted."""
    desk = Desk(["1001"], T0)
    heard(desk, A.PAUSED, WRAPUP_REASON, recovered=True)
    assert told(desk) == NO_PAUSE


def test_busy_on_one_node_is_busy() -> None:
    """The strongest state over all nodes is shown."""
    desk = Desk(["1001"], T0)
    heard(desk, A.AVAILABLE, node="pbx1")
    heard(desk, A.BUSY, node="pbx2", at=5)
    assert desk.state("1001").state == "busy"
    heard(desk, A.AVAILABLE, node="pbx2", at=9)
    assert desk.state("1001").state == "available"


def test_agents_that_are_not_in_the_settings_are_ignored() -> None:
    """Events of strangers change nothing."""
    desk = Desk(["1001"], T0)
    assert not desk.heard(AgentEvent("pbx1", "4711", A.BUSY, T0))


def ami(fake: FakeAmi, name: str) -> dict[str, Any]:
    return {"name": name, "port": fake.port, "username": "u", "secret": "s", "action_timeout_s": 1.0}


def queue_status(action: dict[str, str]) -> bytes:
    """One member, free."""
    tag = {"ActionID": action.get("ActionID", "")}
    head = f"Response: Success\r\nActionID: {tag['ActionID']}\r\nEventList: start\r\n\r\n".encode()
    member = event(
        "QueueMember",
        Queue="hotline",
        Name="1001",
        Location="PJSIP/1001",
        StateInterface="PJSIP/1001",
        Status="1",
        Paused="0",
        **tag,
    )
    return head + member + event("QueueStatusComplete", EventList="Complete", ListItems="1", **tag)


async def test_pause_goes_to_every_interface_on_every_node(
    start_popline: Callable[..., Any], seeded_url: str
) -> None:
    """Two nodes, two devices: four QueuePause and those of the Local interface, each with the reason."""
    async with FakeAmi() as one, FakeAmi() as two:
        agents = [{"number": "1001", "devices": ["1001a", "1001b"], "queues": ["hotline"]}]
        popline: PopLine = await start_popline(
            seeded_url, ami=[ami(one, "pbx1"), ami(two, "pbx2")], agents=agents
        )
        for node in ("pbx1", "pbx2"):
            assert popline.parts.fleet is not None
            await popline.parts.fleet.client(node).wait_ready()
        body = {"state": "paused", "reason": "培训"}
        assert (await popline.api("PUT", "/agent/state", user="a1001", body=body))[0] == 202
        for fake in (one, two):
            await fake.until_asked("QueuePause", times=3)
            asked = {(a["Interface"], a["Paused"].lower(), a["Reason"]) for a in fake.asked("QueuePause")}
            wanted = {"PJSIP/1001a", "PJSIP/1001b", "Local/1001@agents"}
            assert {a[0] for a in asked} == wanted
            assert {a[1] in ("1", "true", "yes") for a in asked} == {True}
            assert {a[2] for a in asked} == {"培训"}


async def test_wrap_up_pauses_and_unpauses_once(start_popline: Callable[..., Any], seeded_url: str) -> None:
    """After the talk 话后 is told, after 话后完成 it is lifted; nothing else is sent."""
    async with FakeAmi() as fake:
        fake.answers["QueueStatus"] = queue_status
        popline: PopLine = await start_popline(seeded_url, ami=[ami(fake, "pbx1")])
        assert popline.parts.fleet is not None
        await popline.parts.fleet.client("pbx1").wait_ready()
        story = Story()
        async with popline.page("a1001") as page:
            popline.hear(*story.rings("1001"), *story.answered("1001"))
            pop = await page.next("pop")
            popline.hear(*story.over("1001"))
            await fake.until_asked("QueuePause", times=2)
            body = {"note": "", "disposition": ""}
            path = f"/pops/{pop['id']}/wrapup"
            assert (await popline.api("POST", path, user="a1001", body=body))[0] == 202
            await fake.until_asked("QueuePause", times=4)
            await page.silent()
    said = [
        (a["Paused"].lower() in ("1", "true", "yes"), a.get("Reason", "")) for a in fake.asked("QueuePause")
    ]
    assert [paused for paused, _ in said] == [True, True, False, False]
    assert {reason for paused, reason in said if paused} == {WRAPUP_REASON}


async def test_pause_that_the_pbx_refuses_is_tried_again(
    start_popline: Callable[..., Any], seeded_url: str, monkeypatch: Any
) -> None:
    """A refusal is counted and the wish is kept until it is taken."""
    monkeypatch.setattr("screenpop.pauses.AGAIN_S", 0.05)
    async with FakeAmi() as fake:
        popline: PopLine = await start_popline(seeded_url, ami=[ami(fake, "pbx1")])
        assert popline.parts.fleet is not None
        await popline.parts.fleet.client("pbx1").wait_ready()
        no = "Response: Error\r\nActionID: {}\r\nMessage: Interface not found\r\n\r\n"
        fake.answers["QueuePause"] = lambda a: no.format(a["ActionID"]).encode()
        body = {"state": "paused", "reason": "小休"}
        assert (await popline.api("PUT", "/agent/state", user="a1001", body=body))[0] == 202
        await fake.until_asked("QueuePause", times=4)
        del fake.answers["QueuePause"]
        before = len(fake.asked("QueuePause"))
        await fake.until_asked("QueuePause", times=before + 1)
        async with asyncio.timeout(10):
            while popline.parts.ctx.service.desk.due("1001") is not None:
                await asyncio.sleep(0.01)
