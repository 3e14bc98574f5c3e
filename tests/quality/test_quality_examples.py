"""Every rule of the presets is shown by dialogues, and every dialogue gets the verdict beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cti.quality.rules import Example, Rule, load_presets
from cti.quality.score import score
from cti.quality.transcript import from_json

RULES = load_presets()
OWN = sorted((Path(__file__).parent / "calls").glob("*.json"))
SHARED = sorted((Path(__file__).resolve().parents[3] / "shared" / "calls").glob("*.json"))

CATALOGUE = {
    *(f"OPN-0{i}" for i in range(1, 5)),
    *("NAM-01", "SIL", "SIL-07", "HFR-01", "HFR-02", "AGV-01", "AGV-02", "HUP-01"),
    *(f"LOW-0{i}" for i in range(1, 5)),
    *(f"{group}-0{i}" for group in ("NOI", "DIA", "STA") for i in range(1, 4)),
    *(f"OUT-0{i}" for i in range(1, 6)),
}


def _examples() -> list[tuple[Rule, Example]]:
    return [(r, e) for r in RULES.rules for e in r.examples]


@pytest.mark.parametrize(
    ("rule", "example"), _examples(), ids=[f"{r.id}-{e.expect}-{e.line}" for r, e in _examples()]
)
def test_an_example_dialogue_gets_its_verdict(rule: Rule, example: Example) -> None:
    """The dialogue written beside a rule is judged as the file says."""
    sheet = score(from_json(example.call), RULES)
    verdict = next(v for v in sheet.verdicts if v.rule == rule.id)
    assert verdict.outcome.value == example.expect, verdict.evidence


def test_the_presets_hold_the_whole_catalogue() -> None:
    """Every rule of the service-language catalogue is there, once."""
    assert sorted(r.id for r in RULES.rules) == sorted(CATALOGUE)


def test_every_rule_has_an_example_of_passing_and_of_not_passing() -> None:
    """A rule whose examples all give the same verdict proves nothing (LOW-01 only advises)."""
    for rule in RULES.rules:
        verdicts = {e.expect for e in rule.examples}
        assert len(verdicts) > 1 or rule.weight == 0, rule.id


@pytest.mark.parametrize("file", OWN, ids=lambda f: f.stem)
def test_own_scripted_calls_get_every_listed_verdict(file: Path) -> None:
    """True turns of a scripted call written here are judged right in every listed rule."""
    _compare(file)


@pytest.mark.skipif(not SHARED, reason="../shared/calls is not on this machine")
@pytest.mark.parametrize("file", SHARED, ids=lambda f: f.stem)
def test_shared_calls_get_every_listed_verdict_from_true_turns(file: Path) -> None:
    """True turns of a shared call are judged right in every listed rule."""
    _compare(file)


def _compare(file: Path) -> None:
    call = json.loads(file.read_text(encoding="utf-8"))
    sheet = score(from_json(call), RULES)
    given = {v.rule: v.outcome.value for v in sheet.verdicts}
    assert {rule: given[rule] for rule in call["expect"]} == call["expect"]
