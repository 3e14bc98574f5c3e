"""Rule files: loaded with line numbers, checked whole, merged into one set with a version of its own.

A file that is wrong is refused with every fault in it, each as ``file:line: what``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cti.errors import ConfigError
from cti.quality import expr, occasion
from cti.quality.build import Builder, Faults
from cti.quality.expr import Expr, phrases_of, refs_of
from cti.quality.occasion import Live

PRESETS = Path(__file__).parent / "presets"
DEFAULT = ("common", "hotline", "station", "outbound")
UNCONFIRMED = "系统默认，待确认"
_TOP = frozenset({"title", "version", "applies", "parameters", "rules", "include", "example_call"})
_RULE = frozenset(
    {"id", "title", "source", "weight", "fatal", "advisory", "confirmed", "when", "check", "live", "examples"}
)


@dataclass(frozen=True, slots=True)
class Example:
    """A dialogue with the verdict it must get; `call` has the scripted JSON form. `line` in the file."""

    expect: str
    call: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named number of a rule file; not `confirmed` by the owner means 系统默认，待确认."""

    name: str
    value: float
    title: str
    unit: str
    confirmed: bool
    file: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `weight` in points (0: advisory); `fatal` costs the whole score once a person confirms it.

    `live`: on what occasion its sentence is prompted during the call; it changes no verdict.
    """

    id: str
    title: str
    source: str
    weight: float
    fatal: bool
    confirmed: bool
    when: Expr
    check: Expr
    examples: tuple[Example, ...]
    file: str
    line: int
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order in which they are judged (what a REF means comes first)."""

    rules: tuple[Rule, ...]
    parameters: tuple[Parameter, ...]
    version: str
    sources: tuple[str, ...]
    phrases: Mapping[str, tuple[str, ...]]  # role → every phrase that any rule listens for

    def rule(self, id: str) -> Rule:
        """A rule by id; KeyError where there is none."""
        for r in self.rules:
            if r.id == id:
                return r
        raise KeyError(id)


def load_presets(names: Sequence[str] = DEFAULT) -> RuleSet:
    """The rule sets that come with the product, merged."""
    return load([PRESETS / f"{n}.yaml" for n in names])


def load(files: Sequence[Path]) -> RuleSet:
    """Read and merge rule files (and what they include); ConfigError with every fault, file and line."""
    faults = Faults()
    rules: list[Rule] = []
    parameters: list[Parameter] = []
    versions: list[str] = []
    seen: set[Path] = set()
    queue = list(files)
    while queue:
        path = queue.pop(0)
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        document = _compose(path, faults)
        if document is None:
            continue
        reader = _File(path, document, faults)
        queue += reader.includes()
        parameters += reader.parameters.values()
        versions.append(reader.version)
        rules += reader.rules()
    _check_ids(rules, faults)
    ordered = _ordered(rules, faults)
    faults.raise_if_any()
    digest = hashlib.sha256(
        repr(
            [(r.id, r.weight, r.fatal, r.when, r.check) for r in sorted(ordered, key=lambda r: r.id)]
        ).encode()
    ).hexdigest()
    version = f"{max(versions, default='0')}-{digest[:12]}"
    phrases = {
        role: tuple(sorted({p for r in ordered for e in (r.when, r.check) for p in phrases_of(e, role)}))
        for role in ("agent", "caller")
    }
    sources = tuple(p.name for p in sorted(seen))
    return RuleSet(tuple(ordered), tuple(parameters), version, sources, phrases)


def _compose(path: Path, faults: Faults) -> yaml.MappingNode | None:
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        faults.add(path, None, "no such rule file")
        return None
    except (OSError, UnicodeDecodeError) as e:
        faults.add(path, None, f"cannot be read: {e}")
        return None
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark
        faults.at(path, mark.line + 1 if mark else 0, f"not valid YAML: {e.problem}")
        return None
    except yaml.YAMLError as e:
        faults.add(path, None, f"not valid YAML: {e}")
        return None
    if not isinstance(node, yaml.MappingNode):
        faults.add(path, node, "a rule file is a mapping with 'rules'")
        return None
    return node


