"""The state of a pop, as a table, and what follows from call events."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain.call import CallEvent, CallEventKind, CallKey, Direction
from cti.domain.customer import Customer, CustomerKind, Lookup, Outcome
from cti.errors import StateError
from screenpop.book import PopBook
from screenpop.pop import EDGES, Effect, EffectKind, PopState, Signal, diagram, next_state

K = CallEventKind
KEY = CallKey("pbx1", "1700000000.1")
T0 = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)


def customer(id: int) -> Customer:
    return Customer(id, f"C{id}", CustomerKind.PERSON, "王", "先生", "", "", None, "", False, None)


ONE = Lookup(Outcome.ONE, "exact", customer=customer(1))
MANY = Lookup(Outcome.MANY, "exact", candidates=(customer(1), customer(2)))
NONE = Lookup(Outcome.NONE, "none")


class Teller:
    """Feeds a book with events a second apart."""

    def __init__(self, wrapup_s: float = 15.0) -> None:
        self.book = PopBook(lambda queue: wrapup_s)
        self.seconds = itertools.count()

    def tell(self, kind: K, agent: str = "", *, key: CallKey = KEY, **fields: object) -> list[Effect]:
        at = T0 + timedelta(seconds=next(self.seconds))
        return self.book.apply(CallEvent(kind, key, at, agent=agent, **fields))  # type: ignore[arg-type]

    def ringing(self, *agents: str, lookup: Lookup = ONE) -> None:
        self.tell(K.ARRIVED, caller_number="13800138000")
        self.book.looked_up(KEY, lookup)
        for agent in agents:
            self.tell(K.OFFERED, agent, queue="hotline")

    def closed(self, effects: list[Effect]) -> list[tuple[str, str, str]]:
        return [
            (e.pop.agent, e.pop.reason, e.pop.by) for e in effects if e.pop and e.kind is EffectKind.CLOSED
        ]


def kinds(effects: list[Effect]) -> list[EffectKind]:
    return [e.kind for e in effects]


def test_every_absent_edge_raises_with_state_and_signal() -> None:
    """What the table does not hold is refused, and the text names both."""
    for state, signal in itertools.product(PopState, Signal):
        if (state, signal) not in EDGES:
            with pytest.raises(StateError, match=rf"{state}.*{signal}"):
                next_state(state, signal)


def test_nothing_leaves_closed_and_everything_can_end() -> None:
    """Closed is final, and from every state a way leads there."""
    assert not [s for s, _ in EDGES if s is PopState.CLOSED]
    ends = {PopState.CLOSED}
    for _ in PopState:
        ends |= {a for (a, _), b in EDGES.items() if b in ends}
    assert ends == set(PopState)


def test_the_diagram_is_drawn_from_the_table() -> None:
    """Every edge that changes the state is a line of the diagram."""
    lines = diagram().splitlines()
    assert len(lines) - 1 == sum(a != b for (a, _), b in EDGES.items())
    assert "    ringing --> talking: answered" in lines


def test_look_up_is_asked_when_the_call_arrives_and_once() -> None:
    """The first event asks for the caller; further ones do not."""
    t = Teller()
    assert kinds(t.tell(K.ARRIVED, caller_number="13800138000")) == [EffectKind.LOOK_UP]
    assert kinds(t.tell(K.QUEUED, queue="hotline")) == []
    assert kinds(t.tell(K.OFFERED, "1001")) == [EffectKind.WAITING]


def test_number_that_comes_late_is_looked_up_then() -> None:
    """A call first heard of without a number is looked up again when the number is known."""
    t = Teller()
    t.tell(K.OFFERED, "1001")
    (effect,) = t.tell(K.QUEUED, caller_number="13800138000", queue="hotline")
    assert (effect.kind, effect.call.asked) == (EffectKind.LOOK_UP, "13800138000")


def test_pop_waits_for_the_look_up_and_goes_without_it_after_the_deadline() -> None:
    """A ring before the answer is shown with the answer, or bare when told to, and completed later."""
    t = Teller()
    t.tell(K.ARRIVED, caller_number="13800138000")
    t.tell(K.OFFERED, "1001")
    assert t.book.live("1001") == []
    assert kinds(t.book.looked_up(KEY, None)) == [EffectKind.OPENED]
    (effect,) = t.book.looked_up(KEY, ONE)
    assert (effect.kind, "customer" in effect.parts) == (EffectKind.CHANGED, True)


def test_ring_all_gives_each_agent_one_pop_and_the_others_see_who_answered() -> None:
    """Three agents ring, one answers, two pops close with `by`."""
    t = Teller()
    t.ringing("1001", "1002", "1003")
    effects = t.tell(K.OFFER_ENDED, "1001", peer="1003", reason="answered_elsewhere")
    effects += t.tell(K.OFFER_ENDED, "1002", peer="1003", reason="answered_elsewhere")
    t.tell(K.ANSWERED, "1003")
    assert t.closed(effects) == [
        ("1001", "answered_elsewhere", "1003"),
        ("1002", "answered_elsewhere", "1003"),
    ]
    assert [p.state for p in t.book.pops_of(KEY)] == [PopState.TALKING]


def test_two_devices_are_one_pop() -> None:
    """A second offer of the same call to the same agent changes nothing."""
    t = Teller()
    t.ringing("1001")
    assert t.tell(K.OFFERED, "1001", queue="hotline") == []
    assert len(t.book) == 1


@pytest.mark.parametrize("reason", ["no_answer", "rejected", "abandoned", "failed", "lost"])
def test_offer_that_ends_closes_with_its_reason(reason: str) -> None:
    """The reason of the tracker is the reason of the pop."""
    t = Teller()
    t.ringing("1001")
    assert t.closed(t.tell(K.OFFER_ENDED, "1001", reason=reason)) == [("1001", reason, "")]


def test_hunting_closes_the_old_and_opens_the_next() -> None:
    """No answer closes the first agent's pop, the next agent gets one, the first may ring again."""
    t = Teller()
    t.ringing("1001")
    first = t.book.live("1001")[0][0].id
    t.tell(K.OFFER_ENDED, "1001", reason="no_answer")
    assert kinds(t.tell(K.OFFERED, "1002", queue="hotline")) == [EffectKind.OPENED]
    t.tell(K.OFFER_ENDED, "1002", reason="no_answer")
    t.tell(K.OFFERED, "1001", queue="hotline")
    assert t.book.live("1001")[0][0].id != first


