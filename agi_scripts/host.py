"""Puts the self-service together from the settings and runs it: ``laidian run --only agi``."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from agi_scripts import callback_routes
from agi_scripts.answers import StoreAnswers
from agi_scripts.callback import CallbackDesk
from agi_scripts.contact_log import ContactLog
from agi_scripts.ports import Places, Voice
from agi_scripts.routes import Routes
from agi_scripts.server import Server
from agi_scripts.service import FILE, Service
from agi_scripts.voice import SoundFolder
from cti.ami.client import AmiClient
from cti.ami.facts import SERVER_EVENTS
from cti.ami.wire import Message
from cti.collector import calm_collector
from cti.config import Settings, WaybillSettings
from cti.domain import phone
from cti.domain.call import GapEvent
from cti.errors import ConfigError
from cti.obs import get_logger
from cti.store.complaint_plan import deadlines_of
from cti.store.db import Database
from cti.store.tier_plan import tier_plan
from cti.waybills.http import HttpWaybills
from cti.waybills.port import Waybills
from cti.waybills.sql import SqlWaybills
from ivr_flows import tts
from ivr_flows.engine import Engine

_log = get_logger("agi")


class _Deaf:
    """The self-service only speaks to AMI; what calls do is heard by the service of the pops."""

    def messages(self, batch: Sequence[Message], received: datetime) -> None:
        """Nothing."""

    def resync(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None:
        """Nothing."""

    def gap(self, event: GapEvent) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Running:
    """The self-service while it runs."""

    server: Server
    callbacks: CallbackDesk


def waybills(settings: WaybillSettings, db: Database, plan: phone.Plan) -> Waybills:
    """The back end that the settings name."""
    if settings.backend == "sql":
        return SqlWaybills(db, prefixes=settings.prefixes)
    if not settings.url:
        raise ConfigError("waybills.url: is empty; the HTTP backend needs an address")
    return HttpWaybills(
        settings.url,
        token=settings.token.get_secret_value(),
        timeout_s=settings.timeout_s,
        tries=settings.tries,
        prefixes=settings.prefixes,
        plan=plan,
    )


@asynccontextmanager
async def running(
    settings: Settings,
    db: Database,
    *,
    port: int | None = None,
    voice: Voice | None = None,
    places: Places | None = None,
) -> AsyncIterator[Running]:
    """The self-service as long as the block lasts; `port` 0 takes a free one, `voice` and `places` replace
    what the settings say.

    Raises ConfigError for flows, prices or settings that are wrong, TransportError where the port is taken.
    """
    plan = phone.Plan(settings.phone.home_area, re.compile(settings.phone.internal))
    queue = settings.queues[0].name if settings.queues else "hotline"
    engine = Engine.load(
        timezone=settings.timezone, waybill_pattern=settings.waybills.pattern, fallback_queue=queue
    )
    service = Service.load(settings.agi.service_file or FILE, settings.timezone)
    port_of_waybills = waybills(settings.waybills, db, plan)
    home = settings.asterisk.directory.resolve()
    node = next((n for n in settings.ami if n.name == settings.asterisk.node), None)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(port_of_waybills.close)
        ami: AmiClient | None = None
        if node is not None and settings.callback.enabled and settings.asterisk.trunk_contact:
            ami = await stack.enter_async_context(AmiClient(node, _Deaf(), wanted=SERVER_EVENTS))
        desk = CallbackDesk(db, settings.callback, ami, plan=plan)
        desk.start()
        stack.push_async_callback(desk.stop)
        contacts = ContactLog(db)
        stack.push_async_callback(contacts.stop)
        tts.pinyin("来电")  # loads its tables now, not while a caller waits
        sounds = home / "data" / "sounds" / "laidian"
        routes = Routes(
            engine=engine,
            answers=StoreAnswers(
                db,
                port_of_waybills,
                service,
                request_callback=desk.request,
                plan=plan,
                deadlines=deadlines_of(settings, tier_plan(settings).schemes),
            ),
            voice=voice or SoundFolder(sounds, "laidian", (tts.Espeak(),)),
            places=places or Places(recordings=home / "spool" / "monitor"),
            node=settings.asterisk.node,
            plan=plan,
            arrived=desk.caller_rang,
            position=desk.position_of,
            served=contacts.add,
            special=callback_routes.scripts(desk),
        )
        server = Server(routes.serve, max_calls=settings.agi.max_calls)
        await server.start(settings.agi.host, settings.agi.port if port is None else port)
        stack.enter_context(calm_collector())
        _log.info("agi_listening", host=settings.agi.host, port=server.port, flows=len(engine.flows))
        try:
            yield Running(server, desk)
        finally:
            await server.drain(settings.agi.drain_s)


async def serve(settings: Settings, stop: asyncio.Event, *, db: Database | None = None) -> None:
    """Run until `stop` is set, then drain. Opens (and closes) the store unless one is given."""
    own = db is None
    store = db or Database(settings.store.url, threads=settings.store.threads)
    try:
        async with running(settings, store):
            await stop.wait()
    finally:
        if own:
            store.close()
