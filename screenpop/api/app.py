"""The web server: API, socket, pages, health. Headers that keep browsers strict go onto everything."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from cti.errors import DeadlineExceeded, Unavailable
from cti.obs import get_logger
from screenpop.api import (
    admin,
    audit,
    complaint_voice,
    complaints,
    control,
    customer_list,
    customer_record,
    customers,
    desk,
    dial,
    floor,
    hooks,
    ledger,
    listen,
    live,
    outreach,
    phone,
    pops,
    privacy,
    problems,
    qa_calls,
    qa_figures,
    qa_recording,
    qa_rules,
    qa_steps,
    reports,
    statistics,
    transfer,
)
from screenpop.api import models as m
from screenpop.api import (
    value as customer_value,
)
from screenpop.api.context import Context
from screenpop.api.openapi import document
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.api.serve import MAX_BODY, error_response
from screenpop.api.serve import handler as serve
from screenpop.session import Sessions

_log = get_logger("web")
DIST = Path(__file__).parent.parent / "web" / "dist"

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self' data: blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
_NO_PAGES = """<!doctype html><meta charset="utf-8"><title>来电</title>
<p>页面还没有构建，请运行 make setup。 The pages have not been built: run make setup."""


async def get_openapi(call: ApiCall) -> m.OpenApiOut:
    return m.OpenApiOut(**document(ROUTES))


ROUTES: tuple[Route, ...] = (
    *desk.ROUTES,
    *pops.ROUTES,
    *control.ROUTES,
    *customer_list.ROUTES,
    *customer_record.ROUTES,
    *customers.ROUTES,
    *complaints.ROUTES,
    *complaint_voice.ROUTES,
    *problems.ROUTES,
    *outreach.ROUTES,
    *dial.ROUTES,
    *ledger.ROUTES,
    *floor.ROUTES,
    *phone.ROUTES,
    *live.ROUTES,
    *listen.ROUTES,
    *reports.ROUTES,
    *qa_recording.ROUTES,
    *qa_calls.ROUTES,
    *qa_steps.ROUTES,
    *qa_figures.ROUTES,
    *qa_rules.ROUTES,
    *customer_value.ROUTES,
    *hooks.ROUTES,
    *statistics.ROUTES,
    *admin.ROUTES,
    *audit.ROUTES,
    *privacy.ROUTES,
    *transfer.ROUTES,
    Route("GET", "/openapi.json", get_openapi, m.OpenApiOut, "本接口的 OpenAPI 文档", "service", public=True),
)


def make_app(ctx: Context, dist: Path = DIST) -> web.Application:
    """The aiohttp application of a service."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_middleware(ctx)])
    for route in ROUTES:
        app.router.add_route(route.method, f"/api/v1{route.path}", serve(ctx, route))
    app.router.add_get("/ws/agent", Sessions(ctx.service, ctx.gate).handle)
    if ctx.wall is not None:
        boards = Sessions(ctx.service, ctx.gate, room=ctx.wall, roles=("supervisor",))
        app.router.add_get("/ws/wall", boards.handle)
    if ctx.relay is not None:
        app.router.add_get("/ws/phone", ctx.relay.handle)
    _health(app, ctx)
    _pages(app, dist)
    app.on_response_prepare.append(_headers)
    return app


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)


def _middleware(ctx: Context) -> Middleware:
    @web.middleware
    async def every(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count, and give unknown API paths the one shape of errors."""
        try:
            response = await handler(request)
        except web.HTTPException as e:
            ctx.service.metrics.requests.labels(str(e.status)).inc()
            if request.path.startswith("/api/") and e.status in (404, 405):
                message = "没有这个接口。" if e.status == 404 else "这个接口不支持此方法。"
                headers = {"Allow": e.headers["Allow"]} if "Allow" in e.headers else {}
                return error_response(ApiError(e.status, "no_such_endpoint", message, headers))
            raise
        ctx.service.metrics.requests.labels(str(response.status)).inc()
        return response

    return every


def _health(app: web.Application, ctx: Context) -> None:
    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        """Whether work can be given to this service; the reasons where not."""
        faults: dict[str, str] = {}
        try:
            await ctx.db.health()
        except (Unavailable, DeadlineExceeded) as e:
            faults["store"] = str(e)
        if ctx.expects_pbx and not ctx.service.floor.pbx:
            faults["pbx"] = "no Asterisk node is connected"
        if ctx.service.recorder.lost:
            faults["journal"] = f"{ctx.service.recorder.lost} records could not be written"
        body = {"ready": not faults, "faults": faults, "nodes": dict(ctx.service.floor.nodes())}
        return web.json_response(body, status=503 if faults else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=ctx.service.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


def _pages(app: web.Application, dist: Path) -> None:
    """The built pages; every unknown address without a dot is the page, which routes by itself."""
    index = dist / "index.html"
    known = {f"/{p.relative_to(dist).as_posix()}": p for p in dist.rglob("*") if p.is_file()}

    async def page(request: web.Request) -> web.StreamResponse:
        file = known.get(request.path)
        if file is None and ("." in request.path or request.path.startswith(("/api/", "/ws/"))):
            raise web.HTTPNotFound
        if file is None or file == index:
            if not index.is_file():
                return web.Response(status=503, text=_NO_PAGES, content_type="text/html", charset="utf-8")
            return web.FileResponse(index, headers={"Cache-Control": "no-cache"})
        forever = request.path.startswith("/assets/")
        age = "public, max-age=31536000, immutable" if forever else "no-cache"
        return web.FileResponse(file, headers={"Cache-Control": age})

    app.router.add_get("/{path:.*}", page)
