"""Filling a store by set-based SQL; what the measures ask for is made by the same rules.

Customer `i` has the mobile ``mobile(i)``; on PostgreSQL also the landline ``0755-{20000000 + i}``. Odd ones
are persons, even ones firms. Names are spread by a hash of `i`, so that equal ones do not lie side by side.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from cti.store.db import Database
from cti.store.migrations import upgrade
from cti.store.repos.grams import index_terms

NOW = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
RICH = 200_000  # customers that have contacts and waybills; on SQLite all have

SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英华建国志文博"
CITIES = "北京上海广州深圳天津重庆成都武汉杭州南京"
BRANDS = "恒信达利华盛通远安泰鑫源嘉瑞宏昌顺发永兴"
TRADES = "物流贸易电子服饰食品医药"
TAIL = "有限公司"
_SPREAD, _RANGE, _LOW = 2654435761, 4294967296, 64  # the low bits of the product are those of i


def mobile(i: int) -> str:
    """The mobile number of customer `i`."""
    return f"13{i:09d}"


def waybill(i: int, j: int) -> str:
    """The `j`-th waybill (0–4 on SQLite, 1–5 on PostgreSQL) of customer `i`."""
    return f"HC{i:08d}{j:02d}"


def name(i: int) -> str:
    """The name of customer `i`, as the SQL below makes it too."""
    h = i * _SPREAD % _RANGE // _LOW
    if i % 2:
        return SURNAMES[h % 20] + GIVEN[h // 20 % 30] + GIVEN[h // 600 % 30]
    city, trade = h % 10 * 2, h // 4000 % 6 * 2
    brand = BRANDS[h // 10 % 20] + BRANDS[h // 200 % 20]
    return CITIES[city : city + 2] + brand + TRADES[trade : trade + 2] + TAIL


@contextmanager
def postgresql(numbers: int, *, durable: bool = False) -> Iterator[tuple[Database, psycopg.Connection[Any]]]:
    """A private server with that many numbers (half as many customers): ours and a raw connection.

    `durable` as in use, for what writes. What the filling left to write is on the disk, tables and indexes
    are in memory, as on a server that has worked for a day. RuntimeError where no server can be had.
    """
    # the tests' way of getting a private server
    from tests.plugins.postgres import start_cluster, stop_cluster

    settings = ("shared_buffers=4GB", "maintenance_work_mem=512MB", "max_wal_size=8GB", "jit=off")
    cluster = start_cluster((*settings, f"fsync={'on' if durable else 'off'}"))
    try:
        database = Database(cluster.url(cluster.create()))
        upgrade(database)
        dsn = f"host={cluster.folder} user=postgres dbname={database.url.database}"
        with psycopg.connect(dsn, autocommit=True) as raw:
            fill_postgresql(raw, numbers)
            raw.execute("CHECKPOINT")
            raw.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
            raw.execute(
                "SELECT pg_prewarm(oid) FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
            )
            yield database, raw
        database.close()
    finally:
        stop_cluster(cluster)


def fill_sqlite(file: Path, customers: int) -> None:
    """One number a customer, five contacts and five waybills each."""
    connection = sqlite3.connect(file)
    ids = range(1, customers + 1)
    stamp = [(NOW - timedelta(days=d)).strftime("%Y-%m-%d %H:%M:%S.000000") for d in range(60)]
    connection.executemany(
        "INSERT INTO customers (id, code, kind, name, tier_scheme, tier_id, tier_label, grams, created_at,"
        " updated_at) VALUES (?, ?, ?, ?, 'sf', 'vip', 'VIP客户', ?, ?, ?)",
        (
            (
                i,
                f"B{i}",
                ("company", "person")[i % 2],
                called,
                " ".join(index_terms([called])),
                *stamp[:1] * 2,
            )
            for i, called in ((i, name(i)) for i in ids)
        ),
    )
    connection.executemany(
        "INSERT INTO numbers (key, suffix, display, customer_id) VALUES (?, ?, ?, ?)",
        ((f"mobile:{mobile(i)}", mobile(i)[-8:], mobile(i), i) for i in ids),
    )
    connection.executemany(
        "INSERT INTO contacts (customer_id, at, channel, summary) VALUES (?, ?, 'call', '查件')",
        ((i, stamp[(i + j * 7) % 60]) for j in range(5) for i in ids),
    )
    connection.executemany(
        "INSERT INTO waybills (number, sender_customer_id, state, created_at, updated_at)"
        " VALUES (?, ?, 'in_transit', ?, ?)",
        ((waybill(i, j), i, stamp[0], stamp[(i + j * 11) % 60]) for j in range(5) for i in ids),
    )
    connection.commit()
    connection.execute("ANALYZE")
    connection.commit()
    connection.close()


def fill_postgresql(raw: psycopg.Connection[Any], numbers: int) -> None:
    """Two numbers a customer; the indexes are made afterwards."""
    people, rich = numbers // 2, min(RICH, numbers // 2)
    where = "schemaname = 'public' AND tablename IN ('customers', 'numbers', 'contacts', 'waybills')"
    keep = "indexname NOT LIKE 'pk_%' AND indexname NOT LIKE 'uq_%'"
    indexes = raw.execute(f"SELECT indexname, indexdef FROM pg_indexes WHERE {where} AND {keep}").fetchall()
    for index, _ in indexes:
        raw.execute(f"DROP INDEX {index}")
    statements = (
        _customers("person", 1, people, _person(), 3),
        _customers("company", 2, people, _firm(), 10),
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


def _person() -> str:
    return (
        f"substr('{SURNAMES}', 1 + (h % 20)::int, 1) || substr('{GIVEN}', 1 + (h / 20 % 30)::int, 1)"
        f" || substr('{GIVEN}', 1 + (h / 600 % 30)::int, 1)"
    )


def _firm() -> str:
    brand = "substr('{}', 1 + (h / {} % 20)::int, 1)"
    return (
        f"substr('{CITIES}', 1 + 2 * (h % 10)::int, 2) || {brand.format(BRANDS, 10)}"
        f" || {brand.format(BRANDS, 200)} || substr('{TRADES}', 1 + 2 * (h / 4000 % 6)::int, 2) || '{TAIL}'"
    )


def _customers(kind: str, first: int, people: int, called: str, length: int) -> str:
    singles = [f"substr(n, {k}, 1)" for k in range(1, length + 1)]
    pairs = [f"substr(n, {k}, 2)" for k in range(1, length)]
    return (
        "INSERT INTO customers (id, code, kind, name, tier_scheme, tier_id, tier_label, grams, created_at,"
        f" updated_at) SELECT i, 'B' || i, '{kind}', n, 'sf', 'vip', 'VIP客户',"
        f" ARRAY[{', '.join(singles + pairs)}], now(), now() FROM (SELECT i, {called} AS n FROM"
        f" (SELECT i, i * {_SPREAD}::bigint % {_RANGE} / {_LOW} AS h"
        f" FROM generate_series({first}, {people}, 2) i) spread) made"
    )
