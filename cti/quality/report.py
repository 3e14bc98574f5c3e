"""How right the automatic verdicts are, from calls with known verdicts: counts, intervals, error rates.

Every figure says how many cases it rests on and whether the voices were synthetic or real.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cti.quality import sound
from cti.quality.score import Score
from cti.quality.transcript import Leg, Transcript

_Z = 1.959964  # 95 %
ENOUGH = 30  # fewer cases than this: the interval says so, and the text says "insufficient"


def wilson(hits: int, n: int) -> tuple[float, float] | None:
    """Wilson interval (95 %) of a share; None where there is nothing to divide by."""
    if n == 0:
        return None
    p, z2 = hits / n, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``n``, its value and its Wilson interval."""

    hits: int
    n: int

    def to_json(self) -> dict[str, Any]:
        """Numbers for print and page; value None where n is 0."""
        return {
            "hits": self.hits,
            "n": self.n,
            "value": round(self.hits / self.n, 4) if self.n else None,
            "wilson95": wilson(self.hits, self.n),
            "enough": self.n >= ENOUGH,
        }


@dataclass(frozen=True, slots=True)
class Labelled:
    """One call with the verdicts it should get. `heard` is None where only the true turns were scored."""

    id: str
    voices: str  # "synthetic" or "real"
    expect: dict[str, str]
    truth: Score
    heard: Score | None
    true_turns: Transcript
    heard_turns: Transcript | None


def report(calls: Sequence[Labelled]) -> dict[str, Any]:
    """The whole report as plain data."""
    kinds = sorted({c.voices for c in calls})
    out: dict[str, Any] = {"calls": len(calls), "voices": kinds, "sets": []}
    for kind in kinds:
        chosen = [c for c in calls if c.voices == kind]
        out["sets"].append(
            {
                "voices": kind,
                "calls": len(chosen),
                "true_turns": _verdicts([(c.id, c.expect, c.truth) for c in chosen]),
                "recognised": _verdicts([(c.id, c.expect, c.heard) for c in chosen if c.heard is not None]),
                "errors": {role: _errors(chosen, role) for role in ("agent", "caller")},
                "timing_ms": _timing(chosen),
                "engines": sorted({c.heard.engine for c in chosen if c.heard is not None}),
            }
        )
    return out


def _verdicts(judged: Sequence[tuple[str, dict[str, str], Score]]) -> dict[str, Any]:
    """Per rule and over all: n, fails found and missed, review share, decided verdicts that were right."""
    rows: dict[str, list[tuple[str, str, str]]] = {}
    fatal_wrong = []
    for call, expect, score in judged:
        given = {v.rule: v.outcome.value for v in score.verdicts}
        for rule, wanted in expect.items():
            rows.setdefault(rule, []).append((call, wanted, given.get(rule, "-")))
        fatal_wrong += [f"{call}:{f.rule}" for f in score.fatal if expect.get(f.rule, "fail") != "fail"]
    everything = [row for found in rows.values() for row in found]
    return {
        "all": _row(everything),
        "rules": {rule: _row(found) for rule, found in sorted(rows.items())},
        "wrong": [
            f"{c}:{r} {w}→{g}" for r, found in sorted(rows.items()) for c, w, g in found if _wrong(w, g)
        ],
        "wrong_fatal": fatal_wrong,
    }


def _wrong(wanted: str, given: str) -> bool:
    return given not in ("review", wanted)


