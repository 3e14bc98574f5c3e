"""Garbage collection that keeps nobody waiting.

CPython's collector stops every thread while it looks. Nearly all that a call makes is freed by its last
reference, so what the collector looks for hardly exists; what it walks over, with a thousand pages connected
or hundreds of calls in the menus, is everything that lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator

YOUNG = 50_000
"""Objects that may be made before the collector looks at the young ones."""
YOUNG_BESIDE_POPS = 10_000
"""The same where a look at 50,000 young objects (milliseconds) would make a pop late."""
FULL_EVERY_S = 900.0
"""How often all is looked through where that is not left to the collector: 0.1 s with 1,000 pages."""
_NEVER = 2**31 - 1


@contextlib.contextmanager
def calm_collector(young: int = YOUNG, *, full: bool = True) -> Iterator[None]:
    """Let the collector look less often, and never at what lives now.

    With hundreds of FastAGI calls the default of every 700 objects took a tenth of the time (bench fastagi).
    Without `full` old objects are left to `full_now_and_then`: automatic looks at them came every ten
    seconds at 20 calls a second, took up to 0.12 s and made pops late (bench ring_to_pop).
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, before[1], before[2] if full else _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def full_now_and_then() -> None:
    """Look through everything once in a quarter of an hour, until cancelled."""
    while True:
        await asyncio.sleep(FULL_EVERY_S)
        gc.collect()
