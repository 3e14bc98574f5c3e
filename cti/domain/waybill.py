"""Waybills: their states in the words of the trade, and what a waybill number looks like.

State words are those of domain.md §6 and of the operators' tracking pages; every import and backend maps
onto them, callers hear the sentence and never the raw word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class WaybillState(StrEnum):
    """运单状态."""

    ORDERED = "ordered"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    ARRIVED = "arrived"
    DELIVERING = "delivering"
    AT_PICKUP = "at_pickup"
    PROBLEM = "problem"
    RETURNING = "returning"
    SIGNED = "signed"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    LOST = "lost"


LABELS: dict[WaybillState, str] = {
    WaybillState.ORDERED: "已下单",
    WaybillState.COLLECTED: "已收件",
    WaybillState.IN_TRANSIT: "运输中",
    WaybillState.ARRIVED: "已到达派送网点",
    WaybillState.DELIVERING: "派送中",
    WaybillState.AT_PICKUP: "待自取",
    WaybillState.PROBLEM: "问题件",
    WaybillState.RETURNING: "退回中",
    WaybillState.SIGNED: "已签收",
    WaybillState.RETURNED: "已退回",
    WaybillState.CANCELLED: "已取消",
    WaybillState.LOST: "遗失",
}
FINAL = frozenset({WaybillState.SIGNED, WaybillState.RETURNED, WaybillState.CANCELLED, WaybillState.LOST})

_WORDS: dict[str, WaybillState] = {
    **{label: state for state, label in LABELS.items()},
    **{state.value: state for state in WaybillState},
    "下单": WaybillState.ORDERED,
    "待取件": WaybillState.ORDERED,
    "待揽收": WaybillState.ORDERED,
    "收件": WaybillState.COLLECTED,
    "揽收": WaybillState.COLLECTED,
    "已揽收": WaybillState.COLLECTED,
    "已揽件": WaybillState.COLLECTED,
    "发件": WaybillState.IN_TRANSIT,
    "中转": WaybillState.IN_TRANSIT,
    "运输": WaybillState.IN_TRANSIT,
    "在途": WaybillState.IN_TRANSIT,
    "转运中": WaybillState.IN_TRANSIT,
    "到件": WaybillState.ARRIVED,
    "到达": WaybillState.ARRIVED,
    "已到达": WaybillState.ARRIVED,
    "派件": WaybillState.DELIVERING,
    "派送": WaybillState.DELIVERING,
    "派件中": WaybillState.DELIVERING,
    "正在派送": WaybillState.DELIVERING,
    "自取": WaybillState.AT_PICKUP,
    "待取": WaybillState.AT_PICKUP,
    "已入柜": WaybillState.AT_PICKUP,
    "疑难": WaybillState.PROBLEM,
    "异常": WaybillState.PROBLEM,
    "滞留": WaybillState.PROBLEM,
    "退件": WaybillState.RETURNING,
    "退回": WaybillState.RETURNING,
    "转退件": WaybillState.RETURNING,
    "签收": WaybillState.SIGNED,
    "妥投": WaybillState.SIGNED,
    "已妥投": WaybillState.SIGNED,
    "已退件": WaybillState.RETURNED,
    "取消": WaybillState.CANCELLED,
    "丢失": WaybillState.LOST,
    "已遗失": WaybillState.LOST,
}

_NUMBER = re.compile(r"[A-Z]{0,4}\d{8,20}[A-Z]{0,2}")


def state_of(word: str) -> WaybillState | None:
    """The state that a word of an import or a backend means, or None."""
    return _WORDS.get(word.strip())


def clean_number(text: str) -> str | None:
    """A waybill number in one form (``sf 1234-5678-9012`` → ``SF123456789012``), or None if it is none.

    Operators differ in length and letters; only what cannot be a waybill anywhere is refused.
    """
    number = re.sub(r"[\s\-_.]", "", text[:64]).upper()
    return number if _NUMBER.fullmatch(number) else None


def label_of(state: str) -> str:
    """The Chinese word of a stored state; an unknown one is shown as it is."""
    return LABELS.get(WaybillState(state), state) if state in WaybillState._value2member_map_ else state


def event_words(event: Mapping[str, Any]) -> str:
    """An event for reading: place and what happened."""
    said = event.get("text") or label_of(event["state"])
    return " ".join(part for part in (event.get("place"), said) if part)
