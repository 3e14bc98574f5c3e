"""The answers to every operation of `ivr_flows.lookups`, out of the store and the waybill port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from agi_scripts.ports import Answer, CallInfo
from agi_scripts.service import Service
from cti.domain import phone
from cti.domain.complaint import ANSWER_HOURS, due_at
from cti.domain.complaint_clock import Deadlines
from cti.domain.customer import Customer, Outcome
from cti.errors import UsageError
from cti.store.db import Database
from cti.store.repos import ivr
from cti.store.repos.complaints import add_complaint
from cti.store.repos.lookup import find_by_number
from cti.store.repos.points import balance
from cti.waybills.port import Parcel, Waybills
from ivr_flows import places
from ivr_flows.protocol import Scalar

Args = Mapping[str, Scalar]
Callback = Callable[[Args, CallInfo], Awaitable[Answer]]

CLAIM_DUE = "破损"
"""Claims are answered within the time of this complaint category; ours."""


class StoreAnswers:
    """One for all calls. `request_callback` is the callback desk's part."""

    def __init__(
        self,
        db: Database,
        waybills: Waybills,
        service: Service,
        *,
        request_callback: Callback,
        plan: phone.Plan = phone.DEFAULT_PLAN,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        deadlines: Deadlines | None = None,
    ) -> None:
        self._db = db
        self._deadlines = deadlines or Deadlines()
        self._waybills = waybills
        self._service = service
        self._plan = plan
        self._now = now
        self._by_name: Mapping[str, Callable[[Args, CallInfo], Awaitable[Answer]]] = {
            "customer": self._customer,
            "parcel": self._parcel,
            "parcel_unlock": self._parcel_unlock,
            "parcels": self._parcels,
            "quote": self._quote,
            "coverage": self._coverage,
            "branch_phone": self._branch_phone,
            "pickup_create": self._pickup,
            "complaint_create": self._complaint,
            "claim_create": self._claim,
            "suggestion_create": self._suggestion,
            "points": self._points,
            "callback_request": request_callback,
            "survey_save": self._survey,
        }

    def answer(self, operation: str, args: Args, call: CallInfo) -> Awaitable[Answer]:
        """Do one operation; UsageError for one that is not known."""
        run = self._by_name.get(operation)
        if run is None:
            raise UsageError(f"no back-end operation {operation!r}")
        return run(args, call)

    # --- who and where ----------------------------------------------------------------------------------

    def _key(self, args: Args) -> str:
        return phone.key_of(str(args.get("caller", "")), self._plan) or ""

    async def _customer_of(self, args: Args) -> tuple[Outcome, Customer | None]:
        number = phone.parse(str(args.get("caller", "")), self._plan)
        if number.key is None:
            return Outcome.NONE, None
        now = self._now()
        found = await self._db.run(lambda conn: find_by_number(conn, number, now=now))
        return found.outcome, found.customer

    async def _customer(self, args: Args, call: CallInfo) -> Answer:
        outcome, customer = await self._customer_of(args)
        if customer is None:
            return Answer("many" if outcome is Outcome.MANY else "none")
        points = await self._db.run(lambda conn: balance(conn, customer.id))
        data = {
            "tier": customer.tier.label if customer.tier else "",
            "green": customer.green_channel,
            "representative": customer.representative,
            "points": points,
        }
        return Answer("one", data)

    async def _points(self, args: Args, call: CallInfo) -> Answer:
        _, customer = await self._customer_of(args)
        if customer is None:
            return Answer("none")
        return Answer("found", {"points": await self._db.run(lambda conn: balance(conn, customer.id))})

    async def _parcel(self, args: Args, call: CallInfo) -> Answer:
        parcel = await self._waybills.find(str(args["number"]))
        if parcel is None:
            return Answer("none")
        if not parcel.belongs_to(self._key(args)):
            return Answer("locked")
        return Answer("found", {"parcel": _row(parcel, self._service)})

    async def _parcel_unlock(self, args: Args, call: CallInfo) -> Answer:
        parcel = await self._waybills.find(str(args["number"]))
        if parcel is None:
            return Answer("none")
        if not parcel.unlocked_by(str(args["last4"])):
            return Answer("wrong")
        return Answer("found", {"parcel": _row(parcel, self._service)})

    async def _parcels(self, args: Args, call: CallInfo) -> Answer:
        key = self._key(args)
        rows = [_row(p, self._service) for p in await self._waybills.of_phone(key)] if key else []
        if not rows:
            return Answer("none")
        return Answer("one" if len(rows) == 1 else "many", {"parcels": rows, "parcel": rows[0]})

    # --- prices and places ------------------------------------------------------------------------------

    async def _quote(self, args: Args, call: CallInfo) -> Answer:
        price = self._service.quote(int(args["grams"]), str(args["origin"]), str(args["destination"]))
        if price is None:
            return Answer("not_served")
        return Answer("quoted", {"price": price.first, "days": price.days})

    async def _coverage(self, args: Args, call: CallInfo) -> Answer:
        outcome, same_day = self._service.coverage(str(args["area"]))
        return Answer(outcome, {"same_day": same_day})

    async def _branch_phone(self, args: Args, call: CallInfo) -> Answer:
        area = self._service.areas.get(str(args["area"]))
        if area is None or not area.phone:
            return Answer("none")
        return Answer("found", {"phone": area.phone, "name": area.name})

    # --- what is written down ---------------------------------------------------------------------------

    async def _pickup(self, args: Args, call: CallInfo) -> Answer:
        _, customer = await self._customer_of(args)
        if customer is None or not customer.address:
            return Answer("no_address")
        part = str(args["part"])
        since, until = self._service.span(str(args["day"]), part, self._now())
        capacity = self._service.pickup[part].capacity
        detail = {"until": until.isoformat(), "pieces": args["pieces"], "customer": customer.id}

        def write(conn: Connection) -> int | None:
            if ivr.pickups_between(conn, since, until) >= capacity:
                return None
            return ivr.add_request(
                conn, kind="pickup", number_key=self._key(args), at=since, detail=detail, **_of(call)
            )

        ref = await self._db.write(write)
        if ref is None:
            return Answer("full")
        return Answer(
            "created", {"ref": str(ref), "from_at": since.isoformat(), "until_at": until.isoformat()}
        )

    async def _complaint(self, args: Args, call: CallInfo) -> Answer:
        category, now = str(args["category"]), self._now()
        category = category if category in ANSWER_HOURS else "其它"
        number = phone.parse(str(args.get("caller", "")), self._plan)
        _, customer = await self._customer_of(args)
        tier = customer.tier if customer else None
        promised = self._deadlines.due_at(category, now, (tier.scheme, tier.id) if tier else None)
        told = "，有留言录音" if args.get("recording") else ""

        def write(conn: Connection) -> int:
            return add_complaint(
                conn,
                category=category,
                summary=f"自助语音投诉：{category}{told}",
                opened_at=now,
                opened_by="ivr",
                channel="ivr",
                number_key=number.key or "",
                number_display=number.display,
                customer_id=customer.id if customer else None,
                waybill=str(args.get("number", "")),
                recording_id=str(args.get("recording", "")),
                promised_at=promised,
                deadlines=self._deadlines,
                source="ivr",
                **_of(call),
            )

        return Answer("created", {"id": str(await self._db.write(write)), "due_at": promised.isoformat()})

    async def _claim(self, args: Args, call: CallInfo) -> Answer:
        key, now = self._key(args), self._now()
        waybill = str(args.get("number", ""))
        due = due_at(CLAIM_DUE, now)
        detail = {"category": args.get("category", ""), "value_fen": args.get("value", 0)}

        def write(conn: Connection) -> tuple[int, bool]:
            if waybill and (there := ivr.open_claim(conn, key, waybill)) is not None:
                return there, False
            columns = {"waybill": waybill, "recording_id": str(args.get("recording", "")), **_of(call)}
            return ivr.add_request(conn, kind="claim", number_key=key, at=now, detail=detail, **columns), True

        ref, new = await self._db.write(write)
        return Answer("created" if new else "exists", {"id": str(ref), "due_at": due.isoformat()})

    async def _suggestion(self, args: Args, call: CallInfo) -> Answer:
        key, now, ref = self._key(args), self._now(), str(args.get("recording", ""))
        await self._db.write(
            lambda conn: ivr.add_request(
                conn, kind="suggestion", number_key=key, at=now, recording_id=ref, **_of(call)
            )
        )
        return Answer("created")

    async def _survey(self, args: Args, call: CallInfo) -> Answer:
        score, agent, now = int(args["score"]), str(args.get("agent", "")), self._now()
        key = phone.key_of(call.caller, self._plan) or ""
        await self._db.write(
            lambda conn: ivr.save_score(conn, at=now, score=score, agent=agent, number_key=key, **_of(call))
        )
        return Answer("saved")


def _of(call: CallInfo) -> dict[str, str]:
    return {"node": call.node, "linkedid": call.linkedid}


def _row(parcel: Parcel, service: Service) -> dict[str, Any]:
    """What callers may be told: never whose it is."""
    there = places.find(parcel.destination)
    return {
        "same_day": bool(there and there.area and service.coverage(there.area)[1]),
        "number": "".join(c for c in parcel.number if c.isdigit()),
        "state": parcel.state,
        "problem": parcel.problem,
        "reason": parcel.reason,
        "origin": parcel.origin,
        "destination": parcel.destination,
        "place": parcel.place,
        "due_at": parcel.due_at.isoformat() if parcel.due_at else "",
        "updated_at": parcel.updated_at.isoformat(),
        "signer": parcel.signer,
    }
