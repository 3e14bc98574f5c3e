"""Calls that the menus served become contacts (联系历史), written after the caller has gone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from agi_scripts.ports import CallInfo
from agi_scripts.runner import Ended
from cti.errors import LaidianError
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.repos import ivr

MOST = 1000
"""Contacts that may wait to be written; more are counted in the log and left out."""
STOP_S = 3.0

_log = get_logger("agi.contacts")


class ContactLog:
    """Writes one contact a call, in the background."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, call: CallInfo, key: str, ended: Ended) -> None:
        """Write it; returns at once."""
        if len(self._tasks) >= MOST:
            _log.error("contact_left_out", call=call.linkedid)
            return
        task = asyncio.get_running_loop().create_task(self._write(call, key, ended, datetime.now(UTC)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Let those that are under way end, within a bound."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        for task in list(self._tasks):
            task.cancel()

    async def _write(self, call: CallInfo, key: str, ended: Ended, now: datetime) -> None:
        context = dict(ended.context)
        try:
            await self._db.write(
                lambda conn: ivr.add_ivr_contact(
                    conn,
                    number_key=key,
                    number_display=call.caller,
                    at=now - timedelta(seconds=ended.seconds),
                    ended_at=now,
                    path=context.get("path", ""),
                    waybill=context.get("waybill", ""),
                    ivr=context,
                    node=call.node,
                    linkedid=call.linkedid,
                )
            )
        except LaidianError as e:
            _log.error("contact_not_written", error=str(e), call=call.linkedid)
