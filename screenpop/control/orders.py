"""Commands that were given: each id once, the latest of them remembered. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cti.ami.moves import ALLOWED, Command
from cti.ami.situation import Situation
from cti.domain.call import CallKey
from screenpop.control import words

MAX_KNOWN = 20_000
PENDING, DONE, FAILED = "pending", "done", "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """One command; `situation` is the one it was given in."""

    id: str
    pop_id: str
    key: CallKey
    agent: str
    username: str
    command: Command
    target: str
    situation: Situation
    asked_at: datetime
    state: str = PENDING
    code: str = ""
    done_at: datetime | None = None

    @property
    def message(self) -> str:
        """The sentence for the agent."""
        return words.outcome(self.command, self.state, self.code, self.situation)

    def same(self, other: Order) -> bool:
        """Whether it is the same command given again."""
        return (self.pop_id, self.agent, self.command, self.target) == (
            other.pop_id,
            other.agent,
            other.command,
            other.target,
        )

    def reached(self, situation: Situation) -> bool:
        """Whether what was ordered is so."""
        return situation in ALLOWED.get((self.situation, self.command), frozenset())

    def ended(self, at: datetime, code: str = "") -> Order:
        """Done, or failed with a code of words.FAULTS."""
        return replace(self, state=FAILED if code else DONE, code=code, done_at=at)

    def record(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "op": "command",
            "id": self.id,
            "pop_id": self.pop_id,
            "node": self.key.node,
            "linkedid": self.key.linkedid,
            "agent": self.agent,
            "username": self.username,
            "command": self.command.value,
            "target": self.target,
            "situation": self.situation.value,
            "state": self.state,
            "code": self.code,
            "asked_at": self.asked_at.isoformat(),
            "done_at": self.done_at.isoformat() if self.done_at is not None else None,
        }


def order_from(row: Mapping[Any, Any]) -> Order:
    """A row of call_commands. Raises ValueError for one of another version."""
    return Order(
        row["id"],
        row["pop_id"],
        CallKey(row["node"], row["linkedid"]),
        row["agent"],
        row["username"],
        Command(row["command"]),
        row["target"],
        Situation(row["situation"]),
        row["asked_at"],
        row["state"],
        row["code"],
        row["done_at"],
    )


class Orders:
    """All orders that may still be asked for, by id; the oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._known: dict[str, Order] = {}
        self._pending: dict[str, Order] = {}  # by pop: one at a time

    def restore(self, orders: Iterable[Order]) -> list[Order]:
        """After a restart; returns those whose end nobody knows."""
        for order in orders:
            self.put(order)
        return list(self._pending.values())

    def get(self, id: str) -> Order | None:
        return self._known.get(id)

    def pending(self, pop_id: str) -> Order | None:
        """What is under way for a pop."""
        return self._pending.get(pop_id)

    def all_pending(self) -> list[Order]:
        return list(self._pending.values())

    def put(self, order: Order) -> None:
        """Remember it as it now is."""
        self._known.pop(order.id, None)
        self._known[order.id] = order
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        if order.state == PENDING:
            self._pending[order.pop_id] = order
        elif self._pending.get(order.pop_id, order).id == order.id:
            self._pending.pop(order.pop_id, None)
