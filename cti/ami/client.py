"""One node, for as long as the service runs: connect, log in, resync, hear, ping, come back.

Two waits are kept apart. A server that is *away* (refuses, is silent, closes before its greeting) is asked
again every half second, which costs one TCP connect: so the client is back within a second of its
return. A server that is there but *refuses us*, or loses us right after the login, is not asked again
before 1, 2, 4, 8, 16, 32 seconds with jitter have passed: a login is written into security logs and may
lead to a ban. While that wait runs the port is probed every half second, and if it closes and opens
again (the server was restarted) the wait ends at once.

No action is ever sent twice: what was under way when the connection was lost fails with TransportError,
what is asked while there is none fails with Unavailable.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cti.ami.connection import Connection, OnBytes, Reply
from cti.ami.facts import WANTED
from cti.ami.inbox import Inbox
from cti.ami.pyst import Manager, ManagerAuthException, ManagerMsg
from cti.ami.wire import ActionValue, Message
from cti.config import AmiNode
from cti.domain.call import GapEvent
from cti.errors import DeadlineExceeded, LaidianError, Refused, TransportError, Unavailable
from cti.obs import get_logger

BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
PROBE_S = 0.5
STEADY_S = 5.0  # a session that lasted so long is no reason to wait before the next
SILENCE_S = 9.0  # a silent open connection is given up before this has passed
RESYNC_S = 10.0
SLICE = 200  # messages consumed before the event loop may do something else

_log = get_logger("ami.client")


class Consumer(Protocol):
    """Who hears a node. Called on the event loop, in order; an exception is logged and stops nothing."""

    def messages(self, batch: Sequence[Message], received: datetime) -> None:
        """Events as they were read, those of `wanted` only."""

    def resync(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None:
        """What there is now, after (re)connecting; events that come later may be older than this."""

    def gap(self, event: GapEvent) -> None:
        """The connection was lost (`until` is None) or is back."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """For health checks and metrics."""

    node: str
    connected: bool
    since: datetime
    version: str
    seen: int
    skipped: int
    faults: int
    strays: int
    waiting: int
    connections: int
    reason: str


class AmiClient:
    """Keeps one node connected between `start` and `stop`."""

    def __init__(
        self,
        node: AmiNode,
        consumer: Consumer,
        *,
        wanted: Collection[str] | None = WANTED,
        on_bytes: OnBytes | None = None,
    ) -> None:
        self.node = node
        self._consumer = consumer
        self._wanted = wanted
        self._on_bytes = on_bytes
        self._task: asyncio.Task[None] | None = None
        self._manager: Manager | None = None
        self._ready = asyncio.Event()
        self._gap_since: datetime | None = None
        self._reason = "not started"
        self._since = _now()
        self._inbox = Inbox()
        self._failures = 0
        self._connections = 0
        self._log = _log.bind(node=node.name)
        self._jitter = random.Random()  # noqa: S311 - spreads reconnects, guards nothing

    # ---- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; returns at once."""
        if self._task is None:
            self._since = _now()
            self._task = asyncio.create_task(self._run(), name=f"ami-{self.node.name}")

    async def stop(self) -> None:
        """End at once, whatever is waited for."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self._ready.clear()

    async def __aenter__(self) -> AmiClient:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def wait_ready(self, timeout_s: float = 10.0) -> None:
        """Until logged in and resynced; DeadlineExceeded otherwise."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError as e:
            raise DeadlineExceeded(
                f"AMI {self.node.name} not ready within {timeout_s:g} s: {self._reason}"
            ) from e

    @property
    def ready(self) -> bool:
        """Whether events are heard and actions can be sent."""
        return self._ready.is_set()

    def status(self) -> NodeStatus:
        """What is known of the connection now."""
        connection = self._manager.connection if self._manager is not None else None
        parser = connection.parser if connection is not None else None
        return NodeStatus(
            node=self.node.name,
            connected=self.ready,
            since=self._since,
            version=(self._manager.version or "") if self._manager is not None else "",
            seen=parser.seen if parser else 0,
            skipped=parser.skipped if parser else 0,
            faults=parser.faults if parser else 0,
            strays=connection.strays if connection else 0,
            waiting=self._inbox.count,
            connections=self._connections,
            reason=self._reason,
        )

    # ---- actions -------------------------------------------------------------------------------

    async def send(
        self,
        action: Mapping[str, ActionValue],
        *,
        timeout_s: float | None = None,
        listing: bool = False,
        until: str = "",
    ) -> Reply:
        """Send any action once. Raises Refused with the server's words, and whatever Connection.send does."""
        reply = await self._connection().send(
            action, timeout_s or self.node.action_timeout_s, listing=listing, until=until
        )
        if not reply.response.ok:
            raise Refused(f"AMI {action.get('Action')}: {reply.response.get('Message') or 'refused'}")
        return reply

    async def queue_pause(self, interface: str, paused: bool, reason: str = "", queue: str = "") -> None:
        """Pause or unpause an agent's interface, in one queue or in all it is a member of."""
        manager = self._logged_in()
        _check(await manager.run(manager.queue_pause, interface, paused, reason, queue))

    async def originate(
        self,
        channel: str,
        *,
        exten: str = "",
        context: str = "",
        application: str = "",
        data: str = "",
        caller_id: str = "",
        ring_s: float = 30.0,
        variables: Mapping[str, str] | None = None,
        wait: bool = False,
    ) -> Message:
        """Ring `channel` and connect it to an extension or an application; sent once, never again.

        Returns the response, or with `wait` the OriginateResponse that tells how it ended.
        """
        if wait:
            action: dict[str, ActionValue] = {
                "Action": "Originate",
                "Channel": channel,
                "Async": "yes",
                "Timeout": str(int(ring_s * 1000)),
                "CallerID": caller_id,
            }
            if application:
                action |= {"Application": application, "Data": data}
            else:
                action |= {"Exten": exten, "Context": context, "Priority": "1"}
            if variables:
                action["Variable"] = [f"{key}={value}" for key, value in variables.items()]
            reply = await self.send(
                action, timeout_s=ring_s + self.node.action_timeout_s, until="OriginateResponse"
            )
            return reply.items[-1]
        manager = self._logged_in()
        response = await manager.run(
            manager.originate,
            channel,
            exten,
            context=context,
            priority="" if application else "1",
            timeout=str(int(ring_s * 1000)),
            application=application,
            data=data,
            caller_id=caller_id,
            run_async=True,
            variables=dict(variables or {}),
        )
        return _check(response)

    async def redirect(self, channel: str, exten: str, context: str, *, extra_channel: str = "") -> None:
        """Send a channel to an extension; sent once, never again."""
        manager = self._logged_in()
        _check(await manager.run(manager.redirect, channel, exten, "1", extra_channel, context))

    async def hangup(self, channel: str) -> None:
        """Hang a channel up."""
        manager = self._logged_in()
        _check(await manager.run(manager.hangup, channel))

    def _logged_in(self) -> Manager:
        if self._manager is None or not self._ready.is_set() or not self._manager.connected():
            raise Unavailable(f"AMI {self.node.name} is not connected: {self._reason}")
        return self._manager

    def _connection(self) -> Connection:
        connection = self._logged_in().connection
        if connection is None:
            raise Unavailable(f"AMI {self.node.name} is not connected: {self._reason}")
        return connection

    # ---- the loop ------------------------------------------------------------------------------

    async def _run(self) -> None:
        away = False
        while True:
            manager = self._manager = Manager(
                timeout_s=self.node.action_timeout_s,
                wanted=self._wanted,
                on_messages=self._put,
                on_bytes=self._on_bytes,
            )
            self._inbox = Inbox()
            try:
                await self._connect(manager)
            except LaidianError as e:
                self._lost(str(e), quiet=away)
                away = True
                await asyncio.sleep(PROBE_S * self._jitter.uniform(0.6, 1.0))
                continue
            away = False
            started = asyncio.get_running_loop().time()
            try:
                await self._session(manager)
            except ManagerAuthException as e:
                self._lost(f"login refused: {e}")
            except LaidianError as e:
                self._lost(str(e))
            finally:
                self._ready.clear()
                if manager.connection is not None:
                    manager.connection.close()
            lasted = asyncio.get_running_loop().time() - started
            if lasted >= STEADY_S:
                self._failures = 0
            else:
                await self._back_off()

    async def _connect(self, manager: Manager) -> None:
        await manager.run(manager.connect, self.node.host, self.node.port)
        self._connections += 1
        if manager.connection is not None:
            self._inbox.attach(manager.connection)
            manager.connection.lost.add_done_callback(lambda _: self._inbox.wake())

    async def _session(self, manager: Manager) -> None:
        """From login to loss; always ends with an exception."""
        secret = self.node.secret.get_secret_value()
        await manager.run(manager.login, self.node.username, secret)
        await self._resync(manager)
        self._ready.set()
        self._reason, self._since = "", _now()
        self._log.info("connected", version=manager.version)
        watch = asyncio.create_task(self._watch(manager), name=f"ami-ping-{self.node.name}")
        try:
            await self._consume(manager)
        finally:
            watch.cancel()

    async def _resync(self, manager: Manager) -> None:
        """Ask what there is, close the gap, hand it over; events read meanwhile wait in the inbox."""
        try:
            async with asyncio.timeout(RESYNC_S):
                channels = await manager.run(manager.show_channels)
                queues = await manager.run(manager.queue_status)
        except TimeoutError as e:
            raise DeadlineExceeded(f"resync not finished within {RESYNC_S:g} s") from e
        for name, reply in (("CoreShowChannels", channels), ("QueueStatus", queues)):
            if not reply.message.ok:
                self._log.error(
                    "resync refused: see the AMI user's rights",
                    action=name,
                    error=reply.message.get("Message"),
                )
        now = _now()
        if self._gap_since is not None:
            since, self._gap_since = self._gap_since, None
            self._call("gap", GapEvent(self.node.name, since, now, self._reason))
        self._call("resync", channels.items, queues.items, now)

    async def _consume(self, manager: Manager) -> None:
        while True:
            batch = self._inbox.take(SLICE)
            if batch:
                self._call("messages", batch, _now())
                await asyncio.sleep(0)
                continue
            if manager.connection is None or not manager.connection.is_open:
                reason = (
                    manager.connection.lost.result() if manager.connection is not None else "never opened"
                )
                raise TransportError(f"connection lost: {reason}")
            await self._inbox.wait()
            self._report_faults(manager)

    async def _watch(self, manager: Manager) -> None:
        """Ping; give a connection up that is open and silent."""
        connection = manager.connection
        if connection is None:
            return
        loop = asyncio.get_running_loop()
        patience = min(self.node.action_timeout_s, max(1.0, SILENCE_S - self.node.ping_s))
        while connection.is_open:
            await asyncio.sleep(self.node.ping_s)
            asked = loop.time()
            try:
                await connection.send({"Action": "Ping"}, patience)
            except DeadlineExceeded:
                if self._inbox.paused:
                    connection.abort("we did not read for too long: the consumer is too slow")
                elif connection.last_heard < asked:
                    connection.abort(f"silent for {patience:g} s after a ping")
            except LaidianError as e:
                self._log.debug("no ping", error=str(e))

    async def _back_off(self) -> None:
        """Wait before the next login, shorter if the server goes and comes back meanwhile."""
        delay = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)] * self._jitter.uniform(0.6, 1.0)
        self._failures += 1
        loop = asyncio.get_running_loop()
        until = loop.time() + delay
        was_away = False
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(min(left, PROBE_S))
            there = await self._probe()
            if there and was_away:
                return
            was_away = not there

    async def _probe(self) -> bool:
        """Whether the port takes a connection."""
        try:
            async with asyncio.timeout(PROBE_S):
                _, writer = await asyncio.open_connection(self.node.host, self.node.port)
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True

    # ---- small things --------------------------------------------------------------------------

    def _put(self, batch: list[Message]) -> None:
        self._inbox.put(batch)

    def _lost(self, reason: str, *, quiet: bool = False) -> None:
        self._reason = reason
        if self._gap_since is None:
            self._gap_since = self._since = self._last_heard()
            self._call("gap", GapEvent(self.node.name, self._gap_since, None, reason))
        if not quiet:
            self._log.warning("not connected", reason=reason)

    def _last_heard(self) -> datetime:
        """When the last byte came: what happened since then may have been missed."""
        connection = self._manager.connection if self._manager is not None else None
        if connection is None:
            return _now()
        return _now() - timedelta(seconds=asyncio.get_running_loop().time() - connection.last_heard)

    def _call(self, method: str, *args: object) -> None:
        try:
            getattr(self._consumer, method)(*args)
        except Exception:  # noqa: BLE001 - the consumer's fault must not end the hearing
            self._log.exception("consumer failed", method=method)

    def _report_faults(self, manager: Manager) -> None:
        connection = manager.connection
        while connection is not None and connection.faults:
            self._log.warning("bad AMI data skipped", error=str(connection.faults.pop()))


def _check(response: ManagerMsg) -> Message:
    message: Message = response.message
    if not message.ok:
        raise Refused(f"AMI: {message.get('Message') or 'refused'}")
    return message


def _now() -> datetime:
    return datetime.now(UTC)
