"""``/ws/phone``: SIP between a page and Asterisk, for the page's own device only.

A page never reaches Asterisk's port: it signs in here as everywhere, gets a password of this connection, and
then its frames go to and fro. Nothing is queued: a frame is read when the one before is handed on. One page
has the phone; another browser may take it over when it says so. The talk does not depend on this
connection: its sound goes its own way, and a page that comes back refreshes the dialog by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType, web

from cti.ari.client import AriClient
from cti.config import AmiNode, Settings
from cti.errors import DeadlineExceeded, LaidianError, ProtocolError, Unavailable
from cti.obs import get_logger
from screenpop import wire
from screenpop.auth import Gate
from screenpop.door import CLOSE_S, Door, Turned
from screenpop.metrics import Metrics
from screenpop.phone import sip
from screenpop.phone import wire as phone_wire
from screenpop.phone.devices import browser_phones, phone_node
from screenpop.phone.passwords import Passwords
from screenpop.session import CHECK_S

_log = get_logger("phone")

CONNECT_S = 5.0
SEND_S = 5.0
MOST_PER_S = 100  # frames of one page; a phone that rings and talks sends a few
RENEW_AT = 0.8  # of a password's life


@dataclass(frozen=True, slots=True, eq=False)
class _Holder:
    """The page that has a phone; `taken` is set when another takes it over."""

    browser: str
    taken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class _Way:
    """To the node that browsers register on."""

    node: AmiNode
    http: aiohttp.ClientSession
    passwords: Passwords


@contextlib.asynccontextmanager
async def open_line(http: aiohttp.ClientSession, node: AmiNode) -> AsyncIterator[ClientWebSocketResponse]:
    """A WebSocket to the SIP of a node (RFC 7118). Raises what aiohttp raises, TimeoutError."""
    address = node.ari_url.rstrip("/").replace("http", "ws", 1) + "/ws"
    async with asyncio.timeout(CONNECT_S):
        line = await http.ws_connect(
            address,
            protocols=("sip",),
            heartbeat=wire.HEARTBEAT_S,
            max_msg_size=wire.MAX_MESSAGE_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
        )
    async with line:
        yield line


class PhoneRelay:
    """The handler; open it once with ``async with``."""

    def __init__(self, settings: Settings, gate: Gate, metrics: Metrics) -> None:
        self._gate = gate
        self._door = Door(gate, settings.web.allowed_origins, metrics)
        self._phones = browser_phones(settings)
        self._node = phone_node(settings)
        self._valid_s = settings.softphone.password_min * 60.0
        self._stack = contextlib.AsyncExitStack()
        self._way: _Way | None = None
        self._holders: dict[str, _Holder] = {}

    async def __aenter__(self) -> PhoneRelay:
        if self._node is not None and self._phones:
            ari = await self._stack.enter_async_context(AriClient(self._node))
            http = await self._stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
            self._way = _Way(self._node, http, Passwords(ari))
        return self

    async def __aexit__(self, *_: object) -> None:
        for holder in self._holders.values():
            holder.taken.set()
        await self._stack.aclose()

    def __len__(self) -> int:
        return len(self._holders)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One page's phone, from upgrade to close."""
        self._door.look(request)
        ws = web.WebSocketResponse(
            compress=False,
            heartbeat=wire.HEARTBEAT_S,
            max_msg_size=wire.MAX_MESSAGE_BYTES,
            timeout=CLOSE_S,
        )
        await ws.prepare(request)
        try:
            who, said = await self._door.authenticate(ws)
            phone = self._phones.get(who.agent)
            if phone is None or self._way is None:
                raise Turned(phone_wire.NO_PHONE)
            code = await self._serve(ws, phone.device, said, self._way)
        except Turned as e:
            code = e.code
        await self._door.close(ws, request, code)
        return ws

    async def _serve(self, ws: web.WebSocketResponse, device: str, said: wire.Auth, way: _Way) -> int | None:
        before = self._holders.get(device)
        if before is not None:
            if not said.take and before.browser != said.tab:
                return phone_wire.TAKEN_OVER
            before.taken.set()  # a browser that comes back may be quicker than the news that it was gone
        mine = self._holders[device] = _Holder(said.tab)
        password = ""
        try:
            async with open_line(way.http, way.node) as line:
                password = await way.passwords.give(device)
                ready = phone_wire.PhoneReady(device=device, password=password, valid_s=self._valid_s)
                await _send(ws, wire.encode(ready))
                _log.info("phone connected", device=device)
                line_up = _Line(ws, line, device)
                renewing = _Renewal(way.passwords, device, password)
                code = await _first(
                    line_up.from_page(),
                    line_up.from_asterisk(),
                    renewing.go_on(ws, self._valid_s),
                    self._watch(said.token),
                    _when(mine.taken, phone_wire.TAKEN_OVER),
                )
                password = renewing.password
        except (LaidianError, aiohttp.ClientError, OSError, TimeoutError) as e:
            _log.warning("no way to Asterisk for a phone", device=device, why=type(e).__name__)
            code = phone_wire.PBX_AWAY
        finally:
            if self._holders.get(device) is mine:
                del self._holders[device]
            if password:
                await way.passwords.take_back(device, password)
        _log.info("phone left", device=device, code=code)
        return code

    async def _watch(self, token: str) -> int:
        """Until the token ends: signed out, expired, person disabled."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * CHECK_S)  # noqa: S311 - spreads the questions
            with contextlib.suppress(Unavailable, DeadlineExceeded):
                if await self._gate.who(token) is None:
                    return wire.BAD_TOKEN


class _Line:
    """Frames between one page and Asterisk. Each way ends with a close code, or None when the page left."""

    def __init__(self, page: web.WebSocketResponse, line: ClientWebSocketResponse, device: str) -> None:
        self._page, self._line, self._device = page, line, device

    async def from_page(self) -> int | None:
        clock, second, frames = asyncio.get_running_loop().time, 0.0, 0
        async for said in self._page:
            now = clock()
            if now - second > 1.0:
                second, frames = now, 0
            frames += 1
            if said.type is not WSMsgType.TEXT or frames > MOST_PER_S:
                return wire.BAD_MESSAGE
            if said.data in sip.KEEP_ALIVE:
                await _send(self._page, "\r\n")  # the page asks whether we are there (RFC 5626 §4.4.1)
                continue
            try:
                sip.check(said.data, self._device)
            except ProtocolError as e:
                _log.warning("SIP refused", device=self._device, why=str(e))
                return phone_wire.NOT_YOURS
            async with asyncio.timeout(SEND_S):
                await self._line.send_str(said.data)
        return None

    async def from_asterisk(self) -> int | None:
        async for said in self._line:
            text = said.data if said.type is WSMsgType.TEXT else None
            if said.type is WSMsgType.BINARY:
                text = said.data.decode("utf-8", "replace")
            if text is None:
                break
            try:
                await _send(self._page, text)
            except TimeoutError:
                return wire.TOO_SLOW
        return phone_wire.PBX_AWAY


class _Renewal:
    """The next password before the last one is old. `password` is the one that counts now."""

    def __init__(self, passwords: Passwords, device: str, password: str) -> None:
        self._passwords, self._device, self.password = passwords, device, password

    async def go_on(self, ws: web.WebSocketResponse, valid_s: float) -> int | None:
        while True:
            await asyncio.sleep(valid_s * RENEW_AT)
            try:
                self.password = await self._passwords.give(self._device)
            except LaidianError:
                return phone_wire.PBX_AWAY
            said = phone_wire.PhonePassword(password=self.password, valid_s=valid_s)
            await _send(ws, wire.encode(said))


async def _send(ws: web.WebSocketResponse, text: str) -> None:
    async with asyncio.timeout(SEND_S):
        await ws.send_str(text)


async def _when(event: asyncio.Event, code: int) -> int:
    await event.wait()
    return code


async def _first(*ways: Any) -> int | None:
    """What the first of them says; the others end with it. A connection that broke says None."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CLOSE_S)
    codes = []
    for task in done:
        try:
            codes.append(task.result())
        except (ConnectionError, aiohttp.ClientError, TimeoutError):
            codes.append(None)
    return next((code for code in codes if code is not None), None)
