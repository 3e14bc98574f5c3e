"""An AMI server of its own process that plays a real queue call at a steady rate, stamped as it is sent.

The call is the recorded one of ``bench/ami``: a queue that rings three agents, one of whom answers. Each
telling has ids, channels, caller and agents of its own. Between ring, talk and end it waits as people do.
Prints the port; plays after the line ``go`` on stdin, and says how many calls it told.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from collections.abc import Mapping

from bench.ami.feed import templates
from cti.collector import calm_collector

RING_S, TALK_S = (1.0, 3.0), (3.0, 7.0)  # people differ: acts of two calls do not meet in step
QUEUES = ("all", "hunt")
FIRST_AGENT = 2000
_AGENT = re.compile(rb"(?<!\d)100([123])(?!\d)")
_CHANNEL = re.compile(rb"-0000000(\d)")
_ID = re.compile(rb"(?<!\d)\d{10}\.(\d+)")
_BRIDGE = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12})")
_STAMP = re.compile(rb"Timestamp: [\d.]+")
_CALLER = b"13800138000"


class Call:
    """The recorded call in three acts: rings, talks, ends."""

    def __init__(self) -> None:
        events = templates("hotline")
        answer = next(i for i, e in enumerate(events) if e.startswith(b"Event: DialEnd"))
        end = next(i for i, e in enumerate(events) if e.startswith(b"Event: HangupRequest"))
        self.acts = (events[:answer], events[answer:end], events[end:])

    def told(self, act: int, n: int, agents: int, caller: str) -> bytes:
        """One act of the n-th telling, stamped now."""
        first = FIRST_AGENT + (n * 3) % (agents - agents % 3)
        text = b"\r\n\r\n".join(self.acts[act]) + b"\r\n\r\n"
        text = text.replace(_CALLER, caller.encode())
        text = _ID.sub(rb"%d.\1" % (1_800_000_000 + n), text)
        text = _AGENT.sub(lambda m: b"%d" % (first + int(m[1]) - 1), text)
        text = _CHANNEL.sub(lambda m: b"-%08x" % (n * 4 + int(m[1])), text)
        text = _BRIDGE.sub(b"00000000-0000-0000-0000-%012x" % n, text)
        return _STAMP.sub(b"Timestamp: %.6f" % time.time(), text)


class Pbx:
    """Serves one service."""

    def __init__(self, agents: int) -> None:
        self._agents = agents
        self._writers: set[asyncio.StreamWriter] = set()
        self.pauses = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        try:
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                lines = (line.partition(": ") for line in block.decode().split("\r\n"))
                action = {key.lower(): value for key, _, value in lines}
                self._answer(action, writer)
                if action.get("action", "").lower() == "login":
                    self._writers.add(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writers.discard(writer)

    def say(self, data: bytes) -> None:
        """To everybody who has logged in."""
        for writer in self._writers:
            writer.write(data)

    def _answer(self, action: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        name, tag = action.get("action", "").lower(), f"ActionID: {action.get('actionid', '')}\r\n"
        listing = "EventList: start\r\n" if name in ("queuestatus", "coreshowchannels") else ""
        writer.write(f"Response: Success\r\n{tag}{listing}Message: ok\r\n\r\n".encode())
        if name == "queuestatus":
            for agent in range(FIRST_AGENT, FIRST_AGENT + self._agents):
                writer.write(self._member("QueueMember", str(agent), "0", "", tag))
            writer.write(f"Event: QueueStatusComplete\r\n{tag}EventList: Complete\r\n\r\n".encode())
        elif name == "coreshowchannels":
            writer.write(f"Event: CoreShowChannelsComplete\r\n{tag}EventList: Complete\r\n\r\n".encode())
        elif name == "queuepause" and action.get("interface", "").startswith("PJSIP/"):
            self.pauses += 1
            agent = action["interface"].removeprefix("PJSIP/")
            paused = "1" if action.get("paused", "").lower() in ("1", "true", "yes") else "0"
            self.say(self._member("QueueMemberPause", agent, paused, action.get("reason", ""), ""))

    @staticmethod
    def _member(event: str, agent: str, paused: str, reason: str, tag: str) -> bytes:
        interface = f"PJSIP/{agent}"
        place = f"Name: {agent}\r\nLocation: {interface}\r\nInterface: {interface}\r\n"
        state = f"StateInterface: {interface}\r\nMemberName: {agent}\r\nStatus: 1\r\nPaused: {paused}\r\n"
        return "".join(
            f"Event: {event}\r\n{tag}Queue: {queue}\r\n{place}{state}PausedReason: {reason}\r\n"
            f"Timestamp: {time.time():.6f}\r\n\r\n"
            for queue in QUEUES
        ).encode()


async def play(pbx: Pbx, *, per_second: float, seconds: float, agents: int, customers: int) -> int:
    """Calls at a steady rate; returns how many."""
    call, loop, dice = Call(), asyncio.get_running_loop(), random.Random(1)
    running: set[asyncio.Task[None]] = set()

    async def one(n: int) -> None:
        caller = f"13{1 + (n * 7919) % customers:09d}"
        pbx.say(call.told(0, n, agents, caller))
        await asyncio.sleep(dice.uniform(*RING_S))
        pbx.say(call.told(1, n, agents, caller))
        await asyncio.sleep(dice.uniform(*TALK_S))
        pbx.say(call.told(2, n, agents, caller))

    start, total = loop.time(), int(per_second * seconds)
    for n in range(total):
        await asyncio.sleep(max(0.0, start + n / per_second - loop.time()))
        task = loop.create_task(one(n))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return total


async def main() -> None:
    """``pbx AGENTS PER_SECOND SECONDS CUSTOMERS``."""
    agents, customers = int(sys.argv[1]), int(sys.argv[4])
    pbx = Pbx(agents)
    server = await asyncio.start_server(pbx.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    if (await asyncio.to_thread(sys.stdin.readline)).strip() == "go":
        rate, seconds = float(sys.argv[2]), float(sys.argv[3])
        with calm_collector(full=False):
            calls = await play(pbx, per_second=rate, seconds=seconds, agents=agents, customers=customers)
        print(calls, flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main())
