"""One client in a process of its own: count the events in a callback, print rate, CPU time and memory.

Every callback does the same: it reads the event's name and three of its headers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import psutil

PATIENCE_S = 8.0


class Count:
    """Counts events, notes times and memory."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.count = self.read = 0
        self.began = self.ended = self.cpu_began = self.cpu_ended = 0.0
        self.memory: list[float] = []
        self._next_look = total // 4
        self._process = psutil.Process()

    def add(self, name: str, get: Callable[[str], Any]) -> None:
        """The callback's work for one event."""
        if get("Uniqueid") and get("Channel") and get("Linkedid") and name:
            self.read += 1
        self.seen(1)

    def seen(self, n: int) -> None:
        """So many more events have been dealt with."""
        if not self.count:
            self.began, self.cpu_began = time.perf_counter(), time.process_time()
        self.count += n
        if self.count >= self._next_look:
            self._next_look += self.total // 4
            self.memory.append(round(self._process.memory_info().rss / 2**20, 1))
        if self.count >= self.total:
            self.ended, self.cpu_ended = time.perf_counter(), time.process_time()

    @property
    def over(self) -> bool:
        return self.count >= self.total

    def result(self) -> dict[str, Any]:
        """Events per second of wall clock and of CPU, what was lost, memory at each quarter in MiB."""
        if not self.ended:
            self.ended, self.cpu_ended = time.perf_counter() - PATIENCE_S, time.process_time()
        return {
            "events": self.count,
            "lost": self.total - self.count,
            "per_s": round(self.count / max(self.ended - self.began, 1e-9)),
            "per_cpu_s": round(self.count / max(self.cpu_ended - self.cpu_began, 1e-9)),
            "memory_mib": self.memory,
        }


async def until_over(count: Count) -> None:
    """Until all have come, or none for some seconds."""
    before = -1
    while not count.over and before != count.count:
        before = count.count
        for _ in range(int(PATIENCE_S / 0.05)):
            await asyncio.sleep(0.05)
            if count.over:
                return


async def ours(port: int, count: Count, wanted: bool, tracker: bool = False) -> None:
    """AmiClient: socket, parser, inbox, consumer; `wanted`: only the events of the fact table are parsed."""
    from pydantic import SecretStr

    from cti.ami.client import AmiClient
    from cti.ami.facts import WANTED
    from cti.ami.tracker import Tracker
    from cti.ami.wire import Message
    from cti.config import AmiNode
    from cti.domain.call import GapEvent
    from cti.domain.roster import Roster

    node = AmiNode(name="n", port=port, username="u", secret=SecretStr("s"), action_timeout_s=60, ping_s=60)
    roster = Roster({f"PJSIP/{n}": str(n) for n in (1001, 1002, 1003)})
    calls = Tracker("n", roster)

    class Consumer:
        skipped = 0

        def messages(self, batch: Sequence[Message], received: datetime) -> None:
            if tracker:
                for message in batch:
                    calls.feed(message, received)
                count.seen(len(batch))
            else:
                for message in batch:
                    count.add(message.name, message.get)
            connection = client._manager.connection if client._manager else None
            if connection is not None and connection.parser.skipped > self.skipped:
                # what the parser has skipped was counted and dropped: it is dealt with
                now = connection.parser.skipped
                count.seen(now - self.skipped)
                self.skipped = now

        def resync(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None: ...

        def gap(self, event: GapEvent) -> None: ...

    consumer = Consumer()
    client = AmiClient(node, consumer, wanted=WANTED if wanted else None)
    async with client:
        while not count.over and client.status().reason in ("", "not started"):
            await asyncio.sleep(0.02)
            if client.status().skipped > consumer.skipped and not client.status().waiting:
                consumer.messages([], datetime.now(UTC))  # the last events of all were unwanted ones
        if tracker and (calls.faults or calls.size() > 1000):
            raise RuntimeError(f"tracker: {calls.faults}, remembers {calls.size()}")


async def panoramisk(port: int, count: Count) -> None:
    from panoramisk import Manager

    manager = Manager(
        loop=asyncio.get_running_loop(), host="127.0.0.1", port=port, username="u", secret="s", ping_delay=600
    )
    manager.register_event("*", lambda _, event: count.add(event.event, event.get))
    await manager.connect()
    await until_over(count)
    manager.close()


async def basicami(port: int, count: Count) -> None:
    from basicami import BasicAMI

    ami = await BasicAMI.connect("127.0.0.1", port, "u", "s", timeout=30)
    quiet = 0
    while not count.over and quiet < PATIENCE_S:
        events = await ami.get_events(timeout=1.0)
        quiet = 0 if events else quiet + 1
        for event in events:
            count.add(event["Event"], event.get)
    await ami.close()


async def asterisk_ami(port: int, count: Count) -> None:
    from asterisk.ami import AMIClient

    client = AMIClient(address="127.0.0.1", port=port, timeout=30)
    client.add_event_listener(lambda event, source: count.add(event.name, event.keys.get))
    client.login(username="u", secret="s")
    await until_over(count)
    client.disconnect()


async def pyst2(port: int, count: Count) -> None:
    from asterisk.manager import Manager

    warnings.simplefilter("ignore")
    manager = Manager()
    manager.register_event("*", lambda event, _: count.add(event.name, event.get_header))
    await asyncio.to_thread(manager.connect, "127.0.0.1", port)
    await asyncio.to_thread(manager.login, "u", "s")
    await until_over(count)


CONTENDERS: dict[str, Callable[[int, Count], Any]] = {
    "ours": lambda port, count: ours(port, count, wanted=True),
    "ours_all": lambda port, count: ours(port, count, wanted=False),
    "ours_tracker": lambda port, count: ours(port, count, wanted=True, tracker=True),
    "panoramisk": panoramisk,
    "basicami": basicami,
    "asterisk_ami": asterisk_ami,
    "pyst2": pyst2,
}

if __name__ == "__main__":
    name, at, total = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    counted = Count(total)
    asyncio.run(CONTENDERS[name](at, counted))
    print(json.dumps(counted.result()), flush=True)
    import os

    os._exit(0)  # threads of the peers would hang about
