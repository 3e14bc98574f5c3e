"""Values as people say them: sequences of recorded units.

Numbers follow the usual reading: digit strings with 一 as yāo, quantities with 两 before a measure word and
零 in gaps, money in 元角分, times in 上午/下午 with a twelve-hour clock, dates as 今天/明天 or month and day.
All functions are pure; `Spoken` carries the moment and zone of the call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ivr_flows import clean, places
from ivr_flows.lookups import Kind
from ivr_flows.protocol import Prompt, Sound, Text, Value

UNITS: Mapping[str, str] = {
    "piece": "件",
    "kilogram": "公斤",
    "yuan": "元",
    "day": "天",
    "minute": "分钟",
    "hour": "小时",
    "point": "分",
    "person": "位",
    "parcel": "个快件",
    "shift": "次",
}
"""Measure words by the name that flows use; prompt ids ``unit_<name>``."""

_NUMERALS = "零一二三四五六七八九"
_TOKEN = re.compile(r"[二三四五六七八九]?十[一二三四五六七八九]?|.")
_WORDS = {"百": "u_bai", "千": "u_qian", "万": "u_wan", "亿": "u_yi", "点": "u_dian", "两": "n_liang"}
_RELATIVE = {-2: "t_qiantian", -1: "t_zuotian", 0: "t_jintian", 1: "t_mingtian", 2: "t_houtian"}
_PARTS_OF_DAY = (
    (5, "t_lingchen"),
    (8, "t_zaoshang"),
    (12, "t_shangwu"),
    (13, "t_zhongwu"),
    (18, "t_xiawu"),
    (24, "t_wanshang"),
)
MAX_NUMBER = 10**12


@dataclass(frozen=True, slots=True)
class Spoken:
    """When and where the call is: what 今天 means."""

    at: datetime
    zone: ZoneInfo


def numeral(number: int) -> str:
    """A number from 0 below 10^12 in Chinese: 10305 → 一万零三百零五, 15 → 十五, 315 → 三百一十五."""
    if not 0 <= number < MAX_NUMBER:
        raise ValueError(f"no reading for {number}")
    if number == 0:
        return "零"
    text = ""
    for value, word in ((10**8, "亿"), (10**4, "万"), (1, "")):
        group, number = divmod(number, value)
        if group:
            if text and group < 1000:
                text += "零"
            text += _group(group) + word
        elif text and word and number and not text.endswith("零"):
            text += "零"
    text = text.replace("零零", "零")
    return text.removeprefix("一") if text.startswith("一十") else text


def _group(number: int) -> str:
    text, gap = "", False
    for value, word in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, value)
        if digit:
            text += ("零" if gap else "") + _NUMERALS[digit] + word
            gap = False
        elif text:
            gap = True
    return text


def counted(number: int) -> str:
    """The same before a measure word, where 二 alone, 二百, 二千, 二万, 二亿 become 两."""
    text = numeral(number)
    return "两" if text == "二" else re.sub(r"(?<!十)二(?=[百千万亿])", "两", text)


def numeral_sounds(text: str) -> tuple[Sound, ...]:
    """The recorded units of a Chinese numeral: numbers up to 99 are single recordings."""
    sounds: list[Sound] = []
    for token in _TOKEN.findall(text):
        if token in _WORDS:
            sounds.append(Prompt(_WORDS[token]))
        elif token in _NUMERALS:
            sounds.append(Prompt(f"n_{_NUMERALS.index(token)}"))
        else:
            tens, _, ones = token.partition("十")
            number = (_NUMERALS.index(tens) if tens else 1) * 10 + (_NUMERALS.index(ones) if ones else 0)
            sounds.append(Prompt(f"n_{number}"))
    return tuple(sounds)


def digits(text: str) -> tuple[Sound, ...]:
    """A digit string, one by one, 1 as yāo; anything that is no digit is not spoken."""
    return tuple(Prompt(f"d_{c}") for c in clean.digits(text))


def number(value: int) -> tuple[Sound, ...]:
    """A plain number; a negative one with 负."""
    bounded = max(-MAX_NUMBER + 1, min(MAX_NUMBER - 1, value))
    sounds = numeral_sounds(numeral(abs(bounded)))
    return (Prompt("u_fu"), *sounds) if bounded < 0 else sounds


def quantity(value: int, unit: str) -> tuple[Sound, ...]:
    """A number and its measure word: 2 piece → 两件."""
    bounded = max(0, min(MAX_NUMBER - 1, value))
    return (*numeral_sounds(counted(bounded)), Prompt(f"unit_{unit}"))


def weight(grams: int) -> tuple[Sound, ...]:
    """Grams in 公斤, to the tenth: 2500 → 二点五公斤."""
    kilograms, tenths = divmod(round(max(0, grams) / 100), 10)
    if not tenths:
        return quantity(kilograms, "kilogram")
    return (*numeral_sounds(numeral(kilograms) + "点" + _NUMERALS[tenths]), Prompt("unit_kilogram"))


def money(fen: int) -> tuple[Sound, ...]:
    """分 in 元角分: 1250 → 十二元五角, 105 → 一元零五分, 0 → 零元."""
    bounded = max(0, min(MAX_NUMBER - 1, fen))
    yuan, rest = divmod(bounded, 100)
    jiao, cents = divmod(rest, 10)
    sounds: list[Sound] = []
    if yuan or not rest:
        sounds += quantity(yuan, "yuan")
    if jiao:
        sounds += (*numeral_sounds(counted(jiao)), Prompt("unit_jiao"))
    elif yuan and cents:
        sounds.append(Prompt("n_0"))
    if cents:
        sounds += (*numeral_sounds(counted(cents)), Prompt("unit_fen"))
    return tuple(sounds)


def day(value: date, today: date) -> tuple[Sound, ...]:
    """今天, 明天 …, else month and day, with the year when it is another."""
    word = _RELATIVE.get((value - today).days)
    if word is not None:
        return (Prompt(word),)
    sounds: tuple[Sound, ...] = (Prompt(f"m_{value.month}"), Prompt(f"day_{value.day}"))
    if value.year != today.year:
        sounds = (*(Prompt(f"n_{c}") for c in str(value.year)), Prompt("u_nian"), *sounds)
    return sounds


def clock(hour: int, minute: int) -> tuple[Sound, ...]:
    """A time of the day: 14:30 → 下午两点半, 0:05 → 凌晨零点零五分."""
    part = next(word for until, word in _PARTS_OF_DAY if hour < until)
    sounds: list[Sound] = [Prompt(part), Prompt(f"h_{hour - 12 if hour > 12 else hour}")]
    if minute == 30:
        sounds.append(Prompt("t_ban"))
    elif minute:
        if minute < 10:
            sounds.append(Prompt("n_0"))
        sounds += (Prompt(f"n_{minute}"), Prompt("t_fen"))
    return tuple(sounds)


def moment(text: str, spoken: Spoken, *, with_day: bool = True, with_clock: bool = True) -> tuple[Sound, ...]:
    """An ISO time in the zone of the call: 明天下午两点半; nothing for an empty or broken text."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return ()
    local = at.astimezone(spoken.zone)
    today = spoken.at.astimezone(spoken.zone).date()
    sounds: tuple[Sound, ...] = day(local.date(), today) if with_day else ()
    return (*sounds, *clock(local.hour, local.minute)) if with_clock else sounds


