"""Commands of call control as rows: written through the journal, before anything is sent to the PBX."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.store import tables as t
from cti.store.repos.common import insert_or_skip, moment
from cti.store.tables_control import call_commands

_GIVEN = tuple(c.name for c in call_commands.c if c.name not in ("asked_at", "done_at"))
MAX_SHOWN = 500
NO_NUMBER = {"target": "number:"}  # what is left of a dialled number


def dialled() -> sa.ColumnElement[bool]:
    """Whether a command holds a number that was dialled."""
    target = call_commands.c.target
    return sa.and_(target.like("number:%"), target != NO_NUMBER["target"])


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


def count_commands(conn: Connection, calls: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How many commands were given in each of these calls (node, linkedid); calls without any are absent."""
    c = call_commands.c
    mine = sa.and_(c.node.in_({n for n, _ in calls}), c.linkedid.in_({of for _, of in calls}))
    query = sa.select(c.node, c.linkedid, sa.func.count()).where(mine).group_by(c.node, c.linkedid)
    return {(node, linkedid): int(n) for node, linkedid, n in conn.execute(query).tuples()}


def forget_numbers(conn: Connection, pops: sa.ColumnElement[bool], keys: Collection[str]) -> None:
    """Numbers dialled in the calls of these pops, and commands that dialled one of these keys."""
    c, p = call_commands.c, t.pops.c
    in_call = sa.exists().where(p.node == c.node, p.linkedid == c.linkedid, pops)
    own = c.target.in_(["number:" + re.sub(r"\D", "", key) for key in keys])
    conn.execute(sa.update(call_commands).where(dialled(), sa.or_(in_call, own)).values(NO_NUMBER))
