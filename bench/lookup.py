"""The pop's look-up against the raw drivers in the same run, over millions of numbers.

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
from pathlib import Path
from typing import Any

from bench import machine
from bench.stock import fill
from cti.domain.phone import parse
from cti.store import repos
from cti.store.db import Database
from cti.store.migrations import upgrade

ROUNDS = 5
PER_ROUND = 400
AT_ONCE = 16

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
        fill.fill_sqlite(file, customers)
        filled_s = time.perf_counter() - start
        raw = sqlite3.connect(file)

        def ask_raw(i: int) -> Any:
            one = raw.execute(
                "SELECT c.* FROM numbers n JOIN customers c ON c.id = n.customer_id WHERE n.key = ?",
                (f"mobile:{fill.mobile(i)}",),
            ).fetchone()
            calls = "SELECT * FROM contacts WHERE customer_id = ? ORDER BY at DESC LIMIT 5"
            parcels = "SELECT * FROM waybills WHERE sender_customer_id = ? ORDER BY updated_at DESC LIMIT 5"
            return one, *(raw.execute(q, (one[0],)).fetchall() for q in (calls, parcels))

        result = _measure(database, ask_raw, customers)
        raw.close()
        database.close()
        size = round(file.stat().st_size / 2**20)
        return {"customers": customers, "file_mib": size, "filled_s": round(filled_s, 1), **result}


def _postgresql(numbers: int) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        with fill.postgresql(numbers) as (database, raw):
            filled_s = round(time.perf_counter() - start, 1)

            def ask_raw(i: int) -> Any:
                one = raw.execute(
                    "SELECT c.* FROM numbers n JOIN customers c ON c.id = n.customer_id WHERE n.key = %s",
                    (f"mobile:{fill.mobile(i)}",),
                ).fetchone()
                if one is None:
                    raise SystemExit("the bench asks for a number that it did not make")
                calls = "SELECT * FROM contacts WHERE customer_id = %s ORDER BY at DESC LIMIT 5"
                parcels = (
                    "SELECT * FROM waybills WHERE sender_customer_id = %s ORDER BY updated_at DESC LIMIT 5"
                )
                return one, *(raw.execute(q, (one[0],)).fetchall() for q in (calls, parcels))

            result = _measure(database, ask_raw, min(fill.RICH, numbers // 2))
    except RuntimeError as e:
        return {"left_out": str(e)}
    return {"numbers": numbers, "customers": numbers // 2, "filled_s": filled_s, **result}


def _measure(database: Database, ask_raw: Ask, customers: int) -> dict[str, Any]:
    """Ours and raw in turn, then ours through the pool: one at a time and sixteen at once."""
    dice = random.Random(7)
    chosen = [dice.randrange(1, customers + 1) for _ in range(ROUNDS * PER_ROUND)]
    ours: list[float] = []
    raw: list[float] = []
    with database.begin(write=False) as connection:

        def ask_ours(i: int) -> Any:
            return repos.find_by_number(connection, parse(fill.mobile(i)), now=fill.NOW)

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
        number = parse(fill.mobile(i))
        await database.run(lambda c: repos.find_by_number(c, number, now=fill.NOW), deadline=30)
        return time.perf_counter() - start

    for i in chosen[:50]:
        await ask(i)
    one = [await ask(i) for i in chosen]
    many: list[float] = []
    for start in range(0, len(chosen), AT_ONCE):
        many += await asyncio.gather(*(ask(i) for i in chosen[start : start + AT_ONCE]))
    return one, many


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


if __name__ == "__main__":
    main()
