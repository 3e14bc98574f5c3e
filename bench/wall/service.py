"""A service with a thousand agents whose states change as at so many calls a second, told without a PBX.

``service FOLDER AGENTS CALLS_PER_SECOND`` prints its address and a token, and at each line that is read what
has been used since the line before: CPU, lateness of a 5 ms timer, time of telling one event.
"""

from __future__ import annotations

import asyncio
import json
import resource
import secrets
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop

from asterisk_conf.ports import free_tcp
from bench.wall import quantile
from cti.config import Settings
from cti.domain.call import AgentEvent, AgentState, CallEvent, CallEventKind, CallKey
from cti.store import repos
from screenpop.auth import token_hash
from screenpop.root import Running, running

QUEUES = ("hotline", "vip", "claims", "station")
TALK_S, RING_S, WAIT_S, WRAPUP_S = 40.0, 3.0, 4.0, 5.0  # 20 calls/s keep a thousand agents busy
_K = CallEventKind


class Use:
    """What is used between two questions."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.told: list[float] = []
        self._cpu, self._at = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime, time.monotonic()

    def since(self) -> dict[str, float]:
        """And begin anew."""
        cpu, at = self._now()
        late, told = sorted(self.late) or [0.0], sorted(self.told) or [0.0]
        found = {
            "cpu_share": round((cpu - self._cpu) / (at - self._at), 4),
            "events": len(told),
            "timer_late_p99_ms": round(1000 * quantile(late, 0.99), 3),
            "timer_late_max_ms": round(1000 * late[-1], 3),
            "event_p50_us": round(1e6 * quantile(told, 0.5), 1),
            "event_p99_us": round(1e6 * quantile(told, 0.99), 1),
        }
        self.late, self.told, self._cpu, self._at = [], [], cpu, at
        return found


async def timer(use: Use) -> None:
    """How late a timer of 5 ms is: what a pop would wait."""
    while True:
        due = time.perf_counter() + 0.005
        await asyncio.sleep(0.005)
        use.late.append(time.perf_counter() - due)


async def calls(run: Running, use: Use, agents: list[str], per_second: float) -> None:
    """Calls one after the other at a steady rate, each with a free agent."""
    service, free = run.ctx.service, list(agents)
    loop = asyncio.get_running_loop()

    def hear(event: Any) -> None:
        start = time.perf_counter()
        service.hear(event)
        use.told.append(time.perf_counter() - start)

    def state(agent: str, to: AgentState, reason: str = "") -> None:
        hear(AgentEvent("pbx1", agent, to, datetime.now(UTC), reason))

    async def one(number: int) -> None:
        key, queue = CallKey("pbx1", f"{number}.1"), QUEUES[number % len(QUEUES)]

        def tell(kind: CallEventKind, agent: str = "") -> None:
            hear(
                CallEvent(kind, key, datetime.now(UTC), caller_number="13500000001", queue=queue, agent=agent)
            )

        tell(_K.ARRIVED)
        tell(_K.QUEUED)
        await asyncio.sleep(WAIT_S)
        if not free:
            tell(_K.ABANDONED)
            tell(_K.ENDED)
            return
        agent = free.pop(0)
        state(agent, AgentState.RINGING)
        tell(_K.OFFERED, agent)
        await asyncio.sleep(RING_S)
        tell(_K.ANSWERED, agent)
        state(agent, AgentState.BUSY)
        await asyncio.sleep(TALK_S)
        tell(_K.WRAPPED_UP, agent)
        tell(_K.ENDED)
        state(agent, AgentState.PAUSED, "话后")
        await asyncio.sleep(WRAPUP_S)
        state(agent, AgentState.AVAILABLE)
        free.append(agent)

    for agent in agents:
        state(agent, AgentState.AVAILABLE)
    tasks: set[asyncio.Task[None]] = set()
    begin, number = loop.time(), 0
    while True:
        task = loop.create_task(one(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
        await asyncio.sleep(max(0.0, begin + number / per_second - loop.time()))


async def main() -> None:
    """See above."""
    folder, count, rate = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    agents = [f"{10_000 + n}" for n in range(count)]
    settings = Settings(
        store={"url": f"sqlite:///{folder / 'bench.db'}"},  # type: ignore[arg-type]
        web={"port": free_tcp()},  # type: ignore[arg-type]
        pop={"journal": folder / "journal"},  # type: ignore[arg-type]
        agents=[{"number": a, "queues": [QUEUES[n % len(QUEUES)]]} for n, a in enumerate(agents)],  # type: ignore[arg-type]
        queues=[{"name": q, "label": q, "wrapup_s": 5} for q in QUEUES],  # type: ignore[arg-type]
    )
    async with running(settings, pbx=False) as run:
        token, now = secrets.token_urlsafe(32), datetime.now(UTC)

        def sign_in(conn: Any) -> None:
            user = repos.add_user(
                conn,
                username="boss",
                password_hash="-",
                name="班长",
                roles=("supervisor",),
                now=now,
                agent="",
            )
            hashed = token_hash(token)
            ends = now + timedelta(hours=4)
            repos.add_session(conn, token_hash=hashed, user_id=user, created_at=now, expires_at=ends)

        await run.ctx.db.write(sign_in)
        use = Use()
        work = [asyncio.create_task(timer(use)), asyncio.create_task(calls(run, use, agents, rate))]
        print(json.dumps({"url": run.url, "token": token}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(use.since()), flush=True)
        for task in work:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main())
