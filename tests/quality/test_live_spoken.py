"""Numbers out of what a caller says: digits as they are spoken, grouped, over several utterances."""

from __future__ import annotations

import re

import pytest

from cti.quality.spoken import NumberEar

WAYBILL = re.compile(r"\d{10,15}")


def heard(*utterances: str, gap_ms: int = 1_000, prefixes: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Kind and value of every number, the utterances two seconds long with a pause between."""
    ear, at, out = NumberEar(WAYBILL, prefixes), 0, []
    for text in utterances:
        out += [(n.kind, n.value) for n in ear.heard(text, at, at + 2_000)]
        at += 2_000 + gap_ms
    return out


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("我的电话是幺三八零零幺三八零零零", [("phone", "13800138000")]),
        ("13800138000", [("phone", "13800138000")]),
        ("我的手机号，138 0013 8000。", [("phone", "13800138000")]),
        ("一三八，嗯，零零一三，八零零零", [("phone", "13800138000")]),
        ("洞拐五五 八六洞幺三三八八", [("phone", "075586013388")]),
        ("座机是0755-86013388", [("phone", "075586013388")]),
        ("單號是七五二四八九六三二幺", [("waybill", "7524896321")]),
        ("单号七五两四八九六三三个八", [("waybill", "75248963888")]),
        ("七五二四八九十六三二一", [("waybill", "7524896321")]),
        ("单号七五二四八六三二九十", [("waybill", "7524863290")]),
        ("一共二十件，三十公斤", []),
        ("单号是１２３４５６７８９０", [("waybill", "1234567890")]),
        ("我要寄两件，一件到广州", []),
        ("三个包裹都没有收到", []),
        ("说了三四次五六天了", []),
        ("一二三四五六七八九", []),
        ("那么幺么二", []),
        ("电话13800138000，单号是7524896321", [("phone", "13800138000"), ("waybill", "7524896321")]),
    ],
)
def test_numbers_in_one_utterance(text: str, found: list[tuple[str, str]]) -> None:
    """Spoken digits become a phone or a waybill number; words that only contain digits do not."""
    assert heard(text) == found


def test_a_number_goes_on_over_pauses() -> None:
    """Groups spoken with pauses are one number, told once when it is whole."""
    assert heard("幺三八", "零零幺三", "八零零零") == [("phone", "13800138000")]
    assert heard("我的单号是七五二四", "八九六", "三二幺，谢谢") == [("waybill", "7524896321")]


def test_what_does_not_belong_together_is_not_joined() -> None:
    """A long pause or other words between end a number; the same number is told once."""
    assert heard("幺三八零零幺三", "八零零零", gap_ms=6_000) == []
    assert heard("幺三八零零幺三", "你等一下", "八零零零") == []
    assert heard("13800138000", "对，幺三八零零幺三八零零零") == [("phone", "13800138000")]


def test_letters_before_the_digits() -> None:
    """A prefix of the settings may be spoken before the digits and stays in the number."""
    assert heard("SF 7524 8963 21", prefixes=("SF",)) == [("waybill", "SF7524896321")]
    assert heard("SF 7524", "8963 21", prefixes=("SF",)) == [("waybill", "SF7524896321")]
    assert heard("AB 7524 8963 21") == []
    # letters misheard, or lost in an utterance of their own: the look-up tries the prefixes
    assert heard("SF", "7524", "8963 21", prefixes=("SF",)) == [("waybill", "7524896321")]
    assert heard("FF 7524 8963 21", prefixes=("SF",)) == [("waybill", "7524896321")]
    assert heard("爱是爱佛，7524 8963 21", prefixes=("SF",)) == [("waybill", "7524896321")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("好的 您的电话是要三九二六五八四七一三", [("phone", "13926584713")]),
        ("手机号是 要39 要265 8471", [("phone", "13912658471")]),
        ("要三九，二六五八，四七一要", [("phone", "13926584711")]),
        ("我要7524896321", [("waybill", "7524896321")]),
        ("要三件，要快", []),
    ],
)
def test_recognisers_write_one_as_a_verb(text: str, found: list[tuple[str, str]]) -> None:
    """幺 comes out as 要: a one where only a digit can stand, and a verb in 我要."""
    assert heard(text) == found


def test_what_is_read_again_replaces_what_was_read_in_pieces() -> None:
    """A number of the same stretch that the whole does not hold is taken back; a repeated one is no news."""
    ear = NumberEar(WAYBILL)
    assert [n.value for n in ear.heard("三六六九，一六七二", 0, 2_000)] == []
    assert [n.value for n in ear.heard("三四四零", 3_000, 4_000)] == ["366916723440"]
    new, wrong = ear.again("我的单号是3669,4672,3440", 0, 4_000)
    assert [n.value for n in new] == ["366946723440"]
    assert [n.value for n in wrong] == ["366916723440"]
    assert ear.again("3669 4672 3440", 0, 4_000) == ([], [])
    assert ear.again("什么也没有", 0, 4_000) == ([], [])
    assert ear.knows("366946723440")
    assert not ear.knows("366916723440")
