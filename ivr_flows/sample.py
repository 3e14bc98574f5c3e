"""Invented data for simulations: parcels, customers and prices of no real company (synthetic, marked so).

The same operations as real back ends answer; a JSON file of the same form can take its place
(``laidian flow simulate --data FILE``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cti.errors import ConfigError, Unavailable
from ivr_flows import places
from ivr_flows.protocol import Scalar

CALLER = "13800138000"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """Data that answers every operation of `lookups`; `down` names operations that are away."""

    parcels: Sequence[Mapping[str, Any]]
    customers: Mapping[str, Mapping[str, Any]]
    queues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    callbacks: frozenset[str] = frozenset()
    not_served: frozenset[str] = frozenset({"0891"})
    down: frozenset[str] = frozenset()
    at: datetime = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)

    def __call__(self, operation: str, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        """The answer of the back end to `operation`."""
        if operation in self.down:
            raise Unavailable(f"{operation} is away")
        found: tuple[str, Mapping[str, object]] = getattr(self, f"_{operation}")(args)
        return found

    def _customer(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        found = self.customers.get(str(args["caller"]))
        if found is None:
            return "none", {}
        return "one", {
            "tier": found.get("tier", ""),
            "green": found.get("green", False),
            "representative": found.get("representative", ""),
            "points": found.get("points", 0),
        }

    def _parcel(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        for parcel in self.parcels:
            if parcel["number"] == args["number"]:
                mine = args["caller"] and args["caller"] in (parcel.get("sender"), parcel.get("receiver"))
                return ("found", {"parcel": parcel}) if mine else ("locked", {})
        return "none", {}

    def _parcel_unlock(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        for parcel in self.parcels:
            if parcel["number"] == args["number"]:
                right = str(parcel.get("receiver", ""))[-4:] == args["last4"]
                return ("found", {"parcel": parcel}) if right else ("wrong", {})
        return "none", {}

    def _parcels(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        mine = [p for p in self.parcels if args["caller"] in (p.get("sender"), p.get("receiver"))]
        mine.sort(key=lambda p: str(p.get("updated_at", "")), reverse=True)
        if not mine:
            return "none", {}
        return ("one" if len(mine) == 1 else "many"), {"parcels": mine[:9], "parcel": mine[0]}

    def _quote(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        if args["destination"] in self.not_served or args["origin"] in self.not_served:
            return "not_served", {}
        near = args["origin"] == args["destination"]
        kilograms = -(-int(args["grams"]) // 1000)
        first, more = (1000, 200) if near else (1200, 500)
        return "quoted", {"price": first + more * (kilograms - 1), "days": 1 if near else 2}

    def _coverage(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        if args["area"] in self.not_served:
            return "not_served", {}
        return ("served" if args["area"] == "0755" else "partly"), {"same_day": args["area"] == "0755"}

    def _branch_phone(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        place = places.by_area().get(str(args["area"]))
        if place is None or args["area"] in self.not_served:
            return "none", {}
        return "found", {"phone": f"{args['area']}00000001", "name": f"{place.name}网点"}

    def _pickup_create(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        if args["caller"] not in self.customers:
            return "no_address", {}
        days = {"today": 0, "tomorrow": 1, "later": 2}[str(args["day"])]
        hour = {"morning": 1, "afternoon": 6, "evening": 10}[str(args["part"])]  # UTC: 9, 14 and 18 o'clock
        start = (self.at + days * DAY).replace(hour=hour, minute=0)
        return "created", {"ref": "60001", "from_at": start, "until_at": start + timedelta(hours=2)}

    def _complaint_create(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        return "created", {"id": "80001", "due_at": self.at + DAY}

    def _claim_create(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        return "created", {"id": "70001", "due_at": self.at + 2 * DAY}

    def _suggestion_create(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        return "created", {}

    def _points(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        found = self.customers.get(str(args["caller"]))
        return ("found", {"points": found.get("points", 0)}) if found else ("none", {})

    def _queue_status(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        found = self.queues.get(str(args["queue"]), {})
        return str(found.get("outcome", "free")), {
            "position": found.get("position", 0),
            "wait_s": found.get("wait_s", 0),
        }

    def _callback_request(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        known = args["number"] in self.callbacks
        return ("duplicate" if known else "accepted"), {"position": 3}

    def _survey_save(self, args: Mapping[str, Scalar]) -> tuple[str, Mapping[str, object]]:
        return "saved", {}


def built_in(at: datetime, tier: str = "", caller: str = CALLER) -> Sample:
    """The invented data around the moment of a call; `tier` is given to the caller."""

    def ago(hours: int) -> str:
        return (at - timedelta(hours=hours)).isoformat()

    base = {"sender": "13900139000", "origin": "0571", "destination": "0755", "receiver": CALLER}
    parcels: list[dict[str, Any]] = [
        {**base, "number": "1234567890", "state": "delivering", "place": "福田", "updated_at": ago(1),
         "due_at": (at + timedelta(hours=4)).isoformat(), "same_day": True},
        {**base, "number": "1234567891", "state": "in_transit", "place": "0571", "updated_at": ago(9),
         "due_at": (at + DAY).isoformat()},
        {**base, "number": "1234567892", "state": "signed", "signer": "本人", "updated_at": ago(49)},
        {**base, "number": "2234567890", "state": "problem", "problem": "派送问题件", "reason": "下大雨",
         "receiver": "13700137000", "updated_at": ago(3), "due_at": (at + DAY).isoformat()},
        {**base, "number": "2234567891", "state": "problem", "problem": "其它", "reason": "查询中",
         "receiver": "13700137000", "updated_at": ago(3)},
        {**base, "number": "3234567890", "state": "arrived", "place": "南山", "receiver": "13600136000",
         "updated_at": ago(1), "same_day": True},
    ]  # fmt: skip
    customers: dict[str, dict[str, Any]] = {
        CALLER: {"tier": "普通客户", "points": 1280},
        "13900139000": {"tier": "VIP客户", "green": True, "representative": "1001", "points": 20500},
    }
    if tier:
        customers[caller] = {**customers.get(caller, {"points": 0}), "tier": tier}
    return Sample(parcels, customers, at=at)


def from_file(path: Path, at: datetime) -> Sample:
    """Data from a JSON file with the keys parcels, customers, queues, callbacks, not_served, down."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ConfigError(f"{path}: not readable as JSON: {e}") from e
    known = {"parcels", "customers", "queues", "callbacks", "not_served", "down"}
    if not isinstance(data, dict) or data.keys() - known:
        raise ConfigError(f"{path}: an object with the keys {', '.join(sorted(known))} is expected")
    parcels = data.get("parcels", [])
    if not isinstance(parcels, list) or not all(isinstance(p, dict) and "number" in p for p in parcels):
        raise ConfigError(f"{path}: 'parcels' is a list of objects with a 'number'")
    for name in ("customers", "queues"):
        if not isinstance(data.get(name, {}), dict):
            raise ConfigError(f"{path}: '{name}' is an object")
    return Sample(
        parcels,
        data.get("customers", {}),
        data.get("queues", {}),
        frozenset(map(str, data.get("callbacks", []))),
        frozenset(map(str, data.get("not_served", []))),
        frozenset(map(str, data.get("down", []))),
        at,
    )
