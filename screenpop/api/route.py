"""What an endpoint is: one description, from which both the server and the OpenAPI document are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import StreamReader, web
from pydantic import BaseModel, Field

from cti.errors import LaidianError
from cti.store.repos.integrations import Integration
from screenpop.auth import Principal

if TYPE_CHECKING:
    from screenpop.api.context import Context

M = TypeVar("M", bound=BaseModel)

JSON_KINDS: Mapping[type, dict[str, Any]] = {int: {"type": "integer"}, str: {"type": "string"}}


class ApiError(LaidianError):
    """An answer that is not the wanted one: `message` is a Chinese sentence that says what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        self.detail = dict(detail) if detail is not None else None


class ErrorBody(BaseModel):
    code: str
    message: str
    detail: dict[str, Any] | None = Field(
        None, description="what a page can act on: what is missing, what others changed; absent otherwise"
    )


class ErrorAnswer(BaseModel):
    """Every answer from 400 on."""

    error: ErrorBody


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request, authenticated and validated."""

    ctx: Context
    remote: str
    user_agent: str
    path: Mapping[str, Any]
    token: str = ""
    principal: Principal | None = None
    integration: Integration | None = None
    raw: bytes = b""  # the body as it came
    headers: Mapping[str, str] = field(default_factory=dict)
    upload: StreamReader | None = None  # of routes that take a file
    _body: BaseModel | None = None
    _query: BaseModel | None = None

    @property
    def who(self) -> Principal:
        """The person; only in routes that are not public."""
        if self.principal is None:
            raise ApiError(401, "not_signed_in", "请先登录。")
        return self.principal

    @property
    def system(self) -> Integration:
        """The other system that calls; only in routes that have a scope and no person uses."""
        if self.integration is None:
            raise ApiError(403, "integrations_only", "此接口只供对接系统使用，请用对接令牌调用。")
        return self.integration

    @property
    def masked(self) -> bool:
        """Whether numbers are hidden from this person."""
        return self.ctx.masked(self.who)

    def body(self, model: type[M]) -> M:
        """The validated body."""
        if not isinstance(self._body, model):
            raise ApiError(400, "no_body", "请求缺少内容。")
        return self._body

    def query(self, model: type[M]) -> M:
        """The validated query."""
        if not isinstance(self._query, model):
            raise ApiError(400, "no_query", "请求缺少参数。")
        return self._query


JSON = "application/json"
Handler = Callable[[ApiCall], Awaitable[BaseModel | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path. `path` is beneath /api/v1; `params` names the kinds of its parts."""

    method: str
    path: str
    handler: Handler
    answer: type[BaseModel]
    summary: str
    tag: str
    params: Mapping[str, type] = field(default_factory=dict)
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    roles: tuple[str, ...] = ()  # empty: everybody who is signed in
    scope: str = ""  # what another system's token needs; empty: no system may
    people: bool = True  # whether people may at all
    status: int = 200
    public: bool = False
    errors: tuple[int, ...] = ()
    media: str = JSON  # of the answer; other than JSON the handler makes the response itself
    max_body: int = 64 * 1024  # bytes
    takes: str = JSON  # media type of the body; other than JSON the handler reads it as it comes

    @property
    def operation_id(self) -> str:
        return getattr(self.handler, "__name__", "")
