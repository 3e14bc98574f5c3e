"""All nodes at once: a client and a tracker for each, one stream of call, agent and gap events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from cti.ami.client import AmiClient, NodeStatus
from cti.ami.connection import OnBytes
from cti.ami.tracker import Tracker
from cti.ami.wire import Message
from cti.config import AmiNode
from cti.domain.call import AgentEvent, CallEvent, CallKey, GapEvent
from cti.domain.roster import Roster
from cti.errors import UsageError
from cti.obs import get_logger

OnEvent = Callable[[CallEvent | AgentEvent | GapEvent], None]
OnMoved = Callable[[str, set[CallKey]], None]  # calls of a node of which something was heard
OnResynced = Callable[[str, datetime], None]  # a node has told all it knows, at this moment


class Beside(Protocol):
    """Hears what a tracker hears, just before it."""

    def messages(self, node: str, batch: Sequence[Message], received: datetime) -> None:
        """Messages of a node, in order."""

    def resync(self, node: str, channels: Sequence[Message], at: datetime) -> None:
        """The channels that there are, after the connection was away."""


_log = get_logger("ami.fleet")


class Both:
    """Two listeners beside the trackers, the first first; a fault of one does not deafen the other."""

    def __init__(self, first: Beside, second: Beside) -> None:
        self._listeners = (first, second)

    def messages(self, node: str, batch: Sequence[Message], received: datetime) -> None:
        """To each."""
        for listener in self._listeners:
            try:
                listener.messages(node, batch, received)
            except Exception:  # noqa: BLE001 - must not cost the other its messages
                _log.exception("listener failed", node=node)

    def resync(self, node: str, channels: Sequence[Message], at: datetime) -> None:
        """To each."""
        for listener in self._listeners:
            listener.resync(node, channels, at)


class NodeEars:
    """The consumer of one client: messages through the tracker to `on_event`."""

    def __init__(
        self,
        tracker: Tracker,
        on_event: OnEvent,
        on_resynced: OnResynced | None = None,
        beside: Beside | None = None,
        on_moved: OnMoved | None = None,
    ) -> None:
        self.tracker = tracker
        self._on_moved = on_moved
        self._beside = beside
        self._on_event = on_event
        self._on_resynced = on_resynced
        self._faults = 0

    def messages(self, batch: Sequence[Message], received: datetime) -> None:
        """Feed the tracker and pass on what it says."""
        if self._beside is not None:
            try:
                self._beside.messages(self.tracker.node, batch, received)
            except Exception:  # noqa: BLE001 - must not cost the tracker its messages
                _log.exception("listener failed", node=self.tracker.node)
        for message in batch:
            self._pass(self.tracker.feed(message, received))
        self._moved()

    def resync(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None:
        """Let the tracker compare."""
        if self._beside is not None:
            self._beside.resync(self.tracker.node, channels, at)
        self._pass(self.tracker.resync(channels, queues, at))
        self._moved()
        if self._on_resynced is not None:
            self._on_resynced(self.tracker.node, at)

    def gap(self, event: GapEvent) -> None:
        """Pass on."""
        self._pass([event])

    def _moved(self) -> None:
        keys = self.tracker.moved()
        if keys and self._on_moved is not None:
            try:
                self._on_moved(self.tracker.node, keys)
            except Exception:  # noqa: BLE001 - must not cost the tracker its messages
                _log.exception("listener failed", node=self.tracker.node)

    def _pass(self, events: Iterable[CallEvent | AgentEvent | GapEvent]) -> None:
        for event in events:
            try:
                self._on_event(event)
            except Exception:  # noqa: BLE001 - one event that cannot be handled must not cost the others
                _log.exception("event handler failed", node=self.tracker.node)
        if self.tracker.fault_count > self._faults:
            self._faults = self.tracker.fault_count
            _log.warning("unexpected AMI fact", node=self.tracker.node, fault=self.tracker.faults[-1])


class Fleet:
    """Clients and trackers by node name. `on_event` is called on the event loop, in order per node."""

    def __init__(
        self,
        nodes: Iterable[AmiNode],
        roster: Roster,
        on_event: OnEvent,
        *,
        on_resynced: OnResynced | None = None,
        on_bytes: OnBytes | None = None,
        beside: Beside | None = None,
        on_moved: OnMoved | None = None,
    ) -> None:
        self._ears: dict[str, NodeEars] = {}
        self._clients: dict[str, AmiClient] = {}
        for node in nodes:
            if node.name in self._clients:
                raise UsageError(f"two AMI nodes are named {node.name}")
            tracker = Tracker(node.name, roster)
            ears = self._ears[node.name] = NodeEars(tracker, on_event, on_resynced, beside, on_moved)
            self._clients[node.name] = AmiClient(node, ears, on_bytes=on_bytes)

    def start(self) -> None:
        """Begin to connect to every node; returns at once."""
        for client in self._clients.values():
            client.start()

    async def stop(self) -> None:
        """End at once."""
        await asyncio.gather(*(client.stop() for client in self._clients.values()))

    async def __aenter__(self) -> Fleet:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def clients(self) -> Mapping[str, AmiClient]:
        """By node name, for actions."""
        return self._clients

    def client(self, node: str) -> AmiClient:
        """The client of a node; UsageError for a node that is not in the settings."""
        try:
            return self._clients[node]
        except KeyError:
            raise UsageError(f"no AMI node is named {node}") from None

    def tracker(self, node: str) -> Tracker:
        """The tracker of a node, to look at what is live."""
        self.client(node)
        return self._ears[node].tracker

    def status(self) -> list[NodeStatus]:
        """Of every node, for health and metrics."""
        return [client.status() for client in self._clients.values()]

    async def queue_pause(self, agent_interface: str, paused: bool, reason: str = "") -> None:
        """Pause or unpause an agent on every node that is connected."""
        ready = [client for client in self._clients.values() if client.ready]
        await asyncio.gather(*(client.queue_pause(agent_interface, paused, reason) for client in ready))
