"""Which caller is served first, and by whom (domain.md §2, "what a tier steers").

Pure: what is known of caller and agents goes in, one `Route` comes out. A caller of whom nothing is known,
or not yet, gets `ORDINARY`, which delays nothing and rings nobody out of turn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cti.domain.customer import Lookup, Outcome

HIGHEST = 14
"""Queue levels are 0–14, higher first."""

LAST_CHOICE = 500
"""Added to a queue member's penalty (at most 100) while others are to be rung before."""

LANGUAGES = ("语言", "方言", "语种")
"""Preferences under which a customer's language stands."""


class First(StrEnum):
    """Why an agent is rung before the queue."""

    NOBODY = ""
    REPRESENTATIVE = "representative"  # 专属客服
    LAST_AGENT = "last_agent"  # 上次接待的座席
    LANGUAGE = "language"  # 普通话/方言


@dataclass(frozen=True, slots=True)
class Rules:
    """The owner's settings (``[routing]``). Seconds of ringing before the queue follows; 0: not at all."""

    green_priority: int = 10
    representative_s: int = 15
    last_agent_s: int = 10
    last_agent_days: float = 3.0
    language_s: int = 10


@dataclass(frozen=True, slots=True)
class Caller:
    """What the look-up says of a caller."""

    tier_priority: int = 0
    green_channel: bool = False
    representative: str = ""
    language: str = ""
    last_agent: str = ""
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Agents:
    """Who could take a call now. `free` is in order of choice; `rejected` refused a call a moment ago."""

    free: Sequence[str] = ()
    rejected: Collection[str] = frozenset()
    languages: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """What is told to the PBX: the level in the queue, and who is rung before, for how many seconds."""

    priority: int = 0
    agent: str = ""
    ring_s: int = 0
    first: First = First.NOBODY


ORDINARY = Route()


def decide(caller: Caller, agents: Agents, rules: Rules, now: datetime) -> Route:
    """The route of a caller: first free of representative, last agent, agents who speak the language.

    A customer's own language goes before the last agent, who was not chosen for it; the representative knows
    the customer and goes before both. Whoever is not free, or has just rejected a call, is left out.
    """
    level = max(caller.tier_priority, rules.green_priority if caller.green_channel else 0)
    priority = min(max(level, 0), HIGHEST)
    can = [a for a in agents.free if a not in agents.rejected]
    speakers = [a for a in can if caller.language and caller.language in agents.languages.get(a, ())]
    last = caller.last_agent if _recent(caller, rules, now) else ""
    for first, agent, ring_s in (
        (First.REPRESENTATIVE, caller.representative, rules.representative_s),
        (First.LAST_AGENT, last if not speakers or last in speakers else "", rules.last_agent_s),
        (First.LANGUAGE, speakers[0] if speakers else "", rules.language_s),
    ):
        if agent in can and ring_s > 0:
            return Route(priority, agent, ring_s, first)
    return Route(priority)


def _recent(caller: Caller, rules: Rules, now: datetime) -> bool:
    return caller.last_at is not None and now - caller.last_at <= timedelta(days=rules.last_agent_days)


def caller_of(lookup: Lookup, priorities: Mapping[tuple[str, str], int]) -> Caller:
    """What a look-up by number tells; `priorities` is level by (scheme, tier).

    Only a single customer steers anything: several, or an unsure match, are ordinary.
    """
    customer = lookup.customer
    if lookup.outcome is not Outcome.ONE or customer is None:
        return Caller()
    tier = customer.tier
    spoken = (customer.preferences.get(name, "").strip() for name in LANGUAGES)
    talks = [c for c in lookup.contacts if c.channel == "call" and c.agent]
    last = max(talks, key=lambda c: c.at, default=None)
    return Caller(
        tier_priority=priorities.get((tier.scheme, tier.id), 0) if tier is not None else 0,
        green_channel=customer.green_channel,
        representative=customer.representative,
        language=next((s for s in spoken if s), ""),
        last_agent=last.agent if last is not None else "",
        last_at=last.at if last is not None else None,
    )
