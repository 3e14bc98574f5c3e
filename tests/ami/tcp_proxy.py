"""A TCP proxy between client and Asterisk that can be cut, silenced, slowed down and made to babble."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType


class Proxy:
    """Listens on 127.0.0.1:`port`, forwards to `upstream`. What the client sent is kept in `sent`."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.sent = bytearray()
        self.connections = 0
        self.silent = asyncio.Event()  # set: nothing passes, connections stay open
        self.mangle: Callable[[bytes], bytes] = lambda data: data
        self.chunk = 1 << 16
        self.delay_s = 0.0

    async def __aenter__(self) -> Proxy:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def listen(self) -> None:
        """Take connections (again, on the same port)."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Take no more connections; the port is closed. Those that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    def cut(self) -> None:
        """End all connections at once (RST to both sides)."""
        for pair in list(self._pairs):
            for writer in pair:
                writer.transport.abort()

    def forget(self) -> None:
        """End the server's side alone: the clients' connections stay open, and nobody answers on them."""
        for client, back in list(self._pairs):
            self._forgotten.add(client)
            back.transport.abort()

    def inject(self, data: bytes) -> None:
        """Say this to the client as if it came from the server."""
        for client, _ in self._pairs:
            client.write(data)

    async def close(self) -> None:
        """End everything."""
        await self.refuse()
        self.cut()
        for client in self._forgotten:
            client.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            there, back = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, back)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, back, self._note))
                group.create_task(self._pump(there, writer, lambda data: self.mangle(data)))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pairs.discard(pair)
            for end in pair:
                if end not in self._forgotten:
                    end.transport.abort()

    def _note(self, data: bytes) -> bytes:
        self.sent += data
        return data

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]
    ) -> None:
        while data := await reader.read(self.chunk):
            while self.silent.is_set():
                await asyncio.sleep(0.01)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            writer.write(change(data))
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
        raise ConnectionError("one side closed")
