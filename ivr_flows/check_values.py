"""Proofs about values: variables, look-ups, conditions, hours and spoken parts fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from ivr_flows import entries, hours, model, parcel, say, values
from ivr_flows.lookups import OPERATIONS, PARCEL, Kind
from ivr_flows.model import Fault, Flow, Node, Variable

_FITS: Mapping[Kind, frozenset[Kind]] = {
    # what a variable of the first kind may be filled from or compared with
    Kind.DIGITS: frozenset({Kind.DIGITS}),
    Kind.TEXT: frozenset({Kind.TEXT, Kind.DIGITS, Kind.CHOICE}),
    Kind.CHOICE: frozenset({Kind.CHOICE, Kind.TEXT}),
    Kind.INT: frozenset({Kind.INT}),
    Kind.BOOL: frozenset({Kind.BOOL}),
    Kind.TIME: frozenset({Kind.TIME}),
    Kind.ROW: frozenset({Kind.ROW}),
    Kind.ROWS: frozenset({Kind.ROWS}),
}
_READ_ONLY = frozenset({"caller", "did", "priority"})


def value_faults(
    flow: Flow, flows: Mapping[str, Flow], calendars: Mapping[str, hours.Calendar], queues: Set[str] | None
) -> Iterator[Fault]:
    """Everything about values in one flow."""
    yield from _declared_alike(flow, flows)
    for node in flow.nodes.values():
        for line, text in _node(flow, node, calendars, queues):
            yield Fault(flow.file, line, "value", f"'{node.id}': {text}")


def _declared_alike(flow: Flow, flows: Mapping[str, Flow]) -> Iterator[Fault]:
    # variables are one space for the whole call, so that a called flow sees what was typed before
    for name, variable in flow.variables.items():
        for other in flows.values():
            theirs = other.variables.get(name)
            if theirs is None or (theirs.kind, theirs.values) == (variable.kind, variable.values):
                continue
            text = f"variable '{name}' is declared otherwise in {other.file}:{theirs.line}"
            yield Fault(flow.file, variable.line, "variable", text)


_Found = Iterator[tuple[int, str]]


def _node(flow: Flow, node: Node, calendars: Mapping[str, hours.Calendar], queues: Set[str] | None) -> _Found:
    yield from _parts(flow, node)
    if isinstance(node, model.Digits):
        yield from _target(flow, node, node.into, Kind.INT if node.scale else Kind.DIGITS)
        if node.check and node.check not in entries.NAMES:
            yield node.line, f"no check is named '{node.check}' ({', '.join(sorted(entries.NAMES))})"
    elif isinstance(node, model.Menu):
        yield from _menu(flow, node)
    elif isinstance(node, model.Survey):
        yield from _target(flow, node, node.into, Kind.INT)
        if node.low >= node.high:
            yield node.line, "'low' must be below 'high'"
    elif isinstance(node, model.Choose):
        yield from _target(flow, node, node.into, Kind.ROW)
        yield from _read(flow, model.Ref(node.rows, line=node.line), frozenset({Kind.ROWS}))
        if node.row_how not in parcel.FORMATS:
            yield node.line, f"rows cannot be read as '{node.row_how}' ({', '.join(parcel.FORMATS)})"
    elif isinstance(node, model.Record):
        yield from _target(flow, node, node.into, Kind.TEXT)
    elif isinstance(node, model.Lookup):
        yield from _lookup(flow, node)
    elif isinstance(node, model.Set):
        for name, operand in node.values.items():
            yield from _fill(flow, node.line, name, operand)
    elif isinstance(node, model.Branch):
        for case in node.cases:
            for condition in case:
                yield from _condition(flow, condition, calendars)
    elif isinstance(node, model.TransferTo):
        yield from _transfer(flow, node, queues)


def _variable(flow: Flow, name: str) -> Variable | None:
    return model.BUILTIN.get(name) or flow.variables.get(name)


def _target(flow: Flow, node: Node, name: str, kind: Kind) -> _Found:
    """A variable that a node writes."""
    variable = _variable(flow, name)
    if variable is None:
        yield node.line, f"variable '{name}' is not declared"
    elif name in _READ_ONLY:
        yield node.line, f"variable '{name}' cannot be changed"
    elif variable.kind is not kind and not (kind is Kind.DIGITS and variable.kind is Kind.INT):
        yield node.line, f"variable '{name}' is of type {variable.kind}, {kind} is needed"


def _kind_of(flow: Flow, ref: model.Ref) -> Kind | None:
    variable = _variable(flow, ref.var)
    if variable is None:
        return None
    if not ref.field:
        return variable.kind
    return PARCEL.get(ref.field) if variable.kind is Kind.ROW else None


def _read(flow: Flow, ref: model.Ref, kinds: frozenset[Kind]) -> _Found:
    """A variable that a node reads."""
    name = f"{ref.var}.{ref.field}" if ref.field else ref.var
    if _variable(flow, ref.var) is None:
        yield ref.line, f"variable '{ref.var}' is not declared"
    elif (kind := _kind_of(flow, ref)) is None:
        yield ref.line, f"'{name}': no such field"
    elif kind not in kinds:
        yield ref.line, f"'{name}' is of type {kind}, {' or '.join(sorted(kinds))} is needed"


def _fill(flow: Flow, line: int, name: str, operand: model.Operand) -> _Found:
    """A variable that gets a constant or another variable's value."""
    variable = _variable(flow, name)
    if variable is None or name in _READ_ONLY:
        yield line, f"variable '{name}' is not declared or cannot be changed"
    elif isinstance(operand, model.Ref):
        yield from _read(flow, operand, _FITS[variable.kind])
    else:
        try:
            values.coerce(variable, operand)
        except ValueError as e:
            yield line, f"'{operand}' does not fit '{name}': {e}"


