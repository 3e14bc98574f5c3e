"""Every rule of a set judged on one call: verdicts with evidence, and the sheet they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cti.quality.context import Context, prepare
from cti.quality.logic import Evidence, Outcome, Result, outcome
from cti.quality.operators import evaluate
from cti.quality.rules import RuleSet
from cti.quality.transcript import Transcript

_MAX_EVIDENCE = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one call. `fatal`: the rule is on the fatal list (whatever the outcome)."""

    rule: str
    outcome: Outcome
    evidence: tuple[Evidence, ...]
    title: str
    weight: float
    fatal: bool


@dataclass(frozen=True, slots=True)
class Fatal:
    """A fatal fault. `proposed`: it rests on recognised words and waits for a person (命中/误命中)."""

    rule: str
    proposed: bool


@dataclass(frozen=True, slots=True)
class Score:
    """The automatic score sheet of one call.

    `value` 0–100 over the decided weights, None where nothing was decided; `decided` the share of the
    applicable rules that were; a fatal fault makes `value` 0 only once it is not just proposed.
    """

    value: float | None
    decided: float
    fatal: tuple[Fatal, ...]
    verdicts: tuple[Verdict, ...]
    engine: str
    rules_version: str

    def to_json(self) -> dict[str, Any]:
        """The public form of a score."""
        return {
            "score": self.value,
            "decided": self.decided,
            "fatal": [f.rule for f in self.fatal],
            "verdicts": [
                {
                    "rule": v.rule,
                    "verdict": v.outcome.value,
                    "evidence": [asdict(e) for e in v.evidence],
                }
                for v in self.verdicts
            ],
            "engine": self.engine,
            "rules_version": self.rules_version,
        }


def score(transcript: Transcript, rules: RuleSet) -> Score:
    """Judge a call; pure, so the same transcript and rules always give the same sheet."""
    ctx = prepare(transcript)
    _search_all(ctx, rules)
    verdicts = []
    for rule in rules.rules:
        ctx.asking_when = True
        applies = evaluate(ctx, rule.when)
        ctx.asking_when = False
        check = evaluate(ctx, rule.check) if applies.value is not False else Result(None)
        result = outcome(applies, check)
        ctx.results[rule.id] = _for_ref(result, check)
        verdicts.append(
            Verdict(
                rule.id,
                result,
                _shown(result, applies, check),
                rule.title,
                rule.weight,
                rule.fatal,
            )
        )
    # even 先行挂机, a fact of the PBX, rests on the closing script not having been recognised
    fatal = tuple(
        Fatal(v.rule, not transcript.exact) for v in verdicts if v.fatal and v.outcome is Outcome.FAIL
    )
    value, decided = totals((v.outcome, v.weight) for v in verdicts)
    if any(not f.proposed for f in fatal):
        value = 0.0
    return Score(value, decided, fatal, tuple(verdicts), transcript.engine, rules.version)


def totals(outcomes: Iterable[tuple[Outcome, float]]) -> tuple[float | None, float]:
    """Score over decided weights and share of applicable rules decided; also for manual and final scores."""
    given = list(outcomes)
    won = sum(w for o, w in given if o is Outcome.PASS)
    weight = sum(w for o, w in given if o in (Outcome.PASS, Outcome.FAIL))
    decided = sum(o in (Outcome.PASS, Outcome.FAIL) for o, _ in given)
    applicable = decided + sum(o is Outcome.REVIEW for o, _ in given)
    value = round(100 * won / weight, 1) if weight else None
    return value, round(decided / applicable, 4) if applicable else 0.0


def _search_all(ctx: Context, rules: RuleSet) -> None:
    """One batch for every phrase of the set: a tenth of the time of phrase after phrase."""
    for role, search in ctx.searches.items():
        search.prepare(ctx.compiled(rules.phrases[role]))


def _for_ref(result: Outcome, check: Result) -> Result:
    match result:
        case Outcome.PASS:
            return Result(True, check.evidence)
        case Outcome.FAIL:
            return Result(False, check.evidence)
        case Outcome.NA:
            return Result(False, na=True)
    return Result(None, check.evidence)


def _shown(result: Outcome, applies: Result, check: Result) -> tuple[Evidence, ...]:
    if result is Outcome.NA:
        return ()
    both = check.evidence if result is Outcome.PASS else check.evidence + applies.evidence
    return tuple(dict.fromkeys(both))[:_MAX_EVIDENCE]


@dataclass(frozen=True, slots=True)
class Change:
    """One verdict that another rule file would change on a stored call."""

    call: str
    rule: str
    before: str  # outcome, or "-" where the rule did not exist
    after: str


@dataclass(frozen=True, slots=True)
class Diff:
    """What putting another rule file live would change on stored calls."""

    calls: int
    changes: tuple[Change, ...]
    scores: tuple[tuple[str, float | None, float | None], ...]  # call, before, after: only those that differ
    before: str
    after: str


def diff(transcripts: Sequence[Transcript], before: RuleSet, after: RuleSet) -> Diff:
    """Score stored calls under two rule sets and compare; writes nothing."""
    changes: list[Change] = []
    scores = []
    for transcript in transcripts:
        old, new = score(transcript, before), score(transcript, after)
        a = {v.rule: v.outcome.value for v in old.verdicts}
        b = {v.rule: v.outcome.value for v in new.verdicts}
        changes += [
            Change(transcript.facts.id, rule, a.get(rule, "-"), b.get(rule, "-"))
            for rule in sorted(set(a) | set(b))
            if a.get(rule) != b.get(rule)
        ]
        if old.value != new.value:
            scores.append((transcript.facts.id, old.value, new.value))
    return Diff(len(transcripts), tuple(changes), tuple(scores), before.version, after.version)
