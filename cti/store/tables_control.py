"""Call control: every command that an agent gave, and what came of it. Who pressed what is never guessed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Table, Text

from cti.store.tables import metadata
from cti.store.types import Key, UtcDateTime


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="")


call_commands = Table(
    "call_commands",
    metadata,
    Column("id", Key, primary_key=True),  # made by the page: the same id is the same command
    Column("pop_id", Key, nullable=False),
    Column("node", Text, nullable=False),
    Column("linkedid", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("command", Text, nullable=False),  # cti.ami.moves.Command
    _text("target"),  # agent:1002, queue:vip, number:138…, flow:waybill
    Column("situation", Text, nullable=False),  # in which it was given
    Column("state", Text, nullable=False),  # pending, done, failed
    _text("code"),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
)
Index("ix_call_commands_call", call_commands.c.node, call_commands.c.linkedid, call_commands.c.asked_at)
Index("ix_call_commands_pop", call_commands.c.pop_id)
Index("ix_call_commands_asked", call_commands.c.asked_at)
