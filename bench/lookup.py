"""The pop's look-up against the raw drivers in the same run, and search over millions of numbers.

One look-up brings the customer, contact person, last contacts, waybills, problem items, complaints and
orders, and turns them into what the pop shows. The raw driver fetches customer, five contacts and five
waybills as bare tuples and does nothing with them: that is the floor, not an equal. All data is synthetic.

``python -m bench lookup`` takes the sizes from LAIDIAN_BENCH_CUSTOMERS (SQLite, 100,000) and
LAIDIAN_BENCH_NUMBERS (PostgreSQL, 5,000,000; 0 leaves it out).
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench import machine
from cti.domain.phone import parse
from cti.store import repos
from cti.store.db import Database
from cti.store.migrations import upgrade

NOW = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
ROUNDS = 5
PER_ROUND = 400
AT_ONCE = 16
RICH = 200_000  # customers that have contacts and waybills on PostgreSQL; these are the ones looked up

Ask = Callable[[int], Any]


def main() -> dict[str, Any]:
    """Measure both stores; writes bench/results/lookup.json."""
    customers = int(os.environ.get("LAIDIAN_BENCH_CUSTOMERS", "100000"))
    numbers = int(os.environ.get("LAIDIAN_BENCH_NUMBERS", "5000000"))
    found: dict[str, Any] = {"sqlite": _sqlite(customers)}
    if numbers:
        found["postgresql"] = _postgresql(numbers)
    return machine.write("lookup", found)


def _sqlite(customers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as folder:
        file = Path(folder) / "bench.db"
        database = Database(f"sqlite:///{file}")
        upgrade(database)
        start = time.perf_counter()
        _fill_sqlite(file, customers)
        filled_s = time.perf_counter() - start
        raw = sqlite3.connect(file)

        def ask_raw(i: int) -> Any:
            one = raw.execute(
                "SELECT c.* FROM numbers n JOIN customers c ON c.id = n.customer_id WHERE n.key = ?",
                (f"mobile:{_mobile(i)}",),
            ).fetchone()
            calls = "SELECT * FROM contacts WHERE customer_id = ? ORDER BY at DESC LIMIT 5"
            parcels = "SELECT * FROM waybills WHERE sender_customer_id = ? ORDER BY updated_at DESC LIMIT 5"
            return one, *(raw.execute(q, (one[0],)).fetchall() for q in (calls, parcels))

        result = _measure(database, ask_raw, customers)
        raw.close()
        database.close()
        size = round(file.stat().st_size / 2**20)
        return {"customers": customers, "file_mib": size, "filled_s": round(filled_s, 1), **result}


def _fill_sqlite(file: Path, customers: int) -> None:
    connection = sqlite3.connect(file)
    ids = range(1, customers + 1)
    stamp = [(NOW - timedelta(days=d)).strftime("%Y-%m-%d %H:%M:%S.000000") for d in range(60)]
    connection.executemany(
        "INSERT INTO customers (id, code, kind, name, tier_scheme, tier_id, tier_label, grams, created_at,"
        " updated_at) VALUES (?, ?, 'person', ?, 'sf', 'vip', 'VIP客户', '', ?, ?)",
        ((i, f"B{i}", f"合成{i}", stamp[0], stamp[0]) for i in ids),
    )
    connection.executemany(
        "INSERT INTO numbers (key, suffix, display, customer_id) VALUES (?, ?, ?, ?)",
        ((f"mobile:{_mobile(i)}", _mobile(i)[-8:], _mobile(i), i) for i in ids),
    )
    connection.executemany(
        "INSERT INTO contacts (customer_id, at, channel, summary) VALUES (?, ?, 'call', '查件')",
        ((i, stamp[(i + j * 7) % 60]) for j in range(5) for i in ids),
    )
    connection.executemany(
        "INSERT INTO waybills (number, sender_customer_id, state, created_at, updated_at)"
        " VALUES (?, ?, 'in_transit', ?, ?)",
        ((f"HC{i:08d}{j:02d}", i, stamp[0], stamp[(i + j * 11) % 60]) for j in range(5) for i in ids),
    )
    connection.commit()
    connection.execute("ANALYZE")
    connection.commit()
    connection.close()


def _postgresql(numbers: int) -> dict[str, Any]:
    # the tests' way of getting a private server; without one the measure is left out with the reason
    from tests.plugins.postgres import start_cluster, stop_cluster

    settings = (
        "fsync=off",
        "shared_buffers=1GB",
        "maintenance_work_mem=512MB",
        "max_wal_size=8GB",
        "jit=off",
    )
    try:
        cluster = start_cluster(settings)
    except RuntimeError as e:
        return {"left_out": str(e)}
    try:
        url = cluster.url(cluster.create())
        database = Database(url)
        upgrade(database)
        dsn = f"host={cluster.folder} user=postgres dbname={database.url.database}"
        with psycopg.connect(dsn, autocommit=True) as raw:
            start = time.perf_counter()
            _fill_postgresql(raw, numbers)
            filled_s = time.perf_counter() - start

            def ask_raw(i: int) -> Any:
                one = raw.execute(
                    "SELECT c.* FROM numbers n JOIN customers c ON c.id = n.customer_id WHERE n.key = %s",
                    (f"mobile:{_mobile(i)}",),
                ).fetchone()
                if one is None:
                    raise SystemExit("the bench asks for a number that it did not make")
                calls = "SELECT * FROM contacts WHERE customer_id = %s ORDER BY at DESC LIMIT 5"
                parcels = (
                    "SELECT * FROM waybills WHERE sender_customer_id = %s ORDER BY updated_at DESC LIMIT 5"
                )
                return one, *(raw.execute(q, (one[0],)).fetchall() for q in (calls, parcels))

            result = _measure(database, ask_raw, min(RICH, numbers // 2))
            result["search"] = _search(database, numbers // 2)
        database.close()
    finally:
        stop_cluster(cluster)
    return {"numbers": numbers, "customers": numbers // 2, "filled_s": round(filled_s, 1), **result}


def _fill_postgresql(raw: psycopg.Connection[Any], numbers: int) -> None:
    """Two numbers a customer, by set-based SQL; the indexes are made afterwards."""
    people, rich = numbers // 2, min(RICH, numbers // 2)
    where = "schemaname = 'public' AND tablename IN ('customers', 'numbers', 'contacts', 'waybills')"
    keep = "indexname NOT LIKE 'pk_%' AND indexname NOT LIKE 'uq_%'"
    indexes = raw.execute(f"SELECT indexname, indexdef FROM pg_indexes WHERE {where} AND {keep}").fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    surnames, given = (
        "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗",
        "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英华建国志文博",
    )
    name = (
        f"substr('{surnames}', 1 + i % 20, 1) || substr('{given}', 1 + (i / 20) % 30, 1)"
        f" || substr('{given}', 1 + (i / 600) % 30, 1) || '公司'"
        f" || substr('{given}', 1 + (i / 18000) % 30, 1)"
    )
    terms = ", ".join(
        [f"substr(n, {k}, 1)" for k in range(1, 7)] + [f"substr(n, {k}, 2)" for k in range(1, 6)]
    )
    statements = (
        "INSERT INTO customers (id, code, kind, name, tier_scheme, tier_id, tier_label, grams, created_at,"
        f" updated_at) SELECT i, 'B' || i, 'company', n, 'sf', 'vip', 'VIP客户', ARRAY[{terms}], now(), now()"
        f" FROM (SELECT i, {name} AS n FROM generate_series(1, {people}) i) made",
        "INSERT INTO numbers (key, suffix, display, customer_id)"
        " SELECT 'mobile:' || m, right(m, 8), m, i FROM (SELECT i, '13' || lpad(i::text, 9, '0') AS m"
        f" FROM generate_series(1, {people}) i) made",
        "INSERT INTO numbers (key, suffix, display, customer_id)"
        " SELECT 'fixed:0755-' || m, m, '0755-' || m, i FROM (SELECT i, (20000000 + i)::text AS m"
        f" FROM generate_series(1, {people}) i) made",
        "INSERT INTO contacts (customer_id, at, channel, summary)"
        " SELECT i, now() - j * interval '7 days', 'call', '查件'"
        f" FROM generate_series(1, {rich}) i, generate_series(1, 5) j",
        "INSERT INTO waybills (number, sender_customer_id, state, created_at, updated_at)"
        " SELECT 'HC' || lpad(i::text, 8, '0') || lpad(j::text, 2, '0'), i, 'in_transit', now(),"
        f" now() - j * interval '5 days' FROM generate_series(1, {rich}) i, generate_series(1, 5) j",
        *(definition for _, definition in indexes),
        "VACUUM ANALYZE",
    )
    for statement in statements:
        raw.execute(statement.encode())


def _measure(database: Database, ask_raw: Ask, customers: int) -> dict[str, Any]:
    """Ours and raw in turn, then ours through the pool: one at a time and sixteen at once."""
    dice = random.Random(7)
    chosen = [dice.randrange(1, customers + 1) for _ in range(ROUNDS * PER_ROUND)]
    ours: list[float] = []
    raw: list[float] = []
    with database.begin(write=False) as connection:

        def ask_ours(i: int) -> Any:
            return repos.find_by_number(connection, parse(_mobile(i)), now=NOW)

        for i in chosen[:PER_ROUND]:  # warm both
            ask_raw(i)
            if ask_ours(i).customer.id != i:
                raise SystemExit("the look-up found somebody else")
        for r in range(ROUNDS):
            part = chosen[r * PER_ROUND : (r + 1) * PER_ROUND]
            raw += _timed(ask_raw, part)
            ours += _timed(ask_ours, part)
    one, many = asyncio.run(_through_the_pool(database, chosen))
    return {
        "raw_driver_ms": _ms(raw),
        "ours_ms": _ms(ours),
        "ours_through_pool_ms": _ms(one),
        f"ours_through_pool_{AT_ONCE}_at_once_ms": _ms(many),
        "ratio_p50": round(statistics.median(ours) / statistics.median(raw), 2),
    }


async def _through_the_pool(database: Database, chosen: Sequence[int]) -> tuple[list[float], list[float]]:
    async def ask(i: int) -> float:
        start = time.perf_counter()
        number = parse(_mobile(i))
        await database.run(lambda c: repos.find_by_number(c, number, now=NOW), deadline=30)
        return time.perf_counter() - start

    for i in chosen[:50]:
        await ask(i)
    one = [await ask(i) for i in chosen]
    many: list[float] = []
    for start in range(0, len(chosen), AT_ONCE):
        many += await asyncio.gather(*(ask(i) for i in chosen[start : start + AT_ONCE]))
    return one, many


def _search(database: Database, customers: int) -> dict[str, Any]:
    """What agents type: a number, the beginning and end of one, a waybill, a name, part of a common name."""
    dice = random.Random(9)
    kinds: dict[str, Callable[[], str]] = {
        "number": lambda: _mobile(dice.randrange(1, customers)),
        "number_begins": lambda: _mobile(dice.randrange(1, customers))[:8],
        "number_ends": lambda: _mobile(dice.randrange(1, customers))[-8:],
        "waybill": lambda: f"HC{dice.randrange(1, min(RICH, customers)):08d}01",
        "name": lambda: dice.choice("王李张刘陈") + dice.choice("伟芳娜敏静") + dice.choice("伟芳娜敏静"),
        "common_name": lambda: dice.choice(("公司", "王", "芳公司", "公司伟")),
    }
    found: dict[str, Any] = {}
    with database.begin(write=False) as connection:
        for kind, make in kinds.items():
            queries = [make() for _ in range(120)]
            times = []
            for query in queries:
                start = time.perf_counter()
                hits = repos.search(connection, query)
                times.append(time.perf_counter() - start)
                if not hits:
                    raise SystemExit(f"the search for {kind} found nothing")
            found[kind] = _ms(times[20:])
    return found


def _timed(ask: Ask, chosen: Sequence[int]) -> list[float]:
    times = []
    for i in chosen:
        start = time.perf_counter()
        ask(i)
        times.append(time.perf_counter() - start)
    return times


def _ms(times: Sequence[float]) -> dict[str, Any]:
    ordered = sorted(times)
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered) * 1e3, 3),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3, 3),
    }


def _mobile(i: int) -> str:
    return f"13{i:09d}"


if __name__ == "__main__":
    main()
