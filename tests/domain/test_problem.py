"""Problem items (domain.md §6): what a remark must hold, void remarks, deadlines by kind and shift."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.__main__ import main
from cti.domain import remark
from cti.domain.problem import ProblemKind, Shift, due_at
from cti.domain.remark import CONTACT, ELEMENTS, MATTER, PHONE, TIME, check

CHINA = ZoneInfo("Asia/Shanghai")


def at(clock: str, day: int = 9) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2025, 3, day, int(hour), int(minute), tzinfo=CHINA)


@pytest.mark.parametrize(
    "text",
    [
        "11:20 张先生拒收，要求改地址，13800138000",
        "上午10点联系收件人王女士，电话无人接听，13912345678",
        "3月9日 李四 0755-86013388 外包装破损",
        "今早八点半，收货人：欧阳静，货物短少两件，电话 010-62345678转801",
        "2025-03-09 14:05 前台说公司已搬走 138****8000",
        "昨天下午 找赵经理 改期派送 4008111111",
        "９：３０　刘小姐　要求自取　１３７００１３７０００",
        "周一 客户本人出差 62345678",
        "派送中，11:20 张先生要求改地址 13800138000",
    ],
)
def test_a_remark_with_four_elements_is_valid(text: str) -> None:
    """产生时间, 联系人, 事情 and 联系电话 in the many ways people write them."""
    assert check(text) == remark.RemarkCheck((), void=False)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("张先生拒收 13800138000", (TIME,)),
        ("11:20 拒收 13800138000", (CONTACT,)),
        ("11:20 张先生 13800138000", (MATTER,)),
        ("11:20 张先生拒收", (PHONE,)),
        ("11:20 张先生 13800138000 派送中", (MATTER,)),
        ("外包装破损", (TIME, CONTACT, PHONE)),
        ("11:20 张先生拒收 SF1234567890123", (PHONE,)),
        ("11:20 张先生拒收 75123456789012", (PHONE,)),
        ("马上 方便 温度太高 13800138000", (TIME, CONTACT)),
        ("今天路面施工，车辆绕行 13800138000", (CONTACT,)),
        ("", ELEMENTS),
        ("，。 !", ELEMENTS),
    ],
)
def test_each_missing_element_is_named(text: str, missing: tuple[str, ...]) -> None:
    """domain.md §6: four elements — one missing makes the remark 不规范; a waybill number is no telephone,
    a word like 马上 no person."""
    found = check(text)
    assert (found.missing, found.void, found.valid) == (missing, False, False)


@pytest.mark.parametrize("phrase", remark.VOID)
def test_void_phrases_of_the_source(phrase: str) -> None:
    """A remark that is only one of the twelve phrases, whatever stands around it, is void."""
    for text in (phrase, f" {phrase}。", f"{phrase}！！", f"{phrase}，{phrase}"):
        assert check(text) == remark.RemarkCheck(ELEMENTS, void=True)
    assert not check(f"11:20 张先生说{phrase}已三天，要求退回 13800138000").void


def test_the_twelve_phrases() -> None:
    """domain.md §6: void remarks — domain.md §6 lists them."""
    assert len(remark.VOID) == 12


@given(st.text(max_size=600))
def test_any_text_has_an_answer(text: str) -> None:
    """Void lacks everything, valid lacks nothing, nothing raises."""
    found = check(text)
    assert found.valid == (not found.missing)
    assert not found.void or found.missing == ELEMENTS


@pytest.mark.parametrize(
    ("kind", "shift", "same_day", "arose", "due"),
    [
        ("damage", "late", True, "09:10", at("09:40")),
        ("damage", "mid", False, "23:50", at("00:20", 10)),
        ("out_of_area", "late", True, "08:00", at("10:00")),
        ("out_of_area", "late", True, "11:00", at("10:00", 10)),
        ("out_of_area", "mid", True, "13:30", at("15:30")),
        ("delivery", "late", True, "11:29", at("14:00")),
        ("delivery", "late", True, "11:30", at("20:00")),
        ("delivery", "mid", True, "15:00", at("20:00")),
        ("delivery", "mid", True, "20:30", at("20:00", 10)),
        ("delivery", "late", False, "11:00", at("15:00")),
        ("delivery", "mid", False, "15:30", at("15:00", 10)),
        ("other", "mid", True, "12:00", at("12:00", 10)),
    ],
)
def test_deadline_by_kind_and_shift(kind: str, shift: str, same_day: bool, arose: str, due: datetime) -> None:
    """domain.md §6: damage, out of area, delivery — damage within 30 minutes, out of area by 10:00 or in
    2 h, the rest by shift and site."""
    assert due_at(ProblemKind(kind), at(arose), Shift(shift), same_day=same_day) == due


@given(st.sampled_from(ProblemKind), st.sampled_from(Shift), st.booleans(), st.integers(0, 24 * 60 - 1))
def test_a_deadline_is_never_past(kind: ProblemKind, shift: Shift, same_day: bool, minute: int) -> None:
    """However late it arose, there is time left, and at most a day of it."""
    arose = at("00:00") + timedelta(minutes=minute)
    left = due_at(kind, arose, shift, same_day=same_day) - arose
    assert timedelta(0) <= left <= timedelta(days=1)


def test_the_command_prints_the_three_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """``laidian problem check`` as the contract has it; the deadline only when asked for."""
    assert main(["problem", "check", "张先生拒收 13800138000", "--kind", "delivery", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"valid": False, "missing": [TIME], "void": False}
    arose = ["--kind", "damage", "--arose", "2025-03-09T08:10"]
    assert main(["problem", "check", "派送中", *arose, "--json"]) == 0
    due = {"valid": False, "missing": list(ELEMENTS), "void": True, "due": "2025-03-09T08:40:00+08:00"}
    assert json.loads(capsys.readouterr().out) == due
    assert main(["problem", "check", "派送中", "--arose", "soon"]) == 2
    assert "2025-03-09T08:10" in capsys.readouterr().err
