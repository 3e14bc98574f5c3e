"""Helpers: run a flow with events of our choosing, and make small flow folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cti.errors import LaidianError
from ivr_flows import model, values
from ivr_flows import protocol as p
from ivr_flows.engine import Engine, Step
from ivr_flows.lookups import Kind
from ivr_flows.sample import CALLER, Sample, built_in
from ivr_flows.state import State
from ivr_flows.walk import Walk

AT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)  # Wednesday, 10:00 in Shanghai
STRANGER = "13700000000"


@cache
def engine() -> Engine:
    """The shipped flows."""
    return Engine.load()


def begin(flow: str = "main", *, caller: str = CALLER, at: datetime = AT, **values: p.Scalar) -> Step:
    """A call at a flow."""
    return engine().start(flow, p.Started(caller=caller, at=at, values=values))


def usual(command: p.Command, data: Sample) -> p.Event:
    """What happens when all goes well and the caller is silent."""
    if isinstance(command, p.Play):
        return p.Played()
    if isinstance(command, p.Collect):
        return p.Entered("")
    if isinstance(command, p.Record):
        return p.Recorded("r-1", 4.0)
    if isinstance(command, p.Ask):
        try:
            return p.Answered(*data(command.operation, command.args))
        except LaidianError:
            return p.AskFailed("unavailable")
    raise TypeError(command)


def finish(
    step: Step, answer: Callable[[Step], p.Event | None] = lambda _: None, limit: int = 400
) -> list[Step]:
    """Every step to the end; `answer` may answer a step itself, else the usual happens."""
    data = built_in(AT)
    steps = [step]
    while not step.done:
        if len(steps) > limit:
            raise AssertionError(f"no end after {limit} steps: {step.state.path[-10:]}")
        event = answer(step)
        step = engine().step(step.state, event if event is not None else usual(step.last, data))
        steps.append(step)
    return steps


def waiting_nodes() -> Iterator[tuple[str, str]]:
    """Every node of every flow in which something is waited for."""
    for flow in engine().flows.values():
        for node in flow.nodes.values():
            if node.waits:
                yield flow.name, node.id


def listening_nodes() -> Iterator[tuple[str, str]]:
    """Every node in which keys are heard."""
    for flow in engine().flows.values():
        for node in flow.nodes.values():
            if node.asks or isinstance(node, model.Say):
                yield flow.name, node.id


def at_node(flow: str, node: str) -> Step:
    """A call that has come to a node, with something in every variable."""
    parcel = values.row({"number": "1234567890", "state": "delivering"})
    filled: dict[str, p.Value] = {"caller": CALLER, "queue": "hotline"}
    for variable in engine().flows[flow].variables.values():
        filled.setdefault(
            variable.name,
            {
                Kind.DIGITS: "1001",
                Kind.TEXT: "r-1",
                Kind.INT: variable.minimum or 1,
                Kind.BOOL: True,
                Kind.TIME: AT.isoformat(),
                Kind.ROW: parcel,
                Kind.ROWS: (parcel, parcel),
                Kind.CHOICE: variable.values[0] if variable.values else "",
            }[variable.kind],
        )
    return engine()._step(Walk(engine(), State(flow, flow, node, AT, values=filled)))


def write_flow(folder: Path, text: str, name: str = "main") -> Path:
    """A flow file in a folder."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path
