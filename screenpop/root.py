"""Puts a service together from its parts: store, journal, look-ups, PBX, web server; and takes it apart.

The one place that knows all of them. Opening order is the order of need: what was recorded comes first,
then what is open is given back, then the PBX is asked, last the door is opened for pages.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy.engine import Connection

from cti.ami.client import AmiClient
from cti.ami.fleet import Both, Fleet
from cti.config import Settings
from cti.domain.call import AgentState, CallEvent, CallKey
from cti.domain.phone import Plan, parse
from cti.domain.tiers import Scheme
from cti.errors import DeadlineExceeded, Refused, Unavailable
from cti.obs import get_logger
from cti.places import place_of
from cti.store import migrations, repos
from cti.store.complaint_plan import deadlines_of
from cti.store.db import Database
from cti.store.outreach_rules import outreach_rules
from cti.store.repos.commands import recent_commands
from cti.store.repos.recordings import open_recordings
from cti.store.repos.visits import open_visits
from cti.store.tier_plan import tier_plan, zone_of
from screenpop import rows, wire
from screenpop.api.app import DIST, make_app
from screenpop.api.context import Context, TierLabel
from screenpop.auth import Gate
from screenpop.card import Style
from screenpop.control.control import Control
from screenpop.control.orders import Order, order_from
from screenpop.courier import Courier
from screenpop.dial import Dialer
from screenpop.escalation import Escalation
from screenpop.finder import StoreFinder
from screenpop.forgetting import Forgetting
from screenpop.freshen import Freshen, News
from screenpop.httplog import QuietLog
from screenpop.hub import Hub
from screenpop.imports import Imports
from screenpop.integrations import Integrations
from screenpop.journal import Journal
from screenpop.ledger import LedgerWriter
from screenpop.listening import Listening
from screenpop.live import LiveHelp
from screenpop.night import Night
from screenpop.phone.relay import PhoneRelay
from screenpop.pop import Call, Pop
from screenpop.presence import Presence
from screenpop.recorder import Recorder
from screenpop.recordings import Recordings
from screenpop.refresh import Refresh
from screenpop.rounds import Rounds
from screenpop.router import Router, priorities_of
from screenpop.service import Event, Service, utc_now
from screenpop.wall_room import WallRoom

_log = get_logger("root")
RESTORE_S = 10.0
DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs: where its door is, and its parts for tests and health checks."""

    ctx: Context
    host: str
    port: int
    fleet: Fleet | None
    live: LiveHelp | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def plan_of(settings: Settings) -> Plan:
    """The numbering plan of the settings."""
    return Plan(settings.phone.home_area, re.compile(settings.phone.internal))