class _File:
    """One rule file being read."""

    def __init__(self, path: Path, node: yaml.MappingNode, faults: Faults) -> None:
        self.path, self.faults = path, faults
        self.build = Builder(path, faults)
        self.top = self.build.mapping(node, _TOP, "rule file")
        self.version = self.build.text(self.top.get("version"), "1")
        self.parameters = self._parameters()
        self.build.parameters = {name: p.value for name, p in self.parameters.items()}

    def includes(self) -> list[Path]:
        """Other presets or files that this one builds on."""
        node = self.top.get("include")
        if node is None:
            return []
        out = []
        for name in self.build.strings(node):
            beside = self.path.parent / name
            out.append(beside if beside.suffix == ".yaml" else PRESETS / f"{name}.yaml")
        return out

    def _parameters(self) -> dict[str, Parameter]:
        node = self.top.get("parameters")
        out: dict[str, Parameter] = {}
        for key, value in self.build.pairs(node) if node is not None else ():
            name = self.build.text(key, "")
            given = self.build.mapping(value, frozenset({"value", "title", "unit", "confirmed"}), "parameter")
            number = self.build.number(given.get("value"), value)
            out[name] = Parameter(
                name,
                number,
                self.build.text(given.get("title"), name),
                self.build.text(given.get("unit"), ""),
                self.build.flag(given.get("confirmed")),
                self.path.name,
            )
        return out

    def rules(self) -> list[Rule]:
        """Every rule of the file that could be read."""
        node = self.top.get("rules")
        if not isinstance(node, yaml.SequenceNode):
            self.faults.add(self.path, node, "'rules' must be a list")
            return []
        applies = self.top.get("applies")
        limit = self.build.expression_of("meta", applies) if applies is not None else None
        base = self.build.plain(self.top["example_call"]) if "example_call" in self.top else {}
        out = [self._rule(item, limit, base) for item in node.value]
        return [r for r in out if r is not None]

    def _rule(self, node: yaml.Node, limit: Expr | None, base: Mapping[str, Any]) -> Rule | None:
        given = self.build.mapping(node, _RULE, "rule")
        line = node.start_mark.line + 1
        id = self.build.text(given.get("id"), "")
        if not id or "check" not in given:
            self.faults.add(self.path, node, "a rule needs 'id' and 'check'")
            return None
        self.build.where = f"rule {id}: "
        when = self.build.expression(given["when"]) if "when" in given else expr.All(())
        check = self.build.expression(given["check"])
        live = occasion.build(self.build, given["live"], when, check) if "live" in given else None
        examples = self._examples(given.get("examples"), base)
        self.build.where = ""
        advisory = self.build.flag(given.get("advisory"))
        weight = 0.0 if advisory else self.build.number(given.get("weight"), node, default=5.0)
        if weight < 0:
            self.faults.add(self.path, given.get("weight"), f"rule {id}: weight is below 0")
        return Rule(
            id,
            self.build.text(given.get("title"), id),
            self.build.text(given.get("source"), ""),
            weight,
            self.build.flag(given.get("fatal")),
            self.build.flag(given.get("confirmed")),
            expr.All((limit, when)) if limit is not None else when,
            check,
            tuple(examples),
            self.path.name,
            line,
            live,
        )

    def _examples(self, node: yaml.Node | None, base: Mapping[str, Any]) -> list[Example]:
        out = []
        for item in node.value if isinstance(node, yaml.SequenceNode) else ():
            given = self.build.plain(item)
            line = item.start_mark.line + 1
            expect = given.get("expect") if isinstance(given, dict) else None
            if expect not in ("pass", "fail", "na", "review"):
                self.faults.at(
                    self.path, line, f"{self.build.where}an example needs expect: pass, fail, na or review"
                )
                continue
            call = {**base, **{k: v for k, v in given.items() if k not in ("expect", "turns")}}
            turns = []
            for turn in given.get("turns", ()):
                role = next((r for r in ("agent", "caller") if isinstance(turn, dict) and r in turn), None)
                if role is None:
                    self.faults.at(
                        self.path, line, f"{self.build.where}a turn is 'agent: text' or 'caller: text'"
                    )
                    continue
                rest = {k: v for k, v in turn.items() if k != role}
                turns.append({"role": role, "text": str(turn[role]), **rest})
            out.append(Example(expect, {**call, "turns": turns}, line))
        return out


def _check_ids(rules: list[Rule], faults: Faults) -> None:
    first: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in first:
            before = first[rule.id]
            faults.at_name(rule.file, rule.line, f"rule {rule.id} is already in {before.file}:{before.line}")
        first.setdefault(rule.id, rule)
    for rule in rules:
        for ref in sorted((refs_of(rule.when) | refs_of(rule.check)) - set(first)):
            faults.at_name(rule.file, rule.line, f"rule {rule.id} refers to {ref}, which no loaded file has")


def _ordered(rules: list[Rule], faults: Faults) -> list[Rule]:
    """Rules after those they refer to; the order of the files otherwise."""
    by_id = {r.id: r for r in rules}
    done: dict[str, Rule] = {}
    open_: list[str] = []

    def visit(rule: Rule) -> None:
        if rule.id in done:
            return
        if rule.id in open_:
            faults.at_name(
                rule.file, rule.line, f"rules refer to each other in a circle: {' → '.join(open_)}"
            )
            return
        open_.append(rule.id)
        for ref in sorted(refs_of(rule.when) | refs_of(rule.check)):
            if ref in by_id:
                visit(by_id[ref])
        open_.pop()
        done[rule.id] = rule

    for rule in rules:
        visit(rule)
    return list(done.values())


def with_weights(rules: RuleSet, weights: Mapping[str, float]) -> RuleSet:
    """The same rules with an owner's weights (settings), for instance from the QA desk."""
    unknown = set(weights) - {r.id for r in rules.rules}
    if unknown:
        raise ConfigError(f"weights for unknown rules: {', '.join(sorted(unknown))}")
    changed = tuple(replace(r, weight=weights.get(r.id, r.weight)) for r in rules.rules)
    digest = hashlib.sha256(f"{rules.version}{sorted(weights.items())}".encode()).hexdigest()
    return replace(rules, rules=changed, version=f"{rules.version.split('-')[0]}-{digest[:12]}")
