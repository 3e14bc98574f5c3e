"""Record all named traces again on a real Asterisk: ``python -m tests.traces.record [NAME …]``.

A trace is written only if its story is the one in scenarios.py.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cti.ami.client import AmiClient
from cti.ami.fleet import NodeEars
from cti.ami.trace import Heard, Recorder, as_json, replay
from cti.ami.wire import Message
from cti.config import Settings
from cti.domain.call import GapEvent
from cti.errors import LaidianError
from tests.traces.scenarios import SCENARIOS, Scenario
from tests.traces.stage import NODE, pbx, stage
from tests.traces.story import stories

HERE = Path(__file__).parent


class Both:
    """Recorder first, tracker second."""

    def __init__(self, recorder: Recorder, ears: NodeEars) -> None:
        self._all = (recorder, ears)

    def messages(self, batch: Sequence[Message], received: datetime) -> None:
        for one in self._all:
            one.messages(batch, received)

    def resync(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None:
        for one in self._all:
            one.resync(channels, queues, at)

    def gap(self, event: GapEvent) -> None:
        for one in self._all:
            one.gap(event)


async def play(settings: Settings, scenario: Scenario) -> tuple[str, list[Heard], list[str]]:
    """Play a scenario; returns the trace, what was heard, and the tracker's complaints."""
    file = io.StringIO()

    def record(client: AmiClient) -> None:
        recorder = Recorder(file, NODE, settings.roster(), about=scenario.about)
        client._consumer = Both(recorder, client._consumer)

    async with stage(settings, record) as s:
        start = len(s.heard)
        await scenario.play(s)
        await asyncio.sleep(0.2)
        return file.getvalue(), s.heard[start:], list(s.fleet.tracker(NODE).faults)


async def record(names: list[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory(prefix="laidian-traces-") as folder:
        async with pbx(Path(folder)) as settings:
            for scenario in SCENARIOS:
                if names and scenario.name not in names:
                    continue
                try:
                    trace, heard, faults = await play(settings, scenario)
                except (TimeoutError, LaidianError):
                    print(f"{scenario.name}: did not come to its end")
                    failed += 1
                    continue
                told = stories(heard, anybody=scenario.anybody)
                for fault in faults:
                    print(f"{scenario.name}: fault: {fault}")
                if told != sorted(scenario.story):
                    failed += 1
                    print(
                        f"{scenario.name}: another story:\n" + json.dumps(told, ensure_ascii=False, indent=1)
                    )
                    Path(tempfile.gettempdir(), f"{scenario.name}.jsonl").write_text(trace, encoding="utf-8")
                    continue
                (HERE / f"{scenario.name}.jsonl").write_text(trace, encoding="utf-8")
                expected = {
                    "about": scenario.about,
                    "story": told,
                    "events": [as_json(event) for event in replay(HERE / f"{scenario.name}.jsonl")],
                }
                text = json.dumps(expected, ensure_ascii=False, indent=1) + "\n"
                (HERE / f"{scenario.name}.expected.json").write_text(text, encoding="utf-8")
                print(f"{scenario.name}: recorded, {len(trace.splitlines())} lines")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(record(sys.argv[1:])))
