"""The client, the tracker and the traces on a real Asterisk with real phones."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cti.ami.trace import replay
from cti.config import Settings
from cti.domain.call import AgentEvent, AgentState, CallEvent, CallEventKind, GapEvent
from cti.errors import Refused
from tests.ami.fake_ami import event
from tests.traces.scenarios import SCENARIOS
from tests.traces.stage import NODE, Stage, pbx, stage
from tests.traces.story import stories

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("ami-live")]
LIVE = (
    "direct",
    "ring_all",
    "rejected",
    "blind",
    "attended",
    "attended_by_phone",
    "consult",
    "two_devices_in_queue",
    "local_channels",
    "cut",
)


@pytest.fixture(scope="module")
def hotline(asterisk_here: None, tmp_path_factory: pytest.TempPathFactory) -> object:
    """The hotline of the traces, one for this module."""
    with asyncio.Runner() as runner:
        manager = pbx(tmp_path_factory.mktemp("hotline"))
        settings = runner.run(manager.__aenter__())
        yield settings
        runner.run(manager.__aexit__(None, None, None))


@pytest.fixture
async def play(hotline: Settings) -> AsyncIterator[Stage]:
    """Phones, a proxy and a client that is ready."""
    async with stage(hotline) as s:
        yield s


@pytest.mark.parametrize("name", LIVE)
async def test_the_real_thing_tells_the_same_story_as_its_trace(name: str, play: Stage) -> None:
    """Real calls on the real Asterisk give the call events that the recorded trace gives."""
    scenario = next(s for s in SCENARIOS if s.name == name)
    start = len(play.heard)
    await scenario.play(play)
    assert stories(play.heard[start:], anybody=scenario.anybody) == sorted(scenario.story)
    assert list(play.fleet.tracker(NODE).faults) == []
    assert play.fleet.tracker(NODE).size() == 0


async def test_agents_of_the_pbx_are_known_after_the_resync(play: Stage) -> None:
    """Without any event every agent's state and queues are there; a registration makes one available."""
    states = {e.agent: e for e in play.fleet.tracker(NODE).agents()}
    assert {agent: e.queues for agent, e in states.items()} == {
        "1001": ("all", "hunt"),
        "1002": ("all", "hunt"),
        "1003": ("all",),
        "1004": ("pair",),
    }
    await play.phones.agent("1003", answer_after=None)
    await play.available("1003")


async def test_a_pause_with_its_reason_is_seen(play: Stage) -> None:
    """QueuePause by the client comes back as the agent's state, and an unknown interface is refused."""
    await play.phones.agent("1003", answer_after=None)
    await play.available("1003")
    await play.client.queue_pause("PJSIP/1003", True, "就餐")
    await play.until(
        lambda e: (
            isinstance(e, AgentEvent) and (e.agent, e.state, e.reason) == ("1003", AgentState.PAUSED, "就餐")
        )
    )
    await play.client.queue_pause("PJSIP/1003", False)
    await play.available("1003")
    with pytest.raises(Refused):
        await play.client.queue_pause("PJSIP/9999", True)


async def test_an_agent_rings_and_is_busy_in_words(play: Stage) -> None:
    """The agent's state goes ringing, busy, available with one call."""
    await play.phones.agent("1001", answer_after=0.5)
    await play.available("1001")
    start = len(play.heard)
    await play.phones.call("1001", hold=0.5)
    await play.ended()
    await play.available("1001")
    states = [e.state for e in play.heard[start:] if isinstance(e, AgentEvent) and e.agent == "1001"]
    assert states == [AgentState.RINGING, AgentState.BUSY, AgentState.AVAILABLE]


async def test_originate_redirect_and_hangup_do_what_they_say(play: Stage) -> None:
    """A click-to-dial rings the agent, a redirect moves the channel, a hangup ends it."""
    await play.phones.agent("1001", answer_after=0.2)
    await play.available("1001")
    ended = await play.client.originate("PJSIP/1001", application="Wait", data="30", ring_s=5, wait=True)
    assert ended.get("Response") == "Success"
    channel = ended.get("Channel")
    await play.phones.agent("1002", answer_after=0.2)
    await play.available("1002")
    await play.client.redirect(channel, "1002", "internal")
    await play.told(CallEventKind.ANSWERED, "1002")
    await play.client.hangup(channel)
    await play.ended()
    with pytest.raises(Refused):
        await play.client.hangup(channel)
    missed = await play.client.originate("PJSIP/1003", application="Wait", data="1", ring_s=1, wait=True)
    assert missed.get("Response") == "Failure"


async def test_a_silent_open_connection_is_noticed_within_ten_seconds(play: Stage) -> None:
    """With the default settings a connection that stays open and says nothing is given up in 10 s."""
    play.proxy.silent.set()
    async with asyncio.timeout(10):
        await play.until(lambda e: isinstance(e, GapEvent))
    play.proxy.silent.clear()
    await play.until(lambda e: isinstance(e, GapEvent) and e.until is not None)