def wait(seconds: int) -> tuple[Sound, ...]:
    """A waiting time: 不到一分钟, 约三分钟, 超过一小时."""
    if seconds < 60:
        return (Prompt("wait_short"),)
    if seconds > 3600:
        return (Prompt("wait_long"),)
    return (Prompt("wait_about"), *quantity(-(-seconds // 60), "minute"))


def place(text: str) -> tuple[Sound, ...]:
    """A city or district as recorded units, else its cleaned name as free text."""
    found = places.find(text)
    known = (found,) if found is not None else places.within(text)
    return tuple(Prompt(p.id) for p in known) or free(text)


def free(text: str) -> tuple[Sound, ...]:
    """Cleaned free text for the text-to-speech port; nothing when nothing is left."""
    cleaned = clean.text(text)
    return (Text(cleaned),) if cleaned else ()


_Format = Callable[[Value, str, Mapping[str, str], Spoken], tuple[Sound, ...]]


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0


FORMATS: Mapping[str, tuple[_Format, tuple[Kind, ...]]] = {
    "digits": (lambda v, u, o, s: digits(_text(v)), (Kind.DIGITS,)),
    "number": (lambda v, u, o, s: number(_int(v)), (Kind.INT,)),
    "quantity": (lambda v, u, o, s: quantity(_int(v), u), (Kind.INT,)),
    "weight": (lambda v, u, o, s: weight(_int(v)), (Kind.INT,)),
    "money": (lambda v, u, o, s: money(_int(v)), (Kind.INT,)),
    "date": (lambda v, u, o, s: moment(_text(v), s, with_clock=False), (Kind.TIME,)),
    "time": (lambda v, u, o, s: moment(_text(v), s, with_day=False), (Kind.TIME,)),
    "moment": (lambda v, u, o, s: moment(_text(v), s), (Kind.TIME,)),
    "wait": (lambda v, u, o, s: wait(_int(v)), (Kind.INT,)),
    "place": (lambda v, u, o, s: place(_text(v)), (Kind.DIGITS, Kind.TEXT)),
    "text": (lambda v, u, o, s: free(_text(v)), (Kind.TEXT,)),
    "prompt": (
        lambda v, u, o, s: (Prompt(o[_text(v)]),) if _text(v) in o else (),
        (Kind.CHOICE, Kind.TEXT),
    ),
}
"""Formats of a spoken part by name, with the kinds of variables they read. Parcels: `ivr_flows.parcel`."""
