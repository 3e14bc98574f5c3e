"""What judging a call costs: the rules over a 10-minute call, short calls a second and core.

Run: ``python -m bench matcher``. Times are processor time of one core, the best of several runs (the
machine is shared). What recognition costs is in ``end_to_score``.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import machine
from cti.quality import matcher
from cti.quality.context import prepare
from cti.quality.rules import load_presets
from cti.quality.score import score
from cti.quality.transcript import CallFacts, Leg, Speech, Transcript, Word, from_json

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "calls"
OWN = ROOT / "tests" / "quality" / "calls"
_SENTENCES = (
    "我的快递三天没有更新了到底在哪里", "请您提供一下运单号码我马上为您查询", "您的快件正在派送预计下午送达",
    "我要投诉你们的送货员态度太差了", "非常抱歉给您带来不便已经为您登记", "包裹破损了里面的东西都坏了怎么赔",
    "请问寄到北京的运费怎么算多长时间能到", "好的我们会尽快核实并给您答复", "电话打了好几次都没有人接",
    "您看您什么时候方便我们安排派送", "地址写错了能不能帮我改一下", "昨天下午签收的可是我没有收到",
)  # fmt: skip


def long_call(syllables: int = 2_000, seconds: int = 600) -> Transcript:
    """A 10-minute call with that many syllables a leg, as a recogniser gives it; always the same."""
    rng = random.Random(4)
    legs = []
    for offset in (0, 150):
        words: list[Word] = []
        speech: list[Speech] = []
        pace = seconds * 1000 // syllables
        clock = offset
        while len(words) < syllables:
            sentence = rng.choice(_SENTENCES)[: syllables - len(words)]
            start = clock
            for char in sentence:
                words.append(Word(char, clock, clock + pace - 60, 0.9))
                clock += pace
            speech.append(Speech(start, clock - 60, 1.0, -20.0, "zh"))
        legs.append(Leg(tuple(words), tuple(speech), -60.0))
    facts = CallFacts(id="bench", company="顺达速运", station="虎门", hangup_by="caller")
    return Transcript(facts, legs[0], legs[1], seconds * 1000, "bench")


def best_ms(run: Callable[[], object], times: int = 7) -> float:
    """Processor time of the quickest of several runs, in ms."""
    took = []
    for _ in range(times):
        start = time.process_time()
        run()
        took.append(time.process_time() - start)
    return round(min(took) * 1000, 2)


def main() -> dict[str, Any]:
    """Measure, write bench/results/matcher.json, return the figures."""
    rules = load_presets()
    transcript = long_call()
    phrases = prepare(transcript).compiled(rules.phrases["agent"])
    search_only = best_ms(lambda: matcher.Search(matcher.track_of(transcript.agent)).prepare(phrases))
    score(transcript, rules)
    whole = best_ms(lambda: score(transcript, rules))
    files = sorted(OWN.glob("*.json")) + (sorted(SHARED.glob("*.json")) if SHARED.is_dir() else [])
    calls = [from_json(json.loads(f.read_text(encoding="utf-8"))) for f in files]
    each = best_ms(lambda: [score(c, rules) for c in calls], 3) / len(calls)
    result = {
        "rules": len(rules.rules),
        "phrases_agent_leg": len(phrases),
        "ten_minute_call": {
            "syllables_per_leg": 2_000,
            "align_agent_leg_ms": search_only,
            "whole_rule_set_ms": whole,
            "target_ms": 50,
        },
        "short_calls": {
            "calls": len(calls),
            "ms_per_call": round(each, 2),
            "calls_per_s_core": round(1000 / each),
        },
    }
    return machine.write("matcher", result)


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False, indent=1))
