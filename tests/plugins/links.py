"""Another system at the door of a running service: a token, signed requests."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from cti.domain import signing
from cti.store.repos.integrations import add_integration
from screenpop.auth import token_hash
from screenpop.integrations import new_token
from tests.plugins.screenpop import PopLine


@dataclass
class System:
    """A TMS with its token."""

    line: PopLine
    token: str
    secret: str = ""

    async def send(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> tuple[int, Any]:
        """One request; status and JSON. Signed when the system has a secret, or as a header says."""
        data = raw if raw is not None else b"" if body is None else json.dumps(body, default=str).encode()
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if self.secret:
            sent[signing.HEADER] = signing.sign(self.secret, data, time.time())
        url = f"{self.line.base}/api/v1{path}"
        async with self.line.http.request(method, url, data=data, headers=sent | headers) as answer:
            return answer.status, await answer.json()


Join = Callable[..., Awaitable[System]]


@pytest.fixture
def join_system() -> Join:
    """``await join_system(popline, "waybills:write")`` makes a token."""

    async def join(line: PopLine, *scopes: str, name: str = "TMS", secret: str = "", **more: Any) -> System:
        token = new_token()
        at = datetime.now(UTC)
        how = {"name": name, "token_hash": token_hash(token), "scopes": scopes, "secret": secret, **more}
        await line.parts.ctx.db.write(lambda c: add_integration(c, at=at, who="root", **how))
        return System(line, token, secret)

    return join


@dataclass
class Receiver:
    """Somebody else's server that events are posted to; `answers` are given in turn, then 200."""

    url: str = ""
    answers: list[int | str] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    kept: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Note what came and answer; "hang" answers never, "cut" breaks the connection."""
        self.bodies.append(await request.read())
        self.heads.append(dict(request.headers))
        self.heard.append(json.loads(self.bodies[-1]))
        answer = self.answers.pop(0) if self.answers else 200
        self.kept.set()
        if answer == "hang":
            await asyncio.sleep(30)
        if answer == "cut" and request.transport is not None:
            request.transport.abort()
        status = answer if isinstance(answer, int) else 200
        elsewhere = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
        return web.Response(status=status, headers=elsewhere)

    async def count(self, wanted: int) -> None:
        """Wait until so many deliveries have come."""
        async with asyncio.timeout(20):
            while len(self.heard) < wanted:
                self.kept.clear()
                await self.kept.wait()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    it = Receiver()
    app = web.Application()
    app.router.add_post("/hook", it.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield it
    await runner.cleanup()
