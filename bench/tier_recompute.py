"""Recomputing figures and tiers of everybody in six schemes on PostgreSQL, and the same row by row.

Set-based SQL in batches (cti.store.recompute): the first run writes everything, the second, with nothing
new, shows what a quiet night costs, the third follows a day's orders. The peer is the same work one customer
at a time in Python, on a sample. All data is synthetic, with few big customers and many small ones.

``python -m bench tier_recompute`` takes the sizes from LAIDIAN_BENCH_CUSTOMERS (1,000,000) and
LAIDIAN_BENCH_ORDERS (20,000,000).
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean, median, pstdev
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from bench import machine
from cti.domain.periods import windows
from cti.domain.tiers import MetricsError
from cti.schemes import PRESETS, load_scheme
from cti.store.db import Database
from cti.store.migrations import upgrade
from cti.store.recompute import BATCH, recompute
from cti.store.repos.tiering import Plan

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=CHINA)
SAMPLE = 2_000
SETTINGS = (
    "fsync=off",
    "shared_buffers=1GB",
    "maintenance_work_mem=512MB",
    "max_wal_size=8GB",
    "jit=off",
)


def main() -> dict[str, Any]:
    """Measure; writes bench/results/tier_recompute.json."""
    customers = int(os.environ.get("LAIDIAN_BENCH_CUSTOMERS", "1000000"))
    orders = int(os.environ.get("LAIDIAN_BENCH_ORDERS", "20000000"))
    # the tests' way of getting a private server; without one the measure is left out with the reason
    from tests.plugins.postgres import start_cluster, stop_cluster

    try:
        cluster = start_cluster(SETTINGS)
    except RuntimeError as e:
        return machine.write("tier_recompute", {"left_out": str(e)})
    try:
        url = cluster.url(cluster.create())
        database = Database(url)
        upgrade(database)
        dsn = f"host={cluster.folder} user=postgres dbname={database.url.database}"
        with psycopg.connect(dsn, autocommit=True) as raw:
            start = time.perf_counter()
            _fill(raw, customers, orders)
            filled_s = time.perf_counter() - start
            plan = Plan(load_scheme("sf"), tuple(load_scheme(name) for name in PRESETS))
            runs = {"first": _run(database, plan, NOW, cluster.process.pid)}
            runs["nothing_new"] = _run(database, plan, NOW + timedelta(minutes=1), cluster.process.pid)
            _a_day(raw, customers, max(1, orders // 365))
            runs["next_day"] = _run(database, plan, NOW + timedelta(days=1), cluster.process.pid)
            alone = _row_by_row(raw, plan, customers)
        database.close()
    finally:
        stop_cluster(cluster)
    each_us = runs["first"]["seconds"] / customers * 1e6
    return machine.write(
        "tier_recompute",
        {
            "customers": customers,
            "orders": orders,
            "schemes": len(plan.schemes),
            "batch": BATCH["postgresql"],
            "filled_s": round(filled_s, 1),
            "runs": runs,
            "row_by_row": {
                "sample": SAMPLE,
                "us_per_customer": round(alone, 1),
                "minutes_for_all": round(alone * customers / 6e7, 1),
                "note": "reads and decides only, without writing anything",
            },
            "set_based_us_per_customer": round(each_us, 1),
            "ratio_row_by_row": round(alone / each_us, 2),
        },
    )


def _fill(raw: psycopg.Connection[Any], customers: int, orders: int) -> None:
    """By set-based SQL; the index over orders is made afterwards."""
    names = "customers', 'orders"
    query = f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('{names}')"
    keep = " AND indexname NOT LIKE 'pk_%' AND indexname NOT LIKE 'uq_%'"
    indexes = raw.execute((query + keep).encode()).fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}".encode())
    industries = "(ARRAY['金融', '批发零售', '教育', '房地产', '制造'])[1 + i % 5]"
    at = f"timestamptz '{NOW.isoformat()}' - random() * interval '400 days'"
    raw.execute("SELECT setseed(0.42)")
    statements = (
        "INSERT INTO customers (id, code, kind, name, grams, metrics, industry, county, created_at,"
        " updated_at)"
        " SELECT i, 'B' || i, 'company', '客户' || i, ARRAY[]::text[],"
        " jsonb_build_object('is_contract', i % 3 = 0, 'flags', CASE WHEN i % 100 = 0"
        " THEN '[\"government\"]'::jsonb ELSE '[]'::jsonb END),"
        f" {industries}, '县' || (i % 3000), now(), now() FROM generate_series(1, {customers}) i",
        "INSERT INTO orders (number, customer_id, at, pieces, amount_fen, region)"
        f" SELECT 'D' || j, 1 + floor({customers} * power(random(), 2))::bigint, {at},"
        " 1 + floor(20 * power(random(), 3))::int, 800 + floor(90000 * power(random(), 4))::bigint,"
        f" '地市' || (j % 17) FROM generate_series(1, {orders}) j",
        *(definition for _, definition in indexes),
        "VACUUM ANALYZE",
    )
    for statement in statements:
        raw.execute(statement.encode())


def _a_day(raw: psycopg.Connection[Any], customers: int, count: int) -> None:
    at = f"timestamptz '{NOW.isoformat()}' + random() * interval '1 day'"
    raw.execute(
        (
            "INSERT INTO orders (number, customer_id, at, pieces, amount_fen)"
            f" SELECT 'N' || j, 1 + floor({customers} * power(random(), 2))::bigint, {at}, 2, 2000"
            f" FROM generate_series(1, {count}) j"
        ).encode()
    )


def _run(database: Database, plan: Plan, now: datetime, server: int) -> dict[str, Any]:
    watch = _Watch(server)
    watch.start()
    start = time.perf_counter()
    done = recompute(database, plan, now=now, zone=CHINA, cause="nightly")
    seconds = time.perf_counter() - start
    watch.over.set()
    watch.join()
    return {
        "seconds": round(seconds, 1),
        "minutes": round(seconds / 60, 2),
        "tiers_changed": done.changed,
        "backends_private_peak_mib": watch.peak_mib,
        "own_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


class _Watch(threading.Thread):
    """The most private memory that the server's processes had together, without the shared buffers."""

    def __init__(self, server: int) -> None:
        super().__init__(daemon=True)
        self._server = server
        self.over = threading.Event()
        self.peak_mib = 0

    def run(self) -> None:
        while not self.over.wait(0.5):
            self.peak_mib = max(self.peak_mib, sum(map(_private_kib, _children(self._server))) // 1024)


def _children(parent: int) -> list[int]:
    file = Path(f"/proc/{parent}/task/{parent}/children")
    try:
        return [int(pid) for pid in file.read_text().split()]
    except OSError:
        return []


def _private_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def _row_by_row(raw: psycopg.Connection[Any], plan: Plan, customers: int) -> float:
    """Microseconds a customer: fetch the orders, sum them up, ask every scheme."""
    at = windows(NOW, CHINA)
    step = max(1, customers // SAMPLE)
    chosen = range(1, customers + 1, step)
    start = time.perf_counter()
    for customer_id in chosen:
        rows = raw.execute(
            "SELECT at, pieces, amount_fen, region FROM orders WHERE customer_id = %s AND at >= %s"
            " AND at <= %s AND state <> 'cancelled' ORDER BY at DESC",
            (customer_id, at.horizon, NOW),
        ).fetchall()
        figures = _figures(rows, at.months)
        for scheme in plan.schemes:
            try:
                scheme.classify(figures)
            except MetricsError:
                continue
    return (time.perf_counter() - start) / len(chosen) * 1e6


def _figures(rows: Sequence[Any], months: Sequence[datetime]) -> dict[str, Any]:
    pieces = [sum(r[1] for r in rows if months[k] <= r[0] < months[k - 1]) for k in range(1, 7)]
    year = [r for r in rows if r[0] >= months[12]]
    gaps = [(a[0] - b[0]).total_seconds() for a, b in pairwise(rows[:9])]
    return {
        "monthly_revenue": sum(r[2] for r in rows if r[0] >= months[1]) / 100,
        "annual_revenue": sum(r[2] for r in year) / 100,
        "orders_per_year": len(year),
        "daily_pieces_3m": sum(pieces[:3]) / 78,
        "monthly_volume": sum(pieces[:3]) / 3,
        "volume_cv": pstdev(pieces) / mean(pieces) if any(pieces) else 0.0,
        "regions": len({r[3] for r in year}),
        "cycle": median(gaps) if gaps else None,
    }


if __name__ == "__main__":
    main()
