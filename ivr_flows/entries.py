"""What a caller may type: named checks that turn an entry into its usual form, or refuse it.

The waybill rule is the owner's (setting ``ivr.waybill_pattern``); by default 10–15 digits, which the common
domestic carriers' numbers are once the letters, which no keypad can type, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ivr_flows import places

WAYBILL = r"\d{10,15}"
_PHONE = re.compile(r"1[3-9]\d{9}|0[1-9]\d{1,2}\d{7,8}|[2-8]\d{6,7}")

Check = Callable[[str], str | None]


def waybill(pattern: str = WAYBILL) -> Check:
    """A check for waybill numbers by a regular expression over the whole entry."""
    rule = re.compile(pattern)
    return lambda entry: entry if rule.fullmatch(entry) else None


def last4(entry: str) -> str | None:
    """Four digits."""
    return entry if len(entry) == 4 and entry.isdigit() else None


def phone(entry: str) -> str | None:
    """A mobile number, a landline with 区号, or a local number."""
    return entry if _PHONE.fullmatch(entry) else None


def area(entry: str) -> str | None:
    """A known 区号, typed with or without its leading 0."""
    code = entry if entry.startswith("0") else f"0{entry}"
    return code if code in places.by_area() else None


def checks(waybill_pattern: str = WAYBILL) -> Mapping[str, Check]:
    """All checks by the name that flows use."""
    return {"waybill": waybill(waybill_pattern), "last4": last4, "phone": phone, "area": area}


NAMES = frozenset(checks())
