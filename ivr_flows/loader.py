"""Flow files: YAML → `model.Flow`, with every fault by file and line.

The form of a file is told in flows/README.md; `load_all` reads a folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ivr_flows import loader_kinds, model
from ivr_flows.lookups import Kind
from ivr_flows.marked import Faults, Item, Map, parse
from ivr_flows.model import Edge, Fault, Flow, Node, Operand, Parts, Ref, Variable

FLOWS = Path(__file__).parent / "flows"
_MAXIMUM = {Kind.DIGITS: 20, Kind.TEXT: 64, Kind.INT: 10**9, Kind.ROWS: 9}
_OPERATORS = ("is", "in", "not_in", "at_least", "below", "given")
_PLAIN_EDGES = ("next", "timeout", "invalid", "hangup", "failed", "late", "empty", "else", "too_often")
DEFAULT_EDGES = ("timeout", "invalid", "hangup", "failed", "late", "too_often")


def load_text(text: str, file: str, name: str) -> tuple[Flow | None, list[Fault]]:
    """One flow from its YAML text, or None, and all faults of its form (links are `check`'s)."""
    faults = Faults(file)
    top = parse(text, faults)
    if top is None:
        return None, faults.found
    flow = Reader(faults, top).flow(file, name)
    return (flow if not faults.found else None), faults.found


def load_file(path: Path) -> tuple[Flow | None, list[Fault]]:
    """One flow file; the flow is named like the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        return None, [Fault(str(path), 1, "file", f"cannot be read: {e.__class__.__name__}")]
    return load_text(text, str(path), path.stem)


def load_all(folder: Path = FLOWS) -> tuple[dict[str, Flow], list[Fault]]:
    """Every ``*.yaml`` of a folder, by name; faults of all files together."""
    flows: dict[str, Flow] = {}
    faults: list[Fault] = []
    paths = sorted(p for p in folder.glob("*.yaml") if p.is_file())
    if not paths:
        faults.append(Fault(str(folder), 1, "file", "no flow file (*.yaml) here"))
    for path in paths:
        flow, found = load_file(path)
        faults += found
        if flow is not None:
            flows[flow.name] = flow
    return flows, faults


class Reader:
    """Reads one file; the keys that every node shares are read here, the others by one method a kind."""

    def __init__(self, faults: Faults, top: Map) -> None:
        self.faults = faults
        self.top = top
        self.default_edges: dict[str, Edge] = {}
        self.on_silence: Parts = ()
        self.on_invalid: Parts = ()
        self.tries = 3
        self.wait_s = 6.0

    def flow(self, file: str, name: str) -> Flow:
        top = self.top
        title = top.need("title", "a flow")
        start = self.edge(top.need("start", "a flow"))
        operator = self.edge(top.need("operator", "a flow"))
        variables = self._variables(top.take("variables"))
        self._defaults(top.take("defaults"))
        nodes: dict[str, Node] = {}
        listed = top.need("nodes", "a flow")
        for node_id, item in listed.map() if listed is not None else ():
            if not node_id.isidentifier() or not node_id.isascii():
                self.faults.add(item.line, "name", f"'{node_id}' is no name for a node (a-z, 0-9, _)")
                continue
            node = self._node(node_id, item)
            if node is not None:
                nodes[node_id] = node
        top.done("a flow")
        return Flow(name, title.text() if title else name, file, start, operator, variables, nodes)

    # --- parts of the file ---

    def edge(self, item: Item | None) -> Edge:
        return Edge("", 0) if item is None else Edge(item.text(), item.line)

    def _variables(self, item: Item | None) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for name, one in item.map() if item is not None else ():
            if not name.isidentifier() or not name.isascii() or name != name.lower() or len(name) > 32:
                self.faults.add(one.line, "name", f"'{name}' is no name for a variable (a-z, 0-9, _)")
                continue
            if name in model.BUILTIN:
                self.faults.add(one.line, "name", f"'{name}' is built in and cannot be declared")
                continue
            m = one.map()
            kind_text = m.text("type")
            if kind_text not in tuple(Kind):
                self.faults.add(one.line, "type", f"'{name}' needs a type: {', '.join(Kind)}")
                continue
            kind = Kind(kind_text)
            values = tuple(v.text() for v in i.items()) if (i := m.take("values")) is not None else ()
            if (kind is Kind.CHOICE) != bool(values):
                self.faults.add(one.line, "type", f"'{name}': 'values' belong to type choice, and only there")
            maximum = m.whole("max", _MAXIMUM.get(kind, 0), 0, 10**12)
            if (kind is Kind.TEXT and maximum > 200) or (kind is Kind.DIGITS and maximum > 60):
                self.faults.add(one.line, "number", f"'{name}': 'max' is at most 200 for text, 60 for digits")
            found[name] = Variable(
                name,
                kind,
                one.line,
                m.whole("min", 0, -(10**12), 10**12),
                maximum,
                values,
                m.flag("publish", False),
            )
            m.done(f"variable '{name}'")
        return found

    def _defaults(self, item: Item | None) -> None:
        if item is None:
            return
        m = item.map()
        for name in DEFAULT_EDGES:
            if (edge := m.take(name)) is not None:
                self.default_edges[name] = self.edge(edge)
        self.on_silence = self.parts(m.take("on_silence"))
        self.on_invalid = self.parts(m.take("on_invalid"))
        self.tries = m.whole("tries", 3, 1, 5)
        self.wait_s = m.number("wait_s", 6.0, 1, 30)
        m.done("defaults")

    def parts(self, item: Item | None) -> Parts:
        if item is None:
            return ()
        parts: list[model.Part] = []
        for one in item.items():
            if not one.is_map:
                parts.append(model.PromptPart(one.text(), one.line))
                continue
            m = one.map()
            names = [key for key, _ in m]
            how = next(iter(names), "")
            value = m.take(how)
            if value is None:
                continue
            options: dict[str, str] = {}
            if (choices := m.take("prompts")) is not None:
                options = {key: i.text() for key, i in choices.map()}
            for extra in set(names[1:]) - {"unit", "prompts"}:
                self.faults.add(one.line, "unknown", f"a spoken part knows no '{extra}'")
            ref = self.operand(value)
            if isinstance(ref, Ref):
                parts.append(model.SayPart(how, ref, value.line, m.text("unit"), options))
            else:
                self.faults.add(value.line, "reference", f"'{how}' needs a variable, such as $number")
        return tuple(parts)

    def operand(self, item: Item) -> Operand:
        value = item.scalar()
        if isinstance(value, str) and value.startswith("$"):
            var, _, name = value[1:].partition(".")
            return Ref(var, name, item.line)
        if isinstance(value, float) or value is None:
            self.faults.add(item.line, "value", "a text, a whole number, true or false is expected")
            return ""
        return value  # type: ignore[no-any-return]

    def operands(self, item: Item | None) -> dict[str, Operand]:
        return {} if item is None else {key: self.operand(one) for key, one in item.map()}

    def condition(self, item: Item) -> model.Condition | None:
        m = item.map()
        if (hours := m.take("hours")) is not None:
            state = m.text("is", "open")
            m.done("a condition")
            return model.HoursTest(hours.text(), state, item.line)
        var = m.need("var", "a condition")
        if var is None:
            return None
        ref = self.operand(var)
        if isinstance(ref, str):
            name, _, field = ref.partition(".")
            ref = Ref(name, field, var.line)
        op = next((o for o in _OPERATORS if o in m), None)
        if op is None or not isinstance(ref, Ref):
            self.faults.add(item.line, "condition", f"a condition needs one of {', '.join(_OPERATORS)}")
            return None
        value = m.take(op)
        values: tuple[Any, ...] = () if value is None else tuple(self.operand(i) for i in value.items())
        m.done("a condition")
        return model.Test(ref, op, values, item.line)

    # --- nodes ---

    def _node(self, node_id: str, item: Item) -> Node | None:
        m = item.map()
        kind = m.text("kind")
        make = loader_kinds.KINDS.get(kind)
        if make is None:
            kinds = ", ".join(loader_kinds.KINDS)
            self.faults.add(item.line, "kind", f"node '{node_id}' needs a kind: {kinds}")
            return None
        edges: dict[str, Edge] = {}
        cls, reads = make
        wanted = loader_kinds.edge_names(cls)
        for name in _PLAIN_EDGES:
            if name in wanted and (found := m.take(name)) is not None:
                edges[name] = self.edge(found)
        for name in wanted:
            if name in self.default_edges and name not in edges:
                edges[name] = self.default_edges[name]
        visits = m.whole("visits", 0, 1, 20)
        if not visits:
            edges.pop("too_often", None)
        node = cls(id=node_id, line=item.line, edges=edges, visits=visits, **reads(self, m, edges))
        m.done(f"a node of kind {kind}")
        return node
