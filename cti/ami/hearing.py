"""What each fact does to the calls: one method a fact, found by its type in `_ON`."""

from __future__ import annotations

from typing import Any, ClassVar

from cti.ami import facts as f
from cti.ami.book import between, by_cause
from cti.ami.calls import Call, Line, age
from cti.ami.placing import THREE, Placing
from cti.ami.states import CallState, CallStep, LegState, LegStep
from cti.domain.call import PHONE, Direction, OfferEnd
from cti.errors import LaidianError

_DIAL_ENDS = {
    "BUSY": OfferEnd.REJECTED,
    "NOANSWER": OfferEnd.NO_ANSWER,
    "CONGESTION": OfferEnd.FAILED,
    "CHANUNAVAIL": OfferEnd.FAILED,
}
_BY_DRIVER = 1  # "Cause" of a SoftHangupRequest is a flag: AST_SOFTHANGUP_DEV, no person and no order


class Hearing(Placing):
    """Facts in; what they change is told by the book."""

    def _take(self, fact: f.Fact) -> None:
        """A surprise must never stop the hearing."""
        try:
            self._ON[type(fact)](self, fact)
        except (LaidianError, ValueError, LookupError) as e:
            self._fault(f"{type(fact).__name__} at {self._at.isoformat()}: {e}")

    def _on_created(self, fact: f.ChannelCreated) -> None:
        line = self._know(fact.channel)
        self._caller_known(line, fact.channel)

    def _on_caller_changed(self, fact: f.CallerChanged) -> None:
        if fact.channel.uniqueid in self._lines:
            self._caller_known(self._know(fact.channel), fact.channel)

    def _caller_known(self, line: Line, channel: f.Channel) -> None:
        call = line.call
        if line.uniqueid != call.caller or call.state not in (CallState.NEW, CallState.ARRIVED) or call.chain:
            return
        call.number = channel.number or call.number
        call.name = channel.caller_name or call.name
        # an originated Local channel gets its number only after its birth; an agent's own call has
        # its direction only when it is known whom it goes to
        if call.direction is not None and (channel.number or not line.local):
            self._arrive(call)

    def _on_renamed(self, fact: f.ChannelRenamed) -> None:
        line = self._lines.get(fact.uniqueid)
        if line is None or not fact.name:
            return
        self._bridges.rename(line, fact.name)
        agent = self._roster.agent_of(fact.name)
        if agent != line.agent:
            line.agent = agent
            if agent and agent in line.call.legs:
                line.call.legs[agent].lines.add(line.uniqueid)

    def _on_hangup_asked(self, fact: f.HangupAsked) -> None:
        line = self._lines.get(fact.channel.uniqueid)
        if line is None:
            return
        call = line.call
        leg = call.legs.get(line.agent) if line.agent else None
        if line.uniqueid in (call.caller, call.customer):
            call.hanging = True
            ours = call.direction is Direction.OUTBOUND
            if not fact.soft and (line.agent or not ours or call.state is CallState.TALKING):
                call.hung_by = call.hung_by or ("agent" if ours and line.agent else "caller")
        elif leg is not None and line.uniqueid in leg.ringing:
            leg.cause = fact.cause  # DialEnd says NOANSWER for a rejected call, too
        elif leg is not None and leg.connected and line.uniqueid not in call.consults:
            if not fact.soft:
                call.hung_by = call.hung_by or "agent"
            elif fact.cause == _BY_DRIVER:
                call.hung_by = call.hung_by or PHONE

    def _on_hung_up(self, fact: f.HungUp) -> None:
        line = self._lines.get(fact.channel.uniqueid)
        if line is not None:
            self._gone(line, fact.cause)

    def _on_dial_began(self, fact: f.DialBegan) -> None:
        caller = self._know(fact.caller) if fact.caller is not None and fact.caller.uniqueid else None
        dest = self._know(fact.dest)
        call = dest.call
        if caller is not None and (asker := self._asks(caller)):
            call.thirds[dest.uniqueid] = asker
            self._touch(call)
        if caller is not None and fact.caller is not None and not call.did:
            call.did = fact.caller.exten
        if call.direction is None and caller is not None:
            call.direction = Direction.INTERNAL if dest.agent else Direction.OUTBOUND
        if dest.agent and not (dest.uniqueid == call.caller or (caller is None and len(call.lines) == 1)):
            self._ring(call, dest, caller, queue="")
        elif call.direction is not None and call.state is CallState.NEW and caller is not None:
            self._arrive(call)

    def _on_agent_rung(self, fact: f.AgentRung) -> None:
        caller = self._know(fact.caller)
        if not fact.dest.uniqueid:
            return
        dest = self._know(fact.dest)
        dest.agent = dest.agent or self._roster.agent_of(fact.interface)
        if caller.call.direction is None:
            caller.call.direction = Direction.INTERNAL
        if dest.agent:
            self._ring(dest.call, dest, caller, queue=fact.queue)

    def _ring(self, call: Call, dest: Line, caller: Line | None, *, queue: str) -> None:
        leg = call.leg(dest.agent)
        fresh = dest.uniqueid not in leg.rung
        leg.rung.add(dest.uniqueid)
        leg.lines.add(dest.uniqueid)
        if caller is not None and caller.agent == dest.agent:
            # the phone behind the agent's own Local channel
            leg.ringing.add(dest.uniqueid)
            if leg.state is not LegState.IDLE:
                self._leg(call, leg, LegStep.RING)
                return
        if leg.state in (LegState.IDLE, LegState.OVER):
            if not fresh:
                return  # a late repetition about a channel whose ringing is over
            asker = self._asker(call, caller)
            leg.consult = bool(asker)
            leg.peer = asker or call.giver
            waits_for = call.queue if call.state is CallState.QUEUED else call.meant
            leg.queue = queue or ("" if asker else waits_for)
            call.meant = ""
            leg.cause = None
        leg.ringing.add(dest.uniqueid)
        self._leg(call, leg, LegStep.RING)

    def _asker(self, call: Call, caller: Line | None) -> str:
        """The agent who asks a colleague for advice while the caller waits, or ""."""
        if caller is None:
            return ""
        if asker := self._asks(caller):
            return asker
        if caller.uniqueid == call.caller:
            return ""
        ends = self._bridges.heard_by(caller, self._lines)
        if call.caller in ends:
            return ""
        near = {self._lines[uniqueid].agent for uniqueid in ends}
        talking = [leg.agent for leg in call.talking()]
        heard = next((agent for agent in talking if agent in near), "")
        if not heard and caller.half == "2" and len(talking) == 1:
            return talking[0]  # a transfer by feature code may dial before it bridges agent and Local channel
        return heard

    def _on_dial_ended(self, fact: f.DialEnded) -> None:
        line = self._lines.get(fact.dest.uniqueid)
        if line is None or not line.agent:
            return
        call = line.call
        if line.uniqueid == call.caller and call.direction is None:
            return  # originated: the agent took the phone off the hook in order to call somebody
        leg = call.leg(line.agent)
        if fact.status == "ANSWER":
            leg.ringing.discard(line.uniqueid)
            self._leg(call, leg, LegStep.PICK)
            return
        leg.ringing.discard(line.uniqueid)
        if leg.ringing or leg.state is not LegState.RINGING:
            return
        reason: str | None = by_cause(leg.cause) or _DIAL_ENDS.get(fact.status)
        if reason is None:
            reason = self._why_cancelled(call, leg) if fact.status == "CANCEL" else OfferEnd.FAILED
        self._leg(call, leg, LegStep.STOP, reason=reason)

    def _on_agent_missed(self, fact: f.AgentMissed) -> None:
        line = self._lines.get(fact.caller.uniqueid)
        agent = self._roster.agent_of(fact.interface)
        if line is None or not agent or agent not in line.call.legs:
            return
        leg = line.call.legs[agent]
        if leg.state is LegState.RINGING and not leg.ringing:
            self._leg(line.call, leg, LegStep.STOP, reason=OfferEnd.NO_ANSWER)

    def _on_agent_connected(self, fact: f.AgentConnected) -> None:
        caller, dest = self._know(fact.caller), self._know(fact.dest)
        agent = dest.agent or self._roster.agent_of(fact.interface)
        if agent:
            leg = caller.call.leg(agent)
            leg.queue = leg.queue or fact.queue
            leg.lines.add(dest.uniqueid)
            self._leg(caller.call, leg, LegStep.PICK)

    def _on_agent_completed(self, fact: f.AgentCompleted) -> None:
        line = self._lines.get(fact.caller.uniqueid)
        agent = self._roster.agent_of(fact.dest.name) or self._roster.agent_of(fact.interface)
        if line is None or agent not in line.call.legs or self._asks(line):
            return
        leg = line.call.legs[agent]
        if leg.connected:
            if fact.reason in ("caller", "agent"):
                line.call.hung_by = line.call.hung_by or fact.reason
            lost = line.call.hung_by == PHONE  # the queue knows two sides only
            self._leg(line.call, leg, LegStep.LEAVE, reason=PHONE if lost else fact.reason)

    def _on_joined(self, fact: f.QueueJoined) -> None:
        line = self._know(fact.channel)
        call = line.call
        if self._asks(line):
            return
        if call.direction is None:
            call.direction = Direction.INTERNAL
        self._arrive(call)
        if call.state is CallState.QUEUED and call.queue == fact.queue:
            return
        call.queue, call.position, call.queued_at = fact.queue, fact.position, self._at
        call.meant = ""
        self._step(call, CallStep.JOIN, position=fact.position)

    def _on_left(self, fact: f.QueueLeft) -> None:
        line = self._lines.get(fact.channel.uniqueid)
        if line is None or self._asks(line):
            return
        call = line.call
        picked = any(leg.state is LegState.PICKED or leg.connected for leg in call.legs.values())
        if call.state is CallState.QUEUED and (picked or call.hanging):
            return  # answered or given up: that is told in its own words
        if call.state is CallState.QUEUED:
            self._step(call, CallStep.LEAVE, hold_s=between(call.queued_at, self._at))
            call.queue = ""

    def _on_abandoned(self, fact: f.QueueAbandoned) -> None:
        line = self._lines.get(fact.channel.uniqueid)
        if line is None or self._asks(line):
            return
        call = line.call
        call.hanging = call.gave_up = True
        for leg in call.legs.values():
            if leg.state in (LegState.RINGING, LegState.PICKED):
                leg.ringing.clear()
                self._leg(call, leg, LegStep.STOP, reason=OfferEnd.ABANDONED)
        if call.state is not CallState.TALKING:
            hold_s = between(call.queued_at, self._at)
            self._step(call, CallStep.ABANDON, position=fact.position, hold_s=hold_s)

    def _on_bridge_entered(self, fact: f.BridgeEntered) -> None:
        line = self._know(fact.channel)
        self._bridges.enter(line, fact.bridge)
        self._join_calls(line)
        self._reconnect(line)
        self._touch(line.call)

    def _on_bridge_left(self, fact: f.BridgeLeft) -> None:
        line = self._lines.get(fact.channel.uniqueid)
        if line is not None:
            self._know(fact.channel)
            self._bridges.leave(line, fact.bridge)

    def _join_calls(self, entered: Line) -> None:
        """Channels that are bridged are one call, by the oldest Linkedid: Asterisk says so with a delay."""
        joined = [self._lines[u] for u in self._bridges.heard_by(entered, self._lines)] + [entered]
        if any(line.call is not entered.call for line in joined):
            oldest = min((line.call for line in joined), key=lambda call: age(call.key.linkedid))
            for line in joined:
                if line.call is not oldest:
                    self._relink(line, oldest.key.linkedid)

    def _reconnect(self, entered: Line) -> None:
        """Who hears whom now that a channel is in a bridge: agents that hear somebody else are connected."""
        near = [self._lines[u] for u in self._bridges.heard_by(entered, self._lines)]
        if near and entered.call.direction is None:
            # an agent's own call whose dialling was not heard
            among = [line for line in [entered, *near] if line.uniqueid != entered.call.caller]
            inside = any(line.agent for line in among)
            entered.call.direction = Direction.INTERNAL if inside else Direction.OUTBOUND
        for line in [entered, *near]:
            call = line.call
            if not line.agent or (line.uniqueid == call.caller and call.direction is not Direction.OUTBOUND):
                continue
            others = [
                self._lines[u]
                for u in self._bridges.heard_by(line, self._lines)
                if self._lines[u].agent != line.agent
            ]
            if not others or line.uniqueid in call.consults:
                continue
            leg = call.leg(line.agent)
            leg.lines.add(line.uniqueid)
            askers = {self._asks(other) for other in others}
            if call.customer in {other.uniqueid for other in others} and THREE not in call.places.values():
                leg.consult = False  # asked for advice, and has the call now
            elif leg.state is LegState.IDLE and "" not in askers:
                leg.consult, leg.peer = True, min(askers)  # asked while we were not listening
            self._leg(call, leg, LegStep.CONNECT)

    def _on_hold(self, fact: f.HoldChanged) -> None:
        line = self._lines.get(fact.channel.uniqueid)
        if line is None or not line.agent or line.uniqueid in line.call.consults:
            return
        leg = line.call.legs.get(line.agent)
        if leg is not None:
            self._leg(line.call, leg, LegStep.HOLD if fact.held else LegStep.RESUME)

    def _on_blind(self, fact: f.BlindTransferred) -> None:
        line = self._lines.get(fact.transferer.uniqueid)
        if line is not None:
            call, agent = line.call, line.agent
        else:  # the PBX's transferring thread tells it, sometimes after the bridge's thread has hung up
            gone = self._calls.get(fact.transferer.linkedid)
            if gone is None:
                return
            call, agent = gone, self._roster.agent_of(fact.transferer.name)
        if fact.ok and agent and agent in call.legs:
            self._give(call, agent, fact.exten, "blind")

    def _on_attended(self, fact: f.AttendedTransferred) -> None:
        line = self._lines.get(fact.first.uniqueid) or self._lines.get(fact.second.uniqueid)
        if line is None or not fact.ok or not line.agent:
            return
        call = line.call
        takers = [
            leg
            for leg in call.legs.values()
            if leg.agent != line.agent and (leg.connected or leg.state is LegState.RINGING)
        ]
        for leg in takers:
            leg.consult = False
        self._give(call, line.agent, takers[0].agent if takers else fact.second.exten, "attended")

    def _on_first_rung(self, fact: f.FirstRung) -> None:
        line = self._lines.get(fact.channel.uniqueid)
        if line is not None and line.uniqueid == line.call.caller:
            line.call.meant = fact.queue

    def _on_context(self, fact: f.ContextGiven) -> None:
        line = self._lines.get(fact.channel.uniqueid)
        if line is None:
            return
        line.call.context.update(fact.values)
        if line.call.direction is None:
            return  # an agent's own call: told when it is known whom it goes to
        self._arrive(line.call)
        self._step(line.call, CallStep.TELL)

    def _on_board(self, fact: f.MemberChanged | f.MemberRemoved | f.DeviceChanged) -> None:
        self._out += self._board.hear(fact, self._at, recovered=self._recovered)

    _ON: ClassVar[dict[type, Any]] = {
        f.ChannelCreated: _on_created,
        f.CallerChanged: _on_caller_changed,
        f.ChannelRenamed: _on_renamed,
        f.HangupAsked: _on_hangup_asked,
        f.HungUp: _on_hung_up,
        f.DialBegan: _on_dial_began,
        f.DialEnded: _on_dial_ended,
        f.QueueJoined: _on_joined,
        f.QueueLeft: _on_left,
        f.QueueAbandoned: _on_abandoned,
        f.AgentRung: _on_agent_rung,
        f.AgentMissed: _on_agent_missed,
        f.AgentConnected: _on_agent_connected,
        f.AgentCompleted: _on_agent_completed,
        f.BridgeEntered: _on_bridge_entered,
        f.BridgeLeft: _on_bridge_left,
        f.HoldChanged: _on_hold,
        f.BlindTransferred: _on_blind,
        f.AttendedTransferred: _on_attended,
        f.ContextGiven: _on_context,
        f.FirstRung: _on_first_rung,
        f.Placed: Placing._on_placed,
        f.MemberChanged: _on_board,
        f.MemberRemoved: _on_board,
        f.DeviceChanged: _on_board,
    }
