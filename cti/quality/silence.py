"""The protocol for a caller who says nothing, followed while it happens: which sentence is due, and when.

Pauses run from the last word of either party to the next, by voice activity, holds left out, as the score
measures them (`timing`). A pause is counted down to its lower bound rounded up to a whole second: the rule
allows 4.5 s for the 5 s that are asked for, the agent is shown 5.
"""

from __future__ import annotations

from dataclasses import dataclass

from cti.quality import expr, matcher, operators
from cti.quality.context import Context
from cti.quality.expr import Say, Seq
from cti.quality.transcript import Role

_HEARD_MS = 400  # speech of the caller that ends the silence (timing, _INTERRUPTS_MS)
_WORDS_MS = 300  # less is a breath
_SENTENCE_MS = 1_000  # without a recogniser: speech of the agent that must have been the sentence
_FIRST_MS = 5_000  # of silence before the protocol begins
_SHOW_MS = 2_000  # of silence before the next step is shown with its count-down
_LIKE_IT = 0.55


@dataclass(frozen=True, slots=True)
class Due:
    """What the protocol asks for: `text` to be said, or to hang up, at `due` (ms); `step` of `steps`."""

    text: str
    due: int
    step: int
    steps: int
    hangup: bool = False


class SilenceWatch:
    """Follows one call through the sequence of a rule."""

    def __init__(self, rule: str, title: str, seq: Seq, empty: Context) -> None:
        self.rule, self.title = rule, title
        self._says: list[Say] = []
        self._texts: list[str] = []
        self._waits: list[int] = []  # before each step, and last before the hang-up
        self._hangup = False
        wait = 0
        for step in seq.steps:
            if isinstance(step, expr.Gap):
                wait = -(-step.min_ms // 1_000) * 1_000
                continue
            self._waits.append(wait or _FIRST_MS)
            wait = 0
            if isinstance(step, Say):
                self._says.append(step)
                self._texts.append(sentence(empty, step))
            else:
                self._hangup = True
        self._done = 0  # sentences said since the caller was last heard
        self._since = 0  # when the present silence began
        self._speaking: dict[Role, int] = {}
        self._held = False
        self._heard = False  # the caller spoke at some time
        self._last: Role | None = None
        self._fresh = 0  # what was said before does not belong to the present silence

    def voice(self, role: Role, t: int, on: bool, *, reads: bool = True) -> None:
        """Somebody begins or ceases to speak. Not `reads`: no words; long enough was the sentence."""
        if on:
            self._speaking.setdefault(role, t)
            return
        began = self._speaking.pop(role, t)
        if self._held:
            return
        least = _WORDS_MS if role == "agent" else _HEARD_MS
        if t - began < least:
            return
        self._since, self._last = t, role
        if role == "caller":
            self._spoke(t)
        elif not reads and t - began >= _SENTENCE_MS and self._done < len(self._says):
            self._done += 1

    def hold(self, t: int, on: bool) -> None:
        """The silence of a hold is not the caller's."""
        self._held = on
        self._speaking.clear()
        self._since = t

    def said(self, ctx: Context, t0: int, t1: int) -> None:
        """The agent said something; whether it was the sentence due."""
        if t0 < self._fresh or self._done >= len(self._says):
            return
        result = operators.say(ctx, self._says[self._done], t0, t1)
        like = all((e.similarity or 0.0) >= _LIKE_IT for e in result.evidence)
        if result.value is not False or like:
            self._done += 1

    def due(self, t: int) -> Due | None:
        """What is due at this moment, or soon; None where the caller is not silent."""
        began = self._speaking.get("caller")
        if began is not None and t - began >= _HEARD_MS:
            self._spoke(t)
        if self._held or began is not None or (self._heard and self._last != "agent"):
            return None
        speaks = self._speaking.get("agent")
        if speaks is not None and t - speaks >= _WORDS_MS:
            return None
        step, steps = self._done, len(self._says)
        if step >= len(self._waits):
            return None
        due = self._since + self._waits[step]
        if step == 0:
            shown = t - self._since >= _FIRST_MS
        elif step < steps:
            shown = t - self._since >= _SHOW_MS
        else:
            shown = self._hangup
        if not shown:
            return None
        if step < steps:
            return Due(self._texts[step], due, step + 1, steps)
        return Due("", due, step, steps, hangup=True)

    def _spoke(self, t: int) -> None:
        self._heard = True
        self._last = "caller"
        self._done = 0
        self._since = self._fresh = t


def sentence(ctx: Context, say: Say) -> str:
    """The wording of a SAY for a person to read out: the first wording of each part."""
    parts = []
    for part in say.parts:
        concrete = ctx.expand(part[0])
        parts.append(matcher.compile_phrase(concrete[0] if concrete else part[0]).plain)
    return "，".join(parts)
