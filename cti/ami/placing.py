"""What it means for a call that the service moved one of its channels (control.dialplan.j2)."""

from __future__ import annotations

from cti.ami import facts as f
from cti.ami.book import CallBook
from cti.ami.calls import Call, Leg, Line
from cti.ami.states import CallState, CallStep, LegState, LegStep
from cti.domain.call import CallEventKind

HELD, IVR, ROOM, DESK, THREE = "held", "ivr", "room", "desk", "three"
GIVEN, BLIND, CONSULT, LOST = "given", "blind", "consult", "lost"
_APART = frozenset({HELD, IVR})
_CONTEXTS = {f"laidian-{place}": place for place in (HELD, IVR, ROOM, DESK, THREE, CONSULT, LOST)}
_CONTEXTS |= {"laidian-given": ROOM, "laidian-taker": DESK}


def place_of(context: str) -> str:
    """The place that a dialplan context is, "" for others."""
    return _CONTEXTS.get(context, "")


class Placing(CallBook):
    """The places of a call's channels."""

    def _asks(self, line: Line) -> str:
        """The agent who asks for advice on this channel while the caller waits, or ""."""
        call = line.call
        if line.agent and call.places.get(line.uniqueid) == CONSULT:
            return line.agent
        return call.consults.get(line.uniqueid, "")

    def pressed(self, linkedid: str, agent: str) -> None:
        """The service hangs this agent's phone up by order: of that the PBX does not say who did it."""
        call = self._calls.get(linkedid)
        leg = call.legs.get(agent) if call is not None else None
        if call is not None and leg is not None and leg.connected and not leg.consult:
            call.hung_by = call.hung_by or "agent"

    def _on_placed(self, fact: f.Placed) -> None:
        line = self._know(fact.channel)
        call = line.call
        place = ROOM if fact.place == GIVEN else fact.place
        call.places[line.uniqueid] = place
        self._touch(call)
        if fact.place == GIVEN:
            for leg in call.legs.values():
                leg.consult = leg.consult and leg.agent != fact.target
            self._give(call, fact.by, fact.target, "attended")
        elif fact.place == BLIND:
            del call.places[line.uniqueid]
            self._give(call, fact.by, fact.target if fact.kind == "1" else "", "blind")
        elif place == LOST:
            self._lost(call, fact.by)
        elif place in (DESK, CONSULT):
            call.asks += place == CONSULT
            self._back_at_desk(line)
        elif line.uniqueid in call.thirds:
            pass  # the colleague waits, or talks on
        elif place in _APART:
            self._all(call, LegState.TALKING, LegStep.HOLD)
        elif place in (ROOM, THREE):
            self._all(call, LegState.HELD, LegStep.RESUME)

    def _answer(self, call: Call, leg: Leg) -> None:
        if call.places.get(call.caller) in (LOST, BLIND):
            del call.places[call.caller]  # found a new agent, or the old one again
        super()._answer(call, leg)

    def _lost(self, call: Call, agent: str) -> None:
        """The agent's phone is gone, though its channel may still live: what is rung next is a new part."""
        leg = call.legs.get(agent)
        call.lost_by = agent
        if leg is not None and leg.connected:
            leg.lines.clear()
            self._leg(call, leg, LegStep.LEAVE, reason="lost")

    def _all(self, call: Call, state: LegState, step: LegStep) -> None:
        for leg in list(call.legs.values()):
            if leg.state is state and not leg.consult:
                self._leg(call, leg, step)

    def _back_at_desk(self, line: Line) -> None:
        """After a resync: an agent who is alone in the room has the caller, who is elsewhere."""
        leg = line.call.leg(line.agent) if line.agent and self._recovered else None
        if leg is not None and leg.state is LegState.IDLE:
            leg.lines.add(line.uniqueid)
            self._leg(line.call, leg, LegStep.CONNECT)

    def _give(self, call: Call, agent: str, peer: str, how: str) -> None:
        leg = call.leg(agent)
        self._arrive(call)
        self._tell(call, CallEventKind.TRANSFERRED, leg, peer=peer, reason=how)
        call.giver = agent
        call.hung_by = ""
        if leg.connected:
            self._leg(call, leg, LegStep.LEAVE, reason="transfer")
        elif agent not in call.chain:
            call.chain = (*call.chain, agent)
        for other in call.talking():
            other.peer = agent
            if call.state is not CallState.TALKING:
                self._step(call, CallStep.CONNECT)

    def _gone(self, line: Line, cause: int | None) -> None:
        call = line.call
        leg = call.legs.get(line.agent)
        if leg is not None and leg.connected and not leg.consult and THREE in call.places.values():
            takers = [other for other in call.talking() if other.consult and other.peer == line.agent]
            if takers and call.caller in call.lines and call.caller != line.uniqueid:
                takers[0].consult = False  # the agent left a three-way call: the two go on
                self._give(call, line.agent, takers[0].agent, "attended")
        call.places.pop(line.uniqueid, None)
        call.thirds.pop(line.uniqueid, None)
        super()._gone(line, cause)
