"""What the handlers work with, built once by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cti.config import Settings
from cti.domain import phone
from cti.domain.complaint_clock import Deadlines
from cti.store.db import Database
from cti.store.outreach_rules import Rules
from cti.store.repos.tiering import Plan
from screenpop.auth import Gate, Principal
from screenpop.control.control import Control
from screenpop.dial import Dialer
from screenpop.finder import StoreFinder
from screenpop.freshen import Freshen, news_of
from screenpop.imports import Imports
from screenpop.integrations import Integrations
from screenpop.ledger import LedgerWriter
from screenpop.listening import Listening
from screenpop.phone.relay import PhoneRelay
from screenpop.recordings import Recordings
from screenpop.refresh import Refresh
from screenpop.service import Service
from screenpop.wall_room import WallRoom


@dataclass(frozen=True, slots=True)
class TierLabel:
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a running service."""

    settings: Settings
    db: Database
    gate: Gate
    service: Service
    finder: StoreFinder
    ledger: LedgerWriter
    plan: phone.Plan
    now: Callable[[], datetime]
    integrations: Integrations
    scheme: str = ""
    tiers: tuple[TierLabel, ...] = ()
    expects_pbx: bool = field(default=True)  # readiness needs at least one node
    recordings: Recordings | None = None
    control: Control | None = None
    tier_plan: Plan | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    refresh: Refresh | None = None
    freshen: Freshen | None = None
    imports: Imports | None = None
    dialer: Dialer | None = None
    outreach: Rules | None = None
    wall: WallRoom | None = None
    relay: PhoneRelay | None = None
    listening: Listening | None = None

    def told(self, **of: Any) -> None:
        """Open pops that show something of this follow: the keywords of `news_of`."""
        if self.freshen is not None:
            self.freshen.told(news_of(**of))

    def masked(self, who: Principal) -> bool:
        """Whether numbers are hidden from this person."""
        seen = set(self.settings.web.unmasked_roles).intersection(who.roles)
        return not seen and "numbers:read" not in who.scopes
