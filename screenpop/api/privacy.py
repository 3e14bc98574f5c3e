"""One person's data over HTTP: consent, export, erasure; the audit log for those who answer for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from cti.domain.consent import LABELS, SOURCES, Purpose, allowed
from cti.errors import UsageError
from cti.store import repos
from cti.store.privacy import ERASE_S, unlinker
from cti.store.repos import consents, personal
from cti.store.repos.erase import erase_person
from screenpop.api.route import ApiCall, ApiError, Route

BACKUPS = "备份里的数据不会被改动：恢复备份之后请再执行一次删除。"
_GONE = ApiError(404, "no_such_customer", "没有找到这位客户，可能已被删除。")


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ConsentIn(_In):
    purpose: Literal["call_back", "marketing", "recording"]
    given: bool
    source: str = Field("电话", max_length=20, description="、".join(SOURCES))
    note: str = Field("", max_length=400)


class ConsentWord(BaseModel):
    purpose: str
    given: bool
    at: datetime
    who: str
    source: str
    note: str


class ConsentState(BaseModel):
    purpose: str
    label: str
    given: bool | None = Field(description="客户最近一次的表示；没有表示过为 null")
    allowed: bool


class ConsentsOut(BaseModel):
    items: tuple[ConsentState, ...]
    history: tuple[ConsentWord, ...]
    sources: tuple[str, ...] = SOURCES


class PersonQuery(_In):
    who: str = Field(min_length=1, max_length=80, description="客户编号、#id 或号码")


class PersonOut(BaseModel):
    """What there is of a person; nothing is changed yet."""

    customer_id: int | None
    name: str
    counts: dict[str, int]
    note: str = BACKUPS


class EraseIn(PersonQuery):
    confirm: Literal["删除"]


async def get_consents(call: ApiCall) -> ConsentsOut:
    customer_id = call.path["customer_id"]

    def read(conn: Connection) -> Any:
        known = repos.customer(conn, customer_id, now=call.ctx.now())
        return known, consents.history(conn, customer_id)

    known, history = await call.ctx.db.run(read)
    if known is None:
        raise _GONE
    return _told(history)


async def put_consent(call: ApiCall) -> ConsentsOut:
    body, customer_id = call.body(ConsentIn), call.path["customer_id"]
    how: dict[str, Any] = {"given": body.given, "source": body.source, "note": body.note}
    how |= {"at": call.ctx.now(), "who": call.who.username, "remote": call.remote}

    def write(conn: Connection) -> Any:
        if repos.customer(conn, customer_id, now=call.ctx.now()) is None:
            raise _GONE
        consents.say(conn, customer_id, Purpose(body.purpose), **how)
        return consents.history(conn, customer_id)

    return _told(await call.ctx.db.write(write))


def _told(history: Any) -> ConsentsOut:
    last = {Purpose(row["purpose"]): bool(row["given"]) for row in reversed(history)}
    items = tuple(
        ConsentState(purpose=p.value, label=label, given=last.get(p), allowed=allowed(p, last.get(p)))
        for p, label in LABELS.items()
    )
    words = tuple(ConsentWord(**{n: row[n] for n in ConsentWord.model_fields}) for row in history[:50])
    return ConsentsOut(items=items, history=words)


async def find_person(call: ApiCall) -> PersonOut:
    who, plan = call.query(PersonQuery).who, call.ctx.plan

    def read(conn: Connection) -> PersonOut:
        person = _person(conn, who, plan)
        name = "" if person.customer is None else str(person.customer["name"])
        return PersonOut(customer_id=person.id, name=name, counts=personal.count_person(conn, person))

    return await call.ctx.db.run(read, deadline=ERASE_S)


async def export_person(call: ApiCall) -> web.StreamResponse:
    who, plan, at = call.query(PersonQuery).who, call.ctx.plan, call.ctx.now()

    def read(conn: Connection) -> Any:
        person = _person(conn, who, plan)
        subject = f"customer:{person.id}" if person.id is not None else "number"
        by: dict[str, Any] = {"who": call.who.username, "remote": call.remote, "at": at}
        repos.add_audit(conn, action="export_person", subject=subject, **by)
        return person.id, personal.export_person(conn, person)

    # a write: what is not logged is not handed out
    person_id, told = await call.ctx.db.write(read, deadline=ERASE_S)
    name = f"person-{person_id or 'number'}-{at:%Y%m%d}.json"
    return web.Response(
        text=json.dumps(told, ensure_ascii=False, indent=1, default=str),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def erase(call: ApiCall) -> PersonOut:
    body, plan, at = call.body(EraseIn), call.ctx.plan, call.ctx.now()
    unlink = unlinker(call.ctx.settings)

    def write(conn: Connection) -> tuple[personal.Person, dict[str, int]]:
        person = _person(conn, body.who, plan)
        by: dict[str, Any] = {"who": call.who.username, "remote": call.remote, "at": at}
        return person, erase_person(conn, person, unlink=unlink, **by)

    person, counts = await call.ctx.db.write(write, deadline=ERASE_S)
    # other services find it in the store; here the screens lose the person at once
    hashes = frozenset(personal.key_hash(k) for k in person.keys)
    call.ctx.service.forget_person(person.id, hashes, plan)
    return PersonOut(customer_id=person.id, name="", counts=counts)


def _person(conn: Connection, who: str, plan: Any) -> personal.Person:
    try:
        return personal.find_person(conn, who, plan)
    except UsageError as e:
        if "several" in str(e):
            raise ApiError(409, "several", "有多位客户使用此号码，请改用客户编号。") from None
        raise _GONE from None


_ID: Mapping[str, type] = {"customer_id": int}
_ADMIN = ("admin",)
ROUTES = (
    Route(
        *(
            "GET",
            "/customers/{customer_id}/consents",
            get_consents,
            ConsentsOut,
            "授权：客户同意与拒绝过什么",
        ),
        "customers",
        params=_ID,
        scope="customers:read",
    ),
    Route(
        *("POST", "/customers/{customer_id}/consents", put_consent, ConsentsOut, "记录客户的同意或拒绝"),
        "customers",
        params=_ID,
        body=ConsentIn,
        roles=("agent", "supervisor"),
    ),
    Route(
        *("GET", "/admin/person", find_person, PersonOut, "一个人有哪些数据"),
        "admin",
        query=PersonQuery,
        roles=_ADMIN,
        errors=(404, 409),
    ),
    Route(
        *("GET", "/admin/person/export.json", export_person, PersonOut, "导出一个人的全部数据（记入审计）"),
        "admin",
        query=PersonQuery,
        roles=_ADMIN,
        errors=(404, 409),
        media="application/octet-stream",
    ),
    Route(
        *("POST", "/admin/person/erase", erase, PersonOut, "删除一个人的数据（记入审计，不可恢复）"),
        "admin",
        body=EraseIn,
        roles=_ADMIN,
        errors=(404, 409),
    ),
)
