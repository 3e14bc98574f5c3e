"""What is known of the calls of one node, and how changes of it are told.

Every change of a state goes through the tables of ``states.py``; every event leaves through `_tell`.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Any

from cti.ami import facts as f
from cti.ami.agents import AgentBoard
from cti.ami.calls import Bridges, Call, Leg, Line
from cti.ami.states import CALL, LEG, CallState, CallStep, LegState, LegStep, advance
from cti.domain.call import AgentEvent, CallEvent, CallEventKind, CallKey, Direction, OfferEnd
from cti.domain.roster import Roster

MAX_CALLS = 20_000
_REJECTED, _ELSEWHERE, _ABSENT = frozenset({17, 21}), 26, frozenset({3, 20, 27, 34, 38, 41, 42})
TrackerEvent = CallEvent | AgentEvent


class CallBook:
    """Channels, bridges, calls and agents of one node. `faults` keeps the last surprises."""

    def __init__(self, node: str, roster: Roster, *, max_calls: int = MAX_CALLS) -> None:
        self.node = node
        self.faults: deque[str] = deque(maxlen=256)
        self.fault_count = 0
        self._roster = roster
        self._max_calls = max_calls
        self._calls: dict[str, Call] = {}  # by every Linkedid that leads to the call
        self._lines: dict[str, Line] = {}  # by Uniqueid
        self._talks: dict[str, Call] = {}  # by agent: the call he talks in
        self._bridges = Bridges()
        self._board = AgentBoard(node, roster)
        self._at = datetime.fromtimestamp(0, UTC)
        self._recovered = False
        self._out: list[TrackerEvent] = []
        self._moved: set[CallKey] = set()

    def live(self) -> list[Call]:
        """Calls that have not ended, oldest first."""
        return list({id(call): call for call in self._calls.values()}.values())

    def agents(self) -> list[AgentEvent]:
        """The last known state of every agent of the roster."""
        return self._board.known()

    def size(self) -> int:
        """Number of remembered things, to see that memory is bounded."""
        return len(self._calls) + len(self._lines) + len(self._bridges) + len(self._talks)

    def _touch(self, call: Call) -> None:
        """Something of this call may look different now."""
        if len(self._moved) >= self._max_calls:
            self._moved.clear()
        self._moved.add(call.key)

    def _fault(self, text: str) -> None:
        self.fault_count += 1
        self.faults.append(text)

    def _tell(
        self,
        call: Call,
        kind: CallEventKind,
        leg: Leg | None = None,
        *,
        peer: str = "",
        reason: str = "",
        **more: Any,
    ) -> None:
        queue = leg.queue if leg is not None else call.queue
        self._out.append(
            CallEvent(
                kind=kind,
                key=call.key,
                at=self._at,
                recovered=self._recovered,
                direction=call.direction or Direction.INBOUND,
                caller_number=call.number,
                caller_name=call.name,
                did=call.did,
                queue=queue,
                agent=leg.agent if leg is not None else "",
                peer=peer or (leg.peer if leg is not None else ""),
                reason=reason,
                context=dict(call.context),
                chain=call.chain,
                **more,
            )
        )

    # ---- steps through the tables --------------------------------------------------------------

    def _step(self, call: Call, step: CallStep, *, reason: str = "", **more: Any) -> None:
        call.state, kind = advance(CALL, call.state, step)
        if kind is not None:
            self._tell(call, kind, reason=reason, **more)

    def _leg(self, call: Call, leg: Leg, step: LegStep, *, reason: str = "") -> None:
        self._arrive(call)
        self._touch(call)
        before = leg.state
        leg.state, kind = advance(LEG, before, step)
        if kind is CallEventKind.OFFERED:
            leg.offered_at, leg.answered_at = self._at, None
            self._tell(call, kind, leg, reason=reason or ("consult" if leg.consult else ""))
        elif kind is CallEventKind.ANSWERED:
            self._answer(call, leg)
        elif kind is CallEventKind.OFFER_ENDED:
            ring_s = between(leg.offered_at, self._at)
            by = self._faster(call, leg) if reason == OfferEnd.ANSWERED_ELSEWHERE else ""
            self._tell(call, kind, leg, peer=by, reason=reason, ring_s=ring_s, cause=leg.cause)
        elif kind is CallEventKind.WRAPPED_UP:
            talk_s = between(leg.answered_at, self._at)
            self._tell(call, kind, leg, reason=reason, talk_s=talk_s, cause=leg.cause)
            if leg.agent not in call.chain:
                call.chain = (*call.chain, leg.agent)
            leg.consult = False
            leg.peer = ""
        elif kind is not None:
            self._tell(call, kind, leg)
        if leg.connected:
            self._talks[leg.agent] = call
        elif self._talks.get(leg.agent) is call:
            del self._talks[leg.agent]
        if leg.state is not before:
            ringing, at = leg.state in (LegState.RINGING, LegState.PICKED), self._at
            self._out += self._board.part(leg.agent, call.key, ringing=ringing, talking=leg.connected, at=at)
        was = before in (LegState.TALKING, LegState.HELD)
        if was and not leg.connected and not any(call.talking()) and call.state is CallState.TALKING:
            self._step(call, CallStep.DISCONNECT)

    def _answer(self, call: Call, leg: Leg) -> None:
        leg.answered_at = self._at
        if not leg.consult:
            self._step(call, CallStep.CONNECT)
        hold_s = between(call.queued_at, self._at) if leg.queue and not leg.consult else None
        self._tell(
            call,
            CallEventKind.ANSWERED,
            leg,
            reason="consult" if leg.consult else "",
            hold_s=hold_s,
            ring_s=between(leg.offered_at, self._at),
        )
        if not leg.consult:
            call.gave_up = False

    # ---- channels and calls --------------------------------------------------------------------

    def _know(self, channel: f.Channel) -> Line:
        """The channel, made known if it is not yet, and moved along if its Linkedid has changed."""
        line = self._lines.get(channel.uniqueid)
        if line is None:
            if not channel.uniqueid:
                raise ValueError("fact names no channel")
            return self._new_line(channel)
        if channel.linkedid and channel.linkedid != line.linkedid:
            self._relink(line, channel.linkedid)
        return line

    def _new_line(self, channel: f.Channel) -> Line:
        linkedid = channel.linkedid or channel.uniqueid
        agent = self._roster.agent_of(channel.name)
        call = self._calls.get(linkedid)
        consult = False
        if call is None and agent and linkedid == channel.uniqueid:
            call = self._talks.get(agent)
            consult = call is not None
        if call is None:
            call = self._new_call(linkedid)
        else:
            self._calls[linkedid] = call
            call.linkedids.add(linkedid)
        line = Line(channel.uniqueid, channel.name, linkedid, call, agent)
        self._lines[line.uniqueid] = call.lines[line.uniqueid] = line
        self._bridges.add(line)
        if consult:
            call.consults[line.uniqueid] = agent
            call.legs[agent].lines.add(line.uniqueid)
        elif agent and agent in call.legs:
            call.legs[agent].lines.add(line.uniqueid)
        if not call.caller or self._takes_over(call, line):
            call.caller = line.uniqueid
            call.did = channel.exten if len(channel.exten) > 1 else call.did
            call.number, call.name = channel.number, channel.caller_name
            if not agent:
                call.direction = Direction.INBOUND
        return line

    def _takes_over(self, call: Call, line: Line) -> bool:
        """The dialplan half of an originated Local channel is the caller, not the half made first."""
        first = call.lines.get(call.caller)
        return (
            call.state is CallState.NEW
            and first is not None
            and first.half == "1"
            and self._bridges.twin(first) == line.uniqueid
        )

    def _new_call(self, linkedid: str) -> Call:
        if len(self._calls) >= self._max_calls:
            oldest = next(iter(self._calls.values()))
            self._fault(f"more than {self._max_calls} calls: {oldest.key.linkedid} is given up as lost")
            self._drop(oldest)
        call = Call(CallKey(self.node, linkedid), linkedids={linkedid})
        self._calls[linkedid] = call
        return call

    def _drop(self, call: Call) -> None:
        recovered, self._recovered = self._recovered, True
        for uniqueid in list(call.lines):
            self._gone(call.lines[uniqueid], None)
        self._end(call)
        self._recovered = recovered

    def _relink(self, line: Line, linkedid: str) -> None:
        """Asterisk gave a channel the Linkedid of an older call that it was joined with."""
        line.linkedid = linkedid
        old, new = line.call, self._calls.get(linkedid)
        if new is None:
            self._calls[linkedid] = old
            old.linkedids.add(linkedid)
            return
        if new is old:
            return
        for leg in old.legs.values():
            if line.uniqueid in leg.lines:
                self._move_leg(old, new, leg, line.uniqueid)
        del old.lines[line.uniqueid]
        new.lines[line.uniqueid] = line
        line.call = new
        if not old.lines:
            self._end(old, reason="merged")

    def _move_leg(self, old: Call, new: Call, leg: Leg, uniqueid: str) -> None:
        leg.lines.discard(uniqueid)
        leg.ringing.discard(uniqueid)
        new.leg(leg.agent).lines.add(uniqueid)
        if not leg.lines:
            self._leg(old, leg, LegStep.LEAVE, reason=OfferEnd.TRANSFERRED)

    def _arrive(self, call: Call) -> None:
        if call.state is CallState.NEW:
            self._step(call, CallStep.ARRIVE)

    def _end(self, call: Call, *, reason: str = "") -> None:
        for leg in call.legs.values():
            self._close(call, leg)
        if call.state is not CallState.ENDED:
            lost = "lost" if self._recovered else ""
            self._step(call, CallStep.END, reason=reason or call.hung_by or lost, cause=call.cause)
        for linkedid in call.linkedids:
            if self._calls.get(linkedid) is call:
                del self._calls[linkedid]

    def _close(self, call: Call, leg: Leg, *, reason: str = "") -> None:
        """An agent has no channel left in the call."""
        leg.ringing.clear()
        if leg.state in (LegState.RINGING, LegState.PICKED):
            self._leg(call, leg, LegStep.STOP, reason=reason or self._why_stopped(call, leg))
        elif leg.connected:
            lost = "lost" if self._recovered else ""
            self._leg(call, leg, LegStep.LEAVE, reason=reason or call.hung_by or lost)

    def _gone(self, line: Line, cause: int | None) -> None:
        call = line.call
        self._touch(call)
        self._bridges.remove(line)
        self._lines.pop(line.uniqueid, None)
        call.lines.pop(line.uniqueid, None)
        call.consults.pop(line.uniqueid, None)
        if line.uniqueid == call.caller:
            call.cause = cause
            self._caller_gone(call)
        for leg in call.legs.values():
            leg.rung.discard(line.uniqueid)
            if line.uniqueid not in leg.lines and line.uniqueid not in leg.ringing:
                continue
            leg.cause = cause if cause is not None else leg.cause
            leg.lines.discard(line.uniqueid)
            leg.ringing.discard(line.uniqueid)
            if not leg.lines:
                self._close(call, leg)
        if not call.lines:
            self._end(call)

    def _caller_gone(self, call: Call) -> None:
        ringing = any(leg.state is LegState.RINGING for leg in call.legs.values())
        waiting = call.state is CallState.QUEUED or (
            call.state is CallState.ARRIVED and (call.gave_up or ringing)
        )
        if waiting and call.hanging:
            self._step(call, CallStep.ABANDON, hold_s=between(call.queued_at, self._at))

    # ---- why an agent stopped ringing ----------------------------------------------------------

    def _why_stopped(self, call: Call, leg: Leg) -> str:
        if self._recovered:
            elsewhere = any(other is not leg for other in call.talking())
            return OfferEnd.ANSWERED_ELSEWHERE if elsewhere else OfferEnd.LOST
        return by_cause(leg.cause) or self._why_cancelled(call, leg)

    @staticmethod
    def _faster(call: Call, leg: Leg) -> str:
        """The agent who has the caller, or is just getting him, instead of this one; "" if not known yet."""
        busy = (LegState.PICKED, LegState.TALKING, LegState.HELD)
        others = [other for other in call.legs.values() if other is not leg and other.state in busy]
        return min(others, key=lambda other: busy.index(other.state)).agent if others else ""

    def _why_cancelled(self, call: Call, leg: Leg) -> str:
        """CANCEL is said in three cases: somebody else was faster, the caller gave up, time was up."""
        if leg.consult:
            return OfferEnd.ABANDONED
        if self._faster(call, leg):
            return OfferEnd.ANSWERED_ELSEWHERE
        if call.hanging:
            call.gave_up = True
            return OfferEnd.ABANDONED
        return OfferEnd.NO_ANSWER


def by_cause(cause: int | None) -> OfferEnd | None:
    """What the far end itself said when it stopped ringing."""
    if cause in _REJECTED:
        return OfferEnd.REJECTED
    if cause == _ELSEWHERE:
        return OfferEnd.ANSWERED_ELSEWHERE
    return OfferEnd.FAILED if cause in _ABSENT else None


def between(start: datetime | None, end: datetime) -> float | None:
    """Seconds between, to the millisecond; None without a start."""
    return None if start is None else round(max(0.0, (end - start).total_seconds()), 3)
