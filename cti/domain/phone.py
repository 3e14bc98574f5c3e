"""Caller numbers in China: one canonical key per subscriber line, whatever way a trunk or a person writes it.

The order of the steps matters and is that of the design ("numbers.md"): reject ``*`` and control
characters → anonymous → internal plan (service numbers first) → split the extension → strip symbols →
+86/0086/86 → IP prefix → one leading 0 → classify → key. Nothing here raises on any text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

MAX_INPUT = 64  # longer texts are no numbers; they are cut before anything looks at them


class NumberClass(StrEnum):
    """What kind of number it is; only mobile, fixed and intl may be looked up."""

    MOBILE = "mobile"
    FIXED = "fixed"
    SERVICE = "service"
    INTERNAL = "internal"
    MASKED = "masked"
    ANONYMOUS = "anonymous"
    INTL = "intl"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Number:
    """A caller's number, understood.

    `key` is None where no look-up may be made. `rule` names the steps that applied, e.g.
    ``ip_prefix+trunk_zero+mobile``. `maybe_virtual` marks the ranges that middle numbers (AXB) come from.
    """

    input: str
    cls: NumberClass
    key: str | None
    extension: str | None
    rule: str
    maybe_virtual: bool = False

    @property
    def national(self) -> str:
        """What to dial inside China (``0755-86013388``), or the input where there is no key."""
        return self.input if self.key is None else self.key.partition(":")[2]

    @property
    def suffix(self) -> str:
        """The last 8 digits, for the "unsure" hint; "" where no look-up may be made."""
        return suffix_of(self.key) if self.key else ""

    @property
    def display(self) -> str:
        """For a person to read: ``138 0013 8000``, ``0755-86013388 转 8001``."""
        text = self.national
        if self.cls is NumberClass.MOBILE:
            text = f"{text[:3]} {text[3:7]} {text[7:]}"
        return f"{text} 转 {self.extension}" if self.extension else text

    @property
    def masked(self) -> str:
        """For those who may not see it: ``138****8000``, ``0755-****3388``."""
        if self.key is None:
            digits = self.input
            return digits if self.cls in _SHOWN_WHOLE or len(digits) < 7 else f"{digits[:3]}****{digits[-4:]}"
        text = self.national
        if self.cls is NumberClass.MOBILE:
            return f"{text[:3]}****{text[7:]}"
        if self.cls is NumberClass.FIXED:
            area, _, local = text.partition("-")
            return f"{area}-{'*' * (len(local) - 4)}{local[-4:]}"
        return f"{text[:4]}{'*' * max(len(text) - 8, 2)}{text[-4:]}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the site adds: the area code for local-only digits ("": there is none), the internal plan."""

    home_area: str = "0755"
    internal: re.Pattern[str] = re.compile(r"\d{2,6}")


DEFAULT_PLAN = Plan()

_SHOWN_WHOLE = frozenset(
    {NumberClass.SERVICE, NumberClass.INTERNAL, NumberClass.MASKED, NumberClass.ANONYMOUS}
)
_WHOLE = frozenset({NumberClass.MOBILE, NumberClass.SERVICE, NumberClass.INTL})
_ANONYMOUS = frozenset(
    {"", "s", "0", "anonymous", "unknown", "<unknown>", "restricted", "unavailable", "private", "withheld"}
)
_VIRTUAL = ("170", "171", "165", "167")

