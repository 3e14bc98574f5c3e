"""The wall board's picture: states of agents, who waits, the figures of today. Pure, no clock of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from cti.config import Settings
from cti.domain.call import AgentState, CallKey
from cti.domain.floor import Counts, VisitKind
from screenpop import wall_wire as w
from screenpop import wire
from screenpop.book import PopBook
from screenpop.desk import WRAPUP_REASON, Desk
from screenpop.floor import Floor
from screenpop.pop import Pop, PopState
from screenpop.visits import Visit, Visits, tier_of
from screenpop.wire_live import LiveFlag

MAX_HEARD = 100_000

_LIVE: Mapping[PopState, tuple[int, w.WallState]] = {
    PopState.HELD: (0, "hold"),
    PopState.TALKING: (1, "talking"),
    PopState.RINGING: (2, "ringing"),
}


class Today:
    """Figures by queue of the calls that arrived today in a zone, seeded from the store."""

    def __init__(self, levels: Mapping[str, float], short_s: float, zone: ZoneInfo, now: datetime) -> None:
        self.levels, self.short_s, self._zone = levels, short_s, zone
        self.day = self.of(now)
        self.counts: dict[str, Counts] = {}
        self.partial = True
        self._heard: deque[Visit] | None = deque(maxlen=MAX_HEARD)  # until the store has told

    def of(self, at: datetime) -> date:
        """The day of a moment."""
        return at.astimezone(self._zone).date()

    def turn(self, now: datetime) -> bool:
        """At midnight a new day begins, from nothing; True when it has."""
        if self.of(now) <= self.day:
            return False
        self.day, self.counts = self.of(now), {}
        self.partial, self._heard = False, None
        return True

    def add(self, visit: Visit) -> None:
        """A visit has ended. All of a call counts on the day it arrived."""
        if self._heard is not None:
            self._heard.append(visit)
        self.turn(visit.arrived_at)
        self._count(visit)

    def _count(self, visit: Visit) -> None:
        if visit.kind is not VisitKind.CALL or self.of(visit.arrived_at) != self.day:
            return
        counts = self.counts.setdefault(visit.queue, Counts())
        level = self.levels.get(visit.queue, 20.0)
        counts.add(visit.outcome, visit.wait_s, level_s=level, short_s=self.short_s)

    def seed(self, counts: Mapping[str, Counts], before: datetime) -> None:
        """What the store knows of today's visits that ended before a moment; later ones were heard here."""
        later = [v for v in self._heard or () if v.ended_at is not None and v.ended_at >= before]
        self.counts, self.partial, self._heard = dict(counts), False, None
        for visit in later:
            self._count(visit)


