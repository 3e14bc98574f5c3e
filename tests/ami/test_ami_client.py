"""The client against a hand-made server that does what a healthy Asterisk does not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from cti.ami.client import AmiClient
from cti.ami.fleet import Fleet
from cti.ami.inbox import HIGH_WATER, Inbox
from cti.ami.wire import Message
from cti.domain.call import CallEvent, GapEvent
from cti.domain.roster import Roster
from cti.errors import DeadlineExceeded, Refused, TransportError, Unavailable, UsageError
from tests.ami.fake_ami import Action, FakeAmi, event, success
from tests.ami.listener import Listener, listening, node

HANGUP = event("Hangup", Uniqueid="1.1", Channel="PJSIP/x-00000001", Cause="16")


async def test_events_arrive_after_the_resync_in_order() -> None:
    """The first thing a consumer hears is what there is; then the events, in order."""
    async with FakeAmi() as server:

        def login(action: Action) -> bytes:
            return success(action) + event("FullyBooted") + HANGUP

        server.answers["Login"] = login
        async with listening(server.port) as (_, listener):
            server.say(event("Newchannel", Uniqueid="2.1") + HANGUP)
            await listener.until(lambda x: len(x.names()) == 4)
            assert next(kind for kind, _ in listener.heard) == "resync"
            assert listener.names() == ["FullyBooted", "Hangup", "Newchannel", "Hangup"]


async def test_list_items_and_live_events_are_told_apart() -> None:
    """Events between the items of a list are events; the list has all its items and nothing else."""
    async with FakeAmi() as server:

        def channels(action: Action) -> bytes:
            own = {"ActionID": action["ActionID"]}
            return (
                b"Response: Success\r\nActionID: %b\r\nEventList: start\r\n\r\n" % own["ActionID"].encode()
                + event("CoreShowChannel", Uniqueid="1.1", **own)
                + HANGUP
                + event("CoreShowChannel", Uniqueid="1.2", **own)
                + event("CoreShowChannelsComplete", EventList="Complete", ListItems="2", **own)
            )

        server.answers["CoreShowChannels"] = channels
        async with listening(server.port) as (_, listener):
            rows = listener.heard[0][1][0]
            assert [m.get("Uniqueid") for m in rows if m.name == "CoreShowChannel"] == ["1.1", "1.2"]
            await listener.until(lambda x: x.names() == ["Hangup"])


async def test_an_unanswered_action_has_a_deadline_and_harms_nobody() -> None:
    """A lost response fails that action alone; its late answer is dropped."""
    late: list[Action] = []
    async with FakeAmi() as server:
        server.answers["Hangup"] = lambda action: late.append(action)
        async with listening(server.port, action_timeout_s=0.3) as (client, _):
            with pytest.raises(DeadlineExceeded, match="Hangup"):
                await client.hangup("PJSIP/1001-00000001")
            server.say(success(late[0]))
            await client.queue_pause("PJSIP/1001", True, "小休")
            assert client.status().strays == 1
            assert server.asked("QueuePause")[0]["Reason"] == "小休"


async def test_a_refusal_says_what_the_server_said() -> None:
    """An Error response becomes Refused with the server's words."""
    async with FakeAmi() as server:

        def refuse(action: Action) -> bytes:
            return success(action, "Interface not found").replace(b"Success", b"Error")

        server.answers["QueuePause"] = refuse
        async with listening(server.port) as (client, _):
            with pytest.raises(Refused, match="Interface not found"):
                await client.queue_pause("PJSIP/9999", True)


async def test_values_with_line_breaks_are_refused_before_anything_is_sent() -> None:
    """CR, LF and NUL never get into an action, whichever door they come by."""
    async with FakeAmi() as server, listening(server.port) as (client, _):
        for bad in ("x\r\nAction: Logoff", "x\n", "x\0"):
            with pytest.raises(UsageError):
                await client.originate("PJSIP/1001", application="Wait", data="1", caller_id=bad)
            with pytest.raises(UsageError):
                await client.redirect("PJSIP/1001-1", bad, "internal")
            with pytest.raises(UsageError):
                await client.send({"Action": "Setvar", "Variable": [bad]})
        assert not server.asked("Originate")
        assert not server.asked("Redirect")


@pytest.mark.parametrize("action", ["Originate", "Redirect"])
async def test_what_was_under_way_at_the_loss_is_never_sent_again(action: str) -> None:
    """Cut between action and response: the caller is told, and the server has seen it once, also after."""
    async with FakeAmi() as server:

        def cut(_: Action) -> None:
            server.cut()

        server.answers[action] = cut
        async with listening(server.port) as (client, listener):
            way = {
                "Originate": lambda: client.originate("PJSIP/1001", exten="1", context="c"),
                "Redirect": lambda: client.redirect("PJSIP/1001-1", "1", "c"),
            }
            with pytest.raises(TransportError, match="outcome unknown"):
                await way[action]()
            await listener.until(lambda x: len(x.gaps()) == 2)
            await client.wait_ready()
            await client.queue_pause("PJSIP/1001", True)
            assert len(server.asked(action)) == 1


