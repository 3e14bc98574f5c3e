"""Carries out what agents order: each command once, its outcome read from the PBX's own events.

An order is on the disk before anything of it is sent. What moves a call is sent once; when its answer is
lost the outcome is found out from what the PBX tells, never by sending again. Every order comes to an end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime

from cti.ami.fleet import Fleet
from cti.ami.moves import TARGETED, Command, Plan, Target, allowed, plan
from cti.ami.situation import GONE, Situation, View
from cti.config import Settings
from cti.domain.call import CallKey
from cti.errors import DeadlineExceeded, LaidianError, Refused, TransportError, Unavailable, UsageError
from cti.obs import get_logger
from screenpop import wire
from screenpop.control.orders import FAILED, PENDING, Order, Orders
from screenpop.control.sending import send
from screenpop.control.targets import Targets
from screenpop.ledger import LedgerWriter
from screenpop.pop import Pop
from screenpop.service import Service

_log = get_logger("control")
AFTER_S = 3.0  # after the PBX is back: what has not come about by then has not been done
LOST_S = 60.0  # longest wait for a PBX that went away in mid-command
_ASIDE = frozenset({Situation.ASKING, Situation.CONSULTING})
_UNDECIDED = frozenset({Situation.ASKING, Situation.HELD})  # rings, or the caller is on the way back

Aside = Callable[[CallKey, str, bool], Awaitable[None]]  # call, agent, whether nothing is recorded
Pressed = Callable[[CallKey, str, datetime], None]  # call, agent who hung up


class Control:
    """One per service."""

    def __init__(
        self,
        settings: Settings,
        service: Service,
        ledger: LedgerWriter,
        *,
        aside: Aside,
        pressed: Pressed,
    ) -> None:
        self.settings = settings
        self.fleet: Fleet | None = None
        self.orders = Orders()
        self.targets = Targets(settings)
        self._service = service
        self._ledger = ledger
        self._aside = aside
        self._pressed = pressed
        self._views: dict[str, View] = {}  # by pop, as last told
        self._asks: dict[str, int] = {}  # by order: consultations before it
        self._asked: dict[str, Order] = {}  # by pop: the consultation under way
        self._ends: dict[str, asyncio.Future[Order]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        service.control = self

    # what is known

    def view(self, key: CallKey, agent: str) -> View:
        """How it stands between this agent and the caller."""
        if self.fleet is None or key.node not in self.fleet.clients:
            return GONE
        return self.fleet.tracker(key.node).view(key, agent)

    def part(self, pop: Pop) -> wire.ControlPart:
        """What the page is told: the situation, and what may be ordered in it."""
        view = self.view(pop.key, pop.agent)
        if view.situation is not Situation.OVER:
            self._views.setdefault(pop.id, view)  # told: only what changes from now on is news
        return self._part(view)

    def latest(self, pops: Iterable[Pop]) -> tuple[wire.CommandState, ...]:
        """What is under way for these pops, for a page that has just come."""
        found = [self.orders.pending(pop.id) for pop in pops]
        return tuple(state(order) for order in found if order is not None)

    def _part(self, view: View) -> wire.ControlPart:
        menus = self.settings.agi.enabled
        names = tuple(c.value for c in allowed(view) if menus or c is not Command.IVR)
        return wire.ControlPart(situation=view.situation.value, colleague=view.colleague, commands=names)

    # what is ordered

    async def order(self, pop: Pop, username: str, id: str, command: Command, kind: str, to: str) -> Order:
        """Give a command; returns it at its end. The same id again returns the same order.

        Raises UsageError with a code of words.FAULTS for an id of another command.
        """
        view = self.view(pop.key, pop.agent)
        order = Order(
            id,
            pop.id,
            pop.key,
            pop.agent,
            username,
            command,
            f"{kind}:{to}" if kind else "",
            view.situation,
            self._service.now(),
        )
        known = self.orders.get(id)
        if known is not None:
            if not known.same(order):
                raise UsageError("id_reused")
            return await self._end_of(known)
        try:
            planned = self._planned(order, view, kind, to)
        except UsageError as e:
            return await self._refuse(order, str(e))
        self.orders.put(order)
        self._asks[id] = view.asks
        self._ends[id] = asyncio.get_running_loop().create_future()
        self._record(order)
        try:
            await self._ledger.kept()
        except Unavailable:
            self._finish(order, "not_kept")
            return await self._end_of(order)
        self._tell(order)
        self._spawn(self._carry_out(order, planned), f"order-{id}")
        return await self._end_of(order)

    def _planned(self, order: Order, view: View, kind: str, to: str) -> Plan:
        if self.orders.pending(order.pop_id) is not None:
            raise UsageError("busy")
        if order.command not in allowed(view):
            raise UsageError("not_now")
        target: Target | None = None
        if order.command in TARGETED:
            if not kind:
                raise UsageError("no_target")
            target = self.targets.find(kind, to, by=order.agent)
        flow = self.targets.flow(to) if order.command is Command.IVR else ""
        return plan(view, order.command, target, flow)

    async def _refuse(self, order: Order, code: str) -> Order:
        """Nothing was sent; it is written down all the same."""
        refused = replace(order, state=FAILED, code=code, done_at=order.asked_at)
        self.orders.put(refused)
        self._record(refused)
        self._tell(refused)
        return refused

    async def _end_of(self, order: Order) -> Order:
        end = self._ends.get(order.id)
        if end is not None:
            return await asyncio.shield(end)
        return self.orders.get(order.id) or order

    # how

    async def _carry_out(self, order: Order, planned: Plan) -> None:
        client = self.fleet.clients.get(order.key.node) if self.fleet is not None else None
        if self.fleet is None or client is None or not client.ready:
            self._finish(order, "pbx_away")
            return
        lost = False
        if order.command is Command.HANGUP:
            self._pressed(order.key, order.agent, order.asked_at)
            self.fleet.tracker(order.key.node).pressed(order.key.linkedid, order.agent)
        try:
            if order.command is Command.CONSULT:
                await self._aside(order.key, order.agent, True)
            await send(client, planned)
        except Refused as e:
            _log.info("a command was refused", command=order.command, why=str(e))
            self._finish(order, "pbx_refused")
            return
        except Unavailable:
            lost = True
        except (TransportError, DeadlineExceeded) as e:
            lost = True
            _log.warning("the answer to a command is lost", command=order.command, why=str(e))
        self._check(order)
        end = self._ends.get(order.id)
        if end is None:
            return
        if lost:
            await self._until_back(order)
        await asyncio.wait({end}, timeout=AFTER_S if lost else self.settings.control.deadline_s)
        self._finish(order, "lost" if lost else "no_effect")

    async def _until_back(self, order: Order) -> None:
        """The PBX went away in mid-command: what was done shows when it has told its picture again."""
        client = self.fleet.clients.get(order.key.node) if self.fleet is not None else None
        if client is not None:
            try:
                await client.wait_ready(LOST_S)
            except DeadlineExceeded:
                self._finish(order, "lost")

    def moved(self, node: str, keys: Iterable[CallKey]) -> None:
        """The tracker saw something of these calls: tell the pages, and see what has come about."""
        heard = set(keys)
        for order in self.orders.all_pending():
            if order.key in heard and order.id in self._ends:
                self._check(order)
        self._forget_closed()
        for key in heard:
            for pop in self._service.book.pops_of(key):
                self._look(pop)

    def _forget_closed(self) -> None:
        book = self._service.book
        if len(self._views) > 2 * len(book) + 64:
            self._views = {id: view for id, view in self._views.items() if book.get(id) is not None}
            self._asked = {id: order for id, order in self._asked.items() if book.get(id) is not None}

    def _look(self, pop: Pop) -> None:
        view = self.view(pop.key, pop.agent)
        before = self._views.get(pop.id)
        if before is not None and (before.asks, self._part(before)) == (view.asks, self._part(view)):
            return
        if view.situation is Situation.OVER:
            self._views.pop(pop.id, None)
        else:
            self._views[pop.id] = view
        self._consulted(pop, before, view)
        self._service.control_changed(pop)

    def _consulted(self, pop: Pop, before: View | None, view: View) -> None:
        """A consultation began or ended: it is not part of the customer's recording.

        One that was rejected at once has begun and ended between two looks: only their count tells of it.
        """
        was = before is not None and before.situation in _ASIDE
        begun = before is not None and view.asks > before.asks
        inside = view.situation in _ASIDE
        if inside and not was:
            self._spawn(self._aside(pop.key, pop.agent, True))
        elif (was or begun) and not inside and view.situation is not Situation.OVER:
            self._spawn(self._aside(pop.key, pop.agent, False))
        asked = self._asked.get(pop.id)
        if asked is None or view.situation in _UNDECIDED:
            return
        del self._asked[pop.id]
        if view.situation is Situation.TALKING and before is not None and before.situation in _UNDECIDED:
            self._tell(replace(asked, state=FAILED, code="target_failed", done_at=self._service.now()))

    def _check(self, order: Order) -> None:
        view = self.view(order.key, order.agent)
        asked = order.command is Command.CONSULT and view.asks > self._asks.get(order.id, view.asks)
        if asked and view.situation is Situation.TALKING:
            self._finish(order, "target_failed")
        elif (asked and view.situation is not Situation.HELD) or order.reached(view.situation):
            self._finish(order)

    def _finish(self, order: Order, code: str = "") -> None:
        """The end of an order; only the first counts."""
        known = self.orders.get(order.id)
        if known is None or known.state != PENDING:
            return
        ended = known.ended(self._service.now(), code)
        self.orders.put(ended)
        self._asks.pop(order.id, None)
        if order.command is Command.CONSULT and not code:
            self._asked[order.pop_id] = ended
        elif order.command is Command.CANCEL and not code:
            self._asked.pop(order.pop_id, None)
        self._record(ended)
        self._tell(ended)
        end = self._ends.pop(order.id, None)
        if end is not None and not end.done():
            end.set_result(ended)

    # after a restart, or a gap

    def restore(self, orders: Iterable[Order]) -> None:
        """Orders of the last hour; those without an end are found out about when the PBX has told."""
        loop = asyncio.get_running_loop()
        for order in self.orders.restore(orders):
            self._ends[order.id] = loop.create_future()

    def resynced(self, node: str) -> None:
        """The node has told all it knows: orders of an earlier run are done by now, or never."""
        for pop in self._service.book.everything():
            if pop.key.node == node:
                self._look(pop)
        for order in self.orders.all_pending():
            running = any(task.get_name() == f"order-{order.id}" for task in self._tasks)
            if order.key.node == node and not running:
                self._check(order)
                self._finish(order, "restarted")

    async def stop(self) -> None:
        """Leave what is under way: the next run finds out about it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in self._ends.values():
            if not end.done():
                end.cancel()

    def _record(self, order: Order) -> None:
        try:
            self._ledger.add(order.record())
        except LaidianError as e:
            _log.error("a command is not recorded", command=order.command, why=str(e))

    def _tell(self, order: Order) -> None:
        text = wire.encode(state(order))
        self._service.hub.to_agent(order.agent, lambda _: text)

    def _spawn(self, work: Awaitable[None], name: str = "control") -> None:
        async def guarded() -> None:
            try:
                await work
            except LaidianError as e:
                _log.warning("call control", why=str(e))

        task = asyncio.get_running_loop().create_task(guarded(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def state(order: Order) -> wire.CommandState:
    """The message about an order."""
    return wire.CommandState(
        id=order.id,
        pop_id=order.pop_id,
        command=order.command.value,
        target=order.target,
        state=order.state,
        code=order.code,
        message=order.message,
        at=order.done_at or order.asked_at,
    )
