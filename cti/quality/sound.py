"""How Mandarin sounds: characters to toneless syllables, and what it costs to take one for another.

The table of readings is pypinyin's own single-character dictionary, read character by character when
first met: a dictionary look-up a character, where `lazy_pinyin` segments and takes a hundred times as
long. All readings of a polyphone are kept.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import numpy as np
import opencc
from numpy.typing import NDArray
from pypinyin import Style, lazy_pinyin, pinyin_dict

SCALE = 100  # costs are integers in hundredths
FILLERS = frozenset("嗯啊呃哦噢喔唔诶欸唉额呵")
PARTICLES = frozenset("呀啊吧呢吗嘛了的儿哦哈啦")
DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))

_TONES = str.maketrans("āáǎàōóǒòēéěèīíǐìūúǔùǖǘǚǜńňǹḿ", "aaaaooooeeeeiiiiuuuuvvvvnnnm")
_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcs")
_GLIDE_Y = {
    "yi": "i", "ya": "ia", "ye": "ie", "yao": "iao", "you": "iu", "yan": "ian", "yin": "in", "yang": "iang",
    "ying": "ing", "yong": "iong", "yo": "io", "yai": "iai", "yu": "v", "yue": "ve",
    "yuan": "van", "yun": "vn",
}  # fmt: skip
_GLIDE_W = {
    "wu": "u", "wa": "ua", "wo": "uo", "wai": "uai", "wei": "ui", "wan": "uan", "wen": "un", "wang": "uang",
    "weng": "ong",
}  # fmt: skip

# rules.md: these sound alike to a recogniser and in many accents
_NEAR_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h"), ("r", "l"))
_NEAR_FINALS = (("an", "ang"), ("en", "eng"), ("in", "ing"))
_NEAR = 20
# ours, seen in recognised calls ("赵女士" as "教你是"): palatals, lost glides, i for ü
_CLOSE_INITIALS = (("zh", "j"), ("ch", "q"), ("sh", "x"))
_CLOSE_FINALS = (
    ("ao", "iao"), ("an", "ian"), ("ang", "iang"), ("a", "ia"), ("ou", "iu"), ("e", "ie"), ("ong", "iong"),
    ("i", "v"), ("ie", "ve"), ("ian", "van"), ("in", "vn"), ("an", "uan"), ("ang", "uang"), ("en", "un"),
    ("ei", "ui"), ("ai", "uai"), ("o", "uo"), ("ih", "e"),
)  # fmt: skip
_CLOSE = 30
_SAME_FINAL, _SAME_INITIAL, _OTHER = 60, 70, 100
_TWINS = {frozenset(("ni", "nin")): 20, frozenset(("hai", "huan")): 20}

_SIMPLIFY = opencc.OpenCC("t2s")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NUMBER = re.compile(r"\d+")


@lru_cache(maxsize=65_536)
def simplified(char: str) -> str:
    """Traditional to simplified, one character."""
    out = str(_SIMPLIFY.convert(char))
    return out if len(out) == 1 else char


def simplify(text: str) -> str:
    """Traditional to simplified, character by character, full-width letters and digits to half-width."""
    out = []
    for c in text:
        code = ord(c)
        if 0xFF10 <= code <= 0xFF5A:
            c = chr(code - 0xFEE0)
        out.append(simplified(c) if code >= 0x3400 else c)
    return "".join(out)


def spoken_number(digits: str) -> str:
    """A run of digits as it is said: ``24`` 二十四, ``2024`` digit by digit, ``80`` 八十."""
    if len(digits) == 2 and digits[0] != "0":
        tens = "" if digits[0] == "1" else DIGITS[digits[0]]
        return tens + "十" + ("" if digits[1] == "0" else DIGITS[digits[1]])
    return "".join(DIGITS[d] for d in digits)


def normalise(text: str) -> str:
    """Text as matched: simplified, digits as characters, letters in lower case, nothing but both."""
    plain = _NUMBER.sub(lambda m: spoken_number(m[0]) if m[0].isascii() else m[0], simplify(text))
    return "".join(c.lower() for c in plain if c.isalnum())


def is_han(char: str) -> bool:
    """Whether a character is a Chinese one."""
    return bool(_HAN.match(char))


def split(syllable: str) -> tuple[str, str]:
    """A toneless syllable as (initial, final); glides count as initials, ``zhi`` has final ``ih``."""
    if syllable in _GLIDE_Y:
        return "y", _GLIDE_Y[syllable]
    if syllable in _GLIDE_W:
        return "w", _GLIDE_W[syllable]
    for initial in _INITIALS:
        if syllable.startswith(initial) and len(syllable) > len(initial):
            final = syllable[len(initial) :]
            if initial in "jqx" and final.startswith("u"):
                final = "v" + final[1:]
            if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
                final = "ih"
            return initial, {"uei": "ui", "iou": "iu", "uen": "un", "ue": "ve"}.get(final, final)
    return "", syllable


def toneless(reading: str) -> str:
    """``zhòng`` → ``zhong``, ``lǜ`` → ``lv``."""
    plain = reading.translate(_TONES).replace("ê", "e").replace("ü", "v").replace("ɡ", "g")
    plain = "".join(c for c in plain if c.isascii() and c.isalpha())
    return {"n": "en", "ng": "en", "m": "en", "hng": "heng", "hm": "heng"}.get(plain, plain)


class _Inventory:
    """All syllables of the language numbered, and the cost of each pair."""

    def __init__(self) -> None:
        marked = {r for readings in pinyin_dict.pinyin_dict.values() for r in readings.split(",")}
        self.names = sorted({n for r in marked if (n := toneless(r))})
        self.ids = {name: i for i, name in enumerate(self.names)}
        self.cost = self._table()

    def _table(self) -> NDArray[np.int64]:
        parts = [split(n) for n in self.names]
        initials = sorted({p[0] for p in parts})
        finals = sorted({p[1] for p in parts})
        ic = _near_table(initials, _NEAR_INITIALS, _CLOSE_INITIALS)
        fc = _near_table(finals, _NEAR_FINALS, _CLOSE_FINALS)
        i = np.array([initials.index(p[0]) for p in parts])
        f = np.array([finals.index(p[1]) for p in parts])
        di, df = ic[np.ix_(i, i)], fc[np.ix_(f, f)]
        other = np.int64(_OTHER)
        cost = np.full(di.shape, other)
        cost = np.where((di < other) & (df >= other), np.minimum(_SAME_INITIAL + di // 2, other), cost)
        cost = np.where((df < other) & (di >= other), np.minimum(cost, _SAME_FINAL + df // 2), cost)
        cost = np.where((di < other) & (df < other), np.minimum(di + df, _SAME_FINAL), cost)
        # two syllables without an initial have nothing in common because of it
        bare = i == initials.index("") if "" in initials else np.zeros(len(i), dtype=bool)
        cost = np.where(np.outer(bare, bare) & (df >= other), other, cost)
        for pair, value in _TWINS.items():
            a, b = (self.ids[n] for n in pair)
            cost[a, b] = cost[b, a] = value
        np.fill_diagonal(cost, 0)
        return cost.astype(np.int64)


def _near_table(
    names: list[str], near: tuple[tuple[str, str], ...], close: tuple[tuple[str, str], ...]
) -> NDArray[np.int64]:
    table = np.full((len(names), len(names)), _OTHER, dtype=np.int64)
    np.fill_diagonal(table, 0)
    for pairs, value in ((near, _NEAR), (close, _CLOSE)):
        for a, b in pairs:
            if a in names and b in names:
                table[names.index(a), names.index(b)] = table[names.index(b), names.index(a)] = value
    return table


@cache
def inventory() -> _Inventory:
    """The syllables and their costs; built on first use (about 0.1 s)."""
    return _Inventory()


@lru_cache(maxsize=65_536)
def readings(char: str) -> tuple[int, ...]:
    """Ids of every toneless reading of a character; empty for what is not Chinese."""
    known = pinyin_dict.pinyin_dict.get(ord(char))
    if known is None:
        return ()
    ids = inventory().ids
    return tuple(dict.fromkeys(ids[t] for r in known.split(",") if (t := toneless(r)) in ids))


@lru_cache(maxsize=8_192)
def best_readings(text: str) -> tuple[int, ...]:
    """Ids of the right reading of each character of an all-Chinese text, by the words it is made of."""
    ids = inventory().ids
    out = []
    for char, syllable in zip(text, lazy_pinyin(text, style=Style.NORMAL), strict=False):
        found = ids.get(toneless(syllable), -1)
        out.append(found if found >= 0 else (readings(char) or (-1,))[0])
    return tuple(out)


def cost(a: str, b: str) -> float:
    """Cost 0–1 of hearing syllable `b` for `a` (both toneless)."""
    known = inventory()
    return float(known.cost[known.ids[a], known.ids[b]]) / SCALE
