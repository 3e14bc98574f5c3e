"""Scripted calls heard live and recorded: what was hinted, what was scored from either."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bench.live.sounds import ROLES, Sound
from bench.live.studio import Playing, Studio
from cti.config import Settings
from cti.quality.expr import Forbid, children
from cti.quality.rules import load_presets
from cti.quality.score import score
from cti.quality.transcript import Leg, Speech, Transcript, Word, facts_of
from cti.speech.choose import load_engine
from cti.speech.start import recogniser_of
from cti.speech.transcribe import transcribe


async def scores(settings: Settings, calls: Sequence[Sound]) -> dict[str, Any]:
    """Each call scored from live text and from its recording."""
    rules, rows = load_presets(), []
    same = decided = opposed = 0
    live: dict[str, Transcript] = {}
    hinted: dict[str, dict[str, bool]] = {}
    bans = {r.id for r in rules.rules if any(isinstance(e, Forbid) for e in children(r.check))}
    async with Studio(settings) as studio:
        for sound in calls:
            talk = studio.play(sound.name, sound, again=False)
            await asyncio.sleep(sound.seconds)
            await studio.end(talk)
            live[sound.name] = _heard_live(talk)
            hinted[sound.name] = dict(talk.forbidden)
    engine = load_engine(recogniser_of(settings).choice)
    for sound in calls:
        facts = facts_of(sound.facts or {})
        recorded = transcribe(sound.files["agent"], sound.files["caller"], facts, lambda: engine).transcript
        sheets = [score(t, rules) for t in (live[sound.name], recorded)]
        verdicts = [{v.rule: v.outcome.value for v in s.verdicts} for s in sheets]
        differ = {r: [a, verdicts[1][r]] for r, a in verdicts[0].items() if a != verdicts[1][r]}
        same += len(verdicts[0]) - len(differ)
        decided += len(verdicts[0])
        opposed += sum(set(pair) == {"pass", "fail"} for pair in differ.values())
        banned = {r: verdicts[1][r] for r in sorted(bans) if verdicts[1].get(r) in ("fail", "review")}
        values = {"live": sheets[0].value, "recording": sheets[1].value}
        rows.append(
            {
                "call": sound.name,
                **values,
                "live_against_recording": differ,
                "forbidden": {"hinted": hinted[sound.name], "recording": banned},
            }
        )
    return {
        "calls": rows,
        "verdicts_alike": round(same / decided, 3) if decided else None,
        "verdicts_opposed": opposed,
        "verdicts": decided,
    }


def _heard_live(talk: Playing) -> Transcript:
    """A transcript out of the live texts: an utterance is one word with the times of its voice."""
    legs: dict[str, tuple[list[Word], list[Speech]]] = {role: ([], []) for role in ROLES}
    finals = {(t["leg"], t["n"]): t for _, t in talk.texts if t["final"]}
    for text in sorted(finals.values(), key=lambda t: t["t0"]):
        words, speech = legs[text["leg"]]
        said = "".join(part for part, _ in text["parts"])
        speech.append(Speech(text["t0"], text["t1"], 1.0 if said else 0.0))
        if said:
            words.append(Word(said, text["t0"], text["t1"]))
    made = {role: Leg(tuple(w), tuple(s), -60.0) for role, (w, s) in legs.items()}
    facts = facts_of(talk.sound.facts or {})
    length = round(talk.sound.seconds * 1000)
    return Transcript(facts, made["agent"], made["caller"], length, "live")