_MOBILE = re.compile(r"1[3-9]\d{9}")
# the area code: 010, 02x (three digits) or 03xx–09xx (four); what follows is not gated on a table of ranges
_AREA = re.compile(r"(010|02\d|0[3-9]\d{2})(\d+)")
_LOCAL = re.compile(r"[1-9]\d{6,7}")
_HOME_LOCAL = re.compile(r"[2-8]\d{6,7}")
_INTL = re.compile(r"[1-9]\d{6,14}")
_SERVICE = re.compile(
    r"""
    [48]00\d{7}                        # 400, 800
    | 95\d{3,6} | 96\d{3,6}            # banks, couriers, utilities; subscribers never begin with 9
    | 11[0-9] | 12[0-2]                # 110, 114, 119, 120, 122 …
    | 1(00|11|16|18|21|23|25)\d{2}     # 10086, 11185, 12121, 12305, 12345, 12580 …
    | 100\d{4} | 12\d{6} | 106\d{5,17} # longer ones, and text-message gateways
    """,
    re.VERBOSE,
)
_AREA_SERVICE = re.compile(r"[48]00\d{7}|9[56]\d{3,6}|11[0-9]|12[0-2]|1(?:00|11|16|18|21|23|25)\d{2}")
_BEIJING = re.compile(r"10[2-8]\d{7}")  # +86 10 6234 5678 is a line, not a text-message gateway 106…
_IP_PREFIX = re.compile(r"(?:179\d\d|12593)(\d{7,})")
_MASKED = re.compile(r"\+?\d{1,8}[-\s]?(?:\*{2,}|[xX]{3,})[-\s]?\d{0,8}")
_EXTENSION = re.compile(r";ext=|分机号?|转接?|[,;#xX]|ext\.?", re.IGNORECASE)
_SYMBOLS = re.compile(r"[\s\-‐-―−().·/_]+")
_DIGITS = re.compile(r"\+?\d+")


def parse(text: str | None, plan: Plan = DEFAULT_PLAN) -> Number:
    """Understand one number. Never raises; what cannot be understood has class ``invalid``."""
    raw = "" if text is None else str(text)[:MAX_INPUT]
    return _parse(raw, plan)


def key_of(text: str | None, plan: Plan = DEFAULT_PLAN) -> str | None:
    """The canonical key, or None where no look-up may be made."""
    return parse(text, plan).key


def suffix_of(key: str) -> str:
    """The last 8 digits of a key: joins 0755-86013388 with 020-86013388, as a hint only."""
    return re.sub(r"\D", "", key)[-8:]


@lru_cache(maxsize=4096)  # one call asks of the same number many times
def _parse(raw: str, plan: Plan) -> Number:
    clean = raw
    if not (raw.isascii() and raw.isalnum()):  # what trunks send needs none of this
        clean = "".join(c for c in unicodedata.normalize("NFKC", raw) if unicodedata.category(c) != "Cf")
        clean = clean.strip(" ")

    def end(cls: NumberClass, rule: str, extension: str | None = None) -> Number:
        return Number(raw, cls, None, extension, rule)

    if not clean.isalnum() and any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Zl", "Zp") for c in clean):
        return end(NumberClass.INVALID, "control_characters")
    if _MASKED.fullmatch(clean):
        return end(NumberClass.MASKED, "masked")
    if "*" in clean:
        return end(NumberClass.INVALID, "star")
    if not clean or clean.lower() in _ANONYMOUS:
        return end(NumberClass.ANONYMOUS, "anonymous")
    clean = _strip_uri(clean)
    if clean.isascii() and clean.isdigit():
        if _SERVICE.fullmatch(clean):
            return end(NumberClass.SERVICE, "service")
        if plan.internal.fullmatch(clean):
            return end(NumberClass.INTERNAL, "internal")

    head, extension, marked = _split_marked(clean)
    if marked and not head:
        return end(NumberClass.INVALID, "extension_only")
    if extension is not None and not re.fullmatch(r"[0-9]{1,8}", extension):
        return end(NumberClass.INVALID, "extension")
    found = None
    if extension is None and not marked:
        found, extension = _split_dash(head, plan)
    found = found or _classify(_SYMBOLS.sub("", head), plan)
    cls, key, rule = found
    if marked and cls is NumberClass.INVALID and plan.internal.fullmatch(head):
        cls, rule = NumberClass.INTERNAL, "internal"
    virtual = cls is NumberClass.MOBILE and key is not None and key[7:10] in _VIRTUAL
    return Number(raw, cls, key, extension, rule, virtual)


