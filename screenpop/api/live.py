"""Live help for supervisors: the flags, newest first."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from cti.store.repos import live as store
from screenpop.api.route import ApiCall, Route
from screenpop.live import FLAG_ROLES
from screenpop.wire import Instant


class FlagQuery(BaseModel):
    since: datetime | None = None
    agent: str = Field("", max_length=16)
    queue: str = Field("", max_length=32)
    limit: int = Field(100, ge=1, le=500)


class FlagOut(BaseModel):
    id: str
    at: Instant
    agent: str
    queue: str
    pop_id: str
    rule: str
    title: str
    heard: str
    sure: bool = Field(description="false: may have been misheard; a person decides either way")


class FlagsOut(BaseModel):
    items: tuple[FlagOut, ...]


async def list_flags(call: ApiCall) -> FlagsOut:
    q = call.query(FlagQuery)
    rows = await call.ctx.db.run(
        lambda conn: store.flags(conn, since=q.since, agent=q.agent, queue=q.queue, limit=q.limit)
    )
    return FlagsOut(items=tuple(FlagOut(**{k: r[k] for k in FlagOut.model_fields}) for r in rows))


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/live/flags",
        list_flags,
        FlagsOut,
        "实时辅助标记：通话中疑似说了禁语",
        "live",
        roles=FLAG_ROLES,
        query=FlagQuery,
    ),
)
