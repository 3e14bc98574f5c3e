"""授权: what a customer agreed to or refused, by purpose; the last word counts.

Who has said nothing may be called back (that is what a hotline is for) and is recorded after the prompt, but
gets greetings and offers only until a refusal: that is 系统默认，待确认.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Purpose(StrEnum):
    """What a consent is about."""

    CALL_BACK = "call_back"
    MARKETING = "marketing"
    RECORDING = "recording"


LABELS: Mapping[Purpose, str] = {
    Purpose.CALL_BACK: "回访与回呼",
    Purpose.MARKETING: "营销与问候",
    Purpose.RECORDING: "通话录音",
}
SOURCES = ("电话", "书面", "页面", "短信", "导入", "其它")


def allowed(purpose: Purpose, last_word: bool | None) -> bool:
    """Whether it may be done; `last_word` is what the customer said last, None for nothing."""
    return last_word is not False
