"""Planning what we owe customers, and its tasks over their life, on both stores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cti.config import Settings
from cti.domain.complaint import ComplaintState
from cti.errors import StateError, UsageError
from cti.store import repos
from cti.store.db import Database
from cti.store.outreach_rules import Rules, outreach_rules
from cti.store.repos import outreach
from cti.store.repos.ivr import save_score
from cti.store.repos.outreach import Given, act
from cti.store.repos.outreach_lists import TaskFilter, count_tasks, figures, find_tasks
from cti.store.repos.outreach_plan import plan_day, plan_events
from cti.store.tables import contacts, customers, numbers, waybills
from cti.store.tables_outreach import outreach_steps, outreach_tasks
from cti.store.tables_tiers import customer_metrics, customer_tiers, retention_steps

# Wednesday, 25 November 2026, 09:00 in Shanghai; the third slice of the month, the first of the week
NOW = datetime(2026, 11, 25, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _rules(**own: Any) -> Rules:
    shares = {"receipt_share": 1.0, "delivery_share": 1.0}
    return outreach_rules(Settings(company="来电速运", outreach={**shares, **own}))


def _customer(db: Database, code: str, tier: str = "", **values: Any) -> int:
    row = {"code": code, "kind": "person", "name": f"客户{code}", "title": "先生", "grams": []}
    with db.begin() as conn:
        made = sa.insert(customers).values(created_at=NOW, updated_at=NOW, **{**row, **values})
        found = int(conn.execute(made.returning(customers.c.id)).scalar_one())
        if tier:
            conn.execute(
                sa.insert(customer_tiers).values(customer_id=found, scheme="abcd", tier_id=tier, at=NOW)
            )
    return found


def _waybill(db: Database, number: str, state: str, **values: Any) -> None:
    receiver = {"receiver_name": "赵", "receiver_key": f"mobile:{number}", "receiver_display": number}
    with db.begin() as conn:
        row = {"number": number, "state": state, "created_at": NOW, "updated_at": NOW, **receiver, **values}
        conn.execute(sa.insert(waybills).values(row))


def _tasks(db: Database, kind: str = "", **more: Any) -> list[Any]:
    with db.begin(write=False) as conn:
        return list(find_tasks(conn, TaskFilter(kind=kind, **more)))


def _act(db: Database, task_id: int, action: str, version: int, who: str = "a1", **given: Any) -> int:
    with db.begin() as conn:
        return act(conn, task_id, action, version=version, who=who, now=NOW, given=Given(**given))


def _contact(db: Database, customer: int, at: datetime, channel: str) -> None:
    with db.begin() as conn:
        repos.add_contact(conn, at=at, channel=channel, direction="outbound", customer_id=customer)


def test_visit_plan_counts_what_was_done(database: Database) -> None:
    """domain.md §7: visit plan — the ABCD table makes tasks by slice; contacts of the period count,
    once."""
    rules = _rules()
    a, b, c, d = (_customer(database, code, code, representative="7001") for code in "ABCD")
    with database.begin() as conn:
        how = {"password_hash": "x", "name": "代表", "roles": ("agent",), "now": NOW, "agent": "7001"}
        repos.add_user(conn, username="rep", **how)
    _contact(database, a, NOW - 20 * DAY, "visit")  # this month: covers one of three
    _contact(database, a, NOW - DAY, "call")  # this week
    _contact(database, b, datetime(2026, 10, 31, 15, 59, tzinfo=UTC), "visit")  # October in Shanghai
    _contact(database, c, datetime(2026, 10, 31, 16, tzinfo=UTC), "visit")  # 1 November in Shanghai
    done = plan_day(database, rules, now=NOW)
    assert (done.added["visit"], done.added["visit_call"]) == (2 + 2, 3)
    planned = {(t["customer_id"], t["kind"], t["slot"]) for t in _tasks(database)}
    assert planned == {
        *((a, "visit", 2), (a, "visit", 3), (b, "visit", 1), (b, "visit", 2)),
        *((b, "visit_call", 1), (c, "visit_call", 1), (d, "visit_call", 1)),
    }
    assert {t["owner"] for t in _tasks(database)} == {"rep"}
    last = next(t for t in _tasks(database, "visit") if t["slot"] == 3)
    assert last["due_at"] == datetime(2026, 11, 30, 10, tzinfo=UTC)
    again = plan_day(database, rules, now=NOW)
    assert sum(again.added.values()) == 0


def test_contact_meets_and_the_end_of_the_period_lapses(database: Database) -> None:
    """A visit made meanwhile ends its task as met; what the period leaves undone is missed, not heaped up."""
    rules = _rules()
    b = _customer(database, "B", "B")
    plan_day(database, rules, now=NOW)
    _contact(database, b, NOW, "visit")
    assert plan_day(database, rules, now=NOW).settled == {"meet": 1}
    later = datetime(2026, 11, 30, 16, tzinfo=UTC)  # December in Shanghai
    done = plan_day(database, rules, now=later)
    assert done.settled == {"lapse": 2}  # the second visit, and the call of the week before
    states = {(t["kind"], t["slot"], t["period"]): t["state"] for t in _tasks(database)}
    assert states["visit", 1, "2026-11-01"] == "met"
    assert states["visit", 2, "2026-11-01"] == states["visit_call", 1, "2026-11-23"] == "missed"
    assert states["visit", 1, "2026-12-01"] == "open"


def test_planning_is_bounded_and_says_so(database: Database) -> None:
    """No run adds more of a kind than the setting says; what was left out is told, as is a missing year."""
    for n in range(4):
        _customer(database, f"D{n}", "D")
    done = plan_day(database, _rules(plan_most=3), now=NOW)
    assert done.added["visit_call"] == 3
    assert [t for t in done.said if "visit_call" in t and "3" in t]
    assert plan_day(database, _rules(plan_most=3), now=NOW).added["visit_call"] == 1
    late = plan_day(database, _rules(), now=datetime(2032, 10, 2, tzinfo=UTC))
    assert [t.split()[0] for t in late.said] == ["春节", "元宵节", "端午节", "中秋节"]


def test_receivers_of_yesterday_are_called_this_morning(database: Database) -> None:
    """domain.md §7: morning after delivery — yesterday by the clock of Asia/Shanghai, each receiver
    once."""
    _waybill(database, "1000000001", "signed", delivered_at=datetime(2026, 11, 23, 16, tzinfo=UTC))
    one = {"receiver_key": "mobile:13800000001"}
    for number in ("1000000002", "1000000003"):
        _waybill(database, number, "signed", delivered_at=datetime(2026, 11, 24, 15, 59, tzinfo=UTC), **one)
    _waybill(database, "1000000004", "signed", delivered_at=datetime(2026, 11, 24, 16, tzinfo=UTC))
    _waybill(database, "1000000005", "signed", delivered_at=datetime(2026, 11, 23, 15, 59, tzinfo=UTC))
    plan_day(database, _rules(), now=NOW)
    calls = _tasks(database, "receipt_call")
    assert {t["waybill"] for t in calls} == {"1000000001", "1000000002"}
    assert {t["due_at"] for t in calls} == {datetime(2026, 11, 25, 4, tzinfo=UTC)}  # by noon
    assert "13800000001" not in "".join(t["key"] for t in calls)  # keys outlive the person
    none = plan_day(database, _rules(receipt_share=0.0), now=NOW + DAY)
    assert none.added["receipt_call"] == 0


def test_receivers_of_arrived_parcels_are_asked_when(database: Database) -> None:
    """domain.md §8 Outbound (JG 5.4): a parcel that waits at the site is one delivery appointment call."""
    _waybill(database, "1000000001", "arrived")
    _waybill(database, "1000000002", "at_pickup", updated_at=NOW - 3 * DAY)
    _waybill(database, "1000000003", "in_transit")
    for _ in range(2):
        plan_day(database, _rules(), now=NOW)
    (call,) = _tasks(database, "delivery_call")
    assert (call["waybill"], call["name"], call["number_key"]) == ("1000000001", "赵", "mobile:1000000001")
    assert call["due_at"] == datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_receipt_call_keeps_the_answers(database: Database) -> None:
    """domain.md §7: morning after delivery — what was asked is stored; a question left out is named;
    undone takes it back."""
    _waybill(database, "1000000001", "signed", delivered_at=NOW - DAY)
    plan_day(database, _rules(), now=NOW)
    (task,) = _tasks(database, "receipt_call")
    version = _act(database, task["id"], "take", 1)
    with pytest.raises(UsageError, match="condition"):
        _act(database, task["id"], "finish", version, outcome="reached", answers={"received": "yes"})
    good = {"received": "yes", "when": "on_time", "condition": "damaged", "signed": "self"}
    version = _act(
        database,
        task["id"],
        "finish",
        version,
        outcome="reached",
        answers=good,
        result="外箱压坏",
        scores={"intact": 2},
    )
    (task,) = _tasks(database, "receipt_call")
    assert (task["state"], task["answers"], task["ended_at"]) == ("done", good, NOW)
    (follow,) = _tasks(database, "survey_followup")
    assert (follow["detail"], follow["due_at"], follow["owner"]) == ("货物完好 2 分", NOW + DAY, "a1")
    _act(database, task["id"], "reopen", version, note="点错")
    with database.begin(write=False) as conn:
        assert outreach.scores_of(conn, task["id"]) == {}
        assert conn.execute(sa.select(sa.func.count()).select_from(contacts)).scalar_one() == 0
    assert _tasks(database, "survey_followup") == []


def test_low_score_leads_to_an_improvement_that_is_told_back(database: Database) -> None:
    """domain.md §7: improvement — a low keypad score is called back, improved with owner and date, and
    told back."""
    customer = _customer(database, "S")
    key = {"key": "mobile:13800000001", "suffix": "00000001", "display": "13800000001"}
    with database.begin() as conn:
        conn.execute(sa.insert(numbers).values(customer_id=customer, **key))
        for n, score in enumerate((1, 3)):
            save_score(
                conn, at=NOW, score=score, agent="1001", number_key=key["key"], node="p", linkedid=str(n)
            )
    assert plan_events(database, _rules(), now=NOW).added["survey_followup"] == 1
    assert plan_events(database, _rules(), now=NOW).added["survey_followup"] == 0
    (follow,) = _tasks(database, "survey_followup")
    assert (follow["customer_id"], follow["due_at"]) == (customer, NOW + DAY)
    version = _act(database, follow["id"], "take", 1)
    _act(database, follow["id"], "finish", version, outcome="reached", result="派送员态度差")
    (better,) = _tasks(database, "improvement")
    assert (better["owner"], better["due_at"] > NOW, better["title"]) == ("a1", True, "改进：派送员态度差")
    version = _act(database, better["id"], "assign", 1, who="boss", owner="site")
    version = _act(database, better["id"], "take", version, who="site")
    with pytest.raises(UsageError, match="improved"):
        _act(database, better["id"], "finish", version, who="site", outcome="reached")
    _act(database, better["id"], "finish", version, who="site", outcome="reached", result="已培训并调岗")
    (tell,) = _tasks(database, "survey_result")
    assert (tell["customer_id"], tell["detail"], tell["parent_id"]) == (
        customer,
        "已培训并调岗",
        better["id"],
    )


def test_greetings_come_once_a_year(database: Database) -> None:
    """domain.md §7: greetings — birthdays and festivals with their words, never twice in a year."""
    rules = _rules(festivals={"司庆": [date(2026, 11, 27)]})
    born = _customer(database, "K", birthday=date(1990, 11, 26))
    leap = _customer(database, "L", birthday=date(1992, 2, 29))
    _customer(database, "A", "A")
    _customer(database, "D", "D")
    plan_day(database, rules, now=NOW)
    plan_day(database, rules, now=NOW + DAY)
    words = {t["title"]: (t["customer_id"], t["detail"]) for t in _tasks(database, "greeting")}
    assert set(words) == {"生日问候", "司庆问候"}
    assert words["生日问候"] == (born, "客户K先生您好，来电速运祝您生日快乐，感谢您一直以来的支持！")
    assert "祝您司庆快乐" in words["司庆问候"][1]
    assert len(_tasks(database, "greeting")) == 2
    plan_day(database, rules, now=datetime(2027, 2, 27, tzinfo=UTC))
    assert [t["customer_id"] for t in _tasks(database, "greeting") if "27" in t["key"][-4:]][-1] == leap


def test_complaint_result_is_told_from_the_worklist_or_the_board(database: Database) -> None:
    """domain.md §5: told back — one task a result; telling it tells the complaint too."""
    with database.begin() as conn:
        ids = [
            repos.add_complaint(conn, category="延误", summary="晚到", opened_at=NOW, opened_by="a1")
            for _ in range(2)
        ]
        for one in ids:
            version = repos.act_on_complaint(conn, one, "take", version=1, who="a1", at=NOW)
            repos.act_on_complaint(conn, one, "resolve", version=version, who="a1", at=NOW, result="免运费")
    plan_events(database, _rules(), now=NOW)
    plan_events(database, _rules(), now=NOW)
    mine, other = sorted(_tasks(database, "complaint_result"), key=lambda t: t["complaint_id"])
    assert (mine["owner"], mine["detail"]) == ("a1", "免运费")
    version = _act(database, mine["id"], "take", 1)
    version = _act(database, mine["id"], "finish", version, outcome="unreached")
    with database.begin() as conn:
        row = repos.complaint(conn, ids[0])
        assert row is not None
        assert (row["state"], row["call_at"]) == (ComplaintState.RESOLVED, NOW + DAY)
        repos.act_on_complaint(conn, ids[1], "tell", version=3, who="a2", at=NOW, told_how="phone")
    with pytest.raises(StateError):
        _act(database, mine["id"], "reopen", version, note="再试")
    assert plan_events(database, _rules(), now=NOW).settled == {"meet": 1}
    states = {t["id"]: t["state"] for t in _tasks(database, "complaint_result")}
    assert states == {mine["id"]: "done", other["id"]: "met"}


def test_churn_is_answered_once(database: Database) -> None:
    """domain.md §4: retention — an alert is a task; doing it takes the first step, a step elsewhere ends
    it."""
    ids = [_customer(database, c) for c in "XY"]
    with database.begin() as conn:
        for one in ids:
            row = {"customer_id": one, "churn": "silent", "churn_since": NOW - DAY, "computed_at": NOW}
            conn.execute(sa.insert(customer_metrics).values(row))
    plan_day(database, _rules(), now=NOW)
    first, second = sorted(_tasks(database, "retention"), key=lambda t: t["customer_id"])
    version = _act(database, first["id"], "take", 1)
    _act(database, first["id"], "finish", version, outcome="reached", result="价格原因")
    with database.begin() as conn:
        step = conn.execute(sa.select(retention_steps)).mappings().one()
        assert (step["customer_id"], step["step"], step["note"]) == (ids[0], "contacted", "价格原因")
        taken = {"episode": NOW - DAY, "at": NOW, "step": "contacted", "who": "boss"}
        conn.execute(sa.insert(retention_steps).values(customer_id=ids[1], **taken))
    assert plan_day(database, _rules(), now=NOW).settled == {"meet": 1}
    assert next(t for t in _tasks(database, "retention") if t["id"] == second["id"])["state"] == "met"


def test_exceptions_and_delays_are_told_to_the_sender(database: Database) -> None:
    """domain.md §8: proactive notice — an exception and a delay, each once, and none for what is
    delivered."""
    sender = {"sender_customer_id": _customer(database, "N")}
    _waybill(database, "2000000001", "problem", problem="破损", promised_at=NOW - DAY, **sender)
    _waybill(database, "2000000002", "delivering", promised_at=NOW - DAY / 24, **sender)
    _waybill(database, "2000000003", "signed", promised_at=NOW - DAY, delivered_at=NOW, **sender)
    _waybill(database, "2000000004", "delivering", promised_at=NOW + DAY, **sender)
    _waybill(database, "2000000005", "problem", problem="破损")
    for _ in range(2):
        plan_events(database, _rules(), now=NOW)
    told = {t["waybill"]: t["detail"] for t in _tasks(database, "notice")}
    assert set(told) == {"2000000001", "2000000002"}
    assert "遇到问题：破损" in told["2000000001"]


def test_taking_is_exclusive_and_steps_are_kept(database: Database) -> None:
    """Two take the same task: one has it, the other is told; steps are only added; postponing is bounded."""
    _customer(database, "D", "D")
    plan_day(database, _rules(), now=NOW)
    (task,) = _tasks(database, "visit_call")
    _act(database, task["id"], "take", 1, who="a1")
    with pytest.raises(repos.StaleVersion):
        _act(database, task["id"], "take", 1, who="a2")
    with pytest.raises(StateError, match="taken has no action 'take'"):
        _act(database, task["id"], "take", 2, who="a2")
    with pytest.raises(UsageError, match="30 days"):
        _act(database, task["id"], "postpone", 2, due_at=NOW + 31 * DAY, note="出差")
    _act(database, task["id"], "postpone", 2, due_at=NOW + 20 * DAY, note="出差")
    (task,) = _tasks(database, "visit_call")
    assert (task["state"], task["owner"], task["due_at"]) == ("open", "a1", NOW + 20 * DAY)
    plan_day(database, _rules(), now=NOW + 10 * DAY)  # not lapsed though its period is over
    assert _tasks(database, "visit_call", state="open", id=task["id"])
    with database.begin(write=False) as conn:
        steps = outreach.steps_of(conn, task["id"])
    assert [(s["who"], s["action"], s["to_state"]) for s in steps] == [
        ("a1", "take", "taken"),
        ("a1", "postpone", "open"),
    ]
    with pytest.raises(sa.exc.DBAPIError, match="only added"), database.begin() as conn:
        conn.execute(sa.update(outreach_steps).values(note="x"))


def test_worklist_and_figures(database: Database) -> None:
    """domain.md §7: worklist — the longest overdue first; done in time, late and missed by kind; the six
    aspects."""
    with database.begin() as conn:
        rows = [
            {"key": f"k{n}", "kind": "visit_call", "title": f"t{n}", "due_at": NOW + n * DAY}
            for n in range(-2, 2)
        ]
        assert outreach.add_tasks(conn, rows, now=NOW) == 4
    ids = [t["id"] for t in _tasks(database)]
    assert [t["title"] for t in _tasks(database, state="live")] == ["t-2", "t-1", "t0", "t1"]
    with database.begin() as conn:
        assert count_tasks(conn, TaskFilter(state="live"), now=NOW) == (4, 2, {"visit_call": 4})
        assert [t["title"] for t in find_tasks(conn, TaskFilter(late_at=NOW, q="t-1"))] == ["t-1"]
    for one, scores in ((ids[0], {"order": 5, "solving": 3}), (ids[3], {"order": 2})):
        version = _act(database, one, "take", 1)
        _act(database, one, "finish", version, outcome="reached", scores=scores)
    with database.begin() as conn:
        span = {"since": NOW - 9 * DAY, "until": NOW + 9 * DAY, "now": NOW}
        found = figures(conn, **span)
        assert figures(conn, **span, low=3)["aspects"][-1]["low"] == 1
        mine = find_tasks(conn, TaskFilter(state="live", seen_by="a2"))
    (calls,) = [k for k in found["kinds"] if k["kind"] == "visit_call"]
    assert calls == {"kind": "visit_call", "due": 4, "in_time": 1, "late": 1, "missed": 1, "met": 0}
    assert found["aspects"][0] == {"aspect": "order", "count": 2, "mean": 3.5, "low": 1}
    assert found["aspects"][-1] == {"aspect": "solving", "count": 1, "mean": 3.0, "low": 0}
    assert [t["kind"] for t in mine] == ["visit_call", "visit_call"]


def test_what_is_low_is_a_setting(database: Database) -> None:
    """domain.md §7: a score of 3 is followed up where the owner says that 3 is low."""
    with database.begin() as conn:
        rows = [{"key": f"k{n}", "kind": "visit_call", "title": "t", "due_at": NOW} for n in range(2)]
        outreach.add_tasks(conn, rows, now=NOW)
    for task, low in zip(_tasks(database), (2, 3), strict=True):
        version = _act(database, task["id"], "take", 1)
        _act(database, task["id"], "finish", version, outcome="reached", scores={"solving": 3}, low=low)
    (follow,) = _tasks(database, "survey_followup")
    assert follow["detail"] == "问题解决 3 分"


def test_what_was_said_goes_with_the_customer(database: Database) -> None:
    """Deleting a customer deletes the tasks about them."""
    d = _customer(database, "D", "D")
    plan_day(database, _rules(), now=NOW)
    with database.begin() as conn:
        conn.execute(sa.delete(customers).where(customers.c.id == d))
        assert conn.execute(sa.select(sa.func.count()).select_from(outreach_tasks)).scalar_one() == 0
