"""归属地: where a number is registered, in Chinese, from the tables of the ``phonenumbers`` library.

Outside ``cti.domain`` because of the library, and imported late because its tables take a moment to load.
A ported or virtual number keeps the place of its block: a hint for the agent, never a fact.
"""

from __future__ import annotations

from functools import lru_cache

from cti.domain.phone import Number, NumberClass

_DIALLABLE = frozenset({NumberClass.MOBILE, NumberClass.FIXED, NumberClass.INTL})


def place_of(number: Number) -> str:
    """``广东省深圳市``, ``北京市``, ``香港`` … or "" when it is not known."""
    return _place(number.key) if number.key and number.cls in _DIALLABLE else ""


@lru_cache(maxsize=65536)
def _place(key: str) -> str:
    import phonenumbers
    from phonenumbers import geocoder

    kind, _, digits = key.partition(":")
    try:
        parsed = phonenumbers.parse(digits, None if kind == "intl" else "CN")
    except phonenumbers.NumberParseException:
        return ""
    if kind == "intl":
        return str(
            geocoder.description_for_number(parsed, "zh") or geocoder.country_name_for_number(parsed, "zh")
        )
    # the country alone says nothing to an agent in China
    place = str(geocoder.description_for_number(parsed, "zh"))
    return "" if place in ("中国", "China") else place
