"""The flow engine alone: steps per second on one core, and what one waiting call costs in memory.

One call: welcome, who is calling, main menu, tracking, a typed waybill, where it is told, silence three
times, a person. Nothing is played and no back end is asked; what is measured is `Engine.step`. There is no
peer that runs the same flows, so there is no ratio here.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

from bench import machine
from ivr_flows import protocol as p
from ivr_flows.engine import Engine, Step
from ivr_flows.sample import CALLER, built_in

AT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
SECONDS = 3.0
ROUNDS = 5
CALLS = 5_000


def events() -> list[p.Event]:
    """The events of one call, with new objects for each, as a runner would make them."""
    data = built_in(AT)
    return [
        p.Played(),
        p.Answered(*data("customer", {"caller": CALLER})),
        p.Entered("1", "full"),
        p.Entered("1234567890", "terminator"),
        p.Answered(*data("parcel", {"number": "1234567890", "caller": CALLER})),
        p.Played(),
        p.Entered(""),
        p.Entered(""),
        p.Entered(""),
        p.Answered("waiting", {"position": 2, "wait_s": 40}),
        p.Played(),
        p.Played(),
    ]


def run(engine: Engine, made: list[p.Event], upto: int | None = None) -> Step:
    """One call, to its end or up to that many events."""
    step = engine.start("main", p.Started(caller=CALLER, did="95300", at=AT))
    for event in made[:upto]:
        step = engine.step(step.state, event)
    return step


def speed(engine: Engine) -> dict[str, Any]:
    """Steps per second of processor time, several rounds."""
    made = events()
    if not run(engine, made).done:
        raise SystemExit("the measured call does not come to its end: the flows have changed, mend the bench")
    rates: list[float] = []
    for _ in range(ROUNDS):
        calls, start = 0, time.process_time()
        while (spent := time.process_time() - start) < SECONDS / ROUNDS:
            run(engine, made)
            calls += 1
        rates.append(calls * (len(made) + 1) / spent)
    return {
        "steps_per_call": len(made) + 1,
        "steps_per_s_median": round(statistics.median(rates)),
        "steps_per_s_min": round(min(rates)),
        "steps_per_s_max": round(max(rates)),
        "us_per_step_median": round(1e6 / statistics.median(rates), 1),
    }


def memory(engine: Engine, upto: int) -> int:
    """Bytes that one more waiting call takes (tracemalloc over many)."""
    run(engine, events(), upto)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    waiting = [run(engine, events(), upto).state for _ in range(CALLS)]
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round((after - before) / len(waiting))


def main() -> dict[str, Any]:
    """Run all and write the figures down."""
    engine = Engine.load()
    return machine.write(
        "flow_engine",
        {
            "speed": speed(engine),
            "bytes_per_call_in_the_main_menu": memory(engine, 2),
            "bytes_per_call_after_the_parcel_was_told": memory(engine, 6),
            "waiting_calls_measured": CALLS,
        },
    )
