"""The state of every agent as the PBX sees it, from queue memberships and devices.

An agent may have several devices and be a member of several queues; the state that matters most wins:
busy, ringing, paused, available. Without a reachable device or without a queue an agent is offline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cti.ami import facts as f
from cti.ami.wire import Message
from cti.domain.call import AgentEvent, AgentState, CallKey
from cti.domain.roster import Roster

_STATES = {  # enum ast_device_state
    0: AgentState.AVAILABLE,  # unknown: rung all the same
    1: AgentState.AVAILABLE,
    2: AgentState.BUSY,
    3: AgentState.BUSY,
    4: AgentState.OFFLINE,
    5: AgentState.OFFLINE,
    6: AgentState.RINGING,
    7: AgentState.BUSY,
    8: AgentState.BUSY,
}
_NAMES = {
    "UNKNOWN": 0,
    "NOT_INUSE": 1,
    "INUSE": 2,
    "BUSY": 3,
    "INVALID": 4,
    "UNAVAILABLE": 5,
    "RINGING": 6,
    "RINGINUSE": 7,
    "ONHOLD": 8,
}
_ORDER = (AgentState.BUSY, AgentState.RINGING, AgentState.AVAILABLE, AgentState.OFFLINE)


@dataclass(slots=True)
class _Agent:
    members: dict[tuple[str, str], tuple[bool, str]] = field(default_factory=dict)  # (queue, interface)
    devices: dict[str, int] = field(default_factory=dict)  # interface → device state
    ringing: set[CallKey] = field(default_factory=set)
    talking: set[CallKey] = field(default_factory=set)

    def summary(self) -> tuple[AgentState, str, tuple[str, ...]]:
        queues = tuple(sorted({queue for queue, _ in self.members}))
        states = {_STATES.get(status, AgentState.OFFLINE) for status in self.devices.values()}
        state = next((s for s in _ORDER if s in states), AgentState.OFFLINE)
        if not queues:
            return AgentState.OFFLINE, "", ()
        if state is AgentState.BUSY and self.ringing and not self.talking:
            # a device that takes one call at a time (device_state_busy_at = 1) says busy while it rings
            return AgentState.RINGING, "", queues
        if state is AgentState.AVAILABLE:
            paused = [reason for is_paused, reason in self.members.values() if is_paused]
            if paused:
                return AgentState.PAUSED, next(filter(None, paused), ""), queues
        return state, "", queues


class AgentBoard:
    """Remembers members and devices of the roster and tells changes of an agent's state."""

    def __init__(self, node: str, roster: Roster) -> None:
        self._node = node
        self._roster = roster
        self._agents = {agent: _Agent() for agent in roster.interfaces.values()}
        self._told: dict[str, AgentEvent] = {}

    def known(self) -> list[AgentEvent]:
        """The last that was told of each agent."""
        return list(self._told.values())

    def hear(
        self,
        fact: f.MemberChanged | f.MemberRemoved | f.DeviceChanged,
        at: datetime,
        *,
        recovered: bool = False,
    ) -> list[AgentEvent]:
        """Take one fact; at most one event comes of it."""
        interface = fact.device if isinstance(fact, f.DeviceChanged) else fact.interface
        number = self._roster.agent_of(interface)
        if not number:
            return []
        agent = self._agents[number]
        if isinstance(fact, f.DeviceChanged):
            agent.devices[interface] = _NAMES.get(fact.state, 0)
        elif isinstance(fact, f.MemberRemoved):
            agent.members.pop((fact.queue, interface), None)
        else:
            agent.members[fact.queue, interface] = (fact.paused, fact.reason)
            agent.devices[interface] = fact.status
        return self._changed(number, at, recovered)

    def part(
        self, number: str, call: CallKey, *, ringing: bool, talking: bool, at: datetime
    ) -> list[AgentEvent]:
        """What the agent's part in a call is now."""
        agent = self._agents.get(number)
        if agent is None:
            return []
        for there, calls in ((ringing, agent.ringing), (talking, agent.talking)):
            if there:
                calls.add(call)
            else:
                calls.discard(call)
        if number not in self._told or not (ringing or talking):
            return []  # the end shows in the device's state, which comes next; till then it looks busy
        return self._changed(number, at, False)

    def resync(self, queues: Sequence[Message], at: datetime) -> list[AgentEvent]:
        """Replace all memberships by those of a QueueStatus list."""
        for agent in self._agents.values():
            agent.members.clear()
        for message in queues:
            number = self._roster.agent_of(message.get("Location")) if message.name == "QueueMember" else ""
            if number:
                interface, agent = message.get("Location"), self._agents[number]
                agent.members[message.get("Queue"), interface] = (
                    message.get("Paused") == "1",
                    message.get("PausedReason"),
                )
                agent.devices[interface] = f.whole(message.get("Status")) or 0
        return [event for number in self._agents for event in self._changed(number, at, True)]

    def _changed(self, number: str, at: datetime, recovered: bool) -> list[AgentEvent]:
        state, reason, queues = self._agents[number].summary()
        before = self._told.get(number)
        if before is not None and (before.state, before.reason, before.queues) == (state, reason, queues):
            return []
        event = self._told[number] = AgentEvent(self._node, number, state, at, reason, queues, recovered)
        return [event]
