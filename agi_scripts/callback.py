"""排队回呼: a caller hangs up and keeps the place.

A Local channel takes the caller's place in the Asterisk queue and waits there as the caller would have.
When it is an agent's turn, the agent answers it, and only then is the caller dialled. So there are never more
calls out than agents who are free for them, live callers are not overtaken, and the pop comes as for any
queue call.
(Dialling the caller first would put the caller back into a queue, which is what was to be avoided.)

The store is what counts: `tend` compares it with the channels that are there and puts right what differs,
also after a restart of anything. A step is written down before it is done, so that nobody is called twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.engine import RowMapping

from agi_scripts.ports import Answer, CallInfo
from cti.ami.wire import ActionValue
from cti.config import CallbackSettings
from cti.domain import phone
from cti.errors import LaidianError, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.repos import ivr
from ivr_flows.protocol import Scalar

CONTEXT = "callback-wait"
TEND_S = 2.0
"""How often the store is compared with Asterisk while there is a callback to tend."""
IDLE_S = 15.0
SETTLE_S = 10.0
"""A step that was begun is given this long before its channel is missed."""
_CHANNEL = re.compile(rf"Local/(\d+)@{CONTEXT}-")
_log = get_logger("agi.callback")


class CallbackState(StrEnum):
    """Live ones first."""

    WAITING = "waiting"  # wanted; no channel in Asterisk
    QUEUED = "queued"  # a channel holds the place
    DIALLING = "dialling"  # an agent has answered; the caller's phone rings, or they talk
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Ami(Protocol):
    """What is needed of `cti.ami.client.AmiClient`."""

    @property
    def ready(self) -> bool:
        """Logged in."""

    async def send(
        self,
        action: Mapping[str, ActionValue],
        *,
        timeout_s: float | None = None,
        listing: bool = False,
        until: str = "",
    ) -> Any:
        """One action, once."""


class CallbackDesk:
    """Takes wishes, keeps their channels in the queues, ends them. `ami` None: no callbacks are accepted."""

    def __init__(
        self,
        db: Database,
        settings: CallbackSettings,
        ami: Ami | None,
        *,
        plan: phone.Plan = phone.DEFAULT_PLAN,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db = db
        self._settings = settings
        self._ami = ami
        self._plan = plan
        self._now = now
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._begun: dict[int, datetime] = {}

    def start(self) -> None:
        """Begin to tend."""
        if self._ami is not None and self._task is None:
            self._task = asyncio.create_task(self._run(), name="callback-desk")

    async def stop(self) -> None:
        """Stop tending; the places in the queues stay where they are."""
        tasks = [t for t in (self._task, *self._background) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    # --- wishes -----------------------------------------------------------------------------------------

    async def request(self, args: Mapping[str, Scalar], call: CallInfo) -> Answer:
        """The operation ``callback_request``: one live wish a number, which keeps its first place."""
        number = phone.parse(str(args.get("number") or args.get("caller") or ""), self._plan)
        if self._ami is None or not self._settings.enabled or number.key is None:
            return Answer("refused")
        key, now, queue = number.key, self._now(), str(args["queue"])

        def write(conn: Any) -> tuple[int, bool] | None:
            if len(ivr.live_callbacks(conn, queue)) >= self._settings.max_waiting:
                return None
            row, new = ivr.request_callback(
                conn,
                number_key=key,
                number_display="".join(c for c in number.national if c.isdigit()),
                queue=queue,
                requested_at=now,
                waiting_since=call.waiting_since or now,
                node=call.node,
                linkedid=call.linkedid,
                context={"did": call.did},
            )
            return ivr.callbacks_ahead(conn, row) + 1, new

        found = await self._db.write(write)
        if found is None:
            return Answer("refused")
        position, new = found
        self._wake.set()
        position = max(position, await self._waiting(queue) + new)
        _log.info("callback_requested", queue=queue, new=new, call=call.linkedid)
        return Answer("accepted" if new else "duplicate", {"position": position})

    def caller_rang(self, call: CallInfo, key: str) -> None:
        """The caller rings again: the callback is not needed any more. Returns at once."""
        task = asyncio.get_running_loop().create_task(self._cancel(call, key))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _cancel(self, call: CallInfo, key: str) -> None:
        now = self._now()
        try:
            live = await self._db.run(lambda conn: ivr.has_callback(conn, key))
            if not live:
                return
            rows = await self._db.write(
                lambda conn: ivr.cancel_callbacks(conn, key, at=now, reason="caller rang again")
            )
        except LaidianError as e:
            _log.error("callback_not_cancelled", error=str(e), call=call.linkedid)
            return
        for row in rows:
            _log.info("callback_cancelled", callback=row["id"], call=call.linkedid)
        self._wake.set()

    # --- steps of the dialplan --------------------------------------------------------------------------

    async def place(self, id: int) -> tuple[RowMapping, int] | None:
        """The wish that a channel in `callback-wait` stands for, and its place; None if it is over."""
        row = await self._db.run(lambda conn: ivr.callback(conn, id))
        if row is None or row["ended_at"] is not None:
            return None
        since: datetime = row["waiting_since"]
        return row, await self._place_of(row["queue"], since, id=id, held=since < row["requested_at"])

    async def position_of(self, queue: str, since: datetime) -> int:
        """Where a caller belongs who has been waiting in this queue since then, and left it for a moment."""
        return await self._place_of(queue, since, held=True)

    async def dial(self, id: int) -> RowMapping | None:
        """An agent has answered: the wish whose number is to be dialled, None if it is over by now."""
        moved = await self._db.write(
            lambda conn: ivr.move_callback(conn, id, [CallbackState.QUEUED], CallbackState.DIALLING)
        )
        return await self._db.run(lambda conn: ivr.callback(conn, id)) if moved else None

    async def done(self, id: int, status: str) -> None:
        """The call out is over; `status` is Asterisk's DIALSTATUS."""
        now = self._now()
        row = await self._db.run(lambda conn: ivr.callback(conn, id))
        if row is None:
            return
        columns: dict[str, Any]
        if status == "ANSWER":
            state, columns = CallbackState.DONE, {"ended_at": now}
        elif row["attempts"] < self._settings.tries:
            again = now + timedelta(seconds=self._settings.again_after_s)
            state, columns = CallbackState.WAITING, {"due_at": again, "reason": status[:32]}
        else:
            state, columns = CallbackState.FAILED, {"ended_at": now, "reason": status[:32]}
        await self._db.write(
            lambda conn: ivr.move_callback(conn, id, [CallbackState.DIALLING], state, **columns)
        )
        _log.info("callback_called", callback=id, status=status, state=state)
        self._wake.set()

    # --- tending ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            live = True
            try:
                live = await self.tend()
            except LaidianError as e:
                _log.warning("callback_not_tended", error=str(e))
            try:
                async with asyncio.timeout(TEND_S if live else IDLE_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def tend(self) -> bool:
        """Make Asterisk and the store agree once; False when there is nothing to tend."""
        now = self._now()
        await self._expire(now)
        rows = await self._db.run(lambda conn: ivr.live_callbacks(conn))
        if not rows and not self._begun:
            return False
        if self._ami is None or not self._ami.ready:
            raise Unavailable("AMI is away")
        there = await self._channels()
        live = {int(row["id"]) for row in rows}
        for id, channel in there.items():
            if id not in live:  # cancelled, expired
                await self._ami.send({"Action": "Hangup", "Channel": channel})
        for row in rows:
            await self._settle(row, int(row["id"]) in there, now)
        self._begun = {id: at for id, at in self._begun.items() if id in live or id in there}
        return bool(rows or self._begun)

    async def _settle(self, row: RowMapping, there: bool, now: datetime) -> None:
        id, state = int(row["id"]), row["state"]
        if there:
            return
        if state == CallbackState.WAITING:
            if row["due_at"] is None or row["due_at"] <= now:
                await self._place(id, now)
            return
        begun = self._begun.get(id)
        if begun is None:
            self._begun[id] = now  # a start of ours: the channel may be of an earlier process
        elif now - begun > timedelta(seconds=SETTLE_S):
            del self._begun[id]
            # in the queue: it only lost its channel. Being dialled: nobody knows, so it is not done again
            columns: dict[str, Any]
            if state == CallbackState.QUEUED:
                new, columns = CallbackState.WAITING, {}
            else:
                new, columns = CallbackState.FAILED, {"ended_at": now, "reason": "unknown"}
            await self._db.write(lambda conn: ivr.move_callback(conn, id, [state], new, **columns))
            _log.warning("callback_lost_its_channel", callback=id, state=new)

    async def _place(self, id: int, now: datetime) -> None:
        """Put a channel into the queue. Written down first: it is not done twice whatever happens."""
        if self._ami is None:
            return
        moved = await self._db.write(
            lambda conn: ivr.move_callback(
                conn, id, [CallbackState.WAITING], CallbackState.QUEUED, more_attempts=1
            )
        )
        if not moved:
            return
        self._begun[id] = now
        await self._ami.send(
            {
                "Action": "Originate",
                "Channel": f"Local/{id}@{CONTEXT}/n",
                "Context": "callback-dial",
                "Exten": str(id),
                "Priority": "1",
                "Timeout": str(int(self._settings.keep_s * 1000)),
                "Async": "yes",
            }
        )
        _log.info("callback_queued", callback=id)

    async def _channels(self) -> dict[int, str]:
        """The first half of each Local channel of ours, by the number of the callback."""
        if self._ami is None:
            return {}
        reply = await self._ami.send({"Action": "CoreShowChannels"}, listing=True)
        found: dict[int, str] = {}
        for message in reply.items:
            name = message.get("Channel")
            match = _CHANNEL.match(name)
            if match:
                found.setdefault(int(match[1]), name)
        return found

    async def _place_of(self, queue: str, since: datetime, *, id: int = 0, held: bool) -> int:
        """The place among those who wait: behind callers and callbacks who have waited as long.

        Asterisk tells waits in whole seconds: of equal ones, who had `held` a place goes first. Callbacks are
        taken from the store: their channels may be younger than the wish (after a restart), or still joining.
        """
        if self._ami is None:
            return 1
        rows = await self._db.run(lambda conn: ivr.live_callbacks(conn, queue))
        ahead: int = sum(
            r["state"] == CallbackState.QUEUED and (r["waiting_since"], r["id"]) < (since, id) for r in rows
        )
        waited = int((self._now() - since).total_seconds())
        reply = await self._ami.send({"Action": "QueueStatus", "Queue": queue}, listing=True)
        for entry in (m for m in reply.items if m.name == "QueueEntry"):
            if not _CHANNEL.match(entry.get("Channel")):
                other = int(float(entry.get("Wait") or 0))
                ahead += other > waited or (other == waited and not held)
        return 1 + ahead

    async def _waiting(self, queue: str) -> int:
        """How many stand in the queue now; 0 where Asterisk does not say so at once."""
        if self._ami is None or not self._ami.ready:
            return 0
        try:
            reply = await self._ami.send(
                {"Action": "QueueStatus", "Queue": queue}, timeout_s=0.5, listing=True
            )
        except LaidianError:
            return 0
        return sum(m.name == "QueueEntry" for m in reply.items)

    async def _expire(self, now: datetime) -> None:
        after = timedelta(seconds=self._settings.keep_s)
        if await self._db.run(lambda conn: ivr.has_callback(conn, None)):
            await self._db.write(lambda conn: ivr.expire_callbacks(conn, at=now, after=after))
