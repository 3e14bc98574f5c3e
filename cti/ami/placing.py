"""What it means for a call that the service moved one of its channels (control.dialplan.j2)."""

from __future__ import annotations

from cti.ami import facts as f
from cti.ami.book import CallBook
from cti.ami.calls import Call, Leg, Line
from cti.ami.states import CallState, CallStep, LegState, LegStep
from cti.domain.call import PHONE, CallEventKind
from cti.domain.phone import parse

HELD, IVR, ROOM, DESK, THREE = "held", "ivr", "room", "desk", "three"
GIVEN, BLIND, CONSULT, LOST = "given", "blind", "consult", "lost"
ASIDE, RECALL, REMINDED = "aside", "recall", "reminded"
NUMBER = "3"  # a kind of target, as the dialplan numbers them
_APART = frozenset({HELD, IVR, RECALL})
_PLACES = (HELD, IVR, ROOM, DESK, THREE, CONSULT, LOST, ASIDE, RECALL, REMINDED)
_CONTEXTS = {f"laidian-{place}": place for place in _PLACES}
_CONTEXTS |= {"laidian-given": ROOM, "laidian-taker": DESK, "laidian-dropped": LOST}


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
        # a Local channel that rings all devices of a colleague asks for the one who rings it
        return call.consults.get(line.uniqueid, "") or call.thirds.get(self._bridges.twin(line), "")

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
            given = fact.target if fact.target != "0" else _number(call, fact.by)
            self._give(call, fact.by, given, "attended")
        elif fact.place == BLIND:
            del call.places[line.uniqueid]
            target = parse(fact.target).masked if fact.kind == NUMBER else fact.target
            self._give(call, fact.by, target, "blind")
        elif place == LOST:
            self._lost(call, fact.by)
        elif place in (DESK, CONSULT, REMINDED):
            if place == CONSULT:
                call.asks += 1
                call.asked[line.agent] = f"{fact.kind}*{fact.target}" if fact.kind else ""
                if call.customer in call.lines and call.customer != line.uniqueid:
                    # sent to the music in the same breath; the event of it may come late, even after the
                    # colleague has rejected: who has not said "room" since then is not back
                    call.places[call.customer] = HELD
            self._back_at_desk(line)
        elif line.uniqueid in call.thirds:
            pass  # the colleague waits, or talks on
        elif place in _APART:
            self._all(call, LegState.TALKING, LegStep.HOLD)
        elif place in (ROOM, THREE):
            self._all(call, LegState.HELD, LegStep.RESUME)

    def _answer(self, call: Call, leg: Leg) -> None:
        if call.places.get(call.customer) == LOST:
            del call.places[call.customer]  # found a new agent, or the old one again
        super()._answer(call, leg)

    def _lost(self, call: Call, agent: str) -> None:
        """The agent's phone is gone, though its channel may still live: what is rung next is a new part."""
        leg = call.legs.get(agent)
        call.lost_by, call.hung_by = agent, ""
        if leg is not None and leg.connected:
            leg.lines.clear()
            self._leg(call, leg, LegStep.LEAVE, reason=PHONE)

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
        there = THREE in call.places.values() and call.customer in call.lines
        if leg is not None and leg.connected and not leg.consult and there and line.uniqueid != call.customer:
            self._left_three(call, line.agent)
        call.places.pop(line.uniqueid, None)
        call.thirds.pop(line.uniqueid, None)
        super()._gone(line, cause)

    def _left_three(self, call: Call, agent: str) -> None:
        """The agent left a three-way call: the two go on."""
        takers = [other for other in call.talking() if other.consult and other.peer == agent]
        if takers:
            takers[0].consult = False
            self._give(call, agent, takers[0].agent, "attended")
        elif any(by == agent and u in call.lines for u, by in call.thirds.items()):
            self._give(call, agent, _number(call, agent), "attended")


def _number(call: Call, agent: str) -> str:
    """The number outside that this agent asked last, as everybody may see it, or ""."""
    kind, _, target = call.asked.get(agent, "").partition("*")
    return parse(target).masked if kind == NUMBER else ""
