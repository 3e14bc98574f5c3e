"""``python -m bench.report``: ``bench/RESULTS.md`` from the figures in ``bench/results``, and nothing else.

A figure that was not measured cannot get into the report.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from bench.machine import RESULTS

REPORT = RESULTS.parent / "RESULTS.md"
HEAD = """# 测量结果 · Results

Written by `python -m bench.report` from `bench/results/*.json`; each part tells machine, date and command.
The machine is shared and noisy: read ratios of one run rather than absolutes. `load_before` is the load
average when the run began; with more than one per core the absolutes are worth little.
All customers, calls and events are synthetic; the AMI events have the headers of a real queue call.
"""
ABOUT = {
    "call_control": "Call control on a real Asterisk, 200 agents talking: from the click to the PBX's own "
    "event that it has acted, to the page's answer, and what is left in Asterisk at the end.",
    "live_help": "Live help: from speech to text and to the hint with 1, 4 and 8 talks at once, what a talk "
    "costs, the score from live text beside the score from the recording, and what is left after many calls.",
    "page_return": "After a bad day: from the connection's return until the page in Chromium shows how it "
    "stands (links, phone, card, buttons); promised are 2 s. `noticed_ms`: until its first connection came.",
    "wall_board": "Wall board: 1,000 agents, 20 calls a second, the service without viewers and with five.",
    "ami_ingest": "AMI ingest: 200,000 events over a real socket to a callback, beside the peers. "
    "`ours` reads what the tracker needs, `ours_all` every event, `ours_tracker` feeds the tracker as well.",
    "end_to_score": "End of call to score with one speech worker, one call in four a complaint; "
    "real-time factor of each recogniser with one thread. Synthetic voices.",
    "fastagi": "FastAGI: scripted calls of 12 commands at 1, 50 and 500 at once, beside the peers.",
    "flow_engine": "Flow engine: steps per second, memory of a waiting call.",
    "ivr_sip": "Real Asterisk, SIPp callers in the menus: the highest rate at which every caller hears the "
    "first prompt within 1 s and the answer to a typed waybill within 1.5 s.",
    "lookup": "Look-up of customer, contacts and waybills by number, beside a raw driver.",
    "matcher": "Service-language rules over a ten-minute call, and over short ones.",
    "ring_to_pop": "Ring to pop: from the PBX's time stamp to the acknowledgement of the page, 1,000 agents. "
    "`ring_to_ack_ms` is of every pop; `undisturbed`, of those around which the hypervisor took no time.",
    "ring_to_pop_realtime": "The same with real-time scheduling for PBX, service, pages and PostgreSQL: what "
    "a machine of their own might show, approximated on a shared one. Not a plain run.",
    "search": "Search by name, common parts of names, number whole, its beginning, its end, waybill; one at "
    "a time beside the raw driver, and sixteen agents at once. `within_limit`: p99 of ours, one at a time.",
    "tier_recompute": "Figures and tiers of everybody in six schemes, set-based on PostgreSQL, beside the "
    "same work one customer at a time.",
}
SKIP = {"bench", "date", "command", "machine"}


def rows(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every figure with its place in the JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from rows(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        if all(not isinstance(v, dict | list) for v in value):
            yield path, ", ".join(map(str, value))
        else:
            for number, inner in enumerate(value):
                yield from rows(inner, f"{path}[{number}]")
    else:
        yield path, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def tables(value: dict[str, Any], path: str = "") -> Iterator[str]:
    """Dictionaries of like dictionaries become tables of up to 12 columns; what is left, a list."""
    plain = {k: v for k, v in value.items() if not isinstance(v, dict)}
    if plain:
        title = f"**{path}**\n\n" if path else ""
        yield title + "| figure | value |\n|---|---|\n" + "".join(f"| {n} | {v} |\n" for n, v in rows(plain))
    for key, inner in value.items():
        if not isinstance(inner, dict):
            continue
        here = f"{path} · {key}" if path else key
        columns = list(dict.fromkeys(n for v in inner.values() for n, _ in rows(v)))
        if len(inner) > 1 and all(isinstance(v, dict) for v in inner.values()) and len(columns) <= 12:
            yield f"**{here}**\n\n| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n" + "".join(
                f"| {n} | {' | '.join(dict(rows(v)).get(c, '') for c in columns)} |\n"
                for n, v in inner.items()
            )
        else:
            yield from tables(inner, here)


def main() -> int:
    """Write the report; exit status 1 when there is nothing to report."""
    parts = [HEAD]
    for file in sorted(RESULTS.glob("*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        box = found.get("machine", {})
        where = ", ".join(f"{k} {v}" for k, v in box.items() if k != "argv") if isinstance(box, dict) else box
        parts.append(
            f"## {file.stem}\n\n{ABOUT.get(file.stem, '')}\n\n"
            f"{found.get('date', '')} · `{found.get('command', '')}` · {where}\n\n"
            + "\n".join(tables({k: v for k, v in found.items() if k not in SKIP}))
        )
    REPORT.write_text("\n".join(parts), encoding="utf-8")
    return 0 if len(parts) > 1 else 1


if __name__ == "__main__":
    sys.exit(main())