def test_abandoned_call_closes_every_ringing_pop() -> None:
    """The caller gives up: both pops close as abandoned, and the call is forgotten at its end."""
    t = Teller()
    t.ringing("1001", "1002")
    assert [c[1] for c in t.closed(t.tell(K.ABANDONED))] == ["abandoned", "abandoned"]
    t.tell(K.ENDED)
    assert t.book.call(KEY) is None


def test_answered_pop_lives_until_the_wrap_up_is_over() -> None:
    """Talk, hold, resume, hang up, write, complete: one pop with rising seq."""
    t = Teller()
    t.ringing("1001")
    for kind in (K.ANSWERED, K.HELD, K.RESUMED, K.WRAPPED_UP):
        t.tell(kind, "1001")
    t.tell(K.ENDED)
    ((pop, _),) = t.book.live("1001")
    assert (pop.state, pop.seq) == (PopState.WRAPUP, 5)
    assert pop.wrapup_until is not None
    assert pop.wrapup_at is not None
    assert pop.wrapup_until - pop.wrapup_at == timedelta(seconds=15)
    assert t.closed(t.book.complete(pop.id, T0)) == [("1001", "completed", "")]
    assert (len(t.book), t.book.call(KEY)) == (0, None)


def test_wrap_up_cannot_be_completed_during_the_talk() -> None:
    """The agent cannot end a card while the caller is on the line."""
    t = Teller()
    t.ringing("1001")
    t.tell(K.ANSWERED, "1001")
    with pytest.raises(StateError):
        t.book.complete(t.book.live("1001")[0][0].id, T0)


def test_no_wrap_up_time_closes_at_once() -> None:
    """A queue without wrap-up closes the card as completed when the talk is over."""
    t = Teller(wrapup_s=0)
    t.ringing("1001")
    t.tell(K.ANSWERED, "1001")
    assert t.closed(t.tell(K.WRAPPED_UP, "1001")) == [("1001", "completed", "")]


