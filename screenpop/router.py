"""Tells the PBX who is served first, and by whom: the service's side of the dialplan's ``[route]``.

The look-up of the pop decides the route of the call (`cti.domain.routing`); it is written to the caller's
channel as ``LAIDIAN_ROUTE``. The call never waits for it beyond what the dialplan allows: whoever stands in a
queue by then is moved there (QueueChangePriorityCaller). ``LAIDIAN_ROUTER`` is set again and again, so that
the dialplan knows that it is worth waiting a moment; it needs no clock in common with this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from cti.ami.client import AmiClient
from cti.ami.fleet import Fleet
from cti.config import RoutingSettings, Settings
from cti.domain.call import CallEvent, CallEventKind, CallKey, Direction
from cti.domain.customer import Lookup, Outcome
from cti.domain.routing import Agents, First, Route, Rules, caller_of, decide
from cti.domain.tiers import Scheme
from cti.errors import LaidianError
from cti.obs import get_logger
from screenpop.metrics import Metrics
from screenpop.passed_over import PassedOver

_log = get_logger("router")

HERE_EVERY_S = 2.0
GOODBYE_S = 2.0
_LEFT = frozenset({CallEventKind.LEFT_QUEUE, CallEventKind.ANSWERED, CallEventKind.ABANDONED})


class Floor(Protocol):
    """Who of these agents is free now, in order of choice."""

    def __call__(self, among: Collection[str]) -> Iterable[str]: ...


def rules_of(settings: RoutingSettings) -> Rules:
    """The part of the settings that the decision needs."""
    return Rules(
        green_priority=settings.green_priority,
        representative_s=settings.representative_s,
        last_agent_s=settings.last_agent_s,
        last_agent_days=settings.last_agent_days,
        language_s=settings.language_s,
    )


def priorities_of(schemes: Iterable[Scheme]) -> dict[tuple[str, str], int]:
    """Level in the queue by scheme and tier."""
    return {(s.name, t.id): t.benefits.priority for s in schemes for t in s.tiers}


class Router:
    """One for all nodes. `free` tells who of some agents could take a call, `now` is UTC."""

    def __init__(
        self,
        settings: Settings,
        priorities: Mapping[tuple[str, str], int],
        free: Floor,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._rules = rules_of(settings.routing)
        self._priorities = priorities
        self._languages = {a.number: frozenset(a.languages) for a in settings.agents}
        self._speakers = {
            language: [a.number for a in settings.agents if language in a.languages]
            for language in set().union(*self._languages.values())
        }
        self._free = free
        self._metrics = metrics
        self._now = now
        self._fleet: Fleet | None = None
        self._routes: dict[CallKey, Route] = {}
        self._queues: dict[CallKey, str] = {}  # calls that wait, and where
        self._live: set[CallKey] = set()
        self._work: dict[CallKey, asyncio.Task[None]] = {}
        self._here: asyncio.Task[None] | None = None
        self._welcomes: set[asyncio.Task[None]] = set()
        self.passed_over = PassedOver(settings, lambda: self._clients())

    def start(self, fleet: Fleet) -> None:
        """Begin to tell the nodes of this fleet."""
        self._fleet = fleet
        self._here = asyncio.get_running_loop().create_task(self._say_here(), name="router")

    async def stop(self) -> None:
        """Say that nobody need be waited for, give back who was passed over, and end."""
        here = [self._here] if self._here is not None else []
        tasks = [*self._work.values(), *self._welcomes, *here]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):  # a PBX that does not answer is not waited for
            async with asyncio.timeout(GOODBYE_S):
                await self._say("0")
                await self.passed_over.stop()

    # what is heard

    def hear(self, event: CallEvent) -> None:
        """One event of a call, before anybody else hears of it."""
        key = event.key
        if event.kind is CallEventKind.ENDED:
            self._live.discard(key)
            self._routes.pop(key, None)
            self._queues.pop(key, None)
            return
        if event.direction is Direction.INBOUND:
            self._live.add(key)
        if event.kind is CallEventKind.QUEUED:
            self._queues[key] = event.queue
            if key in self._routes:
                self._start(key, self._put_right(key))
        elif event.kind in _LEFT:
            self._queues.pop(key, None)
        elif event.kind is CallEventKind.OFFER_ENDED:
            self.passed_over.hear(event, waits=key in self._queues)

    def resynced(self, node: str) -> None:
        """A node is (again) connected: say that we are here, and mend what an earlier run has left there."""
        if self._fleet is not None:
            client = self._fleet.client(node)
            task = asyncio.get_running_loop().create_task(self._welcome(client))
            self._welcomes.add(task)
            task.add_done_callback(self._welcomes.discard)

    def found(self, key: CallKey, lookup: Lookup) -> None:
        """Who calls is known. A look-up that failed decides nothing: the next answer may."""
        if lookup.outcome is Outcome.UNAVAILABLE or key in self._routes or key not in self._live:
            return
        caller = caller_of(lookup, self._priorities)
        # only who could be chosen is looked at: with a thousand agents, all of them cost each pop 10 ms
        among = {caller.representative, caller.last_agent, *self._speakers.get(caller.language, ())}
        agents = Agents(tuple(self._free(among)), self.passed_over.agents, self._languages)
        route = decide(caller, agents, self._rules, self._now())
        self._routes[key] = route
        self._metrics.routes.labels(route.first.value or "queue").inc()
        if route.priority or route.first is not First.NOBODY:
            _log.info(
                "route", linkedid=key.linkedid, priority=route.priority, first=route.first, agent=route.agent
            )
        self._start(key, self._tell(key, route))

    # what is told

    def _start(self, key: CallKey, work: Coroutine[Any, Any, None]) -> None:
        """One thing after the other for each call, all calls side by side."""
        task = asyncio.get_running_loop().create_task(self._after(self._work.get(key), work))
        self._work[key] = task
        task.add_done_callback(lambda t: self._done(key, t))

    def _done(self, key: CallKey, task: asyncio.Task[None]) -> None:
        if self._work.get(key) is task:
            del self._work[key]

    async def _after(self, before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
        with contextlib.closing(work):
            if before is not None:
                await asyncio.wait({before})
            try:
                await work
            except LaidianError as e:
                _log.info("route not told", why=str(e))  # the caller is gone, or the PBX; either way too late

    async def _tell(self, key: CallKey, route: Route) -> None:
        client, channel = self._caller(key)
        if client is None:
            return
        text = f"{route.priority}/{route.agent}/{route.ring_s}"
        await _set(client, "LAIDIAN_ROUTE", text, channel)
        await self._put_right(key)

    async def _put_right(self, key: CallKey) -> None:
        """A caller who entered the queue with less than the route's level is moved, once."""
        client, channel = self._caller(key)
        route, queue = self._routes.get(key), self._queues.get(key)
        if client is None or not queue or route is None or not route.priority or channel.startswith("Local/"):
            return  # a Local channel is a callback, which has a level and a place of its own
        reply = await client.send({"Action": "Getvar", "Channel": channel, "Variable": "QUEUE_PRIO"})
        level = reply.response.get("Value", "")
        if level.isdigit() and int(level) >= route.priority:
            return
        priority = str(route.priority)
        move = {"Action": "QueueChangePriorityCaller", "Queue": queue, "Caller": channel}
        await client.send({**move, "Priority": priority, "Immediate": "yes"})
        self._metrics.routes_late.inc()
        await _set(client, "QUEUE_PRIO", priority, channel)

    async def _welcome(self, client: AmiClient) -> None:
        try:
            await client.wait_ready()
            await _set(client, "LAIDIAN_ROUTER", "1")
        except LaidianError as e:
            _log.info("not told that we are here", node=client.node.name, why=str(e))
        await self.passed_over.mend(client)

    async def _say_here(self) -> None:
        while True:
            await self._say("1")
            await asyncio.sleep(HERE_EVERY_S)

    async def _say(self, here: str) -> None:
        for client in self._clients():
            try:
                await _set(client, "LAIDIAN_ROUTER", here)
            except LaidianError as e:
                _log.info("not told whether we are here", node=client.node.name, why=str(e))

    def _clients(self) -> list[AmiClient]:
        return [c for c in self._fleet.clients.values() if c.ready] if self._fleet is not None else []

    def _caller(self, key: CallKey) -> tuple[AmiClient | None, str]:
        """The client to talk to and the caller's channel; None where one of them is not there."""
        if self._fleet is None or key.node not in self._fleet.clients:
            return None, ""
        client, channel = self._fleet.client(key.node), self._fleet.tracker(key.node).caller_channel(key)
        return (client, channel) if channel and client.ready else (None, "")


async def _set(client: AmiClient, name: str, value: str, channel: str = "") -> None:
    """A variable of a channel, or a global one."""
    where = {"Channel": channel} if channel else {}
    await client.send({"Action": "Setvar", **where, "Variable": name, "Value": value})
