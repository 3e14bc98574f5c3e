"""Ledger, complaints, people, audit: what is written is found again, and nothing is written twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Connection

from cti.errors import StateError, UsageError
from cti.store import repos
from cti.store.db import Database
from cti.store.passwords import hash_password, needs_rehash, verify_password
from cti.store.repos import records

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    with database.begin() as connection:
        yield connection


def _pop(conn: Connection, id: str, agent: str = "1001") -> None:
    repos.add_pop(
        conn, id=id, node="pbx1", linkedid=f"l{id}", agent=agent, pbx_at=NOW, snapshot={"来电": [1]}
    )


def test_ledger_row_grows_step_by_step(conn: Connection) -> None:
    """A pop is written when made and updated at each step; open ones are given back after a crash."""
    _pop(conn, "a")
    _pop(conn, "b", "1002")
    assert repos.update_pop(conn, "a", acked_at=NOW, note="草稿", state="answered")
    assert [p["id"] for p in repos.open_pops(conn)] == ["a", "b"]
    assert [p["id"] for p in repos.open_pops(conn, "1001")] == ["a"]
    repos.update_pop(conn, "a", closed_at=NOW + HOUR, reason="completed")
    assert [p["id"] for p in repos.open_pops(conn)] == ["b"]
    row = repos.pop(conn, "a")
    assert row is not None
    assert (row["note"], row["snapshot"], row["acked_at"]) == ("草稿", {"来电": [1]}, NOW)
    assert [p["id"] for p in repos.pops_of_agent(conn, "1001", since=NOW - HOUR)] == ["a"]


def test_ledger_row_is_written_once(conn: Connection) -> None:
    """The same pop told twice keeps the first row; an unknown one is not updated; columns are checked."""
    _pop(conn, "a")
    repos.update_pop(conn, "a", note="x")
    _pop(conn, "a")
    row = repos.pop(conn, "a")
    assert row is not None
    assert row["note"] == "x"
    assert repos.update_pop(conn, "zzz", note="x") is False
    with pytest.raises(UsageError, match="no column colour"):
        repos.update_pop(conn, "a", colour="red")


def test_gaps(conn: Connection) -> None:
    """A gap is open until the connection is back; told twice it is one."""
    repos.open_gap(conn, "pbx1", NOW, "reset")
    repos.open_gap(conn, "pbx1", NOW, "reset")
    assert [g["until"] for g in repos.list_gaps(conn, since=NOW)] == [None]
    assert repos.close_gap(conn, "pbx1", NOW + HOUR) == 1
    assert repos.close_gap(conn, "pbx1", NOW + HOUR) == 0
    assert repos.list_gaps(conn, since=NOW + 2 * HOUR) == []


def _complain(conn: Connection) -> int:
    return repos.add_complaint(
        conn, category="破损", summary="外箱破损", opened_at=NOW, opened_by="1001", waybill="HC1"
    )


def test_complaint_has_code_deadline_and_history(conn: Connection) -> None:
    """domain.md §5: record — a complaint gets its own code, a deadline of its category, and a line for
    each thing done."""
    one, two = _complain(conn), _complain(conn)
    first, second = repos.complaint(conn, one), repos.complaint(conn, two)
    assert first is not None
    assert second is not None
    assert first["code"].startswith("TS20250310-")
    assert first["code"] != second["code"]
    assert first["due_at"] == NOW + timedelta(hours=24)
    version = repos.act_on_complaint(conn, one, "take", version=1, who="1002", at=NOW)
    version = repos.act_on_complaint(
        conn, one, "resolve", version=version, who="1002", at=NOW + HOUR, result="赔付 50 元"
    )
    version = repos.act_on_complaint(conn, one, "tell", version=version, who="1002", at=NOW + 2 * HOUR)
    repos.act_on_complaint(conn, one, "close", version=version, who="1002", at=NOW + 3 * HOUR)
    row = repos.complaint(conn, one)
    assert row is not None
    assert (row["state"], row["told_by"], row["told_at"], row["closed_at"]) == (
        "closed",
        "1002",
        NOW + 2 * HOUR,
        NOW + 3 * HOUR,
    )
    actions = [e["action"] for e in repos.complaint_history(conn, one)]
    assert actions == ["open", "take", "resolve", "tell", "close"]


def test_two_people_editing_one_complaint(conn: Connection) -> None:
    """The second to save a version that somebody else has changed is told, and nothing is overwritten."""
    complaint = _complain(conn)
    assert repos.edit_complaint(conn, complaint, version=1, who="1001", at=NOW, department="派送部") == 2
    with pytest.raises(repos.StaleVersion):
        repos.edit_complaint(conn, complaint, version=1, who="1002", at=NOW, department="客服部")
    with pytest.raises(repos.StaleVersion):
        repos.act_on_complaint(conn, complaint, "take", version=1, who="1002", at=NOW)
    row = repos.complaint(conn, complaint)
    assert row is not None
    assert (row["department"], row["state"], row["version"]) == ("派送部", "open", 2)


def test_impossible_steps_of_a_complaint(conn: Connection) -> None:
    """An edge that the table does not have, a state set by hand and a foreign category are refused."""
    complaint = _complain(conn)
    with pytest.raises(StateError, match="open has no action 'close'"):
        repos.act_on_complaint(conn, complaint, "close", version=1, who="1001", at=NOW)
    with pytest.raises(UsageError, match="by an action only"):
        repos.edit_complaint(conn, complaint, version=1, who="1001", at=NOW, state="closed")
    with pytest.raises(UsageError, match="category"):
        repos.add_complaint(conn, category="天气", summary="", opened_at=NOW, opened_by="1001")
    with pytest.raises(UsageError, match="no complaint"):
        repos.act_on_complaint(conn, 10**9, "take", version=1, who="1001", at=NOW)


def test_late_complaints_are_listed_by_deadline(conn: Connection) -> None:
    """The list begins with the most urgent; with a moment it holds those past it."""
    repos.add_complaint(conn, category="费用", summary="b", opened_at=NOW, opened_by="1001")
    repos.add_complaint(conn, category="查询结果不一致", summary="a", opened_at=NOW, opened_by="1001")
    assert [c["summary"] for c in repos.list_complaints(conn)] == ["a", "b"]
    late = repos.list_complaints(conn, late_at=NOW + timedelta(hours=13))
    assert [c["summary"] for c in late] == ["a"]


def test_contact_of_a_call(conn: Connection) -> None:
    """A contact made by an agent's part of a call is found again, so that a second save updates it."""
    made = repos.add_contact(conn, at=NOW, channel="call", node="pbx1", linkedid="1.2", agent="1001", ivr={})
    assert repos.update_contact(conn, made, disposition="查件")
    row = repos.contact_of_call(conn, "pbx1", "1.2", "1001")
    assert row is not None
    assert (row["id"], row["disposition"]) == (made, "查件")
    assert repos.contact_of_call(conn, "pbx1", "1.2", "1002") is None
    with pytest.raises(UsageError):
        records.add_contact(conn, at=NOW, channel="call", mood="good")