def test_blind_transfer_gives_the_receiver_caller_chain_and_context() -> None:
    """The receiver's pop has the original caller; the giver's card ends as transferred."""
    t = Teller()
    t.ringing("1001")
    t.tell(K.CONTEXT, context={"path": "查件", "waybill": ""})
    t.tell(K.ANSWERED, "1001")
    t.tell(K.TRANSFERRED, "1001", peer="1002", reason="blind")
    asked, effect = t.tell(K.OFFERED, "1002", peer="1001")
    # who it is may read otherwise by now: the giver has opened a complaint
    assert (asked.kind, effect.kind) == (EffectKind.LOOK_UP, EffectKind.OPENED)
    assert (effect.call.number, effect.call.context["path"]) == ("13800138000", "查件")
    assert [(c.kind, c.agent, c.peer) for c in effect.call.chain] == [
        ("answered", "1001", ""),
        ("blind", "1001", "1002"),
    ]
    giver = t.book.live("1001")[0][0]
    assert t.closed(t.book.complete(giver.id, T0)) == [("1001", "transferred", "1002")]


def test_attended_transfer_turns_the_consulted_agents_pop_into_the_callers() -> None:
    """While asked the pop says so; after the transfer it is an ordinary one with wrap-up."""
    t = Teller()
    t.ringing("1001")
    t.tell(K.ANSWERED, "1001")
    t.tell(K.OFFERED, "1002", peer="1001", reason="consult")
    t.tell(K.ANSWERED, "1002", reason="consult")
    assert t.book.live("1002")[0][0].consult
    t.tell(K.TRANSFERRED, "1001", peer="1002", reason="attended")
    t.tell(K.WRAPPED_UP, "1001")
    receiver = t.book.live("1002")[0][0]
    assert (receiver.consult, receiver.state) == (False, PopState.TALKING)


def test_who_was_only_asked_has_nothing_to_write_up() -> None:
    """The consulted agent's card closes with the consultation."""
    t = Teller()
    t.ringing("1001")
    t.tell(K.ANSWERED, "1001")
    t.tell(K.OFFERED, "1002", peer="1001", reason="consult")
    t.tell(K.ANSWERED, "1002", reason="consult")
    assert t.closed(t.tell(K.WRAPPED_UP, "1002")) == [("1002", "completed", "")]


def test_call_between_colleagues_needs_no_wrap_up() -> None:
    """An internal call's card closes when it ends."""
    t = Teller()
    t.tell(K.ARRIVED, caller_number="1002", direction=Direction.INTERNAL)
    t.book.looked_up(KEY, NONE)
    t.tell(K.OFFERED, "1001")
    t.tell(K.ANSWERED, "1001")
    assert t.closed(t.tell(K.WRAPPED_UP, "1001")) == [("1001", "completed", "")]


def test_caller_sent_back_to_a_writing_agent_rings_anew() -> None:
    """The old card ends, a new one rings: one live pop per call and agent."""
    t = Teller()
    t.ringing("1001")
    t.tell(K.ANSWERED, "1001")
    t.tell(K.TRANSFERRED, "1001", peer="1002", reason="blind")
    effects = t.tell(K.OFFERED, "1001", peer="1002")
    assert kinds(effects) == [EffectKind.CLOSED, EffectKind.LOOK_UP, EffectKind.OPENED]
    assert [p.state for p, _ in t.book.live("1001")] == [PopState.RINGING]


def test_typed_waybill_finds_whom_the_number_does_not() -> None:
    """After an empty look-up the waybill is asked for, and its customer shown."""
    t = Teller()
    t.ringing("1001", lookup=NONE)
    effects = t.tell(K.CONTEXT, context={"waybill": "SF1234567890"})
    assert kinds(effects) == [EffectKind.CHANGED, EffectKind.LOOK_UP_WAYBILL]
    t.book.looked_up(KEY, Lookup(Outcome.ONE, "waybill", customer=customer(7)), by_waybill=True)
    call = t.book.call(KEY)
    assert call is not None
    assert call.lookup is not None
    assert (call.lookup.outcome, call.lookup.rule) == (Outcome.ONE, "waybill")


