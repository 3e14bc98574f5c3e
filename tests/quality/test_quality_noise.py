"""Recognition errors: with every fifth character wrong the verdicts hold, and what does not is reviewed.

The errors are synthetic (half homophones, a quarter near sounds, the rest lost, added or wrong), always the
same ones; they say how the rules bend, not how a recogniser errs.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from cti.quality import sound
from cti.quality.rules import load_presets
from cti.quality.score import score
from cti.quality.transcript import Leg, from_json

FILES = sorted((Path(__file__).parent / "calls").glob("*.json"))
RULES = load_presets()


def _characters() -> dict[int, list[str]]:
    """The characters of the scripted calls by their sound."""
    out: dict[int, list[str]] = defaultdict(list)
    text = "".join(f.read_text(encoding="utf-8") for f in FILES)
    for char in sorted({c for c in text if sound.is_han(c)}):
        out[sound.readings(char)[0]].append(char)
    return out


BY_SOUND = _characters()
ALL = [c for chars in BY_SOUND.values() for c in chars]


def misheard(text: str, rate: float, rng: random.Random) -> str:
    """A text with this share of its characters misheard."""
    cost = sound.inventory().cost
    out = []
    for char in sound.normalise(text):
        if rng.random() > rate or not sound.is_han(char):
            out.append(char)
            continue
        kind = rng.random()
        own = sound.readings(char)[0]
        near = [c for s, chars in BY_SOUND.items() if 0 < cost[own, s] <= 60 for c in chars]
        if kind < 0.5:
            out.append(rng.choice(BY_SOUND[own]))
        elif kind < 0.75 and near:
            out.append(rng.choice(near))
        elif kind < 0.87:
            continue
        elif kind < 0.93:
            out += [char, rng.choice(ALL)]
        else:
            out.append(rng.choice(ALL))
    return "".join(out)


@pytest.mark.parametrize(("rate", "right", "reviewed"), [(0.1, 0.97, 0.06), (0.2, 0.95, 0.12)])
def test_verdicts_bend_into_review_not_into_wrong_ones(rate: float, right: float, reviewed: float) -> None:
    """Of the decided verdicts nearly all stay right, few go to a person, hardly any fatal is wrong."""
    rng = random.Random(11)
    listed = wrong = review = wrong_fatal = 0
    for file in FILES * 2:
        call = json.loads(file.read_text(encoding="utf-8"))
        true = from_json(call)

        def heard(leg: Leg) -> Leg:
            words = tuple(replace(w, text=misheard(w.text, rate, rng)) for w in leg.words)
            return replace(leg, words=words, noise=-60.0 if leg.noise is None else leg.noise)

        read = replace(true, agent=heard(true.agent), caller=heard(true.caller), exact=False)
        sheet = score(read, RULES)
        given = {v.rule: v.outcome.value for v in sheet.verdicts}
        listed += len(call["expect"])
        review += sum(given[r] == "review" for r in call["expect"])
        wrong += sum(given[r] not in (want, "review") for r, want in call["expect"].items())
        wrong_fatal += sum(call["expect"].get(f.rule) == "pass" for f in sheet.fatal)
    assert 1 - wrong / (listed - review) >= right
    assert review / listed <= reviewed
    assert wrong_fatal <= 1
