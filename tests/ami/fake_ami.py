"""A hand-made AMI server on a real socket, for what a healthy Asterisk does not do.

By hand: ``python -m tests.ami.fake_ami`` listens on port 5038 and answers Success to everything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
Action = dict[str, str]


def success(action: Action, message: str = "ok") -> bytes:
    """The usual answer."""
    return (
        f"Response: Success\r\nActionID: {action.get('ActionID', '')}\r\nMessage: {message}\r\n\r\n".encode()
    )


def event(name: str, **headers: str) -> bytes:
    """An event on the wire."""
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class FakeAmi:
    """Answers Success unless `answers[ACTION]` says otherwise (None: nothing); keeps what it was asked."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.actions: list[Action] = []
        self.raw = bytearray()
        self.answers: dict[str, Callable[[Action], bytes | None]] = {}
        self.greeting = GREETING
        self.on_connect: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
        self.writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FakeAmi:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.away()

    async def listen(self) -> None:
        """Take connections (again, on the same port)."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def away(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def say(self, data: bytes) -> None:
        """Send bytes to every client."""
        for writer in self.writers:
            writer.write(data)

    def asked(self, name: str) -> list[Action]:
        """Every action of this name so far."""
        return [action for action in self.actions if action.get("Action") == name]

    async def until_asked(self, name: str, times: int = 1, timeout_s: float = 10.0) -> None:
        """Wait for actions."""
        async with asyncio.timeout(timeout_s):
            while len(self.asked(name)) < times:
                await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.write(self.greeting)
            if self.on_connect is not None:
                await self.on_connect(writer)
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                self.raw += block
                lines = [
                    line.partition(": ") for line in block.decode(errors="replace").split("\r\n") if line
                ]
                action = {key: value for key, _, value in lines}
                self.actions.append(action)
                answer = self.answers.get(action.get("Action", ""), self._usual)(action)
                if answer:
                    writer.write(answer)
        writer.transport.abort()

    def _usual(self, action: Action) -> bytes | None:
        name, action_id = action.get("Action", ""), action.get("ActionID", "")
        if name in ("CoreShowChannels", "QueueStatus"):
            head = f"Response: Success\r\nActionID: {action_id}\r\nEventList: start\r\n\r\n".encode()
            return head + event(f"{name}Complete", ActionID=action_id, EventList="Complete", ListItems="0")
        return success(action)


async def _by_hand() -> None:
    async with FakeAmi(5038):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_by_hand())
