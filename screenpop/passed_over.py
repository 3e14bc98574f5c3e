"""Agents who are rung last for a while, because they have just rejected a call.

Their penalty in the queues is raised (AMI QueuePenalty): a member with a higher penalty is rung only when
none with a lower one is free. That leaves the agent a member like any other, rings nobody in vain, and needs
no further channel. Pausing would take the agent away also where nobody else is left; a Local member that
refuses by itself would cost two channels and a false "no answer" for each refusal. It counts for all callers
alike: who has rejected one call is not ready for the next either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from cti.ami.client import AmiClient
from cti.config import Settings
from cti.domain.call import CallEvent, OfferEnd
from cti.domain.routing import LAST_CHOICE
from cti.errors import LaidianError, Refused
from cti.obs import get_logger

_log = get_logger("passed_over")

_NOT_TAKEN = frozenset({OfferEnd.REJECTED, OfferEnd.NO_ANSWER, OfferEnd.FAILED})


class PassedOver:
    """Raises penalties and gives them back. `clients` are the nodes that are connected."""

    def __init__(self, settings: Settings, clients: Callable[[], Iterable[AmiClient]]) -> None:
        self._seconds = settings.routing.rejected_s
        self._clients = clients
        self._penalty = {a.number: a.penalty for a in settings.agents}
        self._roster = settings.roster()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def agents(self) -> frozenset[str]:
        """Who is passed over now."""
        return frozenset(self._timers)

    def hear(self, event: CallEvent, *, waits: bool) -> None:
        """An offer has ended; `waits`: it was made while the caller stood in a queue.

        One made outside a queue counts also when it just was not taken: the dialplan has then raised the
        penalty itself, before the caller went on to the queue.
        """
        wanted = event.reason == OfferEnd.REJECTED or (not waits and event.reason in _NOT_TAKEN)
        agent = event.agent
        if not wanted or not self._seconds or agent not in self._penalty or event.recovered:
            return
        if (before := self._timers.pop(agent, None)) is not None:
            before.cancel()
        loop = asyncio.get_running_loop()
        self._timers[agent] = loop.call_later(self._seconds, self._over, agent)
        self._begin(agent, self._penalty[agent] + LAST_CHOICE)

    async def mend(self, client: AmiClient) -> None:
        """Give back what an earlier run has left raised on this node."""
        try:
            reply = await client.send({"Action": "QueueStatus"}, listing=True)
        except LaidianError as e:
            _log.info("penalties not looked at", node=client.node.name, why=str(e))
            return
        for member in reply.items:
            agent = self._roster.agent_of(member.get("Location"))
            raised = member.get("Penalty", "")
            if not agent or agent in self._timers or not raised.isdigit() or int(raised) < LAST_CHOICE:
                continue
            await _penalty(client, member.get("Location"), self._penalty[agent], member.get("Queue"))

    async def stop(self) -> None:
        """End at once, and let everybody be rung as before where that can be told in time."""
        for timer in self._timers.values():
            timer.cancel()
        agents, self._timers = list(self._timers), {}
        for task in self._tasks:
            task.cancel()
        back = (self._tell(a, self._penalty[a]) for a in agents)
        await asyncio.gather(*self._tasks, *back, return_exceptions=True)

    def _over(self, agent: str) -> None:
        self._timers.pop(agent, None)
        self._begin(agent, self._penalty[agent])

    def _begin(self, agent: str, penalty: int) -> None:
        self._keep(asyncio.get_running_loop().create_task(self._tell(agent, penalty)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, agent: str, penalty: int) -> None:
        mine = [i for i, a in self._roster.interfaces.items() if a == agent]
        work = [partial(_penalty, client, i, penalty) for client in self._clients() for i in mine]
        await asyncio.gather(*(one() for one in work))


async def _penalty(client: AmiClient, interface: str, penalty: int, queue: str = "") -> None:
    """In one queue, or in all that the interface is a member of; in none is no error."""
    where = {"Queue": queue} if queue else {}
    try:
        await client.send(
            {"Action": "QueuePenalty", "Interface": interface, "Penalty": str(penalty), **where}
        )
    except Refused:
        pass  # this interface is in no queue: the agent's other one is
    except LaidianError as e:
        _log.info("penalty not told", node=client.node.name, why=str(e))
