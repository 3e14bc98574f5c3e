"""Key nodes of a waybill at which the customer is told without asking (CRM 一(三)), and the words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cti.domain.waybill import FINAL, WaybillState


class Node(StrEnum):
    """订单确认, 在途, 即将到达, 异常; overdue is the exception that nobody has registered."""

    CONFIRMED = "confirmed"
    ON_THE_WAY = "on_the_way"
    DUE = "due"
    EXCEPTION = "exception"
    OVERDUE = "overdue"


LABELS: Mapping[Node, str] = {
    Node.CONFIRMED: "订单确认",
    Node.ON_THE_WAY: "在途",
    Node.DUE: "即将送达",
    Node.EXCEPTION: "异常",
    Node.OVERDUE: "超时未送达",
}
_BY_STATE: Mapping[WaybillState, Node] = {
    WaybillState.ORDERED: Node.CONFIRMED,
    WaybillState.COLLECTED: Node.ON_THE_WAY,
    WaybillState.IN_TRANSIT: Node.ON_THE_WAY,
    WaybillState.ARRIVED: Node.DUE,
    WaybillState.DELIVERING: Node.DUE,
    WaybillState.AT_PICKUP: Node.DUE,
    WaybillState.PROBLEM: Node.EXCEPTION,
    WaybillState.RETURNING: Node.EXCEPTION,
    WaybillState.LOST: Node.EXCEPTION,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What to tell: the node, and the sentence."""

    node: Node
    text: str


def notice_of(
    number: str, state: WaybillState, *, promised_at: datetime | None, problem: str, now: datetime
) -> Notice | None:
    """The notice that a waybill calls for now; None for one that is over and went well.

    An exception outweighs a delay, a delay the place where the parcel is.
    """
    if problem and state not in FINAL:
        return Notice(Node.EXCEPTION, f"您的快件{number}遇到问题：{problem}，我们正在处理，有进展马上告诉您")
    if promised_at is not None and promised_at < now and state not in FINAL:
        return Notice(Node.OVERDUE, f"您的快件{number}未能按约定时间送达，非常抱歉，我们正在催办")
    node = _BY_STATE.get(state)
    if node is None:
        return None
    texts = {
        Node.CONFIRMED: f"您的快件{number}已下单，我们会尽快上门收件",
        Node.ON_THE_WAY: f"您的快件{number}已发出，正在运输途中",
        Node.DUE: f"您的快件{number}已到达派送网点，即将送达",
        Node.EXCEPTION: f"您的快件{number}遇到问题，我们正在处理，有进展马上告诉您",
    }
    return Notice(node, texts[node])
