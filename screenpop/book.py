"""The book of live calls and pops: applies CallEvents to the table of ``pop.py`` and says what follows.

Pure and single-threaded. Bounded: calls that nobody has on a screen are forgotten oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from cti.domain.call import PHONE, CallEvent, CallEventKind, CallKey, Direction, OfferEnd
from cti.domain.customer import Lookup, Outcome
from cti.errors import UsageError
from screenpop.merge import better, clean, difference, merge_context
from screenpop.pop import (
    Call,
    ChainLink,
    Effect,
    EffectKind,
    LookupState,
    Pop,
    PopState,
    Signal,
    next_state,
    pop_id,
)

MAX_CALLS = 20_000
MAX_CHAIN = 20

_OF_THE_AGENT = {
    CallEventKind.OFFERED: Signal.OFFERED,
    CallEventKind.OFFER_ENDED: Signal.OFFER_ENDED,
    CallEventKind.ANSWERED: Signal.ANSWERED,
    CallEventKind.HELD: Signal.HELD,
    CallEventKind.RESUMED: Signal.RESUMED,
    CallEventKind.WRAPPED_UP: Signal.WRAPPED_UP,
}
_OF_THE_CALL = {CallEventKind.ABANDONED: Signal.ABANDONED, CallEventKind.ENDED: Signal.ENDED}
_SHOWN = frozenset({CallEventKind.ARRIVED, CallEventKind.OFFERED, CallEventKind.ANSWERED})
_HAS_BY = frozenset({OfferEnd.ANSWERED_ELSEWHERE, OfferEnd.TRANSFERRED})
_CALL = frozenset({"call"})
WHO = frozenset({"caller", "customer", "candidates", "history", "hints"})


def _offer_end(reason: str) -> OfferEnd:
    return OfferEnd(reason) if reason in set(OfferEnd) else OfferEnd.NO_ANSWER


class PopBook:
    """All live calls and pops of every node.

    `wrapup_s` tells the wrap-up of a queue in seconds ("" is a call that came without one).
    """

    def __init__(self, wrapup_s: Callable[[str], float]) -> None:
        self._wrapup_s = wrapup_s
        self._calls: dict[CallKey, Call] = {}
        self._pops: dict[CallKey, dict[str, Pop]] = {}
        self._ids: dict[str, Pop] = {}
        self._mine: dict[str, dict[str, None]] = {}  # agent → ids of the live pops

    # what is there

    def call(self, key: CallKey) -> Call | None:
        return self._calls.get(key)

    def get(self, pop_id: str) -> Pop | None:
        """A live pop by its id."""
        return self._ids.get(pop_id)

    def live(self, agent: str) -> list[tuple[Pop, Call]]:
        """What the agent has on the screen, oldest first."""
        mine = [self._ids[i] for i in self._mine.get(agent, ())]
        shown = sorted((p for p in mine if p.pushed), key=lambda p: p.offered_at)
        return [(p, self._calls[p.key]) for p in shown]

    def pops_of_agent(self, agent: str) -> list[Pop]:
        """Every live pop of an agent, also those that nobody sees yet."""
        return [self._ids[i] for i in self._mine.get(agent, ())]

    def shown(self) -> list[Call]:
        """Calls that somebody has on a screen."""
        return [self._calls[key] for key in self._pops]

    def everything(self) -> list[Pop]:
        """Every live pop."""
        return list(self._ids.values())

    def pops_of(self, key: CallKey) -> list[Pop]:
        return list(self._pops.get(key, {}).values())

    def __len__(self) -> int:
        return len(self._ids)

    def _pop(self, key: CallKey, agent: str) -> Pop | None:
        return self._pops.get(key, {}).get(agent)

    # what happens

    def apply(self, event: CallEvent) -> list[Effect]:
        """One fact of the PBX. Raises StateError where it cannot be; no pop has changed then."""
        effects: list[Effect] = []
        call = self._heard(event, effects)
        kind = event.kind
        if kind is CallEventKind.TRANSFERRED:
            self._transferred(call, event, effects)
        elif kind in _OF_THE_AGENT and event.agent:
            self._of_the_agent(call, event, effects)
        elif kind in _OF_THE_CALL:
            if kind is CallEventKind.ENDED:
                self._calls[call.key] = replace(call, ended=True)
            reason = OfferEnd.LOST if event.recovered else OfferEnd.ABANDONED
            for pop in self.pops_of(call.key):
                self._signal(pop, _OF_THE_CALL[kind], event.at, effects, reason=reason)
            self._forget(call.key)
        return effects

    def looked_up(self, key: CallKey, lookup: Lookup | None, *, by_waybill: bool = False) -> list[Effect]:
        """The answer to "who is this"; None: the deadline has passed and the pops go without it."""
        call = self._calls.get(key)
        if call is None or call.erased:
            return []
        if lookup is None:
            if call.lookup_state is not LookupState.PENDING:
                return []
            call = replace(call, lookup_state=LookupState.LATE)
        else:
            known = better(call.lookup, lookup, by_waybill=by_waybill)
            call = replace(call, lookup_state=LookupState.DONE, lookup=known)
        self._calls[key] = call
        effects: list[Effect] = []
        for pop in self.pops_of(key):
            if not pop.pushed:
                self._put(replace(pop, pushed=True), EffectKind.OPENED, effects)
            elif lookup is not None:
                self._put(replace(pop, seq=pop.seq + 1), EffectKind.CHANGED, effects, WHO)
        self._maybe_waybill(call, effects)
        return effects

    def freshened(self, key: CallKey, old: Lookup, new: Lookup, at: datetime) -> list[Effect]:
        """The answer `old` was asked for again: what differs is told; a card never loses its customer so."""
        call = self._calls.get(key)
        if call is None or call.erased or call.lookup is not old:
            return []
        if old.customer is not None and (new.customer is None or new.customer.id != old.customer.id):
            return []
        parts, fresh = difference(old, new, at)
        if not parts:
            return []
        self._calls[key] = replace(call, lookup=new, fresh=fresh or call.fresh)
        effects: list[Effect] = []
        for pop in self.pops_of(key):
            self._put(replace(pop, seq=pop.seq + 1), EffectKind.CHANGED, effects, parts)
        return effects

    def choose(self, pop_id: str, lookup: Lookup) -> list[Effect]:
        """The agent picked one of several customers; everybody who has this call sees that."""
        pop = self.get(pop_id)
        if pop is None:
            raise UsageError("this pop is no longer open")
        self._calls[pop.key] = replace(self._calls[pop.key], lookup_state=LookupState.DONE, lookup=lookup)
        effects: list[Effect] = []
        for other in self.pops_of(pop.key):
            self._put(replace(other, seq=other.seq + 1), EffectKind.CHANGED, effects, WHO)
        return effects

    def touch(self, pop_id: str) -> Pop | None:
        """Something about this pop is told that the book does not hold: its number rises."""
        pop = self.get(pop_id)
        if pop is None:
            return None
        pop = replace(pop, seq=pop.seq + 1)
        self._enter(pop)
        return pop

    def forget_person(self, customer_id: int | None, is_theirs: Callable[[str], bool]) -> list[Effect]:
        """Somebody was erased: whoever has that caller on the screen sees an unknown one from now on."""
        effects: list[Effect] = []
        for key, call in list(self._calls.items()):
            theirs = bool(call.number) and is_theirs(call.number)
            found = call.lookup
            known = [] if found is None else [found.customer, *found.candidates]
            if not theirs and all(c is None or c.id != customer_id for c in known):
                continue
            call = replace(call, lookup_state=LookupState.DONE, lookup=Lookup(Outcome.NONE, "none"))
            if theirs:
                call = replace(call, number="", name="", context={}, asked="", erased=True)
            self._calls[key] = call
            for pop in self.pops_of(key):
                self._put(replace(pop, seq=pop.seq + 1), EffectKind.CHANGED, effects, WHO | {"context"})
        return effects

    def complete(self, pop_id: str, at: datetime) -> list[Effect]:
        """The wrap-up is over. Raises StateError while the call is still on."""
        pop = self.get(pop_id)
        if pop is None:
            return []
        effects: list[Effect] = []
        self._signal(pop, Signal.COMPLETED, at, effects)
        self._forget(pop.key)
        return effects

    def restore(self, saved: Iterable[tuple[Pop, Call]]) -> None:
        """After a restart: pops that the ledger says are open, to be confirmed by the PBX."""
        for pop, call in saved:
            if self._pop(call.key, pop.agent) is None:
                self._calls.setdefault(call.key, call)
                waits = pop.state is not PopState.WRAPUP
                self._enter(replace(pop, pushed=True, confirmed=not waits))

    def resynced(self, node: str, at: datetime) -> list[Effect]:
        """The PBX has told all it knows: what it did not confirm since `restore` is gone."""
        effects: list[Effect] = []
        for pop in [p for p in self.everything() if p.key.node == node and not p.confirmed]:
            self._calls[pop.key] = replace(self._calls[pop.key], ended=True)
            confirmed = replace(pop, confirmed=True)
            self._signal(confirmed, Signal.LOST, at, effects, reason=OfferEnd.LOST)
            self._forget(pop.key)
        return effects

    # how

    def _heard(self, event: CallEvent, effects: list[Effect]) -> Call:
        """Enter what the event tells of the call itself, and ask for what is now worth asking."""
        old = self._calls.get(event.key)
        if old is None:
            self._make_room()
            old = Call(event.key, event.direction, event.at)
        ours = event.direction is Direction.OUTBOUND  # then name and dialled number are not the caller's
        call = replace(
            old,
            number="" if old.erased else old.number or clean(event.far_number),
            name=old.name or ("" if ours or old.erased else clean(event.caller_name)),
            did=old.did or ("" if ours else clean(event.did)),
            queue=event.queue or old.queue,
            context={} if old.erased else merge_context(old.context, event.context),
        )
        ask = call.number if call.asked is None or (call.asked == "" and call.number) else None
        if ask is not None and (ask or event.kind in _SHOWN):
            call = replace(call, asked=ask)
            effects.append(Effect(EffectKind.LOOK_UP, call))
        self._calls[event.key] = call
        if call.context != old.context:
            for pop in self.pops_of(event.key):
                self._put(replace(pop, seq=pop.seq + 1), EffectKind.CHANGED, effects, frozenset({"context"}))
            call = self._maybe_waybill(call, effects)
        for pop in self.pops_of(event.key):
            if not pop.confirmed and (not event.agent or event.agent == pop.agent):
                self._enter(replace(pop, confirmed=True))
        return call

    def _of_the_agent(self, call: Call, event: CallEvent, effects: list[Effect]) -> None:
        signal = _OF_THE_AGENT[event.kind]
        pop = self._pop(call.key, event.agent)
        if pop is None and signal not in (Signal.OFFERED, Signal.ANSWERED):
            return  # the end of something that was never on a screen
        if pop is not None and pop.state is PopState.WRAPUP and signal is Signal.OFFERED:
            # sent back to an agent who is still writing: the old card ends, a new one rings
            self._signal(pop, Signal.COMPLETED, event.at, effects)
            pop = None
        consult = event.reason == "consult" and signal in (Signal.OFFERED, Signal.ANSWERED)
        if signal is Signal.ANSWERED and not consult:
            call = self._link(call, ChainLink(event.at, "answered", event.agent))
        if signal is Signal.WRAPPED_UP and event.reason == PHONE and not event.recovered:
            call = self._link(call, ChainLink(event.at, "phone", event.agent))
        if pop is None:
            known = call.lookup is not None and call.lookup.outcome is Outcome.ONE
            if call.chain and call.asked and known:
                effects.append(Effect(EffectKind.LOOK_UP, call))  # a complaint may have been opened meanwhile
            pop = Pop(
                pop_id(call.key, event.agent, event.at),
                call.key,
                event.agent,
                event.at,
                queue=event.queue or call.queue,
                recovered=event.recovered,
                consult=consult,
                peer=event.peer,
            )
        by = event.peer or next((c.agent for c in reversed(call.chain) if c.kind == "answered"), "")
        self._signal(pop, signal, event.at, effects, reason=_offer_end(event.reason), by=by)

    def _transferred(self, call: Call, event: CallEvent, effects: list[Effect]) -> None:
        """`agent` gave the caller to `peer`, who from now on has the caller's card, not the colleague's."""
        kind: Literal["attended", "blind"] = "attended" if event.reason == "attended" else "blind"
        call = self._link(call, ChainLink(event.at, kind, event.agent, event.peer))
        giver = self._pop(call.key, event.agent)
        if giver is not None:
            giver = replace(giver, given_to=event.peer)
            self._signal(
                giver, Signal.GIVEN_AWAY, event.at, effects, reason=OfferEnd.TRANSFERRED, by=event.peer
            )
        receiver = self._pop(call.key, event.peer)
        if receiver is not None:
            receiver = replace(receiver, seq=receiver.seq + 1, consult=False)
            self._put(receiver, EffectKind.CHANGED, effects, _CALL)

    def _signal(
        self,
        pop: Pop,
        signal: Signal,
        at: datetime,
        effects: list[Effect],
        *,
        reason: OfferEnd = OfferEnd.LOST,
        by: str = "",
    ) -> None:
        """Walk one edge of the table."""
        state = next_state(pop.state, signal)
        if state is PopState.CLOSED:
            if signal is Signal.COMPLETED:
                self._close(pop, at, effects, "transferred" if pop.given_to else "completed", pop.given_to)
            else:
                self._close(pop, at, effects, reason, by if reason in _HAS_BY else "")
            return
        if state is pop.state:
            self._enter(pop)
            return
        call = self._calls[pop.key]
        new = replace(pop, state=state)
        if state is PopState.TALKING and new.answered_at is None:
            new = replace(new, answered_at=at)
        if state is PopState.HELD:
            new = replace(new, held_at=at)
        elif pop.held_at is not None:
            held = max(0.0, (at - pop.held_at).total_seconds())
            new = replace(new, held_at=None, hold_s=pop.hold_s + held)
        if state is PopState.WRAPUP:
            # who was only asked for advice, or called by a colleague, has nothing to write up
            brief = pop.consult or call.direction is Direction.INTERNAL
            seconds = 0.0 if brief else self._wrapup_s(pop.queue)
            new = replace(new, wrapup_at=at, wrapup_until=at + timedelta(seconds=seconds))
        elif pop.state is PopState.WRAPUP:
            new = replace(new, wrapup_at=None, wrapup_until=None, given_to="")
        if pop.state is PopState.NEW:
            if call.lookup_state is LookupState.PENDING:
                self._put(new, EffectKind.WAITING, effects)
            else:
                self._put(replace(new, pushed=True), EffectKind.OPENED, effects)
        else:
            self._put(replace(new, seq=pop.seq + 1), EffectKind.CHANGED, effects, _CALL)
        if state is PopState.WRAPUP and new.wrapup_until == new.wrapup_at:
            self._signal(self._ids[new.id], Signal.COMPLETED, at, effects)

    def _put(
        self, pop: Pop, kind: EffectKind, effects: list[Effect], parts: frozenset[str] = frozenset()
    ) -> None:
        self._enter(pop)
        if kind is EffectKind.CHANGED and not pop.pushed:
            kind = EffectKind.WAITING
        effects.append(Effect(kind, self._calls[pop.key], pop, parts))

    def _enter(self, pop: Pop) -> None:
        self._pops.setdefault(pop.key, {})[pop.agent] = pop
        self._ids[pop.id] = pop
        self._mine.setdefault(pop.agent, {})[pop.id] = None

    def _close(self, pop: Pop, at: datetime, effects: list[Effect], reason: str, by: str) -> None:
        self._ids.pop(pop.id, None)
        self._pops.get(pop.key, {}).pop(pop.agent, None)
        self._mine.get(pop.agent, {}).pop(pop.id, None)
        if not self._pops.get(pop.key):
            self._pops.pop(pop.key, None)
        closed = replace(pop, state=PopState.CLOSED, seq=pop.seq + 1, closed_at=at, reason=str(reason), by=by)
        effects.append(Effect(EffectKind.CLOSED, self._calls[pop.key], closed))

    def _link(self, call: Call, link: ChainLink) -> Call:
        """Add to the caller's way; a thing heard twice is there once."""
        if any(
            c.kind == link.kind and c.agent == link.agent and c.peer == link.peer for c in call.chain[-1:]
        ):
            return call
        call = replace(call, chain=(*call.chain, link)[-MAX_CHAIN:])
        self._calls[call.key] = call
        return call

    def _maybe_waybill(self, call: Call, effects: list[Effect]) -> Call:
        """The waybill typed in the IVR is the second key, where the number did not find one customer."""
        waybill = call.context.get("waybill", "")
        found = call.lookup is not None and call.lookup.outcome is Outcome.ONE
        if not waybill or found or call.lookup is None or call.waybill_asked == waybill:
            return call
        call = replace(call, waybill_asked=waybill)
        self._calls[call.key] = call
        effects.append(Effect(EffectKind.LOOK_UP_WAYBILL, call))
        return call

    def _forget(self, key: CallKey) -> None:
        call = self._calls.get(key)
        if call is not None and call.ended and key not in self._pops:
            del self._calls[key]

    def _make_room(self) -> None:
        if len(self._calls) < MAX_CALLS:
            return
        for key in [k for k in self._calls if k not in self._pops][: MAX_CALLS // 10]:
            del self._calls[key]
