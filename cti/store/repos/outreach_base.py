"""What the sources of tasks share: keys that are not yet planned, the owner of a customer, what a run did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.store.repos.outreach import settle
from cti.store.tables import customers, users
from cti.store.tables_outreach import outreach_tasks

Row = Mapping[str, Any]


@dataclass(slots=True)
class Planned:
    """What one run did: tasks added and settled by kind, and what is to be told to a person."""

    added: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def settle(self, conn: Connection, row: Mapping[Any, Any], action: str, now: datetime, note: str) -> None:
        """The system's own step with a task, counted."""
        if settle(conn, row, action, now=now, note=note):
            self.settled[action] = self.settled.get(action, 0) + 1


def unplanned(key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether there is no task with this key, so that a bound on rows is one on new rows."""
    return ~sa.exists().where(outreach_tasks.c.key == key)


def key_of(*parts: sa.ColumnElement[Any] | str) -> sa.ColumnElement[str]:
    """The key of a task, put together in SQL from columns and words."""
    made: sa.ColumnElement[str] = sa.literal("")
    for part in parts:
        made = made.concat(part if isinstance(part, str) else sa.cast(part, sa.Text))
    return made


# the user who is a customer's representative, "" for none
OWNER = sa.func.coalesce(
    sa.select(sa.func.min(users.c.username))
    .where(users.c.agent == customers.c.representative, users.c.agent != "", sa.not_(users.c.disabled))
    .scalar_subquery(),
    "",
).label("owner")
