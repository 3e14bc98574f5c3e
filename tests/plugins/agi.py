"""The self-service on a real Asterisk: FastAGI server in the test's own event loop, a store with parcels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from agi_scripts.host import Running, running
from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_tcp
from asterisk_conf.softphones import Phones
from cti.ami.client import AmiClient
from cti.ami.wire import Message
from cti.config import AmiNode, Settings
from cti.store.db import Database
from cti.store.migrations import upgrade
from cti.store.repos.points import add_points
from cti.store.tables import customers, numbers, waybill_events, waybills

CALLER = "13800138000"
STRANGER = "13900139001"
VIP = "13700137000"
OWN = "800100200301"  # sent to CALLER
FOREIGN = "800100200302"  # sent to 13911112222


def fill(db: Database) -> None:
    """Synthetic customers and parcels."""
    now = datetime.now(UTC)
    with db.begin() as conn:
        for code, name, phone, tier, green in (
            ("C1", "王小明", CALLER, "", False),
            ("C2", "李总", VIP, "VIP客户", True),
        ):
            cid = conn.execute(
                sa.insert(customers)
                .values(
                    code=code,
                    kind="person",
                    name=name,
                    title="先生",
                    address="深圳市福田区",
                    tier_scheme="sf" if tier else "",
                    tier_id="vip" if tier else "",
                    tier_label=tier,
                    tier_at=now if tier else None,
                    green_channel=green,
                    grams=[name],
                    created_at=now,
                    updated_at=now,
                )
                .returning(customers.c.id)
            ).scalar_one()
            add_points(conn, cid, 1280, at=now, reason="期初", who="test")
            conn.execute(
                sa.insert(numbers).values(
                    key=f"mobile:{phone}", suffix=phone[-8:], display=phone, customer_id=cid
                )
            )
        for number, receiver, state in ((OWN, CALLER, "delivering"), (FOREIGN, "13911112222", "in_transit")):
            wid = conn.execute(
                sa.insert(waybills)
                .values(
                    number=number,
                    receiver_key=f"mobile:{receiver}",
                    receiver_display=receiver,
                    sender_key="mobile:13500135000",
                    origin="北京",
                    destination="深圳",
                    state=state,
                    promised_at=now + timedelta(hours=3),
                    created_at=now - timedelta(days=1),
                    updated_at=now - timedelta(hours=1),
                )
                .returning(waybills.c.id)
            ).scalar_one()
            conn.execute(
                sa.insert(waybill_events).values(
                    waybill_id=wid, at=now - timedelta(hours=1), state=state, place="广州", text=""
                )
            )


@pytest.fixture
def ivr_store(tmp_path: Path) -> Iterator[Database]:
    """An SQLite store with two customers and two parcels."""
    db = Database(f"sqlite:///{tmp_path / 'ivr.db'}")
    upgrade(db)
    fill(db)
    yield db
    db.close()


@dataclass
class Heard:
    """What AMI told while a test ran: every event, and what the callers heard."""

    events: list[Message] = field(default_factory=list)

    def messages(self, batch: Any, received: datetime) -> None:
        self.events += batch

    def resync(self, channels: Any, queues: Any, at: datetime) -> None:
        pass

    def gap(self, event: Any) -> None:
        pass

    def user_events(self, name: str) -> list[Message]:
        return [m for m in self.events if m.name == "UserEvent" and m.get("UserEvent") == name]

    def names(self) -> list[str]:
        return [m.name for m in self.events]


@dataclass
class Hotline:
    """One running hotline."""

    instance: Instance
    settings: Settings
    service: Running | None
    phones: Phones
    heard: Heard
    ami: AmiClient
    db: Database

    async def until(self, true: Callable[[], Any], what: str, timeout_s: float = 15.0) -> Any:
        """Wait for something to come true; its value."""
        end = time.monotonic() + timeout_s
        while not (found := true()):
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {timeout_s} s; heard: {self.spoken()}")
            await asyncio.sleep(0.05)
        return found

    async def hears(self, sound: str, timeout_s: float = 20.0) -> None:
        """Wait until this sound has been played to somebody."""
        await self.until(lambda: sound in self.spoken(), f"sound {sound}", timeout_s)

    async def context(self, **wanted: str) -> dict[str, str]:
        """Wait for a LaidianContext event that holds at least `wanted`."""

        def found() -> dict[str, str] | None:
            for message in self.heard.user_events("LaidianContext"):
                if all(message.get(key) == value for key, value in wanted.items()):
                    return dict(message.headers)
            return None

        result: dict[str, str] = await self.until(found, f"context {wanted}")
        return result

    def rows(self, table: sa.Table) -> list[Any]:
        """Everything in one table."""
        with self.db.begin(write=False) as conn:
            return list(conn.execute(sa.select(table)).mappings().all())

    def spoken(self) -> list[str]:
        """Names of the sounds that Asterisk played, in order, from its own log."""
        found = []
        for line in (self.instance.logs / "played.log").read_text(errors="replace").splitlines():
            _, mark, rest = line.partition("Playing 'laidian/")
            if mark:
                found.append(rest.split("'")[0].rpartition(".")[0] or rest.split("'")[0])
        return found


@pytest.fixture
def hotline(start_asterisk: Callable[..., Instance], ivr_store: Database) -> Callable[..., Any]:
    """``async with hotline(...) as h``: an own Asterisk with the self-service before its queues."""

    @asynccontextmanager
    async def run(*, serve: bool = True, **overrides: Any) -> AsyncIterator[Hotline]:
        port = free_tcp()
        agi = {"enabled": True, "port": port} | overrides.pop("agi", {})
        instance = start_asterisk(agi=agi, **overrides)
        base = instance.settings
        node = AmiNode(
            name=base.asterisk.node,
            port=base.asterisk.ami_port,
            username=base.asterisk.ami_username,
            secret=base.asterisk.ami_secret,
        )
        settings = base.model_copy(update={"ami": (node,)})
        instance.console("core set verbose 3")
        instance.console("logger add channel played.log verbose(3)")
        heard = Heard()
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(AmiClient(node, heard, wanted=None))
            await client.wait_ready()
            service = await stack.enter_async_context(running(settings, ivr_store)) if serve else None
            phones = await stack.enter_async_context(Phones(settings))
            yield Hotline(instance, settings, service, phones, heard, client, ivr_store)

    return run
