"""Who pressed what in a call, as pages read it: the ledger's row, the contact, the agent's own call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import Field

from cti.ami.moves import Command
from screenpop import wire
from screenpop.api.models import Out
from screenpop.control import words


class PressedOut(Out):
    """One command and what came of it."""

    id: str
    agent: str
    username: str
    command: str
    label: str
    target: str = Field(description="KIND:TO; a number is masked as everywhere, and empty when it was erased")
    state: str
    code: str
    message: str
    asked_at: wire.Instant
    done_at: wire.Instant | None


def pressed(rows: Iterable[Mapping[Any, Any]], hide: Callable[[str], str]) -> tuple[PressedOut, ...]:
    """Rows of call_commands; `hide` masks numbers for those who may not see them."""
    return tuple(_pressed(row, hide) for row in rows)


def _pressed(row: Mapping[Any, Any], hide: Callable[[str], str]) -> PressedOut:
    command = Command(row["command"])
    same = ("id", "agent", "username", "command", "state", "code", "asked_at", "done_at")
    return PressedOut(
        **{name: row[name] for name in same},
        target=hide(row["target"]),
        label=words.NAMES[command],
        message=words.outcome(command, row["state"], row["code"]),
    )
