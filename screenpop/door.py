"""Who may come in by a WebSocket: the right page, a first message in time, a token that holds."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from cti.errors import DeadlineExceeded, ProtocolError, Unavailable
from cti.obs import get_logger
from screenpop import wire
from screenpop.auth import Gate, Principal
from screenpop.metrics import Metrics

_log = get_logger("door")

CLOSE_S = 5.0  # for the close handshake with a page that may not read
MAX_UNAUTHENTICATED = 2_000


class Turned(Exception):
    """Not let in; `code` is the close code, None where the page has closed already."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def origin_allowed(origin: str | None, host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a page of this origin may connect: the own host, or one of the settings; programs send none."""
    if origin is None or origin in allowed:
        return True
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


class Door:
    """Of one WebSocket address; `roles`: who may come in, everybody without."""

    def __init__(
        self, gate: Gate, allowed_origins: tuple[str, ...], metrics: Metrics, roles: tuple[str, ...] = ()
    ) -> None:
        self._gate = gate
        self._roles = roles
        self._origins = allowed_origins
        self._metrics = metrics
        self._waiting = 0

    def look(self, request: web.Request) -> None:
        """Before the upgrade. Raises what aiohttp answers with."""
        if not origin_allowed(request.headers.get("Origin"), request.host, self._origins):
            raise web.HTTPForbidden(text="origin not allowed")
        if request.query_string:
            # a token in an address ends up in logs and histories: refuse it before anybody relies on it
            raise web.HTTPBadRequest(text="no parameters here: authenticate in the first message")
        if self._waiting >= MAX_UNAUTHENTICATED:
            raise web.HTTPServiceUnavailable(text="too many connections that have not signed in")

    async def authenticate(self, ws: web.WebSocketResponse) -> tuple[Principal, wire.Auth]:
        """Who it is, and what was said. Raises Turned."""
        self._waiting += 1
        try:
            async with asyncio.timeout(wire.AUTH_DEADLINE_S):
                said = await ws.receive()
                if said.type is not WSMsgType.TEXT:
                    raise Turned(None if ws.closed else wire.BAD_MESSAGE)
                message = wire.parse_client(said.data)
                if not isinstance(message, wire.Auth):
                    raise Turned(wire.BAD_MESSAGE)
                who = await self._gate.who(message.token)
                if who is None:
                    raise Turned(wire.BAD_TOKEN)
                if self._roles and not who.has(*self._roles):
                    raise Turned(wire.NOT_ALLOWED)
                return who, message
        except TimeoutError:
            raise Turned(wire.AUTH_LATE) from None
        except ProtocolError:
            raise Turned(wire.BAD_MESSAGE) from None
        except (Unavailable, DeadlineExceeded) as e:
            # the page comes back by itself; its token may be good
            _log.warning("cannot check a token", why=str(e))
            raise Turned(wire.GOING_AWAY) from None
        finally:
            self._waiting -= 1

    async def close(self, ws: web.WebSocketResponse, request: web.Request, code: int | None) -> None:
        """Say why (1000 without a code) and be gone in time, whether the page reads or not."""
        if code is not None:
            self._metrics.sockets_closed.labels(str(code)).inc()
        if not ws.closed:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(CLOSE_S):
                    await ws.close(code=code or 1000)
        if request.transport is not None and not request.transport.is_closing():
            # a page that reads nothing does not read the farewell either
            request.transport.abort()
