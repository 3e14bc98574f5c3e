"""Finding phrases by sound in one leg of a call.

A phrase is aligned with the leg's syllables with free ends (so it may lie anywhere, across recogniser
segments) by one dynamic programme for many phrases and all positions at once, in numpy: rows are the
syllables of the phrases, columns the positions in the leg. It is exact, so nothing is lost to a filter,
and fast enough to need none (bench/matcher.py). Where a hit begins, and what each of its syllables cost,
is traced back only for the few places that are near enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cti.quality import sound
from cti.quality.transcript import Leg

_INSERT, _INSERT_FILLER = 80, 10
_DELETE, _DELETE_OPTIONAL = 100, 10
_PARTICLE_WEIGHT = 50
_BARRIER = 100_000  # nothing is worth crossing a long pause
_BARRIER_MS = 3_000
_BLOCK = 32  # phrases aligned together: their table stays in the cache
_ROUNDING = 5e-5
_FAR = 0.5
_EDGE_MS = 300  # word times are that uncertain at the edges of a scope
_MARKUP = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|.", re.DOTALL)
KEY_SURE = 20  # cost up to which a key syllable counts as heard
KEY_MAYBE = 80  # cost up to which it may have been that syllable


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase ready to be searched for.

    In the text, ``[喂]`` marks syllables without which it is another phrase (`keys`), ``(儿)`` ones that
    may be missing; `slots` are the spans of what was filled in. Costs in hundredths.
    """

    text: str
    chars: str
    syllables: tuple[int, ...]
    weights: tuple[int, ...]
    deletions: tuple[int, ...]
    keys: tuple[int, ...]
    slots: tuple[tuple[int, int], ...] = ()

    @property
    def plain(self) -> str:
        """The wording without markup."""
        return self.text.translate(_UNMARK)

    @property
    def total(self) -> int:
        """Cost at which nothing of the phrase is left."""
        return sum(self.weights)


_UNMARK = str.maketrans("", "", "[]()‹›")


@lru_cache(maxsize=16_384)
def compile_phrase(text: str) -> Phrase:
    """Parse the markup of a phrase and look its syllables up; ``‹…›`` encloses what filled a slot."""
    chars: list[str] = []
    optional: set[int] = set()
    keys: list[int] = []
    slots: list[tuple[int, int]] = []
    slot_from: int | None = None
    for piece in _MARKUP.findall(text):
        if piece == "‹":
            slot_from = len(chars)
            continue
        if piece == "›":
            if slot_from is not None and len(chars) > slot_from:
                slots.append((slot_from, len(chars)))
            slot_from = None
            continue
        inner = piece[1:-1] if len(piece) > 1 else piece
        for char in sound.normalise(inner):
            if not sound.is_han(char):
                continue
            if piece[0] == "[":
                keys.append(len(chars))
            elif piece[0] == "(" and len(piece) > 1:
                optional.add(len(chars))
            chars.append(char)
    joined = "".join(chars)
    weights = tuple(_PARTICLE_WEIGHT if c in sound.PARTICLES else 100 for c in chars)
    return Phrase(
        text,
        joined,
        sound.best_readings(joined) if joined else (),
        weights,
        tuple(_DELETE_OPTIONAL if i in optional else _DELETE * w // 100 for i, w in enumerate(weights)),
        tuple(keys),
        tuple(slots),
    )


def threshold(syllables: int) -> float:
    """Similarity from which a phrase of this length counts as said (rules.md)."""
    if syllables <= 4:
        return 0.90
    if syllables <= 7:
        return 0.85
    return 0.78 if syllables <= 12 else 0.70


@dataclass(frozen=True, slots=True)
class Track:
    """The syllables of one leg: characters, times of each (ms), insertion costs, and long pauses."""

    chars: str
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    kinds: NDArray[np.int64]  # index into `alphabet`
    alphabet: tuple[str, ...]
    insertion: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.chars)


_PAUSE_CHAR = "\0"


