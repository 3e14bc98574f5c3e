"""Visits, greetings, notices, receipt calls and calls out: what is due when, and which states there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from cti.domain import dialling, festivals, interview, notices, outreach, script
from cti.domain.dialling import DialState, Hours, Limits
from cti.domain.outreach import TaskKind, TaskState
from cti.domain.visits import Rhythm, Unit, calls_of, due_slots, period_of, slots, visits_of
from cti.domain.waybill import WaybillState
from cti.errors import StateError
from cti.quality.rules import load_presets
from cti.schemes import load_scheme

CHINA = ZoneInfo("Asia/Shanghai")
ABCD = {t.id: t.benefits for t in load_scheme("abcd").tiers}


@pytest.mark.parametrize(
    ("tier", "visits", "calls"),
    [
        ("A", Rhythm(3, Unit.MONTH), Rhythm(2, Unit.WEEK)),
        ("B", Rhythm(2, Unit.MONTH), Rhythm(1, Unit.WEEK)),
        ("C", Rhythm(1, Unit.MONTH), Rhythm(1, Unit.HALF_MONTH)),
        ("D", Rhythm(0, Unit.MONTH), Rhythm(1, Unit.HALF_MONTH)),
    ],
)
def test_rhythm_of_the_abcd_table(tier: str, visits: Rhythm, calls: Rhythm) -> None:
    """domain.md §2: abcd steers; domain.md §7: visit plan — each tier's visits a month and calls a week
    or half month."""
    assert (visits_of(ABCD[tier]), calls_of(ABCD[tier])) == (visits, calls)


def test_periods_are_of_the_calendar() -> None:
    """A week begins on Monday, half months on the 1st and the 16th, February has its own length."""
    assert period_of(date(2026, 11, 29), Unit.WEEK).start == date(2026, 11, 23)
    assert period_of(date(2028, 2, 29), Unit.HALF_MONTH).end == date(2028, 3, 1)
    assert period_of(date(2026, 12, 15), Unit.HALF_MONTH).end == date(2026, 12, 16)
    assert period_of(date(2026, 12, 31), Unit.MONTH).end == date(2027, 1, 1)


def test_slices_cover_a_period_without_gap() -> None:
    """domain.md §7: visit plan — three visits a month lie ten days apart; slices touch, the last ends
    the period."""
    month = period_of(date(2026, 11, 5), Unit.MONTH)
    made = slots(Rhythm(3, Unit.MONTH), month)
    assert [(s.opens.day, s.due.day) for s in made] == [(1, 10), (11, 20), (21, 30)]
    week = slots(Rhythm(2, Unit.WEEK), period_of(date(2026, 11, 25), Unit.WEEK))
    assert [(s.opens.day, s.due.day) for s in week] == [(23, 25), (26, 29)]
    assert slots(Rhythm(0, Unit.MONTH), month) == ()


def test_contacts_already_made_count() -> None:
    """domain.md §7: visit plan — a visit made in the period covers its first slice; what has not opened
    is not yet due."""
    three = Rhythm(3, Unit.MONTH)
    assert [s.number for s in due_slots(three, date(2026, 11, 12), 0)] == [1, 2]
    assert [s.number for s in due_slots(three, date(2026, 11, 12), 1)] == [2]
    assert due_slots(three, date(2026, 11, 12), 2) == ()
    assert [s.number for s in due_slots(three, date(2026, 12, 1), 0)] == [1]


def test_the_day_begins_in_shanghai() -> None:
    """A moment that is yesterday in UTC belongs to today's period in Asia/Shanghai."""
    start, end = period_of(date(2026, 12, 1), Unit.MONTH).bounds(CHINA)
    assert start == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert end == datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_festivals_have_dates_and_a_missing_year_is_said() -> None:
    """domain.md §7: greetings — lunar festivals by year; a missing year is told, not guessed."""
    assert [f.label for f, _ in festivals.coming(date(2026, 9, 24), 7)] == ["中秋节", "国庆节"]
    assert [on for _, on in festivals.coming(date(2026, 12, 30), 3)] == [date(2027, 1, 1)]
    assert festivals.missing(date(2026, 11, 1)) == []
    told = festivals.missing(date(2033, 1, 1))
    assert [t.split()[0] for t in told] == ["春节", "元宵节", "端午节", "中秋节"]
    more = festivals.own({"春节": [date(2033, 1, 31)], "司庆": [date(2033, 8, 8)]})
    assert "春节" not in {t.split()[0] for t in festivals.missing(date(2033, 1, 1), more)}
    assert festivals.birthday_in(date(2000, 2, 29), 2026) == date(2026, 2, 28)


def test_receipt_call_asks_what_applies_and_names_the_trouble() -> None:
    """domain.md §7: morning after delivery — received, when, condition, signed; trouble leads to a
    category and a kind."""
    kind = TaskKind.RECEIPT_CALL
    assert interview.unanswered(kind, {}) == ("received",)
    assert interview.unanswered(kind, {"received": "no"}) == ()
    assert interview.unanswered(kind, {"received": "yes"}) == ("when", "condition", "signed")
    good = {"received": "yes", "when": "on_time", "condition": "good", "signed": "self"}
    assert (interview.unanswered(kind, good), interview.troubles(kind, good)) == ((), ())
    bad = interview.troubles(kind, {**good, "condition": "damaged", "signed": "other"})
    assert [(t.category, t.problem) for t in bad] == [("破损", "damage"), ("服务态度", "delivery")]
    # an answer from before "not received" no longer counts
    lost = interview.troubles(kind, {"received": "no", "condition": "damaged"})
    assert [t.category for t in lost] == ["遗失"]
    assert interview.unknown(kind, {"received": "perhaps", "colour": "red"}) == ("received", "colour")


