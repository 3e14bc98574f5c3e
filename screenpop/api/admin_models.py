"""Shapes of the admin's area: tokens, subscriptions, deliveries, events, users."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cti.domain.scopes import MAX_RATE_PER_MIN, RATE_PER_MIN

Name = Annotated[str, Field(min_length=1, max_length=40)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class IntegrationIn(_In):
    name: Name
    scopes: tuple[str, ...] = Field(min_length=1, max_length=20)
    days: float | None = Field(None, gt=0, le=3650, description="有效天数；缺省为长期")
    rate_per_min: int = Field(RATE_PER_MIN, ge=1, le=MAX_RATE_PER_MIN)
    signed: bool = Field(False, description="推送必须带签名")


class IntegrationMade(BaseModel):
    """The only time that token and secret are shown."""

    name: str
    token: str
    secret: str = Field(description="签名密钥；不要求签名时为空")
    expires_at: datetime | None


class IntegrationOut(BaseModel):
    id: int
    name: str
    scopes: tuple[str, ...]
    signed: bool
    rate_per_min: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_remote: str


class IntegrationsOut(BaseModel):
    items: tuple[IntegrationOut, ...]
    scopes: dict[str, str] = Field(description="权限 → 说明")


class SubscriptionIn(_In):
    name: Name
    url: str = Field(min_length=8, max_length=500)
    kinds: tuple[str, ...] = Field((), max_length=40, description="缺省为全部事件")


class SubscriptionMade(BaseModel):
    name: str
    secret: str = Field(description="签名密钥，只显示这一次")


class SubscriptionSet(_In):
    on: bool


class SubscriptionOut(BaseModel):
    id: int
    name: str
    url: str
    kinds: tuple[str, ...]
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    failures: int
    not_before: datetime | None
    last_error: str
    last_success_at: datetime | None
    waiting: int
    sent: int
    dead: int


class SubscriptionsOut(BaseModel):
    items: tuple[SubscriptionOut, ...]
    kinds: dict[str, str] = Field(description="事件 → 说明")


class DeliveryQuery(_In):
    state: str = Field("", pattern="^(|waiting|sent|dead)$")
    subscription_id: int | None = None
    limit: int = Field(100, ge=1, le=500)


class DeliveryOut(BaseModel):
    id: int
    seq: int
    subscription: str
    kind: str
    subject: str
    at: datetime
    state: str
    attempts: int
    due_at: datetime
    sent_at: datetime | None
    last_error: str


class DeliveriesOut(BaseModel):
    items: tuple[DeliveryOut, ...]


class ResendIn(_In):
    """One delivery, or every dead one of a subscription."""

    delivery_id: int | None = None
    subscription: str = Field("", max_length=40)


class CountOut(BaseModel):
    count: int


class Done(BaseModel):
    done: bool = True


class EventsQuery(_In):
    after: int = Field(0, ge=0, description="上一次见到的最大编号")
    kinds: str = Field("", max_length=400, description="逗号分隔；缺省为全部")
    limit: int = Field(100, ge=1, le=1000)


class EventOut(BaseModel):
    id: int
    kind: str
    subject: str
    at: datetime
    data: dict[str, Any]


class EventsOut(BaseModel):
    """`last` is what to ask with next time."""

    items: tuple[EventOut, ...]
    last: int


class UserOut(BaseModel):
    username: str
    name: str
    roles: tuple[str, ...]
    agent: str
    team: str
    disabled: bool


class UsersOut(BaseModel):
    items: tuple[UserOut, ...]


class AuditQuery(_In):
    who: str = Field("", max_length=80)
    action: str = Field("", max_length=40)
    subject: str = Field("", max_length=120)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    before: int | None = Field(None, description="只要编号更小的：下一页")
    limit: int = Field(100, ge=1, le=500)


class AuditEntry(BaseModel):
    id: int
    at: datetime
    who: str
    action: str
    label: str
    subject: str
    detail: dict[str, Any]
    remote: str


class AuditOut(BaseModel):
    items: tuple[AuditEntry, ...]
    actions: dict[str, str] = Field(description="操作 → 说明")
