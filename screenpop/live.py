"""实时辅助: listens to talks of the queues that have it, tells the agent's page what was heard and is due.

Sound is taken by the PBX's snooping and read by processes of its own, so the call is never touched: when
anything here fails, the card says so once, it is tried again with back-off, and the call goes on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cti.ami.message import Message
from cti.ari.legs import Legs
from cti.config import Settings
from cti.domain.call import CallEvent, CallEventKind, CallKey
from cti.domain.customer import Outcome
from cti.errors import LaidianError, Unavailable
from cti.obs import get_logger
from cti.speech.live_process import LiveProcess
from screenpop import wire
from screenpop.card import mask_text
from screenpop.hub import Member
from screenpop.ledger import LedgerWriter
from screenpop.live_node import LiveNode
from screenpop.live_talk import LiveTalk
from screenpop.service import Service
from screenpop.wire_live import LiveFlag, LiveStateName

_log = get_logger("live")
AGAIN_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STOP_S = 8.0
FLAG_ROLES = ("supervisor", "qa", "qa_lead")
_OVER = frozenset({CallEventKind.WRAPPED_UP, CallEventKind.TRANSFERRED})


class LiveHelp:
    """One per service. Listens beside the trackers, and to the call events after the pops have them."""

    def __init__(self, settings: Settings, service: Service, ledger: LedgerWriter) -> None:
        self._settings, self._service, self._ledger = settings, service, ledger
        self._queues = {q.name: q for q in settings.queues if q.live_help}
        self._roster = settings.roster()
        self._agents = frozenset(a.number for a in settings.agents)
        self._talks: dict[tuple[CallKey, str], LiveTalk] = {}
        self._ids: dict[str, LiveTalk] = {}
        self._channels: dict[tuple[str, str], str] = {}  # node, agent → the channel that is bridged
        self._closing: set[asyncio.Task[None]] = set()
        run = secrets.token_hex(4)
        self._nodes = {
            n.name: LiveNode(n, run, self._node_up, lambda n=n.name: self._names(n))  # type: ignore[misc]
            for n in settings.ami
            if n.ari_url
        }
        self.workers = [
            LiveProcess(settings, self._said, lambda up, i=i: self._worker_up(i, up), may_pull=self._may_pull)  # type: ignore[misc]
            for i in range(settings.live.workers)
        ]
        self._stopping = False
        service.metrics.gauge("live_talks", "Talks with live help", lambda: self.count)
        service.on_join = self.joined

    @property
    def _may_pull(self) -> bool:
        return self._settings.speech.auto_pull and not self._settings.demo

    @property
    def count(self) -> int:
        """Talks that take a place."""
        return sum(t.state != "busy" for t in self._talks.values())

    @property
    def ready(self) -> bool:
        """Whether a talk that begins now can be listened to."""
        nodes = all(node.legs is not None for node in self._nodes.values())
        return nodes and all("reads" in worker.info for worker in self.workers)

    def start(self) -> None:
        """Begin; returns at once."""
        for worker in self.workers:
            worker.start()
        for node in self._nodes.values():
            node.start()

    async def stop(self) -> None:
        """Let go of every call and take away what was made for it."""
        self._stopping = True
        for talk in list(self._talks.values()):
            self._end(talk)
        opening = [t.task for t in self._ids.values() if t.task is not None]
        pending = {*self._closing, *opening}
        if pending:
            await asyncio.wait(pending, timeout=STOP_S)
        for node in self._nodes.values():
            await node.stop()
        for worker in self.workers:
            await worker.stop()

    # ---- what the PBX says -----------------------------------------------------------------------

    def messages(self, node: str, batch: Sequence[Message], received: datetime) -> None:
        """Which channel an agent talks on, and which is gone."""
        del received
        for message in batch:
            if message.name == "BridgeEnter":
                self._bridged(node, message.get("Channel"), message.get("Uniqueid"))
            elif message.name == "Hangup":
                self._hung_up(node, message.get("Uniqueid"))

    def resync(self, node: str, channels: Sequence[Message], at: datetime) -> None:
        """The connection was away: the channels that there are now."""
        del at
        there = {m.get("Uniqueid") for m in channels}
        for key in [k for k, uniqueid in self._channels.items() if k[0] == node and uniqueid not in there]:
            del self._channels[key]
        for message in channels:
            if message.get("BridgeId"):
                self._bridged(node, message.get("Channel"), message.get("Uniqueid"))
        for talk in [t for t in self._talks.values() if t.key.node == node]:
            if talk.channel and talk.channel not in there:
                self._end(talk)

    def _bridged(self, node: str, channel: str, uniqueid: str) -> None:
        agent = self._roster.agent_of(channel) if channel.startswith("PJSIP/") else ""
        if not agent:
            return
        self._channels[node, agent] = uniqueid
        for talk in self._talks.values():
            if talk.key.node == node and talk.agent == agent and not talk.channel:
                talk.channel = uniqueid
                self._open(talk)

    def _hung_up(self, node: str, uniqueid: str) -> None:
        for key in [k for k, u in self._channels.items() if k[0] == node and u == uniqueid]:
            del self._channels[key]
        for talk in [t for t in self._talks.values() if t.channel == uniqueid and t.key.node == node]:
            self._end(talk)

    def hear(self, event: CallEvent) -> None:
        """Who talks with whom."""
        kind = event.kind
        if kind is CallEventKind.ANSWERED and event.agent:
            if event.reason != "consult":  # what colleagues say to each other is nobody's to read
                self._begin(event, event.agent)
        elif kind in (CallEventKind.HELD, CallEventKind.RESUMED):
            self._hold(event, on=kind is CallEventKind.HELD)
        elif kind in _OVER:
            if (talk := self._talks.get((event.key, event.agent))) is not None:
                self._end(talk)
            if event.reason == "attended" and event.peer in self._agents:
                self._begin(event, event.peer)
        elif kind is CallEventKind.ENDED:
            for talk in [t for t in self._talks.values() if t.key == event.key]:
                self._end(talk)

    def _begin(self, event: CallEvent, agent: str) -> None:
        call = self._service.book.call(event.key)
        queue = self._queues.get(event.queue or (call.queue if call is not None else ""))
        place = (event.key, agent)
        if queue is None or place in self._talks or event.key.node not in self._nodes or self._stopping:
            return
        facts: dict[str, Any] = {
            "company": self._settings.company,
            "station": queue.station,
            "direction": event.direction.value,
            "desk": queue.desk,
        }
        lookup = call.lookup if call is not None else None
        if lookup is not None and lookup.customer is not None and lookup.outcome is Outcome.ONE:
            facts |= {"customer": lookup.customer.name, "title": lookup.customer.title}
        full = self.count >= self._settings.live.max_calls
        talk = LiveTalk(secrets.token_hex(6), event.key, agent, queue.name, facts)
        self._talks[place] = self._ids[talk.id] = talk
        self._find_pop(talk)
        if full:
            self._state(talk, "busy")
            return
        talk.channel = self._channels.get((event.key.node, agent), "")
        self._state(talk, "opening")
        self._open(talk)

    def _hold(self, event: CallEvent, *, on: bool) -> None:
        for talk in self._talks.values():
            if talk.key == event.key and (not event.agent or talk.agent == event.agent):
                talk.held = on
                if talk.worker is not None:
                    talk.worker.send({"op": "hold", "call": talk.id, "on": on})

    # ---- opening and closing ---------------------------------------------------------------------

    def _open(self, talk: LiveTalk) -> None:
        """Begin to listen, if everything that it takes is there and nothing is under way."""
        legs = self._nodes[talk.key.node].legs
        worker = min(
            (w for w in self.workers if w.up),
            key=lambda w: sum(t.worker is w for t in self._talks.values()),
            default=None,
        )
        if not talk.channel or talk.task is not None or talk.name or talk.ended or talk.state == "busy":
            return
        if legs is None or worker is None:
            self._state(talk, "retrying" if talk.failures else "opening")
            return
        talk.worker = worker
        talk.task = asyncio.get_running_loop().create_task(
            self._opening(talk, legs, worker), name="live-open"
        )

    async def _opening(self, talk: LiveTalk, legs: Legs, worker: LiveProcess) -> None:
        """Not cancelled when the call ends meanwhile: what is being made must be known to be taken away."""
        talk.name, done = legs.name(), False
        talk.opening(self._service.now())
        try:
            opened = await legs.open(talk.name, talk.channel)
            order = {"op": "open", "call": talk.id, "legs": dict(opened.urls), "facts": talk.facts}
            if not talk.ended and worker.send({**order, "held": talk.held}):
                await legs.join(talk.name)
                done = True
        except LaidianError as e:
            if not talk.ended:
                _log.warning("live audio not opened", linkedid=talk.key.linkedid, why=str(e))
        finally:
            talk.task = None
        if talk.ended or talk.lost or not done:
            await self._close(talk, legs)
            self._again(talk)

    async def _close(self, talk: LiveTalk, legs: Legs | None) -> None:
        if talk.worker is not None:
            talk.worker.send({"op": "close", "call": talk.id})
        await self._take_away(talk, legs)

    async def _take_away(self, talk: LiveTalk, legs: Legs | None) -> None:
        name, talk.name = talk.name, ""
        if name and legs is not None:
            await legs.close(name)

    def _again(self, talk: LiveTalk) -> None:
        """Try again after a while; the card says so once."""
        if talk.ended or self._stopping:
            return
        pause = AGAIN_S[min(talk.failures, len(AGAIN_S) - 1)]
        talk.failures += 1
        for message in talk.interrupted():
            self._push(talk, message)
        self._state(talk, "retrying")
        asyncio.get_running_loop().call_later(pause, self._open, talk)

    def _lost(self, talk: LiveTalk) -> None:
        """The sound or the listening process is gone; a talk that is being opened looks at it afterwards."""
        talk.lost = True
        if talk.task is not None or talk.ended or not talk.name:
            return
        self._later(self._close(talk, self._nodes[talk.key.node].legs))
        self._again(talk)

    def _end(self, talk: LiveTalk) -> None:
        """The agent's talk is over; the last words may still come for a moment."""
        if talk.ended:
            return
        talk.ended = True
        self._talks.pop((talk.key, talk.agent), None)
        if talk.worker is not None:
            if not talk.worker.send({"op": "close", "call": talk.id}):
                self._ids.pop(talk.id, None)
        else:
            self._ids.pop(talk.id, None)
        if talk.task is None:
            self._later(self._take_away(talk, self._nodes[talk.key.node].legs))
        self._state(talk, "off")

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, name="live-close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _names(self, node: str) -> list[str]:
        return [t.name for t in self._ids.values() if t.name and t.key.node == node]

    def _node_up(self, node: str, up: bool) -> None:
        for talk in [t for t in self._talks.values() if t.key.node == node]:
            if up:
                self._open(talk)
            elif not talk.name:
                self._state(talk, "retrying")

    def _worker_up(self, number: int, up: bool) -> None:
        worker = self.workers[number]
        for talk in list(self._talks.values()):
            if up:
                self._open(talk)
            elif talk.worker is worker:
                talk.worker = None
                self._lost(talk)
        if not up:
            for id in [i for i, t in self._ids.items() if t.ended and t.worker is worker]:
                del self._ids[id]

    # ---- what the listening process says ---------------------------------------------------------

    def _said(self, worker: LiveProcess, event: dict[str, Any]) -> None:
        match event["ev"]:
            case "ready" | "load":
                for talk in self._talks.values():
                    if talk.worker is worker:
                        self._listening(talk)
                return
            case "closed":
                if (over := self._ids.get(event["call"])) is not None and over.ended:
                    del self._ids[over.id]
                return
        talk_ = self._ids.get(event["call"])
        if talk_ is None:
            return
        match event["ev"]:
            case "text":
                self._push(talk_, talk_.text(event))
            case "hint":
                self._hint(talk_, event)
            case "leg":
                self._leg(talk_, event)

    def _leg(self, talk: LiveTalk, event: dict[str, Any]) -> None:
        if event["state"] == "lost":
            self._lost(talk)
            return
        talk.legs_on.add(event["leg"])
        self._listening(talk)

    def _listening(self, talk: LiveTalk) -> None:
        """Both legs are heard; what that is worth is known once the worker has looked for its model."""
        if len(talk.legs_on) < 2 or talk.worker is None or talk.ended or "reads" not in talk.worker.info:
            return
        talk.failures = 0
        self._state(talk, _doing(talk.worker))

    def _hint(self, talk: LiveTalk, event: dict[str, Any]) -> None:
        now = self._service.now()
        due = event["due"]
        due_at = None if due is None else now + timedelta(milliseconds=due - event["now"])
        self._push(talk, talk.hint(event, due_at))
        if event["kind"] == "forbidden" and not event["gone"]:
            self._flag(talk, event, now - timedelta(milliseconds=max(0, event["now"] - event["at"])))

    def _flag(self, talk: LiveTalk, event: dict[str, Any], at: datetime) -> None:
        flag = LiveFlag(
            flag=secrets.token_hex(8),
            at=at,
            agent=talk.agent,
            queue=talk.queue,
            rule=event["rule"],
            title=event["title"],
            heard=mask_text(event["heard"]),
            sure=event["sure"],
        )
        record = flag.model_dump(mode="json", exclude={"type", "flag"}) | {"id": flag.flag}
        where = {"node": talk.key.node, "linkedid": talk.key.linkedid, "pop_id": talk.pop}
        try:
            self._ledger.add({"op": "live_flag", "set": record | where})
        except Unavailable as e:
            _log.error("a flag is not kept", rule=flag.rule, why=str(e))
        self._service.on_flag(talk.key, flag)
        text = wire.encode(flag)
        for member in self._service.hub.members():
            if member.who.has(*FLAG_ROLES):
                self._service.hub.put(member, text)

    # ---- pages -----------------------------------------------------------------------------------

    def joined(self, member: Member) -> None:
        """A page has signed in: it gets what there is of its talks."""
        for talk in [t for t in self._talks.values() if member.agent and t.agent == member.agent]:
            self._find_pop(talk)
            for text in talk.everything():
                self._service.hub.put(member, text)

    def _state(self, talk: LiveTalk, state: LiveStateName) -> None:
        if state == talk.state and state != "opening":
            return
        talk.state = state
        self._push(talk, talk.told())

    def _push(self, talk: LiveTalk, message: wire.Wire) -> None:
        if not talk.pop:
            self._find_pop(talk)
        if talk.pop:
            text = wire.encode(message.model_copy(update={"id": talk.pop}))
            self._service.hub.to_agent(talk.agent, lambda _: text)

    def _find_pop(self, talk: LiveTalk) -> None:
        pops = self._service.book.pops_of(talk.key)
        talk.pop = next((p.id for p in pops if p.agent == talk.agent), talk.pop)


def _doing(worker: LiveProcess) -> LiveStateName:
    if worker.info.get("reads") is False:
        return "silence_only"
    return "finals_only" if worker.info.get("finals_only") else "on"
