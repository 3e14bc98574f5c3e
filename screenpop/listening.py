"""班长 listens, whispers and barges in: the supervisor's own phone rings and joins an agent's call.

Nobody is heard before an explicit step: every talk, and every next talk that is followed, begins with the
microphone closed. Who listened to whom, when and how is in the audit before the phone rings. The channels
have a Uniqueid of their own kind, so that they are nobody's call, and none is left behind: not after a talk,
not by a service that ended, not by one that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cti.ami.client import AmiClient
from cti.ami.facts import LISTENER
from cti.ami.fleet import Fleet
from cti.ami.wire import Message
from cti.config import Settings
from cti.domain.call import CallEvent, CallEventKind, CallKey
from cti.errors import DeadlineExceeded, LaidianError, Refused, Unavailable
from cti.obs import get_logger
from cti.store import repos
from cti.store.db import Database
from screenpop import wire
from screenpop.auth import Principal
from screenpop.pop import PopState
from screenpop.service import Service
from screenpop.wall import Wall

_log = get_logger("listening")
CONTEXT = "spy"
GOODBYE_S = 2.0
Mode = Literal["listen", "whisper", "barge"]
EarState = Literal["ringing", "on", "waiting"]
_TALKS = (PopState.TALKING, PopState.HELD)
_OVER = (CallEventKind.WRAPPED_UP, CallEventKind.TRANSFERRED, CallEventKind.ENDED)


class NotPossible(LaidianError):
    """It cannot be done now; `code` says why."""

    def __init__(self, code: str, agent: str = "") -> None:
        super().__init__(f"listening: {code}")
        self.code, self.agent = code, agent


@dataclass(slots=True)
class Ear:
    """One supervisor who listens to one agent."""

    id: str  # Uniqueid of the supervisor's channel
    who: Principal
    agent: str
    key: CallKey
    since: datetime
    remote: str
    mode: Mode = "listen"
    state: EarState = "ringing"
    channel: str = ""
    over: bool = False  # hung up before the answer to Originate was heard


class Listening:
    """Everybody who listens; at most one agent at a time for each supervisor."""

    def __init__(self, settings: Settings, service: Service, db: Database, wall: Wall) -> None:
        self._own = settings.floor
        self._devices = {a.number: (a.devices or (a.number,))[0] for a in settings.agents}
        self._service, self._db, self._wall = service, db, wall
        self._ears: dict[str, Ear] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.fleet: Fleet | None = None
        service.listened_to = self.shown

    def of(self, username: str) -> Ear | None:
        """What this supervisor listens to."""
        return self._ears.get(username)

    def shown(self, agent: str) -> bool:
        """Whether the agent's page says 班长在听."""
        return self._own.listen_shown and any(
            e.agent == agent and e.state == "on" for e in self._ears.values()
        )

    # what supervisors do

    async def start(self, who: Principal, agent: str, remote: str) -> Ear | None:
        """Ring the supervisor's phone and let it hear the agent, microphone closed.

        None: the talk ended before the phone was answered. Raises NotPossible, Unavailable where the PBX or
        the store is away, DeadlineExceeded.
        """
        if not self._own.listen:
            raise NotPossible("off")
        if who.username in self._ears:
            raise NotPossible("already", self._ears[who.username].agent)
        device = self._own.supervisor_devices.get(who.username) or self._devices.get(who.agent, "")
        if not device:
            raise NotPossible("no_device")
        if agent == who.agent:
            raise NotPossible("own")
        key, channel = self._talk(agent)
        client = self._client(key.node)
        ear = Ear(f"{LISTENER}{secrets.token_hex(8)}", who, agent, key, self._service.now(), remote)
        self._ears[who.username] = ear
        try:
            await self._audit(ear, "listen")
            await self._ring(client, ear, f"PJSIP/{device}", channel)
        except BaseException:
            self._gone(ear)
            raise
        return self._ears.get(who.username)

    async def switch(self, username: str, mode: Mode) -> Ear:
        """Open or close the microphone. Raises NotPossible, Unavailable, Refused."""
        ear = self._ears.get(username)
        if ear is None or ear.state != "on":
            raise NotPossible("not_listening")
        if mode != ear.mode:
            await self._audit(ear, mode)
            await self._client(ear.key.node).redirect(ear.channel or ear.id, mode, CONTEXT)
            ear.mode = mode
        return ear

    async def end(self, username: str) -> None:
        """Hang up the supervisor's phone; nothing to do is nothing wrong."""
        ear = self._ears.get(username)
        if ear is None:
            return
        with contextlib.suppress(Refused):  # gone already
            await self._client(ear.key.node).hangup(ear.channel or ear.id)
        self._gone(ear)

    def _talk(self, agent: str) -> tuple[CallKey, str]:
        """The call that an agent talks in, and the agent's channel."""
        if self.fleet is None:
            raise Unavailable("no Asterisk node is connected")
        for pop in self._service.book.pops_of_agent(agent):
            if pop.state in _TALKS:
                channel = self.fleet.tracker(pop.key.node).view(pop.key, agent).mine
                if channel:
                    return pop.key, channel
        raise NotPossible("not_talking")

    async def _ring(self, client: AmiClient, ear: Ear, device: str, channel: str) -> None:
        follow = "1" if self._own.listen_follow else ""
        action: dict[str, Any] = {
            "Action": "Originate",
            "Channel": device,
            "ChannelId": ear.id,
            "Context": CONTEXT,
            "Exten": "listen",
            "Priority": "1",
            "Async": "yes",
            "Timeout": str(self._own.listen_ring_s * 1000),
            "CallerID": f"listen <{ear.agent}>",
            "Variable": [
                f"LAIDIAN_SPY={channel}",
                f"LAIDIAN_ROOM={ear.key.linkedid}",
                f"LAIDIAN_SPY_FOLLOW={follow}",
            ],
        }
        try:
            reply = await client.send(
                action, timeout_s=self._own.listen_ring_s + 5.0, until="OriginateResponse"
            )
        except DeadlineExceeded:
            with contextlib.suppress(LaidianError):  # it may ring all the same
                await client.hangup(ear.id)
            raise
        answer = reply.items[-1]
        if answer.get("Response") != "Success":
            raise NotPossible("no_answer")
        if ear.over:
            self._gone(ear)
            return
        ear.channel, ear.state = answer.get("Channel"), "on"
        self._tell(ear.agent)

    def _client(self, node: str) -> AmiClient:
        if self.fleet is None or not self.fleet.client(node).ready:
            raise Unavailable(f"Asterisk node {node} is not connected")
        return self.fleet.client(node)

    # what is heard

    def messages(self, node: str, batch: Sequence[Message], received: datetime) -> None:
        """Messages of a node: the end of a supervisor's channel."""
        if not self._ears:
            return
        for message in batch:
            if message.name == "Hangup" and message.get("Uniqueid").startswith(LISTENER):
                ear = self._by_id(message.get("Uniqueid"))
                if ear is not None and ear.state == "ringing":
                    ear.over = True  # the answer to Originate says how that ended
                elif ear is not None:
                    self._gone(ear)

    def resync(self, node: str, channels: Sequence[Message], at: datetime) -> None:
        """Channels that nobody knows are of a service that was killed: they end. What is gone is gone."""
        there = {m.get("Uniqueid"): m.get("Channel") for m in channels}
        for ear in [e for e in self._ears.values() if e.key.node == node and e.state != "ringing"]:
            if ear.id not in there:
                self._gone(ear)
        for uniqueid, channel in there.items():
            if uniqueid.startswith(LISTENER) and self._by_id(uniqueid) is None:
                self._start(self._hang_up(node, channel))

    def hear(self, event: CallEvent) -> None:
        """A supervisor who has barged in goes along when the call moves, and goes out when the agent does.

        An agent's next call is followed where the setting says so, again with the microphone closed.
        """
        for ear in [e for e in self._ears.values() if e.mode == "barge" and e.key == event.key]:
            if event.kind is CallEventKind.RESUMED and event.agent == ear.agent:
                self._start(self._move(ear, "barge"))
            elif event.kind in _OVER and event.agent in ("", ear.agent):
                ear.mode = "listen"
                self._start(self._move(ear, "after"))
        for ear in [e for e in self._ears.values() if self._own.listen_follow and e.state != "ringing"]:
            if event.kind in _OVER and event.key == ear.key and event.agent in ("", ear.agent):
                ear.state = "waiting"
                self._tell(ear.agent)
            elif event.kind is CallEventKind.ANSWERED and event.agent == ear.agent and event.key != ear.key:
                self._start(self._follow(ear, event.key))

    async def _follow(self, ear: Ear, key: CallKey) -> None:
        if key.node != ear.key.node:
            return  # another machine: its channels cannot be heard from here
        await asyncio.sleep(0)  # the tracker has not finished telling
        channel = self.fleet.tracker(key.node).view(key, ear.agent).mine if self.fleet is not None else ""
        if not channel:
            return
        client = self._client(key.node)
        ear.key, ear.mode = key, "listen"
        await self._audit(ear, "listen")
        mine = ear.channel or ear.id
        for name, value in (("LAIDIAN_SPY", channel), ("LAIDIAN_ROOM", key.linkedid)):
            await client.send({"Action": "Setvar", "Channel": mine, "Variable": name, "Value": value})
        await client.redirect(mine, "listen", CONTEXT)
        ear.state = "on"
        self._tell(ear.agent)

    async def _move(self, ear: Ear, exten: str) -> None:
        with contextlib.suppress(Refused):  # gone already
            await self._client(ear.key.node).redirect(ear.channel or ear.id, exten, CONTEXT)

    async def _hang_up(self, node: str, channel: str) -> None:
        client = self._client_of(node)
        if client is not None:
            await client.wait_ready()
            await client.hangup(channel)

    def _client_of(self, node: str) -> AmiClient | None:
        return self.fleet.client(node) if self.fleet is not None else None

    def _by_id(self, uniqueid: str) -> Ear | None:
        return next((e for e in self._ears.values() if e.id == uniqueid), None)

    def _gone(self, ear: Ear) -> None:
        if self._ears.get(ear.who.username) is not ear:
            return
        del self._ears[ear.who.username]
        self._tell(ear.agent)
        self._start(self._audit(ear, "end"))

    # what is told

    def _tell(self, agent: str) -> None:
        """The board and the agent's page."""
        before = bool(self._wall.heard_by.get(agent))
        heard = tuple(e.who.username for e in self._ears.values() if e.agent == agent and e.state == "on")
        self._wall.heard_by[agent] = heard
        self._wall.changed(agent)
        if self._own.listen_shown and bool(heard) != before:
            by = next((e.who.name for e in self._ears.values() if e.agent == agent), "")
            notice = wire.Notice(kind="listening", by=by, on=bool(heard), at=self._service.now())
            text = wire.encode(notice)
            self._service.hub.to_agent(agent, lambda _: text)

    async def _audit(self, ear: Ear, what: str) -> None:
        at = self._service.now()
        detail = {"mode": what, "node": ear.key.node, "linkedid": ear.key.linkedid}
        if what == "end":
            detail["seconds"] = str(round((at - ear.since).total_seconds()))
        await self._db.write(
            lambda c: repos.add_audit(
                c,
                at=at,
                who=ear.who.username,
                action="listen",
                subject=f"agent:{ear.agent}",
                detail=detail,
                remote=ear.remote,
            )
        )

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except LaidianError as e:
            _log.warning("not done", why=str(e))

    async def stop(self) -> None:
        """Hang up every supervisor's phone, within seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                names = list(self._ears)
                await asyncio.gather(*(self.end(n) for n in names), return_exceptions=True)
                await asyncio.gather(*self._tasks, return_exceptions=True)
