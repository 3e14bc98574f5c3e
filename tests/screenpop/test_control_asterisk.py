"""Call control by HTTP on a real Asterisk with SIPp phones."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from tests.ami.tcp_proxy import Proxy
from tests.plugins.control_desk import Desk, desks, empty, recorded
from tests.plugins.screenpop import WANG

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]


async def test_hold_resume_and_hang_up_each_once(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """A queue call is held, taken back and hung up by command; a repeated id does nothing again."""
    await handsets.agent("1001", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001") as (desk,):
        call = await handsets.call("95001", number=WANG, hold=None)
        await desk.ring()
        control = await desk.situation("talking")
        assert control["commands"] == ["hold", "blind", "consult", "rejoin", "hangup"]
        id = str(uuid.uuid4())
        assert [(await desk.order("hold", id=id))[1]["state"] for _ in range(2)] == ["done", "done"]
        await desk.situation("held")
        assert (await desk.order("resume", id=id))[1]["error"]["code"] == "id_reused"
        status, answer = await desk.order("cancel")
        assert (status, answer["error"]["message"]) == (409, "客户在保持中，不能取消咨询。")
        await desk.done("resume")
        await desk.situation("talking")
        await desk.done("hangup")
        assert "bye" in (await call.result()).events
        await empty(pbx)
        await desk.popline.parts.ctx.ledger.settled(10)
        _, pressed = await desk.popline.api("GET", f"/calls/{desk.pop['id']}/commands", user="boss")
    assert [(x["command"], x["state"]) for x in pressed["items"]] == [
        ("hold", "done"),
        ("cancel", "failed"),
        ("resume", "done"),
        ("hangup", "done"),
    ]


async def test_blind_transfer_to_agent_shows_the_caller(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """The receiver's pop has the original caller and the giver in its chain (pains 5)."""
    await handsets.agent("1001", answer_after=0.2)
    await handsets.agent("1002", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        call = await handsets.call("1001", number=WANG, hold=None)
        await one.ring()
        await one.situation("talking")
        await one.done("blind", "agent", "1002")
        pop = await two.ring()
        assert (pop["customer"]["name"], pop["call"]["peer"]) == ("王小明", "1001")
        await two.situation("talking")
        assert [(c["kind"], c["agent"]) for c in two.pop["call"]["chain"]][:2] == [
            ("answered", "1001"),
            ("blind", "1001"),
        ]
        await two.done("hold")
        await two.done("resume")
        await two.done("hangup")
        await call.result()
        await empty(pbx)


async def consulting(one: Desk, two: Desk, handsets: Phones) -> Any:
    """A caller with agent 1001, who asks 1002 and talks with him."""
    call = await handsets.call("1001", number=WANG, hold=None)
    await one.ring()
    await one.situation("talking")
    await one.done("consult", "agent", "1002")
    pop = await two.ring()
    assert (pop["call"]["consult"], pop["call"]["peer"], pop["customer"]["name"]) == (True, "1001", "王小明")
    control = await one.situation("consulting")
    assert control["commands"] == ["complete", "cancel", "swap", "three"]
    assert control["colleague"] == "1002"
    return call


async def test_attended_transfer_completed_and_cancelled(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """Consult, swap, cancel: the caller is back; consult, complete: the colleague has the caller."""
    await handsets.agent("1001", answer_after=0.2)
    await handsets.agent("1002", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        call = await consulting(one, two, handsets)
        await one.done("swap")
        await one.situation("aside")
        await one.done("swap")
        await one.situation("consulting")
        await one.done("cancel")
        await one.situation("talking")
        await two.page.next("pop_close")
        await one.done("consult", "agent", "1002")
        await two.ring()
        await one.situation("consulting")
        await one.done("complete")
        await two.situation("talking")
        assert two.pop["call"]["consult"] is False
        kinds = [(c["kind"], c["agent"], c["peer"]) for c in two.pop["call"]["chain"]]
        assert ("attended", "1001", "1002") in kinds
        assert await one.wrap_up() == "transferred"
        await two.done("hold")
        await two.done("hangup")
        assert "bye" in (await call.result()).events
        await empty(pbx)
        first, second = await recorded(one.popline)
    # each pair begins when the caller is the agent's; what the colleague was told is silence in the first
    assert (first["agent"], first["hung_up_by"], len(first["pauses"])) == ("1001", "transfer", 3)
    assert (second["agent"], second["hung_up_by"], second["pauses"]) == ("1002", "agent", [])
    assert second["number_display"] == first["number_display"] != ""
    assert second["started_at"] > first["started_at"]
    assert second["linkedid"] == first["linkedid"]


async def test_the_caller_comes_back_when_the_target_rejects(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """The colleague rejects, or is not there: the agent is told, and has the caller again, recorded."""
    await handsets.agent("1001", answer_after=0.2)
    await handsets.agent("1002", reject=486)
    async with desks(start_popline, seeded_url, pbx, "a1001") as (one,):
        call = await handsets.call("1001", number=WANG, hold=None)
        await one.ring()
        await one.situation("talking")
        for target in ("1002", "1003"):
            await one.order("consult", "agent", target)
            await one.told("target_failed")
            await one.situation("talking")
        assert (await one.order("consult", "agent", "1001"))[1]["error"]["code"] == "own_number"
        assert (await one.order("blind", "number", "00441234"))[1]["error"]["code"] == "number_not_allowed"
        await one.done("hold")
        await one.done("resume")
        await one.done("hangup")
        await call.result()
        await empty(pbx)
        (row,) = await recorded(one.popline)
    steps = [kind for kind, *_ in row["witnesses"]["steps"]]
    assert [kind for kind in steps if kind.endswith("pause")] == ["pause", "unpause"] * 2


async def test_three_way_and_the_two_go_on(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """Three talk, the agent leaves, the colleague has the caller; nobody is left in an empty room."""
    await handsets.agent("1001", answer_after=0.2)
    await handsets.agent("1002", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        call = await consulting(one, two, handsets)
        await one.done("three")
        control = await one.situation("three")
        assert control["commands"] == ["leave", "drop"]
        await one.done("leave")
        await two.situation("talking")
        assert await one.wrap_up() == "transferred"
        await call.stop()
        await two.done("hangup")
        await empty(pbx)


async def test_rejoin_rings_the_phone_again(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """A dead phone whose channel lives: rejoin rings it again, the caller hears music meanwhile."""
    agent = await handsets.agent("1001", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001") as (one,):
        call = await handsets.call("1001", number=WANG, hold=None)
        await one.ring()
        await one.situation("talking")
        await agent.stop()
        await handsets.agent("1001", answer_after=0.2)
        await one.done("rejoin")
        await one.ring()
        await one.situation("talking")
        await one.done("hangup")
        assert "bye" in (await call.result()).events
        await empty(pbx)


async def test_ami_is_cut_in_mid_command(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """The answer is lost: the Redirect is not sent again, what came of it is found out."""
    await handsets.agent("1001", answer_after=0.2)
    proxy = Proxy(("127.0.0.1", pbx.settings.asterisk.ami_port))
    await proxy.listen()
    try:
        async with desks(start_popline, seeded_url, pbx, "a1001", ami_port=proxy.port) as (one,):
            call = await handsets.call("1001", number=WANG, hold=None)
            await one.ring()
            await one.situation("talking")

            def cut_at_the_answer(data: bytes) -> bytes:
                if b"Redirect successful" not in data:
                    return data
                proxy.mangle = lambda data: data
                asyncio.get_running_loop().call_soon(proxy.cut)
                return b""

            proxy.mangle = cut_at_the_answer
            id = str(uuid.uuid4())
            status, answer = await one.order("hold", id=id)
            assert (status, answer["state"]) == (200, "done"), answer
            assert (await one.order("hold", id=id))[1]["state"] == "done"
            await one.situation("held")
            assert proxy.sent.count(b"Action: Redirect") + proxy.sent.count(b"action: redirect") == 1
            assert proxy.connections >= 2
            await one.done("resume")
            await one.done("hangup")
            await call.result()
            await empty(pbx)
    finally:
        await proxy.close()


async def test_page_away_in_mid_transfer_is_right_when_it_is_back(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """The socket drops while a colleague is asked; the new one's first message tells how it stands."""
    await handsets.agent("1001", answer_after=0.2)
    await handsets.agent("1002", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001", "a1002") as (one, two):
        call = await handsets.call("1001", number=WANG, hold=None)
        await one.ring()
        await one.situation("talking")
        await one.page.ws.close()
        await one.done("consult", "agent", "1002")
        await two.ring()
        await two.situation("asked")
        async with one.popline.page("a1001") as page:
            (pop,) = page.messages[0]["snapshot"]
            assert (pop["control"]["situation"], pop["control"]["colleague"]) == ("consulting", "1002")
        await one.done("complete")
        await two.situation("talking")
        await two.done("hangup")
        await call.result()
        await empty(pbx)


async def test_asterisk_is_restarted(
    start_popline: Callable[..., Any], seeded_url: str, pbx: Instance, handsets: Phones
) -> None:
    """While the PBX is away a command is refused at once in words; afterwards nothing of the call is left."""
    await handsets.agent("1001", answer_after=0.2)
    async with desks(start_popline, seeded_url, pbx, "a1001") as (one,):
        await handsets.call("1001", number=WANG, hold=None)
        await one.ring()
        await one.situation("talking")
        await asyncio.to_thread(pbx.down)
        await one.page.until("state", lambda m: m["pbx"] == "down")
        status, answer = await one.order("hold")
        assert (status, answer["error"]["code"]) in [(503, "pbx_away"), (409, "not_now")]
        await asyncio.to_thread(pbx.up, tied=True)
        await one.situation("over")
        assert (await one.order("hold"))[1]["error"]["code"] == "not_now"
