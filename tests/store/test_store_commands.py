"""Commands of call control in the store: written twice they are there once, and their first end counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cti.ami.moves import Command
from cti.ami.situation import Situation
from cti.domain.call import CallKey
from cti.store.db import Database
from cti.store.repos.commands import apply_command, commands_of_call, recent_commands
from screenpop.control.orders import Order, Orders, order_from

AT = datetime(2025, 3, 10, 1, 0, tzinfo=UTC)


def _order(id: str, minutes: float = 0.0) -> Order:
    key = CallKey("pbx1", "1741568400.1")
    at = AT + timedelta(minutes=minutes)
    return Order(id, "p1", key, "1001", "a1001", Command.BLIND, "agent:1002", Situation.HELD, at)


def test_a_command_is_kept_once_with_its_first_end(database: Database) -> None:
    """A record told again after a crash changes nothing: who pressed what, and how it ended, stays."""
    order = _order("first-command")
    done = order.ended(AT + timedelta(seconds=1))
    with database.begin() as conn:
        for record in (order, done, order, order.ended(AT + timedelta(seconds=9), "lost"), done):
            apply_command(conn, record.record())
        apply_command(conn, _order("second-command", minutes=1).record())
    with database.begin(write=False) as conn:
        rows = commands_of_call(conn, "pbx1", "1741568400.1")
        late = recent_commands(conn, AT + timedelta(seconds=30))
    assert [order_from(row) for row in rows] == [done, _order("second-command", minutes=1)]
    assert [row["id"] for row in late] == ["second-command"]


def test_after_a_restart_only_what_has_no_end_is_open() -> None:
    """One command at a time for a pop; those that were done are remembered, not open."""
    orders = Orders()
    one, two = _order("first-command").ended(AT), _order("second-command", minutes=1)
    assert orders.restore([one, two]) == [two]
    assert orders.get("first-command") == one
    assert orders.pending("p1") == two
    orders.put(two.ended(AT, "restarted"))
    assert (orders.pending("p1"), orders.get("second-command")) == (None, two.ended(AT, "restarted"))
