"""Each known fault of pyst2's manager: plain pyst2 shows it, our subclass has the answer."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cti.ami.pyst import Event, Manager, ManagerAuthException, ManagerException, ManagerMsg
from cti.ami.wire import Message
from cti.errors import DeadlineExceeded, TransportError, UsageError
from tests.ami.fake_ami import Action, FakeAmi, event, success

PLAIN = Path(__file__).parent / "plain_pyst2.py"


async def plain(scene: str, server: FakeAmi) -> Any:
    """What plain pyst2 makes of a scene."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PLAIN),
        scene,
        str(server.port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert out, err.decode()
    return json.loads(out)


async def ours(server: FakeAmi, **options: Any) -> Manager:
    """A connected manager of ours."""
    manager = Manager(**{"timeout_s": 0.5, **options})
    await manager.run(manager.connect, "127.0.0.1", server.port)
    return manager


def text(response: ManagerMsg) -> str:
    return str(response.get_header("Message"))


async def test_a_response_that_never_comes_has_a_deadline() -> None:
    """pyst2 hangs for ever without an answer; ours raises DeadlineExceeded and goes on working."""
    async with FakeAmi() as server:
        server.answers["Ping"] = lambda _: None
        assert await plain("deadline", server) == "hangs"
        manager = await ours(server)
        with pytest.raises(DeadlineExceeded, match="Ping"):
            await manager.run(manager.ping)
        assert text(await manager.run(manager.status)) == "ok"
        await manager.run(manager.close)


async def test_a_stray_response_shifts_nothing() -> None:
    """pyst2 takes any response for its own and is one behind ever after; ours goes by ActionID."""

    def ping(action: Action) -> bytes:
        return success({"ActionID": "somebody-else"}, "stray") + success(action, "pong")

    async with FakeAmi() as server:
        server.answers = {"Ping": ping, "Status": lambda a: success(a, "status")}
        assert await plain("order", server) == ["stray", "pong"]
        manager = await ours(server)
        assert text(await manager.run(manager.ping)) == "pong"
        assert text(await manager.run(manager.status)) == "status"
        await manager.run(manager.close)


async def test_actions_under_way_at_once_get_their_own_answers() -> None:
    """Two actions answered in the wrong order each get their own response."""
    held: list[Action] = []

    def first(action: Action) -> None:
        held.append(action)

    async with FakeAmi() as server:
        server.answers = {
            "Ping": first,
            "Status": lambda a: success(a, "status") + success(held.pop(), "pong"),
        }
        manager = await ours(server)
        ping = asyncio.create_task(manager.run(manager.ping))
        await server.until_asked("Ping")
        assert text(await manager.run(manager.status)) == "status"
        assert text(await ping) == "pong"
        await manager.run(manager.close)


async def test_headers_of_one_action_do_not_leak_into_the_next() -> None:
    """pyst2 keeps headers and ActionID in a mutable default; ours copies, also what it is given."""
    async with FakeAmi() as server:
        await plain("defaults", server)
        leaked = server.asked("Second")[0]
        assert leaked["Foo"] == "1"
        assert leaked["ActionID"] == server.asked("First")[0]["ActionID"]
        server.actions.clear()
        manager = await ours(server)
        given = {"Action": "First"}
        await manager.run(manager.send_action, given, Foo="1")
        await manager.run(manager.send_action, Action="Second")
        assert given == {"Action": "First"}
        assert "Foo" not in server.asked("Second")[0]
        assert server.asked("Second")[0]["ActionID"] != server.asked("First")[0]["ActionID"]
        await manager.run(manager.close)


async def test_line_breaks_in_a_value_cannot_make_a_second_action() -> None:
    """pyst2 sends CR and LF as they are, which is another action; ours refuses them."""
    async with FakeAmi() as server:
        await plain("injection", server)
        assert server.asked("Command")
        server.actions.clear()
        manager = await ours(server)
        with pytest.raises(UsageError):
            await manager.run(
                manager.redirect, "PJSIP/1\r\n\r\nAction: Command\r\nCommand: core stop now", "1"
            )
        await manager.run(manager.ping)
        assert [a["Action"] for a in server.actions] == ["Ping"]
        await manager.run(manager.close)


async def test_a_chanvariable_header_does_not_end_the_reading() -> None:
    """pyst2's reader dies of any ChanVariable header and still says connected; ours keeps them all."""
    burst = b"Event: First\r\nChanVariable: a=1\r\nChanVariable: b=x=y\r\n\r\n" + event("Last")
    async with FakeAmi() as server:
        server.answers["Ping"] = lambda a: success(a) + burst
        assert await plain("chanvariable", server) == {"heard": [], "connected": True}
        manager = await ours(server)
        heard: list[Event] = []
        manager.register_event("*", lambda e, _: heard.append(e))
        await manager.run(manager.ping)
        await manager.run(manager.status)
        assert [e.name for e in heard] == ["First", "Last"]
        assert heard[0]["ChanVariable"] == {"a": "1", "b": "x=y"}
        await manager.run(manager.close)


async def test_a_caller_named_status_will_follow_does_not_stop_the_events() -> None:
    """pyst2 waits for the end of a list that a caller's name announced; ours goes by the blank line."""
    burst = event("First", CallerIDName="status will follow") + event("Last")
    async with FakeAmi() as server:
        server.answers["Ping"] = lambda a: success(a) + burst
        assert (await plain("status", server))["heard"] == []
        manager = await ours(server)
        heard: list[str] = []
        manager.register_event("*", lambda e, _: heard.append(e.name))
        await manager.run(manager.ping)
        await manager.run(manager.status)
        assert heard == ["First", "Last"]
        await manager.run(manager.close)


async def test_an_exception_in_a_callback_does_not_end_the_dispatch() -> None:
    """pyst2's dispatch ends with the first exception of a callback; ours logs it and goes on."""
    async with FakeAmi() as server:
        server.answers["Ping"] = lambda a: success(a) + event("First") + event("Last")
        assert (await plain("callback", server))["heard"] == []
        manager = await ours(server)
        heard: list[str] = []
        manager.register_event("First", lambda *_: 1 / 0)
        manager.register_event("*", lambda e, _: heard.append(e.name))
        await manager.run(manager.ping)
        await manager.run(manager.status)
        assert heard == ["First", "Last"]
        await manager.run(manager.close)


async def test_loss_is_told_and_a_new_object_connects_again() -> None:
    """pyst2's object cannot connect a second time and its loss is silent; ours tells and is made anew."""
    async with FakeAmi() as server:

        def cut(_: Action) -> None:
            server.cut()

        server.answers["CutMe"] = cut
        assert await plain("reconnect", server) == "RuntimeError"
        lost: list[str] = []
        manager = await ours(server, on_lost=lost.append)
        with pytest.raises(TransportError):
            await manager.run(manager.send_action, {"Action": "CutMe"})
        await asyncio.sleep(0)
        assert lost
        assert not manager.connected()
        with pytest.raises(ManagerException):
            await manager.run(manager.connect, "127.0.0.1", server.port)
        again = await ours(server)
        assert again.connected()
        assert text(await again.run(again.ping)) == "ok"
        await again.run(again.close)


async def test_an_object_that_is_dropped_says_no_good_bye() -> None:
    """pyst2's __del__ closes, and with it may hang whoever drops the object; ours does nothing there."""
    async with FakeAmi() as server:
        server.answers["Logoff"] = lambda _: None
        assert await plain("drop", server) == "hangs"
        manager = await ours(server)
        connection = manager.connection
        del manager
        assert server.asked("Logoff") == [server.asked("Logoff")[0]]
        assert connection is not None
        connection.close()


async def test_close_is_bounded() -> None:
    """pyst2's close() waits for ever for a good-bye; ours does not, and may be called again."""
    async with FakeAmi() as server:
        server.answers["Logoff"] = lambda _: None
        assert await plain("close", server) == "hangs"
        manager = await ours(server)
        await manager.run(manager.close)
        assert not manager.connected()
        await manager.run(manager.close)


async def test_bytes_of_another_charset_are_not_dropped() -> None:
    """pyst2 drops bytes that are no UTF-8, a GBK name is gone; ours reads it."""
    burst = b"Event: Newchannel\r\nCallerIDName: " + "刘女士".encode("gbk") + b"\r\n\r\n"
    async with FakeAmi() as server:
        server.answers["Ping"] = lambda a: success(a) + burst
        assert "刘" not in (await plain("charset", server))["heard"][0]
        manager = await ours(server)
        heard: list[str] = []
        manager.register_event("Newchannel", lambda e, _: heard.append(e["CallerIDName"]))
        await manager.run(manager.ping)
        await manager.run(manager.status)
        assert heard == ["刘女士"]
        await manager.run(manager.close)


async def test_pyst2_verbs_and_exceptions_stay_in_use() -> None:
    """login raises pyst2's ManagerAuthException; originate sends what pyst2 makes of its arguments."""
    async with FakeAmi() as server:
        server.answers["Login"] = lambda a: success(a).replace(b"Success", b"Error")
        manager = await ours(server)
        assert manager.title == "Asterisk Call Manager"
        assert manager.version == "11.0.0"
        with pytest.raises(ManagerAuthException):
            await manager.run(manager.login, "u", "s")
        await manager.run(
            manager.originate,
            "PJSIP/1001",
            "95543",
            context="from-trunk",
            priority="1",
            variables={"A": "1", "B": "二"},
        )
        sent = bytes(server.raw).decode()
        assert "Variable: A=1\r\nVariable: B=二\r\n" in sent
        await manager.run(manager.close)


async def test_a_verb_called_without_run_says_how_to_call_it() -> None:
    """Calling a verb directly raises UsageError, it does not block the loop."""
    async with FakeAmi() as server:
        manager = await ours(server)
        with pytest.raises(UsageError, match="run"):
            manager.ping()
        await manager.run(manager.close)
        fresh = Manager()
        with pytest.raises(ManagerException):
            await fresh.run(fresh.ping)


async def test_a_cancelled_verb_leaves_nothing_behind() -> None:
    """Cancelling a waiting verb frees its place; later verbs work."""
    async with FakeAmi() as server:
        server.answers["Ping"] = lambda _: None
        manager = await ours(server, timeout_s=30.0)
        task = asyncio.create_task(manager.run(manager.ping))
        await server.until_asked("Ping")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert text(await manager.run(manager.status)) == "ok"
        await manager.run(manager.close)


def test_pyst2_message_objects_over_our_parser() -> None:
    """Event and ManagerMsg behave as pyst2's do: headers, get_header, data, repr."""
    made = Event(Message("Event", "Hangup", {"Event": "Hangup", "Cause": "16", "ActionID": "7"}))
    assert (made.name, made["Cause"], made.get_header("Nothing", "x"), made.get_action_id()) == (
        "Hangup",
        "16",
        "x",
        "7",
    )
    response = ManagerMsg(Message("Response", "Success", raw=b"Response: Success\r\nOutput: line"))
    assert (repr(response), response.data) == ("Success", "line")