def test_typed_waybill_never_replaces_one_certain_customer() -> None:
    """The number found one: no second key is asked, and a late answer is ignored."""
    t = Teller()
    t.ringing("1001")
    assert kinds(t.tell(K.CONTEXT, context={"waybill": "SF1234567890"})) == [EffectKind.CHANGED]
    t.book.looked_up(KEY, Lookup(Outcome.ONE, "waybill", customer=customer(7)), by_waybill=True)
    call = t.book.call(KEY)
    assert call is not None
    assert call.lookup is ONE


def test_waybill_of_a_stranger_joins_the_candidates() -> None:
    """Two by number, a third by waybill: all three are listed, nobody is chosen."""
    t = Teller()
    t.ringing("1001", lookup=MANY)
    t.book.looked_up(KEY, Lookup(Outcome.ONE, "waybill", customer=customer(3)), by_waybill=True)
    call = t.book.call(KEY)
    assert call is not None
    assert call.lookup is not None
    assert (call.lookup.outcome, [c.id for c in call.lookup.candidates]) == (Outcome.MANY, [1, 2, 3])


def test_restored_pop_that_the_pbx_confirms_goes_on() -> None:
    """After a restart the recovered offer and answer meet the same pop, not a second one."""
    before = Teller()
    before.ringing("1001")
    before.tell(K.ANSWERED, "1001")
    saved = before.book.live("1001")
    after = Teller()
    after.book.restore(saved)
    effects = after.tell(K.ANSWERED, "1001", recovered=True, caller_number="13800138000")
    assert EffectKind.OPENED not in kinds(effects)
    assert after.closed(after.book.resynced("pbx1", T0)) == []
    assert [p.id for p, _ in after.book.live("1001")] == [saved[0][0].id]


def test_restored_pop_that_the_pbx_does_not_know_is_lost() -> None:
    """What rang closes as lost, what was talked about goes to wrap-up, other nodes are left alone."""
    before = Teller()
    before.ringing("1001", "1002")
    before.tell(K.ANSWERED, "1001")
    after = Teller()
    after.book.restore([*before.book.live("1001"), *before.book.live("1002")])
    assert after.book.resynced("pbx2", T0) == []
    effects = after.book.resynced("pbx1", T0)
    assert after.closed(effects) == [("1002", "lost", "")]
    assert [p.state for p, _ in after.book.live("1001")] == [PopState.WRAPUP]


def test_calls_that_nobody_shows_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded when ends are missed; calls with a pop are kept."""
    monkeypatch.setattr("screenpop.book.MAX_CALLS", 100)
    t = Teller()
    t.ringing("1001")
    for i in range(500):
        t.tell(K.ARRIVED, key=CallKey("pbx1", f"{i}.0"), caller_number="13800138000")
    assert t.book.call(KEY) is not None
    assert t.book.call(CallKey("pbx1", "0.0")) is None
    assert sum(t.book.call(CallKey("pbx1", f"{i}.0")) is not None for i in range(500)) <= 100


_AGENTS = st.sampled_from(["", "1001", "1002"])
_REASONS = st.sampled_from(["", "consult", "blind", "attended", "rejected", "answered_elsewhere", "nonsense"])


@given(st.lists(st.tuples(st.sampled_from(list(K)), _AGENTS, _AGENTS, _REASONS, st.booleans()), max_size=40))
def test_any_order_of_events_leaves_the_book_sound(
    events: list[tuple[K, str, str, str, bool]],
) -> None:
    """Whatever comes: only StateError, at most one live pop per agent, seq rises, closed pops are gone."""
    t = Teller()
    seqs: dict[str, int] = {}
    for kind, agent, peer, reason, recovered in events:
        try:
            effects = t.tell(kind, agent, peer=peer, reason=reason, recovered=recovered, caller_number="1")
        except StateError:
            continue
        for effect in effects:
            if effect.kind is EffectKind.LOOK_UP:
                effects += t.book.looked_up(KEY, NONE)
            if effect.pop is not None:
                assert effect.pop.seq >= seqs.get(effect.pop.id, 0)
                seqs[effect.pop.id] = effect.pop.seq
                if effect.kind is EffectKind.CLOSED:
                    assert t.book.get(effect.pop.id) is None
    for agent in ("1001", "1002"):
        assert len(t.book.live(agent)) <= 1