async def test_actions_while_away_fail_at_once() -> None:
    """Without a connection an action is refused with the reason, not kept for later."""
    async with FakeAmi() as server, listening(server.port) as (client, listener):
        await server.away()
        await listener.until(lambda x: bool(x.gaps()))
        with pytest.raises(Unavailable, match="pbx1"):
            await client.originate("PJSIP/1001", exten="1", context="c")
        with pytest.raises(Unavailable):
            await client.send({"Action": "Ping"})


async def test_a_loss_is_told_as_a_gap_that_closes_before_the_resync() -> None:
    """Lost, back, resync: in this order, with the times of the gap."""
    async with FakeAmi() as server, listening(server.port) as (client, listener):
        await server.away()
        await listener.until(lambda x: len(x.gaps()) == 1)
        assert not client.ready
        await server.listen()
        await listener.until(lambda x: [kind for kind, _ in x.heard].count("resync") == 2)
        kinds = [kind for kind, _ in listener.heard]
        assert kinds == ["resync", "gap", "gap", "resync"]
        lost, back = listener.gaps()
        assert lost.until is None
        assert lost.reason
        assert back.since == lost.since
        assert back.until is not None
        assert back.until >= back.since


async def test_a_silent_open_connection_is_given_up() -> None:
    """A server that keeps the connection open and says nothing is noticed by the ping."""
    async with FakeAmi() as server, listening(server.port, ping_s=0.3, action_timeout_s=0.3) as (_, listener):
        for name in ("Ping", "Login"):
            server.answers[name] = lambda _: None
        await listener.until(lambda x: bool(x.gaps()), timeout_s=10)
        assert "silent" in listener.gaps()[0].reason


async def test_a_server_that_talks_but_does_not_answer_a_ping_is_kept() -> None:
    """An unanswered ping is no silence as long as events come."""
    async with (
        FakeAmi() as server,
        listening(server.port, ping_s=0.2, action_timeout_s=0.2) as (client, listener),
    ):
        server.answers["Ping"] = lambda _: None
        for _ in range(20):
            server.say(HANGUP)
            await asyncio.sleep(0.05)
        assert len(server.asked("Ping")) > 1
        assert (client.ready, listener.gaps()) == (True, [])


async def test_a_refused_login_is_not_tried_again_at_once() -> None:
    """While the port stays open a refusing server is left alone for the back-off; stop ends that at once."""
    async with FakeAmi() as server:
        server.answers["Login"] = lambda a: success(a, "Authentication failed").replace(b"Success", b"Error")
        client = AmiClient(node(server.port), Listener())
        client._failures = 5  # the sixth refusal in a row: about half a minute
        client.start()
        await server.until_asked("Login")
        await asyncio.sleep(1.2)
        assert len(server.asked("Login")) == 1
        assert "Authentication failed" in client.status().reason
        async with asyncio.timeout(1):
            await client.stop()


async def test_a_restarted_server_is_tried_at_once_in_spite_of_the_back_off() -> None:
    """If the port closes and opens during a long back-off, the wait is over."""
    async with FakeAmi() as server:
        server.answers["Login"] = lambda a: success(a).replace(b"Success", b"Error")
        async with AmiClient(node(server.port), Listener()) as client:
            client._failures = 5
            await server.until_asked("Login")
            await server.away()
            await asyncio.sleep(1.2)
            del server.answers["Login"]
            await server.listen()
            await client.wait_ready(10)


async def test_a_server_that_is_away_at_the_start_is_found() -> None:
    """Starting before the server: the gap is told once, and the client comes in when there is one."""
    server = FakeAmi()
    async with server:
        pass
    listener = Listener()
    async with AmiClient(node(server.port), listener) as client:
        await listener.until(lambda x: bool(x.gaps()))
        with pytest.raises(DeadlineExceeded, match="not ready"):
            await client.wait_ready(0.5)
        async with server:
            await client.wait_ready()
            assert [gap.until is None for gap in listener.gaps()] == [True, False]


async def test_stop_is_immediate_in_every_phase() -> None:
    """Stop while connecting, while logging in, while connected: it does not wait for the server."""
    async with FakeAmi() as server:
        server.greeting = b""
        for phase in ("greeting", "login", "ready"):
            client = AmiClient(node(server.port, action_timeout_s=30), Listener())
            client.start()
            if phase == "greeting":
                await asyncio.sleep(0.1)
            elif phase == "login":
                server.answers["Login"] = lambda _: None
                await server.until_asked("Login")
            else:
                await client.wait_ready()
            async with asyncio.timeout(1):
                await client.stop()
            server.greeting = b"Asterisk Call Manager/11.0.0\r\n"
            server.answers.clear()


