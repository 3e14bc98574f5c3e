"""Numbers that are dictated in groups, with pauses: the groups are read once more in one piece.

Recognisers read four digits alone badly (七五二四 as 去外送) and a dozen in a row well, best of all with the
words before them (我的单号是).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cti.quality.spoken import runs_in
from cti.speech.live_ear import Utterance

_GO_ON_MS = 4_000  # a longer pause ends a number (spoken, _GO_ON_MS)
_GROUP = 3  # digits in a row that are a part of a number
_MOST_S = 20.0  # read again at once
_ASIDES = 2  # utterances without digits that end a number


@dataclass(slots=True)
class Dictation:
    """Follows one leg. `longest_s`: what the recogniser takes at once."""

    longest_s: float
    _chain: list[Utterance] = field(default_factory=list)
    _dictating: bool = False
    _asides: int = 0

    def said(self, utterance: Utterance, text: str) -> Utterance | None:
        """An utterance was read as `text`; what to read again, if that may be one number with others."""
        if self._chain and utterance.t0 - (self._chain[-1].t1 or 0) > _GO_ON_MS:
            self.end()
        digits = max((len(run) for run, _, _ in runs_in(text)), default=0)
        self._dictating = self._dictating or digits >= _GROUP
        # a lone digit is in many words (快一点)
        self._asides = 0 if digits > 1 or not self._dictating else self._asides + 1
        if self._asides >= _ASIDES:
            self.end()
            return None
        self._chain.append(utterance)
        while len(self._chain) > 1 and sum(u.seconds for u in self._chain) > min(self.longest_s, _MOST_S):
            self._chain.pop(0)
        return _joined(self._chain) if self._dictating and len(self._chain) > 1 else None

    def end(self) -> None:
        """What comes next is another number."""
        self._chain.clear()
        self._dictating, self._asides = False, 0


def _joined(chain: list[Utterance]) -> Utterance:
    first, last = chain[0], chain[-1]
    one = Utterance(first.call, first.leg, last.number, first.t0, first.start, last.t1, again=True)
    for utterance in chain:
        one.put(utterance.sound())
    return one
