"""Who is connected, and what goes to whom.

One `Member` per WebSocket, each with a bounded queue. A member whose queue is full is told to go: a
browser that does not read must cost neither memory nor the others' time. What several members get is
serialised once per kind of viewer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from screenpop import wire
from screenpop.auth import Principal

MAX_PER_USER = 20


class Member:
    """One connected page. `masked` tells whether numbers are hidden from it."""

    def __init__(self, who: Principal, *, masked: bool, limit: int, token_hash: str = "") -> None:
        self.who = who
        self.masked = masked
        self.token_hash = token_hash  # to be told when it is signed out
        self.close_code: int | None = None
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(limit + 1)
        self._limit = limit
        self.gone = asyncio.Event()

    @property
    def agent(self) -> str:
        return self.who.agent

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def put(self, text: str) -> bool:
        """Queue a message; False when the member is (or has now been) told to go."""
        if self.close_code is not None:
            return False
        if self._queue.qsize() >= self._limit:
            self.dismiss(wire.TOO_SLOW)
            return False
        self._queue.put_nowait(text)
        return True

    def dismiss(self, code: int) -> None:
        """Tell it to close with this code; the first one counts."""
        if self.close_code is None:
            self.close_code = code
            self.gone.set()
            self._queue.put_nowait(None)

    async def next(self) -> str | None:
        """The next message to send; None: close now."""
        text = await self._queue.get()
        return None if self.close_code == wire.TOO_SLOW else text


class Hub:
    """All members, by agent."""

    def __init__(self) -> None:
        self._members: set[Member] = set()
        self._agents: dict[str, set[Member]] = {}
        self._users: dict[int, int] = {}
        self.slow = 0  # closed because they did not read

    def __len__(self) -> int:
        return len(self._members)

    def agents(self) -> int:
        """How many agents have a page open."""
        return len(self._agents)

    def members(self) -> Iterator[Member]:
        return iter(list(self._members))

    def join(self, member: Member) -> bool:
        """False when this user has too many pages open already."""
        if self._users.get(member.who.user_id, 0) >= MAX_PER_USER:
            return False
        self._members.add(member)
        self._users[member.who.user_id] = self._users.get(member.who.user_id, 0) + 1
        if member.agent:
            self._agents.setdefault(member.agent, set()).add(member)
        return True

    def leave(self, member: Member) -> None:
        if member not in self._members:
            return
        self._members.discard(member)
        left = self._users.get(member.who.user_id, 1) - 1
        if left:
            self._users[member.who.user_id] = left
        else:
            self._users.pop(member.who.user_id, None)
        mine = self._agents.get(member.agent)
        if mine is not None:
            mine.discard(member)
            if not mine:
                del self._agents[member.agent]

    def to_agent(self, agent: str, render: Callable[[bool], str]) -> int:
        """Send to all pages of one agent; `render(masked)` is called once per kind of viewer.

        Returns how many pages took it.
        """
        texts: dict[bool, str] = {}
        count = 0
        for member in list(self._agents.get(agent, ())):
            if member.masked not in texts:
                texts[member.masked] = render(member.masked)
            count += self.put(member, texts[member.masked])
        return count

    def has(self, agent: str) -> bool:
        """Whether the agent has a page open."""
        return agent in self._agents

    def dismiss(self, matches: Callable[[Member], bool], code: int) -> None:
        """Tell those that match to go (signed out, expired)."""
        for member in list(self._members):
            if matches(member):
                member.dismiss(code)

    def dismiss_all(self, code: int) -> None:
        for member in list(self._members):
            member.dismiss(code)

    def put(self, member: Member, text: str) -> bool:
        """Send to one page; False when it has been told to go."""
        if member.put(text):
            return True
        if member.close_code == wire.TOO_SLOW and member in self._members:
            self.slow += 1
            self.leave(member)
        return False
