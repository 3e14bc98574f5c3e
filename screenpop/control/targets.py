"""Where a call may be sent: agents and queues of the settings, and numbers that their pattern allows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cti.ami.moves import Command, Target, TargetKind
from cti.config import Settings
from cti.errors import UsageError

FLOWS = {"waybill": "输入运单号", "survey": "满意度评价"}  # scripts that a caller can be sent to in mid-call


@dataclass(frozen=True, slots=True)
class Targets:
    """What the settings allow. Raises UsageError with the code of the fault."""

    settings: Settings
    _number: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_number", re.compile(self.settings.control.numbers or "(?!)", re.ASCII))

    def find(self, kind: str, to: str, *, by: str) -> Target:
        """The target as the dialplan wants it; `by` is the agent who asks."""
        if kind == "agent":
            if to not in {a.number for a in self.settings.agents}:
                raise UsageError("no_such_agent")
            if to == by:
                raise UsageError("own_number")
            return Target(TargetKind.AGENT, to)
        if kind == "queue":
            names = [q.name for q in self.settings.queues]
            if to not in names:
                raise UsageError("no_such_queue")
            return Target(TargetKind.QUEUE, str(names.index(to) + 1))
        digits = re.sub(r"[ -]", "", to)
        if not self.settings.asterisk.trunk_contact or not self._number.fullmatch(digits):
            raise UsageError("number_not_allowed")
        return Target(TargetKind.NUMBER, digits)

    def flow(self, name: str) -> str:
        """The script of the self-service that a caller may be sent to."""
        if not self.settings.agi.enabled:
            raise UsageError("no_self_service")
        if name not in FLOWS:
            raise UsageError("no_such_flow")
        return name


def needs_target(command: Command) -> bool:
    """Whether a command says where to."""
    return command in (Command.BLIND, Command.CONSULT)
