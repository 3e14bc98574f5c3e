"""From a Route to an aiohttp handler: authentication, roles, validation, every error in one shape."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import BaseModel, ValidationError

from cti.errors import DeadlineExceeded, StateError, TransportError, Unavailable, UsageError
from cti.obs import get_logger
from cti.store.repos.integrations import Integration
from screenpop.api.context import Context
from screenpop.api.faults import notes_of
from screenpop.api.route import JSON, ApiCall, ApiError, ErrorAnswer, ErrorBody, Route
from screenpop.auth import Principal
from screenpop.integrations import PREFIX, RateExceeded

_log = get_logger("api")
MAX_BODY = 1024 * 1024  # of any request; most routes take less (Route.max_body)
MAX_PART = 64

AioHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def error_response(error: ApiError) -> web.Response:
    """The one shape of everything that went wrong."""
    body = ErrorAnswer(error=ErrorBody(code=error.code, message=error.message, detail=error.detail))
    return web.Response(
        status=error.status,
        text=body.model_dump_json(exclude_none=True),
        content_type="application/json",
        headers={**error.headers, "Cache-Control": "no-store"},
    )


def as_api_error(error: Exception) -> ApiError:
    """What went wrong, in words for the person in front of the page."""
    match error:
        case ApiError():
            return error
        case ValidationError():
            names = "、".join(".".join(str(p) for p in f["loc"]) or "内容" for f in error.errors()[:5])
            notes = [n.model_dump() for n in notes_of(error.errors()[:200])]
            words = f"请求内容不正确，请检查：{names}。"
            return ApiError(422, "invalid", words, detail={"items": notes})
        case UsageError():
            return ApiError(400, "usage", "请求不合规则，请检查填写的内容。")
        case StateError():
            return ApiError(409, "conflict", "现在不能这样做，请刷新后再试。")
        case DeadlineExceeded():
            return ApiError(503, "store_late", "数据库响应太慢，请稍后再试。")
        case Unavailable() | TransportError():
            return ApiError(503, "unavailable", "服务暂时不可用，请稍后再试。")
        case _:
            return ApiError(500, "internal", "服务内部出错，已记录；请稍后再试或联系管理员。")


def bearer(request: web.Request) -> str:
    """The token of the Authorization header, or ""."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def handler(ctx: Context, route: Route) -> AioHandler:
    """The aiohttp handler of a route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            call = await _call(ctx, route, request)
            answer = await route.handler(call)
        except web.HTTPException:
            raise
        except Exception as e:  # noqa: BLE001 - the border: every fault becomes an answer
            error = as_api_error(e)
            if error.status >= 500:
                _log.error(
                    "request failed", route=route.path, code=error.code, why=f"{type(e).__name__}: {e}"
                )
            return error_response(error)
        if isinstance(answer, web.StreamResponse):
            answer.headers.setdefault("Cache-Control", "no-store")
            return answer
        return web.Response(
            status=route.status,
            text=answer.model_dump_json(by_alias=True),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    return handle


async def _call(ctx: Context, route: Route, request: web.Request) -> ApiCall:
    token, principal, integration = "", None, None
    if not route.public:
        token = bearer(request)
        if not token or len(token) > 512:
            raise ApiError(401, "not_signed_in", "请先登录。")
        if token.startswith(PREFIX):
            principal, integration = await _system(ctx, route, token, request.remote or "")
        else:
            principal = await _person(ctx, route, token)
    query: BaseModel | None = None
    if route.query is not None:
        query = route.query.model_validate(dict(request.query))
    body, raw = None, b""
    if route.body is not None:
        raw = await _read(request, route.max_body)
        body = route.body.model_validate_json(raw)
    path: dict[str, str | int] = {}
    for name, text in request.match_info.items():
        if len(text) > MAX_PART:
            raise ApiError(404, "not_found", "没有找到。")
        path[name] = text
        if route.params.get(name) is int:
            if not (text.isascii() and text.isdigit() and len(text) < 16):
                raise ApiError(404, "not_found", "没有找到。")
            path[name] = int(text)
    return ApiCall(
        ctx,
        remote=request.remote or "",
        user_agent=request.headers.get("User-Agent", ""),
        path=path,
        token=token,
        principal=principal,
        integration=integration,
        raw=raw,
        headers=request.headers,
        upload=request.content if route.takes != JSON else None,
        _body=body,
        _query=query,
    )


async def _person(ctx: Context, route: Route, token: str) -> Principal:
    principal = await ctx.gate.who(token)
    if principal is None:
        raise ApiError(401, "token_expired", "登录已过期，请重新登录。")
    if not route.people:
        raise ApiError(403, "integrations_only", "此接口只供对接系统使用，请用对接令牌调用。")
    if route.roles and not principal.has(*route.roles):
        raise ApiError(403, "no_permission", "您没有查看此内容的权限；如有需要请联系管理员。")
    return principal


async def _system(ctx: Context, route: Route, token: str, remote: str) -> tuple[Principal, Integration]:
    try:
        found = await ctx.integrations.who(token, remote)
    except RateExceeded as e:
        wait = {"Retry-After": str(math.ceil(e.retry_after))}
        raise ApiError(429, "too_many_requests", "请求过于频繁，请稍后再试。", wait) from None
    if found is None:
        raise ApiError(401, "token_invalid", "对接令牌无效、已停用或已过期。")
    if not route.scope or route.scope not in found.scopes:
        missing = f"需要权限 {route.scope}" if route.scope else "此接口不对接入系统开放"
        raise ApiError(403, "no_scope", f"对接令牌没有权限：{missing}。")
    return Principal(0, f"integration:{found.name}", found.name, (), "", found.scopes), found


async def _read(request: web.Request, most: int) -> bytes:
    """The body, at most so many bytes."""
    raw = bytearray()
    async for chunk in request.content.iter_any():
        raw += chunk
        if len(raw) > most:
            raise ApiError(413, "too_large", "内容太长，请缩短后再试。")
    return bytes(raw)
