"""What is wrong with a request, item by item and field by field, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

_WORDS = {
    "missing": "缺少",
    "extra_forbidden": "没有这个字段",
    "timezone_aware": "时间必须带时区",
    "json_invalid": "不是 JSON",
}


class ItemNote(BaseModel):
    """One fault or remark; `index` is the place in a list of items, -1 outside of one."""

    index: int = Field(description="items 中的位置，从 0 起")
    field: str = ""
    reason: str


def notes_of(errors: Sequence[Any]) -> list[ItemNote]:
    """What pydantic found."""
    notes = []
    for error in errors:
        where = [p for p in error["loc"] if p != "items"]
        index = next((p for p in where if isinstance(p, int)), -1)
        rest = where[where.index(index) + 1 :] if index in where else where
        notes.append(ItemNote(index=index, field=".".join(map(str, rest)), reason=_reason(error)))
    return notes


def _reason(error: Any) -> str:
    kind = str(error["type"])
    if kind in _WORDS:
        return _WORDS[kind]
    if kind.endswith("too_long"):
        return "太长或太多"
    if kind.endswith("too_short"):
        return "太短或太少"
    if kind.startswith(("less_", "greater_")):
        return "超出范围"
    return "格式不正确"
