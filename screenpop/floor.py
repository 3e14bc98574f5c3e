"""What everybody sees: who waits in which queue, and whether the PBX is heard. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime

from cti.domain.call import CallEvent, CallEventKind, CallKey, GapEvent
from screenpop import wire

MAX_GAPS = 5
_OUT = frozenset(
    {CallEventKind.LEFT_QUEUE, CallEventKind.ANSWERED, CallEventKind.ABANDONED, CallEventKind.ENDED}
)


class Floor:
    """Queues by label from the settings; a queue that is not there is shown by its name."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = dict(labels)
        self._waiting: dict[CallKey, tuple[str, datetime]] = {}
        self._up: dict[str, bool] = {}
        self._gaps: deque[wire.GapPart] = deque(maxlen=MAX_GAPS)
        self.version = 0  # counts the changes

    def heard(self, event: CallEvent) -> bool:
        """True when the queues have changed."""
        if event.kind is CallEventKind.QUEUED:
            self._waiting[event.key] = (event.queue, event.at)
        elif (
            event.kind not in _OUT
            or (event.kind is CallEventKind.ANSWERED and event.reason == "consult")
            or self._waiting.pop(event.key, None) is None
        ):
            return False
        self.version += 1
        return True

    def gap(self, event: GapEvent) -> None:
        """The connection to a node was lost, or is back."""
        gap = wire.GapPart(node=event.node, since=event.since, until=event.until)
        kept = [g for g in self._gaps if (g.node, g.since) != (gap.node, gap.since)]
        self._gaps = deque([*kept, gap], maxlen=MAX_GAPS)
        self._up[event.node] = event.until is not None
        self.version += 1

    def up(self, node: str, up: bool) -> None:
        """Whether a node is heard now."""
        self._up[node] = up
        self.version += 1

    @property
    def pbx(self) -> bool:
        """Whether any node is heard."""
        return any(self._up.values())

    def nodes(self) -> Mapping[str, bool]:
        return dict(self._up)

    def part(self, now: datetime) -> wire.FloorPart:
        """The message part, at a moment."""
        loads = []
        for name, label in self._labels.items():
            since = [at for queue, at in self._waiting.values() if queue == name]
            longest = (now - min(since)).total_seconds() if since else 0
            loads.append(
                wire.QueueLoad(name=name, label=label, waiting=len(since), longest_s=max(0, int(longest)))
            )
        return wire.FloorPart(queues=tuple(loads), pbx="up" if self.pbx else "down", gaps=tuple(self._gaps))
