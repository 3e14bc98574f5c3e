"""From YAML nodes to expressions: what each operator takes, checked, with the line of every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from cti.errors import ConfigError
from cti.quality import expr, matcher
from cti.quality.context import SLOTS
from cti.quality.expr import Expr, Say, Scope

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_META_KEYS = ("direction", "purpose", "desk", "hangup_by", "company", "station", "agent", "id")
_MAX_DEPTH = 20


class Faults:
    """Faults found so far, as ``file:line: what``."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, path: Path, node: yaml.Node | None, what: str) -> None:
        """A fault at a node."""
        self.at(path, node.start_mark.line + 1 if node is not None else 0, what)

    def at(self, path: Path, line: int, what: str) -> None:
        """A fault at a line (0: the file as a whole)."""
        self.found.append(f"{path}:{line}: {what}" if line else f"{path}: {what}")

    def at_name(self, name: str, line: int, what: str) -> None:
        """A fault in a file known by its name only."""
        self.found.append(f"{name}:{line}: {what}")

    def raise_if_any(self) -> None:
        """ConfigError with all of them."""
        if self.found:
            raise ConfigError("\n".join(self.found))


class Builder:
    """Builds expressions of one file; faults are collected, not raised."""

    def __init__(self, path: Path, faults: Faults) -> None:
        self.path, self.faults = path, faults
        self.parameters: dict[str, float] = {}
        self.where = ""
        self._depth = 0

    def fault(self, node: yaml.Node | None, what: str) -> None:
        """Note a fault of the rule being read."""
        self.faults.add(self.path, node, self.where + what)

    # -- plain values

    def pairs(self, node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """Keys and values of a mapping node."""
        if isinstance(node, yaml.MappingNode):
            yield from node.value
        elif node is not None:
            self.fault(node, "must be a mapping")

    def mapping(self, node: yaml.Node | None, known: frozenset[str], what: str) -> dict[str, yaml.Node]:
        """A mapping with only known keys, each once."""
        out: dict[str, yaml.Node] = {}
        for key, value in self.pairs(node):
            name = self.text(key, "")
            if name not in known:
                self.fault(key, f"unknown key {name!r} in {what}; known: {', '.join(sorted(known))}")
            elif name in out:
                self.fault(key, f"key {name!r} twice")
            else:
                out[name] = value
        return out

    def text(self, node: yaml.Node | None, default: str) -> str:
        """A scalar as text."""
        if node is None:
            return default
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.fault(node, "must be a text")
        return default

    def flag(self, node: yaml.Node | None) -> bool:
        """true or false (absent: false)."""
        value = self.text(node, "false")
        if value not in ("true", "false"):
            self.fault(node, "must be true or false")
        return value == "true"

    def number(self, node: yaml.Node | None, at: yaml.Node, default: float | None = None) -> float:
        """A number, or ``$name`` of a parameter."""
        if node is None:
            if default is None:
                self.fault(at, "a number is missing")
            return default or 0.0
        raw = self.text(node, "0")
        if raw.startswith("$"):
            if raw[1:] not in self.parameters:
                self.fault(node, f"unknown parameter {raw}")
            return self.parameters.get(raw[1:], 0.0)
        try:
            return float(raw)
        except ValueError:
            self.fault(node, f"{raw!r} is not a number")
            return 0.0

    def strings(self, node: yaml.Node) -> list[str]:
        """A text or a list of texts."""
        if isinstance(node, yaml.SequenceNode):
            return [self.text(n, "") for n in node.value]
        return [self.text(node, "")]

    def plain(self, node: yaml.Node) -> Any:
        """Whatever the node says, as plain Python data (for examples)."""
        construct: Any = yaml.constructor.SafeConstructor()
        return construct.construct_document(node)

    # -- expressions

    def expression(self, node: yaml.Node) -> Expr:
        """An expression: a mapping with one operator."""
        entries = list(self.pairs(node))
        if len(entries) != 1:
            self.fault(node, "an expression has exactly one operator")
            return expr.All(())
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self.fault(node, "nested too deeply")
            self._depth -= 1
            return expr.All(())
        built = self.expression_of(self.text(entries[0][0], ""), entries[0][1])
        self._depth -= 1
        return built

    def expression_of(self, name: str, node: yaml.Node) -> Expr:
        """An operator with its arguments."""
        pick = _OPERATORS.get(name)
        if pick is None:
            self.fault(node, f"unknown operator {name!r}; known: {', '.join(sorted(_OPERATORS))}")
            return expr.All(())
        return pick(self)(node)

    def _many(self, node: yaml.Node) -> tuple[Expr, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.fault(node, "needs a list of expressions")
            return ()
        return tuple(self.expression(n) for n in node.value)

    def role(self, node: yaml.Node | None, default: expr.Actor = "agent") -> expr.Actor:
        """agent or caller."""
        value = self.text(node, default)
        if value == "agent":
            return "agent"
        if value != "caller":
            self.fault(node, f"role is agent or caller, not {value!r}")
        return "caller"

    def phrases(self, node: yaml.Node | None, at: yaml.Node) -> tuple[str, ...]:
        """Phrases with known slots and something to hear in them."""
        if node is None:
            self.fault(at, "phrases are missing")
            return ()
        out = self.strings(node)
        for phrase in out:
            for slot in _PLACEHOLDER.findall(phrase):
                if slot not in SLOTS:
                    self.fault(node, f"unknown slot {{{slot}}} in {phrase!r}; known: {', '.join(SLOTS)}")
            if not matcher.compile_phrase(_PLACEHOLDER.sub("某", phrase)).syllables:
                self.fault(node, f"nothing to hear in phrase {phrase!r}")
            if phrase.count("[") != phrase.count("]") or phrase.count("(") != phrase.count(")"):
                self.fault(node, f"unbalanced brackets in {phrase!r}")
        return tuple(out)

    def say(self, node: yaml.Node, default: expr.Actor = "agent") -> Say:
        """SAY: a text, a list of alternatives, or the full form."""
        if not isinstance(node, yaml.MappingNode):
            return Say(default, (self.phrases(node, node),))
        known = frozenset({"role", "phrases", "parts", "scope", "after", "min", "review"})
        given = self.mapping(node, known, "say")
        if ("phrases" in given) == ("parts" in given):
            self.fault(node, "say needs either phrases or parts")
        parts: tuple[tuple[str, ...], ...]
        if "parts" in given and isinstance(given["parts"], yaml.SequenceNode):
            parts = tuple(self.phrases(n, n) for n in given["parts"].value)
        else:
            parts = (self.phrases(given.get("phrases"), node),)
        role = self.role(given.get("role"), default)
        return Say(
            role, parts, self._scope(given, role), self._share(given, "min"), self._share(given, "review")
        )

    def _share(self, given: dict[str, yaml.Node], name: str) -> float | None:
        if name not in given:
            return None
        value = self.number(given[name], given[name])
        if not 0 < value <= 1:
            self.fault(given[name], f"{name} lies between 0 and 1")
        return value

    def _scope(self, given: dict[str, yaml.Node], role: expr.Actor) -> Scope:
        after = self.say(given["after"], role) if "after" in given else None
        raw = self.text(given.get("scope"), "call")
        kind, _, count = raw.partition(":")
        if count and not count.isdigit():
            self.fault(given["scope"], f"{raw!r}: the number of turns is missing")
            count = ""
        match kind:
            case "call":
                return Scope("call", after=after)
            case "first_turn" | "first_turns":
                return Scope("first_turns", int(count or 1), after)
            case "last_turn" | "last_turns":
                return Scope("last_turns", int(count or 1), after)
            case "after_slot":
                return Scope("after_slot", after=after)
        self.fault(
            given["scope"], f"unknown scope {raw!r}; known: call, first_turn(s:N), last_turn(s:N), after_slot"
        )
        return Scope(after=after)

    # -- operators

    def all_(self, node: yaml.Node) -> Expr:
        """All of a list."""
        return expr.All(self._many(node))

    def any_(self, node: yaml.Node) -> Expr:
        """Any of a list."""
        return expr.AnyOf(self._many(node))

    def not_(self, node: yaml.Node) -> Expr:
        """The opposite."""
        return expr.Not(self.expression(node))

    def perhaps(self, node: yaml.Node) -> Expr:
        """PERHAPS."""
        return expr.Perhaps(self.expression(node))

    def forbid(self, node: yaml.Node) -> Expr:
        """FORBID."""
        known = frozenset({"role", "phrases", "unless", "suspect", "min", "review"})
        given = self.mapping(node, known, "forbid")
        return expr.Forbid(
            self.role(given.get("role")),
            self.phrases(given.get("phrases"), node),
            self.phrases(given["unless"], node) if "unless" in given else (),
            self.phrases(given["suspect"], node) if "suspect" in given else (),
            self._share(given, "min"),
            self._share(given, "review"),
        )

    def follow(self, node: yaml.Node) -> Expr:
        """FOLLOW."""
        known = {"trigger", "respond", "within_turns", "within_ms", "louder_db", "louder_decides"}
        given = self.mapping(node, frozenset(known), "follow")
        if "trigger" not in given or "respond" not in given:
            self.fault(node, "follow needs trigger and respond")
            return expr.All(())
        ms = given.get("within_ms")
        return expr.Follow(
            self.say(given["trigger"], "caller"),
            self.say(given["respond"], "agent"),
            int(self.number(given.get("within_turns"), node, default=1)),
            int(self.number(ms, node)) if ms is not None else None,
            self.number(given["louder_db"], node) if "louder_db" in given else None,
            self.flag(given.get("louder_decides")),
        )

    def seq(self, node: yaml.Node) -> Expr:
        """SEQ."""
        given = self.mapping(node, frozenset({"steps", "start", "abort"}), "seq")
        steps: list[Say | expr.Gap | expr.Hangup] = []
        listed = given.get("steps")
        for item in listed.value if isinstance(listed, yaml.SequenceNode) else ():
            for key, value in self.pairs(item):
                match self.text(key, ""):
                    case "say":
                        steps.append(self.say(value))
                    case "gap":
                        steps.append(self._gap(value))
                    case "hangup":
                        steps.append(self._hangup(value))
                    case other:
                        self.fault(key, f"a step is say, gap or hangup, not {other!r}")
        if not any(isinstance(s, Say) for s in steps):
            self.fault(node, "seq needs steps with at least one say")
            return expr.All(())
        start = self.text(given.get("start"), "call")
        if start not in ("call", "last_heard"):
            self.fault(given.get("start"), "start is call or last_heard")
        abort = self.flag(given["abort"]) if "abort" in given else True
        return expr.Seq(tuple(steps), "last_heard" if start == "last_heard" else "call", abort)

    def _gap(self, node: yaml.Node) -> expr.Gap:
        given = self.mapping(node, frozenset({"min_ms", "max_ms"}), "gap")
        gap = expr.Gap(
            int(self.number(given.get("min_ms"), node)),
            int(self.number(given.get("max_ms"), node, default=1e9)),
        )
        if gap.min_ms > gap.max_ms:
            self.fault(node, "gap: min_ms is over max_ms")
        return gap

    def _hangup(self, node: yaml.Node) -> expr.Hangup:
        given = self.mapping(node, frozenset({"by", "after"}), "hangup")
        after = self.say(given["after"]) if "after" in given else None
        return expr.Hangup(self.role(given.get("by")), after)

    def hangup(self, node: yaml.Node) -> Expr:
        """HANGUP."""
        return self._hangup(node)

    def silence(self, node: yaml.Node) -> Expr:
        """SILENCE."""
        given = self.mapping(node, frozenset({"role", "max_speech_ms", "min_gap_ms"}), "silence")
        if ("max_speech_ms" in given) == ("min_gap_ms" in given):
            self.fault(node, "silence needs either max_speech_ms or min_gap_ms")
        return expr.Silence(
            self.role(given.get("role")), self._ms(given, "max_speech_ms"), self._ms(given, "min_gap_ms")
        )

    def _ms(self, given: dict[str, yaml.Node], name: str) -> int | None:
        return int(self.number(given[name], given[name])) if name in given else None

    def level(self, node: yaml.Node) -> Expr:
        """LEVEL."""
        numbers = ("speech_below", "noise_above", "rise_min", "rise_max")
        given = self.mapping(node, frozenset({"role", "after", *numbers}), "level")
        if not any(n in given for n in numbers):
            self.fault(node, f"level needs one of {', '.join(numbers)}")
        value = {n: self.number(given[n], node) if n in given else None for n in numbers}
        after = self.say(given["after"]) if "after" in given else None
        return expr.Level(self.role(given.get("role")), **value, after=after)

    def lang(self, node: yaml.Node) -> Expr:
        """LANG."""
        given = self.mapping(node, frozenset({"role", "other_than", "after"}), "lang")
        after = self.say(given["after"]) if "after" in given else None
        return expr.Lang(self.role(given.get("role")), self.text(given.get("other_than"), "zh"), after)

    def slot(self, node: yaml.Node) -> Expr:
        """SLOT."""
        name = self.text(node, "")
        for known in ("surname", "company", "station", "customer", "agent"):
            if name == known:
                return expr.Slot(known)
        self.fault(node, f"unknown slot {name!r}")
        return expr.Slot("surname")

    def count(self, node: yaml.Node) -> Expr:
        """COUNT."""
        given = self.mapping(node, frozenset({"of", "least", "most"}), "count")
        if "of" not in given:
            self.fault(node, "count needs 'of'")
            return expr.All(())
        most = int(self.number(given["most"], node)) if "most" in given else None
        return expr.Count(self.say(given["of"]), int(self.number(given.get("least"), node, default=0)), most)

    def regex(self, node: yaml.Node) -> Expr:
        """REGEX."""
        given = self.mapping(node, frozenset({"role", "pattern"}), "regex")
        pattern = self.text(given.get("pattern"), "")
        try:
            re.compile(pattern)
        except re.error as e:
            self.fault(given.get("pattern"), f"pattern {pattern!r}: {e}")
            pattern = ""
        if not pattern:
            self.fault(node, "regex needs a pattern")
        return expr.Regex(self.role(given.get("role")), pattern)

    def overlap(self, node: yaml.Node) -> Expr:
        """OVERLAP."""
        given = self.mapping(node, frozenset({"role", "min_ms", "most"}), "overlap")
        least = int(self.number(given.get("min_ms"), node, default=800))
        return expr.Overlap(
            self.role(given.get("role")), least, int(self.number(given.get("most"), node, default=0))
        )

    def rate(self, node: yaml.Node) -> Expr:
        """RATE."""
        given = self.mapping(node, frozenset({"role", "least", "most"}), "rate")
        return expr.Rate(
            self.role(given.get("role")),
            self.number(given.get("least"), node, default=0.0),
            self.number(given.get("most"), node, default=99.0),
        )

    def meta(self, node: yaml.Node) -> Expr:
        """META."""
        allowed: dict[str, tuple[str, ...]] = {}
        for key, value in self.pairs(node):
            name = self.text(key, "")
            if name not in _META_KEYS:
                self.fault(key, f"unknown fact {name!r}; known: {', '.join(_META_KEYS)}")
            else:
                allowed[name] = tuple(self.strings(value))
        return expr.Meta(allowed)

    def ref(self, node: yaml.Node) -> Expr:
        """REF."""
        return expr.Ref(tuple(self.strings(node)))


_OPERATORS: dict[str, Callable[[Builder], Callable[[yaml.Node], Expr]]] = {
    "all": lambda b: b.all_,
    "any": lambda b: b.any_,
    "not": lambda b: b.not_,
    "perhaps": lambda b: b.perhaps,
    "say": lambda b: b.say,
    "forbid": lambda b: b.forbid,
    "follow": lambda b: b.follow,
    "seq": lambda b: b.seq,
    "hangup": lambda b: b.hangup,
    "silence": lambda b: b.silence,
    "level": lambda b: b.level,
    "lang": lambda b: b.lang,
    "slot": lambda b: b.slot,
    "count": lambda b: b.count,
    "regex": lambda b: b.regex,
    "overlap": lambda b: b.overlap,
    "rate": lambda b: b.rate,
    "meta": lambda b: b.meta,
    "ref": lambda b: b.ref,
}