def _strip_uri(text: str) -> str:
    """The user part of ``sip:…@host`` and ``tel:…``."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower().lstrip("<") in ("sip", "sips", "tel"):
        return rest.partition("@")[0].rstrip(">")
    return text


def _split_marked(text: str) -> tuple[str, str | None, bool]:
    """Head and extension at the first mark (``,`` ``;ext=`` ``x`` ``#`` ``转``); whether there was a mark."""
    mark = _EXTENSION.search(text)
    if mark is None:
        return text, None, False
    tail = _SYMBOLS.sub("", text[mark.end() :]).rstrip("#,;")
    return text[: mark.start()].strip(), tail or None, True


_Found = tuple[NumberClass, str | None, str]


def _split_dash(text: str, plan: Plan) -> tuple[_Found | None, str | None]:
    """Where a dash parts number and extension: after the shortest head that is a whole number by itself.

    The dash between area code and subscriber number is none such: 0755 alone is no subscriber.
    """
    pieces = re.split(r"[-‐-―−]", text)
    if len(pieces) == 1 or _classify(_SYMBOLS.sub("", text), plan)[0] in _WHOLE:
        return None, None  # grouped digits: 138-0013-8000, 400-800-1234, +852-2345-6789
    for i in range(1, len(pieces)):
        head = _SYMBOLS.sub("", "".join(pieces[:i]))
        tail = "".join(pieces[i:]).strip()
        if len(head) >= 7 and re.fullmatch(r"[0-9]{1,6}", tail):
            found = _classify(head, plan)
            if found[0] is not NumberClass.INVALID:
                return found, tail
    return None, None


def _classify(digits: str, plan: Plan) -> _Found:
    """Class, key and rule of a text without symbols and extension."""
    if not (digits.isascii() and _DIGITS.fullmatch(digits)):
        return NumberClass.INVALID, None, "not_a_number"
    if digits.startswith("+"):
        return _international(digits[1:], "plus", plan)
    if digits.startswith("00"):
        return _international(digits[2:], "00", plan)
    found = _national(digits, plan)
    if found is None and digits.startswith("86"):
        # bare 86 only where the rest is a whole number by itself: 86013388 is a line in Shenzhen
        found = _after_country_code(digits[2:], plan)
        if found is not None:
            found = (found[0], found[1], f"86+{found[2]}")
    return found or (NumberClass.INVALID, None, "no_rule")


def _international(rest: str, prefix: str, plan: Plan) -> _Found:
    if rest.startswith("86"):
        found = _after_country_code(rest[2:], plan)
        if found is None:
            return NumberClass.INVALID, None, f"{prefix}86"
        return found[0], found[1], f"{prefix}86+{found[2]}"
    if _INTL.fullmatch(rest):
        return NumberClass.INTL, f"intl:+{rest}", f"{prefix}+intl"
    return NumberClass.INVALID, None, prefix


def _after_country_code(rest: str, plan: Plan) -> _Found | None:
    """What follows +86: never local-only digits; the area code with or without the trunk 0."""
    if _BEIJING.fullmatch(rest):
        return _fixed("0" + rest)
    no_home = Plan(home_area="", internal=plan.internal)
    found = _national(rest, no_home)
    if found is None and not rest.startswith("0"):
        found = _fixed("0" + rest)
    return found


def _national(digits: str, plan: Plan) -> _Found | None:
    found = _subscriber(digits, plan)
    if found is not None:
        return found
    prefixed = _IP_PREFIX.fullmatch(digits)
    if prefixed:
        found = _subscriber(prefixed[1], plan)
        if found is not None:
            return found[0], found[1], f"ip_prefix+{found[2]}"
    return None


def _subscriber(digits: str, plan: Plan) -> _Found | None:
    if _MOBILE.fullmatch(digits):
        return NumberClass.MOBILE, f"mobile:{digits}", "mobile"
    if digits.startswith("0") and _MOBILE.fullmatch(digits, 1):
        return NumberClass.MOBILE, f"mobile:{digits[1:]}", "trunk_zero+mobile"
    if _SERVICE.fullmatch(digits):
        return NumberClass.SERVICE, None, "service"
    if digits.startswith("0"):
        return _fixed(digits)
    if plan.home_area and _HOME_LOCAL.fullmatch(digits):
        return NumberClass.FIXED, f"fixed:{plan.home_area}-{digits}", "home_area+fixed"
    return None


def _fixed(digits: str) -> _Found | None:
    """Area code and subscriber number, or a service number behind an area code that a trunk added."""
    match = _AREA.fullmatch(digits)
    if match is None:
        return None
    area, local = match.groups()
    if _AREA_SERVICE.fullmatch(local):
        return NumberClass.SERVICE, None, "area+service"
    if _LOCAL.fullmatch(local):
        return NumberClass.FIXED, f"fixed:{area}-{local}", "fixed"
    return None
