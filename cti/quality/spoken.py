"""Numbers that somebody speaks: 幺三八 零零幺三 八零零零 → 13800138000, as a phone or a waybill number.

Pure. Recognisers write spoken digits as Chinese or as figures, grouped or not, with fillers between; a
number may go on over several utterances. What is found is a proposal to look up, never a fact.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from cti.domain.phone import NumberClass, Plan, parse
from cti.quality import sound

_DIGITS = {
    **{d: d for d in "0123456789"},
    **dict(zip("零一二三四五六七八九", "0123456789", strict=True)),
    "〇": "0", "洞": "0", "幺": "1", "么": "1", "妖": "1", "腰": "1", "两": "2", "拐": "7", "勾": "9",
}  # fmt: skip
_TIMES = {"两": 2, "三": 3, "四": 4, "2": 2, "3": 3, "4": 4}
_OPEN = frozenset("么妖腰洞两拐勾")  # words of their own too: digits only beside digits
_BETWEEN = sound.FILLERS | frozenset(" ,，、.。-－—~·…的是然后杠再")
_LIKE_ONE = "要"  # how recognisers write 幺; nearly always a word of its own
_BEFORE_ONE = frozenset("是号码")
_LETTER = re.compile(r"[A-Za-z]")
_LETTERS = string.ascii_letters
_GO_ON_MS = 4_000  # a longer pause ends a number
_LONGEST = 24
_SHORTEST = 7


@dataclass(frozen=True, slots=True)
class Spoken:
    """A number that was spoken: `value` as it is looked up, `t0`–`t1` in ms of the call."""

    kind: Literal["phone", "waybill"]
    value: str
    t0: int
    t1: int


@dataclass(frozen=True, slots=True)
class _Run:
    text: str
    t0: int
    t1: int
    whole: bool  # nothing but the number was said


@dataclass(slots=True)
class NumberEar:
    """Listens to one party. `pattern` matches waybill numbers (setting waybills.pattern)."""

    pattern: re.Pattern[str]
    prefixes: Sequence[str] = ()
    plan: Plan = field(default_factory=Plan)
    _open: _Run | None = None
    _told: dict[str, Spoken] = field(default_factory=dict)

    def heard(self, text: str, t0: int, t1: int) -> list[Spoken]:
        """One utterance; the numbers that are whole now and were not told before."""
        runs = runs_in(text)
        if not runs:
            self._open = None
            return []
        out: list[Spoken] = []
        for place, (digits, starts, ends) in enumerate(runs):
            begin = t0
            before = self._open if place == 0 else None
            if before is not None and starts and t0 - before.t1 <= _GO_ON_MS:
                joined = before.text + digits
                if len(joined) <= _LONGEST and self._number(joined, before.t0, t1, out):
                    self._open = None
                    continue
                digits, begin = (joined, before.t0) if len(joined) <= _LONGEST else (digits, t0)
            found = self._number(digits, begin, t1, out)
            # a number that may go on: the utterance ended with it
            self._open = _Run(digits, begin, t1, starts) if ends and not (found and starts) else None
        return out

    def again(self, text: str, t0: int, t1: int) -> tuple[list[Spoken], list[Spoken]]:
        """Several utterances were read anew in one piece: what that adds, and what it proves wrong."""
        new: list[Spoken] = []
        values = [self._plain(d) for d, _, _ in runs_in(text) if self._number(d, t0, t1, new)]
        wrong = [s for v, s in self._told.items() if values and v not in values and t0 <= s.t0 and s.t1 <= t1]
        for one in wrong:
            del self._told[one.value]
        return new, wrong

    def knows(self, value: str) -> bool:
        """Whether this number was told and not taken back."""
        return value in self._told

    def _number(self, digits: str, t0: int, t1: int, out: list[Spoken]) -> bool:
        digits = self._plain(digits)
        kind = self._kind(digits)
        if kind is None:
            return False
        if digits not in self._told:
            self._told[digits] = Spoken(kind, digits, t0, t1)
            out.append(self._told[digits])
        return True

    def _plain(self, digits: str) -> str:
        """Letters that are none of the prefixes were misheard; the look-up puts prefixes in front."""
        known = not self.prefixes or any(digits.upper().startswith(p.upper()) for p in self.prefixes if p)
        return digits if known else digits.lstrip(_LETTERS)

    def _kind(self, digits: str) -> Literal["phone", "waybill"] | None:
        if len(digits) < _SHORTEST:
            return None
        if digits.isdigit():
            number = parse(digits, self.plan)
            if number.cls is NumberClass.MOBILE and len(digits) == 11:
                return "phone"
            if number.cls is NumberClass.FIXED and digits.startswith("0"):
                return "phone"
        bare = digits
        for prefix in self.prefixes:
            if prefix and digits.upper().startswith(prefix.upper()):
                bare = digits[len(prefix) :]
        if self.pattern.fullmatch(digits) or self.pattern.fullmatch(bare):
            return "waybill"
        return None


def runs_in(text: str) -> list[tuple[str, bool, bool]]:
    """Runs of spoken digits: the digits, whether the text starts with them and whether it ends with them.

    >>> runs_in("我的单号是幺二三，四五六")
    [('123456', False, True)]
    """
    chars = list(sound.simplify(text))
    out: list[tuple[str, bool, bool]] = []
    i = 0
    while i < len(chars):
        one = _is_one(chars, i, begun=False)
        if chars[i] not in _DIGITS and not _LETTER.match(chars[i]) and not one:
            i += 1
            continue
        start, digits, last = i, "", i
        while i < len(chars):
            char = chars[i]
            several = _several(chars, i)
            if char == "十" and digits[-1:].isdigit() and last == i:
                # recognisers like to read nine, six as 九十六, and nine, zero as 九十
                digits += "" if chars[i + 1 : i + 2] and chars[i + 1] in _DIGITS else "0"
                i += 1
                last = i
            elif several:
                digits += several
                i += 3
                last = i
            elif char in _DIGITS or _is_one(chars, i, begun=bool(digits)):
                digits += _DIGITS.get(char, "1")
                i += 1
                last = i
            elif _LETTER.match(char) and (not digits or digits.isalpha()):
                digits += char.upper()  # letters only before the digits
                i += 1
                last = i
            elif char in _BETWEEN:
                i += 1
            else:
                break
        lone = last - start == 1 and chars[start] in _OPEN
        if any(d.isdigit() for d in digits) and not lone:
            before = all(c in _BETWEEN for c in chars[:start])
            after = all(c in _BETWEEN for c in chars[last:])
            out.append((digits, before, after))
        i = max(i, start + 1)
    return out


def _is_one(chars: list[str], i: int, *, begun: bool) -> bool:
    """Whether a 要 stands where only 幺 can: before a digit or at the end, and not in 我要."""
    if chars[i] != _LIKE_ONE:
        return False
    before, after = chars[i - 1] if i else "", chars[i + 1] if i + 1 < len(chars) else ""
    opens = not before or before in _DIGITS or before in _BETWEEN or before in _BEFORE_ONE
    digit = after in _DIGITS or after == _LIKE_ONE
    return opens and (digit or (begun and (not after or after in _BETWEEN)))


def _several(chars: list[str], i: int) -> str:
    """三个八 → 888."""
    if i + 2 < len(chars) and chars[i] in _TIMES and chars[i + 1] == "个" and chars[i + 2] in _DIGITS:
        return _DIGITS[chars[i + 2]] * _TIMES[chars[i]]
    return ""
