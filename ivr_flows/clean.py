"""Text from callers and back ends, made harmless before it leaves in a command.

Nothing here is trusted and nothing is interpreted: what remains are letters (Chinese ones too), digits,
blanks and a little punctuation, in bounded length. Quotes, brackets, backslashes, ``$``, ``;``, control and
format characters go, so a value can end neither an AGI argument nor a line nor start a dialplan expression.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT = 200
MAX_DIGITS = 60
MAX_CONTEXT = 256
_PUNCTUATION = frozenset("，。、？！：；（）·—-+.,:/@_#*%")
_NAME = re.compile(r"[^A-Za-z0-9._-]")


def text(value: str, limit: int = MAX_TEXT) -> str:
    """At most `limit` harmless characters; each run of removed or blank ones becomes one blank."""
    if len(value) <= limit and value.isalnum():
        return value
    kept: list[str] = []
    for char in value[: 4 * limit]:
        if char.isalnum() or char in _PUNCTUATION:
            kept.append(char)
        elif unicodedata.category(char) != "Cf" and kept and kept[-1] != " ":
            kept.append(" ")
    return "".join(kept)[:limit].strip()


def digits(value: str, limit: int = MAX_DIGITS) -> str:
    """Only ASCII digits, at most `limit`."""
    return "".join(c for c in value if c in "0123456789")[:limit]


def keys(value: str, limit: int = MAX_DIGITS) -> str:
    """Only keys of a telephone (``0-9*#`` and the rare ``A-D``), at most `limit`."""
    return "".join(c for c in value if c in "0123456789*#ABCD")[:limit]


def reference(value: str, limit: int = 96) -> str:
    """A name made of ``[A-Za-z0-9._-]`` that cannot climb out of a folder."""
    return _NAME.sub("", value)[:limit].lstrip(".")
