"""Computing figures and tiers anew: of everybody, or of those whom an import has touched.

In batches, each a transaction of its own: on SQLite there is one writer, and between two batches the others
have their turn. One recomputation at a time; whoever comes second waits or is told so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.periods import windows
from cti.store.db import Database
from cti.store.lock import store_lock
from cti.store.repos import metrics, tiering
from cti.store.repos.tiering import Plan
from cti.store.tables import customers
from cti.store.tables_tiers import tier_runs

BATCH = {"sqlite": 1_000, "postgresql": 20_000}  # customers
IDS = 500  # at once, where they are named one by one
BREATH_S = 0.005  # between two batches, for whoever waits for the writer
LOCK = "tiers"
NIGHTLY = "nightly"

Pick = Callable[[Any], Any]
Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Recomputed:
    """What a recomputation did; `changed` counts tiers of the active scheme."""

    customers: int = 0
    changed: int = 0
    seconds: float = 0.0
    stopped: bool = False


def recompute(
    database: Database,
    plan: Plan,
    *,
    now: datetime,
    zone: tzinfo,
    cause: str,
    ids: Sequence[int] | None = None,
    wait_s: float = 600.0,
    stop: Callable[[], bool] = lambda: False,
    due: Callable[[Connection], bool] = lambda _: True,
    progress: Progress = lambda _, __: None,
) -> Recomputed:
    """Recompute everybody, or only the customers with these `ids` and whoever shares a county with them.

    `due` is asked once the lock is held: false means that somebody else has done it meanwhile. `stop` is
    asked between batches. Unavailable when another recomputation runs for longer than `wait_s`.
    """
    start = time.monotonic()
    done = Recomputed()
    at = windows(now, zone)
    with store_lock(database, wait_s, LOCK):
        if not _read(database, due):
            return done
        run = _begin(database, now, cause) if ids is None else None
        picks = list(_everybody(database) if ids is None else _named(ids))
        for pick in picks:
            if stop():
                done.stopped = True
                return done
            done.customers += _write(database, lambda c, p=pick: _figures(c, p, at, plan))  # type: ignore[misc]
            progress("指标", done.customers)
        moved = _ranks(database, ids)
        again = list(_named(sorted(set(moved) - set(ids)))) if ids is not None else []
        for seen, pick in enumerate([*picks, *again], 1):
            if stop():
                done.stopped = True
                return done
            done.changed += _write(
                database,
                lambda c, p=pick: tiering.classify(c, p, plan, now=now, cause=cause),  # type: ignore[misc]
            )
            progress("等级", seen)
        if run is not None:
            _end(database, run, now + timedelta(seconds=time.monotonic() - start), done)
    done.seconds = time.monotonic() - start
    return done


def last_run(conn: Connection, cause: str | None = None) -> Any:
    """The latest recomputation of everybody that came to its end; None before the first."""
    query = sa.select(tier_runs).where(tier_runs.c.finished_at.is_not(None))
    if cause is not None:
        query = query.where(tier_runs.c.cause == cause)
    return conn.execute(query.order_by(tier_runs.c.started_at.desc()).limit(1)).mappings().first()


def _figures(conn: Connection, pick: Pick, at: Any, plan: Plan) -> int:
    metrics.compute(conn, pick, at, settled=plan.settled)
    count = sa.select(sa.func.count()).select_from(customers).where(pick(customers.c.id))
    return int(conn.execute(count).scalar_one())


def _ranks(database: Database, ids: Sequence[int] | None) -> list[int]:
    moved: list[int] = []
    most = BATCH[database.dialect]
    if ids is None:
        groups = _read(database, lambda c: metrics.counties(c, most))
    else:
        found: set[str] = set()
        for pick in _named(ids):
            query = (
                sa.select(customers.c.county).where(pick(customers.c.id), customers.c.county != "").distinct()
            )
            found |= set(_read(database, lambda c, q=query: c.execute(q).scalars().all()))  # type: ignore[misc]
        names = sorted(found)
        groups = [names[i : i + 50] for i in range(0, len(names), 50)]
    for group in groups:
        moved += _write(database, lambda c, g=group: metrics.rank_counties(c, g))  # type: ignore[misc]
    return moved


def _everybody(database: Database) -> Iterator[Pick]:
    """Ranges of ids with about the same number of customers each."""
    size = BATCH[database.dialect]

    def upper(conn: Connection, after: int) -> int | None:
        query = sa.select(customers.c.id).where(customers.c.id > after).order_by(customers.c.id)
        page = query.limit(size).subquery()
        found: int | None = conn.execute(sa.select(sa.func.max(page.c.id))).scalar()
        return found

    after = 0
    while (last := _read(database, lambda c, a=after: upper(c, a))) is not None:  # type: ignore[misc]
        yield lambda column, lo=after + 1, hi=last: column.between(lo, hi)  # type: ignore[misc]
        after = last


def _named(ids: Sequence[int]) -> Iterator[Pick]:
    for start in range(0, len(ids), IDS):
        yield lambda column, some=list(ids[start : start + IDS]): column.in_(some)  # type: ignore[misc]


def _read(database: Database, fn: Callable[[Connection], Any]) -> Any:
    with database.begin(write=False) as conn:
        return fn(conn)


def _write(database: Database, fn: Callable[[Connection], Any]) -> Any:
    with database.begin() as conn:
        if database.dialect == "postgresql":
            # a batch may last longer than what a person waits for; bigger sorts in memory, not on disk
            conn.execute(sa.text("SET LOCAL statement_timeout = '15min'"))
            conn.execute(sa.text("SET LOCAL work_mem = '64MB'"))
            conn.execute(sa.text("SET LOCAL jit = off"))
        result = fn(conn)
    time.sleep(BREATH_S)
    return result


def _begin(database: Database, now: datetime, cause: str) -> int:
    statement = sa.insert(tier_runs).values(started_at=now, cause=cause).returning(tier_runs.c.id)
    return int(_write(database, lambda c: c.execute(statement).scalar_one()))


def _end(database: Database, run: int, at: datetime, done: Recomputed) -> None:
    values = {"finished_at": at, "customers": done.customers, "changed": done.changed}
    _write(database, lambda c: c.execute(sa.update(tier_runs).where(tier_runs.c.id == run).values(values)))
