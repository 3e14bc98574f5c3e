"""Bodies and answers of the webhooks in. Moments carry a zone, money is 分, weight is grams."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from screenpop.api.faults import ItemNote

MAX_ITEMS = 500
MAX_EVENTS = 200

Text = Annotated[str, Field(max_length=400)]
Word = Annotated[str, Field(max_length=64)]
Fen = Annotated[int, Field(ge=-(10**12), le=10**12)]
Delivery = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class WaybillEventIn(_In):
    """One scan."""

    at: AwareDatetime
    state: Word = Field(description="状态词或代码：揽收、运输中、派件、签收、问题件 …")
    place: Text = ""
    operator: Word = ""
    text: Text = ""


class WaybillPush(_In):
    """One waybill: what is absent stays as it is. `state` without events is an event at `at`."""

    number: Word
    at: AwareDatetime | None = Field(None, description="这些内容成立的时间；缺省为最后一个事件的时间")
    state: Word | None = None
    events: tuple[WaybillEventIn, ...] = Field((), max_length=MAX_EVENTS)
    sender_code: Word | None = Field(None, description="寄件客户编号")
    sender_name: Word | None = None
    sender_phone: Word | None = None
    receiver_code: Word | None = None
    receiver_name: Word | None = None
    receiver_phone: Word | None = None
    receiver_address: Text | None = None
    origin: Word | None = None
    destination: Word | None = None
    goods: Text | None = None
    pieces: int | None = Field(None, ge=0, le=1_000_000)
    weight_g: int | None = Field(None, ge=0, le=10**9)
    freight_fen: Fen | None = None
    cod_fen: Fen | None = None
    promised_at: AwareDatetime | None = None
    signed_by: Word | None = None
    site: Word | None = None
    courier: Word | None = None


class OrderPush(_In):
    """One order; `updated_at` decides which of two tellings counts (缺省为下单时间)."""

    number: Word
    code: Word = Field(description="客户编号；没有这位客户则整批退回")
    at: AwareDatetime = Field(description="下单时间")
    updated_at: AwareDatetime | None = None
    pieces: int | None = Field(None, ge=0, le=1_000_000)
    amount_fen: Fen | None = None
    paid_fen: Fen | None = None
    waybill: Word | None = None
    state: Word | None = Field(None, description="已取消的订单不计")
    region: Word | None = None


class WaybillsIn(_In):
    """One delivery; `delivery` is the sender's own number of it, the same when it is sent again."""

    delivery: Delivery
    items: tuple[WaybillPush, ...] = Field(min_length=1, max_length=MAX_ITEMS)


class OrdersIn(_In):
    """As WaybillsIn."""

    delivery: Delivery
    items: tuple[OrderPush, ...] = Field(min_length=1, max_length=MAX_ITEMS)


class HookOut(BaseModel):
    """What the delivery did; the same when it is sent again."""

    delivery: str
    items: int
    created: int
    changed: int
    unchanged: int
    warnings: tuple[ItemNote, ...] = ()
