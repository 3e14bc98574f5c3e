"""Values as people say them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_flows import say, units
from ivr_flows.protocol import Prompt, Sound, Text

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = say.Spoken(datetime(2026, 3, 4, 4, 0, tzinfo=UTC), SHANGHAI)


def words(sounds: tuple[Sound, ...]) -> str:
    """What is heard, as text."""
    return "".join(units.words()[s.id] if isinstance(s, Prompt) else f"<{s.text}>" for s in sounds)


@pytest.mark.parametrize(
    ("number", "plain", "counted"),
    [
        (0, "零", "零"),
        (1, "一", "一"),
        (2, "二", "两"),
        (10, "十", "十"),
        (12, "十二", "十二"),
        (15, "十五", "十五"),
        (20, "二十", "二十"),
        (22, "二十二", "二十二"),
        (99, "九十九", "九十九"),
        (100, "一百", "一百"),
        (101, "一百零一", "一百零一"),
        (110, "一百一十", "一百一十"),
        (115, "一百一十五", "一百一十五"),
        (200, "二百", "两百"),
        (1005, "一千零五", "一千零五"),
        (1050, "一千零五十", "一千零五十"),
        (2222, "二千二百二十二", "两千两百二十二"),
        (10000, "一万", "一万"),
        (10305, "一万零三百零五", "一万零三百零五"),
        (20000, "二万", "两万"),
        (100500, "十万零五百", "十万零五百"),
        (1000000, "一百万", "一百万"),
        (100000001, "一亿零一", "一亿零一"),
        (100005000, "一亿零五千", "一亿零五千"),
        (100010000, "一亿零一万", "一亿零一万"),
        (10100000000, "一百零一亿", "一百零一亿"),
    ],
)
def test_numbers_are_read_as_people_read_them(number: int, plain: str, counted: str) -> None:
    """A number has its reading, and 二 becomes 两 where a measure word follows."""
    assert say.numeral(number) == plain
    assert say.counted(number) == counted
    assert words(say.numeral_sounds(counted)) == counted


_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")}
_DIGITS["两"] = 2
_TENS = {"十": 10, "百": 100, "千": 1000}


def parsed(text: str) -> int:
    """A Chinese numeral back to a number, written apart from the code that makes it."""
    total = group = digit = 0
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char in _TENS:
            group += (digit or 1) * _TENS[char]
            digit = 0
        else:
            total += (group + digit) * {"万": 10**4, "亿": 10**8}[char]
            group = digit = 0
    return total + group + digit


@given(st.integers(0, 10**12 - 1))
def test_every_number_can_be_read_back(number: int) -> None:
    """What is said of a number means that number, in both readings, and is made of recorded units."""
    assert parsed(say.numeral(number)) == number
    assert parsed(say.counted(number)) == number
    assert words(say.numeral_sounds(say.counted(number))) == say.counted(number)


@pytest.mark.parametrize(
    ("fen", "spoken"),
    [
        (0, "零元"),
        (1, "一分"),
        (2, "两分"),
        (20, "两角"),
        (50, "五角"),
        (55, "五角五分"),
        (100, "一元"),
        (105, "一元零五分"),
        (200, "两元"),
        (1250, "十二元五角"),
        (2200, "二十二元"),
        (123456, "一千两百三十四元五角六分"),
        (2000000, "两万元"),
        (-5, "零元"),
    ],
)
def test_money_is_read_in_yuan_jiao_fen(fen: int, spoken: str) -> None:
    """分 are told in the units of money."""
    assert words(say.money(fen)) == spoken


@pytest.mark.parametrize(
    ("grams", "spoken"),
    [(1000, "一公斤"), (2000, "两公斤"), (2500, "二点五公斤"), (500, "零点五公斤"), (12340, "十二点三公斤")],
)
def test_weights_are_read_in_kilograms(grams: int, spoken: str) -> None:
    """Grams are told in 公斤 to the tenth."""
    assert words(say.weight(grams)) == spoken


def test_digit_strings_say_yao_and_nothing_else() -> None:
    """A digit string says 1 as 幺; what is no digit is not spoken."""
    assert words(say.digits("13800138000")) == "幺三八零零幺三八零零零"
    assert words(say.digits("1;'rm -rf\n2")) == "幺二"


@pytest.mark.parametrize(
    ("hour", "minute", "spoken"),
    [
        (0, 0, "凌晨零点"),
        (0, 5, "凌晨零点零五分"),
        (7, 45, "早上七点四十五分"),
        (10, 0, "上午十点"),
        (11, 30, "上午十一点半"),
        (12, 15, "中午十二点十五分"),
        (14, 30, "下午两点半"),
        (15, 0, "下午三点"),
        (20, 0, "晚上八点"),
        (23, 59, "晚上十一点五十九分"),
    ],
)
def test_times_are_read_with_the_part_of_the_day(hour: int, minute: int, spoken: str) -> None:
    """A time of the day is told on the twelve-hour clock."""
    assert words(say.clock(hour, minute)) == spoken


@pytest.mark.parametrize(
    ("day", "spoken"),
    [
        (date(2026, 3, 2), "前天"),
        (date(2026, 3, 3), "昨天"),
        (date(2026, 3, 4), "今天"),
        (date(2026, 3, 5), "明天"),
        (date(2026, 3, 6), "后天"),
        (date(2026, 10, 1), "十月一号"),
        (date(2026, 12, 31), "十二月三十一号"),
        (date(2025, 2, 28), "二零二五年二月二十八号"),
    ],
)
def test_days_are_read_as_near_as_they_are(day: date, spoken: str) -> None:
    """Near days have a word, others month and day, another year its year."""
    assert words(say.day(day, date(2026, 3, 4))) == spoken


def test_a_moment_is_told_in_the_zone_of_the_call() -> None:
    """UTC from the store is told as local time, across midnight too."""
    assert words(say.moment("2026-03-04T06:30:00+00:00", NOON)) == "今天下午两点半"
    assert words(say.moment("2026-03-04T17:00:00+00:00", NOON)) == "明天凌晨一点"
    assert say.moment("", NOON) == say.moment("soon", NOON) == ()


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [
        (0, "不到一分钟"),
        (59, "不到一分钟"),
        (60, "大约一分钟"),
        (61, "大约两分钟"),
        (1500, "大约二十五分钟"),
        (3601, "超过一小时"),
    ],
)
def test_waiting_times_are_rounded_up(seconds: int, spoken: str) -> None:
    """Nobody is promised less than it takes."""
    assert words(say.wait(seconds)) == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("0755", "深圳"),
        ("深圳市", "深圳"),
        ("广东省深圳市福田区滨河路1号", "深圳福田"),
        ("广东省", "广东"),
        ("北京朝阳区网点", "北京朝阳"),
        ("漠河", "<漠河>"),
        ("", ""),
    ],
)
def test_places_are_recorded_units(text: str, spoken: str) -> None:
    """A known place is a recording, an address is cut to its city and district, the rest is free text."""
    assert words(say.place(text)) == spoken


@given(st.text(max_size=400))
def test_free_text_leaves_without_anything_harmful(text: str) -> None:
    """Whatever a back end sends as a place leaves clean, short, without quotes, newlines or expressions."""
    for sound in say.place(text):
        if isinstance(sound, Text):
            assert len(sound.text) <= 200
            assert not set(sound.text) & set("\"'\\$`;|&<>{}[]()\r\n\0")
            assert sound.text.isprintable()


def test_every_unit_that_can_be_said_is_listed() -> None:
    """Digits, numbers, months, days, hours and measure words all have a recorded unit."""
    listed = units.words()
    for kind, numbers in {
        "d": range(10),
        "n": range(100),
        "m": range(1, 13),
        "day": range(1, 32),
        "h": range(13),
    }.items():
        assert all(f"{kind}_{n}" in listed for n in numbers)
    assert all(f"unit_{name}" in listed for name in say.UNITS)