def interfaces_of(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Agent → the interfaces that queues may know the agent by."""
    table: dict[str, list[str]] = {}
    for interface, agent in settings.roster().interfaces.items():
        table.setdefault(agent, []).append(interface)
    return {agent: tuple(found) for agent, found in table.items()}


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    *,
    web_server: bool = True,
    pbx: bool = True,
    dist: Path = DIST,
) -> AsyncIterator[Running]:
    """The whole service, for as long as the block runs. Ends by itself in at most some seconds."""
    async with contextlib.AsyncExitStack() as stack:
        plan = plan_of(settings)
        tiers = tier_plan(settings)
        scheme = tiers.active
        deadlines = deadlines_of(settings, tiers.schemes)
        outreach = outreach_rules(settings)
        db = Database(settings.store.url, threads=settings.store.threads)
        stack.callback(db.close)
        journal = Journal(settings.pop.journal)
        stack.callback(journal.close)
        ledger = LedgerWriter(db, journal)
        stack.push_async_callback(ledger.stop, DRAIN_S)
        await asyncio.to_thread(_prepare, db)
        ledger.start()
        gate = Gate(db, session_hours=settings.web.session_hours)
        stack.callback(gate.close)
        integrations = Integrations(db)
        stack.push_async_callback(integrations.stop)
        finder = StoreFinder(db, plan, utc_now)
        recorder = Recorder(ledger, plan)
        nodes = _Nodes(interfaces_of(settings))
        service = Service(
            settings, finder, recorder, _style(settings, plan, tiers.schemes), plan, nodes.pause
        )
        stack.push_async_callback(service.stop)
        if not await ledger.settled(RESTORE_S):
            _log.warning("the store has not taken the journal yet", pending_bytes=ledger.pending)
        service.restore(await _open_pops(db))
        service.visits.restore(await _open_rows(db, open_visits))
        wall = WallRoom(settings, service, db, ledger)
        stack.push_async_callback(wall.stop)
        with contextlib.suppress(Unavailable, DeadlineExceeded):  # it tries again by itself
            await wall.seed()
        wall.start()
        listening = Listening(settings, service, db, wall.wall)
        await _warm(finder, settings.store.threads)
        service.start()
        recordings = Recordings(settings, ledger, plan, nodes.mute)
        recordings.restore(await _open_rows(db, open_recordings))
        presence = Presence(service.hub, ledger, utc_now)
        stack.push_async_callback(presence.stop)
        presence.start()
        freshen = Freshen(service, finder, plan)
        stack.push_async_callback(freshen.stop)
        freshen.start()
        refresh = Refresh(
            db, tiers, zone_of(settings), utc_now, done=lambda ids: freshen.told(News(customers=ids))
        )
        stack.push_async_callback(refresh.stop)
        refresh.start()
        imports = Imports(db, settings, plan, tiers, utc_now)
        stack.push_async_callback(imports.stop)
        dialer = Dialer(db, settings, nodes.ready, utc_now)
        control = Control(
            settings,
            service,
            ledger,
            aside=lambda key, agent, aside: recordings.aside(key, agent, aside, utc_now()),
            pressed=recordings.pressed,
        )
        control.restore(await _recent_orders(db))
        stack.push_async_callback(control.stop)
        relay = await stack.enter_async_context(PhoneRelay(settings, gate, service.metrics))
        ctx = Context(
            settings,
            db,
            gate,
            service,
            finder,
            ledger,
            plan,
            utc_now,
            integrations,
            scheme=scheme.name,
            tiers=tuple(TierLabel(t.id, t.label) for t in scheme.tiers),
            expects_pbx=pbx and bool(settings.ami),
            recordings=recordings,
            control=control,
            tier_plan=tiers,
            deadlines=deadlines,
            refresh=refresh,
            freshen=freshen,
            imports=imports,
            dialer=dialer,
            outreach=outreach,
            wall=wall,
            relay=relay,
            listening=listening,
        )
        _gauges(ctx)
        escalation = Escalation(db, deadlines, utc_now)
        stack.push_async_callback(escalation.stop)
        escalation.start()
        await dialer.start()
        stack.push_async_callback(dialer.stop)
        rounds = Rounds(db, outreach, utc_now)
        stack.push_async_callback(rounds.stop)
        rounds.start()
        forgetting = Forgetting(
            db, settings, utc_now, lambda customer, keys: service.forget_person(customer, keys, plan)
        )
        stack.push_async_callback(forgetting.stop)
        forgetting.start()
        courier = Courier(db, settings.events, utc_now)
        stack.push_async_callback(courier.stop)
        courier.start()
        if settings.tiers.nightly:
            night = Night(db, tiers, settings.tiers.nightly, zone_of(settings), utc_now)
            stack.push_async_callback(night.stop)
            night.start()
        live = None
        if pbx and settings.ami:
            live = _live(settings, service, ledger)
            if live is not None:
                stack.push_async_callback(live.stop)
                live.start()
            router = _router(settings, service, tiers.schemes) if settings.routing.enabled else None

            def hear(event: Event) -> None:
                if isinstance(event, CallEvent):
                    if router is not None:
                        router.hear(event)
                    recordings.hear(event)
                    dialer.hear(event)
                service.hear(event)
                if live is not None and isinstance(event, CallEvent):
                    live.hear(event)
                if isinstance(event, CallEvent):
                    listening.hear(event)

            def resynced(node: str, at: datetime) -> None:
                service.resynced(node, at)
                control.resynced(node)
                if router is not None:
                    router.resynced(node)
                dialer.resynced(node, nodes.calls(node))

            beside = Both(recordings, listening)
            if live is not None:
                beside = Both(beside, live)
            fleet = Fleet(
                settings.ami,
                settings.roster(),
                hear,
                on_resynced=resynced,
                beside=beside,
                on_moved=control.moved,
            )
            nodes.fleet = control.fleet = listening.fleet = fleet
            service.visits.is_callback = lambda key: (
                fleet.tracker(key.node).caller_channel(key).startswith("Local/")
            )
            stack.push_async_callback(fleet.stop)
            stack.push_async_callback(listening.stop)
            fleet.start()
            if router is not None:
                stack.push_async_callback(router.stop)
                router.start(fleet)
        host, port = settings.web.host, settings.web.port
        if web_server:
            quiet = QuietLog()
            runner = web.AppRunner(
                make_app(ctx, dist),
                access_log=None,
                handle_signals=False,
                logger=quiet,
                shutdown_timeout=DRAIN_S,
            )
            await runner.setup()
            stack.push_async_callback(_close_door, (service.hub, wall.hub), runner)
            site = web.TCPSite(runner, host, port, backlog=1024, reuse_address=True)
            try:
                await site.start()
            except OSError as e:
                raise Unavailable(f"cannot listen on {host}:{port}: {e.strerror}") from e
            _log.info("ready", host=host, port=port)
        yield Running(ctx, host, port, nodes.fleet, live)
        _log.info("stopping")


def _router(settings: Settings, service: Service, schemes: Iterable[Scheme]) -> Router:
    """The router, hearing the service's look-ups; free are agents without a call and without a pause."""
    desk = service.desk
    places = {a.number: (i, a.penalty) for i, a in enumerate(settings.agents)}

    def free(among: Collection[str]) -> list[str]:
        """By penalty, then who has waited longest, then as in the settings."""
        states = {a: desk.state(a) for a in among if a in places}
        there = [a for a, state in states.items() if state.state == AgentState.AVAILABLE.value]
        return sorted(there, key=lambda a: (places[a][1], states[a].since, places[a][0]))

    router = Router(settings, priorities_of(schemes), free, service.metrics, utc_now)
    service.on_found = router.found
    return router


def _live(settings: Settings, service: Service, ledger: LedgerWriter) -> LiveHelp | None:
    """Live help, where a queue has it and a node can give the sound."""
    if not any(q.live_help for q in settings.queues):
        return None
    if not any(n.ari_url for n in settings.ami):
        _log.warning("live_help is set for a queue, but no [[ami]] node has ari_url")
        return None
    return LiveHelp(settings, service, ledger)


class _Nodes:
    """Pauses an agent on every node; the fleet comes later than the service that needs this."""

    def __init__(self, interfaces: Mapping[str, tuple[str, ...]]) -> None:
        self._interfaces = interfaces
        self.fleet: Fleet | None = None

    def ready(self) -> list[AmiClient]:
        """Nodes that can be asked now, in the order of the settings."""
        return [c for c in self.fleet.clients.values() if c.ready] if self.fleet is not None else []

    def calls(self, node: str) -> set[CallKey]:
        """Calls that a node has now."""
        return {c.key for c in self.fleet.tracker(node).live()} if self.fleet is not None else set()

    async def pause(self, agent: str, paused: bool, reason: str) -> None:
        """QueuePause for all interfaces of the agent.

        An interface that is in no queue is refused, which is right as long as one of them is taken.
        Raises Unavailable when no node is connected, Refused when no interface was taken.
        """
        ready = self.ready()
        if not ready:
            raise Unavailable("no Asterisk node is connected")
        work = [c.queue_pause(i, paused, reason) for c in ready for i in self._interfaces.get(agent, ())]
        results = await asyncio.gather(*work, return_exceptions=True)
        faults = [r for r in results if isinstance(r, BaseException)]
        for fault in faults:
            if not isinstance(fault, Refused):
                raise fault
        if faults and len(faults) == len(results):
            raise faults[0]

    async def mute(self, node: str, channel: str, paused: bool) -> None:
        """Write silence into the recording of a channel, or sound again.

        Raises Unavailable when the node is not connected, Refused when it does not record the channel.
        """
        client = self.fleet.clients.get(node) if self.fleet is not None else None
        if client is None or not client.ready:
            raise Unavailable(f"Asterisk node {node} is not connected")
        action = {"Action": "MixMonitorMute", "Channel": channel, "Direction": "both"}
        await client.send({**action, "State": "1" if paused else "0"})


async def _close_door(hubs: Sequence[Hub], runner: web.AppRunner) -> None:
    """Pages first, so that they hear why; then the server."""
    for hub in hubs:
        hub.dismiss_all(wire.GOING_AWAY)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while any(map(len, hubs)):  # noqa: ASYNC110 - sessions leave one by one
                await asyncio.sleep(0.02)
    await runner.cleanup()


async def _open_pops(db: Database) -> list[tuple[Pop, Call, wire.Draft]]:
    """What the ledger says is open; nothing when the store is away (the PBX tells the rest)."""
    try:
        found = await db.run(repos.open_pops, deadline=RESTORE_S)
    except (Unavailable, DeadlineExceeded) as e:
        _log.error("open pops cannot be read", why=str(e))
        return []
    return [
        (pop, call, wire.Draft(note=row["note"], disposition=row["disposition"]))
        for row, pop, call in rows.readable(dict(row) for row in found)
    ]


async def _open_rows(
    db: Database, read: Callable[[Connection], Sequence[Mapping[Any, Any]]]
) -> Sequence[Mapping[Any, Any]]:
    """What went on when the service ended: recordings, callers who waited."""
    try:
        return await db.run(read, deadline=RESTORE_S)
    except (Unavailable, DeadlineExceeded) as e:
        _log.error("what was open cannot be read", what=read.__name__, why=str(e))
        return []


async def _recent_orders(db: Database) -> list[Order]:
    """Commands of the last hour, so that none is carried out twice."""
    try:
        rows = await db.run(lambda c: recent_commands(c, utc_now() - timedelta(hours=1)), deadline=RESTORE_S)
    except (Unavailable, DeadlineExceeded) as e:
        _log.error("commands cannot be read", why=str(e))
        return []
    return [order_from(row) for row in rows]


def _style(settings: Settings, plan: Plan, schemes: Sequence[Scheme]) -> Style:
    return Style(
        greeting=settings.pop.greeting,
        greeting_unknown=settings.pop.greeting_unknown,
        company=settings.company,
        queue_labels={q.name: q.label for q in settings.queues},
        plan=plan,
        place=place_of,
        greetings={
            (s.name, t.id): t.benefits.greeting for s in schemes for t in s.tiers if t.benefits.greeting
        },
    )


def _prepare(db: Database) -> None:
    """Bring the store's tables up to date, and load what the first call would otherwise wait for."""
    try:
        before, after = migrations.upgrade(db)
        if before != after:
            _log.info("store upgraded", before=before, after=after)
    except (Unavailable, DeadlineExceeded) as e:
        # calls come in all the same: they are shown without a look-up until the store is back
        _log.error("the store is away", why=str(e))
    place_of(parse("13800138000"))


async def _warm(finder: StoreFinder, connections: int) -> None:
    """Open every connection and prepare the statements of the look-up before the first call needs them."""
    work = (finder.by_number("13800138000") for _ in range(connections))
    await asyncio.gather(*work, return_exceptions=True)


def _gauges(ctx: Context) -> None:
    gauge = ctx.service.metrics.gauge
    gauge("pages", "Connected pages", lambda: len(ctx.service.hub))
    if ctx.relay is not None:
        gauge("browser_phones", "Phones in browsers with a way to Asterisk", ctx.relay.__len__)
    gauge("agents_with_page", "Agents with a page open", ctx.service.hub.agents)
    if ctx.wall is not None:
        boards = ctx.wall
        gauge("wall_boards", "Connected wall boards", lambda: len(boards.hub))
        gauge("wall_bytes", "Bytes sent to wall boards", lambda: boards.bytes_sent)
    gauge("pages_too_slow", "Pages closed because they did not read", lambda: ctx.service.hub.slow)
    gauge("pops", "Live pops", lambda: len(ctx.service.book))
    gauge("pbx_up", "Whether any Asterisk node is heard", lambda: float(ctx.service.floor.pbx))
    gauge("journal_pending_bytes", "Recorded, not yet in the store", lambda: ctx.ledger.pending)
    gauge("records_lost", "Records that the journal did not take", lambda: ctx.service.recorder.lost)
    gauge("lookups_late", "Look-ups after their deadline", lambda: ctx.service.lookups.slow)
    gauge("lookups_failed", "Questions that the store did not answer", lambda: ctx.service.lookups.failed)
