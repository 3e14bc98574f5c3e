"""From rows to what the pop shows. Rows come from the drivers or, on PostgreSQL, as JSON: both are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from cti.domain import alerts as say
from cti.domain.customer import (
    ComplaintSummary,
    ContactSummary,
    Customer,
    CustomerKind,
    TierRef,
    WaybillSummary,
)
from cti.store.repos.common import day, moment

Row = Mapping[str, Any]

# business traits (XJ 5.2.5) under the names that a person reads
TRAITS = {
    "cargo": "主要货物品类",
    "transport_volume": "运输量",
    "routes": "路线偏好",
    "timeliness": "时效要求",
    "special_handling": "特殊操作需求",
    "delivery_preference": "包装/送达时间偏好",
    "payment": "付款情况",
}


@dataclass(frozen=True, slots=True)
class History:
    """What is shown beside the customer."""

    waybills: tuple[WaybillSummary, ...]
    contacts: tuple[ContactSummary, ...]
    complaints: tuple[ComplaintSummary, ...]
    alerts: tuple[str, ...]


def customer_from(row: Row, alerts: Sequence[str] = ()) -> Customer:
    """A customer. Of a firm reached through a contact person, `name` is that person, `company` the firm."""
    kind = CustomerKind(row["kind"])
    person = row["contact_name"]
    firm = row["name"] if kind is CustomerKind.COMPANY else row["company"]
    tier = None
    if row["tier_id"]:
        tier = TierRef(row["tier_scheme"], row["tier_id"], row["tier_label"], row["tier_reason"])
    return Customer(
        id=row["id"],
        code=row["code"],
        kind=kind,
        name=person or row["name"],
        title=row["contact_title"] if person else row["title"],
        company=firm,
        address=row["address"],
        tier=tier,
        representative=row["representative"],
        green_channel=bool(row["green_channel"]),
        birthday=day(row["birthday"]),
        preferences=_preferences(row),
        alerts=tuple(alerts),
        note=row["note"],
    )


def waybill_from(row: Row) -> WaybillSummary:
    """A waybill as the pop lists it."""
    return WaybillSummary(
        number=row["number"],
        state=row["state"],
        updated_at=_must(row["updated_at"]),
        origin=row["origin"],
        destination=row["destination"],
        receiver=row["receiver_name"],
        last_event=row["last_event"],
        problem=row["problem"],
    )


def contact_from(row: Row) -> ContactSummary:
    """An earlier contact; its note stands in where nobody wrote a summary."""
    return ContactSummary(
        at=_must(row["at"]),
        channel=row["channel"],
        direction=row["direction"],
        agent=row["agent"],
        summary=row["summary"] or row["note"],
        disposition=row["disposition"],
    )


def complaint_from(row: Row) -> ComplaintSummary:
    """A complaint as the pop lists it."""
    return ComplaintSummary(
        id=row["id"],
        opened_at=_must(row["opened_at"]),
        category=row["category"],
        state=row["state"],
        waybill=row["waybill"],
        due_at=moment(row["due_at"]),
        summary=row["summary"],
    )


def history_from(rows: Mapping[str, Sequence[Row]], customer: Row, now: datetime, zone: tzinfo) -> History:
    """Everything beside the customer, with the alerts that follow from it (`zone` decides what today is)."""
    waybills = {row["number"]: waybill_from(row) for row in rows["waybills"]}
    newest = sorted(waybills.values(), key=lambda w: w.updated_at, reverse=True)
    shown = tuple(w for i, w in enumerate(newest) if i < 5 or w.problem)
    contacts = tuple(contact_from(row) for row in rows["contacts"])
    complaints = tuple(complaint_from(row) for row in rows["complaints"])
    orders = [at for at in (moment(row["at"]) for row in rows["orders"]) if at is not None]
    signs = say.ChurnSigns(
        orders=tuple(sorted(orders, reverse=True)),
        volume_30d=_number(customer["volume_30d"]),
        volume_before=_number(customer["volume_before"]),
    )
    today = now.astimezone(zone).date()
    told = [
        say.complaint_alert(complaints, now, zone),
        *say.waybill_alerts(shown),
        say.churn_alert(signs, now),
        say.upgrade_alert(customer["reach_label"] or ""),
        say.arrears_alert(int(customer["arrears_fen"])),
        say.birthday_alert(
            day(customer["birthday"]), today, month_only=bool(customer["birthday_month_only"])
        ),
        say.festival_alert(today),
    ]
    return History(shown, contacts, complaints, tuple(text for text in told if text))


def _preferences(row: Row) -> dict[str, str]:
    traits = {label: row[name] for name, label in TRAITS.items() if row[name]}
    return {**traits, **{str(k): str(v) for k, v in _json(row["preferences"]).items()}}


def _json(value: Any) -> dict[str, Any]:
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _must(value: Any) -> datetime:
    at = moment(value)
    if at is None:
        raise ValueError("a moment is missing where the table demands one")
    return at
