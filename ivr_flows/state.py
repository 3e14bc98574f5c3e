"""The state of one call in the menus: small, immutable, and writable as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from cti.errors import UsageError
from ivr_flows.protocol import Value

VERSION = 1


@dataclass(frozen=True, slots=True)
class State:
    """Where a call is and what is known of it.

    `awaits` names the class of the command that an event must answer ("" once the call has left the menus).
    `path` holds the nodes that were entered, those of called flows as ``flow.node``; `typed` keys pressed
    ahead; `tries` the wrong and silent answers per node; `steps` the commands so far.
    """

    entry: str
    flow: str
    node: str
    at: datetime
    awaits: str = ""
    stack: tuple[tuple[str, str], ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)
    visits: Mapping[str, int] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    published: Mapping[str, str] = field(default_factory=dict)
    typed: str = ""
    swallow: str = ""
    priority: int = 0
    steps: int = 0
    gone: bool = False
    end: str = ""

    def dump(self) -> dict[str, Any]:
        """This state as plain JSON data."""
        data = asdict(self)
        data["at"] = self.at.isoformat()
        return {"version": VERSION, **data}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> State:
        """The state that `dump` wrote, also by way of JSON; UsageError if it is of another version."""
        if data.get("version") != VERSION:
            raise UsageError(
                f"a state of version {data.get('version')!r} cannot be read, {VERSION} is needed"
            )
        plain = {key: value for key, value in data.items() if key != "version"}
        plain["at"] = datetime.fromisoformat(data["at"])
        plain["stack"] = tuple((flow, node) for flow, node in data["stack"])
        plain["path"] = tuple(data["path"])
        plain["values"] = {k: tuple(v) if isinstance(v, list) else v for k, v in data["values"].items()}
        return cls(**plain)
