"""When the hypervisor took the cores away: a guest on a shared machine waits then, whatever its programs do.

Linux counts it as ``steal`` in /proc/stat (proc(5)), in ticks of 10 ms over all cores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

STEP_S = 0.25
AROUND = timedelta(seconds=0.5)  # what was held up shortly before a moment still queues in it


@dataclass
class Stolen:
    """Moments (UTC) at which time was found stolen since the moment before, and how much in all."""

    moments: list[datetime] = field(default_factory=list)
    seconds: float = 0.0

    def near(self, at: datetime) -> bool:
        """Whether something was stolen around this moment."""
        return any(abs(moment - at) <= AROUND for moment in self.moments)


@contextmanager
def watched() -> Iterator[Stolen]:
    """Look every quarter of a second until the end of the block."""
    found, over = Stolen(), threading.Event()

    def look() -> None:
        before = _ticks()
        while not over.wait(STEP_S):
            now = _ticks()
            if now > before:
                found.moments.append(datetime.now(UTC))
                found.seconds += (now - before) / os.sysconf("SC_CLK_TCK")
            before = now

    thread = threading.Thread(target=look, name="stolen", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join(5)


def _ticks() -> int:
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    return int(fields[8]) if len(fields) > 8 else 0
