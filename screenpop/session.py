"""One WebSocket of a page: authenticate, send what the hub queues, hear acknowledgements, close."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from cti.errors import DeadlineExceeded, ProtocolError, Unavailable
from cti.obs import get_logger
from screenpop import wire
from screenpop.auth import Gate, Principal, token_hash
from screenpop.hub import Hub, Member
from screenpop.service import Service

_log = get_logger("session")

CLOSE_S = 5.0  # for the close handshake with a page that may not read
MAX_UNAUTHENTICATED = 2_000
CHECK_S = 30.0  # how often a token is looked at again


def origin_allowed(origin: str | None, host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a page of this origin may connect: the own host, or one of the settings; programs send none."""
    if origin is None or origin in allowed:
        return True
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


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
        self._roles = roles
        self._gate = gate
        self._unauthenticated = 0
        self._web = service.settings.web
        self._masked_for = frozenset(self._web.unmasked_roles)

    def masked(self, who: Principal) -> bool:
        """Whether numbers are hidden from this person."""
        return not self._masked_for.intersection(who.roles)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection, from upgrade to close."""
        if not origin_allowed(request.headers.get("Origin"), request.host, self._web.allowed_origins):
            raise web.HTTPForbidden(text="origin not allowed")
        if request.query_string:
            # a token in an address ends up in logs and histories: refuse it before anybody relies on it
            raise web.HTTPBadRequest(text="no parameters here: authenticate in the first message")
        if self._unauthenticated >= MAX_UNAUTHENTICATED:
            raise web.HTTPServiceUnavailable(text="too many connections that have not signed in")
        # permessage-deflate cost 38 ms at p99; see speed.md
        ws = web.WebSocketResponse(
            compress=False,
            heartbeat=wire.HEARTBEAT_S,
            max_msg_size=wire.MAX_MESSAGE_BYTES,
            timeout=CLOSE_S,
        )
        await ws.prepare(request)
        try:
            who, token = await self._authenticate(ws)
        except _Refused as e:
            await self._close(ws, request, e.code)
            return ws
        await self._serve(ws, request, who, token)
        return ws

    async def _authenticate(self, ws: web.WebSocketResponse) -> tuple[Principal, str]:
        self._unauthenticated += 1
        try:
            async with asyncio.timeout(wire.AUTH_DEADLINE_S):
                said = await ws.receive()
                if said.type is not WSMsgType.TEXT:
                    raise _Refused(None if ws.closed else wire.BAD_MESSAGE)
                message = wire.parse_client(said.data)
                if not isinstance(message, wire.Auth):
                    raise _Refused(wire.BAD_MESSAGE)
                who = await self._gate.who(message.token)
                if who is None:
                    raise _Refused(wire.BAD_TOKEN)
                if self._roles and not who.has(*self._roles):
                    raise _Refused(wire.NOT_ALLOWED)
                return who, message.token
        except TimeoutError:
            raise _Refused(wire.AUTH_LATE) from None
        except ProtocolError:
            raise _Refused(wire.BAD_MESSAGE) from None
        except (Unavailable, DeadlineExceeded) as e:
            # the page comes back by itself; its token may be good
            _log.warning("cannot check a token", why=str(e))
            raise _Refused(wire.GOING_AWAY) from None
        finally:
            self._unauthenticated -= 1

    async def _serve(
        self, ws: web.WebSocketResponse, request: web.Request, who: Principal, token: str
    ) -> None:
        member = Member(
            who, masked=self.masked(who), limit=self._web.push_queue, token_hash=token_hash(token)
        )
        if not self._room.join(member):
            await self._close(ws, request, wire.TOO_MANY)
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
            await self._close(ws, request, member.close_code)
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

    async def _close(self, ws: web.WebSocketResponse, request: web.Request, code: int | None) -> None:
        if code is not None:
            self._service.metrics.sockets_closed.labels(str(code)).inc()
        if not ws.closed:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(CLOSE_S):
                    await ws.close(code=code or 1000)
        if request.transport is not None and not request.transport.is_closing():
            # a page that reads nothing does not read the farewell either
            request.transport.abort()


class _Refused(Exception):
    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code
