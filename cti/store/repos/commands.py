"""Commands of call control as rows: written through the journal, before anything is sent to the PBX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.store.repos.common import insert_or_skip, moment
from cti.store.tables_control import call_commands

_GIVEN = tuple(c.name for c in call_commands.c if c.name not in ("asked_at", "done_at"))
MAX_SHOWN = 500


def apply_command(conn: Connection, record: Mapping[str, Any]) -> None:
    """Write one record of the journal: a command was given, or has come to its end. May be done twice."""
    row = {name: record[name] for name in _GIVEN} | {"asked_at": moment(record["asked_at"])}
    insert_or_skip(conn, call_commands, [row], ["id"])
    if record["done_at"]:
        ended = {"state": record["state"], "code": record["code"], "done_at": moment(record["done_at"])}
        mine = sa.and_(call_commands.c.id == record["id"], call_commands.c.done_at.is_(None))
        conn.execute(sa.update(call_commands).where(mine).values(ended))


def recent_commands(conn: Connection, since: datetime) -> Sequence[RowMapping]:
    """Commands given since then, oldest first: what a service has to know after a restart."""
    query = sa.select(call_commands).where(call_commands.c.asked_at >= since)
    return conn.execute(query.order_by(call_commands.c.asked_at)).mappings().all()


def commands_of_call(conn: Connection, node: str, linkedid: str) -> Sequence[RowMapping]:
    """Who pressed what in one call, oldest first."""
    mine = sa.and_(call_commands.c.node == node, call_commands.c.linkedid == linkedid)
    query = sa.select(call_commands).where(mine).order_by(call_commands.c.asked_at).limit(MAX_SHOWN)
    return conn.execute(query).mappings().all()
