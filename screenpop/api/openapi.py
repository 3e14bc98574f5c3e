"""The OpenAPI 3.1 document, made from the same routes and models that the server runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cti import __version__
from cti.domain.scopes import SCOPES
from screenpop import wire, wire_live
from screenpop.api.route import JSON, JSON_KINDS, ErrorAnswer, Route

_REF = "#/components/schemas/{model}"
_ERRORS = {
    400: "请求不合规则",
    401: "没有登录，或登录已过期",
    403: "没有权限",
    404: "没有找到",
    408: "太慢",
    409: "现在不能这样做",
    413: "内容太长",
    422: "请求内容不正确",
    429: "尝试次数过多",
    500: "服务内部出错",
    503: "数据库或交换机暂时不可用",
}
_CLIENT = (wire.Auth, wire.Ack, wire.Ping)
_SERVER = (
    *(wire.Ready, wire.Pop, wire.PopUpdate, wire.PopClose, wire.State, wire.Error, wire.Pong),
    *(wire_live.LiveText, wire_live.LiveHint, wire_live.LiveState, wire_live.LiveFlag),
)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document; the socket's protocol is in it as `x-websocket`."""
    routes = list(routes)
    answers: set[type[BaseModel]] = {r.answer for r in routes if r.media == JSON} | {ErrorAnswer, *_SERVER}
    requests = {r.body for r in routes if r.body is not None} | set(_CLIENT)
    wanted = [(model, "serialization") for model in answers] + [(model, "validation") for model in requests]
    refs, schemas = models_json_schema(
        sorted(wanted, key=lambda w: (w[0].__name__, w[1])),  # type: ignore[arg-type]
        ref_template=_REF,
        by_alias=True,
    )
    names: dict[Any, Any] = {key[0]: ref for key, ref in refs.items()}
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(f"/api/v1{route.path}", {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "来电 laidian",
            "version": __version__,
            "description": "座席弹屏服务。所有时间为 UTC，号码按角色脱敏。",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": "desk", "description": "登录与座席状态"},
            {"name": "pops", "description": "弹屏与话后处理"},
            {"name": "customers", "description": "客户、运单"},
            {"name": "complaints", "description": "投诉：看板、处理经过、时限与升级、因素比例"},
            {"name": "problems", "description": "问题件：登记、时限、结案"},
            {"name": "value", "description": "客户经营：等级、升级提案、流失警示、偏好、积分；金额为元"},
            {"name": "ledger", "description": "弹屏台账"},
            {"name": "qa", "description": "录音与服务用语质检；通话内的时间为接通后的毫秒"},
            {"name": "hooks", "description": "TMS、WMS 推送运单与订单：整批成功或整批退回，可重复、可乱序"},
            {"name": "events", "description": "对外事件：拉取与推送"},
            {"name": "admin", "description": "系统管理：对接、订阅、审计、导入导出、个人数据"},
            {"name": "service", "description": "接口文档"},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "登录得到的令牌"},
                "integration": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "对接令牌 ldi_…（laidian integration add）。权限："
                    + "；".join(f"{name} {text}" for name, text in SCOPES.items()),
                },
            },
        },
        "x-websocket": {
            "path": "/ws/agent",
            "version": wire.VERSION,
            "client": [names[model] for model in _CLIENT],
            "server": [names[model] for model in _SERVER],
            "close_codes": {str(code): text for code, text in wire.CLOSE_CODES.items()},
        },
    }


def _operation(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    statuses = {500, 503, *route.errors}
    if not route.public:
        statuses.add(401)
    if route.scope:
        statuses |= {403, 429}
    if route.roles:
        statuses.add(403)
    if route.body is not None:
        statuses |= {400, 413, 422}
    if route.query is not None:
        statuses.add(422)
    if route.params:
        statuses.add(404)
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {
            str(route.status): {"description": "成功", "content": _content(route, names)},
            **{
                str(s): {"description": _ERRORS[s], "content": _json(names[ErrorAnswer])}
                for s in sorted(statuses)
            },
        },
    }
    if route.roles:
        operation["description"] = f"需要角色：{'、'.join(route.roles)}（或 admin）"
    if route.public:
        operation["security"] = []
    elif route.scope:
        system = {"integration": [route.scope]}
        operation["security"] = [{"bearer": []}, system] if route.people else [system]
    if route.takes != JSON:
        operation["requestBody"] = {
            "required": True,
            "content": {route.takes: {"schema": {"type": "string", "format": "binary"}}},
        }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(names[route.body])}
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": JSON_KINDS[kind]}
        for name, kind in route.params.items()
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(ref_template=_REF)
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": part}
        for name, part in schema["properties"].items()
    ]


def _content(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    if route.media == JSON:
        return _json(names[route.answer])
    return {route.media: {"schema": {"type": "string", "format": "binary"}}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
