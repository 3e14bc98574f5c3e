"""Calls out in the store: the same click is the same call, on both stores, whatever comes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cti.domain.dialling import DialState, Limits
from cti.store.db import Database
from cti.store.repos import dialling
from cti.store.repos.dialling import DialRefused

NOW = datetime(2026, 11, 25, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ONE, TWO = "mobile:13800000001", "mobile:13800000002"


def _begin(db: Database, key: str, agent: str = "1001", number: str = ONE, **how: Any) -> tuple[int, bool]:
    limits = how.pop("limits", Limits(6, 60, 30))
    with db.begin() as conn:
        about = {"username": agent, "number_key": number, "number_display": number, **how}
        row, new = dialling.begin(conn, key=key, agent=agent, now=NOW, limits=limits, **about)
    return int(row["id"]), new


def _move(db: Database, attempt: int, *states: DialState) -> list[bool]:
    done = []
    for n, state in enumerate(states):
        with db.begin() as conn:
            done.append(dialling.move(conn, attempt, state, at=NOW + n * SECOND))
    return done


def _state(db: Database, attempt: int) -> Any:
    with db.begin(write=False) as conn:
        return dialling.attempt(conn, attempt)


def test_the_same_click_is_the_same_call(database: Database) -> None:
    """A key again, or another click for the same number, gives the call that there is; others are refused."""
    first, new = _begin(database, "k1")
    assert new
    assert _begin(database, "k1") == (first, False)
    assert _begin(database, "k2") == (first, False)
    for key, agent, number, code in (
        ("k3", "1001", TWO, "already_calling"),
        ("k4", "1002", ONE, "being_called"),
        ("k1", "1002", TWO, "key_in_use"),
    ):
        with pytest.raises(DialRefused) as refused:
            _begin(database, key, agent, number)
        assert refused.value.code == code
    _move(database, first, DialState.AGENT, DialState.AGENT_NO_ANSWER)
    assert _begin(database, "k1") == (first, False)  # the answer was lost: it is not dialled again
    assert _begin(database, "k5")[1]


def test_clicks_at_the_same_moment_make_one_call(database: Database) -> None:
    """Eight connections at once: one row, and everybody gets it."""

    def click(n: int) -> int:
        return _begin(database, f"key-{n % 2}")[0]

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(click, range(8)))
    assert len(ids) == 1
    with database.begin(write=False) as conn:
        assert len(dialling.live_attempts(conn)) == 1


def test_what_is_heard_twice_or_late_changes_nothing(database: Database) -> None:
    """The answer to Originate after the customer has answered is late; an end stays the end."""
    attempt, _ = _begin(database, "k1")
    states = (DialState.AGENT, DialState.TALKING, DialState.CUSTOMER, DialState.BUSY, DialState.ENDED)
    assert _move(database, attempt, *states, DialState.TALKING) == [True, True, False, False, True, False]
    row = _state(database, attempt)
    assert (row["state"], row["talk_s"], row["ended_at"]) == ("ended", 3.0, NOW + 4 * SECOND)


def test_silence_ends_as_unknown(database: Database) -> None:
    """What nothing was heard of is given up after its time, a talk later; then the agent may call again."""
    rings, _ = _begin(database, "k1")
    talks, _ = _begin(database, "k2", "1002", TWO)
    _move(database, rings, DialState.AGENT)
    _move(database, talks, DialState.AGENT, DialState.TALKING)
    spans = {"ringing": timedelta(seconds=90), "talking": timedelta(hours=4)}
    for after, ended in ((60, 0), (91, 1), (3600, 0), (4 * 3600 + 1, 1)):
        with database.begin() as conn:
            assert dialling.give_up(conn, now=NOW + after * SECOND, **spans) == ended
    assert {_state(database, a)["state"] for a in (rings, talks)} == {"unknown"}
    assert _begin(database, "k3")[1]


def test_too_many_calls_are_refused(database: Database) -> None:
    """Limits hold per agent, for the hotline, and at once."""
    for n in range(2):
        _move(database, _begin(database, f"a{n}")[0], DialState.PBX_AWAY)
    for limits in (Limits(2, 60, 30), Limits(9, 2, 30)):
        with pytest.raises(DialRefused, match="too_many_calls"):
            _begin(database, "b", limits=limits)
    _begin(database, "c", "1002", TWO)
    with pytest.raises(DialRefused, match="too_many_calls"):
        _begin(database, "d", limits=Limits(9, 60, 1))
