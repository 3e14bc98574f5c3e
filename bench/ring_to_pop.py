"""Ring to pop: from the PBX's own event time stamp to the browser's acknowledgement, as the ledger has it.

20 calls a second for 1,000 connected agents; each call is a recorded real one that rings three agents, so
60 pops a second. PBX, service (``laidian run`` as an owner runs it) and pages are three processes on one
machine, speaking over real sockets; look-up, ledger, wrap-up pauses and state messages all run. SQLite with
100,000 customers and PostgreSQL with 5 million numbers, which are in its memory; all data is synthetic.

``python -m bench ring_to_pop`` takes LAIDIAN_BENCH_SECONDS (60), LAIDIAN_BENCH_CUSTOMERS and
LAIDIAN_BENCH_NUMBERS (0 leaves PostgreSQL out) from the environment. LAIDIAN_BENCH_REALTIME=1 gives the
three processes (and PostgreSQL) real-time scheduling while they are measured: an approximation of a machine
of their own where the cores are wanted by others. It is kept apart, as ``ring_to_pop_realtime.json``.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import sqlalchemy as sa

from asterisk_conf.ports import free_tcp
from bench import machine
from bench.pops.pbx import FIRST_AGENT
from bench.stock import fill
from bench.stolen import Stolen, watched
from cti.store import repos
from cti.store.db import Database
from cti.store.migrations import upgrade
from cti.store.tables import pops
from screenpop.auth import token_hash

REALTIME = os.environ.get("LAIDIAN_BENCH_REALTIME") == "1"
AGENTS, PER_SECOND, TARGET_MS = 1000, 20.0, 50.0
PER_CALL = 3
WARM_S = 5.0  # pops of the first seconds are not counted: caches fill, code is compiled


def main() -> dict[str, Any]:
    """Measure both stores; writes bench/results/ring_to_pop.json, or ring_to_pop_realtime.json."""
    seconds = float(os.environ.get("LAIDIAN_BENCH_SECONDS", "60"))
    customers = int(os.environ.get("LAIDIAN_BENCH_CUSTOMERS", "100000"))
    numbers = int(os.environ.get("LAIDIAN_BENCH_NUMBERS", "5000000"))
    given = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("LAIDIAN_BENCH_")]
    found: dict[str, Any] = {
        "command": " ".join([*given, "python -m bench ring_to_pop"]),
        "agents": AGENTS,
        "calls_per_s": PER_SECOND,
        "pops_per_s": PER_SECOND * PER_CALL,
        "seconds": seconds,
        "target_p99_ms": TARGET_MS,
        "real_time_scheduling": REALTIME,
        "sqlite": _sqlite(seconds, customers),
    }
    if numbers:
        found["postgresql"] = _postgresql(seconds, numbers)
    return machine.write("ring_to_pop_realtime" if REALTIME else "ring_to_pop", found)


def _sqlite(seconds: float, customers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as folder:
        file = Path(folder) / "bench.db"
        database = Database(f"sqlite:///{file}")
        upgrade(database)
        fill.fill_sqlite(file, customers)
        result = _measure(database, f"sqlite:///{file}", seconds, customers)
        database.close()
        return {"customers": customers, **result}


def _postgresql(seconds: float, numbers: int) -> dict[str, Any]:
    try:
        with fill.postgresql(numbers, durable=True) as (database, raw):
            _hurry(_server(raw))
            url = database.url.render_as_string(hide_password=False)
            result = _measure(database, url, seconds, min(fill.RICH, numbers // 2))
    except RuntimeError as e:
        return {"left_out": str(e)}
    return {"numbers": numbers, **result}


def _server(raw: psycopg.Connection[Any]) -> int:
    """Process id of the PostgreSQL server."""
    (folder,) = raw.execute("SHOW data_directory").fetchone() or ("",)
    return int(Path(folder, "postmaster.pid").read_text().split()[0])


def _measure(database: Database, url: str, seconds: float, customers: int) -> dict[str, Any]:
    tokens = _agents(database)
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as name:
        folder = Path(name)
        pbx = _start("bench.pops.pbx", AGENTS, PER_SECOND, seconds, customers)
        port = free_tcp()
        settings = _settings(folder, url, port, int(_line(pbx)))
        with (folder / "service.log").open("wb") as log:
            service = subprocess.Popen(
                [sys.executable, "-m", "cti", "run", "--config", str(settings)], stderr=log, stdout=log
            )
        _hurry(service.pid)
        try:
            _ready(port, folder / "service.log")
            pages = _start("bench.pops.pages", f"http://127.0.0.1:{port}/ws/agent")
            _say(pages, *tokens, "")
            if _line(pages) != "ready":
                raise SystemExit("the pages are not ready")
            _planned(folder / "service.log")  # also: the states of a thousand agents are told
            before, begin = psutil.Process(service.pid).cpu_times(), datetime.now(UTC)
            with watched() as stolen:
                _say(pbx, "go")
                calls = int(_line(pbx))
            after = psutil.Process(service.pid).cpu_times()
            memory = psutil.Process(service.pid).memory_info().rss
            time.sleep(1.0)
            _say(pages, "stop")
            seen = json.loads(_line(pages))
            pages.wait(20)
        finally:
            service.terminate()
            service.wait(30)
            pbx.kill()
            pbx.wait()
    cpu = (after.user + after.system - before.user - before.system) / seconds
    figures = _ledger(database, begin + timedelta(seconds=WARM_S), stolen)
    return {
        "calls": calls,
        **figures,
        "pages_saw": seen,
        "stolen_cores": round(stolen.seconds / seconds, 2),
        "service_cores": round(cpu, 2),
        "service_memory_mib": round(memory / 2**20),
    }


def _agents(database: Database) -> list[str]:
    """Users with a session each; the tokens."""
    now = datetime.now(UTC)
    tokens = [secrets.token_urlsafe(32) for _ in range(AGENTS)]
    with database.begin() as conn:
        for i, token in enumerate(tokens):
            agent = str(FIRST_AGENT + i)
            user = repos.add_user(
                conn, username=agent, password_hash="-", name=agent, roles=("agent",), now=now, agent=agent
            )
            repos.add_session(
                conn,
                token_hash=token_hash(token),
                user_id=user,
                created_at=now,
                expires_at=now + timedelta(hours=2),
            )
    return tokens


def _settings(folder: Path, url: str, port: int, ami: int) -> Path:
    lines = [
        f"[store]\nurl = {json.dumps(url)}",
        f"[web]\nport = {port}",
        f"[pop]\njournal = {json.dumps(str(folder / 'journal'))}",
        '[tiers]\nnightly = ""',  # a store that is new would recompute everybody now, not at night
        f'[[ami]]\nname = "pbx1"\nport = {ami}\nusername = "bench"\nsecret = "bench"',
        *(f'[[queues]]\nname = "{q}"\nlabel = "{q}"\nwrapup_s = 5' for q in ("all", "hunt")),
        *(f'[[agents]]\nnumber = "{n}"' for n in range(FIRST_AGENT, FIRST_AGENT + AGENTS)),
    ]
    file = folder / "laidian.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def _ledger(database: Database, since: datetime, stolen: Stolen) -> dict[str, Any]:
    """What the ledger has of the pops after the warm-up.

    `undisturbed` are those around which the hypervisor took nothing: what the programs need on cores of
    their own. The other figures hold every pop.
    """
    names = ("pbx_at", "received_at", "looked_up_at", "pushed_at", "acked_at")
    with database.begin(write=False) as conn:
        query = sa.select(*(pops.c[n] for n in names)).where(pops.c.pbx_at >= since)
        rows = conn.execute(query).mappings().all()
        everything = conn.execute(sa.select(sa.func.count()).select_from(pops)).scalar_one()
        unclosed = conn.execute(
            sa.select(sa.func.count()).select_from(pops).where(pops.c.state.in_(("ringing", "talking")))
        ).scalar_one()
    acked = [r for r in rows if r["acked_at"] is not None]
    if not acked:
        raise SystemExit("no pop was acknowledged")
    spared = [r["acked_at"] - r["pbx_at"] for r in acked if not stolen.near(r["pbx_at"])]
    return {
        "pops": everything,
        "pops_counted": len(rows),
        "not_acknowledged": len(rows) - len(acked),
        "still_ringing_or_talking": unclosed,
        "ring_to_ack_ms": _ms([r["acked_at"] - r["pbx_at"] for r in acked]),
        "undisturbed": {"pops": len(spared), **({"ring_to_ack_ms": _ms(spared)} if spared else {})},
        "stamp_to_received_ms": _ms([r["received_at"] - r["pbx_at"] for r in acked]),
        "received_to_pushed_ms": _ms([r["pushed_at"] - r["received_at"] for r in acked]),
        "pushed_to_acked_ms": _ms([r["acked_at"] - r["pushed_at"] for r in acked]),
    }


def _ms(spans: Sequence[timedelta]) -> dict[str, float]:
    ordered = sorted(s.total_seconds() * 1e3 for s in spans)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
        "max": round(ordered[-1], 2),
    }


def _start(module: str, *args: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _hurry(process.pid)
    return process


def _hurry(pid: int) -> None:
    """Real-time scheduling for a process and what it will start, where that was asked for."""
    if REALTIME:
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise SystemExit("no stdout")
    line = process.stdout.readline().strip()
    if not line:
        raise SystemExit(f"{process.args!r} ended")
    return line


def _say(process: subprocess.Popen[str], *lines: str) -> None:
    if process.stdin is None:
        raise SystemExit("no stdin")
    process.stdin.write("\n".join(lines) + "\n")
    process.stdin.flush()


def _ready(port: int, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"the service is not ready: {log.read_text(encoding='utf-8')[-2000:]}")


def _planned(log: Path) -> None:
    """Wait until the tasks of the day are planned: on a working day that is done before the first call."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if "the day is planned" in log.read_text(encoding="utf-8"):
            return
        time.sleep(0.5)
    raise SystemExit("the day was not planned")


if __name__ == "__main__":
    main()