def _row(found: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    pairs = [(w, g) for _, w, g in found]
    decided = [(w, g) for w, g in pairs if g != "review"]
    claimed = sum(g == "fail" for _, g in pairs)
    true_fails = sum(w == "fail" for w, _ in pairs)
    caught = sum(w == g == "fail" for w, g in pairs)
    return {
        "n": len(pairs),
        "right_of_decided": Share(sum(w == g for w, g in decided), len(decided)).to_json(),
        "precision_of_fail": Share(caught, claimed).to_json(),
        "recall_of_fail": Share(caught, true_fails).to_json(),
        "review": Share(len(pairs) - len(decided), len(pairs)).to_json(),
    }


def _errors(calls: Sequence[Labelled], role: str) -> dict[str, Any]:
    """Character and toneless-syllable error rates of a leg over all calls."""
    length = wrong = wrong_syllables = 0
    for c in calls:
        if c.heard_turns is None:
            continue
        true, heard = _text(c.true_turns.leg(role)), _text(c.heard_turns.leg(role))
        length += len(true)
        wrong += distance(list(true), list(heard))
        wrong_syllables += distance(_syllables(true), _syllables(heard))
    return {
        "characters": length,
        "cer": round(wrong / length, 4) if length else None,
        "syllable_error": round(wrong_syllables / length, 4) if length else None,
    }


def _text(leg: Leg) -> str:
    return "".join(sound.normalise(w.text) for w in leg.words)


def _syllables(text: str) -> list[object]:
    return [sound.readings(c)[:1] or c for c in text]


def distance(a: Sequence[object], b: Sequence[object]) -> int:
    """Edit distance."""
    kinds: dict[object, int] = {}
    left = [kinds.setdefault(x, len(kinds)) for x in a]
    right = np.array([kinds.setdefault(x, len(kinds)) for x in b], dtype=np.int64)
    steps = np.arange(len(right) + 1)
    row = steps.copy()
    for i, item in enumerate(left, 1):
        fresh = np.empty_like(row)
        fresh[0] = i
        fresh[1:] = np.minimum(row[1:] + 1, row[:-1] + (right != item))
        row = np.minimum.accumulate(fresh - steps) + steps
    return int(row[-1])


def _timing(calls: Sequence[Labelled]) -> dict[str, Any]:
    """Distance of the measured edges of speech from the true edges of each turn (ms)."""
    off: list[int] = []
    missed = 0
    for c in calls:
        if c.heard_turns is None:
            continue
        for role in ("agent", "caller"):
            measured = c.heard_turns.leg(role).speech
            for turn in c.true_turns.leg(role).speech:
                inside = [s for s in measured if s.t0 < turn.t1 and s.t1 > turn.t0]
                if not inside:
                    missed += 1
                    continue
                off += [abs(inside[0].t0 - turn.t0), abs(inside[-1].t1 - turn.t1)]
    off.sort()
    return {
        "edges": len(off),
        "median": off[len(off) // 2] if off else None,
        "p95": off[int(len(off) * 0.95)] if off else None,
        "max": off[-1] if off else None,
        "turns_not_heard": missed,
    }


def as_text(data: dict[str, Any]) -> str:
    """The report for people."""
    lines = [f"{data['calls']} 通"]
    for part in data["sets"]:
        label = "合成语音" if part["voices"] == "synthetic" else "真实录音"
        lines += ["", f"== {label}，{part['calls']} 通 {' '.join(part['engines'])}"]
        for name, key in (("真实文本", "true_turns"), ("识别文本", "recognised")):
            lines += _table(name, part[key])
        for role, e in part["errors"].items():
            if e["cer"] is not None:
                who = "座席" if role == "agent" else "客户"
                rates = f"字错率 {e['cer']:.1%}，无调音节错误率 {e['syllable_error']:.1%}"
                lines.append(f"{who}腿 {rates}（{e['characters']} 字）")
        t = part["timing_ms"]
        if t["edges"]:
            off = f"中位 {t['median']} ms，p95 {t['p95']} ms，最大 {t['max']} ms"
            lines.append(f"话音边界误差 {off}（{t['edges']} 个边界，漏掉 {t['turns_not_heard']} 轮）")
    return "\n".join(lines)


def _table(name: str, verdicts: dict[str, Any]) -> list[str]:
    if not verdicts["all"]["n"]:
        return []
    lines = [
        f"-- {name}",
        f"{'规则':8} {'n':>4}  {'判定正确':>20} {'失分查准':>20} {'失分查全':>20} {'待复核':>8}",
    ]
    for rule, row in [*verdicts["rules"].items(), ("合计", verdicts["all"])]:
        cells = [_share(row[k]) for k in ("right_of_decided", "precision_of_fail", "recall_of_fail")]
        review = row["review"]["value"]
        lines.append(f"{rule:8} {row['n']:>4}  {cells[0]:>20} {cells[1]:>20} {cells[2]:>20} {review:>8.1%}")
    if verdicts["wrong"]:
        lines.append("判错：" + "，".join(verdicts["wrong"]))
    lines.append("误报致命：" + ("，".join(verdicts["wrong_fatal"]) or "无"))
    return lines


def _share(share: dict[str, Any]) -> str:
    if share["value"] is None:
        return "—"
    low, high = share["wilson95"]
    note = "" if share["enough"] else "*"
    return f"{share['value']:.0%} [{low:.0%},{high:.0%}]{note}"
