"""What to remind the agent of while the call goes on, from the same rule files that score it afterwards.

Sans-IO: voice activity, recognised utterances, holds and clock ticks go in, hints come out. All times in ms
from the answer, by the clock of the sound itself. Hints are hints: the score is made from the recording.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from cti.quality import expr, matcher, operators
from cti.quality.context import Context, prepare
from cti.quality.expr import Say, children
from cti.quality.logic import Evidence
from cti.quality.occasion import threshold
from cti.quality.rules import Rule, RuleSet
from cti.quality.silence import SilenceWatch, sentence
from cti.quality.spoken import NumberEar, Spoken
from cti.quality.transcript import CallFacts, Leg, Role, Speech, Transcript, Word

Kind = Literal["silence", "hangup", "name", "forbidden", "closing", "quiet", "noise", "number"]
_JOIN_MS = 1_500  # a phrase may cross two utterances with so short a pause
_LEVELS = 3  # utterances of the caller whose median says how loud he is
_ALIVE_DBFS = -60.0
_MAX_WORDS = 4_000  # of one leg; the oldest are forgotten


@dataclass(frozen=True, slots=True)
class Hint:
    """One reminder, known by `key`: a later one with the same key takes its place, `gone` takes it away.

    `text`: the sentence to say, or the number that was heard. `due`: when it is due or allowed, ms of the
    call; None: now. `sure` False: it may have been misheard. `step` of `steps` of a sequence.
    """

    key: str
    kind: Kind
    rule: str = ""
    title: str = ""
    text: str = ""
    heard: str = ""
    what: str = ""  # number: phone or waybill
    sure: bool = True
    due: int | None = None
    at: int = 0
    step: int = 0
    steps: int = 0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class _Utterance:
    words: tuple[Word, ...]
    t0: int
    t1: int


def applies(rule: Rule, facts: CallFacts) -> bool:
    """Whether the call is of the kind the rule is for (direction, desk); the rest is not known yet."""
    return all(str(getattr(facts, key)) in allowed for key, allowed in _metas(rule.when))


def _metas(node: expr.Expr) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(node, expr.Meta):
        yield from ((k, v) for k, v in node.allowed.items() if k in ("direction", "desk"))
    elif isinstance(node, expr.All):
        for of in node.of:
            yield from _metas(of)


@dataclass(slots=True)
class LiveCall:
    """One talk of an agent with a caller. `reads` False: no recogniser, there is voice activity only."""

    rules: RuleSet
    facts: CallFacts
    numbers: Mapping[Role, NumberEar] = field(default_factory=dict)
    reads: bool = True  # may become True later, when a model is loaded
    _shown: dict[str, Hint] = field(default_factory=dict)
    _said: dict[str, list[_Utterance]] = field(default_factory=lambda: {"agent": [], "caller": []})
    _done: set[str] = field(default_factory=set)  # rules whose sentence was said
    _forbidden: list[tuple[int, int]] = field(default_factory=list)
    _levels: deque[float] = field(default_factory=lambda: deque(maxlen=_LEVELS))
    _silence: SilenceWatch | None = None
    _mine: tuple[Rule, ...] = ()
    _empty: Context = field(init=False)

    def __post_init__(self) -> None:
        self._mine = tuple(r for r in self.rules.rules if applies(r, self.facts))
        self._empty = prepare(self._transcript((), ()))
        for rule in self._on("silence"):
            if isinstance(rule.check, expr.Seq):
                self._silence = SilenceWatch(rule.id, rule.title, rule.check, self._empty)

    # ---- what is heard -------------------------------------------------------------------------

    def begin(self) -> list[Hint]:
        """The talk begins: what is due from the start (the name, where the record is confirmed)."""
        return self._name(0) if self.facts.customer else []

    def voice(self, role: Role, t: int, on: bool) -> list[Hint]:
        """Somebody begins or ceases to speak (voice activity)."""
        if self._silence is not None:
            self._silence.voice(role, t, on, reads=self.reads)
        return self._quietness(t)

    def hold(self, t: int, on: bool) -> list[Hint]:
        """The caller is put on hold, or is back: that silence is nobody's."""
        if self._silence is not None:
            self._silence.hold(t, on)
        return self._quietness(t)

    def tick(self, t: int) -> list[Hint]:
        """The clock of the caller's leg; several times a second."""
        return self._quietness(t)

    def loud(self, t: int, level: float, noise: float | None) -> list[Hint]:
        """How loud the caller's last utterance was, and the noise of his line, in dBFS."""
        self._levels.append(level)
        out: list[Hint] = []
        for rule in self._on("quiet"):
            limit = threshold(rule.when, "quiet")
            low = len(self._levels) == _LEVELS and limit is not None
            out += self._while(rule, t, low and statistics.median(self._levels) < (limit or 0.0))
        for rule in self._on("noise"):
            limit = threshold(rule.when, "noise")
            out += self._while(rule, t, noise is not None and limit is not None and noise > limit)
        return out

    def said(self, role: Role, words: Sequence[Word], t0: int, t1: int) -> list[Hint]:
        """A whole utterance was recognised."""
        utterance = _Utterance(tuple(words), t0, t1)
        spoken = self._said[role]
        spoken.append(utterance)
        while sum(len(u.words) for u in spoken) > _MAX_WORDS:
            spoken.pop(0)
        out = self._agent(utterance) if role == "agent" else self._caller(utterance)
        if role in self.numbers:
            text = "".join(w.text for w in words)
            out += self._offer(self.numbers[role].heard(text, t0, t1))
        return out

    def reread(self, role: Role, text: str, t0: int, t1: int) -> list[Hint]:
        """Utterances that may hold a number in groups were read once more, in one piece."""
        if role not in self.numbers:
            return []
        new, wrong = self.numbers[role].again(text, t0, t1)
        out: list[Hint] = []
        for number in wrong:
            if not any(ear.knows(number.value) for ear in self.numbers.values()):
                out += self._take(f"number:{number.value}")
        return out + self._offer(new)

    # ---- whose words ---------------------------------------------------------------------------

    def _agent(self, utterance: _Utterance) -> list[Hint]:
        t0, t1 = utterance.t0, utterance.t1
        ctx = prepare(self._transcript((utterance,), ()))
        out = self._forbid(utterance)
        if self._silence is not None:
            self._silence.said(ctx, t0, t1)
            out += self._quietness(t1)
        for rule in self._on("closing", "quiet", "noise"):
            check = rule.check
            if isinstance(check, Say) and operators.say(ctx, check, t0, t1).value is not False:
                self._done.add(rule.id)
                out += self._take(rule.id)
        return out + self._name(t1)

    def _caller(self, utterance: _Utterance) -> list[Hint]:
        out: list[Hint] = []
        ctx = prepare(self._transcript((), (utterance,)))
        for rule in self._on("closing"):
            heard = rule.live.heard if rule.live is not None else ()
            if rule.id not in self._done and rule.id not in self._shown and _any(ctx, heard):
                out.append(self._sentence(rule, utterance.t1))
        return out + self._name(utterance.t1)

    def _offer(self, numbers: Sequence[Spoken]) -> list[Hint]:
        """Once, whoever says them: an agent reads back what the caller said."""
        return [
            self._show(Hint(f"number:{n.value}", "number", text=n.value, what=n.kind, at=n.t1))
            for n in numbers
            if f"number:{n.value}" not in self._shown
        ]

    def _forbid(self, utterance: _Utterance) -> list[Hint]:
        spoken = self._said["agent"]
        near = [u for u in spoken[-2:] if utterance.t0 - u.t1 < _JOIN_MS]
        ctx = prepare(self._transcript(near, ()))
        out = []
        for rule in self._mine:
            for node in children(rule.check):
                if not isinstance(node, expr.Forbid) or node.role != "agent":
                    continue
                result = operators.forbid(ctx, node)
                if result.value is True:
                    continue
                for seen in result.evidence:
                    if seen.heard and not self._known(seen):
                        out.append(self._forbidding(rule, seen, sure=result.value is False))
        return out

    def _known(self, seen: Evidence) -> bool:
        """Whether this very breath was noticed already, under this rule or another: one hint is enough."""
        if any(a <= seen.t1 and seen.t0 <= b for a, b in self._forbidden):
            return True
        self._forbidden.append((seen.t0, seen.t1))
        return False

    def _forbidding(self, rule: Rule, seen: Evidence, *, sure: bool) -> Hint:
        key = f"forbidden:{rule.id}:{seen.t0}"
        return self._show(
            Hint(key, "forbidden", rule.id, rule.title, seen.due, seen.heard, sure=sure, at=seen.t0)
        )

    def _name(self, t: int) -> list[Hint]:
        """A surname is known and was not said since."""
        out: list[Hint] = []
        for rule in self._on("name"):
            if rule.id in self._done or not isinstance(rule.check, Say):
                continue
            ctx = prepare(self._transcript(self._said["agent"], self._said["caller"]))
            if ctx.surname is None:
                continue
            if self._said["agent"] and operators.say(ctx, rule.check).value is True:
                self._done.add(rule.id)
                out += self._take(rule.id)
            elif rule.id not in self._shown or self._shown[rule.id].heard != ctx.surname.text:
                called = _called(ctx, rule.check, self.facts.title)
                hint = Hint(rule.id, "name", rule.id, rule.title, called, ctx.surname.text, at=t)
                out.append(self._show(hint, sure=ctx.surname.certain))
        return out

    # ---- hints ---------------------------------------------------------------------------------

    def _quietness(self, t: int) -> list[Hint]:
        if self._silence is None:
            return []
        now, before = self._silence.due(t), self._shown.get("silence")
        if now is None:
            return self._take("silence")
        kind: Kind = "hangup" if now.hangup else "silence"
        hint = Hint(
            "silence", kind, self._silence.rule, self._silence.title, now.text, due=now.due, at=t,
            step=now.step, steps=now.steps,
        )  # fmt: skip
        if before is not None and (before.kind, before.text, before.due) == (kind, hint.text, hint.due):
            return []
        return [self._show(hint)]

    def _while(self, rule: Rule, t: int, holds: bool) -> list[Hint]:
        if not holds:
            return self._take(rule.id)
        return [] if rule.id in self._shown or rule.id in self._done else [self._sentence(rule, t)]

    def _sentence(self, rule: Rule, t: int) -> Hint:
        kind: Kind = rule.live.on if rule.live is not None else "closing"
        text = sentence(self._empty, rule.check) if isinstance(rule.check, Say) else ""
        return self._show(Hint(rule.id, kind, rule.id, rule.title, text, at=t))

    def _show(self, hint: Hint, *, sure: bool | None = None) -> Hint:
        if sure is not None:
            hint = replace(hint, sure=sure)
        self._shown[hint.key] = hint
        return hint

    def _take(self, key: str) -> list[Hint]:
        shown = self._shown.pop(key, None)
        return [] if shown is None else [Hint(key, shown.kind, shown.rule, gone=True)]

    def _on(self, *occasions: str) -> Iterator[Rule]:
        return (r for r in self._mine if r.live is not None and r.live.on in occasions)

    def _transcript(self, agent: Sequence[_Utterance], caller: Sequence[_Utterance]) -> Transcript:
        end = max((u.t1 for u in (*agent, *caller)), default=0)
        return Transcript(self.facts, _leg(agent), _leg(caller), end, "live")


def _leg(utterances: Sequence[_Utterance]) -> Leg:
    words = tuple(w for u in utterances for w in u.words)
    return Leg(words, tuple(Speech(u.t0, u.t1) for u in utterances), _ALIVE_DBFS)


def _any(ctx: Context, phrases: Sequence[str]) -> bool:
    compiled = ctx.compiled(phrases)
    return any(ctx.hits("caller", p, matcher.threshold(len(p.chars)), 0, 1 << 40) for p in compiled)


def _called(ctx: Context, check: Say, title: str) -> str:
    """王先生／王女士, or the one that the record knows."""
    ways = [matcher.compile_phrase(w).plain for part in check.parts for p in part for w in ctx.expand(p)]
    known = [w for w in ways if title and w.endswith(title)]
    return "／".join(dict.fromkeys(known or ways[:2]))
