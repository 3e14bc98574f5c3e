"""What happened, as short lines that are the same whenever the same thing happens again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from cti.ami.trace import Heard
from cti.domain.call import AgentEvent, CallEvent, CallEventKind, GapEvent


def line(event: CallEvent) -> str:
    """``offered 1002 for 13800138000 by 1001 (consult)``, without times and ids."""
    words = [event.kind.value]
    if event.agent:
        words.append(event.agent)
    if event.kind is CallEventKind.TRANSFERRED:
        words.append(f"to {event.peer}")
    if event.kind is CallEventKind.OFFERED:
        words.append(f"for {event.caller_number}")
        if event.peer:
            words.append(f"by {event.peer}")
    if event.kind is CallEventKind.QUEUED:
        words.append(event.queue)
    if event.reason:
        words.append(event.reason)
    if event.recovered:
        words.append("recovered")
    return " ".join(words)


def story(events: Iterable[Heard]) -> list[str]:
    """The call events in order; neighbours of one kind are sorted, for ring-all has no order."""
    lines = [
        (e.kind if isinstance(e, CallEvent) else "gap", e) for e in events if not isinstance(e, AgentEvent)
    ]
    told: list[str] = []
    for _, group in groupby(lines, key=lambda pair: pair[0]):
        told += sorted(
            line(e) if isinstance(e, CallEvent) else "gap closed" if e.until else "gap"
            for _, e in group
            if isinstance(e, CallEvent | GapEvent)
        )
    return told


def stories(events: Sequence[Heard], *, anybody: bool = False) -> list[list[str]]:
    """One story a call, sorted; with `anybody`, numbers of agents and callers are left open."""
    keys = {e.key: None for e in events if isinstance(e, CallEvent)}
    told = [story(e for e in events if isinstance(e, CallEvent) and e.key == key) for key in keys]
    return sorted(
        [[re.sub(r"\b\d{4,}\b", "*", line) for line in lines] for lines in told] if anybody else told
    )
