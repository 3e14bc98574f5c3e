"""From the settings and the abcd scheme to what is planned of visits, calls and greetings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

from cti.config import OutreachSettings, Settings
from cti.domain.festivals import Festival, own
from cti.domain.visits import Rhythm, calls_of, visits_of
from cti.schemes import load_schemes

SCHEME = "abcd"


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in this installation; rhythms by tier of the abcd scheme."""

    zone: tzinfo
    company: str
    visits: Mapping[str, Rhythm]
    calls: Mapping[str, Rhythm]
    festivals: tuple[Festival, ...]
    own: OutreachSettings


def outreach_rules(settings: Settings) -> Rules:
    """The rules of the settings; ConfigError where the scheme cannot be read."""
    tiers, mine = settings.tiers, settings.outreach
    (scheme,) = load_schemes((SCHEME,), tiers.files, tiers.parameters)
    planned = [t for t in scheme.tiers if t.id in mine.visit_tiers]
    return Rules(
        zone=ZoneInfo(settings.timezone),
        company=settings.company,
        visits={t.id: visits_of(t.benefits) for t in planned},
        calls={t.id: calls_of(t.benefits) for t in planned},
        festivals=own(mine.festivals),
        own=mine,
    )
