"""One cell: text to value. Every function raises CellError with the reason in words, or returns the value."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from cti.domain.phone import Number, NumberClass, Plan, parse
from cti.store.imports.rows import LOST_DIGITS, MAX_CELL

CHINA = ZoneInfo("Asia/Shanghai")

_YES = frozenset({"是", "有", "y", "yes", "true", "1", "√", "对"})
_NO = frozenset({"否", "无", "n", "no", "false", "0", "×", "不是"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_AMOUNT = re.compile(r"([-+]?\d+(?:\.\d+)?)(万)?")
_DATE = re.compile(r"(\d{4})\s*[-/.年]?\s*(\d{1,2})(?:\s*[-/.月]?\s*(\d{1,2})\s*日?|\s*月?)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})?")
_MOMENT = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2})[:：时](\d{1,2})(?:[:：分](\d{1,2})(?:\.(\d{1,6})\d*)?秒?)?分?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?"
)
_SPLIT = re.compile(r"[;；、/／，|｜\n]+")
# a name with a whole number behind it; 李2 is a name
_PERSON = re.compile(r"([^+(（:：]*?[^+(（:：\d\s])[\s(（:：]*([+\d][\d\s\-转,]{6,})[)）]?")
_SHORT_LINE = re.compile(r"0\d{2,3}-?\d{3,6}")


class CellError(ValueError):
    """What is wrong with a cell, in words for the person who has to mend the file."""


def text(value: str) -> str:
    """Any text, without control characters that would end up on a screen or in a log."""
    if LOST_DIGITS in value:
        raise CellError("数字超过 15 位，Excel 已丢失精度，请把该列设为文本后重新填写")
    if len(value) > MAX_CELL:
        raise CellError(f"超过 {MAX_CELL} 个字符")
    cleaned = value.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL.search(cleaned):
        raise CellError("含有控制字符")
    return cleaned


def money_fen(value: str, factor: int = 1) -> int:
    """元 to 分; ``￥1,234.50``, ``1.2万元``. `factor` is 10000 under a column in 万元."""
    fen = _amount(value) * 100 * factor
    if fen != fen.to_integral_value():
        raise CellError(f"金额 {value} 精确到分以下")
    return int(fen)


def figure(value: str, factor: int = 1) -> float:
    """A plain figure, for metrics; whole ones as int."""
    amount = _amount(value) * factor
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def whole(value: str) -> int:
    """A whole number."""
    amount = _amount(value)
    if amount != amount.to_integral_value():
        raise CellError(f"{value} 不是整数")
    return int(amount)


def yes_no(value: str) -> bool:
    """是 or 否."""
    word = value.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise CellError(f"{value} 应为 是 或 否")


def birthday(value: str) -> tuple[date, bool]:
    """出生年月: the day, and whether only the month is known (then it is the first)."""
    plain = unicodedata.normalize("NFKC", value).strip()
    found = _COMPACT.fullmatch(plain) or _DATE.fullmatch(plain.split(" ")[0])
    if found is None:
        raise CellError(f"{value} 不是日期（如 1985-03-12 或 1985年3月）")
    year, month, day_ = int(found[1]), int(found[2]), found[3]
    try:
        return date(year, month, int(day_ or 1)), day_ is None
    except ValueError:
        raise CellError(f"{value} 不是存在的日期") from None


def moment(value: str, zone: tzinfo = CHINA) -> datetime:
    """A moment; without a zone of its own it is Chinese time. Returned in UTC."""
    found = _MOMENT.fullmatch(unicodedata.normalize("NFKC", value).strip())
    if found is None:
        raise CellError(f"{value} 不是时间（如 2025-03-12 14:30）")
    year, month, day_, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micro = int((found[7] or "0").ljust(6, "0"))
    try:
        at = datetime(year, month, day_, hour, minute, second, micro, tzinfo=zone)
        offset = found[8]
        if offset:
            iso = "+00:00" if offset == "Z" else offset
            at = datetime.fromisoformat(f"{at:%Y-%m-%dT%H:%M:%S.%f}{iso}")
    except ValueError:
        raise CellError(f"{value} 不是存在的时间") from None
    return at.astimezone(UTC)


def numbers(value: str, plan: Plan) -> tuple[list[Number], list[str]]:
    """The telephone numbers of a cell (several are parted by ；、/ or a new line), and those that cannot be
    matched later but are worth keeping (0335-6666: an area code with too few digits)."""
    kept: list[Number] = []
    loose: list[str] = []
    for piece in _pieces(value, plan):
        number = parse(piece, plan)
        if number.key is not None:
            kept.append(number)
        elif number.cls is NumberClass.SERVICE or _SHORT_LINE.fullmatch(piece.replace(" ", "")):
            loose.append(piece)
        elif number.cls is NumberClass.MASKED:
            raise CellError(f"号码 {piece} 已脱敏，不能用于识别来电")
        else:
            raise CellError(f"{piece} 不是可识别的电话号码")
    return kept, loose


def people(value: str, plan: Plan) -> list[tuple[str, list[Number]]]:
    """联系人: names, each perhaps with a number behind it ("张三 13800138000；李四")."""
    found = []
    for piece in _SPLIT.split(value):
        name = piece.strip()
        if not name:
            continue
        parts = _PERSON.fullmatch(name)
        if parts is None and re.search(r"\d{5}", name):
            raise CellError(f"联系人 {name} 无法识别（如：张三 13800138000）")
        own, _ = numbers(parts[2], plan) if parts else ([], [])
        found.append((parts[1].strip() if parts else name, own))
    return found


def _pieces(value: str, plan: Plan) -> list[str]:
    pieces = [p.strip() for p in _SPLIT.split(value) if p.strip()]
    result: list[str] = []
    for piece in pieces:
        # a comma starts an extension (0755-86013388,8001) unless whole numbers stand on both sides
        for mark in (",", " "):
            halves = [h.strip() for h in piece.split(mark) if h.strip()]
            if len(halves) > 1 and all(parse(h, plan).key and len(h) >= 8 for h in halves):
                result += halves
                break
        else:
            result.append(piece)
    return result


def _amount(value: str) -> Decimal:
    plain = unicodedata.normalize("NFKC", value).replace(",", "").strip(" ¥￥").removesuffix("元").strip()
    found = _AMOUNT.fullmatch(plain)
    if found is None or len(found[1]) > 18:
        raise CellError(f"{value} 不是数字")
    try:
        return Decimal(found[1]) * (10_000 if found[2] else 1)
    except InvalidOperation:
        raise CellError(f"{value} 不是数字") from None