async def test_after_the_return_the_client_is_back_within_a_second(play: Stage) -> None:
    """The port is closed for three seconds; once it is open, login and resync are done in one."""
    await play.proxy.refuse()
    play.proxy.cut()
    await play.until(lambda e: isinstance(e, GapEvent))
    await asyncio.sleep(3)
    await play.proxy.listen()
    await play.client.wait_ready(1.0)


async def test_cut_in_the_middle_of_a_burst_and_back(play: Stage) -> None:
    """The connection breaks again and again while calls go on: what is live in the end is the truth."""
    await play.phones.agent("1001", answer_after=0.1)
    await play.phones.agent("1002", answer_after=None)
    await play.available("1001", "1002")
    for n in range(6):
        await play.phones.call("95543", number=f"1380013800{n}", hold=1.0 + n / 3)
    for _ in range(4):
        await asyncio.sleep(0.4)
        play.proxy.cut()
    async with asyncio.timeout(30):
        while play.fleet.tracker(NODE).live() or not play.client.ready:
            await asyncio.sleep(0.05)
    kinds: dict[tuple[str, str], list[CallEventKind]] = {}
    for e in play.heard:
        if isinstance(e, CallEvent):
            kinds.setdefault(e.key, []).append(e.kind)
    assert kinds
    for told in kinds.values():
        assert told.count(CallEventKind.ARRIVED) == 1
        assert told.count(CallEventKind.ENDED) == 1
        assert told[0] is CallEventKind.ARRIVED
        assert told[-1] is CallEventKind.ENDED
    assert play.fleet.tracker(NODE).size() == 0


async def test_a_slow_line_that_cuts_characters_loses_nothing(play: Stage) -> None:
    """Seven bytes a read, so that every character is cut somewhere: the name arrives whole."""
    play.proxy.chunk = 7
    await play.phones.agent("1001", answer_after=0.2)
    play.proxy.cut()
    await play.client.wait_ready()
    await play.until(lambda e: isinstance(e, GapEvent) and e.until is not None)
    await play.available("1001")
    await play.phones.call("1001", name="欧阳女士", hold=0.5)
    await play.ended()
    assert {e.caller_name for e in play.heard if isinstance(e, CallEvent)} == {"欧阳女士"}


async def test_garbage_on_the_line_does_not_end_the_call(play: Stage) -> None:
    """Junk and lying events between the real ones: the real call is told as it is."""
    await play.phones.agent("1001", answer_after=0.4)
    await play.available("1001")
    start = len(play.heard)
    await play.phones.call("1001", hold=0.8)
    await play.told(CallEventKind.OFFERED)
    play.proxy.inject(
        b"\xff\x00\xfe junk \r\n\r\n" + event("Hangup", Uniqueid="", Cause="x") + event("BridgeEnter")
    )
    await play.ended()
    told = [e.kind for e in play.heard[start:] if isinstance(e, CallEvent)]
    assert told == [
        CallEventKind.ARRIVED,
        CallEventKind.OFFERED,
        CallEventKind.ANSWERED,
        CallEventKind.WRAPPED_UP,
        CallEventKind.ENDED,
    ]


@pytest.mark.parametrize(
    "name", ["status will follow", "刘女士".encode("gbk"), "--END COMMAND--", "x" * 2000]
)
async def test_odd_caller_names_go_through(name: str | bytes, play: Stage) -> None:
    """Names that look like protocol, are GBK or far too long come through a real Asterisk, as a name."""
    await play.phones.agent("1001", answer_after=0.2)
    await play.available("1001")
    await play.phones.call("1001", name=name, hold=0.3)
    await play.ended()
    names = {e.caller_name for e in play.heard if isinstance(e, CallEvent)}
    assert len(names) == 1
    said = names.pop()
    if isinstance(name, bytes):
        # Asterisk itself replaces what is no UTF-8 before it speaks of it: nobody can read that name any more
        assert "\N{REPLACEMENT CHARACTER}" in said
    else:
        assert name.startswith(said[:20])


async def test_laidian_record_writes_a_trace_that_replays(play: Stage, tmp_path: Path) -> None:
    """The command records a real call; the replay of its file tells the same story."""
    node = play.settings.ami[0]
    secret = play.settings.asterisk.ami_secret.get_secret_value()
    (tmp_path / "laidian.toml").write_text(
        f'[[ami]]\nname = "{node.name}"\nport = {node.port}\n'
        f'username = "{node.username}"\nsecret = "{secret}"\n'
        '[[agents]]\nnumber = "1001"\n',
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "cti",
        "record",
        "t.jsonl",
        "--config",
        "laidian.toml",
        "--about",
        "test",
    ]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path)
    try:
        await play.phones.agent("1001", answer_after=0.2)
        await play.available("1001")
        async with asyncio.timeout(20):
            while "resync" not in read_or_nothing(tmp_path / "t.jsonl"):
                await asyncio.sleep(0.05)
        await play.phones.call("1001", hold=0.5)
        await play.ended()
        await asyncio.sleep(0.2)
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()
    assert secret not in read_or_nothing(tmp_path / "t.jsonl")
    scenario = next(s for s in SCENARIOS if s.name == "direct")
    assert stories(list(replay(tmp_path / "t.jsonl"))) == scenario.story


def read_or_nothing(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
