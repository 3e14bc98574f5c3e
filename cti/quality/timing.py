"""When and how it was said: SEQ with GAP, HANGUP, SILENCE, LEVEL, LANG, OVERLAP, RATE.

Times come from voice activity, never from gaps in a transcript.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

from cti.quality import expr
from cti.quality.context import Context
from cti.quality.logic import Evidence, Result, all_of
from cti.quality.transcript import Turn

Sayer = Callable[..., Result]
_INTERRUPTS_MS = 400  # speech of the other party that breaks a sequence off
_NAMES: dict[str | None, str] = {"agent": "座席", "caller": "客户", None: "未知方"}
_LIKE_IT = 0.55
_NEGLIGIBLE_MS = 300  # a breath or click is not "said something else"


def seconds(ms: float) -> str:
    """``3800`` → ``3.8 s``."""
    return f"{ms / 1000:.1f} s"


def seq(ctx: Context, node: expr.Seq, say: Sayer) -> Result:
    """Run the steps over the actor's utterances; the other party's speech or hang-up breaks it off (na)."""
    first = next(s for s in node.steps if isinstance(s, expr.Say))
    actor = first.role
    other = "caller" if actor == "agent" else "agent"
    at = 0
    if node.start == "last_heard":
        at = max((s.t1 for s in ctx.leg(other).speech if s.t1 - s.t0 >= _INTERRUPTS_MS), default=0)
    results: list[Result] = []
    gap: expr.Gap | None = None
    ended: int | None = None  # end of the utterance of the step before
    for step in node.steps:
        if isinstance(step, expr.Gap):
            gap = step
            continue
        if isinstance(step, expr.Hangup):
            results += _finish(ctx, step, gap, actor, ended if ended is not None else at)
            break
        found = _find(ctx, step, actor, at, say)
        broken = _interrupted(ctx, other, ended if ended is not None else at, found[1].t0 if found else None)
        if node.abort and broken and ended is not None:
            return Result(True, na=True) if all(r.value is True for r in results) else all_of(results)
        if found is None:
            results.append(_absent(ctx, step, actor, at, say))
            break
        result, utterance, spoken_from = found
        results.append(result)
        if gap is not None and ended is not None:
            results.append(_gap(ctx, gap, actor, ended, spoken_from))
        gap, ended, at = None, _end_of(result, utterance), _end_of(result, utterance)
    total = all_of(results)
    if total.value is not False and any(r.na for r in results):
        return Result(True, total.evidence, na=True)
    if total.value is True:
        return Result(True, tuple(e for r in results for e in r.evidence))
    return Result(total.value, tuple(e for r in results for e in r.evidence))


def _find(ctx: Context, step: expr.Say, actor: str, at: int, say: Sayer) -> tuple[Result, Turn, int] | None:
    """The first utterance from `at` on that holds the step, surely or perhaps, and when speaking began."""
    for utterance in ctx.utterances[actor]:
        if utterance.t1 <= at:
            continue
        t0 = max(at, utterance.t0)
        result = say(ctx, step, t0, utterance.t1)
        if result.value is False and not ctx.exact and _near(result):
            # something like it was said here: a person decides, the steps after it keep their places
            result = Result(None, result.evidence)
        if result.value is False or not result.evidence:
            continue
        began = utterance.t0 if utterance.t0 >= at else result.evidence[0].t0
        return result, utterance, began
    return None


def _near(result: Result) -> bool:
    return all((e.similarity or 0) >= _LIKE_IT for e in result.evidence)


def _end_of(result: Result, utterance: Turn) -> int:
    """End of the utterance, unless it goes on long after the words of the step (the next step is in it)."""
    said_until = max((e.t1 for e in result.evidence), default=utterance.t1)
    return utterance.t1 if utterance.t1 - said_until < 1_000 else said_until


def _absent(ctx: Context, step: expr.Say, actor: str, at: int, say: Sayer) -> Result:
    end = ctx.transcript.duration
    if ctx.transcript.facts.hangup_by not in (actor, None) and not _later_speech(ctx, actor, at):
        return Result(True, na=True)  # the other party ended the call before this step was due
    return say(ctx, step, at, end)


def _later_speech(ctx: Context, actor: str, at: int) -> bool:
    return any(s.t0 >= at and s.t1 - s.t0 > _NEGLIGIBLE_MS for s in ctx.leg(actor).speech)


def _interrupted(ctx: Context, other: str, t0: int, t1: int | None) -> bool:
    end = t1 if t1 is not None else ctx.transcript.duration
    spoken = sum(max(0, min(s.t1, end) - max(s.t0, t0)) for s in ctx.leg(other).speech)
    return spoken >= _INTERRUPTS_MS


def _gap(ctx: Context, gap: expr.Gap, actor: str, ended: int, began: int) -> Result:
    """The pause before a step: from the actor's last word to the next, holds left out."""
    last = max(
        (s.t1 for s in ctx.leg(actor).speech if s.t1 <= began and s.t1 - s.t0 > _NEGLIGIBLE_MS), default=0
    )
    start = max(ended, last)
    measured = began - start - _held(ctx, start, began)
    since = began - ended - _held(ctx, ended, began)
    holds = measured >= gap.min_ms and since <= gap.max_ms
    heard = f"停顿 {seconds(measured)}"
    if start > ended + _NEGLIGIBLE_MS:
        heard += "，其间另有话语"
    seen = Evidence(actor, start, began, heard, _due(gap), None, "GAP")
    return Result(holds if ctx.transcript.facts.timing_trusted else None, (seen,))


