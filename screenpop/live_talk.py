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
    lost: bool = False  # the sound or whoever listens, since it was opened
    failures: int = 0
    worker: LiveProcess | None = None
    task: asyncio.Task[None] | None = None
    legs_on: set[str] = field(default_factory=set)
    pop: str = ""
    shift: int = 0  # utterances of earlier workers: their numbers go on
    shift_ms: int = 0  # and so does the clock
    began: datetime | None = None
    _highest: int = 0
    _growing: dict[str, LiveText] = field(default_factory=dict)  # leg → what is being said
    _lines: OrderedDict[tuple[str, int], LiveText] = field(default_factory=OrderedDict)
    _hints: dict[str, LiveHint] = field(default_factory=dict)

    def text(self, event: dict[str, Any]) -> LiveText:
        """A line that was heard, kept for pages that come later."""
        number = event["n"] + self.shift
        self._highest = max(self._highest, number)
        line = LiveText(
            id=self.pop,
            leg=event["leg"],
            n=number,
            t0_ms=event["t0"] + self.shift_ms,
            t1_ms=None if event["t1"] is None else event["t1"] + self.shift_ms,
            final=event["final"],
            parts=tuple({"text": t, "sure": s} for t, s in event["parts"]),
        )
        if line.final:
            if (growing := self._growing.get(line.leg)) is not None and growing.n == number:
                del self._growing[line.leg]
        else:
            self._growing[line.leg] = line
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

    def opening(self, now: datetime) -> None:
        """It is listened to from `now` on; what is heard comes after what was heard before."""
        self.legs_on.clear()
        self.lost = False
        self.began = self.began or now
        self.shift = self._highest
        self.shift_ms = round((now - self.began).total_seconds() * 1000)

    def interrupted(self) -> list[LiveText | LiveHint]:
        """Whoever listens next knows nothing of before: what only he could finish or take back goes now."""
        growing = [g.model_copy(update={"final": True, "parts": ()}) for g in self._growing.values()]
        stale = [h for h in self._hints.values() if h.kind not in ("forbidden", "number")]
        self._growing.clear()
        self.legs_on.clear()
        for hint in stale:
            del self._hints[hint.key]
        return [*growing, *(h.model_copy(update={"gone": True}) for h in stale)]

    def told(self) -> LiveState:
        """The state as the page gets it."""
        engine = str(self.worker.info.get("engine", "")) if self.worker is not None else ""
        return LiveState(id=self.pop, state=self.state, engine=engine, note=NOTES[self.state])

    def everything(self) -> list[str]:
        """All of it, for a page that joins."""
        lines = [line.model_copy(update={"id": self.pop}) for line in self._lines.values()]
        return [wire.encode(m) for m in (self.told(), *lines, *self._hints.values())]
