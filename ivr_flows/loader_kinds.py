"""The kinds of nodes in a flow file: what each needs, and its edges with fixed names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ivr_flows import model
from ivr_flows.marked import Map
from ivr_flows.model import Edge, Node

if TYPE_CHECKING:
    from ivr_flows.loader import Reader

_TELEPHONE = frozenset("0123456789*#")


def _input(reader: Reader, m: Map) -> dict[str, Any]:
    return {
        "parts": reader.parts(m.need("say", "a node that asks")),
        "on_silence": reader.parts(m.take("on_silence")) or reader.on_silence,
        "on_invalid": reader.parts(m.take("on_invalid")) or reader.on_invalid,
        "tries": m.whole("tries", reader.tries, 1, 5),
        "wait_s": m.number("wait_s", reader.wait_s, 1, 30),
        "barge_in": m.flag("barge_in", True),
    }


def _keys(reader: Reader, m: Map, edges: dict[str, Edge], *, required: bool) -> None:
    item = m.need("keys", "a menu") if required else m.take("keys")
    for key, target in item.map() if item is not None else ():
        if key not in _TELEPHONE:
            reader.faults.add(target.line, "key", f"'{key}' is no key of a telephone")
        edges[f"key:{key}"] = reader.edge(target)


def read_say(reader: Reader, m: Map, _: dict[str, Edge]) -> dict[str, Any]:
    return {"parts": reader.parts(m.need("say", "this node")), "barge_in": m.flag("barge_in", True)}


def read_menu(reader: Reader, m: Map, edges: dict[str, Edge]) -> dict[str, Any]:
    choices, into = m.take("values"), m.text("into")
    if (choices is None) != (not into):
        reader.faults.add(m.line, "missing", "a menu needs 'into' and 'values' together, or neither")
    _keys(reader, m, edges, required=choices is None)
    found: dict[str, Any] = {}
    for key, item in choices.map() if choices is not None else ():
        if key not in _TELEPHONE:
            reader.faults.add(item.line, "key", f"'{key}' is no key of a telephone")
        found[key] = item.scalar()
    return {**_input(reader, m), "into": into, "choices": found}


def read_digits(reader: Reader, m: Map, _: dict[str, Edge]) -> dict[str, Any]:
    least, most = 1, 20
    length = m.need("length", "a node of kind digits")
    if length is not None:
        bounds = [i.scalar() for i in length.items()]
        if len(bounds) == 1:
            bounds *= 2
        if len(bounds) == 2 and all(type(b) is int for b in bounds) and 1 <= bounds[0] <= bounds[1] <= 60:
            least, most = bounds
        else:
            reader.faults.add(length.line, "length", "'length' is a number or [least, most], from 1 to 60")
    into = m.need("into", "a node of kind digits")
    terminator = m.text("ends_with", "#")
    if terminator not in ("", "#", "*"):
        reader.faults.add(m.line, "key", "'ends_with' is '#', '*' or ''")
    return {
        **_input(reader, m),
        "into": into.text() if into else "",
        "least": least,
        "most": most,
        "terminator": terminator,
        "gap_s": m.number("gap_s", 4.0, 1, 15),
        "check": m.text("check"),
        "scale": m.whole("scale", 0, 0, 1_000_000),
    }


def read_choose(reader: Reader, m: Map, edges: dict[str, Edge]) -> dict[str, Any]:
    _keys(reader, m, edges, required=False)
    rows, into = m.need("rows", "a node of kind choose"), m.need("into", "a node of kind choose")
    return {
        **_input(reader, m),
        "rows": rows.text().removeprefix("$") if rows else "",
        "row_how": m.text("row_as", "parcel_short"),
        "into": into.text() if into else "",
    }


def read_survey(reader: Reader, m: Map, _: dict[str, Edge]) -> dict[str, Any]:
    into = m.need("into", "a survey")
    return {
        **_input(reader, m),
        "into": into.text() if into else "",
        "low": m.whole("low", 1, 1, 9),
        "high": m.whole("high", 5, 1, 9),
    }


def read_lookup(reader: Reader, m: Map, edges: dict[str, Edge]) -> dict[str, Any]:
    operation = m.need("operation", "a look-up")
    return _asking(reader, m, edges, operation.text() if operation else "")


def read_callback(reader: Reader, m: Map, edges: dict[str, Edge]) -> dict[str, Any]:
    return _asking(reader, m, edges, "callback_request")


def _asking(reader: Reader, m: Map, edges: dict[str, Edge], operation: str) -> dict[str, Any]:
    outcomes = m.need("outcomes", "a look-up")
    for outcome, target in outcomes.map() if outcomes is not None else ():
        edges[f"outcome:{outcome}"] = reader.edge(target)
    store = m.take("store")
    return {
        "operation": operation,
        "args": reader.operands(m.take("args")),
        "store": {var: i.text() for var, i in store.map()} if store is not None else {},
        "deadline_s": m.number("deadline_s", 2.0, 0.1, 10),
    }


def read_record(reader: Reader, m: Map, _: dict[str, Edge]) -> dict[str, Any]:
    into = m.need("into", "a recording")
    return {
        "parts": reader.parts(m.need("say", "a recording")),
        "into": into.text() if into else "",
        "maximum_s": m.whole("max_s", 60, 5, 300),
        "silence_s": m.whole("silence_s", 4, 1, 20),
        "least_s": m.number("least_s", 1.0, 0, 10),
    }


def read_set(reader: Reader, m: Map, _: dict[str, Edge]) -> dict[str, Any]:
    priority = m.whole("priority", -1, 0, 20)
    return {
        "values": reader.operands(m.take("values")),
        "priority": None if priority < 0 else priority,
    }


def read_branch(reader: Reader, m: Map, edges: dict[str, Edge]) -> dict[str, Any]:
    cases: list[tuple[model.Condition, ...]] = []
    item = m.need("cases", "a branch")
    for one in item.items() if item is not None else ():
        case = one.map()
        tests, go = case.need("if", "a case"), case.need("go", "a case")
        case.done("a case")
        if tests is None or go is None:
            continue
        edges[f"case:{len(cases)}"] = reader.edge(go)
        cases.append(tuple(c for i in tests.items() if (c := reader.condition(i)) is not None))
    return {"cases": tuple(cases)}


def read_call(reader: Reader, m: Map, _: dict[str, Edge]) -> dict[str, Any]:
    flow = m.need("flow", "a call")
    return {"flow": flow.text() if flow else ""}


def read_transfer(reader: Reader, m: Map, _: dict[str, Edge]) -> dict[str, Any]:
    queue, agent = m.need("queue", "a transfer"), m.take("agent")
    priority = m.whole("priority", -1, 0, 20)
    return {
        "queue": reader.operand(queue) if queue else "",
        "agent": reader.operand(agent) if agent else "",
        "priority": None if priority < 0 else priority,
    }


def read_nothing(reader: Reader, _m: Map, _: dict[str, Edge]) -> dict[str, Any]:
    return {}


def edge_names(cls: type[Node]) -> tuple[str, ...]:
    """The edges with fixed names that a node of this class must have (``too_often`` only with visits)."""
    names = {
        model.Say: ("next", "hangup"),
        model.Menu: ("next", "timeout", "invalid", "hangup"),
        model.Digits: ("next", "timeout", "invalid", "hangup", "empty"),
        model.Choose: ("next", "timeout", "invalid", "hangup"),
        model.Survey: ("next", "timeout", "invalid", "hangup"),
        model.Lookup: ("failed", "late", "hangup"),
        model.Callback: ("failed", "late", "hangup"),
        model.Record: ("next", "empty", "failed", "hangup"),
        model.Set: ("next",),
        model.Branch: ("else",),
        model.Goto: ("next",),
        model.Call: ("next",),
    }.get(cls, ())
    return (*names, "too_often")


def required_edges(node: Node) -> tuple[str, ...]:
    """Edges that this node must have; ``empty`` of digits and ``too_often`` without visits are optional."""
    names = [n for n in edge_names(type(node)) if n != "too_often"]
    if isinstance(node, model.Digits):
        names.remove("empty")
    if isinstance(node, model.Menu) and not node.into:
        names.remove("next")
    return (*names, "too_often") if node.visits else tuple(names)


_Read = Callable[[Any, Map, dict[str, Edge]], dict[str, Any]]
KINDS: Mapping[str, tuple[type[Node], _Read]] = {
    "play": (model.Say, read_say),
    "say": (model.Say, read_say),
    "menu": (model.Menu, read_menu),
    "digits": (model.Digits, read_digits),
    "choose": (model.Choose, read_choose),
    "survey": (model.Survey, read_survey),
    "lookup": (model.Lookup, read_lookup),
    "callback": (model.Callback, read_callback),
    "record": (model.Record, read_record),
    "set": (model.Set, read_set),
    "branch": (model.Branch, read_branch),
    "goto": (model.Goto, read_nothing),
    "call": (model.Call, read_call),
    "return": (model.Return, read_nothing),
    "transfer": (model.TransferTo, read_transfer),
    "hangup": (model.Hangup, read_nothing),
}
