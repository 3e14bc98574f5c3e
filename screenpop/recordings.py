"""Recordings of the hotline while they go on: what the PBX says of them goes through the journal into the
store, and an agent's page can stop the recording for as long as payment data are spoken.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cti.ami.message import Message
from cti.ami.recordings import MAX_ENDED, Open, RecordingWatch, Step, StepKind
from cti.config import Settings
from cti.domain.call import CallEvent, CallEventKind, CallKey
from cti.domain.phone import Plan, parse
from cti.errors import StateError, Unavailable
from cti.obs import get_logger
from cti.store.repos.recordings import chosen, recording_id
from screenpop.ledger import LedgerWriter

_log = get_logger("recordings")
MAX_ANSWERED = 2_000
Mute = Callable[[str, str, bool], Awaitable[None]]  # node, channel, whether nothing is to be recorded


@dataclass(slots=True)
class _Live:
    """A recording that goes on. `since`: paused from then on."""

    node: str
    open: Open
    key: CallKey
    agent: str
    since: datetime | None = None
    aside: bool = False  # the agent consults a colleague


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows: whether the call is recorded, and since when that is paused."""

    recording: bool
    since: datetime | None = None


@dataclass(slots=True)
class Recordings:
    """One per service. Listens beside the trackers, and to the call events that they tell (`hear`)."""

    settings: Settings
    ledger: LedgerWriter
    plan: Plan
    mute: Mute
    lost: int = 0  # steps that the journal did not take
    _watches: dict[str, RecordingWatch] = field(default_factory=dict)
    _live: dict[tuple[str, str], _Live] = field(default_factory=dict)
    _answered: dict[tuple[CallKey, str], CallEvent] = field(default_factory=dict)
    _ended: dict[tuple[CallKey, str], str] = field(default_factory=dict)  # just now, by call and agent

    def restore(self, rows: Iterable[Mapping[Any, Any]]) -> None:
        """After a restart: the recordings that the store says go on."""
        for row in rows:
            one = Open(row["uniqueid"], row["linkedid"], row["channel"], row["agent"], bridged=True)
            self._watch(row["node"]).known([one])
            live = _Live(row["node"], one, CallKey(row["node"], row["linkedid"]), row["agent"])
            live.since = _still_paused(row["witnesses"])
            self._live[row["node"], row["uniqueid"]] = live

    # ---- what the PBX says ---------------------------------------------------------------------

    def messages(self, node: str, batch: Sequence[Message], received: datetime) -> None:
        """Messages of a node, before its tracker gets them."""
        watch = self._watch(node)
        for message in batch:
            for step in watch.hear(message, received):
                self._take(node, step)

    def resync(self, node: str, channels: Sequence[Message], at: datetime) -> None:
        """The connection was away: what has ended meanwhile."""
        for step in self._watch(node).resynced(channels, at):
            self._take(node, step)

    def hear(self, event: CallEvent) -> None:
        """Who talks with whom, and through which queue, is the tracker's to say."""
        if event.kind is CallEventKind.TRANSFERRED:
            self._gave(event)
        if event.kind is not CallEventKind.ANSWERED or not event.agent:
            return
        mine = [x for x in self._live.values() if x.node == event.key.node and x.agent == event.agent]
        self._answered[event.key, event.agent] = event
        while len(self._answered) > MAX_ANSWERED:
            del self._answered[next(iter(self._answered))]
        live = next((x for x in mine if x.key == event.key), mine[-1] if mine else None)
        if live is not None:
            self._tell_about(live, event)

    def _gave(self, event: CallEvent) -> None:
        """An agent who leaves a three-way call has given it away: that is known when the phone is gone."""
        uniqueid = self._ended.pop((event.key, event.agent), "")
        if uniqueid and self._of(event.key, event.agent) is None:
            self._add(event.key.node, uniqueid, StepKind.TRANSFER.value, event.at)

    def _tell_about(self, live: _Live, event: CallEvent) -> None:
        live.key = event.key
        number = parse(event.far_number, self.plan)
        self._add(
            live.node,
            live.open.uniqueid,
            "about",
            event.at,
            linkedid=event.key.linkedid,
            queue=event.queue,
            direction=event.direction.value,
            number_key=number.key or "",
            number_display=number.display,
        )

    def _watch(self, node: str) -> RecordingWatch:
        if node not in self._watches:
            self._watches[node] = RecordingWatch(self.settings.roster())
        return self._watches[node]

    def _take(self, node: str, step: Step) -> None:
        more: dict[str, Any] = {}
        if step.kind is StepKind.START:
            one = Open(step.uniqueid, step.linkedid, step.channel, step.agent)
            key = CallKey(node, step.linkedid)
            live = self._live[node, step.uniqueid] = _Live(node, one, key, step.agent)
            event = self._answered.get((key, step.agent))
        else:
            live, event = None, None
        if step.kind in (StepKind.START, StepKind.END):
            more = {"linkedid": step.linkedid, "channel": step.channel, "agent": step.agent}
        if step.kind in (StepKind.END, StepKind.LOST):
            ended = self._live.pop((node, step.uniqueid), None)
            if ended is not None:
                self._ended[ended.key, ended.agent] = step.uniqueid
                while len(self._ended) > MAX_ENDED:
                    del self._ended[next(iter(self._ended))]
            more["job"] = self._job(node, step.uniqueid)
        if step.outbound:
            more["outbound"] = True
        if step.who:
            more["who"] = step.who
        self._add(node, step.uniqueid, step.kind.value, step.at, **more)
        if live is not None and event is not None:
            self._tell_about(live, event)  # asked for advice first: the caller is the agent's only now

    def _job(self, node: str, uniqueid: str) -> str:
        """Whether the call is scored by itself; the others wait until it is a complaint, or asked for."""
        quality = self.settings.quality
        if quality.calls == "all":
            return "queued"
        sampled = quality.calls == "sample" and chosen(recording_id(node, uniqueid), quality.sample_share)
        return "queued" if sampled else "waiting"

    # ---- what an agent does --------------------------------------------------------------------

    def shown(self, key: CallKey, agent: str) -> Shown:
        """How it is with an agent's part of a call."""
        live = self._of(key, agent)
        return Shown(False) if live is None else Shown(True, live.since)

    async def pause(self, key: CallKey, agent: str, paused: bool, now: datetime) -> Shown:
        """Record nothing from now on, or record again.

        Raises StateError where the call is not recorded, Unavailable where the PBX is away.
        """
        live = self._of(key, agent)
        if live is None:
            raise StateError("this call is not recorded")
        if (live.since is not None) == paused:
            return Shown(True, live.since)
        await self.mute(live.node, live.open.channel, paused)
        live.since = now if paused else None
        self._add(live.node, live.open.uniqueid, "pause" if paused else "unpause", now)
        await self.ledger.kept()
        return Shown(True, live.since)

    async def aside(self, key: CallKey, agent: str, aside: bool, now: datetime) -> None:
        """A consultation begins or ends: it is not part of the customer's recording.

        Raises Unavailable or Refused where the PBX does not take it; a call that is not recorded is nothing.
        """
        live = self._of(key, agent)
        if live is None or live.aside == aside:
            return
        live.aside = aside
        if live.since is not None:
            return  # paused for payment data, and stays so
        await self.mute(live.node, live.open.channel, aside)
        self._add(live.node, live.open.uniqueid, "pause" if aside else "unpause", now)

    def pressed(self, key: CallKey, agent: str, at: datetime) -> None:
        """The agent ordered the end of the talk: no witness can be surer."""
        live = self._of(key, agent)
        if live is not None:
            self._add(live.node, live.open.uniqueid, "pressed", at, who="agent")

    def _of(self, key: CallKey, agent: str) -> _Live | None:
        return next((x for x in self._live.values() if x.key == key and x.agent == agent), None)

    def _add(self, node: str, uniqueid: str, kind: str, at: datetime, **more: Any) -> None:
        record = {"op": "recording", "node": node, "uniqueid": uniqueid, "kind": kind, "at": at.isoformat()}
        try:
            self.ledger.add({**record, **more})
        except Unavailable as e:
            self.lost += 1
            _log.error("a step of a recording is not kept", kind=kind, why=str(e), lost=self.lost)


def _still_paused(witnesses: Mapping[str, Any]) -> datetime | None:
    since = None
    for kind, at, _ in witnesses.get("steps", ()):
        if kind == "pause":
            since = datetime.fromisoformat(at)
        elif kind == "unpause":
            since = None
    return since
