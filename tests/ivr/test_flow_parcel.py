"""Where a parcel is, in plain words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain import delivery
from cti.domain.waybill import LABELS, WaybillState
from ivr_flows import parcel, say, units, values
from ivr_flows.protocol import Prompt, Row, Text

SHANGHAI = ZoneInfo("Asia/Shanghai")
TEN = datetime(2026, 3, 4, 10, 0, tzinfo=SHANGHAI)
SPOKEN = say.Spoken(TEN.astimezone(UTC), SHANGHAI)


def row(**fields: object) -> Row:
    """A parcel as a back end sends it."""
    return values.row({"number": "1234567890", **fields})


def heard(**fields: object) -> str:
    """What the caller hears of it."""
    sounds = parcel.full(row(**fields), SPOKEN)
    return "".join(units.words()[s.id] if isinstance(s, Prompt) else f"<{s.text}>" for s in sounds)


def test_a_problem_is_told_with_its_reason_and_what_is_expected() -> None:
    """因…，预计…送达: the reason in plain words, an apology, and the promised time."""
    due = TEN + timedelta(days=1, hours=5)
    assert heard(state="problem", reason="下大雨", due_at=due) == (
        "您的快件，尾号七八九零因天气原因派送受到影响，非常抱歉。预计明天下午三点之前送达。"
    )


@pytest.mark.parametrize("remark", ["查询中", "待查", "派送中", "还未交单", "", "x'; DROP TABLE waybills;--"])
def test_a_remark_that_says_nothing_is_never_read_out(remark: str) -> None:
    """A void or strange remark becomes 正在核实, and the caller is told that somebody is at it."""
    assert heard(state="problem", reason=remark) == (
        "您的快件，尾号七八九零派送受到影响，非常抱歉。具体原因正在核实。我们正在跟进处理，会尽快为您送达。"
    )


@pytest.mark.parametrize(
    ("remark", "prompt"),
    [
        ("外包装破损", "because_damage"),
        ("超区", "because_outside"),
        ("客户要求改期派送", "because_reschedule"),
        ("电话无法接通", "because_unreachable"),
        ("等联系送", "because_unreachable"),
        ("线车晚点", "because_late"),
        ("车坏", "because_vehicle"),
        ("扣车", "because_vehicle"),
        ("加班派", "because_volume"),
        ("收件人拒收", "because_refused"),
    ],
)
def test_remarks_of_the_trade_have_plain_words(remark: str, prompt: str) -> None:
    """The remarks that sites write are matched to a reason that a customer understands."""
    assert parcel.reason(row(state="problem", reason=remark)) == prompt


@pytest.mark.parametrize("state", list(WaybillState))
def test_no_state_is_told_raw(state: WaybillState) -> None:
    """Each state has a sentence that is neither its code nor the trade's own word for a problem."""
    said = heard(state=state.value, destination="0755", place="福田", updated_at=TEN)
    assert said.startswith("您的快件，尾号七八九零")
    assert state.value not in said
    assert "问题件" not in said
    assert said.endswith(("。", "深圳"))
    short = parcel.short(row(state=state.value, destination="0755"), SPOKEN)
    assert short[-1] == Prompt(f"state_{state.value}")


@pytest.mark.parametrize("label", list(LABELS.values()))
def test_words_of_the_trade_are_understood_as_states(label: str) -> None:
    """A back end that sends Chinese words gets the same sentences."""
    assert "正在核实，请稍后再查" not in heard(state=label)


def test_an_unknown_state_is_being_checked() -> None:
    """A state that nobody knows is not read out."""
    assert heard(state="<b>X</b>") == "您的快件，尾号七八九零的最新情况正在核实，请稍后再查，或者转人工咨询。"


def test_who_signed_is_said_when_it_is_known() -> None:
    """A signature is told with when and by whom; unknown signers are left out."""
    when = TEN - timedelta(days=1)
    assert heard(state="signed", signer="前台", updated_at=when) == (
        "您的快件，尾号七八九零昨天上午十点由前台签收，感谢您的使用。"
    )
    assert "王" not in heard(state="signed", signer="王小明", updated_at=when)


def test_a_promise_that_has_run_out_is_not_repeated() -> None:
    """A due time in the past is told as a delay, not as a promise."""
    said = heard(state="delivering", due_at=TEN - timedelta(hours=1))
    assert "预计" not in said
    assert "派送时间有所延后" in said


@pytest.mark.parametrize(
    ("arrived", "same_day", "due"),
    [
        ("08:00", True, "11:30"),
        ("09:30", True, "12:00"),
        ("13:00", True, "15:30"),
        ("17:59", True, "20:00"),
        ("18:10", True, "20:00"),
        ("21:00", True, "+11:30"),
        ("08:00", False, "15:00"),
        ("13:00", False, "+15:00"),
    ],
)
def test_the_delivery_clock(arrived: str, same_day: bool, due: str) -> None:
    """domain.md §6: delivery clock — what a site of that kind delivers by, from when the parcel reached
    it."""
    at = datetime.fromisoformat(f"2026-03-04T{arrived}:00+08:00")
    day = "2026-03-05" if due.startswith("+") else "2026-03-04"
    assert delivery.due_at(at, same_day=same_day) == datetime.fromisoformat(
        f"{day}T{due.lstrip('+')}:00+08:00"
    )


def test_without_a_promise_the_delivery_clock_answers() -> None:
    """A parcel at its last site without a due time gets the site's usual time."""
    said = heard(state="arrived", place="南山", updated_at=TEN.replace(hour=8), same_day=True)
    assert said.endswith("即将安排派送。预计今天上午十一点半之前送达。")


@given(st.dictionaries(st.sampled_from(list(values.PARCEL)), st.text(max_size=60)))
def test_any_row_of_texts_is_refused_or_told_clean(fields: dict[str, str]) -> None:
    """Rows of arbitrary texts are either the wrong shape or end in clean sounds."""
    try:
        made = values.row(fields)
    except ValueError:
        return
    for sound in (*parcel.full(made, SPOKEN), *parcel.short(made, SPOKEN)):
        if isinstance(sound, Text):
            assert not set(sound.text) & set("\"'\\$`;|&<>\r\n")
        else:
            assert sound.id in units.words()
