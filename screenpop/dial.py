"""Click-to-dial: the agent's own phone rings first, then the customer is called through the trunk.

Each attempt is in the store before anything is sent, and is sent once. What becomes of it is heard in three
places: the answer to Originate (the agent's phone), the call's events (the customer), and the dialplan's word
of how dialling ended. They go through one bounded queue, in order, and the table of `cti.domain.dialling`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection, RowMapping

from cti.ami.client import AmiClient
from cti.config import OutreachSettings, Settings
from cti.domain.call import CallEvent, CallEventKind, CallKey, Direction
from cti.domain.dialling import OF_DIALSTATUS, OF_ORIGINATE, DialState, Hours, Limits
from cti.domain.phone import Number
from cti.errors import DeadlineExceeded, LaidianError, Refused, TransportError, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.repos import dialling
from cti.store.repos.dialling import DialRefused
from cti.store.tier_plan import zone_of

_log = get_logger("dial")
CONTEXT = "click-to-dial"
MAX_WAITING = 2000  # changes that wait for the store; one more is dropped and the attempt ends as unknown
LOOK_S = 10.0
RING_SPARE = timedelta(seconds=30)
MAX_TALK = timedelta(hours=4)
_FREE, _BUSY = frozenset({"NOT_INUSE"}), frozenset({"INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"})

Change = Callable[[Connection], object]


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call and what for. `purpose` is a kind of task, "" for a call by the way."""

    number: Number
    customer_id: int | None = None
    task_id: int | None = None
    purpose: str = ""


