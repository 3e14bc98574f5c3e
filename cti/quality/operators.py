"""What was said: SAY, FORBID, FOLLOW, SLOT, COUNT, REGEX, META, REF and the connectives over a context."""

from __future__ import annotations

import re

from cti.errors import UsageError
from cti.quality import expr, matcher, timing
from cti.quality.context import Context
from cti.quality.expr import Expr, Say, Scope
from cti.quality.logic import Evidence, Result, all_of, any_of
from cti.quality.matcher import KEY_MAYBE, KEY_SURE, Hit, Phrase
from cti.quality.transcript import Leg, Turn, coverage, heard_text, unheard

REVIEW_BAND = 0.15  # below the threshold of a phrase: a case for a person
FORBID_BAND = 0.10
NOT_SAID_COVERAGE = 0.95  # "not said" is known only where that much of the speech was transcribed
NOT_FORBIDDEN_COVERAGE = 0.80
_SUPPORT = 0.30  # a part this far under its threshold may have been said where the whole script is there
_NEIGHBOURS = 0.20  # so far under its threshold a part is carried by the rest of its script
_TINY = 3  # syllables; a lone 对不起 is lost whole
_SLOT_SURE = 0.50
_SHORT_TURN = 4  # syllables; 喂 or 您好 alone is not yet the first turn
_START_MS = 350
_FASTEST_MS = 90  # nobody says more than eleven syllables a second


def evaluate(ctx: Context, node: Expr) -> Result:
    """The value of an expression for a call."""
    match node:
        case expr.All(of):
            return all_of(evaluate(ctx, e) for e in of)
        case expr.AnyOf(of):
            return any_of(evaluate(ctx, e) for e in of)
        case expr.Not(of):
            return ~evaluate(ctx, of)
        case expr.Perhaps(of):
            return _perhaps(ctx, of)
        case Say():
            return say(ctx, node)
        case expr.Forbid():
            return forbid(ctx, node)
        case expr.Follow():
            return follow(ctx, node)
        case expr.Slot():
            return _slot(ctx, node)
        case expr.Count():
            return _count(ctx, node)
        case expr.Regex():
            return _regex(ctx, node)
        case expr.Meta():
            return _meta(ctx, node)
        case expr.Ref():
            return _ref(ctx, node)
        case expr.Seq():
            return timing.seq(ctx, node, say)
        case expr.Hangup():
            return timing.hangup(ctx, node, say)
        case expr.Level():
            return timing.level(ctx, node, say)
        case expr.Lang():
            return timing.lang(ctx, node, say)
        case expr.Silence():
            return timing.silence(ctx, node)
        case expr.Overlap():
            return timing.overlap(ctx, node)
        case expr.Rate():
            return timing.rate(ctx, node)
    raise UsageError(f"unknown operator {type(node).__name__}")


def window(ctx: Context, role: str, scope: Scope) -> tuple[int, int] | None:
    """The part of the call a scope means, in ms; None where there is no such part."""
    t0, t1 = 0, ctx.transcript.duration
    turns = ctx.turns_by(role)
    if scope.kind == "first_turns":
        if not turns:
            return None
        count = scope.count
        while count < len(turns) and _syllables(ctx, role, turns[0].t0, turns[count - 1].t1) < _SHORT_TURN:
            count += 1
        t0, t1 = turns[0].t0, turns[min(count, len(turns)) - 1].t1
    elif scope.kind == "last_turns":
        if not turns:
            return None
        t0 = turns[max(0, len(turns) - scope.count)].t0
    elif scope.kind == "after_slot":
        t0 = ctx.surname.known_at if ctx.surname is not None else 0
    if scope.after is not None:
        before = say(ctx, scope.after)
        if before.value is not False and before.evidence:
            t0 = max(t0, before.evidence[-1].t1)
    return t0, t1


def _syllables(ctx: Context, role: str, t0: int, t1: int) -> int:
    track = ctx.searches[role].track
    return int(((track.start >= t0 - 200) & (track.end <= t1 + 200)).sum()) if len(track) else 0


def say(ctx: Context, node: Say, t0: int | None = None, t1: int | None = None) -> Result:
    """Whether something was said in its scope (or between two given times)."""
    if t0 is not None and t1 is not None:
        return _say(ctx, node, (t0, t1))
    key = (node, ctx.asking_when)
    if key not in ctx.said:
        ctx.said[key] = _say(ctx, node, window(ctx, node.role, node.scope))
    return ctx.said[key]


def _say(ctx: Context, node: Say, span: tuple[int, int] | None) -> Result:
    leg = ctx.leg(node.role)
    due = "".join(_wording(ctx, p[0]) for p in node.parts)
    if not leg.usable:
        return Result(None, (Evidence(node.role, 0, 0, leg.note, due, None, node.operator),))
    if span is None:
        # nobody spoke on this leg at all: a dead microphone looks the same, noise tells them apart
        alive = ctx.exact or leg.noise is not None
        return Result(False if alive else None, (Evidence(node.role, 0, 0, "", due, 0.0, node.operator),))
    return _parts(ctx, node, span, due)


