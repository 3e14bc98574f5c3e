"""One talk with live help, as the service sees it: its state, and what a page that joins must be told."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cti.domain.call import CallKey
from cti.speech.live_process import LiveProcess
from screenpop import wire
from screenpop.wire_live import LiveHint, LiveState, LiveStateName, LiveText

MOST_LINES = 60

NOTES: dict[LiveStateName, str] = {
    "opening": "实时辅助正在接通",
    "on": "",
    "finals_only": "识别较忙：只显示整句",
    "silence_only": "没有语音识别：只提示静音和音量",
    "busy": "实时辅助繁忙，本次通话没有实时文字",
    "retrying": "实时辅助中断，正在恢复；通话不受影响",
    "off": "",
}


@dataclass(slots=True, eq=False)
class LiveTalk:
    """`channel`: Uniqueid of the agent's channel, once it is known. `name`: of what was made in Asterisk."""

    id: str
    key: CallKey
    agent: str
    queue: str
    facts: dict[str, Any]
    channel: str = ""
    name: str = ""
    state: LiveStateName = "opening"
    held: bool = False
    ended: bool = False
    failures: int = 0
    worker: LiveProcess | None = None
    task: asyncio.Task[None] | None = None
    legs_on: set[str] = field(default_factory=set)
    pop: str = ""
    shift: int = 0  # utterances of earlier workers: their numbers go on
    _lines: OrderedDict[tuple[str, int], LiveText] = field(default_factory=OrderedDict)
    _hints: dict[str, LiveHint] = field(default_factory=dict)

    def text(self, event: dict[str, Any]) -> LiveText:
        """A line that was heard, kept for pages that come later."""
        number = event["n"] + self.shift
        line = LiveText(
            id=self.pop,
            leg=event["leg"],
            n=number,
            t0_ms=event["t0"],
            t1_ms=event["t1"],
            final=event["final"],
            parts=tuple({"text": t, "sure": s} for t, s in event["parts"]),
        )
        if line.final and line.parts:
            self._lines[line.leg, number] = line
            while len(self._lines) > MOST_LINES:
                self._lines.popitem(last=False)
        return line

    def hint(self, event: dict[str, Any], due_at: datetime | None) -> LiveHint:
        """A hint that was given, kept for pages that come later."""
        fields = {k: v for k, v in event.items() if k in LiveHint.model_fields}
        hint = LiveHint(**fields, id=self.pop, due_at=due_at)
        if hint.gone:
            self._hints.pop(hint.key, None)
        else:
            self._hints[hint.key] = hint
        return hint

    def restarted(self) -> list[LiveHint]:
        """A new worker knows nothing of before: reminders that it would have to take back go now."""
        self.shift = max((n for _, n in self._lines), default=self.shift)
        stale = [h for h in self._hints.values() if h.kind not in ("forbidden", "number")]
        for hint in stale:
            del self._hints[hint.key]
        return [h.model_copy(update={"gone": True}) for h in stale]

    def told(self) -> LiveState:
        """The state as the page gets it."""
        engine = str(self.worker.info.get("engine", "")) if self.worker is not None else ""
        return LiveState(id=self.pop, state=self.state, engine=engine, note=NOTES[self.state])

    def everything(self) -> list[str]:
        """All of it, for a page that joins."""
        lines = [line.model_copy(update={"id": self.pop}) for line in self._lines.values()]
        return [wire.encode(m) for m in (self.told(), *lines, *self._hints.values())]
