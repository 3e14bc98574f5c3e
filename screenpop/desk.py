"""The agents' own states: what the PBX says, what the agent wants, and the pause while writing up.

Pure. A pause has one of three sources, the strongest first: the agent's own (小休 …), the wrap-up (话后),
none. `target` is what the PBX should be told; the service tells it and reports back with `told`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cti.domain.call import AgentEvent, AgentState
from screenpop import wire

WRAPUP_REASON = "话后"
_ORDER = (AgentState.BUSY, AgentState.RINGING, AgentState.PAUSED, AgentState.AVAILABLE, AgentState.OFFLINE)


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether an agent is to be paused, and the reason told to the PBX."""

    paused: bool
    reason: str = ""


NO_PAUSE = Pause(False)


@dataclass(slots=True)
class _Agent:
    nodes: dict[str, AgentEvent] = field(default_factory=dict)
    own: str | None = None  # the agent's own break reason
    writing: set[str] = field(default_factory=set)  # pops in wrap-up
    told: Pause | None = None  # what the PBX was last told, None: nothing yet
    busy_telling: int = 0


class Desk:
    """All agents of the settings; events of others are ignored."""

    def __init__(self, agents: Iterable[str], now: datetime) -> None:
        self._agents = {a: _Agent() for a in agents}
        self._start = now

    def __contains__(self, agent: str) -> bool:
        return agent in self._agents

    def heard(self, event: AgentEvent) -> bool:
        """The PBX told a state; True when what the agent should see has changed."""
        agent = self._agents.get(event.agent)
        if agent is None:
            return False
        before = self.state(event.agent)
        agent.nodes[event.node] = event
        if not agent.busy_telling:
            self._adopt(agent, event)
        return self.state(event.agent) != before

    def state(self, agent: str) -> wire.AgentPart:
        """The state over all nodes: busy on one is busy."""
        known = self._agents.get(agent)
        events = list(known.nodes.values()) if known is not None else []
        for state in _ORDER:
            found = [e for e in events if e.state is state]
            if found:
                last = max(found, key=lambda e: e.at)
                return wire.AgentPart(state=state.value, reason=last.reason, since=last.at)
        return wire.AgentPart(state="offline", since=self._start)

    def want(self, agent: str, own: str | None) -> None:
        """The agent's own wish: a break reason, or None for none. Ends a wrap-up pause too."""
        known = self._agents[agent]
        known.own = own
        if own is None:
            known.writing.clear()

    def writing(self, agent: str, pop_id: str) -> None:
        """A wrap-up begins."""
        if agent in self._agents:
            self._agents[agent].writing.add(pop_id)

    def written(self, agent: str, pop_id: str) -> None:
        """A wrap-up is over."""
        if agent in self._agents:
            self._agents[agent].writing.discard(pop_id)

    def target(self, agent: str) -> Pause:
        """What the PBX should be told."""
        known = self._agents[agent]
        if known.own is not None:
            return Pause(True, known.own)
        return Pause(True, WRAPUP_REASON) if known.writing else NO_PAUSE

    def due(self, agent: str) -> Pause | None:
        """What the PBX has to be told now, None when it knows."""
        known = self._agents.get(agent)
        if known is None:
            return None
        target = self.target(agent)
        if known.told is None:
            return target if target.paused else None
        return target if target != known.told else None

    def telling(self, agent: str, pause: Pause) -> None:
        """The PBX is being told."""
        self._agents[agent].told = pause
        self._agents[agent].busy_telling += 1

    def told(self, agent: str, *, done: bool) -> None:
        """It was told, or could not be."""
        known = self._agents[agent]
        known.busy_telling -= 1
        if not done:
            known.told = None

    def _adopt(self, agent: _Agent, event: AgentEvent) -> None:
        """Somebody else paused or unpaused the agent (a phone code, the console, an earlier run of ours)."""
        if event.state is AgentState.PAUSED:
            if event.reason == WRAPUP_REASON:
                agent.told = Pause(True, WRAPUP_REASON)
            elif agent.told is None or agent.told.reason != event.reason:
                agent.own = event.reason or "小休"
                agent.told = Pause(True, agent.own)
        elif event.state is AgentState.AVAILABLE and agent.told is not None and agent.told.paused:
            if event.recovered:
                agent.told = NO_PAUSE  # the PBX forgot it while it was away: tell it again
            elif all(e.state is not AgentState.PAUSED for e in agent.nodes.values()):
                agent.own = None
                agent.writing.clear()
                agent.told = NO_PAUSE
