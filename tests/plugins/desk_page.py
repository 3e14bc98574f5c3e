"""An agent's desk in a real Chromium: the page, the service, the PBX that it hears, the line between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, WebSocket, expect

from cti.domain.phone import parse
from cti.schemes import load_scheme
from cti.store import repos
from cti.store.db import Database
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from tests.ami.played_pbx import NODE, PlayedPbx
from tests.ami.tcp_proxy import Proxy
from tests.plugins.browser import SOON, VIEWPORT, chromium, new_page, sign_in
from tests.plugins.screenpop import PopLine, poplines

OUYANG, HOSTILE = "13857100944", "13600136000"
MARKUP = "<img src=x onerror=alert(1)>"
BROKEN, TYPED = "SF1234567891", "SF1234567892"  # waybills of 王小明: one is a problem, one is on its way

# the queues of the traces
QUEUES = [
    {"name": "all", "label": "普通热线", "wrapup_s": 30},
    {"name": "hunt", "label": "VIP 专席", "wrapup_s": 0},
    {"name": "pair", "label": "双机", "wrapup_s": 30},
]
AGENTS = [{"number": number, "queues": ["all", "hunt"]} for number in ("1001", "1002", "1003")]


def furnish(url: str) -> None:
    """To the customers of the hotline: two more, and 王小明's waybills, complaint and visits."""
    now = datetime.now(UTC)

    def ago(**span: float) -> datetime:
        return now - timedelta(**span)

    def given(code: str, name: str, title: str, number: str, revenue: float, **values: Any) -> Given:
        parsed = parse(number)
        key = {"key": parsed.key, "suffix": parsed.suffix, "display": number}
        return Given(
            values={"code": code, "kind": "person", "name": name, "title": title, **values},
            metrics={"monthly_revenue": revenue},
            numbers=[{**key, "label": "移动电话", "extension": "", "contact": ""}],
        )

    def waybill(number: str, to: str, events: list[tuple[str, str, str, float]], problem: str = "") -> Any:
        rows = [
            {"at": ago(hours=hours), "state": state, "place": place, "operator": "", "text": text}
            for state, place, text, hours in events
        ]
        last = rows[-1]
        values = {"number": number, "state": last["state"], "updated_at": last["at"], "problem": problem}
        route = {"origin": "石家庄", "destination": to, "receiver_name": "仓库收货"}
        return GivenWaybill(
            values={**values, **route, "last_event": last["text"]}, events=rows, sender_code="C1"
        )

    collected = ("collected", "石家庄", "已揽收", 30.0)
    waybills = [
        waybill(
            BROKEN,
            "上海浦东",
            [collected, ("problem", "上海浦东", "到达上海浦东网点", 3.2)],
            "货物破损：外箱受潮",
        ),
        waybill(TYPED, "北京朝阳", [collected, ("delivering", "北京朝阳", "已由派送员取出派送", 0.2)]),
        waybill("SF1234567893", "广州天河", [collected, ("signed", "广州天河", "已签收，签收人：前台", 2.0)]),
    ]
    company = {"company": "文静手作坊", "address": "杭州市西湖区文三路 90 号"}
    people = [
        given("C4", "欧阳文静", "女士", OUYANG, 4350, **company),
        given("C5", MARKUP * 8, "女士", HOSTILE, 100, company='"><script>alert(1)</script>'),
    ]
    db = Database(url)
    with db.begin() as conn:
        upsert_customers(conn, people, now=now, scheme=load_scheme("sf"), source="synthetic")
        upsert_waybills(conn, waybills, now=now, source="synthetic")
        (wang,) = repos.search(conn, "王小明")
        assert wang.customer is not None
        mine = {"customer_id": wang.customer.id}
        text = "冷链药品晚到 6 小时，要求说明原因并赔付保温费用"
        repos.add_complaint(
            conn,
            category="延误",
            summary=text,
            opened_at=ago(hours=22),
            opened_by="1012",
            waybill=BROKEN,
            **mine,
        )
        for channel, hours, agent, summary, disposition in (
            ("call", 3.0, "1007", "外箱受潮，已登记问题件并承诺当日回复", "投诉"),
            ("call", 22.0, "1012", "催冷链件，已联系上海浦东网点", "催派"),
            ("visit", 216.0, "1003", "月度回访：对时效满意", ""),
        ):
            told = {"summary": summary, "disposition": disposition, "agent": agent, "direction": "inbound"}
            repos.add_contact(conn, at=ago(hours=hours), channel=channel, **told, **mine)
    db.close()


