"""Writing down what was said: contacts on any channel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.errors import UsageError
from cti.store.repos.common import known
from cti.store.tables import contacts


class StaleVersion(UsageError):
    """Somebody else changed the record meanwhile; read it again and decide."""


def add_contact(conn: Connection, *, at: datetime, channel: str, **columns: Any) -> int:
    """A contact (联系历史) on any channel; further columns of ``contacts`` by name. Returns its id."""
    values = {"at": at, "channel": channel, **columns}
    known(contacts, values)
    return int(conn.execute(sa.insert(contacts).values(values).returning(contacts.c.id)).scalar_one())


def update_contact(conn: Connection, contact_id: int, **columns: Any) -> bool:
    """Set columns of one contact; False if there is none."""
    known(contacts, columns)
    return conn.execute(sa.update(contacts).where(contacts.c.id == contact_id).values(columns)).rowcount == 1


def contact_of_call(conn: Connection, node: str, linkedid: str, agent: str) -> RowMapping | None:
    """The contact that an agent's part of a call made, so that a note saved twice makes one contact."""
    query = sa.select(contacts).where(
        contacts.c.node == node, contacts.c.linkedid == linkedid, contacts.c.agent == agent
    )
    return conn.execute(query.order_by(contacts.c.id)).mappings().first()
