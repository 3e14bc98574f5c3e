"""Search by name, number and waybill over millions of numbers, beside the raw driver in the same run.

Each kind of question is what agents type. The raw driver puts the one statement that answers it, fetches
bare tuples of the same twenty customers and does nothing with them: a floor, not an equal. Ours finds out
by itself which kind of question it is. All data is synthetic.

``python -m bench search`` takes the size from LAIDIAN_BENCH_NUMBERS (PostgreSQL, 5,000,000: half as many
customers; 0 leaves it out) and LAIDIAN_BENCH_CUSTOMERS (SQLite, 100,000).
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
from cti.store import repos
from cti.store.db import Database
from cti.store.migrations import upgrade

ASKED = 600  # of each kind, one at a time and again sixteen at once
WARM = 50
AT_ONCE = 16
LIMIT_MS = 50.0

Make = Callable[[], str]
Ask = Callable[[str], Any]

_SHOWN = "id, code, kind, name, title, company, address, tier_label"
_OWNERS = f"SELECT {_SHOWN} FROM customers WHERE id IN (SELECT customer_id FROM numbers WHERE "
_BEGINS = f"SELECT {_SHOWN} FROM customers WHERE name >= {{0}} AND name < {{1}} ORDER BY name LIMIT 20"
RAW = {
    "number": _OWNERS + "key = {0} LIMIT 20)",
    "number_begins": _OWNERS + "key >= {0} AND key < {1} ORDER BY key LIMIT 20)",
    "number_ends": _OWNERS + "suffix = {0} LIMIT 20)",
    "waybill": "SELECT number, state, updated_at, origin, destination FROM waybills WHERE number = {0}",
    "name": _BEGINS,
    "common_name": _BEGINS,
}


def main() -> dict[str, Any]:
    """Measure both stores; writes bench/results/search.json."""
    numbers = int(os.environ.get("LAIDIAN_BENCH_NUMBERS", "5000000"))
    customers = int(os.environ.get("LAIDIAN_BENCH_CUSTOMERS", "100000"))
    found: dict[str, Any] = {"limit_p99_ms": LIMIT_MS, "sqlite": _sqlite(customers)}
    if numbers:
        found["postgresql"] = _postgresql(numbers)
    return machine.write("search", found)


def _sqlite(customers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as folder:
        file = Path(folder) / "bench.db"
        database = Database(f"sqlite:///{file}")
        upgrade(database)
        fill.fill_sqlite(file, customers)
        raw = sqlite3.connect(file)

        def asks(kind: str) -> Ask:
            statement = RAW[kind].format("?", "?")
            return lambda q: raw.execute(statement, _values(kind, q)).fetchall()

        result = _measure(database, asks, customers, customers)
        raw.close()
        database.close()
        return {"customers": customers, **result}


def _postgresql(numbers: int) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        with fill.postgresql(numbers) as (database, raw):
            filled_s = round(time.perf_counter() - start, 1)

            def asks(kind: str) -> Ask:
                statement = RAW[kind].format("%s", "%s").encode()
                return lambda q: raw.execute(statement, _values(kind, q)).fetchall()

            result = _measure(database, asks, numbers // 2, min(fill.RICH, numbers // 2))
    except RuntimeError as e:
        return {"left_out": str(e)}
    return {"numbers": numbers, "customers": numbers // 2, "filled_s": filled_s, **result}


def _values(kind: str, q: str) -> tuple[str, ...]:
    match kind:
        case "number":
            return (f"mobile:{q}",)
        case "number_begins":
            return f"mobile:{q}", f"mobile:{q}\U0010ffff"
        case "number_ends" | "waybill":
            return (q,)
        case _:
            return q, f"{q}\U0010ffff"


def _kinds(dice: random.Random, customers: int, rich: int) -> dict[str, Make]:
    """What agents type. A whole name may be many people's; common parts are in thousands of names."""

    def mobile() -> str:
        return fill.mobile(dice.randrange(1, customers))

    def firm() -> str:
        """The end of a firm's name, as it is remembered: a rare word before three common ones."""
        return fill.name(dice.randrange(2, customers, 2))[2:]

    common = (
        *("公司", "有限公司", "限公", "物流", "电子有限公司", "王", "芳", "深圳", "信"),
        *(fill.TRADES[i : i + 2] + "有限" for i in range(0, len(fill.TRADES), 2)),
    )
    return {
        "number": mobile,
        "number_begins": lambda: mobile()[:8],
        "number_ends": lambda: mobile()[-8:],
        "waybill": lambda: fill.waybill(dice.randrange(1, rich), 1),
        "name": lambda: fill.name(dice.randrange(1, customers)),
        "common_name": lambda: dice.choice(common) if dice.random() < 0.5 else firm(),
    }


def _measure(database: Database, asks: Callable[[str], Ask], customers: int, rich: int) -> dict[str, Any]:
    """Raw and ours in turn on one connection, then ours through the pool, sixteen at once."""
    found: dict[str, Any] = {}
    for kind, make in _kinds(random.Random(9), customers, rich).items():
        queries = [make() for _ in range(ASKED + WARM)]
        ask_raw = asks(kind)
        raw: list[float] = []
        ours: list[float] = []
        with database.begin(write=False) as connection:
            for q in queries:
                start = time.perf_counter()
                ask_raw(q)
                between = time.perf_counter()
                hits = repos.search(connection, q)
                ours.append(time.perf_counter() - between)
                raw.append(between - start)
                if not hits:
                    raise SystemExit(f"the search for {kind} {q!r} found nothing")
        many = asyncio.run(_at_once(database, queries[WARM:]))
        one = _ms(ours[WARM:])
        found[kind] = {
            "raw_driver_ms": _ms(raw[WARM:]),
            "ours_ms": one,
            f"ours_{AT_ONCE}_at_once_ms": _ms(many),
            "within_limit": one["p99"] <= LIMIT_MS,
        }
    return found


async def _at_once(database: Database, queries: Sequence[str]) -> list[float]:
    """Sixteen agents, each of whom asks again as soon as there is an answer."""
    left = iter(queries)
    times: list[float] = []

    async def agent() -> None:
        for q in left:
            start = time.perf_counter()
            await database.run(lambda c, q=q: repos.search(c, q), deadline=60)  # type: ignore[misc]
            times.append(time.perf_counter() - start)

    await asyncio.gather(*(agent() for _ in range(AT_ONCE)))
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