def track_of(leg: Leg) -> Track:
    """Spread the characters of each word over its time; a pause over 3 s becomes a barrier."""
    chars: list[str] = []
    start: list[int] = []
    end: list[int] = []
    last: int | None = None
    for word in leg.words:
        spoken = _normalised(word.text)
        if not spoken:
            continue
        if last is not None and word.t0 - last > _BARRIER_MS:
            chars.append(_PAUSE_CHAR)
            start.append(last)
            end.append(word.t0)
        length = len(spoken)
        span = word.t1 - word.t0
        for i, char in enumerate(spoken):
            chars.append(char)
            start.append(word.t0 + span * i // length)
            end.append(word.t0 + span * (i + 1) // length)
        last = word.t1
    alphabet = tuple(dict.fromkeys(chars))
    index = {c: i for i, c in enumerate(alphabet)}
    kinds = np.fromiter((index[c] for c in chars), dtype=np.int64, count=len(chars))
    price = np.array([_insertion(c) for c in alphabet] or [0], dtype=np.int64)
    return Track(
        "".join(chars),
        np.array(start, dtype=np.int64),
        np.array(end, dtype=np.int64),
        kinds,
        alphabet,
        price[kinds] if chars else np.zeros(0, dtype=np.int64),
    )


@lru_cache(maxsize=65_536)
def _normalised(text: str) -> str:
    return sound.normalise(text)


def _insertion(char: str) -> int:
    if char == _PAUSE_CHAR:
        return _BARRIER
    return _INSERT_FILLER if char in sound.FILLERS else _INSERT


@lru_cache(maxsize=65_536)
def _column(char: str) -> NDArray[np.int64]:
    """Cost of hearing `char` for each syllable of the language: the cheapest of its readings."""
    known = sound.inventory()
    if char == _PAUSE_CHAR:
        return np.full(len(known.names), _BARRIER, dtype=np.int64)
    ids = sound.readings(char)
    if not ids:
        return np.full(len(known.names), 100, dtype=np.int64)
    column: NDArray[np.int64] = known.cost[:, list(ids)].min(axis=1)
    return column


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: syllables `i0`–`i1` of the track, `similarity` 0–1, times in ms.

    `costs`: what each syllable of the phrase cost (hundredths; 100 where it was left out).
    """

    phrase: Phrase
    similarity: float
    i0: int
    i1: int
    t0: int
    t1: int
    heard: str
    costs: tuple[int, ...]

    def part(self, span: tuple[int, int]) -> float:
        """Similarity of a span of the phrase's syllables (a slot) alone."""
        costs = self.costs[span[0] : span[1]]
        return 1.0 - sum(costs) / (100 * len(costs)) if costs else 1.0

    @property
    def key_cost(self) -> int:
        """Cost of the worst key syllable; 0 where the phrase has none."""
        return max((self.costs[k] for k in self.phrase.keys), default=0)


@dataclass(slots=True)
class Search:
    """One leg and the similarity of every phrase asked for at every position; computed once each."""

    track: Track
    _similar: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    _traced: dict[tuple[str, int], Hit] = field(default_factory=dict)

    def prepare(self, phrases: Sequence[Phrase]) -> None:
        """Align phrases that were not asked for before, in blocks."""
        fresh = {p.text: p for p in phrases if p.text not in self._similar and p.syllables}
        if not len(self.track):
            self._similar.update({text: np.zeros(0, dtype=np.float32) for text in fresh})
            return
        todo = sorted(fresh.values(), key=lambda p: -len(p.syllables))
        for i in range(0, len(todo), _BLOCK):
            block = todo[i : i + _BLOCK]
            for phrase, row in zip(block, _align(self.track, block), strict=True):
                self._similar[phrase.text] = (1.0 - row / phrase.total).astype(np.float32)

    def hits(self, phrase: Phrase, floor: float, t0: int = 0, t1: int = 1 << 40) -> list[Hit]:
        """Places where a phrase is at least `floor` similar, the better of overlapping ones, in order."""
        if not phrase.syllables:
            return []
        self.prepare([phrase])
        similar = self._similar[phrase.text]
        chosen: list[Hit] = []
        for e in sorted(
            np.flatnonzero(similar >= floor - _ROUNDING).tolist(), key=lambda e: (-similar[e], e)
        ):
            if any(h.i0 - 1 <= e <= h.i1 + 1 for h in chosen):
                continue
            hit = self._hit(phrase, float(similar[e]), e)
            if hit.t0 < t0 - _EDGE_MS or hit.t1 > t1 + _EDGE_MS:
                continue
            if not any(hit.i0 <= h.i1 and h.i0 <= hit.i1 for h in chosen):
                chosen.append(hit)
        return sorted(chosen, key=lambda h: h.t0)

    def best(self, phrase: Phrase, t0: int = 0, t1: int = 1 << 40) -> Hit | None:
        """The nearest thing to a phrase between two times, however far; None where there is nothing."""
        if not phrase.syllables or not len(self.track):
            return None
        self.prepare([phrase])
        similar = self._similar[phrase.text]
        first = int(np.searchsorted(self.track.start, t0 - _EDGE_MS))
        last = int(np.searchsorted(self.track.end, t1 + _EDGE_MS, side="right"))
        if first >= last:
            return None
        inside = similar[first:last]
        hit = self._hit(phrase, float(inside.max()), first + int(inside.argmax()))
        if hit.t0 >= t0 - _EDGE_MS:
            return hit
        # the best end belongs to an alignment that begins before t0: the next best are tried
        for e in (first + np.argsort(-inside, kind="stable")[1:6]).tolist():
            hit = self._hit(phrase, float(similar[e]), e)
            if hit.t0 >= t0 - _EDGE_MS:
                return hit
        return None

    def _hit(self, phrase: Phrase, similarity: float, e: int) -> Hit:
        known = self._traced.get((phrase.text, e))
        if known is not None:
            return known
        track = self.track
        if similarity < _FAR:
            # too far to matter: where exactly it would begin is not worth the tracing
            b, costs = max(0, e + 1 - len(phrase.syllables)), (100,) * len(phrase.syllables)
        else:
            b, costs = self._trace(phrase, e)
        heard = track.chars[b : e + 1].replace(_PAUSE_CHAR, "")
        hit = Hit(
            phrase, round(max(0.0, similarity), 4), b, e, int(track.start[b]), int(track.end[e]), heard, costs
        )
        self._traced[phrase.text, e] = hit
        return hit

    def _trace(self, phrase: Phrase, e: int) -> tuple[int, tuple[int, ...]]:
        """Where the alignment that ends at `e` begins, and what each syllable of the phrase cost."""
        m = len(phrase.syllables)
        first = max(0, e + 1 - m - m // 2 - 4)  # more put in between than that is not similar any more
        base = [_column(c) for c in self.track.chars[first : e + 1]]
        insert = self.track.insertion[first : e + 1].tolist()
        n = len(base)
        table = [[0] * (n + 1)]
        subs: list[list[int]] = []
        for s, w, d in zip(phrase.syllables, phrase.weights, phrase.deletions, strict=True):
            sub = [int(column[s]) for column in base]
            above = table[-1]
            row = [above[0] + d]
            for j in range(n):
                row.append(min(above[j] + sub[j] * w // 100, above[j + 1] + d, row[j] + insert[j]))
            table.append(row)
            subs.append(sub)
        costs = [100] * m
        i, j = m, n
        while i > 0:
            w, d = phrase.weights[i - 1], phrase.deletions[i - 1]
            if j > 0 and table[i][j] == table[i - 1][j - 1] + subs[i - 1][j - 1] * w // 100:
                costs[i - 1] = subs[i - 1][j - 1]
                i, j = i - 1, j - 1
            elif table[i][j] == table[i - 1][j] + d:
                i -= 1
            else:
                j -= 1
        return min(first + j, e), tuple(costs)


def _align(track: Track, phrases: Sequence[Phrase]) -> list[NDArray[np.int32]]:
    """Cost of the best alignment of each phrase (longest first) for every position it may end at."""
    n = len(track)
    pairs = sorted({pair for p in phrases for pair in zip(p.syllables, p.weights, strict=True)})
    row_of = {pair: i for i, pair in enumerate(pairs)}
    ids = [s for s, _ in pairs]
    weights = np.array([w for _, w in pairs], dtype=np.int64)
    by_kind = np.stack([_column(c)[ids] for c in track.alphabet], axis=1) * weights[:, None] // 100
    substitution = by_kind.astype(np.int32)[:, track.kinds]
    crossed = np.concatenate(([0], np.cumsum(track.insertion))).astype(np.int32)
    longest = len(phrases[0].syllables)
    rows = np.zeros((len(phrases), longest), dtype=np.int64)
    deletion = np.zeros((len(phrases), longest), dtype=np.int32)
    for k, p in enumerate(phrases):
        m = len(p.syllables)
        rows[k, :m] = [row_of[pair] for pair in zip(p.syllables, p.weights, strict=True)]
        deletion[k, :m] = p.deletions
    # boundary j lies before position j; an alignment may begin at any boundary at no cost
    table = np.zeros((len(phrases), n + 1), dtype=np.int32)
    done: list[NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)] * len(phrases)
    active = len(phrases)
    for i in range(longest):
        while len(phrases[active - 1].syllables) <= i:
            active -= 1
            done[active] = table[active, 1:].copy()
        table = table[:active]
        fresh = table + deletion[:active, i, None]
        np.minimum(fresh[:, 1:], table[:, :-1] + substitution[rows[:active, i]], out=fresh[:, 1:])
        # syllables put in between: the minimum over every earlier end plus what lies between
        fresh -= crossed
        np.minimum.accumulate(fresh, axis=1, out=fresh)
        fresh += crossed
        table = fresh
    for k in range(active):
        done[k] = table[k, 1:].copy()
    return done
