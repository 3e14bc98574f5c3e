"""What the caller did, made fit for channel variables and for one AMI UserEvent.

Values come from callers and back ends. Here they lose whatever could end an argument, a header or a line, in
addition to what the engine has already taken away (`ivr_flows.clean`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

EVENT = "LaidianContext"
PREFIX = "__LAIDIAN_IVR_"
"""Of channel variables; the two underscores hand them on to every channel this one dials or is sent to."""

MAX_VALUE = 256  # characters
MAX_EVENT = 1800  # bytes, below what Asterisk reads as one AGI command
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}").fullmatch
_KEPT = frozenset(" -_.:/@+#*%>…，。、；：（）·！？")


def clean(value: str, limit: int = MAX_VALUE) -> str:
    """Letters, digits (of any script) and harmless punctuation; a comma becomes a Chinese one."""
    text = value.replace(",", "，")[: limit * 4]
    return "".join(c if c.isalnum() or c in _KEPT else " " for c in text)[:limit].strip()


def pairs(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Channel variables for a context, by name; keys that are no ``[a-z_]`` names are left out."""
    return [(PREFIX + key.upper(), clean(value)) for key, value in values.items() if _KEY(key)]


def user_event(values: Mapping[str, str]) -> str:
    """The argument of the application UserEvent; the tracker reads each header as one key of the context."""
    text = EVENT
    for key, value in values.items():
        if not _KEY(key):
            continue
        header = f",{key}: {clean(value)}"
        if len((text + header).encode()) <= MAX_EVENT:
            text += header
    return text
