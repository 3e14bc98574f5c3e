"""One WebSocket of a page: authenticate, send what the hub queues, hear acknowledgements, close."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Protocol

from aiohttp import WSMsgType, web

from cti.errors import DeadlineExceeded, ProtocolError, Unavailable
from cti.obs import get_logger
from screenpop import wire
from screenpop.auth import Gate, Principal, token_hash
from screenpop.door import CLOSE_S, Door, Turned
from screenpop.hub import Hub, Member
from screenpop.service import Service

_log = get_logger("session")

CHECK_S = 30.0  # how often a token is looked at again


class Room(Protocol):
    """Where those go who have signed in."""

    hub: Hub

    def join(self, member: Member) -> bool:
        """Let a page in and tell it everything; False when this user has too many pages open."""

    def acked(self, who: Principal, pop_id: str) -> None:
        """A page has rendered a pop."""


class Sessions:
    """The handler of ``/ws/agent``, or of another room for those who have one of `roles`."""

    def __init__(
        self, service: Service, gate: Gate, *, room: Room | None = None, roles: tuple[str, ...] = ()
    ) -> None:
        self._service = service
        self._room: Room = room if room is not None else service
        self._gate = gate
        self._web = service.settings.web
        self._door = Door(gate, self._web.allowed_origins, service.metrics, roles)
        self._masked_for = frozenset(self._web.unmasked_roles)

    def masked(self, who: Principal) -> bool:
        """Whether numbers are hidden from this person."""
        return not self._masked_for.intersection(who.roles)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection, from upgrade to close."""
        self._door.look(request)
        # permessage-deflate cost 38 ms at p99; see speed.md
        ws = web.WebSocketResponse(
            compress=False,
            heartbeat=wire.HEARTBEAT_S,
            max_msg_size=wire.MAX_MESSAGE_BYTES,
            timeout=CLOSE_S,
        )
        await ws.prepare(request)
        try:
            who, said = await self._door.authenticate(ws)
        except Turned as e:
            await self._door.close(ws, request, e.code)
            return ws
        await self._serve(ws, request, who, said.token)
        return ws

    async def _serve(
        self, ws: web.WebSocketResponse, request: web.Request, who: Principal, token: str
    ) -> None:
        member = Member(
            who, masked=self.masked(who), limit=self._web.push_queue, token_hash=token_hash(token)
        )
        if not self._room.join(member):
            await self._door.close(ws, request, wire.TOO_MANY)
            return
        _log.info("page connected", user=who.username, agent=who.agent)
        sender = asyncio.create_task(self._send(ws, member))
        tasks = {
            sender,
            asyncio.create_task(self._receive(ws, member)),
            asyncio.create_task(self._watch(member, token)),
            asyncio.create_task(member.gone.wait()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if member.close_code not in (None, wire.TOO_SLOW):
                await asyncio.wait({sender}, timeout=1.0)  # what was queued before the farewell
        finally:
            self._room.hub.leave(member)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLOSE_S)
            await self._door.close(ws, request, member.close_code)
            _log.info("page left", user=who.username, agent=who.agent, code=ws.close_code)

    async def _send(self, ws: web.WebSocketResponse, member: Member) -> None:
        while (text := await member.next()) is not None:
            await ws.send_str(text)

    async def _receive(self, ws: web.WebSocketResponse, member: Member) -> None:
        async for said in ws:
            if said.type is not WSMsgType.TEXT:
                member.dismiss(wire.BAD_MESSAGE)
                return
            try:
                message = wire.parse_client(said.data)
            except ProtocolError:
                member.dismiss(wire.BAD_MESSAGE)
                return
            if isinstance(message, wire.Ack):
                self._room.acked(member.who, message.id)
            elif isinstance(message, wire.Ping):
                self._room.hub.put(member, wire.encode(wire.Pong(server_time=self._service.now())))
            else:
                error = wire.Error(code="signed_in_already", message="已登录，无需再次登录")
                self._room.hub.put(member, wire.encode(error))

    async def _watch(self, member: Member, token: str) -> None:
        """End with the token: expired, signed out elsewhere, password changed, person disabled."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * CHECK_S)  # noqa: S311 - spreads the questions
            with contextlib.suppress(Unavailable, DeadlineExceeded):
                if await self._gate.who(token) is None:
                    member.dismiss(wire.BAD_TOKEN)
                    return
