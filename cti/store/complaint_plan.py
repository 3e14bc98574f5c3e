"""From the settings and the tier schemes to the deadlines of complaints."""

from __future__ import annotations

from collections.abc import Iterable

from cti.config import Settings
from cti.domain.complaint import ANSWER_HOURS
from cti.domain.complaint_clock import Deadlines
from cti.domain.tiers import Scheme


def deadlines_of(settings: Settings, schemes: Iterable[Scheme]) -> Deadlines:
    """What holds in this installation; tiers of schemes that are not among `schemes` change nothing."""
    own = settings.complaints
    return Deadlines(
        hours={**ANSWER_HOURS, **own.hours},
        factors=own.tier_factors,
        priorities={(s.name, t.id): t.benefits.priority for s in schemes for t in s.tiers},
        escalate_h=own.escalate_h,
    )
