"""When a rule speaks up during the call: the optional ``live`` of a rule in its file.

The sentences are the rule's own; this only says on what occasion the agent is reminded of them. Rules with
FORBID need no occasion: what they forbid is noticed always.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import yaml

from cti.quality import expr, matcher
from cti.quality.build import Builder
from cti.quality.expr import Expr, children

Occasion = Literal["silence", "name", "closing", "quiet", "noise"]
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)
_KEYS = frozenset({"on", "heard"})


@dataclass(frozen=True, slots=True)
class Live:
    """`on` what occasion; `heard`: words of the caller that make a closing sentence due."""

    on: Occasion
    heard: tuple[str, ...] = ()


def build(builder: Builder, node: yaml.Node, when: Expr, check: Expr) -> Live | None:
    """Read ``live: {on: OCCASION, heard: [...]}``; faults are noted with their line."""
    given = builder.mapping(node, _KEYS, "live")
    named = builder.text(given.get("on"), "")
    on = next((o for o in OCCASIONS if o == named), None)
    if on is None:
        builder.fault(node, f"live: 'on' must be one of {', '.join(OCCASIONS)}")
        return None
    heard = tuple(builder.strings(given["heard"])) if "heard" in given else ()
    if bool(heard) != (on == "closing"):
        builder.fault(node, "live: 'heard' belongs to closing, and to nothing else")
    for phrase in heard:
        if not matcher.compile_phrase(phrase).syllables:
            builder.fault(node, f"live: nothing to hear in {phrase!r}")
    if on == "silence" and not isinstance(check, expr.Seq):
        builder.fault(node, "live: on silence the check must be a seq")
    if on != "silence" and not isinstance(check, expr.Say):
        builder.fault(node, f"live: on {on} the check must be a say")
    if on in ("quiet", "noise") and threshold(when, on) is None:
        builder.fault(node, f"live: on {on} 'when' must hold a level of the caller")
    return Live(on, heard)


def threshold(when: Expr, on: Occasion) -> float | None:
    """The dBFS under (quiet) or over (noise) which the rule applies to the caller's leg."""
    for node in _levels(when):
        value = node.speech_below if on == "quiet" else node.noise_above
        if node.role == "caller" and value is not None:
            return value
    return None


def _levels(when: Expr) -> Iterator[expr.Level]:
    return (n for n in children(when) if isinstance(n, expr.Level))
