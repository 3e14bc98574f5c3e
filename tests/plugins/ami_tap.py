"""A bare AMI connection for tests: says what it is told, keeps every event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from asterisk_conf.instance import Instance

Event = dict[str, str]


class Tap:
    """``async with Tap(instance) as tap`` is logged in and listening."""

    def __init__(self, instance: Instance, secret: str | None = None) -> None:
        self.settings = instance.settings.asterisk
        self.secret = self.settings.ami_secret.get_secret_value() if secret is None else secret
        self.events: list[Event] = []
        self.login: Event = {}
        self._responses: dict[str, asyncio.Future[Event]] = {}
        self._arrived = asyncio.Event()
        self._count = 0

    async def __aenter__(self) -> Tap:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.settings.ami_port)
        await self._reader.readline()
        self._task = asyncio.create_task(self._listen())
        self.login = await self.action("Login", Username=self.settings.ami_username, Secret=self.secret)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def action(self, action: str, **headers: str) -> Event:
        """Send one action and wait for its response."""
        self._count += 1
        number = str(self._count)
        future = self._responses[number] = asyncio.get_running_loop().create_future()
        lines = {"Action": action, "ActionID": number, **headers}
        self._writer.write("".join(f"{k}: {v}\r\n" for k, v in lines.items()).encode() + b"\r\n")
        return await asyncio.wait_for(future, 10)

    async def event(
        self, name: str, match: Callable[[Event], bool] = lambda _: True, deadline_s: float = 15
    ) -> Event:
        """The first event of this name that matches, past or to come."""
        async with asyncio.timeout(deadline_s):
            while True:
                for event in self.events:
                    if event["Event"] == name and match(event):
                        return event
                self._arrived.clear()
                await self._arrived.wait()

    def all(self, name: str) -> list[Event]:
        """Every event of this name so far."""
        return [e for e in self.events if e["Event"] == name]

    async def _listen(self) -> None:
        while True:
            try:
                block = await self._reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            pairs = (line.partition(": ") for line in block.decode("utf-8", "replace").split("\r\n") if line)
            message = {key.rstrip(":"): value for key, _, value in pairs}
            if "Event" in message:
                self.events.append(message)
                self._arrived.set()
            elif (future := self._responses.pop(message.get("ActionID", ""), None)) is not None:
                future.set_result(message)