class Wall:
    """Everything on the board; `changed` names agents to look at again."""

    def __init__(
        self, settings: Settings, desk: Desk, book: PopBook, floor: Floor, visits: Visits, now: datetime
    ) -> None:
        self._desk, self._book, self._floor, self._visits = desk, book, floor, visits
        self._labels = {q.name: q.label for q in settings.queues}
        self._queues = {a.number: a.queues for a in settings.agents}
        levels = {q.name: float(q.service_level_s) for q in settings.queues}
        own = settings.floor
        self.today = Today(levels, own.short_abandon_s, ZoneInfo(settings.timezone), now)
        self.alarms = w.WallAlarms(
            hold_s=own.hold_alarm_s, wrapup_s=own.wrapup_alarm_s, break_s=own.break_alarm_s
        )
        self.names: Mapping[str, str] = {}
        self.callbacks: Mapping[str, tuple[int, int]] = {}
        self.heard_by: dict[str, tuple[str, ...]] = {}  # agent → who listens
        self._flags: dict[str, tuple[CallKey, w.WallFlag]] = {}
        self._dirty: set[str] = set()
        self._agents: dict[str, w.WallAgent] = {}
        self._told: dict[str, w.WallQueue] = {}
        self._pbx: w.WallPbx | None = None
        self._day: date | None = None
        self._named: Mapping[str, str] = {}
        visits.on_end = self.today.add

    def changed(self, agent: str) -> None:
        """Something about this agent is new; looked at with the next message."""
        self._dirty.add(agent)

    def flagged(self, key: CallKey, flag: LiveFlag) -> None:
        """Live help has flagged a call; seen on the board as long as the agent has its card."""
        fields = flag.model_dump(include=set(w.WallFlag.model_fields))
        self._flags[flag.agent] = key, w.WallFlag(**fields)
        self.changed(flag.agent)

    # the parts

    def agent(self, number: str) -> w.WallAgent:
        """An agent's state: what is on the screen first, then what the PBX says."""
        pbx = self._desk.state(number)
        pops = self._book.pops_of_agent(number)
        live = min((p for p in pops if p.state in _LIVE), key=lambda p: _LIVE[p.state][0], default=None)
        heard_by = self.heard_by.get(number, ())
        if live is not None:
            call = self._book.call(live.key)
            tier = tier_of(call.lookup) if call is not None else None
            return w.WallAgent(
                agent=number,
                state=_LIVE[live.state][1],
                since=_since(live),
                queue=self._labels.get(live.queue, live.queue),
                tier=tier.label if tier is not None else "",
                heard_by=heard_by,
                flag=self._flag(number, pops),
            )
        state, reason, since = _of_pbx(pbx, pops)
        flag = self._flag(number, pops)
        return w.WallAgent(
            agent=number, state=state, reason=reason, since=since, heard_by=heard_by, flag=flag
        )

    def _flag(self, number: str, pops: Iterable[Pop]) -> w.WallFlag | None:
        key, flag = self._flags.get(number, (None, None))
        if flag is not None and all(p.key != key for p in pops):
            del self._flags[number]
            return None
        return flag

    def queues(self) -> list[w.WallQueue]:
        """Every queue of the settings, and others that somebody waits in or called today."""
        waiting: dict[str, list[Visit]] = {}
        for visit in (v for v in self._visits.waiting() if v.kind is VisitKind.CALL):
            waiting.setdefault(visit.queue, []).append(visit)
        names = dict.fromkeys([*self._labels, *waiting, *self.today.counts])
        return [self._queue(name, waiting.get(name, ())) for name in names]

    def _queue(self, name: str, waiting: Iterable[Visit]) -> w.WallQueue:
        tiers: dict[tuple[str, str], list[datetime]] = {}
        for visit in waiting:
            tier = self._visits.tier(visit)
            tiers.setdefault((tier.id, tier.label) if tier else ("", ""), []).append(visit.queued_at)
        counts = self.today.counts.get(name) or Counts()
        open_, late = self.callbacks.get(name, (0, 0))
        oldest = min((at for ats in tiers.values() for at in ats), default=None)
        return w.WallQueue(
            queue=name,
            label=self._labels.get(name, name),
            waiting=sum(len(ats) for ats in tiers.values()),
            oldest=oldest,
            tiers=tuple(
                w.WallTier(tier=tier, label=label, waiting=len(ats), oldest=min(ats))
                for (tier, label), ats in sorted(tiers.items(), key=lambda t: min(t[1]))
            ),
            offered=counts.offered,
            answered=counts.answered,
            in_time=counts.in_time,
            abandoned=counts.abandoned,
            short=counts.short,
            left=counts.left,
            lost=counts.lost,
            mean_wait_s=counts.mean_wait_s,
            longest_s=counts.longest_s,
            service_level=counts.service_level,
            service_level_s=self.today.levels.get(name, 20.0),
            callbacks=open_,
            callbacks_late=late,
        )

    def people(self) -> tuple[w.WallPerson, ...]:
        """Everybody of the settings, with the name that the store knows."""
        return tuple(
            w.WallPerson(agent=agent, name=self.names.get(agent, ""), queues=queues)
            for agent, queues in self._queues.items()
        )

    def pbx(self, now: datetime) -> w.WallPbx:
        """The connection, and its gaps."""
        gaps = self._floor.part(now).gaps
        return w.WallPbx(up=self._floor.pbx, gaps=gaps, partial=self.today.partial)

    # the messages

    def whole(self, now: datetime) -> w.Wall:
        """For somebody who has just come."""
        self.today.turn(now)
        return w.Wall(
            version=wire.VERSION,
            server_time=now,
            day=self.today.day.isoformat(),
            people=self.people(),
            alarms=self.alarms,
            agents=tuple(self.agent(a) for a in self._queues),
            queues=tuple(self.queues()),
            pbx=self.pbx(now),
        )

    def news(self, now: datetime) -> w.WallUpdate | None:
        """What has changed since this was asked last; None: nothing."""
        self.today.turn(now)
        turned, self._day = self._day != self.today.day, self.today.day
        agents = []
        for number in self._dirty & self._queues.keys():
            row = self.agent(number)
            if row != self._agents.get(number):
                self._agents[number] = row
                agents.append(row)
        self._dirty.clear()
        queues = [q for q in self.queues() if q != self._told.get(q.queue)]
        self._told.update((q.queue, q) for q in queues)
        pbx: w.WallPbx | None = self.pbx(now)
        if pbx == self._pbx:
            pbx = None
        else:
            self._pbx = pbx
        renamed, self._named = self._named != self.names, self.names
        if not (agents or queues or pbx or turned or renamed):
            return None
        day = self.today.day.isoformat() if turned else None
        return w.WallUpdate(
            server_time=now,
            day=day,
            people=self.people() if renamed else (),
            agents=tuple(agents),
            queues=tuple(queues),
            pbx=pbx,
        )


def _since(pop: Pop) -> datetime:
    if pop.state is PopState.HELD:
        return pop.held_at or pop.answered_at or pop.offered_at
    return (pop.answered_at if pop.state is PopState.TALKING else None) or pop.offered_at


def _of_pbx(pbx: wire.AgentPart, pops: Iterable[Pop]) -> tuple[w.WallState, str, datetime]:
    """Without a call on the screen: talking is a call of the agent's own."""
    writing = next((p for p in pops if p.state is PopState.WRAPUP), None)
    paused = pbx.state == AgentState.PAUSED.value
    if writing is not None and (not paused or pbx.reason == WRAPUP_REASON):
        return "wrapup", "", writing.wrapup_at or pbx.since
    if paused:
        return ("wrapup", "", pbx.since) if pbx.reason == WRAPUP_REASON else ("break", pbx.reason, pbx.since)
    if pbx.state == AgentState.BUSY.value:
        return "talking", "", pbx.since
    states: dict[str, w.WallState] = {"available": "available", "ringing": "ringing"}
    return states.get(pbx.state, "offline"), "", pbx.since
