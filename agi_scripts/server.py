"""The FastAGI listener: takes calls up to a maximum, drains on request, leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from agi_scripts.errors import Draining
from agi_scripts.link import CallLink
from agi_scripts.stage import Stage
from agi_scripts.wire import Environment
from cti.errors import TransportError
from cti.obs import get_logger

BACKLOG = 2048
ACCEPTS = 64
"""Connections taken in one turn of the event loop. uvloop's own listener takes one a turn, which at 500 calls
at once lets a new call wait 200 ms for its first command (bench fastagi)."""
PAUSE_S = 0.2
"""Rest after an accept that failed (no file descriptors left)."""

_log = get_logger("agi.server")


class Server:
    """Serves `script(link, environment)` to every call, each in a greenlet of its own.

    At `max_calls` a further connection is closed at once: the dialplan then goes on to a person.
    """

    def __init__(self, script: Callable[[CallLink, Environment], None], *, max_calls: int = 2000) -> None:
        self._script = script
        self._stage = Stage()
        self._max = max_calls
        self._calls: set[CallLink] = set()
        self._listener: socket.socket | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self.served = 0
        self.refused = 0

    @property
    def calls(self) -> int:
        """How many calls are being served now."""
        return len(self._calls)

    @property
    def port(self) -> int:
        """The port that is listened on (of use after asking for port 0)."""
        return int(self._listener.getsockname()[1]) if self._listener else 0

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises TransportError where the port is taken."""
        try:
            listener = socket.create_server((host, port), backlog=BACKLOG)
        except OSError as e:
            raise TransportError(f"cannot listen for FastAGI on {host}:{port}: {e.strerror}") from e
        listener.setblocking(False)
        # connections inherit it: each command is one segment, sent at once
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTS):
            if self._listener is None:
                return
            try:
                connection, _peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as e:
                _log.error("agi_accept_failed", error=str(e))
                loop.remove_reader(self._listener.fileno())
                loop.call_later(PAUSE_S, self._listen_again)
                return
            if not self._admit():
                connection.close()
                continue
            link = CallLink(connection, self._script, self._stage, self._ended)
            self._calls.add(link)
            self._empty.clear()
            self.served += 1
            link.open()

    def _listen_again(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None

    async def drain(self, seconds: float) -> int:
        """Take no new call, give the running ones `seconds`, then end each where it stands; count those."""
        self._stop_listening()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        cut = list(self._calls)
        for link in cut:
            link.interrupt(Draining("the server is going away"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self._empty.wait()
        for link in list(self._calls):
            link.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._empty.wait()
        if cut:
            _log.warning("agi_calls_cut", calls=len(cut))
        return len(cut)

    def _admit(self) -> bool:
        if len(self._calls) < self._max:
            return True
        self.refused += 1
        _log.warning("agi_call_refused", calls=len(self._calls))
        return False

    def _ended(self, link: CallLink) -> None:
        self._calls.discard(link)
        if not self._calls:
            self._empty.set()
