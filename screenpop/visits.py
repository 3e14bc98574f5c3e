"""Who waits for a person, since when and of which tier, and what came of it.

A visit is written when it begins and when it ends, so that the day's figures are right again after a
restart. The rules are those of `cti.domain.floor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cti.domain.call import CallEvent, CallEventKind, CallKey, Direction
from cti.domain.customer import Lookup, TierRef
from cti.domain.floor import Outcome, VisitKind
from screenpop.pop import Call
from screenpop.rows import stamp

MAX_LIVE = 20_000
_BEGINS = (CallEventKind.QUEUED, CallEventKind.OFFERED)


@dataclass(slots=True)
class Visit:
    """One caller in one queue. `left_at`: out of the queue, but the call goes on and may come back."""

    id: str
    key: CallKey
    queue: str
    kind: VisitKind
    arrived_at: datetime
    queued_at: datetime
    tier: TierRef | None = None
    left_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    agent: str = ""
    wait_s: float | None = None
    recovered: bool = False
    confirmed: bool = True  # false: read back from the store, not yet heard of again

    @property
    def waits(self) -> bool:
        return self.ended_at is None and self.left_at is None


def tier_of(lookup: Lookup | None) -> TierRef | None:
    """The tier of the one customer that a look-up found."""
    return lookup.customer.tier if lookup is not None and lookup.customer is not None else None


class Visits:
    """All who wait, on every node. `call` tells what is known of a live call, `record` keeps a row."""

    def __init__(
        self, call: Callable[[CallKey], Call | None], record: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._call = call
        self._record = record
        self._open: dict[CallKey, Visit] = {}
        self._served: dict[CallKey, None] = {}  # answered: what rings from now on is no first wait
        self.is_callback: Callable[[CallKey], bool] = lambda _: False
        self.on_end: Callable[[Visit], None] = lambda _: None

    def waiting(self) -> Iterator[Visit]:
        """Those who wait now."""
        return (v for v in self._open.values() if v.waits)

    def tier(self, visit: Visit) -> TierRef | None:
        """The caller's tier, as far as it is known by now."""
        call = self._call(visit.key)
        return (tier_of(call.lookup) if call is not None else None) or visit.tier

    def restore(self, rows: Iterable[Mapping[Any, Any]]) -> None:
        """After a restart: who waited then, to be confirmed by the PBX."""
        for row in rows:
            tier = TierRef(row["scheme"], row["tier_id"], row["tier_label"]) if row["tier_id"] else None
            key = CallKey(row["node"], row["linkedid"])
            self._open[key] = Visit(
                row["id"],
                key,
                row["queue"],
                VisitKind(row["kind"]),
                row["arrived_at"],
                row["queued_at"],
                tier,
                recovered=True,
                confirmed=False,
            )

    def resynced(self, node: str, at: datetime) -> None:
        """The PBX has told all it knows: who was not heard of again is gone, nobody knows how."""
        for visit in [v for v in self._open.values() if v.key.node == node and not v.confirmed]:
            self._end(visit, Outcome.LOST, at)

    def hear(self, event: CallEvent) -> bool:
        """One event of a call; True when who waits has changed."""
        key, kind = event.key, event.kind
        visit = self._open.get(key)
        if visit is not None:
            visit.confirmed = True
        if kind in _BEGINS:
            return self._begins(visit, event)
        if kind is CallEventKind.ANSWERED and event.reason != "consult":
            if event.direction is Direction.INBOUND:
                self._served[key] = None
            return visit is not None and self._end(visit, Outcome.ANSWERED, event.at, event)
        if kind is CallEventKind.LEFT_QUEUE and visit is not None:
            visit.left_at = event.at
            return True
        if kind is CallEventKind.ABANDONED and visit is not None:
            return self._end(visit, Outcome.ABANDONED, event.at, event)
        if kind is CallEventKind.ENDED:
            self._served.pop(key, None)
            if visit is not None:
                unheard = event.recovered and visit.waits
                outcome = Outcome.LOST if unheard else Outcome.LEFT
                return self._end(visit, outcome, visit.left_at or event.at, event)
        return False

    def _begins(self, visit: Visit | None, event: CallEvent) -> bool:
        key, queued = event.key, event.kind is CallEventKind.QUEUED
        if visit is not None:
            if not queued or visit.queue == event.queue:
                changed, visit.left_at = visit.left_at is not None, None  # back at the place held before
                return changed
            if visit.queue:
                self._end(visit, Outcome.LEFT, visit.left_at or event.at, event)
            else:
                visit.queue, visit.left_at = event.queue, None  # rang an agent directly, goes on to a queue
                return True
        elif not queued and (event.direction is not Direction.INBOUND or key in self._served):
            return False
        callback = self.is_callback(key)
        if event.direction is not Direction.INBOUND and not callback:
            return False  # a colleague dialled the queue
        if len(self._open) >= MAX_LIVE:
            self._end(next(iter(self._open.values())), Outcome.LOST, event.at)
        call = self._call(key)
        arrived = min(call.arrived_at, event.at) if call is not None else event.at
        new = Visit(
            f"{key.node}:{key.linkedid}:{event.at.timestamp():.3f}",
            key,
            event.queue,
            VisitKind.CALLBACK if callback else VisitKind.CALL,
            arrived,
            event.at,
            recovered=event.recovered,
        )
        self._open[key] = new
        self._record(_row(new))
        return True

    def _end(self, visit: Visit, outcome: Outcome, at: datetime, event: CallEvent | None = None) -> bool:
        visit.tier = self.tier(visit)
        visit.ended_at, visit.outcome = at, outcome.value
        heard = event is not None and not event.recovered
        if event is not None and outcome is Outcome.ANSWERED:
            visit.agent = event.agent
        visit.recovered = visit.recovered or not heard
        if heard:
            visit.wait_s = max(0.0, (at - visit.queued_at).total_seconds())
        del self._open[visit.key]
        self._record(_row(visit))
        self.on_end(visit)
        return True


def _row(visit: Visit) -> dict[str, Any]:
    tier = visit.tier
    return {
        "id": visit.id,
        "node": visit.key.node,
        "linkedid": visit.key.linkedid,
        "queue": visit.queue,
        "kind": visit.kind.value,
        "scheme": tier.scheme if tier is not None else "",
        "tier_id": tier.id if tier is not None else "",
        "tier_label": tier.label if tier is not None else "",
        "arrived_at": stamp(visit.arrived_at),
        "queued_at": stamp(visit.queued_at),
        "ended_at": stamp(visit.ended_at),
        "outcome": visit.outcome,
        "agent": visit.agent,
        "wait_s": visit.wait_s,
        "recovered": visit.recovered,
    }
