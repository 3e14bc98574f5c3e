"""One step through a flow, on a working copy of the state: what each kind of node does and answers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cti.errors import StateError
from ivr_flows import clean, kinds, model, parcel, say, values
from ivr_flows import protocol as p
from ivr_flows.state import State

if TYPE_CHECKING:
    from ivr_flows.engine import Engine

MAX_SILENT = 64  # nodes in one step without a command
MAX_PATH = 200
_EXPECTED: Mapping[str, tuple[type, ...]] = {
    "Play": (p.Played, p.HungUp),
    "Collect": (p.Entered, p.HungUp),
    "Record": (p.Recorded, p.RecordFailed, p.HungUp),
    "Ask": (p.Answered, p.AskFailed, p.HungUp),
}


class Walk:
    """The working copy; made, used once and frozen again."""

    def __init__(self, engine: Engine, state: State) -> None:
        self.engine = engine
        self.state = state
        self.flow = engine.flows[state.flow]
        self.node_id = state.node
        self.values: dict[str, p.Value] = dict(state.values)
        self.tries = dict(state.tries)
        self.visits = dict(state.visits)
        self.stack = list(state.stack)
        self.path = list(state.path)
        self.published = dict(state.published)
        self.typed = state.typed
        self.swallow = state.swallow
        self.priority = state.priority
        self.gone = state.gone
        self.end = ""
        self.outcome: p.Command | None = None  # decided without entering a node

    # --- in and out ---

    def begin(self, started: p.Started) -> None:
        """Fill the built-in variables and those that the starter presets."""
        given: dict[str, object] = {
            **started.values,
            "caller": started.caller,
            "did": started.did,
            "tier": started.tier,
        }
        for name, value in given.items():
            variable = self.variable(name)
            if variable is not None:
                try:
                    self.values[name] = values.coerce(variable, value)
                except ValueError:
                    continue  # what the trunk sent cannot be used; the variable stays empty

    def freeze(self, command: p.Command) -> State:
        """The new state after `command`."""
        return replace(
            self.state,
            flow=self.flow.name,
            node=self.node_id,
            awaits="" if isinstance(command, p.Final) else type(command).__name__,
            stack=tuple(self.stack),
            values=self.values,
            tries=self.tries,
            visits=self.visits,
            path=tuple(self.path),
            published=self.published,
            typed=self.typed,
            swallow=self.swallow,
            priority=self.priority,
            steps=self.state.steps + 1,
            gone=self.gone,
            end=self.end,
        )

    def publish(self) -> p.Publish | None:
        """What has changed of the published variables."""
        now = self.context_values()
        changed = {name: value for name, value in now.items() if self.published.get(name, "") != value}
        if not changed:
            return None
        self.published = now
        return p.Publish(changed)

    def context_values(self) -> dict[str, str]:
        """Every published variable of every flow that holds something, as text."""
        found: dict[str, str] = {}
        for name in self.engine.published:
            value = self.values.get(name)
            if value and isinstance(value, str | int):
                found[name] = clean.text(value, clean.MAX_CONTEXT) if isinstance(value, str) else str(value)
        return found

    def context(self) -> dict[str, str]:
        """What the pop must carry: the published variables and the way through the menus."""
        names = ">".join(self.way())
        if len(names) > clean.MAX_CONTEXT:
            names = "…" + names[1 - clean.MAX_CONTEXT :]
        return {**self.context_values(), "path": names}

    def way(self) -> list[str]:
        """The menus that the caller went through, by the titles of their flows: people read these."""
        way: list[str] = []
        for step in self.path:
            name, dot, _ = step.partition(".")
            flow = self.engine.flows.get(name if dot else self.state.entry)
            if step.startswith("!"):
                way.append("!自助中断")  # the page marks what begins with an exclamation mark
            elif flow is not None and way[-1:] != [flow.title]:
                way.append(flow.title)
        return way

    # --- variables ---

    def variable(self, name: str) -> model.Variable | None:
        """The declaration of a variable."""
        return self.engine.variables.get(name)

    def value(self, operand: model.Operand) -> p.Value:
        """The value of a constant or a variable (its empty value when nothing was put there)."""
        if not isinstance(operand, model.Ref):
            return operand
        found = self.values.get(operand.var)
        if found is None:
            variable = self.variable(operand.var)
            found = values.empty(variable.kind) if variable is not None else ""
        if operand.field:
            return found.get(operand.field, "") if isinstance(found, Mapping) else ""
        return found

    def put(self, name: str, value: object) -> None:
        """Set a variable; ValueError when it cannot hold the value."""
        variable = self.variable(name)
        if variable is None:
            raise ValueError(f"no variable {name}")
        self.values[name] = values.coerce(variable, value)

    # --- sounds ---

    def sounds(self, parts: model.Parts) -> tuple[p.Sound, ...]:
        """The sounds of spoken parts with the values of now."""
        spoken = say.Spoken(self.state.at, self.engine.zone)
        found: list[p.Sound] = []
        for part in parts:
            if isinstance(part, model.PromptPart):
                found.append(p.Prompt(part.id))
                continue
            value = self.value(part.ref)
            if part.how in parcel.FORMATS:
                found += parcel.FORMATS[part.how](value, spoken) if isinstance(value, Mapping) else ()
            elif part.how in say.FORMATS:
                found += say.FORMATS[part.how][0](value, part.unit, part.options, spoken)
        return tuple(found)

    # --- moving ---

    @property
    def node(self) -> model.Node:
        """The node where the call is."""
        return self.flow.nodes[self.node_id]

    def goto(self, flow: str, node_id: str) -> None:
        """Be at a node."""
        self.flow = self.engine.flows[flow]
        self.node_id = node_id

    def follow(self, name: str) -> None:
        """Take the edge `name`; a missing one leads to a person (`check` finds it beforehand)."""
        edge = self.node.edges.get(name)
        if edge is None or edge.target not in self.flow.nodes:
            self.rescue(f"no_edge_{name}")
        else:
            self.node_id = edge.target

    def to_operator(self) -> None:
        """Key 0."""
        self.typed = ""
        if self.flow.operator.target in self.flow.nodes:
            self.node_id = self.flow.operator.target
        else:
            self.rescue("no_operator")

    def rescue(self, reason: str) -> None:
        """To a person, past all nodes: the flow cannot go on."""
        self.path.append(f"!{reason}")
        self.outcome = p.Transfer(self.engine.fallback_queue, "", self.priority, {})

    def run(self) -> p.Command:
        """Enter nodes until one has a command."""
        for _ in range(MAX_SILENT):
            if self.outcome is not None:
                return self._finished(self.outcome)
            node = self.node
            if self._may_enter(node):
                command = kinds.ENTER[type(node)](self, node)
                if command is not None:
                    return self._finished(command)
        self.rescue("loop")
        return self._finished(self.outcome or p.Finish({}))

    def _may_enter(self, node: model.Node) -> bool:
        name = node.id if self.flow.name == self.state.entry else f"{self.flow.name}.{node.id}"
        if len(self.path) < MAX_PATH:
            self.path.append(name)
        if node.visits:
            key = f"{self.flow.name}.{node.id}"
            self.visits[key] = self.visits.get(key, 0) + 1
            if self.visits[key] > node.visits:
                self.follow("too_often")
                return False
        return True

    def _finished(self, command: p.Command) -> p.Command:
        """Final commands get the context; a caller who is gone is neither transferred nor hung up."""
        if not isinstance(command, p.Final):
            return command
        if self.gone:
            command = p.Finish({})
        if isinstance(command, p.Transfer):
            self.end = f"transfer:{command.queue}"
        else:
            self.end = "hangup"
        return replace(command, context=self.context())

    # --- events ---

    def resume(self, event: p.Event) -> None:
        """Take what has happened to the node that waits."""
        if not isinstance(event, _EXPECTED[self.state.awaits]):
            raise StateError(
                f"the call waits for an answer to {self.state.awaits} at {self.flow.name}.{self.node_id}; "
                f"{type(event).__name__} has no edge"
            )
        if isinstance(event, p.HungUp):
            self.hang_up()
            return
        kinds.RESUME[type(self.node)](self, self.node, event)

    def hang_up(self) -> None:
        """The caller has gone: only what is worth saving is still done."""
        if self.gone or "hangup" not in self.node.edges:
            self.gone = True
            self.outcome = p.Finish({})
        else:
            self.gone = True
            self.follow("hangup")
