"""The demo's other system: takes the events that the service posts, so that deliveries are really sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

MAX_BODY = 256 * 1024


@asynccontextmanager
async def receiver() -> AsyncIterator[str]:
    """Listens on a free port of loopback; yields the address. It thanks for everything and keeps nothing."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204)

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_post("/events", take)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    finally:
        await runner.cleanup()