def _user(conn: Connection, username: str = "1001") -> int:
    return repos.add_user(
        conn, username=username, password_hash="x", name="陈晓", roles=["agent"], agent="1001", now=NOW
    )


def test_users(conn: Connection) -> None:
    """A user is found by name and agent number; a second one of the name and unknown roles are refused."""
    made = _user(conn)
    found = repos.user_by_name(conn, "1001")
    assert found is not None
    assert (found.id, found.roles, found.agent) == (made, ("agent",), "1001")
    assert repos.user_by_agent(conn, "1001") == found
    assert repos.user_by_agent(conn, "") is None
    with pytest.raises(UsageError, match="exists"):
        _user(conn)
    with pytest.raises(UsageError, match="unknown role king"):
        repos.add_user(conn, username="k", password_hash="", name="", roles=["king"], now=NOW)
    repos.update_user(conn, made, now=NOW, disabled=True)
    assert repos.user_by_agent(conn, "1001") is None


def test_sessions_end(conn: Connection) -> None:
    """A session is good until it expires, is ended, or its user is disabled."""
    made = _user(conn)
    for token in ("a", "b", "c"):
        repos.add_session(conn, token_hash=token, user_id=made, created_at=NOW, expires_at=NOW + HOUR)
    found = repos.session_user(conn, "a", NOW)
    assert found is not None
    assert found.username == "1001"
    assert repos.session_user(conn, "a", NOW + HOUR) is None
    assert repos.end_session(conn, "a") is True
    assert repos.end_session(conn, "a") is False
    assert repos.session_user(conn, "a", NOW) is None
    assert repos.end_sessions_of(conn, made) == 2
    repos.add_session(conn, token_hash="d", user_id=made, created_at=NOW, expires_at=NOW + HOUR)
    repos.update_user(conn, made, now=NOW, disabled=True)
    assert repos.session_user(conn, "d", NOW) is None
    assert repos.purge_sessions(conn, NOW + 2 * HOUR) == 1


def test_audit(conn: Connection) -> None:
    """Each look at a full number is on record, newest first, by person and by subject."""
    for i in range(3):
        repos.add_audit(
            conn, at=NOW + i * HOUR, who=f"100{i}", action="reveal", subject="customer:1", detail={"n": i}
        )
    assert [e["detail"]["n"] for e in repos.list_audit(conn, subject="customer:1")] == [2, 1, 0]
    assert len(repos.list_audit(conn, who="1001")) == 1


def test_passwords() -> None:
    """A password is verified against its argon2id hash; anything else is just wrong."""
    stored = hash_password("正确的密码")
    assert stored.startswith("$argon2id$")
    assert verify_password(stored, "正确的密码")
    assert not verify_password(stored, "错误的密码")
    assert not verify_password("no hash", "x")
    assert not needs_rehash(stored)
