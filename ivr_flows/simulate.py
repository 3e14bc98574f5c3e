"""Play a flow as text: the engine as it is, typed keys instead of a caller, data instead of back ends.

`keys` holds the entries for the successive questions, separated by commas: ``1,1234567890#``. An empty entry
or ``-`` is silence, ``x`` hangs up. Keys that a question has no room for are heard by the next one, as on a
telephone. When the keys run out the caller is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from cti.errors import LaidianError, UsageError
from ivr_flows import protocol as p
from ivr_flows.engine import Engine, Step

DEFAULT_AT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)  # a Wednesday, 10:00 in Shanghai
MAX_ENTRIES = 500

Backend = Callable[[str, Mapping[str, p.Scalar]], tuple[str, Mapping[str, object]]]
"""Answers an operation with outcome and fields; raises LaidianError when it is away."""


@dataclass(frozen=True, slots=True)
class Played:
    """What happened: nodes entered, prompts and texts heard, variables set, and how the call ended."""

    path: tuple[str, ...]
    spoken: tuple[str, ...]
    vars: Mapping[str, Any]
    end: str

    def as_json(self) -> dict[str, Any]:
        """The contract of ``laidian flow simulate --json``."""
        return {
            "path": list(self.path),
            "spoken": list(self.spoken),
            "vars": dict(self.vars),
            "end": self.end,
        }


@dataclass
class Caller:
    """Presses keys: a telephone with the entries still to come."""

    entries: list[str]
    ahead: str = ""
    log: list[str] = field(default_factory=list)

    def answer(self, command: p.Collect) -> p.Entered | p.HungUp:
        """Keys for one question: until the terminator, the maximum, or the end of the entry."""
        keys = command.typed + self.ahead
        self.ahead = ""
        if not keys:
            entry = self.entries.pop(0) if self.entries else ""
            if entry == "x":
                return p.HungUp()
            keys = "" if entry == "-" else entry
        taken = ""
        for index, key in enumerate(keys):
            if command.terminator and key == command.terminator:
                self.ahead = keys[index + 1 :]
                return p.Entered(taken, "terminator")
            taken += key
            if len(taken) == command.maximum:
                self.ahead = keys[index + 1 :]
                return p.Entered(taken, "full")
        return p.Entered(taken, "timeout")


def caller(keys: str) -> Caller:
    """A caller from the text of ``--keys``; UsageError for what no telephone has."""
    entries = [entry.strip() for entry in keys.split(",")] if keys.strip() else []
    if len(entries) > MAX_ENTRIES:
        raise UsageError(f"at most {MAX_ENTRIES} entries")
    for entry in entries:
        if entry not in ("", "-", "x") and set(entry) - set("0123456789*#"):
            raise UsageError(f"'{entry}' is no entry: digits, * and #, '-' for silence, 'x' to hang up")
    return Caller(entries)


def play(
    engine: Engine,
    flow: str,
    keys: str,
    backend: Backend,
    *,
    started: p.Started | None = None,
    recording: Literal["ok", "failed"] = "ok",
    on_command: Callable[[p.Command], None] | None = None,
) -> Played:
    """Run a flow to its end. UsageError for an unknown flow or impossible keys."""
    presser = caller(keys)
    spoken: list[str] = []
    step = engine.start(flow, started or p.Started(at=DEFAULT_AT))
    while True:
        for command in step.commands:
            if on_command is not None:
                on_command(command)
            if isinstance(command, p.Play | p.Collect | p.Record):
                spoken += [s.id if isinstance(s, p.Prompt) else s.text for s in command.sounds]
        if step.done:
            return _played(step, spoken)
        step = engine.step(step.state, _event(step, presser, backend, recording))


def _event(step: Step, presser: Caller, backend: Backend, recording: str) -> p.Event:
    command = step.last
    if isinstance(command, p.Collect):
        return presser.answer(command)
    if isinstance(command, p.Ask):
        try:
            outcome, data = backend(command.operation, command.args)
        except LaidianError:
            return p.AskFailed("unavailable")
        return p.Answered(outcome, data)
    # the caller of a simulation listens to what is played and recorded, and can hang up there
    if presser.entries[:1] == ["x"] and not presser.ahead and isinstance(command, p.Record):
        presser.entries.pop(0)
        return p.HungUp()
    if isinstance(command, p.Record):
        return p.Recorded("simulated", 5.0) if recording == "ok" else p.RecordFailed("no space")
    return p.Played()


def _played(step: Step, spoken: Sequence[str]) -> Played:
    values = {k: v for k, v in step.state.values.items() if v not in ("", (), {})}
    return Played(step.state.path, tuple(spoken), values, step.state.end)
