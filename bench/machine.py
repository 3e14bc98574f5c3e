"""What every result carries: machine, date and command; and the one way to write it down."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """The machine as far as it matters for reading a figure."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def write(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    """Add machine, date and command to `figures`, keep them as ``bench/results/NAME.json``, return them."""
    found = {
        "bench": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python -m bench {name}",
        "machine": machine() | {"argv": sys.argv[1:]},
        **figures,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(
        json.dumps(found, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8"
    )
    return found
