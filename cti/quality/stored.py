"""A score sheet in the form in which it is stored and shown. Pure."""

from __future__ import annotations

from typing import Any

from cti.quality.rules import UNCONFIRMED, Rule, RuleSet
from cti.quality.score import Score


def verdicts_of(sheet: Score) -> list[dict[str, Any]]:
    """Every verdict with its evidence, plain JSON."""
    verdicts: list[dict[str, Any]] = sheet.to_json()["verdicts"]
    return verdicts


def fatal_of(sheet: Score) -> list[dict[str, Any]]:
    """Fatal faults; `proposed` ones wait for a person."""
    return [{"rule": f.rule, "proposed": f.proposed} for f in sheet.fatal]


def rules_of(rules: RuleSet) -> dict[str, dict[str, Any]]:
    """Rule → what it was when the call was scored, so that an old sheet is read as it was meant."""
    return {r.id: _rule(r) for r in rules.rules}


def _rule(r: Rule) -> dict[str, Any]:
    return {
        "title": r.title,
        "source": r.source,
        "weight": r.weight,
        "fatal": r.fatal,
        "advisory": r.weight == 0,
        "note": "" if r.confirmed else UNCONFIRMED,
    }