def _wording(ctx: Context, template: str) -> str:
    concrete = ctx.expand(template)
    return matcher.compile_phrase(concrete[0] if concrete else template).plain


def _parts(ctx: Context, node: Say, span: tuple[int, int], due: str) -> Result:
    t0, t1 = span
    values: list[bool | None] = []
    found: list[Hit | None] = []
    at = t0
    for alternatives in node.parts:
        phrases = ctx.compiled(alternatives)
        hit = _pick(ctx, node, phrases, at, t1)
        if at > t0 and _judge(ctx, hit, node) is not True:
            elsewhere = _pick(ctx, node, phrases, t0, t1)
            if elsewhere is not None and (hit is None or elsewhere.similarity > hit.similarity + 0.1):
                hit = elsewhere
        value = None if not phrases else _judge(ctx, hit, node)
        if value is not False and hit is not None:
            at = max(at, hit.t1 - 200)
        values.append(value)
        found.append(hit)
    if len(node.parts) > 1 and not ctx.exact and not all(v is True for v in values):
        values = _supported(ctx, node, span, values, found)
    value = False if False in values else None if None in values else True
    leg = ctx.leg(node.role)
    if value is False and not ctx.exact and coverage(leg, t0, t1) < NOT_SAID_COVERAGE:
        value = None if not ctx.asking_when or _room_for(ctx, node, leg, t0, t1) else False
    if value is True:
        hits = [h for h in found if h is not None]
        first, last = min(h.t0 for h in hits), max(h.t1 for h in hits)
        worst = min(h.similarity for h in hits)
        text = hits[0].heard if len(hits) == 1 else heard_text(leg, first, last)
        return Result(True, (Evidence(node.role, first, last, text, due, round(worst, 3), node.operator),))
    return Result(value, tuple(_missing(ctx, node, span, values, found)))


def _room_for(ctx: Context, node: Say, leg: Leg, t0: int, t1: int) -> bool:
    """Whether the speech that was not transcribed is long enough to have held the words at all.

    Only asked for what makes a rule applicable: a fail still needs the full share transcribed.
    """
    syllables = sum(len(matcher.compile_phrase(part[0]).chars) for part in node.parts)
    return unheard(leg, t0, t1) >= syllables * _FASTEST_MS


def _pick(ctx: Context, node: Say, phrases: list[Phrase], t0: int, t1: int) -> Hit | None:
    """The place that counts most for a part: surely said, else perhaps said, else the nearest."""
    candidates = [
        hit
        for phrase in phrases
        if not phrase.keys  # the nearest place is the best one unless a key syllable can spoil it
        and (hit := ctx.best(node.role, [phrase], t0, t1)) is not None
    ]
    for phrase in phrases:
        if phrase.keys:
            floor = (node.min or matcher.threshold(len(phrase.chars))) - REVIEW_BAND
            candidates += ctx.hits(node.role, phrase, node.review or floor, t0, t1)
    if not candidates:
        return ctx.best(node.role, phrases, t0, t1)
    rank = {True: 2, None: 1, False: 0}
    return max(
        candidates, key=lambda h: (rank[_judge(ctx, h, node)], round(h.similarity, 3), len(h.phrase.chars))
    )


def _supported(
    ctx: Context,
    node: Say,
    span: tuple[int, int],
    values: list[bool | None],
    found: list[Hit | None],
) -> list[bool | None]:
    """Parts that came out badly, where the script as a whole was recognised.

    A part within its review band then counts as said; one further off, or so short that a single misheard
    syllable hides it, is a case for a person instead of a fail.
    """
    wordings = ctx.compiled(["".join(part[0] for part in node.parts)])
    whole = ctx.best(node.role, wordings, *span)
    if whole is None or _judge(ctx, whole, node) is False:
        return values
    sure = _judge(ctx, whole, node) is True
    out: list[bool | None] = []
    for value, hit in zip(values, found, strict=True):
        if value is True or hit is None or hit.key_cost > KEY_MAYBE:
            out.append(value)
        elif sure and hit.similarity >= _floor(hit) - _NEIGHBOURS:
            out.append(True)
        elif hit.similarity >= _floor(hit) - _SUPPORT or len(hit.phrase.chars) <= _TINY:
            out.append(None)
        else:
            out.append(value)
    return out


def _floor(hit: Hit) -> float:
    return matcher.threshold(len(hit.phrase.chars))


