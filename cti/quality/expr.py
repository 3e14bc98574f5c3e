"""What a rule can ask: the operators as data. The loader builds them, `operators` and `timing` evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from cti.quality.transcript import Role

Actor = Role


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the call: all of it, the first or last `count` turns of the role, or after something."""

    kind: Literal["call", "first_turns", "last_turns", "after_slot"] = "call"
    count: int = 1
    after: Say | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """SAY: one of `phrases` (a single part with alternatives), or all of several `parts` in order.

    `min`: similarity from which it counts; `review`: from which it is a case for a person (both default by
    length, `matcher.threshold`).
    """

    role: Actor
    parts: tuple[tuple[str, ...], ...]
    scope: Scope = field(default_factory=Scope)
    min: float | None = None
    review: float | None = None
    operator: str = "SAY"


@dataclass(frozen=True, slots=True)
class Forbid:
    """FORBID: none of `phrases` is said, except where one of `unless` is said with it.

    `suspect`: what is left when a recogniser loses the first syllable; at the start of speech it is a case
    for a person, never a hit.
    """

    role: Actor
    phrases: tuple[str, ...]
    unless: tuple[str, ...] = ()
    suspect: tuple[str, ...] = ()
    min: float | None = None
    review: float | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """FOLLOW: whenever `trigger` is said, `respond` comes within so many turns and ms of its role.

    `louder_db`: the answer should also be that much louder than before; it is measured and shown, and
    decides only where `louder_decides`.
    """

    trigger: Say
    respond: Say
    within_turns: int = 1
    within_ms: int | None = None
    louder_db: float | None = None
    louder_decides: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """GAP inside a SEQ: silence of the actor between two steps, in ms."""

    min_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class Hangup:
    """HANGUP: who ended the call; `after` limits it to an end after this was said."""

    by: Actor
    after: Say | None = None


@dataclass(frozen=True, slots=True)
class Seq:
    """SEQ: steps in order with the pauses between them; the other party's speech breaks it off.

    `start`: from the beginning, or from where the other party was last heard.
    """

    steps: tuple[Say | Gap | Hangup, ...]
    start: Literal["call", "last_heard"] = "call"
    abort: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """SILENCE: a leg says nothing (at most `max_speech_ms` of it), by voice activity, hold left out.

    With `min_gap_ms`: there is a pause of at least that long.
    """

    role: Actor
    max_speech_ms: int | None = None
    min_gap_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """LEVEL in dBFS of a leg's speech or of its line noise, or in dB over the role's own usual level.

    `rise`: the speech after `after` compared with the leg's other speech.
    """

    role: Actor
    speech_below: float | None = None
    noise_above: float | None = None
    rise_min: float | None = None
    rise_max: float | None = None
    after: Say | None = None


@dataclass(frozen=True, slots=True)
class Lang:
    """LANG: some speech of the role carries another language tag than `tag` (True), none does (False)."""

    role: Actor
    other_than: str = "zh"
    after: Say | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """SLOT: the value is known, from the record or the caller's own words."""

    name: Literal["surname", "company", "station", "customer", "agent"]


@dataclass(frozen=True, slots=True)
class Count:
    """COUNT: how often something is said lies between `least` and `most`."""

    of: Say
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Regex:
    """REGEX on the simplified text of a leg (punctuation removed): it matches somewhere."""

    role: Actor
    pattern: str


@dataclass(frozen=True, slots=True)
class Overlap:
    """OVERLAP (抢话): the role starts to speak while the other speaks, at most `most` times."""

    role: Actor
    min_ms: int = 800
    most: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """RATE (语速): syllables a second of speech lie between two bounds."""

    role: Actor
    least: float = 0.0
    most: float = 99.0


@dataclass(frozen=True, slots=True)
class Meta:
    """META: facts of the call have one of the listed values."""

    allowed: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Ref:
    """Another rule of the set passed."""

    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every one holds."""

    of: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds."""

    of: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    of: Expr


@dataclass(frozen=True, slots=True)
class Perhaps:
    """PERHAPS: unknown where it seems to hold, on recognised words; keeps a misheard script from costing."""

    of: Expr


Expr = (
    Say
    | Forbid
    | Follow
    | Seq
    | Hangup
    | Silence
    | Level
    | Lang
    | Slot
    | Count
    | Regex
    | Overlap
    | Rate
    | Meta
    | Ref
    | All
    | AnyOf
    | Not
    | Perhaps
)


def children(node: object) -> Iterator[object]:
    """Every expression and part of an expression under a node, itself first."""
    yield node
    if isinstance(node, tuple):
        for item in node:
            yield from children(item)
        return
    if hasattr(node, "__dataclass_fields__"):
        for f in fields(node):  # type: ignore[arg-type]  # any of the dataclasses above
            value = getattr(node, f.name)
            if isinstance(value, tuple) or hasattr(value, "__dataclass_fields__"):
                yield from children(value)


def phrases_of(node: object, role: str) -> Iterator[str]:
    """Every phrase template of a role that an expression searches for."""
    for item in children(node):
        if isinstance(item, Say) and item.role == role:
            for part in item.parts:
                yield from part
            if len(item.parts) > 1:
                yield "".join(part[0] for part in item.parts)
        elif isinstance(item, Forbid) and item.role == role:
            yield from (*item.phrases, *item.unless, *item.suspect)


def refs_of(node: object) -> set[str]:
    """Ids of the rules that an expression refers to."""
    return {rule for item in children(node) if isinstance(item, Ref) for rule in item.rules}
