"""The store slow, locked or away: pops come all the same and are completed, nothing recorded is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from cti.store.db import Database
from screenpop.journal import Journal
from screenpop.ledger import LedgerWriter
from tests.plugins.postgres import Cluster, dsn
from tests.plugins.screenpop import PopLine, Story


@pytest.mark.postgres
async def test_slow_look_up_does_not_hold_up_the_ring(
    start_popline: Callable[..., Any], postgres_url: str
) -> None:
    """Past the deadline the pop comes without the customer, and an update completes it."""
    popline: PopLine = await start_popline(postgres_url, seeded=False, pop={"lookup_deadline_s": 0.2})
    with psycopg.connect(**dsn(postgres_url)) as lock:
        async with popline.page("a1001") as page:
            lock.execute("LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE")
            popline.hear(*Story().rings("1001"))
            pop = await page.next("pop")
            assert (pop["caller"]["outcome"], pop["caller"]["rule"]) == ("unavailable", "late")
            assert pop["customer"] is None
            lock.rollback()
            update = await page.next("pop_update")
    assert (update["id"], update["changes"]["customer"]["name"]) == (pop["id"], "王小明")
    assert update["changes"]["hints"]["greeting"].startswith("王先生")
    row = await popline.row(pop["id"])
    assert (row["outcome"], row["rule"]) == ("one", "exact")


@pytest.mark.postgres
async def test_store_away_and_back(
    start_popline: Callable[..., Any], postgres_url: str, postgres_cluster: Cluster
) -> None:
    """No database: outcome unavailable, calls go on; back: the customer follows, the ledger is whole."""
    popline: PopLine = await start_popline(postgres_url, seeded=False)
    name = dsn(postgres_url)["dbname"]
    story = Story()
    async with popline.page("a1001") as page:
        postgres_cluster.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres_cluster.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        popline.hear(*story.rings("1001"))
        pop = await page.next("pop")
        assert (pop["caller"]["outcome"], pop["customer"]) == ("unavailable", None)
        await page.ack(pop)
        popline.hear(*story.answered("1001"))
        update = await page.until(
            "pop_update", lambda m: m["changes"].get("call", {}).get("state") == "talking"
        )
        assert update["id"] == pop["id"]
        draft = {"note": "数据库不在", "disposition": ""}
        assert (await popline.api("PUT", f"/pops/{pop['id']}/draft", user="a1001", body=draft))[0] == 200
        async with popline.http.get(f"{popline.base}/readyz") as answer:
            assert (answer.status, "store" in (await answer.json())["faults"]) == (503, True)
        postgres_cluster.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        update = await page.until("pop_update", lambda m: bool(m["changes"].get("customer")))
        assert update["changes"]["customer"]["name"] == "王小明"
    row = await popline.row(pop["id"])
    assert (row["note"], row["state"], row["outcome"]) == ("数据库不在", "talking", "one")
    assert None not in (row["received_at"], row["pushed_at"], row["acked_at"], row["answered_at"])


async def test_locked_sqlite_delays_the_ledger_and_nothing_else(popline: PopLine, seeded_url: str) -> None:
    """Another process holds the write lock: pops with customers come, the rows follow when it lets go."""
    await popline.token("a1001")
    lock = sqlite3.connect(seeded_url.removeprefix("sqlite:///"), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    ids = []
    async with popline.page("a1001") as page:
        for n in range(20):
            story = Story(f"1700000000.{n}")
            popline.hear(*story.rings("1001"))
            pop = await page.next("pop")
            assert pop["customer"]["name"] == "王小明"
            ids.append(pop["id"])
            popline.hear(*story.answered("1001"), *story.over("1001"))
    assert popline.parts.ctx.ledger.pending > 0
    lock.execute("ROLLBACK")
    lock.close()
    states = [(await popline.row(id))["state"] for id in ids]
    assert states == ["wrapup"] * 20


async def test_journal_takes_over_what_the_last_run_could_not_bring(
    start_popline: Callable[..., Any], seeded_url: str, tmp_path: Any
) -> None:
    """Records that never reached the store are brought by the next run, in order, before it is ready."""
    journal = Journal(tmp_path / "journal")
    row = {"node": "pbx1", "linkedid": "1.1", "agent": "1001", "pbx_at": "2026-03-09T01:00:00+00:00"}
    closed = {**row, "state": "closed", "closed_at": "2026-03-09T01:01:00+00:00", "reason": "completed"}
    journal.append({"op": "pop", "id": "px", "set": {**row, "state": "talking", "note": "旧"}})
    journal.append({"op": "nonsense"})
    journal.append({"op": "pop", "id": "px", "set": {**closed, "note": "新"}})
    journal.close()
    popline: PopLine = await start_popline(seeded_url)
    found = await popline.row("px")
    assert (found["state"], found["note"], found["reason"]) == ("closed", "新", "completed")
    assert "nonsense" in (tmp_path / "journal" / "rejected.jsonl").read_text(encoding="utf-8")


async def test_same_record_twice_changes_nothing(database: Database, tmp_path: Any) -> None:
    """Taking a batch again (a crash before it was noted) leaves one row and one contact, on both stores."""
    journal = Journal(tmp_path)
    ledger = LedgerWriter(database, journal)
    ledger.start()
    key = {"node": "pbx1", "linkedid": "1.1", "agent": "1001"}
    for _ in range(2):
        at = "2026-03-09T01:00:00+00:00"
        ledger.add({"op": "pop", "id": "px", "set": {**key, "pbx_at": at, "state": "talking"}})
        contact = {**key, "channel": "call", "at": at, "pop_id": "px", "note": "x", "ivr": {}}
        ledger.add({"op": "contact", "set": contact})
        ledger.add({"op": "gap", "node": "pbx1", "since": at, "until": None, "reason": "x"})
        assert await ledger.settled(20)
    await ledger.stop()
    journal.close()
    with database.begin() as conn:
        counts = [
            conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("pops", "contacts", "gaps")
        ]
    assert counts == [1, 1, 1]


async def test_contact_of_a_deleted_customer_is_kept(database: Database, tmp_path: Any) -> None:
    """A customer id that no longer exists does not cost the note."""
    journal = Journal(tmp_path)
    ledger = LedgerWriter(database, journal)
    ledger.start()
    at = "2026-03-09T01:00:00+00:00"
    key = {"node": "pbx1", "linkedid": "1.1", "agent": "1001", "customer_id": 4711}
    ledger.add({"op": "pop", "id": "px", "set": {**key, "pbx_at": at}})
    ledger.add({"op": "contact", "set": {**key, "channel": "call", "at": at, "pop_id": "px", "note": "留"}})
    assert await ledger.settled(20)
    await ledger.stop()
    journal.close()
    with database.begin() as conn:
        notes = conn.exec_driver_sql("SELECT note, customer_id FROM contacts").all()
    assert [tuple(n) for n in notes] == [("留", None)]


async def test_service_starts_without_a_store_and_pops_come(
    start_popline: Callable[..., Any], postgres_url: str, postgres_cluster: Cluster
) -> None:
    """With the database away from the beginning the service still answers its health check."""
    name = dsn(postgres_url)["dbname"]
    postgres_cluster.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    async with asyncio.timeout(60):
        popline: PopLine = await start_popline(postgres_url)
    async with popline.http.get(f"{popline.base}/healthz") as answer:
        assert answer.status == 200
    async with popline.http.get(f"{popline.base}/readyz") as answer:
        assert answer.status == 503
    postgres_cluster.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


async def test_full_journal_is_told_and_pops_go_on(popline: PopLine) -> None:
    """A draft that cannot be kept is not answered as kept; readiness says so; pops still come and close."""
    journal = popline.parts.ctx.ledger._journal
    story = Story()
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"))
        pop = await page.next("pop")
        await popline.parts.ctx.ledger.settled(10)
        journal._max = 0
        status, body = await popline.api("PUT", f"/pops/{pop['id']}/draft", user="a1001", body={"note": "x"})
        assert (status, body["error"]["code"]) == (503, "unavailable")
        async with popline.http.get(f"{popline.base}/readyz") as answer:
            assert (answer.status, "journal" in (await answer.json())["faults"]) == (503, True)
        popline.hear(*story.answered("1001"))
        assert (await page.next("pop_update"))["changes"]["call"]["state"] == "talking"
