"""The only door to pyst2's ``asterisk.manager``.

pyst2's verbs, its ``Event`` and its exceptions stay in use; its threads, its queues and its reader do not.
`Manager` overrides the few methods that everything else goes through and puts our connection beneath them.
The verbs are written for a blocking ``send_action``; `Manager.run` lets them block a greenlet instead of a
thread, so that they are awaited on the event loop like anything else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar, cast

import asterisk.manager as pyst2
from greenlet import getcurrent, greenlet

from cti.ami.connection import Connection, OnBytes, OnMessages, Reply
from cti.ami.wire import ActionValue, Message
from cti.errors import LaidianError, UsageError
from cti.obs import get_logger

ManagerException = pyst2.ManagerException
ManagerAuthException = pyst2.ManagerAuthException
ManagerSocketException = pyst2.ManagerSocketException

_log = get_logger("ami.pyst")
_T = TypeVar("_T")
LOGOFF_S = 1.0  # how long close() waits for the server's good-bye


class ManagerMsg(pyst2.ManagerMsg):
    """pyst2's response object over a message that our parser made.

    Several ``ChanVariable`` headers become a dict, as pyst2 means to do (it asks a dict for ``has_key``,
    which Python 3 does not have, and so loses its reader thread).
    """

    def __init__(self, message: Message, items: list[Message] | None = None) -> None:
        self.message = message
        self.items = items or []
        self.response = [f"{key}: {value}\r\n" for key, value in message.pairs()]
        self.data = "\n".join(message.output)
        self.headers: dict[str, Any] = dict(message.headers)
        if "ChanVariable" in self.headers:
            pairs = (pair.partition("=") for pair in message.get_all("ChanVariable"))
            self.headers["ChanVariable"] = {name.strip(): value.strip() for name, _, value in pairs}


class Event(pyst2.Event):
    """pyst2's event object over a message that our parser made."""

    def __init__(self, message: Message) -> None:
        super().__init__(ManagerMsg(message))  # type: ignore[no-untyped-call]


class Manager(pyst2.Manager):
    """pyst2's Manager on an asyncio connection; a new object for each connection.

    Verbs are awaited through `run`: ``await manager.run(manager.originate, "PJSIP/1001", "95543")``.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 5.0,
        wanted: Collection[str] | None = None,
        on_messages: OnMessages | None = None,
        on_lost: Callable[[str], None] | None = None,
        on_bytes: OnBytes | None = None,
    ) -> None:
        # not calling pyst2's constructor is the point: it makes threads and queues
        self.title: str | None = None
        self.version: str | None = None
        self.hostname = socket.gethostname()
        self.timeout_s = timeout_s
        self.connection: Connection | None = None
        self._wanted = wanted
        self._on_messages = on_messages
        self._on_lost = on_lost
        self._on_bytes = on_bytes
        self._event_callbacks: dict[str, list[Callable[[Event, Manager], Any]]] = {}

    def __del__(self) -> None:
        """Nothing: pyst2 says good-bye here and may hang for ever."""

    # ---- the choke points ----------------------------------------------------------------------

    def connected(self) -> bool:
        """Whether the connection is there; False as soon as its loss is known."""
        return self.connection is not None and self.connection.is_open

    def connect(self, host: str, port: int = 5038) -> str:
        """Connect and take the greeting, within `timeout_s`. Returns the title."""
        if self.connection is not None:
            raise ManagerException("a Manager is for one connection: make a new one")
        opening = Connection.open(
            host,
            int(port),
            self._take,
            wanted=self._wanted,
            timeout_s=self.timeout_s,
            on_bytes=self._on_bytes,
        )
        connection = self.connection = _wait(opening)
        title, _, version = connection.parser.greeting.partition("/")
        self.title, self.version = title.strip(), version.strip()
        if self._on_lost is not None:
            tell = self._on_lost
            connection.lost.add_done_callback(lambda lost: tell(lost.result()))
        return self.title

    def send_action(
        self,
        cdict: Mapping[str, ActionValue] | None = None,
        *,
        _until: str = "",
        _listing: bool = False,
        **kwargs: Any,
    ) -> ManagerMsg:
        """Send an action (the argument is copied, never changed) and wait for its own response."""
        if self.connection is None:
            raise ManagerException("Not connected")
        action = {**(cdict or {}), **kwargs}
        reply: Reply = _wait(
            self.connection.send(
                {
                    key: value if isinstance(value, list | tuple) else str(value)
                    for key, value in action.items()
                },
                self.timeout_s,
                until=_until,
                listing=_listing,
            )
        )
        return ManagerMsg(reply.response, reply.items)

    def close(self) -> None:
        """Log off, bounded, and close; never fails, may be called again."""
        if self.connection is not None:
            _wait(self._close(self.connection))

    async def _close(self, connection: Connection) -> None:
        try:
            await connection.send({"Action": "Logoff"}, LOGOFF_S)
        except LaidianError as e:
            _log.debug("no good-bye from the server", error=str(e))
        connection.close()

    # ---- verbs that pyst2 lacks ----------------------------------------------------------------

    def queue_pause(self, interface: str, paused: bool, reason: str = "", queue: str = "") -> ManagerMsg:
        """Pause or unpause a member in one queue or in all."""
        action = {"Action": "QueuePause", "Interface": interface, "Paused": "true" if paused else "false"}
        if queue:
            action["Queue"] = queue
        if reason:
            action["Reason"] = reason
        return self.send_action(action)

    def queue_status(self) -> ManagerMsg:
        """Queues, members and waiting callers, as `items`."""
        return self.send_action({"Action": "QueueStatus"}, _listing=True)

    def show_channels(self) -> ManagerMsg:
        """All channels, as `items`."""
        return self.send_action({"Action": "CoreShowChannels"}, _listing=True)

    # ---- greenlet bridge -----------------------------------------------------------------------

    async def run(self, verb: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
        """Call a blocking verb on the event loop: where it would block, this coroutine waits."""
        child = _Verb(verb)
        outcome = child.switch(*args, **kwargs)
        while not child.dead:
            try:
                result = await outcome
            except BaseException as e:  # noqa: BLE001 - the verb is to see it, whatever it is
                outcome = child.throw(e)
            else:
                outcome = child.switch(result)
        return cast(_T, outcome)

    def _take(self, messages: list[Message]) -> None:
        if self._on_messages is not None:
            self._on_messages(messages)
        if self._event_callbacks:
            for message in messages:
                self.dispatch(message)

    def dispatch(self, message: Message) -> None:
        """Call what was registered with pyst2's ``register_event``; an exception there stops nothing."""
        event = Event(message)
        for callback in [*self._event_callbacks.get(event.name, []), *self._event_callbacks.get("*", [])]:
            try:
                if callback(event, self):
                    break
            except Exception:  # noqa: BLE001 - a stranger's callback must not end the reading
                _log.exception("event callback failed", ami_event=event.name)


class _Verb(greenlet):  # type: ignore[misc]
    """A verb of pyst2 under way; its parent is the coroutine that awaits for it."""


def _wait(awaitable: Awaitable[_T]) -> _T:
    """Give the awaitable to `Manager.run` and come back with its result."""
    verb = getcurrent()
    if not isinstance(verb, _Verb):
        if asyncio.iscoroutine(awaitable):
            awaitable.close()
        raise UsageError("pyst2's verbs are awaited: await manager.run(manager.VERB, …)")
    return cast(_T, verb.parent.switch(awaitable))