def _due(gap: expr.Gap) -> str:
    return f"要求 {seconds(gap.min_ms)}–{seconds(gap.max_ms)}"


def _held(ctx: Context, t0: int, t1: int) -> int:
    return sum(max(0, min(b, t1) - max(a, t0)) for a, b in ctx.transcript.facts.holds)


def _finish(ctx: Context, step: expr.Hangup, gap: expr.Gap | None, actor: str, ended: int) -> list[Result]:
    """The end of a sequence: who hung up, and not before the last pause was over."""
    by, end = ctx.transcript.facts.hangup_by, ctx.transcript.duration
    other = "caller" if actor == "agent" else "agent"
    if by is None:
        return [Result(None, (Evidence(actor, end, end, "挂机方未知", "座席挂机", None, "HANGUP"),))]
    if by != step.by or _interrupted(ctx, other, ended, end):
        return [Result(True, na=True)]
    out = [
        Result(True, (Evidence(actor, end, end, f"{_NAMES[by]}挂机", "停顿后按流程挂机", None, "HANGUP"),))
    ]
    if gap is not None:
        out.append(_gap(ctx, gap, actor, ended, end))
    return out


def hangup(ctx: Context, node: expr.Hangup, say: Sayer) -> Result:
    """Whether the call was ended by a party (after something was said)."""
    by, end = ctx.transcript.facts.hangup_by, ctx.transcript.duration
    seen = Evidence(node.by, end, end, f"{_NAMES[by]}挂机", "", None, "HANGUP")
    if by is None:
        return Result(None, (seen,))
    ended = Result(by == node.by, (seen,))
    return ended if node.after is None else all_of([ended, say(ctx, node.after)])