class Dialer:
    """One per service. `clients` are the nodes that may be asked, in the order of the settings."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        clients: Callable[[], Sequence[AmiClient]],
        now: Callable[[], datetime],
    ) -> None:
        self._db, self._clients, self._now = db, clients, now
        self._own: OutreachSettings = settings.outreach
        self._hours = Hours.read(self._own.dial_hours)
        self._zone = zone_of(settings)
        self._limits = Limits(self._own.dial_agent_minute, self._own.dial_minute, self._own.dial_live)
        self._devices = {a.number: a.devices or (a.number,) for a in settings.agents}
        self._caller = self._own.dial_caller or next((q.did for q in settings.queues if q.did), "")
        # an Asterisk of ours without a carrier has nowhere to call out to
        own = bool(settings.asterisk.ami_secret.get_secret_value())
        self._out = bool(settings.ami) and (bool(settings.asterisk.trunk_contact) or not own)
        self._calls: dict[CallKey, int] = {}
        self._changes: asyncio.Queue[Change] = asyncio.Queue(MAX_WAITING)
        self._sending: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def hours(self) -> str:
        """When customers may be called, as it is shown."""
        return str(self._hours)

    # ---- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up the talks of the last run, or of another service; what was ringing ends by its time."""
        with contextlib.suppress(Unavailable, DeadlineExceeded):
            for row in await self._db.run(dialling.live_attempts):
                if row["state"] == DialState.TALKING.value:
                    self._calls[CallKey(row["node"], row["linkedid"])] = row["id"]
        self._task = asyncio.get_running_loop().create_task(self._work(), name="dial")

    async def stop(self) -> None:
        """Write down what was heard; what was sent and not answered for is unknown to the next run."""
        for task in [*self._sending, *([self._task] if self._task is not None else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        while not self._changes.empty():
            with contextlib.suppress(LaidianError):
                await self._db.write(self._changes.get_nowait())

    # ---- what an agent does --------------------------------------------------------------------

    def why_not(self, agent: str) -> DialRefused | None:
        """Whether this agent may call out at all now."""
        if not self._own.dial or not self._out:
            return DialRefused("dial_off", "外呼没有开通，请联系管理员。")
        if agent not in self._devices:
            return DialRefused("no_agent", "此帐号没有分机号，不能外呼；请联系管理员。")
        if not self._hours.hold(self._now(), self._zone):
            return DialRefused("not_now", f"现在不是外呼时段（{self._hours}），请在时段内呼叫。")
        return None

    async def dial(self, target: Target, *, key: str, agent: str, username: str) -> tuple[RowMapping, bool]:
        """Call out, once: the attempt, and whether this click began it.

        Raises DialRefused where it may not be; Unavailable when it could not be written down, and then
        nothing was sent.
        """
        if (why := self.why_not(agent)) is not None:
            raise why
        number_key = target.number.key
        if number_key is None or not target.number.national.isdigit():
            raise DialRefused("no_number", "这个号码不能拨打，请核对客户的号码。")
        now = self._now()
        row, new = await self._db.write(
            lambda conn: dialling.begin(
                conn,
                key=key,
                agent=agent,
                now=now,
                limits=self._limits,
                username=username,
                task_id=target.task_id,
                customer_id=target.customer_id,
                number_key=number_key,
                number_display=target.number.display,
                purpose=target.purpose,
            )
        )
        if new:
            task = asyncio.get_running_loop().create_task(self._send(row, target.number.national))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return row, new

    async def _send(self, row: Mapping[Any, Any], digits: str) -> None:
        """Ask the PBX, once; whatever comes of it is written down."""
        try:
            await self._originate(row, digits)
        except LaidianError as e:  # the store: what was not sent is not sent later, and ends by its time
            _log.error("a call out was not made", attempt=row["id"], why=str(e))

    async def _originate(self, row: Mapping[Any, Any], digits: str) -> None:
        attempt, agent = row["id"], row["agent"]
        client, channel, state = await self._phone(agent)
        if client is None:
            self._put(attempt, state)
            return
        # first in the store: a service that is killed now must not leave a call that looks unsent
        if not await self._db.write(
            lambda c: dialling.move(c, attempt, DialState.AGENT, at=self._now(), node=client.node.name)
        ):
            return
        try:
            answer = await client.originate(
                channel,
                exten=digits,
                context=CONTEXT,
                caller_id=f'"外呼 #{attempt}" <{self._caller}>',
                ring_s=self._own.agent_ring_s,
                variables={
                    "LAIDIAN_DIAL": str(attempt),
                    "LAIDIAN_TASK": str(row["task_id"] or ""),
                },
                wait=True,
            )
        except (DeadlineExceeded, TransportError) as e:
            # it may have been carried out: it is never sent again
            self._put(attempt, DialState.UNKNOWN, reason=str(e)[:200])
        except Unavailable:
            self._put(attempt, DialState.PBX_AWAY)
        except Refused as e:
            self._put(attempt, DialState.FAILED, reason=str(e)[:200])
        else:
            if answer.get("Response") == "Success":
                self._put(attempt, DialState.CUSTOMER)
            else:
                failed = OF_ORIGINATE.get(answer.get("Reason"), DialState.FAILED)
                self._put(attempt, failed, reason=f"reason {answer.get('Reason')}")

    async def _phone(self, agent: str) -> tuple[AmiClient | None, str, DialState]:
        """The first device of the agent that is there and free, on whichever node."""
        found = DialState.PBX_AWAY
        for client in self._clients():
            for device in self._devices.get(agent, ()):
                channel = f"PJSIP/{device}"
                try:
                    reply = await client.send({"Action": "Getvar", "Variable": f"DEVICE_STATE({channel})"})
                except LaidianError as e:
                    _log.warning("a device cannot be asked for", node=client.node.name, why=str(e))
                    continue
                state = reply.response.get("Value")
                if state in _FREE:
                    return client, channel, DialState.AGENT
                away = found is not DialState.AGENT_BUSY
                found = DialState.AGENT_BUSY if state in _BUSY else DialState.AGENT_AWAY if away else found
        return None, "", found

    # ---- what the PBX says ---------------------------------------------------------------------

    def hear(self, event: CallEvent) -> None:
        """Events of calls; those that began with a click say so."""
        if event.direction is not Direction.OUTBOUND:
            return
        attempt = self._calls.get(event.key)
        if attempt is None:
            said = event.context.get("dial", "")
            if not (said.isascii() and said.isdigit() and len(said) < 16):
                return
            attempt = self._calls[event.key] = int(said)
            where = {"node": event.key.node, "linkedid": event.key.linkedid}
            self._put(attempt, DialState.CUSTOMER, at=event.at, **where)
        if event.kind is CallEventKind.ANSWERED:
            where = {"node": event.key.node, "linkedid": event.key.linkedid}
            self._put(attempt, DialState.TALKING, at=event.at, **where)
        elif event.kind is CallEventKind.CONTEXT:
            to = OF_DIALSTATUS.get(event.context.get("dial_status", ""))
            if to is not None:
                self._put(attempt, to, at=event.at)
        elif event.kind is CallEventKind.ENDED:
            del self._calls[event.key]
            at, ended = event.at, attempt
            self._later(lambda conn: dialling.hung_up(conn, ended, at=at))

    def resynced(self, node: str, live: Set[CallKey]) -> None:
        """The connection was away: calls that are gone ended, nobody knows when."""
        for key in [k for k in self._calls if k.node == node and k not in live]:
            self._put(self._calls.pop(key), DialState.UNKNOWN, reason="与交换机断开期间结束")

    # ---- in order into the store ---------------------------------------------------------------

    def _put(self, attempt: int, to: DialState, *, at: datetime | None = None, **columns: Any) -> None:
        when = at or self._now()
        self._later(lambda conn: dialling.move(conn, attempt, to, at=when, **columns))

    def _later(self, change: Change) -> None:
        try:
            self._changes.put_nowait(change)
        except asyncio.QueueFull:
            _log.error("a step of a call out is not kept: the store is behind", waiting=MAX_WAITING)

    async def _work(self) -> None:
        ringing = timedelta(seconds=self._own.agent_ring_s + self._own.customer_ring_s) + RING_SPARE
        while True:
            change: Change | None = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    change = await self._changes.get()
            now = self._now()
            if change is None:
                change = _stale(now, ringing)
            try:
                await self._db.write(change)
            except (Unavailable, DeadlineExceeded) as e:
                _log.error("a step of a call out is not kept", why=str(e))
            except Exception as e:  # noqa: BLE001 - one attempt must not stop the others
                _log.error("a step of a call out failed", why=f"{type(e).__name__}: {e}")


def _stale(now: datetime, ringing: timedelta) -> Change:
    return lambda conn: dialling.give_up(conn, now=now, ringing=ringing, talking=MAX_TALK)