def test_low_scores_by_the_six_aspects() -> None:
    """domain.md §7: satisfaction — satisfaction is measured on six aspects; 2 and less is low."""
    assert list(interview.ASPECTS.values()) == [
        *("订单处理", "准时送达", "货物完好", "信息沟通", "响应速度", "问题解决"),
    ]
    assert interview.low_aspects({"solving": 1, "order": 2, "intact": 3}) == ("order", "solving")


def test_script_is_that_of_the_rules() -> None:
    """rules.md OUT-01…05: the sentences on the screen are those that the rules look for, in order."""
    lines = script.script(TaskKind.DELIVERY_CALL, name="陈", title="先生", company="顺达速运")
    assert [line.rule for line in lines] == ["OUT-01", "OUT-02", "OUT-03", "OUT-04", "OUT-05"]
    assert lines[0].text == "您好，请问您是陈先生吗？"
    assert lines[1].text == "打扰您了，我是顺达速运"
    assert {r.id for r in load_presets(["outbound"]).rules} == {line.rule for line in lines}
    told = script.script(TaskKind.NOTICE, name="", title="", company="{x}", detail="{detail} {name}")
    assert [line.text for line in told[1:3]] == ["打扰您了，我是{x}", "{detail} {name}"]


def test_notices_at_key_nodes() -> None:
    """domain.md §8: proactive notice — confirmed, on the way, due, exception; overdue too."""
    now = datetime(2026, 11, 28, tzinfo=UTC)
    early = datetime(2026, 11, 27, tzinfo=UTC)

    def node(state: WaybillState, promised: datetime | None = None, problem: str = "") -> str | None:
        found = notices.notice_of("SF1", state, promised_at=promised, problem=problem, now=now)
        return found.node if found is not None else None

    of = WaybillState
    assert [node(s) for s in (of.ORDERED, of.IN_TRANSIT, of.DELIVERING, of.RETURNING)] == [
        *("confirmed", "on_the_way", "due", "exception"),
    ]
    assert node(of.DELIVERING, early) == "overdue"
    assert node(of.DELIVERING, early, "破损") == "exception"
    assert (node(of.SIGNED, early), node(of.SIGNED, None, "破损"), node(of.RETURNED)) == (None, None, None)


def test_states_of_a_task() -> None:
    """A task is taken, done, put off, cancelled, and each of these can be taken back; nothing else exists."""
    assert outreach.next_state(TaskState.OPEN, "take") is TaskState.TAKEN
    for over in (TaskState.DONE, TaskState.CANCELLED, TaskState.MISSED, TaskState.MET):
        assert outreach.actions(over) == ("reopen",)
    with pytest.raises(StateError, match="open has no action 'finish'"):
        outreach.next_state(TaskState.OPEN, "finish")
    assert outreach.missing("postpone", {"due_at": "x", "note": " "}) == ("note",)
    assert set(outreach.KINDS) == set(TaskKind)


def test_who_may_act_on_a_task() -> None:
    """Agents act on their own and on nobody's; to give a task to somebody is a supervisor's."""
    assert outreach.may("take", ["agent"], who="a", owner="")
    assert not outreach.may("take", ["agent"], who="a", owner="b")
    assert not outreach.may("assign", ["agent"], who="a", owner="a")
    assert outreach.may("assign", ["supervisor"], who="s", owner="b")
    assert not outreach.may("finish", ["qa_lead"], who="q", owner="")


def test_an_attempt_goes_one_way() -> None:
    """A call out that is over stays over; talking ends, it does not become busy."""
    assert dialling.advance(DialState.STORED, DialState.AGENT) is DialState.AGENT
    for state in dialling.OVER:
        assert state not in dialling.NEXT
        with pytest.raises(StateError):
            dialling.advance(state, DialState.AGENT)
    with pytest.raises(StateError):
        dialling.advance(DialState.TALKING, DialState.BUSY)
    assert set(dialling.LABELS) == set(DialState)


def test_nobody_is_called_at_night() -> None:
    """domain.md §8: outbound — 09:00 is allowed, 20:00 is not, by the clock of Asia/Shanghai."""
    hours = Hours.read("09:00-20:00")
    assert hours == Hours(time(9), time(20))
    for hour, minute, allowed in ((0, 59, False), (1, 0, True), (11, 59, True), (12, 0, False)):
        assert hours.hold(datetime(2026, 11, 28, hour, minute, tzinfo=UTC), CHINA) is allowed
    for wrong in ("20:00-09:00", "09:00", "nine-ten", ""):
        with pytest.raises(ValueError):  # noqa: PT011 - time.fromisoformat has its own words
            Hours.read(wrong)


def test_limits_name_what_is_too_much() -> None:
    """Per agent, per hotline, and at once: the first that is reached is told."""
    limits = Limits(agent=2, hotline=5, live=3)
    assert limits.refuse(1, 4, 2) == ""
    assert limits.refuse(2, 4, 2) == "您一分钟内已外呼 2 次，请稍后再拨"
    assert limits.refuse(0, 5, 0).startswith("热线")
    assert limits.refuse(0, 0, 3).startswith("同时")
