"""The service: call events in, pops out to the right agents, everything recorded.

Runs on one event loop; nothing here waits for the store or the PBX. `hear` and the answers of look-ups
lead to effects of the book, which are carried out in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from cti.config import Settings
from cti.domain.call import AgentEvent, CallEvent, CallEventKind, CallKey, GapEvent
from cti.domain.customer import Lookup
from cti.domain.phone import Plan, parse
from cti.errors import StateError, Unavailable, UsageError
from cti.obs import get_logger
from cti.store.repos.personal import key_hash
from screenpop import wire
from screenpop.auth import Principal
from screenpop.book import PopBook
from screenpop.card import Style, card, mask_text, parts
from screenpop.desk import Desk
from screenpop.floor import Floor
from screenpop.hub import Hub, Member
from screenpop.lookup import Finder, Lookups
from screenpop.metrics import Metrics
from screenpop.pauses import PauseAgent, Pauses
from screenpop.pop import Call, Effect, EffectKind, Pop, PopState
from screenpop.recorder import Recorder
from screenpop.visits import Visits
from screenpop.wire_live import LiveFlag

_log = get_logger("service")
FLOOR_EVERY_S = 2.0
FLOOR_SLICE = 25

Event = CallEvent | AgentEvent | GapEvent


def utc_now() -> datetime:
    return datetime.now(UTC)


class Controls(Protocol):
    """What call control tells of pops."""

    def part(self, pop: Pop) -> wire.ControlPart:
        """The situation, and what may be ordered in it."""

    def latest(self, pops: Iterable[Pop]) -> tuple[wire.CommandState, ...]:
        """What is under way."""


class Service:
    """One hotline. `pause` tells the PBX; `now` is the present moment in UTC.

    `on_found` hears what each look-up by number found, before the pops do; `on_agent` hears that something
    about an agent has changed, `on_flag` that live help has flagged a call.
    """

    def __init__(
        self,
        settings: Settings,
        finder: Finder,
        recorder: Recorder,
        style: Style,
        plan: Plan,
        pause: PauseAgent,
        *,
        now: Callable[[], datetime] = utc_now,
        on_found: Callable[[CallKey, Lookup], None] | None = None,
    ) -> None:
        self.settings = settings
        self.on_found = on_found
        self.on_agent: Callable[[str], None] = lambda _: None
        self.on_flag: Callable[[CallKey, LiveFlag], None] = lambda _, __: None
        self.listened_to: Callable[[str], bool] = lambda _: False
        self.on_join: Callable[[Member], None] | None = None  # hears of a page that has got its snapshot
        self.hub = Hub()
        self.metrics = Metrics()
        self.recorder = recorder
        self.style = style
        self.now = now
        wrapup = {q.name: float(q.wrapup_s) for q in settings.queues}
        self.book = PopBook(lambda queue: wrapup.get(queue, float(settings.pop.wrapup_s)))
        self.desk = Desk([a.number for a in settings.agents], now())
        self.floor = Floor({q.name: q.label for q in settings.queues})
        self.visits = Visits(self.book.call, recorder.visit)
        self.lookups = Lookups(finder, plan, settings.pop.lookup_deadline_s, self._answered)
        self.pauses = Pauses(self.desk, pause, self.metrics.pauses_failed.inc)
        self.control: Controls | None = None
        self._notes: dict[CallKey, dict[str, wire.Draft]] = {}  # by call and agent, for whoever gets it next
        self.drafts: dict[str, wire.Draft] = {}
        self._customers: dict[str, int] = {}  # pop → the customer that the agent says it was
        self._looked_up: dict[CallKey, datetime] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._states: dict[str, str] = {}
        self._floor_told: tuple[tuple[int, int], str] = ((-1, 0), "")
        self._todo: deque[tuple[Effect, datetime]] = deque()
        self._working = False
        self._floor_changed = asyncio.Event()
        self._floor_task: asyncio.Task[None] | None = None

    # life

    def start(self) -> None:
        self._floor_task = asyncio.get_running_loop().create_task(self._tell_floor(), name="floor")

    def restore(self, saved: Iterable[tuple[Pop, Call, wire.Draft]]) -> None:
        """After a restart: give back the pops that were open, look their callers up anew."""
        found = list(saved)
        self.book.restore((pop, call) for pop, call, _ in found)
        for pop, call, draft in found:
            self.recorder.known(pop)
            if draft.note or draft.disposition:
                self.drafts[pop.id] = draft
                self._notes.setdefault(pop.key, {})[pop.agent] = draft
            if pop.state is PopState.WRAPUP:
                self.desk.writing(pop.agent, pop.id)
                self._start_timer(pop, (pop.wrapup_until or self.now()) - self.now())
            self.lookups.number(call.key, call.number)
        if found:
            _log.info("open pops given back", count=len(found))

    async def stop(self) -> None:
        """Say good-bye to the pages; what is open stays open in the ledger."""
        self.hub.dismiss_all(wire.GOING_AWAY)
        for timer in self._timers.values():
            timer.cancel()
        if self._floor_task is not None:
            self._floor_task.cancel()
        await self.lookups.stop()
        await self.pauses.stop()

    # what is heard

    def hear(self, event: Event) -> None:
        """One event of the PBX. Never raises for what the PBX says."""
        received = self.now()
        if isinstance(event, CallEvent):
            self._call(event, received)
        elif isinstance(event, AgentEvent):
            if self.desk.heard(event):
                self._tell_state(event.agent)
                self.on_agent(event.agent)
            self.pauses.sync(event.agent)
        else:
            self.floor.gap(event)
            self.recorder.gap(event)
            self._floor_changed.set()
            _log.warning(
                "PBX lost" if event.until is None else "PBX is back", node=event.node, why=event.reason
            )

    def resynced(self, node: str, at: datetime) -> None:
        """A node has told all it knows."""
        self.floor.up(node, True)
        self._floor_changed.set()
        self.visits.resynced(node, at)
        self._carry_out(self.book.resynced(node, at), self.now())

    def _call(self, event: CallEvent, received: datetime) -> None:
        self.metrics.events.labels(event.kind.value).inc()
        self.visits.hear(event)
        try:
            effects = self.book.apply(event)
        except StateError as e:
            self.metrics.refused.inc()
            _log.warning(
                "event without an edge", linkedid=event.key.linkedid, kind=event.kind.value, why=str(e)
            )
            effects = []
        if self.floor.heard(event):
            self._floor_changed.set()
        call = self.book.call(event.key)
        if event.kind is CallEventKind.ABANDONED and call is not None:
            self.recorder.abandoned(call, event)
        self._carry_out(effects, received)
        self._tidy(event.key)

    def _answered(self, key: CallKey, lookup: Lookup | None, *, by_waybill: bool = False) -> None:
        at = self.now()
        if lookup is not None:
            self._looked_up.setdefault(key, at)
            self.metrics.outcomes.labels(lookup.outcome.value).inc()
            if self.on_found is not None and not by_waybill:
                self.on_found(key, lookup)  # first: the caller is on the way to the queue
        self._carry_out(self.book.looked_up(key, lookup, by_waybill=by_waybill), at)
        self._tidy(key)

    # what agents do

    def join(self, member: Member) -> bool:
        """A page has signed in: it gets everything it needs, then what happens next."""
        if not self.hub.join(member):
            return False
        at = self.now()
        mine = self.book.live(member.agent) if member.agent else []
        body = wire.StateBody(**dict(self.desk.state(member.agent)), **dict(self.floor.part(at)))
        ready = wire.Ready(
            agent=member.agent,
            user=wire.UserPart(username=member.who.username, name=member.who.name, roles=member.who.roles),
            state=body,
            snapshot=tuple(self.pop_json(p, c, masked=member.masked) for p, c in mine),
            drafts={p.id: self.drafts[p.id] for p, _ in mine if p.id in self.drafts},
            commands=self.control.latest(p for p, _ in mine) if self.control is not None else (),
            listening=self.listened_to(member.agent),
            server_time=at,
        )
        member.put(wire.encode(ready))
        if self.on_join is not None:
            self.on_join(member)
        return True

    def acked(self, who: Principal, pop_id: str) -> None:
        """A page has rendered a pop; others' pops and ended ones are ignored."""
        pop = self.book.get(pop_id)
        if pop is not None and pop.agent == who.agent:
            at = self.now()
            if self.recorder.acked(pop, at) and not pop.recovered:
                self.metrics.ack.observe(max(0.0, (at - pop.offered_at).total_seconds()))

    def draft(self, pop: Pop, draft: wire.Draft) -> None:
        """Keep what is typed. Raises Unavailable when it cannot be kept."""
        self.recorder.draft(pop, draft)
        self.drafts[pop.id] = draft
        self._noted(pop, draft)

    def wrap_up(self, pop: Pop, draft: wire.Draft, customer_id: int | None = None) -> None:
        """话后完成. Raises StateError while the call is still on, Unavailable when it cannot be kept."""
        if pop.state is not PopState.WRAPUP:
            raise StateError("the call is still on")
        self.draft(pop, draft)
        if customer_id is not None:
            self._customers[pop.id] = customer_id
        self._carry_out(self.book.complete(pop.id, self.now()), self.now())
        self._tidy(pop.key)

    def choose(self, pop: Pop, lookup: Lookup) -> None:
        """The agent picked one of several customers."""
        self._carry_out(self.book.choose(pop.id, lookup), self.now())

    def freshened(self, key: CallKey, old: Lookup, new: Lookup) -> None:
        """What was found of a caller was asked for again."""
        at = self.now()
        self._carry_out(self.book.freshened(key, old, new, at), at)

    def forget_person(self, customer_id: int | None, hashes: frozenset[str], plan: Plan) -> None:
        """A person's data were erased: open pops lose the customer, drafts that name the customer too."""

        def theirs(number: str) -> bool:
            key = parse(number, plan).key
            return key is not None and key_hash(key) in hashes

        for pop_id in [p for p, c in self._customers.items() if c == customer_id]:
            del self._customers[pop_id]
        self._carry_out(self.book.forget_person(customer_id, theirs), self.now())

    def set_state(self, agent: str, reason: str | None) -> None:
        """小休 with a reason, or available (None). Raises Unavailable when no PBX is heard."""
        if agent not in self.desk:
            raise UsageError(f"agent {agent} is not in the settings")
        if not self.floor.pbx:
            raise Unavailable("no PBX is connected")
        self.desk.want(agent, reason)
        self.pauses.sync(agent)

    def end_wrapups(self, agent: str) -> int:
        """End what the agent writes up; the notes are kept as typed. Returns how many there were."""
        writing = [p for p in self.book.pops_of_agent(agent) if p.state is PopState.WRAPUP]
        for pop in writing:
            self._wrapup_over(pop.id)
        return len(writing)

    def pop_json(self, pop: Pop, call: Call, *, masked: bool) -> wire.Pop:
        """The whole pop as somebody sees it."""
        made = card(pop, call, self.style, masked=masked)
        if not pop.live:
            return made
        part = self.control.part(pop) if self.control is not None else None
        return made.model_copy(update={"control": part, "notes": self._notes_for(pop, masked)})

    def _notes_for(self, pop: Pop, masked: bool) -> tuple[wire.NotePart, ...]:
        """What others typed about the same call: it goes along with the caller."""
        found = [(agent, d) for agent, d in self._notes.get(pop.key, {}).items() if agent != pop.agent]
        hide = mask_text if masked else str
        return tuple(
            wire.NotePart(agent=a, note=hide(d.note), disposition=d.disposition) for a, d in found if d.note
        )

    def _noted(self, pop: Pop, draft: wire.Draft) -> None:
        self._notes.setdefault(pop.key, {})[pop.agent] = draft
        for other in self.book.pops_of(pop.key):
            now = self.book.touch(other.id) if other.agent != pop.agent and other.pushed else None
            if now is not None:
                self.hub.to_agent(now.agent, partial(self._notes_text, now))

    def _notes_text(self, pop: Pop, masked: bool) -> str:
        notes = [note.model_dump() for note in self._notes_for(pop, masked)]
        return wire.encode(wire.PopUpdate(id=pop.id, seq=pop.seq, changes={"notes": notes}))

    def control_changed(self, pop: Pop) -> None:
        """What may be ordered has changed: the agent's pages are told."""
        now = self.book.touch(pop.id)
        if self.control is not None and now is not None and now.pushed:
            part = self.control.part(now).model_dump(mode="json")
            text = wire.encode(wire.PopUpdate(id=now.id, seq=now.seq, changes={"control": part}))
            self.hub.to_agent(now.agent, lambda _: text)

    # effects

    def _carry_out(self, effects: list[Effect], received: datetime) -> None:
        """In order, also when one effect leads to further ones at once."""
        self._todo.extend((e, received) for e in effects)
        if self._working:
            return
        self._working = True
        try:
            while self._todo:
                self._one(*self._todo.popleft())
        finally:
            self._working = False

    def _one(self, effect: Effect, received: datetime) -> None:
        call, pop = effect.call, effect.pop
        if effect.kind is EffectKind.LOOK_UP:
            self.lookups.number(call.key, call.asked or "")
        elif effect.kind is EffectKind.LOOK_UP_WAYBILL:
            self.lookups.waybill(call.key, call.waybill_asked)
        elif pop is not None:
            self.on_agent(pop.agent)
            if effect.kind is EffectKind.WAITING:
                self.recorder.waiting(pop, received)
                return
            pushed = self.now() if self._show(effect.kind, pop, call, effect.parts) else None
            looked_up = self._looked_up.get(call.key)
            self.recorder.pop(pop, call, received=received, looked_up=looked_up, pushed=pushed)
            if effect.kind is EffectKind.CLOSED:
                self._ended(pop, call)
            elif pop.state is PopState.WRAPUP and "call" in effect.parts:
                self._begin_wrapup(pop)
            elif pop.state is not PopState.WRAPUP:
                self._end_wrapup(pop)

    def _show(self, kind: EffectKind, pop: Pop, call: Call, names: frozenset[str]) -> bool:
        """Tell the agent's pages; True when a pop went to at least one."""
        agent = pop.agent
        if kind is EffectKind.OPENED:
            sent = self.hub.to_agent(agent, lambda m: wire.encode(self.pop_json(pop, call, masked=m)))
            self.metrics.opened.inc()
            if not pop.recovered:
                self.metrics.push.observe(max(0.0, (self.now() - pop.offered_at).total_seconds()))
            return sent > 0
        if kind is EffectKind.CHANGED:
            self.hub.to_agent(agent, lambda m: wire.encode(parts(pop, call, self.style, names, masked=m)))
        elif kind is EffectKind.CLOSED and pop.pushed:
            self.metrics.closed.labels(pop.reason).inc()
            close = wire.PopClose(
                id=pop.id,
                seq=pop.seq,
                reason=wire.close_reason(pop.reason),
                by=pop.by,
                at=pop.closed_at or self.now(),
            )
            text = wire.encode(close)
            self.hub.to_agent(agent, lambda _: text)
        return False

    def _begin_wrapup(self, pop: Pop) -> None:
        if pop.wrapup_until is None or pop.wrapup_at is None or pop.id in self._timers:
            return
        self.desk.writing(pop.agent, pop.id)
        self.pauses.sync(pop.agent)
        self._start_timer(pop, pop.wrapup_until - pop.wrapup_at)

    def _start_timer(self, pop: Pop, left: timedelta) -> None:
        loop = asyncio.get_running_loop()
        self._timers[pop.id] = loop.call_later(max(0.0, left.total_seconds()), self._wrapup_over, pop.id)

    def _end_wrapup(self, pop: Pop) -> None:
        timer = self._timers.pop(pop.id, None)
        if timer is not None:
            timer.cancel()
            self.desk.written(pop.agent, pop.id)
            self.pauses.sync(pop.agent)

    def _wrapup_over(self, pop_id: str) -> None:
        self._timers.pop(pop_id, None)
        pop = self.book.get(pop_id)
        if pop is None:
            return
        self.desk.written(pop.agent, pop_id)
        self._carry_out(self.book.complete(pop_id, self.now()), self.now())
        self._tidy(pop.key)
        self.pauses.sync(pop.agent)

    def _ended(self, pop: Pop, call: Call) -> None:
        self._end_wrapup(pop)
        draft = self.drafts.pop(pop.id, wire.Draft())
        customer = self._customers.pop(pop.id, None)
        if pop.answered_at is not None and not pop.consult:
            self.recorder.contact(pop, call, draft, customer_id=customer)

    def _tidy(self, key: CallKey) -> None:
        if self.book.call(key) is None:
            self.lookups.drop(key)
            self._looked_up.pop(key, None)
            self._notes.pop(key, None)

    # state messages

    def _tell_state(self, agent: str) -> None:
        text = _state_text(self._agent_text(agent, fresh=True), self._floor_text())
        self.hub.to_agent(agent, lambda _: text)

    def _floor_text(self) -> str:
        """The floor's part, serialised once until it changes or a second has passed."""
        now = self.now()
        mark = (self.floor.version, int(now.timestamp()))
        if self._floor_told[0] != mark:
            self._floor_told = (mark, wire.encode(self.floor.part(now)))
        return self._floor_told[1]

    def _agent_text(self, agent: str, *, fresh: bool = False) -> str:
        """The agent's part of a state message, serialised once until it changes."""
        text = self._states.get(agent)
        if text is None or fresh:
            text = wire.encode(self.desk.state(agent))
            if agent in self.desk:
                self._states[agent] = text
        return text

    async def _tell_floor(self) -> None:
        """Queues and PBX to everybody, at most every FLOOR_EVERY_S seconds, a slice at a time.

        A thousand pages at once would hold up a pop for tens of milliseconds.
        """
        while True:
            await self._floor_changed.wait()
            self._floor_changed.clear()
            floor = self._floor_text()
            members = list(self.hub.members())
            pause = FLOOR_EVERY_S / max(1, len(members) // FLOOR_SLICE + 1)
            for start in range(0, max(1, len(members)), FLOOR_SLICE):
                for member in members[start : start + FLOOR_SLICE]:
                    self.hub.put(member, _state_text(self._agent_text(member.agent), floor))
                await asyncio.sleep(pause)


def _state_text(agent: str, floor: str) -> str:
    """Two serialised parts as one message: the floor's is made once for everybody."""
    return f'{{"type":"state",{agent[1:-1]},{floor[1:-1]}}}'