async def test_garbage_between_events_costs_nothing_else() -> None:
    """Junk, a message that is too large and half a message are skipped; what follows is heard."""
    async with FakeAmi() as server, listening(server.port) as (client, listener):
        server.say(b"\x00\xff\xfejunk\r\n\r\n" + HANGUP)
        server.say(b"Event: Newchannel\r\nCallerIDName: " + b"x" * (1 << 21) + b"\r\n\r\n" + HANGUP)
        await listener.until(lambda x: len(x.names()) == 2)
        assert client.status().faults == 2
        await client.queue_pause("PJSIP/1001", False)


async def test_a_consumer_that_raises_loses_nothing_else() -> None:
    """An exception in the consumer is logged; the next batches come all the same."""
    async with FakeAmi() as server, listening(server.port) as (client, listener):

        def fail(_: Sequence[Message]) -> None:
            raise RuntimeError("consumer")

        listener.on_batch = fail
        for _ in range(3):
            server.say(HANGUP)
            await asyncio.sleep(0.05)
        await listener.until(lambda x: len(x.names()) == 3)
        assert client.ready


async def test_a_flood_is_kept_back_by_tcp_and_nothing_is_lost() -> None:
    """More events than the inbox may hold: reading stops, goes on, and all arrive in order."""
    count = HIGH_WATER * 3
    async with (
        FakeAmi() as server,
        listening(server.port, ping_s=60, action_timeout_s=20) as (client, listener),
    ):
        highest = 0

        def look(_: Sequence[Message]) -> None:
            nonlocal highest
            highest = max(highest, client.status().waiting)

        listener.on_batch = look
        burst = b"".join(event("Hangup", Uniqueid=str(n), Cause="16") for n in range(count))
        server.say(burst)
        await listener.until(lambda x: len(x.heard) > count, timeout_s=60)
        assert [m.get("Uniqueid") for kind, m in listener.heard if kind == "message"] == [
            str(n) for n in range(count)
        ]
        assert client._inbox.pauses > 0
        one_read = (1 << 18) // 40  # events in the largest single read
        assert highest <= HIGH_WATER + one_read


async def test_inbox_stops_and_goes_on_at_its_marks() -> None:
    """The tap is closed at the high mark and opened at the low one, once each."""
    calls: list[str] = []

    class Tap:
        def pause(self) -> None:
            calls.append("pause")

        def resume(self) -> None:
            calls.append("resume")

    inbox = Inbox(high=10, low=3)
    inbox.attach(Tap())
    message = Message("Event", "X", {})
    for _ in range(4):
        inbox.put([message] * 4)
    taken = []
    while batch := inbox.take(3):
        taken.append(len(batch))
    assert calls == ["pause", "resume"]
    assert (sum(taken), max(taken), inbox.count) == (16, 3, 0)


async def test_a_fleet_keeps_its_nodes_apart() -> None:
    """Events carry the name of their node; the loss of one does not touch the other."""
    heard: list[object] = []
    newchannel = event(
        "Newchannel",
        Uniqueid="1.1",
        Linkedid="1.1",
        Channel="PJSIP/trunk-00000001",
        CallerIDNum="13800138000",
        Exten="95543",
    )
    async with FakeAmi() as one, FakeAmi() as two:
        nodes = [node(one.port, name="one"), node(two.port, name="two")]
        async with Fleet(nodes, Roster({}), heard.append) as fleet:
            await asyncio.gather(*(client.wait_ready() for client in fleet.clients.values()))
            one.say(newchannel)
            two.say(newchannel)
            async with asyncio.timeout(10):
                while len(heard) < 2:
                    await asyncio.sleep(0.01)
            assert {e.key for e in heard if isinstance(e, CallEvent)} == {("one", "1.1"), ("two", "1.1")}
            await one.away()
            async with asyncio.timeout(10):
                while not any(isinstance(e, GapEvent) for e in heard):
                    await asyncio.sleep(0.01)
            assert fleet.client("two").ready
            await fleet.client("two").queue_pause("PJSIP/1001", True)
            with pytest.raises(UsageError, match="three"):
                fleet.client("three")
            assert [s.connected for s in fleet.status()] == [False, True]


async def test_two_nodes_of_one_name_are_refused() -> None:
    """A node name stands for one node."""
    with pytest.raises(UsageError, match="two AMI nodes"):
        Fleet([node(1), node(2)], Roster({}), lambda _: None)


async def test_originate_with_wait_returns_how_it_ended() -> None:
    """The OriginateResponse of this very Originate is waited for, not somebody else's."""
    async with FakeAmi() as server:

        def originate(action: Action) -> bytes:
            return (
                success(action)
                + event("OriginateResponse", ActionID="other", Response="Failure")
                + event("OriginateResponse", ActionID=action["ActionID"], Response="Success", Reason="4")
            )

        server.answers["Originate"] = originate
        async with listening(server.port) as (client, _):
            ended = await client.originate(
                "PJSIP/1001", application="Wait", data="1", variables={"A": "1"}, wait=True
            )
            assert (ended.get("Response"), ended.get("Reason")) == ("Success", "4")