def _menu(flow: Flow, node: model.Menu) -> _Found:
    if not node.into:
        return
    variable = _variable(flow, node.into)
    if variable is None or node.into in _READ_ONLY:
        yield node.line, f"variable '{node.into}' is not declared or cannot be changed"
        return
    for key, value in node.choices.items():
        if f"key:{key}" in node.edges:
            yield node.line, f"key '{key}' has both a target and a value"
        yield from _fill(flow, node.line, node.into, value)


def _parts(flow: Flow, node: Node) -> _Found:
    parts = [*getattr(node, "parts", ()), *getattr(node, "on_silence", ()), *getattr(node, "on_invalid", ())]
    for part in parts:
        if isinstance(part, model.PromptPart):
            continue
        if part.how in parcel.FORMATS:
            yield from _read(flow, part.ref, frozenset({Kind.ROW}))
        elif part.how not in say.FORMATS:
            names = ", ".join([*say.FORMATS, *parcel.FORMATS])
            yield part.line, f"nothing can be read as '{part.how}' ({names})"
        else:
            yield from _read(flow, part.ref, frozenset(say.FORMATS[part.how][1]))
            if (part.how == "quantity") != bool(part.unit) or (part.unit and part.unit not in say.UNITS):
                yield part.line, f"'unit' belongs to quantity and is one of {', '.join(say.UNITS)}"


def _lookup(flow: Flow, node: model.Lookup) -> _Found:
    operation = OPERATIONS.get(node.operation)
    if operation is None:
        yield node.line, f"no operation is named '{node.operation}' ({', '.join(OPERATIONS)})"
        return
    for name in operation.args.keys() - node.args.keys():
        yield node.line, f"{operation.name} needs the argument '{name}'"
    for name, operand in node.args.items():
        kind = operation.args.get(name)
        if kind is None:
            yield node.line, f"{operation.name} has no argument '{name}' ({', '.join(operation.args)})"
        elif isinstance(operand, model.Ref):
            yield from _read(flow, operand, _FITS[kind])
        else:
            try:
                values.scalar(kind, operand)
            except ValueError as e:
                yield node.line, f"'{operand}' does not fit argument '{name}': {e}"
    for name, source in node.store.items():
        if source not in operation.fields:
            yield node.line, f"{operation.name} gives no '{source}' ({', '.join(operation.fields)})"
            continue
        variable = _variable(flow, name)
        if variable is None or name in _READ_ONLY:
            yield node.line, f"variable '{name}' is not declared or cannot be changed"
        elif operation.fields[source] not in _FITS[variable.kind]:
            yield node.line, f"'{source}' is of type {operation.fields[source]}, '{name}' of {variable.kind}"
    named = {e.removeprefix("outcome:"): edge for e, edge in node.edges.items() if e.startswith("outcome:")}
    for outcome in operation.outcomes:
        if outcome not in named:
            yield node.line, f"outcome '{outcome}' of {operation.name} has no edge"
    for outcome, edge in named.items():
        if outcome not in operation.outcomes:
            yield edge.line, f"{operation.name} has no outcome '{outcome}' ({', '.join(operation.outcomes)})"


def _condition(flow: Flow, condition: model.Condition, calendars: Mapping[str, hours.Calendar]) -> _Found:
    if isinstance(condition, model.HoursTest):
        if condition.name not in calendars:
            yield condition.line, f"no calendar is named '{condition.name}' ({', '.join(calendars)})"
        if condition.state not in hours.STATES:
            yield condition.line, f"hours are {', '.join(hours.STATES)}, not '{condition.state}'"
        return
    ref = condition.ref
    if _variable(flow, ref.var) is None or (kind := _kind_of(flow, ref)) is None:
        yield condition.line, f"variable '{ref.var}' is not declared or has no such field"
        return
    if not condition.values:
        yield condition.line, f"'{condition.op}' compares with nothing"
        return
    if condition.op == "given":
        if not isinstance(condition.values[0], bool):
            yield condition.line, "'given' is true or false"
        return
    if condition.op in ("at_least", "below") and kind is not Kind.INT:
        yield condition.line, f"'{condition.op}' compares numbers, '{ref.var}' is of type {kind}"
        return
    variable = _variable(flow, ref.var)
    for value in condition.values:
        if isinstance(value, model.Ref):
            yield from _read(flow, value, _FITS[kind])
        elif variable is not None and not ref.field:
            yield from _fill_like(condition.line, variable, value)


def _fill_like(line: int, variable: Variable, value: object) -> _Found:
    try:
        values.coerce(variable, value)
    except ValueError as e:
        yield line, f"'{variable.name}' never is '{value}': {e}"


def _transfer(flow: Flow, node: model.TransferTo, queues: Set[str] | None) -> _Found:
    if isinstance(node.agent, model.Ref):
        yield from _read(flow, node.agent, frozenset({Kind.DIGITS}))
    named: tuple[str, ...] = (str(node.queue),)
    if isinstance(node.queue, model.Ref):
        yield from _read(flow, node.queue, frozenset({Kind.CHOICE}))
        variable = _variable(flow, node.queue.var)
        named = variable.values if variable is not None else ()
    for queue in named:
        if queues is not None and queue not in queues:
            yield node.line, f"no queue is named '{queue}' in the settings ({', '.join(sorted(queues))})"