def silence(ctx: Context, node: expr.Silence) -> Result:
    """Whether a leg says (almost) nothing, or pauses for long; voice activity only, holds left out."""
    leg, end = ctx.leg(node.role), ctx.transcript.duration
    if not leg.usable:
        return Result(None, (Evidence(node.role, 0, 0, leg.note, "", None, "SILENCE"),))
    if node.min_gap_ms is not None:
        edges = [0, *(t for s in leg.speech for t in (s.t0, s.t1)), end]
        gaps = [(b - a - _held(ctx, a, b), a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        length, a, b = max(gaps)
        seen = Evidence(node.role, a, b, f"静默 {seconds(length)}", seconds(node.min_gap_ms), None, "SILENCE")
        return Result(length >= node.min_gap_ms, (seen,))
    spoken = sum(s.t1 - s.t0 for s in leg.speech)
    seen = Evidence(node.role, 0, end, f"说话共 {seconds(spoken)}", "无声", None, "SILENCE")
    return Result(spoken <= (node.max_speech_ms or 0), (seen,))


def level(ctx: Context, node: expr.Level, say: Sayer) -> Result:
    """Loudness of a leg's speech, of its line noise, or its change against the leg's own baseline."""
    leg = ctx.leg(node.role)
    if node.noise_above is not None:
        if leg.noise is None:
            return Result(None)
        due = f"> {node.noise_above:.0f} dBFS"
        seen = Evidence(
            node.role, 0, ctx.transcript.duration, f"底噪 {leg.noise:.0f} dBFS", due, None, "LEVEL"
        )
        return Result(leg.noise > node.noise_above, (seen,))
    levels = [(s.t0, s.level) for s in leg.speech if s.level is not None and s.t1 - s.t0 >= _NEGLIGIBLE_MS]
    if not levels:
        return Result(None if leg.speech or not leg.usable else False)
    if node.speech_below is not None:
        usual = statistics.median(v for _, v in levels)
        due = f"< {node.speech_below:.0f} dBFS"
        seen = Evidence(
            node.role, levels[0][0], ctx.transcript.duration, f"音量 {usual:.0f} dBFS", due, None, "LEVEL"
        )
        return Result(usual < node.speech_below, (seen,))
    since = 0
    if node.after is not None:
        before = say(ctx, node.after)
        if before.value is False or not before.evidence:
            return Result(None, before.evidence)
        since = before.evidence[-1].t1
    baseline, later = [v for t, v in levels if t < since], [v for t, v in levels if t >= since]
    if not baseline or not later:
        return Result(None)
    rise = statistics.median(later) - statistics.median(baseline)
    low = node.rise_min if node.rise_min is not None else -99.0
    high = node.rise_max if node.rise_max is not None else 99.0
    due = f"{low:+.0f}…{high:+.0f} dB"
    seen = Evidence(node.role, since, ctx.transcript.duration, f"音量变化 {rise:+.1f} dB", due, None, "LEVEL")
    return Result(low <= rise <= high, (seen,))


def louder(ctx: Context, role: str, t0: int, t1: int, least: float) -> Result:
    """Whether an answer is at least so many dB louder than the role's speech before it."""
    levels = [(s.t0, s.level) for s in ctx.leg(role).speech if s.level is not None]
    before, answer = [v for t, v in levels if t < t0], [v for t, v in levels if t0 <= t <= t1]
    if not before or not answer:
        return Result(None)
    rise = statistics.median(answer) - statistics.median(before)
    seen = Evidence(role, t0, t1, f"音量变化 {rise:+.1f} dB", f"应提高 {least:.0f} dB（提示）", None, "LEVEL")
    return Result(rise >= least, (seen,))


def lang(ctx: Context, node: expr.Lang, say: Sayer) -> Result:
    """Whether some speech carries another language tag; unknown where there are no tags."""
    since = 0
    if node.after is not None:
        before = say(ctx, node.after)
        since = before.evidence[-1].t1 if before.value is not False and before.evidence else 1 << 40
    speech = [s for s in ctx.leg(node.role).speech if s.t0 >= since]
    other = [s for s in speech if s.language is not None and s.language != node.other_than]
    if other:
        s = other[0]
        return Result(
            True, (Evidence(node.role, s.t0, s.t1, f"语种 {s.language}", node.other_than, None, "LANG"),)
        )
    if any(s.language is None for s in speech) or not ctx.leg(node.role).usable:
        return Result(None, (Evidence(node.role, 0, 0, "没有语种标记", node.other_than, None, "LANG"),))
    return Result(False)


def overlap(ctx: Context, node: expr.Overlap) -> Result:
    """Whether the role cuts in on the other at most so many times."""
    other = "caller" if node.role == "agent" else "agent"
    seen = []
    for t in ctx.utterances[node.role]:
        for s in ctx.leg(other).speech:
            shared = min(t.t1, s.t1) - max(t.t0, s.t0)
            if s.t0 < t.t0 < s.t1 and shared >= node.min_ms:
                seen.append(
                    Evidence(node.role, t.t0, t.t0 + shared, f"抢话 {seconds(shared)}", "", None, "OVERLAP")
                )
    return Result(len(seen) <= node.most, tuple(seen))


def rate(ctx: Context, node: expr.Rate) -> Result:
    """Whether the pace in syllables a second of speech lies between its bounds."""
    leg = ctx.leg(node.role)
    spoken = sum(s.t1 - s.t0 for s in leg.speech) / 1000
    if not leg.usable or spoken < 2.0:
        return Result(None)
    pace = len(ctx.searches[node.role].track) / spoken
    due = f"{node.least:.1f}–{node.most:.1f} 字/秒"
    seen = Evidence(node.role, 0, ctx.transcript.duration, f"{pace:.1f} 字/秒", due, None, "RATE")
    return Result(node.least <= pace <= node.most, (seen,))
