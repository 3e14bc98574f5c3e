"""pyst2's blocking verbs on asyncio: each call is a greenlet that the event loop resumes.

The script of a call runs in a greenlet of its own. Where a verb waits for Asterisk it switches back to the
event loop, and the bytes that arrive switch straight into it again: no thread, no task, no future and no
transport per command. The bench ``fastagi`` compares it with a thread per call.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import greenlet

from agi_scripts.errors import CallerHungUp
from agi_scripts.stage import Stage
from agi_scripts.wire import Environment, HangUp, Reader, Reply
from cti.errors import DeadlineExceeded, ProtocolError
from cti.obs import get_logger

T = TypeVar("T")
Script = Callable[["CallLink", Environment], None]

READ = 4096
"""Bytes of one read: every reply and the usual headers fit; a larger buffer is paid for at each read."""
ENVIRONMENT_S = 5.0
"""Within this time after connecting Asterisk must have told about the call."""

_log = get_logger("agi.link")


class CallLink:
    """One connection from Asterisk, and the greenlet that serves it.

    Talks to its socket without a transport of the event loop: commands are shorter than any send buffer and
    each is answered before the next, so there is never anything to queue.
    """

    def __init__(
        self, connection: socket.socket, script: Script, stage: Stage, on_end: Callable[[CallLink], None]
    ) -> None:
        self.hung_up = False
        self._script = script
        self._stage = stage
        self._on_end = on_end
        self._reader = Reader()
        self._greenlet: greenlet.greenlet | None = None  # while the script runs
        self._over = False  # the script has ended
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._awaiting_reply = False
        self._barred: Exception | None = None  # why nothing may be sent any more
        self._closed = False
        self._deadline = 0.0
        self._timer_at = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None

    # --- asyncio's side -------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to listen to Asterisk; what it has already said is read at once."""
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self._deadline = self._loop.time() + ENVIRONMENT_S
        self._arm()
        self._readable()

    def _readable(self) -> None:
        try:
            data = self._socket.recv(READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        if self._awaiting_reply and self._greenlet is not None:
            # the one path that matters: a whole reply to the command we sent
            reply = self._reader.usual(data)
            if reply is not None:
                self._awaiting_reply = False
                self._greenlet.switch(reply)
                if self._over:
                    self.close()
                return
        self._received(data)

    def _received(self, data: bytes) -> None:
        """Bytes of Asterisk: start the script, note a hang-up, or hand over the reply it waits for."""
        try:
            items = self._reader.feed(data)
        except ProtocolError as e:
            self._broken(e)
            return
        for item in items:
            if self._closed:
                return
            if isinstance(item, Reply):
                if self._awaiting_reply:
                    self._resume(item)
                else:
                    self._broken(ProtocolError("an AGI reply that nobody asked for"))
            elif isinstance(item, HangUp):
                self.hung_up = True
            else:
                self._start(item)

    def _lost(self) -> None:
        """The channel is gone, or Asterisk is; the script learns it where it waits, or at its next verb."""
        self.hung_up = True
        self._shut()
        if self._awaiting_reply:
            self._throw(CallerHungUp("the AGI connection was closed"))
        elif self._greenlet is None:
            self.close()

    def interrupt(self, error: Exception) -> None:
        """End the script where it waits (the server is going away)."""
        if self._greenlet is None:
            self.close()
        elif self._awaiting_reply:
            self._throw(error)
        else:
            self._barred = error
            if self._task is not None:
                self._task.cancel()

    def close(self) -> None:
        """Give the channel back to the dialplan."""
        self._shut()
        self._on_end(self)

    def _shut(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._barred = self._barred or CallerHungUp("the AGI connection is closed")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _broken(self, error: ProtocolError) -> None:
        _log.warning("agi_protocol", error=str(error))
        if self._awaiting_reply:
            self._throw(error)
        elif self._greenlet is None:
            self.close()
        else:
            self._barred = error

    def _start(self, env: Environment) -> None:
        def play() -> None:
            try:
                self._script(self, env)
            except Exception as e:  # noqa: BLE001  # the last stop of a call: nothing may reach the event loop
                _log.error("agi_script_failed", error=repr(e), exc_info=True)
            self._greenlet, self._over = None, True

        self._hub = greenlet.getcurrent()
        self._greenlet = self._stage.take()
        self._switch(lambda g: g.switch(play))

    def _resume(self, value: object) -> None:
        self._awaiting_reply = False
        self._switch(lambda g: g.switch(value))

    def _throw(self, error: BaseException) -> None:
        # a command was not answered: its reply may still come and would be taken for another's
        self._awaiting_reply = False
        self._barred = self._barred or CallerHungUp("the AGI connection is out of step")
        self._switch(lambda g: g.throw(error))

    def _switch(self, go: Callable[[greenlet.greenlet], object]) -> None:
        if self._greenlet is None:
            return
        go(self._greenlet)
        if self._over:
            self.close()

    def _arm(self) -> None:
        """One timer per call, moved only when it would ring too late: most replies come at once."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        if self._closed or (self._greenlet is not None and not self._awaiting_reply):
            return
        left = self._deadline - self._loop.time()
        if left > 0.001:
            self._arm()
        elif self._greenlet is None:
            _log.warning("agi_no_environment", waited_s=ENVIRONMENT_S)
            self.close()
        else:
            self._throw(DeadlineExceeded("Asterisk did not answer an AGI command in time"))

    @property
    def closed(self) -> bool:
        """True when nothing can be sent any more."""
        return self._barred is not None

    # --- the script's side ----------------------------------------------------------------------------

    def send(self, line: bytes) -> None:
        """Send one command line."""
        if self._barred is not None:
            raise self._barred
        try:
            sent = self._socket.send(line)
        except OSError as e:
            raise CallerHungUp("the AGI connection broke") from e
        if sent != len(line):
            raise ProtocolError("Asterisk does not read the commands it is sent")

    def reply(self, deadline_s: float) -> Reply:
        """Wait for the answer to the command just sent."""
        if self._barred is not None:
            raise self._barred
        self._deadline = self._loop.time() + deadline_s
        if self._deadline < self._timer_at:
            self._arm()
        self._awaiting_reply = True
        reply: Reply = self._hub.switch()
        return reply

    def wait(self, awaitable: Awaitable[T], deadline_s: float) -> T:
        """Let the event loop run `awaitable` for at most `deadline_s`; raises DeadlineExceeded after that.

        A caller who hangs up meanwhile does not stop it: a complaint that is being stored is stored.
        """
        task = self._loop.create_task(_bounded(awaitable, deadline_s))
        self._task = task
        task.add_done_callback(lambda _: self._resume(None))
        self._hub.switch()
        self._task = None
        if task.cancelled():
            raise self._barred or DeadlineExceeded("a look-up was cancelled")
        return task.result()


async def _bounded(awaitable: Awaitable[T], deadline_s: float) -> T:
    try:
        async with asyncio.timeout(deadline_s):
            return await awaitable
    except TimeoutError as e:
        raise DeadlineExceeded(f"a look-up took more than {deadline_s} s") from e