def _judge(ctx: Context, hit: Hit | None, node: Say) -> bool | None:
    """Said, not said, or a case for a person: by similarity, key syllables and what filled the slots.

    Certain words leave no room for mishearing, so there the review band belongs to "not said".
    """
    if hit is None:
        return False
    enough = node.min if node.min is not None else _floor(hit)
    review = node.review if node.review is not None else enough - REVIEW_BAND
    slots = min((hit.part(s) for s in hit.phrase.slots), default=1.0)
    if hit.similarity >= enough and hit.key_cost <= KEY_SURE and slots >= _SLOT_SURE:
        return True
    if ctx.exact or hit.similarity < review or hit.key_cost > KEY_MAYBE:
        return False
    return None


def _missing(
    ctx: Context, node: Say, span: tuple[int, int], values: list[bool | None], found: list[Hit | None]
) -> list[Evidence]:
    """One piece of evidence for each part that was not, or not surely, said."""
    out = []
    for part, value, hit in zip(node.parts, values, found, strict=True):
        if value is True:
            continue
        due = _wording(ctx, part[0]) if hit is None or hit.similarity < 0.6 else hit.phrase.plain
        if hit is None or hit.similarity < 0.4:
            heard = heard_text(ctx.leg(node.role), *span, 60)
            similar = hit.similarity if hit is not None else 0.0
            out.append(Evidence(node.role, *span, heard, due, round(similar, 3), node.operator))
        else:
            out.append(
                Evidence(node.role, hit.t0, hit.t1, hit.heard, due, round(hit.similarity, 3), node.operator)
            )
    return out


def forbid(ctx: Context, node: expr.Forbid) -> Result:
    """True where none of the phrases was said; False is proposed to a person before it costs anything."""
    leg, end = ctx.leg(node.role), ctx.transcript.duration
    due = "不得说：" + "／".join(_wording(ctx, p) for p in node.phrases[:2])
    if not leg.usable:
        return Result(None, (Evidence(node.role, 0, 0, leg.note, due, None, "FORBID"),))
    excuses = ctx.compiled(node.unless)
    said: list[Evidence] = []
    perhaps: list[Evidence] = []
    for phrase in ctx.compiled(node.phrases):
        enough = node.min if node.min is not None else matcher.threshold(len(phrase.chars))
        floor = node.review if node.review is not None else enough - FORBID_BAND
        for hit in ctx.hits(node.role, phrase, enough if ctx.exact else floor, 0, end):
            if hit.key_cost > (KEY_SURE if ctx.exact else KEY_MAYBE) or _excused(
                ctx, node.role, hit, excuses
            ):
                continue
            sure = hit.similarity >= enough and hit.key_cost <= KEY_SURE
            (said if sure else perhaps).append(_forbidden(node, hit, phrase))
    if not ctx.exact:
        for phrase in ctx.compiled(node.suspect):
            for hit in ctx.hits(node.role, phrase, matcher.threshold(len(phrase.chars)), 0, end):
                if _begins_speech(ctx, node.role, hit) and not _excused(ctx, node.role, hit, excuses):
                    perhaps.append(_forbidden(node, hit, phrase))
    if said:
        return Result(False, tuple(said))
    if perhaps:
        return Result(None, tuple(perhaps))
    covered = ctx.exact or coverage(leg, 0, end) >= NOT_FORBIDDEN_COVERAGE
    return Result(True if covered else None, (Evidence(node.role, 0, end, "", due, None, "FORBID"),))


def _forbidden(node: expr.Forbid, hit: Hit, phrase: Phrase) -> Evidence:
    due = f"不得说：{phrase.plain}"
    return Evidence(node.role, hit.t0, hit.t1, hit.heard, due, round(hit.similarity, 3), "FORBID")


def _excused(ctx: Context, role: str, hit: Hit, excuses: list[Phrase]) -> bool:
    """Whether polite words stand with the hit: in the same breath, at most a second away."""
    for phrase in excuses:
        enough = matcher.threshold(len(phrase.chars))
        near = ctx.hits(role, phrase, enough, hit.t0 - 1_000, hit.t1 + 1_000)
        if any(h.i1 < hit.i0 or h.i0 > hit.i1 or len(phrase.chars) > 1 for h in near):
            return True
    return False


def _begins_speech(ctx: Context, role: str, hit: Hit) -> bool:
    track = ctx.searches[role].track
    return hit.i0 == 0 or hit.t0 - int(track.end[hit.i0 - 1]) >= _START_MS


def follow(ctx: Context, node: expr.Follow) -> Result:
    """After each trigger the response comes within its turns; `na` where nothing triggered it."""
    asked, ctx.asking_when = ctx.asking_when, True  # whether it was triggered is a question of applicability
    triggers = [(t, say(ctx, node.trigger, t.t0, t.t1)) for t in ctx.turns_by(node.trigger.role)]
    ctx.asking_when = asked
    results = []
    for turn, trigger in triggers:
        if trigger.value is False or not _triggers(ctx, node.trigger, turn):
            continue
        answer = _answer(ctx, node, turn)
        # a trigger that was perhaps said asks for nothing that was not given
        if trigger.value is None and answer.value is False:
            answer = Result(None, answer.evidence)
        results.append(Result(answer.value, trigger.evidence + answer.evidence, answer.na))
    real = [r for r in results if not r.na]
    return all_of(real) if real else Result(True, na=True)


