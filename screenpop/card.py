"""Builds the message of a pop from what is known, as one viewer may see it.

Pure. Everything that came from a caller or a file goes out as plain text in JSON; numbers are masked for
viewers without the right to see them, also where they hide in names and notes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cti.domain.call import Direction
from cti.domain.customer import Customer, Lookup, Outcome, WaybillSummary
from cti.domain.phone import DEFAULT_PLAN, Number, NumberClass, Plan, parse
from screenpop import wire
from screenpop.pop import Call, Pop, PopState

_COMPOUND = re.compile("欧阳|司马|上官|诸葛|夏侯|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|宇文|长孙|端木|南宫")
# mobile and land-line numbers inside a text; longer runs of digits are waybills
_IN_TEXT = re.compile(
    r"""(?<!\d)(?:
        (?:(?:\+|00)?86[\s-]?|0)?(1[3-9]\d)[\s-]?\d{4}[\s-]?(\d{4})
        | (?:(?:\+|00)?86[\s-]?)?(010|02\d|0[3-9]\d{2})[-\s]?\d{3,4}(\d{4})
    )(?!\d)""",
    re.VERBOSE,
)
_DIRECTIONS: Mapping[Direction, wire.DirectionName] = {
    Direction.INBOUND: "inbound",
    Direction.OUTBOUND: "outbound",
    Direction.INTERNAL: "internal",
}
_SHOWN: Mapping[PopState, wire.ShownState] = {
    PopState.RINGING: "ringing",
    PopState.TALKING: "talking",
    PopState.HELD: "held",
    PopState.WRAPUP: "wrapup",
    PopState.CLOSED: "wrapup",  # a card read back after its end
}


@dataclass(frozen=True, slots=True)
class Style:
    """What the owner set: sentences, queue labels, home area; `place` finds 归属地."""

    greeting: str
    greeting_unknown: str
    company: str = ""
    queue_labels: Mapping[str, str] = field(default_factory=dict)
    plan: Plan = DEFAULT_PLAN
    place: Callable[[Number], str] = lambda number: ""
    greetings: Mapping[tuple[str, str], str] = field(default_factory=dict)  # of (scheme, tier), where own


def mask_text(text: str) -> str:
    """Hide phone numbers inside a text: ``请打13800138000`` → ``请打138****8000``; waybills stay."""
    return _IN_TEXT.sub(lambda m: f"{m[1]}****{m[2]}" if m[1] else f"{m[3]}-****{m[4]}", text)


def surname(name: str) -> str:
    """``王小明`` → ``王``, ``欧阳娜娜`` → ``欧阳``; names not written in Chinese stay whole."""
    if not name or not "一" <= name[0] <= "鿿":
        return name
    return name[:2] if len(name) > 2 and _COMPOUND.match(name) else name[:1]


def greeting(customer: Customer | None, style: Style, direction: Direction = Direction.INBOUND) -> str:
    """The sentence to say first: ``王先生，请问有什么可以帮助您？``; calling out, that of JG 5.4 (OUT-01)."""
    if direction is Direction.OUTBOUND:
        known = customer is not None and customer.title and customer.name != customer.company
        who = f"{surname(customer.name)}{customer.title}" if customer is not None and known else "先生/女士"
        return f"您好，请问您是{who}吗？"
    if customer is None or not customer.name:
        return style.greeting_unknown.format(company=style.company)
    if customer.title and customer.name != customer.company:
        name, title = surname(customer.name), customer.title
    else:
        name, title = customer.name, "您好"
    tier = customer.tier
    own = style.greetings.get((tier.scheme, tier.id)) if tier is not None else None
    return (own or style.greeting).format(name=name, title=title, company=style.company)


def card(pop: Pop, call: Call, style: Style, *, masked: bool) -> wire.Pop:
    """The whole pop as a viewer sees it; `masked` hides numbers."""
    made = _made(pop, call, style, frozenset(wire.PARTS), masked=masked)
    return wire.Pop(id=pop.id, seq=pop.seq, **made)


def parts(pop: Pop, call: Call, style: Style, names: frozenset[str], *, masked: bool) -> wire.PopUpdate:
    """The changed parts of a pop as a viewer sees them; only these are made."""
    made = _made(pop, call, style, names, masked=masked)
    return wire.PopUpdate(id=pop.id, seq=pop.seq, changes=made)


def _made(pop: Pop, call: Call, style: Style, names: frozenset[str], *, masked: bool) -> dict[str, Any]:
    hide = mask_text if masked else _same
    found = _found(call.lookup, masked)
    made: dict[str, Any] = {name: found[name] for name in found.keys() & names}
    if "call" in names:
        made["call"] = call_part(pop, call, style)
    if "caller" in names:
        made["caller"] = caller_part(call, style, masked=masked)
    if "context" in names:
        made["context"] = {k: v if k == "waybill" else hide(v) for k, v in call.context.items()}
    if "fresh" in names and (fresh := call.fresh) is not None:
        made["fresh"] = wire.FreshPart(
            at=fresh.at, customer=fresh.customer, waybills=fresh.waybills, complaints=fresh.complaints
        )
    if "hints" in names:
        customer = _customer(call.lookup)
        alerts = tuple(hide(a) for a in customer.alerts) if customer is not None else ()
        made["hints"] = wire.HintsPart(greeting=greeting(customer, style, call.direction), alerts=alerts)
    return made


# A call that rings many agents shows each the same customer: these parts are made once for all of them.
_KEPT = 256
_kept: dict[tuple[int, bool], tuple[Lookup, dict[str, Any]]] = {}


def _found(lookup: Lookup | None, masked: bool) -> dict[str, Any]:
    """The parts that follow from the look-up alone."""
    if lookup is None:
        return {"customer": None, "candidates": (), "history": wire.HistoryPart()}
    key = (id(lookup), masked)
    kept = _kept.get(key)
    if kept is not None and kept[0] is lookup:
        return kept[1]
    hide, customer = mask_text if masked else _same, _customer(lookup)
    made = {
        "customer": customer_part(customer, hide) if customer is not None else None,
        "candidates": tuple(customer_part(c, hide) for c in lookup.candidates),
        "history": history_part(lookup, hide),
    }
    while len(_kept) >= _KEPT:
        del _kept[next(iter(_kept))]
    _kept[key] = (lookup, made)
    return made


def _customer(lookup: Lookup | None) -> Customer | None:
    return lookup.customer if lookup is not None and lookup.outcome is Outcome.ONE else None


def call_part(pop: Pop, call: Call, style: Style) -> wire.CallPart:
    """The call as this agent sees it."""
    queue = pop.queue or call.queue
    return wire.CallPart(
        node=call.key.node,
        linkedid=call.key.linkedid,
        queue=queue,
        queue_label=style.queue_labels.get(queue, queue),
        did=call.did,
        direction=_DIRECTIONS[call.direction],
        state=_SHOWN[pop.state],
        offered_at=pop.offered_at,
        answered_at=pop.answered_at,
        wrapup_at=pop.wrapup_at,
        wrapup_until=pop.wrapup_until,
        recovered=pop.recovered,
        consult=pop.consult,
        peer=pop.peer,
        chain=tuple(wire.ChainStep(at=c.at, kind=c.kind, agent=c.agent, peer=c.peer) for c in call.chain),
    )


def caller_part(call: Call, style: Style, *, masked: bool) -> wire.CallerPart:
    """Number, place and how the look-up ended; a look-up that has not come yet is ``unavailable``."""
    number = parse(call.number, style.plan)
    lookup = call.lookup
    name = call.name if parse(call.name, style.plan).cls is NumberClass.INVALID else ""
    return wire.CallerPart(
        number=number.masked if masked else number.national,
        display=number.masked if masked else number.display,
        name=mask_text(name) if masked else name,
        number_class=number.cls.value,
        outcome=lookup.outcome.value if lookup is not None else "unavailable",
        rule=lookup.rule if lookup is not None else "late",
        place=style.place(number),
        extension=number.extension or "",
        maybe_virtual=number.maybe_virtual,
        masked=masked,
    )


def customer_part(customer: Customer, hide: Callable[[str], str]) -> wire.CustomerPart:
    """A customer, with numbers hidden in every free text."""
    tier = customer.tier
    return wire.CustomerPart(
        id=customer.id,
        code=customer.code,
        kind=customer.kind.value,
        name=hide(customer.name),
        title=customer.title,
        company=hide(customer.company),
        address=hide(customer.address),
        tier=wire.TierPart(scheme=tier.scheme, id=tier.id, label=tier.label, reason=tier.reason)
        if tier is not None
        else None,
        representative=customer.representative,
        green_channel=customer.green_channel,
        birthday=customer.birthday,
        preferences={k: hide(v) for k, v in customer.preferences.items()},
        alerts=tuple(hide(a) for a in customer.alerts),
        note=hide(customer.note),
    )


def history_part(lookup: Lookup, hide: Callable[[str], str]) -> wire.HistoryPart:
    """Complaints, waybills and contacts that came with the look-up."""
    return wire.HistoryPart(
        complaints=tuple(
            wire.ComplaintPart(
                id=c.id,
                opened_at=c.opened_at,
                category=c.category,
                state=c.state,
                waybill=c.waybill,
                due_at=c.due_at,
                summary=hide(c.summary),
            )
            for c in lookup.complaints
        ),
        waybills=tuple(waybill_part(w, hide) for w in lookup.waybills),
        contacts=tuple(
            wire.ContactPart(
                at=c.at,
                channel=c.channel,
                direction=c.direction,
                agent=c.agent,
                summary=hide(c.summary),
                disposition=c.disposition,
            )
            for c in lookup.contacts
        ),
    )


def waybill_part(waybill: WaybillSummary, hide: Callable[[str], str]) -> wire.WaybillPart:
    """A waybill, with numbers hidden in its texts."""
    return wire.WaybillPart(
        number=waybill.number,
        state=waybill.state,
        updated_at=waybill.updated_at,
        origin=waybill.origin,
        destination=waybill.destination,
        receiver=hide(waybill.receiver),
        last_event=hide(waybill.last_event),
        problem=hide(waybill.problem),
    )


def _same(text: str) -> str:
    return text
