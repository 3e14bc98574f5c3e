"""A running service on free ports with a few synthetic customers, pages that connect, and call events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy.engine import Connection

from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_tcp
from cti.config import Settings
from cti.domain.call import CallEvent, CallEventKind, CallKey, Direction
from cti.domain.phone import parse
from cti.schemes import load_scheme
from cti.store import repos
from cti.store.db import Database
from cti.store.passwords import hash_password
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from screenpop.auth import token_hash
from screenpop.root import Running, running

PASSWORD = "correct-horse"
WAITS_S = 10.0
_HASH = hash_password(PASSWORD)

USERS = {  # user name → name, roles, agent
    "a1001": ("张一", ("agent",), "1001"),
    "a1002": ("李二", ("agent",), "1002"),
    "a1003": ("王三", ("agent",), "1003"),
    "boss": ("班长", ("supervisor",), ""),
    "root": ("管理员", ("admin",), ""),
    "qa": ("质检", ("qa_lead",), ""),
}
WANG, LIU, SHARED = "13800138000", "13900139000", "13700137000"


def seed(url: str) -> None:
    """Users, three synthetic customers (two share a number) and a waybill."""
    now = datetime.now(UTC)
    db = Database(url)

    def person(code: str, name: str, title: str, number: str, revenue: float) -> Given:
        parsed = parse(number)
        return Given(
            values={"code": code, "kind": "person", "name": name, "title": title, "note": f"备用 {number}"},
            metrics={"monthly_revenue": revenue},
            numbers=[
                {
                    "key": parsed.key,
                    "suffix": parsed.suffix,
                    "display": number,
                    "label": "移动电话",
                    "extension": "",
                    "contact": "",
                }
            ],
        )

    batch = [
        person("C1", "王小明", "先生", WANG, 12000),
        person("C2", "刘芳", "女士", SHARED, 500),
        person("C3", "欧阳静", "女士", SHARED, 3000),
    ]
    with db.begin() as conn:
        for username, (name, roles, agent) in USERS.items():
            repos.add_user(
                conn, username=username, password_hash=_HASH, name=name, roles=roles, now=now, agent=agent
            )
        upsert_customers(conn, batch, now=now, scheme=load_scheme("sf"), source="synthetic")
        waybill = GivenWaybill(
            values={
                "number": "SF1234567890",
                "state": "in_transit",
                "updated_at": now,
                "origin": "深圳",
                "destination": "北京",
                "receiver_name": "赵",
            },
            events=[{"at": now, "state": "in_transit", "place": "深圳", "operator": "", "text": "已发出"}],
            sender_code="C1",
        )
        upsert_waybills(conn, [waybill], now=now, source="synthetic")
    db.close()


def open_session(conn: Connection, username: str) -> str:
    """A token, without the work of hashing a password."""
    user = repos.user_by_name(conn, username)
    if user is None:
        raise AssertionError(f"no user {username}")
    token, now = secrets.token_urlsafe(32), datetime.now(UTC)
    repos.add_session(
        conn,
        token_hash=token_hash(token),
        user_id=user.id,
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    return token


def hotline_settings(url: str, folder: Path, **sections: Any) -> Settings:
    """Three agents, a ring-all queue with no wrap-up time to wait for."""
    values: dict[str, Any] = {
        "store": {"url": url},
        "web": {"port": free_tcp()},
        "pop": {"journal": folder / "journal"},
        "agents": [{"number": n, "queues": ["hotline"]} for n in ("1001", "1002", "1003")],
        "queues": [{"name": "hotline", "label": "热线", "wrapup_s": 30}],
    }
    for name, value in sections.items():
        values[name] = values.get(name, {}) | value if isinstance(value, dict) else value
    return Settings(**values)


def sections_of(asterisk: Instance) -> dict[str, Any]:
    """Settings of a service beside this Asterisk: the same agents and queues, and where its AMI is."""
    s = asterisk.settings
    node = {
        "name": "pbx1",
        "port": s.asterisk.ami_port,
        "username": s.asterisk.ami_username,
        "secret": s.asterisk.ami_secret.get_secret_value(),
    }
    agents, queues = [a.model_dump() for a in s.agents], [q.model_dump() for q in s.queues]
    return {"ami": [node], "agents": agents, "queues": queues}


def pbx_sections(asterisk: Instance, wrapup_s: int) -> dict[str, Any]:
    """The same with a wrap-up of its own, and defaults for all else of a queue."""
    queues = asterisk.settings.queues
    own = [{"name": q.name, "label": q.label, "did": q.did, "wrapup_s": wrapup_s} for q in queues]
    return {**sections_of(asterisk), "queues": own}


class Page:
    """A browser's side of the socket: keeps every message."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.messages: list[dict[str, Any]] = []
        self._read = 0

    async def next(self, *kinds: str) -> dict[str, Any]:
        """The next message of these kinds (any without); others are passed over."""
        async with asyncio.timeout(WAITS_S):
            while True:
                said = await self.ws.receive()
                if said.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(f"closed with {self.ws.close_code} while waiting for {kinds}")
                message: dict[str, Any] = json.loads(said.data)
                self.messages.append(message)
                if not kinds or message["type"] in kinds:
                    return message

    async def until(self, kind: str, match: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message of this kind that matches."""
        while not match(message := await self.next(kind)):
            pass
        return message

    async def silent(self) -> list[dict[str, Any]]:
        """What has come about pops up to the answer of a ping sent now."""
        before = len(self.messages)
        await self.ws.send_json({"type": "ping"})
        await self.next("pong")
        return [m for m in self.messages[before:-1] if m["type"] != "state"]

    async def ack(self, pop: dict[str, Any]) -> None:
        """Say that a pop is rendered."""
        await self.ws.send_json({"type": "ack", "id": pop["id"]})

    async def closed(self) -> int | None:
        """Wait for the server to close; the code."""
        async with asyncio.timeout(WAITS_S):
            while (await self.ws.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return self.ws.close_code


class PopLine:
    """The service under test, seen from outside; `hear` is where the PBX's events come in."""

    def __init__(self, base: str, http: aiohttp.ClientSession, service: Running | None = None) -> None:
        self.base = base
        self.http = http
        self.running = service
        self._tokens: dict[str, str] = {}

    @property
    def parts(self) -> Running:
        if self.running is None:
            raise AssertionError("this service runs in another process")
        return self.running

    def hear(self, *events: CallEvent) -> None:
        """The tracker tells call events."""
        for event in events:
            self.parts.ctx.service.hear(event)

    async def token(self, username: str) -> str:
        """A token of this user: signed in by password in another process, else quicker through the store."""
        if username not in self._tokens:
            if self.running is None:
                body = {"username": username, "password": PASSWORD}
                status, body = await self.api("POST", "/login", body=body)
                if status != 200:
                    raise AssertionError(f"sign-in of {username}: {status} {body}")
                self._tokens[username] = body["token"]
            else:
                self._tokens[username] = await self.running.ctx.db.write(lambda c: open_session(c, username))
        return self._tokens[username]

    async def api(self, method: str, path: str, *, user: str = "", body: Any = None) -> tuple[int, Any]:
        """One request; status and JSON."""
        headers = {"Authorization": f"Bearer {await self.token(user)}"} if user else {}
        async with self.http.request(
            method, f"{self.base}/api/v1{path}", json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    @contextlib.asynccontextmanager
    async def page(self, username: str, **options: Any) -> AsyncIterator[Page]:
        """A page that has signed in; its first message is already read (``page.messages[0]``)."""
        token = await self.token(username)
        async with self.http.ws_connect(f"{self.base}/ws/agent", **options) as ws:
            await ws.send_json({"type": "auth", "token": token, "tab": "t"})
            page = Page(ws)
            await page.next("ready")
            yield page

    async def row(self, pop_id: str) -> dict[str, Any]:
        """The pop's row of the ledger, once everything recorded is in the store."""
        await self.parts.ctx.ledger.settled(WAITS_S)
        found = await self.parts.ctx.db.run(lambda c: repos.pop(c, pop_id))
        if found is None:
            raise AssertionError("no such row")
        return dict(found)


class Story:
    """Makes the events of one call, a second apart, as the tracker would tell them."""

    def __init__(
        self, linkedid: str = "1700000000.1", number: str = WANG, *, node: str = "pbx1", **common: Any
    ) -> None:
        self.key = CallKey(node, linkedid)
        self.at = datetime.now(UTC)
        self._common: dict[str, Any] = {"caller_number": number, "queue": "hotline", **common}

    def tell(self, kind: CallEventKind, **fields: Any) -> CallEvent:
        """The next event."""
        self.at += timedelta(milliseconds=1)
        return CallEvent(kind, self.key, self.at, **{**self._common, **fields})

    def rings(self, *agents: str) -> Sequence[CallEvent]:
        """Arrived, queued, offered to each agent."""
        first = [self.tell(CallEventKind.ARRIVED, queue=""), self.tell(CallEventKind.QUEUED)]
        return [*first, *(self.tell(CallEventKind.OFFERED, agent=a) for a in agents)]

    def answered(self, agent: str, *others: str) -> Sequence[CallEvent]:
        """One answers, the others stop ringing."""
        gone = [
            self.tell(CallEventKind.OFFER_ENDED, agent=a, peer=agent, reason="answered_elsewhere")
            for a in others
        ]
        return [*gone, self.tell(CallEventKind.ANSWERED, agent=agent)]

    def over(self, agent: str) -> Sequence[CallEvent]:
        """The talk and the call end."""
        return [self.tell(CallEventKind.WRAPPED_UP, agent=agent), self.tell(CallEventKind.ENDED)]


INTERNAL = Direction.INTERNAL


@pytest.fixture
def story() -> type[Story]:
    """Makes call events."""
    return Story


@contextlib.asynccontextmanager
async def poplines(folder: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts services, which end with the block."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def start(url: str, *, seeded: bool = True, **sections: Any) -> PopLine:
            if not seeded:
                await asyncio.to_thread(seed, url)
            settings = hotline_settings(url, folder, **sections)
            service = await stack.enter_async_context(running(settings))
            return PopLine(service.url, http, service)

        yield start


@pytest.fixture
async def start_popline(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Start a service: ``await start_popline(url, pop={…})``; ended after the test."""
    async with poplines(tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
def _seeded_file(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Path:
    file = tmp_path_factory.mktemp("seeded") / "seeded.db"
    shutil.copyfile(_sqlite_template, file)
    seed(f"sqlite:///{file}")
    return file


@pytest.fixture
def seeded_url(tmp_path: Path, _seeded_file: Path) -> str:
    """A SQLite file of its own with users, customers and a waybill."""
    file = tmp_path / "seeded.db"
    shutil.copyfile(_seeded_file, file)
    return f"sqlite:///{file}"


@pytest.fixture
async def popline(start_popline: Callable[..., Any], seeded_url: str) -> PopLine:
    """A service on SQLite without a PBX; the test tells the events."""
    started: PopLine = await start_popline(seeded_url, seeded=True)
    return started