def _triggers(ctx: Context, trigger: Say, turn: Turn) -> bool:
    if trigger.scope.kind == "call":
        return True
    span = window(ctx, trigger.role, trigger.scope)
    return span is not None and span[0] <= turn.t0 and turn.t1 <= span[1]


def _answer(ctx: Context, node: expr.Follow, turn: Turn) -> Result:
    answers = [t for t in ctx.turns_by(node.respond.role) if t.t1 > turn.t1][: node.within_turns]
    if node.within_ms is not None:
        answers = [t for t in answers if t.t0 - turn.t1 <= node.within_ms]
    if not answers:
        if ctx.transcript.facts.hangup_by == node.trigger.role:
            return Result(True, na=True)
        due = "".join(_wording(ctx, p[0]) for p in node.respond.parts)
        end = ctx.transcript.duration
        return Result(False, (Evidence(node.respond.role, turn.t1, end, "", due, 0.0, "FOLLOW"),))
    said = say(ctx, node.respond, max(turn.t0, answers[0].t0), answers[-1].t1)
    if node.louder_db is None or said.value is False:
        return said
    louder = timing.louder(ctx, node.respond.role, answers[0].t0, answers[-1].t1, node.louder_db)
    if node.louder_decides:
        return all_of([said, louder])
    return Result(said.value, said.evidence + louder.evidence)


def _perhaps(ctx: Context, of: Expr) -> Result:
    """What may have happened but was badly recognised: a case for a person, never a yes by itself."""
    if ctx.exact:
        return Result(False)
    result = evaluate(ctx, of)
    return Result(False if result.na or result.value is False else None, result.evidence)


def _slot(ctx: Context, node: expr.Slot) -> Result:
    if node.name == "surname":
        if ctx.surname is None:
            covered = (
                ctx.exact or not ctx.leg("caller").speech or coverage(ctx.leg("caller"), 0, 1 << 40) > 0.5
            )
            return Result(False if covered and ctx.leg("caller").usable else None)
        known = ctx.surname
        role = "caller" if known.source == "caller" else "record"
        seen = Evidence(role, known.known_at, known.known_at, known.text, "客户姓氏已知", None, "SLOT")
        return Result(True if known.certain else None, (seen,))
    return Result(bool(ctx.values.get(node.name)))


def _count(ctx: Context, node: expr.Count) -> Result:
    span = window(ctx, node.of.role, node.of.scope)
    if span is None:
        return Result(node.least == 0)
    sure = maybe = 0
    evidence = []
    for phrase in ctx.compiled([p for part in node.of.parts for p in part]):
        enough = node.of.min if node.of.min is not None else matcher.threshold(len(phrase.chars))
        for hit in ctx.hits(node.of.role, phrase, enough - (0 if ctx.exact else REVIEW_BAND), *span):
            certain = hit.similarity >= enough
            sure, maybe = sure + certain, maybe + (not certain)
            evidence.append(
                Evidence(
                    node.of.role, hit.t0, hit.t1, hit.heard, phrase.plain, round(hit.similarity, 3), "COUNT"
                )
            )
    most = node.most if node.most is not None else 1 << 30
    holds = [node.least <= n <= most for n in (sure, sure + maybe)]
    return Result(holds[0] if holds[0] == holds[1] else None, tuple(evidence))


def _regex(ctx: Context, node: expr.Regex) -> Result:
    track = ctx.searches[node.role].track
    found = re.search(node.pattern, track.chars) if len(track) else None
    if found is not None and found.end() > found.start():
        t0, t1 = int(track.start[found.start()]), int(track.end[found.end() - 1])
        return Result(True, (Evidence(node.role, t0, t1, found[0], node.pattern, 1.0, "REGEX"),))
    known = ctx.exact or coverage(ctx.leg(node.role), 0, ctx.transcript.duration) >= NOT_SAID_COVERAGE
    return Result(False if known else None)


def _meta(ctx: Context, node: expr.Meta) -> Result:
    facts = ctx.transcript.facts
    for key, allowed in node.allowed.items():
        if str(getattr(facts, key)) not in allowed:
            return Result(False)
    return Result(True)


def _ref(ctx: Context, node: expr.Ref) -> Result:
    """Whether any of the rules passed; one that does not apply did not."""
    return any_of(Result(False) if (r := ctx.results.get(rule)) is None or r.na else r for rule in node.rules)
