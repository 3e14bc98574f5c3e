"""What the rules are told of a recorded call besides its sound, out of the row of its recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cti.config import Settings
from cti.quality.transcript import CallFacts, Leg, Role, Speech, Transcript
from cti.store.repos.quality import Around

DRIFT_SHARE, DRIFT_LEAST_S = 0.02, 0.5
_BY: Mapping[str, Role] = {"agent": "agent", "caller": "caller"}


def drift_of(row: Mapping[Any, Any], file_s: float | None) -> float | None:
    """Share by which the files are longer (or shorter) than the talk; None where one is not known."""
    talk = row["bridge_s"]
    if talk is None and row["ended_at"] is not None and row["state"] != "lost":
        talk = (row["ended_at"] - row["started_at"]).total_seconds()
    return round((file_s - talk) / talk, 4) if talk and file_s is not None else None


def trusted(row: Mapping[Any, Any], drift: float | None) -> bool:
    """Whether times in the files are times of the call: drift of at most 2 % or half a second."""
    if drift is None:
        return str(row["state"]) != "lost"
    least = DRIFT_LEAST_S / max(0.1, float(row["bridge_s"] or 1.0))
    return abs(drift) <= max(DRIFT_SHARE, least)


def facts_of(row: Mapping[Any, Any], known: Around, settings: Settings, *, file_s: float | None) -> CallFacts:
    """The facts of one recording."""
    queue = next((q for q in settings.queues if q.name == row["queue"]), None)
    silent = sorted([*row["holds"], *row["pauses"]])
    return CallFacts(
        id=row["id"],
        company=settings.company,
        station=queue.station if queue is not None else "",
        direction=row["direction"] or "inbound",
        purpose=known.purpose,
        desk=queue.desk if queue is not None else "hotline",
        hangup_by=_BY.get(row["hung_up_by"]),
        customer=known.customer if known.confirmed else "",
        title=known.title if known.confirmed else "",
        agent=known.agent_name,
        holds=tuple((int(a), int(b)) for a, b in silent),
        timing_trusted=trusted(row, drift_of(row, file_s)),
    )


def with_pauses(transcript: Transcript, pauses: list[list[int]]) -> Transcript:
    """What the agent said while nothing was recorded is not known: it counts as not transcribed."""
    if not pauses:
        return transcript
    leg = transcript.agent
    speech = [*leg.speech, *(Speech(int(a), int(b), 0.0) for a, b in pauses)]
    agent: Leg = replace(leg, speech=tuple(sorted(speech, key=lambda s: s.t0)))
    return replace(transcript, agent=agent)
