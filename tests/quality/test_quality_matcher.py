"""Phrases are found by sound: homophones yes, other phrases no, never across a long pause."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.quality import sound
from cti.quality.matcher import Hit, Search, compile_phrase, threshold, track_of
from cti.quality.transcript import Leg, Word


def leg(*words: str, gap_ms: int = 300) -> Leg:
    """A leg with these words one after the other, 200 ms a character."""
    out, clock = [], 0
    for w in words:
        out.append(Word(w, clock, clock + 200 * len(w)))
        clock += 200 * len(w) + gap_ms
    return Leg(tuple(out))


def nearest(phrase: str, *words: str, gap_ms: int = 300) -> Hit:
    hit = Search(track_of(leg(*words, gap_ms=gap_ms))).best(compile_phrase(phrase))
    assert hit is not None
    return hit


@pytest.mark.parametrize(
    ("phrase", "heard"),
    [
        ("感谢您的来电", "感谢您的来订再见"),
        ("欢迎致电顺达速运客户服务热线", "您好,歡迎這店順達肅運客戶服務熱鮮"),
        ("您的电话杂音太大听不清", "對不起您的電話雜音派大,聽不清。"),
        ("打扰您了我是顺达速运", "打罩你了,我試試打素印"),
        ("喂大声一点儿", "为大声一点儿"),
        ("请您换一部电话打来好吗", "請您換一部電話打籃,好嗎?"),
        ("还有什么可以帮您", "好的嗯还有呃什么可以帮您"),
        ("银行长大", "银航涨大"),
    ],
)
def test_what_a_recogniser_made_of_a_phrase_is_found(phrase: str, heard: str) -> None:
    """Homophones, traditional characters, near sounds and fillers do not hide a phrase."""
    assert nearest(phrase, heard).similarity >= threshold(len(sound.normalise(phrase)))


@pytest.mark.parametrize(
    ("phrase", "heard"),
    [
        ("喂说话呀", "您好请问有什么可以帮助您"),
        ("喂说吧", "好的您说吧我来记"),
        ("喂大声一点儿", "对不起请您大声一点好吗"),
        ("再不说话我就挂了啊", "如果没有别的事我就先登记了"),
        ("感谢您的来电", "请问您的运单号码是多少"),
    ],
)
def test_another_phrase_is_not_taken_for_it(phrase: str, heard: str) -> None:
    """Phrases that share words with the one asked for stay under its threshold."""
    assert nearest(phrase, heard).similarity < threshold(len(sound.normalise(phrase)))


def test_a_key_syllable_tells_two_phrases_apart() -> None:
    """请问有什么可以帮您 comes near 还有什么可以帮您 but its key syllable cost shows it is not that."""
    hit = nearest("[还]有什么可以帮您", "请问有什么可以帮您")
    assert hit.key_cost > 20
    assert nearest("[还]有什么可以帮您", "海有什么可以帮您").key_cost == 0


def test_a_phrase_may_cross_words_but_not_a_pause_over_three_seconds() -> None:
    """The same words are one phrase across half a second and none across four."""
    words = ("感谢您", "的来电")
    assert nearest("感谢您的来电", *words, gap_ms=500).similarity == 1.0
    assert nearest("感谢您的来电", *words, gap_ms=4_000).similarity < 0.6


def test_times_of_a_hit_are_those_of_its_words() -> None:
    """A hit starts with its first syllable and ends with its last."""
    hit = nearest("再见", "好的", "再见", "好")
    assert (hit.t0, hit.t1, hit.heard) == (700, 1100, "再见")


def test_every_occurrence_is_found_once() -> None:
    """Three times the phrase makes three hits that do not overlap."""
    search = Search(track_of(leg("再见", "好的", "再见", "再会", "再见")))
    hits = search.hits(compile_phrase("再见"), 0.95)
    assert [h.t0 for h in hits] == sorted(h.t0 for h in hits)
    assert [h.heard for h in hits] == ["再见"] * 3


def test_digits_match_their_spoken_form() -> None:
    """24小时 is found by 二十四小时."""
    assert nearest("二十四小时之内", "24小时之内给您答复").similarity == 1.0


def test_what_is_not_chinese_is_no_syllable_of_a_phrase() -> None:
    """Letters and markup in a phrase leave only what can be heard."""
    phrase = compile_phrase("[喂]，OK 大声(儿)！")
    assert phrase.chars == "喂大声儿"
    assert phrase.keys == (0,)


def test_an_empty_leg_has_no_hits() -> None:
    """Nothing said, nothing found, no error."""
    search = Search(track_of(Leg()))
    assert search.best(compile_phrase("再见")) is None
    assert search.hits(compile_phrase("再见"), 0.1) == []


@settings(max_examples=60, deadline=None)
@given(st.text("我的快递三天没有更新您好请问什么可以帮助再见来电对不起", min_size=1, max_size=40), st.data())
def test_the_vector_programme_agrees_with_the_plain_one(text: str, data: st.DataObject) -> None:
    """For any text and phrase, the best similarity is that of a textbook semi-global alignment."""
    wanted = data.draw(st.text("快递更新您好请问帮助再见来电", min_size=2, max_size=9))
    phrase = compile_phrase(wanted)
    hit = nearest(wanted, text)
    assert hit.similarity == pytest.approx(max(0.0, 1 - _plain(phrase.chars, text) / phrase.total), abs=1e-4)


def _plain(phrase: str, text: str) -> int:
    """Least cost of aligning the phrase with any part of the text."""
    ids = sound.best_readings(phrase)
    table = sound.inventory().cost
    weights = [50 if c in sound.PARTICLES else 100 for c in phrase]
    row = [0] * (len(text) + 1)
    for s, w in zip(ids, weights, strict=True):
        fresh = [row[0] + w]
        for j, c in enumerate(text, 1):
            sub = min(int(table[s, r]) for r in sound.readings(c)) * w // 100
            fresh.append(min(row[j - 1] + sub, row[j] + w, fresh[j - 1] + (10 if c in sound.FILLERS else 80)))
        row = fresh
    return min(row[1:])


@pytest.mark.parametrize(
    ("a", "b", "cost"),
    [
        ("zhong", "zhong", 0.0),
        ("zhang", "zang", 0.2),
        ("fan", "fang", 0.2),
        ("lan", "nan", 0.2),
        ("dian", "tian", 0.6),
        ("dian", "ding", 0.7),
        ("re", "bin", 1.0),
    ],
)
def test_costs_are_those_of_the_rules_document(a: str, b: str, cost: float) -> None:
    """Equal 0, near pairs 0.2, same final 0.6, same initial 0.7, else 1."""
    assert sound.cost(a, b) == pytest.approx(cost)
    assert sound.cost(b, a) == pytest.approx(cost)
