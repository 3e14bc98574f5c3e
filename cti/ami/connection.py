"""One AMI connection, from TCP connect to loss; never used again after that.

Each action has a deadline and its own Future, found by ActionID: a response that is lost or late harms
nobody else. Whole reads are taken at once: waking up costs more than parsing.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from cti.ami.wire import ActionValue, Message, Parser, encode
from cti.errors import DeadlineExceeded, ProtocolError, TransportError, Unavailable

CONNECT_S = 0.6  # of one TCP connect
MAX_LIST = 100_000  # items of one event list
MAX_WRITE = 1 << 20  # bytes that may wait to be sent

OnMessages = Callable[[list[Message]], None]
OnBytes = Callable[[bytes], None]


class Reply(NamedTuple):
    """The response to an action and, where it announces a list, the items."""

    response: Message
    items: list[Message]


@dataclass(slots=True)
class _Pending:
    future: asyncio.Future[Reply]
    until: str  # name of the event that completes it, "" for the response or the list's end
    listing: bool  # whether events with this ActionID are wanted although no fact
    response: Message | None = None
    items: list[Message] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """Made by `open`. Events go to `on_messages` in batches as they were read."""

    def __init__(
        self, on_messages: OnMessages, wanted: Collection[str] | None = None, on_bytes: OnBytes | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.parser = Parser(wanted)
        self.greeted: asyncio.Future[str] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.last_heard = loop.time()
        self.strays = 0
        self.faults: list[ProtocolError] = []
        self._loop = loop
        self._on_messages = on_messages
        self._on_bytes = on_bytes
        self._pending: dict[str, _Pending] = {}
        self._transport: asyncio.Transport | None = None
        self._prefix = secrets.token_hex(4)
        self._serial = 0

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        on_messages: OnMessages,
        *,
        wanted: Collection[str] | None = None,
        timeout_s: float = 5.0,
        on_bytes: OnBytes | None = None,
    ) -> Connection:
        """Connect and wait for the greeting; TransportError or DeadlineExceeded where it does not come."""
        where = f"AMI {host}:{port}"
        connection: Connection | None = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await cls._reach(host, port, lambda: cls(on_messages, wanted, on_bytes))
                await asyncio.wait({connection.greeted, connection.lost}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as e:
            if connection is not None:
                connection.abort("no greeting")
            raise DeadlineExceeded(f"{where}: no greeting within {timeout_s:g} s") from e
        except OSError as e:
            raise TransportError(f"{where}: {e.strerror or e}") from e
        except BaseException:
            if connection is not None:
                connection.abort("given up")
            raise
        if not connection.greeted.done():
            raise TransportError(f"{where}: closed before its greeting ({connection.lost.result()})")
        return connection

    @classmethod
    async def _reach(cls, host: str, port: int, make: Callable[[], Connection]) -> Connection:
        """Connect to the first address that answers; a lost SYN is not waited for, the caller asks again."""
        loop = asyncio.get_running_loop()
        fault: OSError = OSError("no address")
        for _, _, _, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                async with asyncio.timeout(CONNECT_S):
                    _, connection = await loop.create_connection(make, str(address[0]), int(address[1]))
            except TimeoutError:
                fault = OSError(f"no answer within {CONNECT_S:g} s")
            except OSError as e:
                fault = e
            else:
                return connection
        raise fault

    @property
    def is_open(self) -> bool:
        """Whether actions can be sent."""
        return self._transport is not None and not self.lost.done()

    async def send(
        self, action: Mapping[str, ActionValue], timeout_s: float, *, until: str = "", listing: bool = False
    ) -> Reply:
        """Send an action and wait for its response, its whole list (`listing`), or the event `until`.

        Raises DeadlineExceeded, TransportError (then it is unknown whether it was carried out: it is never
        sent again), Unavailable when too much waits to be sent, UsageError for a value with CR, LF or NUL.
        """
        if self._transport is None or not self.is_open:
            raise TransportError("AMI connection is closed")
        name = str(action.get("Action", ""))
        action_id = str(action.get("ActionID") or f"{self._prefix}-{self._serial}")
        self._serial += 1
        if action_id in self._pending:
            raise Unavailable(f"ActionID {action_id} is in use")
        data = encode({**action, "ActionID": action_id})
        if self._transport.get_write_buffer_size() > MAX_WRITE:
            raise Unavailable(f"{name}: the server does not read what was sent before")
        pending = _Pending(self._loop.create_future(), until, listing)
        self._pending[action_id] = pending
        self.parser.lists_open += listing
        try:
            self._transport.write(data)
            async with asyncio.timeout(timeout_s):
                return await pending.future
        except TimeoutError as e:
            raise DeadlineExceeded(f"AMI {name}: no answer within {timeout_s:g} s") from e
        finally:
            self._pending.pop(action_id, None)
            self.parser.lists_open -= listing

    def close(self) -> None:
        """Say good-bye without waiting for an answer."""
        if self._transport is not None and self.is_open:
            self._transport.write(encode({"Action": "Logoff"}))
            self._transport.close()
        self._end("closed by us")

    def abort(self, reason: str) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end(reason)

    def pause(self) -> None:
        """Stop reading: TCP makes the server wait."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on reading."""
        if self._transport is not None and self.is_open and not self._transport.is_reading():
            self._transport.resume_reading()

    # ---- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # not isinstance: uvloop's transports do not inherit from asyncio's
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse a whole read, answer who waits, hand on the rest as one batch."""
        if self.lost.done():
            return
        self.last_heard = self._loop.time()
        if self._on_bytes is not None:
            self._on_bytes(data)
        messages = self.parser.feed(data)
        if not self.greeted.done() and self.parser.greeted:
            self.greeted.set_result(self.parser.greeting)
        if self.parser.faults and len(self.faults) < 64:
            self.faults += self.parser.take_faults()
        if not messages:
            return
        events: list[Message] = []
        for message in messages:
            if message.kind == "Response":
                self._respond(message)
            elif not self._pending or not message.action_id or not self._collect(message):
                events.append(message)
        if events:
            self._on_messages(events)

    def connection_lost(self, exc: Exception | None) -> None:
        """Everybody who waits is told."""
        self._end(str(exc) if exc else "closed by the server")

    def _end(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(
                    TransportError(f"AMI connection lost ({reason}): outcome unknown")
                )

    def _respond(self, message: Message) -> None:
        pending = self._pending.get(message.action_id)
        if pending is None or pending.response is not None:
            self.strays += 1
            return
        pending.response = message
        self._settle(pending)

    def _collect(self, message: Message) -> bool:
        """Whether the event belongs to an action that waits for it."""
        pending = self._pending.get(message.action_id)
        if pending is None:
            return False
        if len(pending.items) < MAX_LIST:
            pending.items.append(message)
            self._settle(pending)
        elif not pending.future.done():
            pending.future.set_exception(ProtocolError(f"AMI list of more than {MAX_LIST} items"))
        return True

    def _settle(self, pending: _Pending) -> None:
        """Answer who waits if everything has come: an event of a list may overtake the response."""
        response = pending.response
        if response is None or pending.future.done():
            return
        last = pending.items[-1] if pending.items else None
        if not response.ok:
            done = True
        elif pending.until:
            done = last is not None and last.name == pending.until
        elif response.get("EventList").lower() == "start":
            done = last is not None and last.get("EventList").lower() in ("complete", "cancelled")
        else:
            done = True
        if done:
            pending.future.set_result(Reply(response, pending.items))