@dataclass
class DeskPage:
    """Everything around one browser. The service is at `base`, behind `line`, which can be cut."""

    popline: PopLine
    pbx: PlayedPbx
    line: Proxy
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    faults_expected: bool = False  # the browser may complain of a line that this test cuts
    _acks: dict[Page, list[str]] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.line.port}"

    async def tab(self, path: str = "/") -> Page:
        """A new tab; signed in when another one is."""
        page = await new_page(self.context, self.complaints)
        acks = self._acks[page] = []

        def socket(ws: WebSocket) -> None:
            ws.on("framesent", lambda text: acks.extend(_acked(text)))

        page.on("websocket", socket)
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        await page.goto(self.base + path)
        return page

    async def signed_in(self, username: str, path: str = "/") -> Page:
        """This person's page."""
        page = await self.tab(path)
        await sign_in(page, username)
        return page

    async def agent(self, username: str = "a1001") -> Page:
        """The page of an agent who is free, in the leading tab."""
        page = await self.signed_in(username)
        await expect(page.get_by_test_id("idle")).to_have_attribute("data-kind", "available")
        await expect(page.get_by_test_id("tab-role")).to_have_attribute("data-leader", "true")
        return page

    async def pbx_goes_and_returns(self) -> None:
        """The AMI connection is lost and comes back."""
        fleet = self.popline.parts.fleet
        assert fleet is not None
        await self.pbx.ami.away()
        await comes_true(lambda: not fleet.client(NODE).ready)
        await self.pbx.ami.listen()
        await fleet.client(NODE).wait_ready()

    async def revealed(self) -> list[str]:
        """The pops whose number was shown to somebody, as the audit says."""
        entries = await self.popline.parts.ctx.db.run(repos.list_audit)
        return [e["subject"].removeprefix("pop:") for e in entries if e["action"] == "reveal"]

    def acks(self, page: Page) -> list[str]:
        """The pops that this tab has acknowledged."""
        return self._acks[page]


def _acked(text: str | bytes) -> list[str]:
    message = json.loads(text)
    return [message["id"]] if message["type"] == "ack" else []


async def card_in(page: Page, state: str) -> str:
    """Wait for the card in a state; its pop's id."""
    card = page.get_by_test_id("pop-card")
    await expect(card).to_have_attribute("data-state", state)
    return await card.get_attribute("data-pop-id") or ""


async def comes_true(asked: Callable[[], bool]) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(SOON / 1000):
        while not asked():
            await asyncio.sleep(0.05)


async def page_says(page: Page, script: str) -> None:
    """Ask the page until it is so; `wait_for_function` polls inside it, where its policy forbids eval."""
    async with asyncio.timeout(SOON / 1000):
        while not await page.evaluate(script):
            await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
def _furnished_file(tmp_path_factory: pytest.TempPathFactory, _seeded_file: Path) -> Path:
    file = tmp_path_factory.mktemp("furnished") / "furnished.db"
    shutil.copyfile(_seeded_file, file)
    furnish(f"sqlite:///{file}")
    return file


@pytest.fixture
def furnished_url(tmp_path: Path, _furnished_file: Path) -> str:
    """A SQLite file of its own with the customers of the hotline and what `furnish` adds."""
    file = tmp_path / "furnished.db"
    shutil.copyfile(_furnished_file, file)
    return f"sqlite:///{file}"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def module_browser() -> AsyncIterator[Browser]:
    """A headless Chromium for all tests of a module, which run on the module's loop."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def start_desk_page(module_browser: Browser, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Start a desk: ``await start_desk_page(url, pop={…})``; in the end no browser may have complained."""
    desks: list[DeskPage] = []
    async with contextlib.AsyncExitStack() as stack:
        start_popline = await stack.enter_async_context(poplines(tmp_path))

        async def start(url: str, *, seeded: bool = True, **sections: Any) -> DeskPage:
            pbx = await stack.enter_async_context(PlayedPbx())
            given = {"ami": [pbx.node()], "agents": AGENTS, "queues": QUEUES, **sections}
            popline: PopLine = await start_popline(url, seeded=seeded, **given)
            fleet = popline.parts.fleet
            assert fleet is not None
            await fleet.client(NODE).wait_ready()
            line = await stack.enter_async_context(Proxy((popline.parts.host, popline.parts.port)))
            context = await module_browser.new_context(viewport=VIEWPORT, locale="zh-CN")
            stack.push_async_callback(context.close)
            desks.append(DeskPage(popline, pbx, line, context))
            return desks[-1]

        yield start
        said = [text for desk in desks if not desk.faults_expected for text in desk.complaints]
    assert said == []


@pytest_asyncio.fixture(loop_scope="module")
async def desk_page(start_desk_page: Callable[..., Any], furnished_url: str) -> DeskPage:
    """A desk on SQLite with the furnished customers."""
    started: DeskPage = await start_desk_page(furnished_url)
    return started
