"""The one door between settings and Asterisk's files."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

# A comment (;), an expression ($), an escape (\) or a new line inside a value would make Asterisk read
# something else than the owner wrote; [ ] open a section or a template.
_REFUSED = re.compile(r"[\x00-\x1f\x7f;$\\\[\]\u0085\u2028\u2029]")
_DIALPLAN = re.compile(r"[A-Za-z0-9_.:/@&+-]*", re.ASCII)
_SECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", re.ASCII)
_RESERVED = frozenset(
    {
        *("general", "global", "globals", "system", "anonymous"),
        *("trunk", "trunk-identify", "transport-udp", "transport-ws"),
        *("device", "device-auth", "device-aor"),
    }
)


def text_of(value: Any) -> str:
    """What a value is in a file."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


class Door:
    """Lets values through and keeps what it refused, with the reason."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}

    def plain(self, value: Any) -> str:
        """A value on the right of a configuration line."""
        text = text_of(value)
        if _REFUSED.search(text) or text != text.strip() or text.startswith(("#", "<", "=>")):
            self.refused[text] = "Asterisk's files cannot carry a line break, ; $ \\ [ ] or a blank at an end"
        return text

    def dialplan(self, value: Any) -> str:
        """A value in code: nothing that separates arguments or makes a pattern."""
        text = self.plain(value)
        if text not in self.refused and not _DIALPLAN.fullmatch(text):
            self.refused[text] = "cannot stand in the dialplan"
        return text

    def section(self, value: Any) -> str:
        """A name in [brackets]."""
        text = text_of(value)
        if not _SECTION.fullmatch(text) or text.lower() in _RESERVED:
            self.refused[text] = "not a name that Asterisk can use for a device, queue or user"
        return text
