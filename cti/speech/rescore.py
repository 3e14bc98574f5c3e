"""Every stored call scored again from its transcript: one more score each, none is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from cti.quality.rules import RuleSet
from cti.quality.score import score
from cti.quality.stored import fatal_of, rules_of, verdicts_of
from cti.quality.transcript import from_json
from cti.store.db import Database
from cti.store.repos import quality
from cti.store.tables_quality import transcripts

BATCH = 100


@dataclass(frozen=True, slots=True)
class Rescored:
    """How many transcripts there are, and how many had no score by these rules yet."""

    calls: int
    scored: int


def score_of(kept: RowMapping, rules: RuleSet) -> quality.NewScore:
    """The score of a stored transcript, ready to be kept."""
    sheet = score(from_json(kept["body"]), rules)
    return quality.NewScore(
        kept["recording_id"],
        kept["id"],
        kept["engine"],
        sheet.rules_version,
        sheet.value,
        sheet.decided,
        fatal_of(sheet),
        verdicts_of(sheet),
        rules_of(rules),
    )


def rescore(db: Database, rules: RuleSet, *, low: float) -> Rescored:
    """Score what has no score by these rules; may be broken off and run again."""
    calls = scored = last = 0
    while True:
        query = sa.select(transcripts).where(transcripts.c.id > last).order_by(transcripts.c.id).limit(BATCH)
        with db.begin(write=False) as conn:
            rows = conn.execute(query).mappings().all()
        if not rows:
            return Rescored(calls, scored)
        for row in rows:
            new = score_of(row, rules)
            with db.begin() as conn:
                scored += quality.save_score(conn, new, datetime.now(UTC), low=low)
            calls += 1
            last = row["id"]
