"""What is written down of pops and contacts: builds the records and gives them to the ledger.

A full journal is an emergency that must not stop pops: it is logged and counted, and readiness fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cti.domain.call import CallEvent, GapEvent
from cti.domain.phone import Plan, parse
from cti.errors import Unavailable
from cti.obs import get_logger
from screenpop import rows
from screenpop.ledger import LedgerWriter
from screenpop.pop import Call, Pop
from screenpop.wire import Draft

_log = get_logger("recorder")
_SUMMARY = 80


@dataclass(slots=True)
class _Track:
    received: datetime
    written: bool = False
    pushed: bool = False
    acked: bool = False


class Recorder:
    """One per service. All times in UTC."""

    def __init__(self, ledger: LedgerWriter, plan: Plan) -> None:
        self._ledger = ledger
        self._plan = plan
        self._tracks: dict[str, _Track] = {}

    @property
    def lost(self) -> int:
        """Records that the journal did not take."""
        return self._ledger.lost

    def known(self, pop: Pop) -> None:
        """A pop that was given back after a restart: it has its row."""
        self._tracks[pop.id] = _Track(pop.offered_at, written=True, pushed=True)

    def waiting(self, pop: Pop, received: datetime) -> None:
        """A pop was made that nobody sees yet: it is written when it is shown, or gone."""
        self._tracks.setdefault(pop.id, _Track(received))

    def pop(
        self,
        pop: Pop,
        call: Call,
        *,
        received: datetime,
        looked_up: datetime | None,
        pushed: datetime | None = None,
    ) -> None:
        """A pop was made or changed; `pushed`: it went to at least one page just now."""
        columns = rows.columns(pop, call, self._plan)
        track = self._tracks.setdefault(pop.id, _Track(received))
        if not track.written:
            track.written = True
            columns["received_at"] = rows.stamp(track.received)
        if looked_up is not None:
            columns["looked_up_at"] = rows.stamp(looked_up)
        if pushed is not None and not track.pushed:
            track.pushed = True
            columns["pushed_at"] = rows.stamp(pushed)
        self._set(pop.id, columns)
        if not pop.live:
            self._tracks.pop(pop.id, None)

    def acked(self, pop: Pop, at: datetime) -> bool:
        """A page has rendered it; True the first time."""
        track = self._tracks.get(pop.id)
        if track is None or track.acked:
            return False
        track.acked = True
        self._set(pop.id, {**rows.identity(pop), "acked_at": rows.stamp(at)})
        return True

    def draft(self, pop: Pop, draft: Draft) -> None:
        """What the agent has typed so far. Raises Unavailable when it cannot be kept."""
        self._ledger.add(
            {
                "op": "pop",
                "id": pop.id,
                "set": {**rows.identity(pop), "note": draft.note, "disposition": draft.disposition},
            }
        )

    def contact(self, pop: Pop, call: Call, draft: Draft, *, customer_id: int | None = None) -> None:
        """联系历史: one answered call of one agent."""
        lookup = call.lookup
        found = lookup.customer.id if lookup is not None and lookup.customer is not None else None
        talk = _between(pop.answered_at, pop.wrapup_at)
        self._contact(
            call,
            {
                "pop_id": pop.id,
                "at": rows.stamp(pop.answered_at or pop.offered_at),
                "ended_at": rows.stamp(pop.wrapup_at or pop.closed_at),
                "agent": pop.agent,
                "queue": pop.queue or call.queue,
                "customer_id": customer_id if customer_id is not None else found,
                "summary": draft.note[:_SUMMARY] or draft.disposition or _duration(talk),
                "disposition": draft.disposition,
                "note": draft.note,
                "talk_s": talk,
                "hold_s": pop.hold_s,
                "wrapup_s": _between(pop.wrapup_at, pop.closed_at),
                "wait_s": (pop.answered_at - call.arrived_at).total_seconds() if pop.answered_at else None,
            },
        )

    def abandoned(self, call: Call, event: CallEvent) -> None:
        """A caller gave up before anybody answered: the next agent should know."""
        lookup = call.lookup
        found = lookup.customer.id if lookup is not None and lookup.customer is not None else None
        self._contact(
            call,
            {
                "pop_id": f"gave-up:{call.key.node}:{call.key.linkedid}",  # no pop, but still one contact
                "at": rows.stamp(call.arrived_at),
                "ended_at": rows.stamp(event.at),
                "agent": "",
                "queue": call.queue,
                "customer_id": found,
                "summary": "来电放弃，未接通",
                "disposition": "",
                "note": "",
                "talk_s": None,
                "wait_s": (event.at - call.arrived_at).total_seconds(),
            },
        )

    def visit(self, row: Mapping[str, Any]) -> None:
        """A visit to a queue began or ended: the whole row."""
        self._add({"op": "visit", "set": dict(row)})

    def gap(self, event: GapEvent) -> None:
        """The PBX connection was away."""
        self._add(
            {
                "op": "gap",
                "node": event.node,
                "since": rows.stamp(event.since),
                "until": rows.stamp(event.until),
                "reason": event.reason[:500],
            }
        )

    def _contact(self, call: Call, columns: Mapping[str, Any]) -> None:
        number = parse(call.number, self._plan)
        self._add(
            {
                "op": "contact",
                "set": {
                    "channel": "call",
                    "direction": call.direction.value,
                    "node": call.key.node,
                    "linkedid": call.key.linkedid,
                    "number_key": number.key or "",
                    "number_display": number.display,
                    "waybill": call.context.get("waybill", ""),
                    "ivr": dict(call.context),
                    "source": "agent",
                    **columns,
                },
            }
        )

    def _set(self, pop_id: str, columns: Mapping[str, Any]) -> None:
        self._add({"op": "pop", "id": pop_id, "set": dict(columns)})

    def _add(self, record: Mapping[str, Any]) -> None:
        try:
            self._ledger.add(record)
        except Unavailable as e:
            _log.error("not recorded", op=str(record["op"]), why=str(e), lost=self.lost)


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return max(0.0, (end - start).total_seconds()) if start and end else None


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "通话"
    return (
        f"通话 {int(seconds) // 60} 分 {int(seconds) % 60} 秒" if seconds >= 60 else f"通话 {int(seconds)} 秒"
    )
