"""The flow engine: ``step(state, event)`` → a new state and what to do next. Pure: no I/O, no clock.

    engine = Engine.load()                       # the shipped flows; once per process
    step = engine.start("main", Started(...))    # then engine.step(step.state, event) until step.done

`protocol` says which event answers which command. Whatever is fed, a call ends: input nodes bound their
tries, silent nodes are bounded per step, and a call that has had `MAX_STEPS` commands goes to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from cti.errors import ConfigError, StateError, UsageError
from ivr_flows import entries, hours, loader
from ivr_flows.model import BUILTIN, Flow, Variable
from ivr_flows.protocol import Command, Event, Final, Started
from ivr_flows.state import State
from ivr_flows.walk import Walk

MAX_STEPS = 300


@dataclass(frozen=True, slots=True)
class Step:
    """The state after an event, and the commands it led to: announcements, then one to wait for or an end."""

    state: State
    commands: tuple[Command, ...]

    @property
    def last(self) -> Command:
        """The command that waits for an event, or ends the menus."""
        return self.commands[-1]

    @property
    def done(self) -> bool:
        """Has the call left the menus?"""
        return isinstance(self.last, Final)


@dataclass(frozen=True, slots=True)
class Engine:
    """All flows and the data they are walked with; one for all calls, safe to share between threads."""

    flows: Mapping[str, Flow]
    calendars: Mapping[str, hours.Calendar]
    checks: Mapping[str, entries.Check]
    zone: ZoneInfo
    fallback_queue: str = "hotline"
    variables: Mapping[str, Variable] = field(init=False)
    published: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        # one space of variables for the whole call, made once: the flows are walked with it at every step
        table = {name: v for flow in self.flows.values() for name, v in flow.variables.items()} | dict(
            BUILTIN
        )
        object.__setattr__(self, "variables", table)
        object.__setattr__(self, "published", tuple(n for n, v in table.items() if v.publish))

    @classmethod
    def load(
        cls,
        folder: Path = loader.FLOWS,
        *,
        hours_file: Path = hours.FILE,
        timezone: str = "Asia/Shanghai",
        waybill_pattern: str = entries.WAYBILL,
        fallback_queue: str = "hotline",
    ) -> Engine:
        """Read flows and hours; ConfigError with every fault by file and line. Run `check` for the proofs."""
        flows, faults = loader.load_all(folder)
        calendars, more = hours.load(hours_file, timezone)
        if faults or more:
            raise ConfigError("\n".join(str(f) for f in (*faults, *more)))
        return cls(flows, calendars, entries.checks(waybill_pattern), ZoneInfo(timezone), fallback_queue)

    def start(self, flow: str, started: Started) -> Step:
        """Begin a call; UsageError when there is no such flow."""
        if flow not in self.flows:
            raise UsageError(f"no flow '{flow}'; there are: {', '.join(sorted(self.flows))}")
        if started.at.tzinfo is None:
            raise UsageError("the moment of a call needs its time zone")
        walk = Walk(self, State(flow, flow, self.flows[flow].start.target, started.at))
        walk.begin(started)
        return self._step(walk)

    def step(self, state: State, event: Event) -> Step:
        """Go on with what has happened; StateError when the call awaits something else."""
        if not state.awaits:
            raise StateError(f"the call has left the menus ({state.end}); {type(event).__name__} has no edge")
        walk = Walk(self, state)
        if state.steps >= MAX_STEPS and not state.gone:
            walk.rescue("too_long")
        else:
            walk.resume(event)
        return self._step(walk)

    def _step(self, walk: Walk) -> Step:
        command = walk.run()
        commands: tuple[Command, ...] = (command,)
        if not isinstance(command, Final) and (publish := walk.publish()) is not None:
            commands = (publish, command)
        return Step(walk.freeze(command), commands)
