"""The real store behind ``laidian flow simulate --config``: read only, nothing is written by playing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cti.config import Settings
    from ivr_flows.protocol import Scalar
    from ivr_flows.simulate import Backend


@contextlib.contextmanager
def store_backend(settings: Settings, caller: str, invented: Backend) -> Iterator[Backend]:
    """Answers reads from the store; what writes, and the queues, is answered by `invented`."""
    import re

    from agi_scripts.answers import StoreAnswers
    from agi_scripts.host import waybills
    from agi_scripts.ports import Answer, CallInfo
    from agi_scripts.service import FILE, Service
    from cti.domain import phone
    from cti.errors import UsageError
    from cti.store.db import Database
    from ivr_flows.lookups import OPERATIONS

    plan = phone.Plan(settings.phone.home_area, re.compile(settings.phone.internal))
    database = Database(settings.store.url, threads=1)
    info = CallInfo("simulated", "simulated", "simulated", caller, "")

    async def no_callback(_args: Mapping[str, Scalar], _call: CallInfo) -> Answer:
        raise UsageError("a simulation books no callback")

    with asyncio.Runner() as runner:
        port = waybills(settings.waybills, database, plan)
        service = Service.load(settings.agi.service_file or FILE, settings.timezone)
        answers = StoreAnswers(database, port, service, request_callback=no_callback, plan=plan)

        def answer(operation: str, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
            if OPERATIONS[operation].writes or operation == "queue_status":
                return invented(operation, args)

            async def ask() -> Answer:
                return await answers.answer(operation, args, info)

            found = runner.run(ask())
            return found.outcome, found.data

        try:
            yield answer
        finally:
            runner.run(port.close())
            database.close()
