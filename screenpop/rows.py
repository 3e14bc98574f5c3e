"""Pops as rows of the ledger, and back again after a restart. Without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from cti.domain.call import CallKey, Direction
from cti.domain.phone import Plan, parse
from cti.obs import get_logger
from screenpop.pop import Call, ChainLink, LookupState, Pop, PopState

_log = get_logger("rows")


def stamp(at: datetime | None) -> str | None:
    """A moment as the journal keeps it."""
    return at.isoformat() if at is not None else None


def identity(pop: Pop) -> dict[str, Any]:
    """The columns without which there is no row."""
    return {
        "node": pop.key.node,
        "linkedid": pop.key.linkedid,
        "agent": pop.agent,
        "pbx_at": stamp(pop.offered_at),
    }


def columns(pop: Pop, call: Call, plan: Plan) -> dict[str, Any]:
    """All columns that follow from the state of a pop; times of our own are added by the service."""
    number = parse(call.number, plan)
    lookup = call.lookup
    row = {
        **identity(pop),
        "number_key": number.key or "",
        "number_display": number.display,
        "queue": pop.queue or call.queue,
        "answered_at": stamp(pop.answered_at),
        "ended_at": stamp(pop.wrapup_at),
        "closed_at": stamp(pop.closed_at),
        "state": pop.state.value,
        "reason": pop.reason,
        "recovered": pop.recovered,
        "snapshot": snapshot(pop, call),
    }
    if lookup is not None:
        row |= {"outcome": lookup.outcome.value, "rule": lookup.rule}
        if lookup.customer is not None:
            row["customer_id"] = lookup.customer.id
    return row


def snapshot(pop: Pop, call: Call) -> dict[str, Any]:
    """What is needed to give the card back; the look-up is made anew."""
    return {
        "seq": pop.seq,
        "by": pop.by,
        "consult": pop.consult,
        "peer": pop.peer,
        "given_to": pop.given_to,
        "wrapup_until": stamp(pop.wrapup_until),
        "held_at": stamp(pop.held_at),
        "hold_s": pop.hold_s,
        "call": {
            "direction": call.direction.value,
            "arrived_at": stamp(call.arrived_at),
            "number": call.number,
            "name": call.name,
            "did": call.did,
            "queue": call.queue,
            "context": dict(call.context),
            "chain": [
                {"at": stamp(c.at), "kind": c.kind, "agent": c.agent, "peer": c.peer} for c in call.chain
            ],
        },
    }


def pop_from(row: Mapping[str, Any]) -> tuple[Pop, Call]:
    """A pop and its call from their row; LookupError, TypeError or ValueError for a row that is not ours."""
    kept: Mapping[str, Any] = row["snapshot"]
    of_call: Mapping[str, Any] = kept["call"]
    key = CallKey(row["node"], row["linkedid"])
    call = Call(
        key=key,
        direction=Direction(of_call["direction"]),
        arrived_at=_moment(of_call["arrived_at"]) or row["pbx_at"],
        number=of_call["number"],
        name=of_call["name"],
        did=of_call["did"],
        queue=of_call["queue"],
        context=dict(of_call["context"]),
        chain=tuple(
            ChainLink(datetime.fromisoformat(c["at"]), c["kind"], c["agent"], c["peer"])
            for c in of_call["chain"]
        ),
        lookup_state=LookupState.LATE,
        asked=of_call["number"],
    )
    pop = Pop(
        id=row["id"],
        key=key,
        agent=row["agent"],
        offered_at=row["pbx_at"],
        seq=int(kept["seq"]) + 1,
        state=PopState(row["state"]),
        queue=row["queue"],
        pushed=True,
        recovered=bool(row["recovered"]),
        answered_at=row["answered_at"],
        held_at=_moment(kept.get("held_at")),
        hold_s=float(kept.get("hold_s", 0.0)),
        wrapup_at=row["ended_at"],
        wrapup_until=_moment(kept["wrapup_until"]),
        consult=bool(kept["consult"]),
        peer=kept["peer"],
        given_to=kept["given_to"],
        closed_at=row["closed_at"],
        reason=row["reason"],
        by=kept["by"],
    )
    return pop, call


def readable(found: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Pop, Call]]:
    """The rows with their pops; one that is not understood is logged and left out, not all of them."""
    for row in found:
        try:
            pop, call = pop_from(row)
        except (LookupError, TypeError, ValueError) as e:
            _log.error("a row of the ledger is not understood", pop=row["id"], why=type(e).__name__)
        else:
            yield row, pop, call


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
