"""The back-end operations that a flow may ask for, as one table.

A back end (SQL, HTTP, the simulator's data) answers `protocol.Ask` for each of these names with one of the
outcomes and the fields listed here; the flow check and the engine hold both sides to it. Unknown fields are
dropped, a wrong type makes the whole answer count as failed. Phone numbers are plain digits as dialled, times
are ISO 8601 with their zone, money is in 分, weights in grams, areas are 区号 (``0755``). Operations marked
`writes` are never sent twice: a back end retries them only when it knows that nothing was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Types of variables, arguments and fields."""

    DIGITS = "digits"  # 0-9 only, bounded length; typed by the caller or a key of ours
    TEXT = "text"  # clean text, bounded length, never interpreted
    INT = "int"  # bounded number; money in 分, weights in grams
    BOOL = "bool"
    CHOICE = "choice"  # one of the values listed in the flow
    TIME = "time"  # ISO 8601, UTC
    ROW = "row"  # one record of scalars
    ROWS = "rows"  # at most nine records


PARCEL: Mapping[str, Kind] = {
    "number": Kind.DIGITS,
    "state": Kind.TEXT,  # a word of cti.domain.waybill
    "problem": Kind.TEXT,  # kind of the open problem item, "" when none
    "reason": Kind.TEXT,  # its remark as the site wrote it; matched to plain words, never read out
    "origin": Kind.TEXT,  # 区号 or name of the city
    "destination": Kind.TEXT,
    "place": Kind.TEXT,  # where it is now: 区号, name of city or district
    "due_at": Kind.TIME,  # expected delivery, "" when not known
    "updated_at": Kind.TIME,  # the last scan
    "signer": Kind.TEXT,  # 本人, 家人, 前台, 代收点 … as signed for; "" when not signed
    "same_day": Kind.BOOL,  # the delivering site has same-day service (the delivery clock depends on it)
}
"""Fields of one parcel, in `parcel` and in each row of `parcels`."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its arguments, outcomes and the fields that come back."""

    name: str
    about: str
    args: Mapping[str, Kind]
    outcomes: tuple[str, ...]
    fields: Mapping[str, Kind] = field(default_factory=dict)
    writes: bool = False


_ALL = (
    Operation(
        "customer",
        "who is calling, and what the tier gives",
        {"caller": Kind.DIGITS},
        ("one", "many", "none"),
        {
            "tier": Kind.TEXT,  # label of the tier, such as VIP客户
            "green": Kind.BOOL,  # 绿色通道
            "representative": Kind.DIGITS,  # agent number of the dedicated representative, "" for none
            "points": Kind.INT,
        },
    ),
    Operation(
        "parcel",
        "one parcel by its number; `locked`: it exists, but is not the calling number's",
        {"number": Kind.DIGITS, "caller": Kind.DIGITS},
        ("found", "locked", "none"),
        {"parcel": Kind.ROW},
    ),
    Operation(
        "parcel_unlock",
        "the same, for a caller who typed the last four digits of the receiver's phone",
        {"number": Kind.DIGITS, "last4": Kind.DIGITS},
        ("found", "wrong", "none"),
        {"parcel": Kind.ROW},
    ),
    Operation(
        "parcels",
        "parcels sent or received by the calling number, newest first, at most nine",
        {"caller": Kind.DIGITS},
        ("one", "many", "none"),
        {"parcels": Kind.ROWS, "parcel": Kind.ROW},  # `parcel` is the newest
    ),
    Operation(
        "quote",
        "price of a parcel between two areas",
        {"grams": Kind.INT, "origin": Kind.DIGITS, "destination": Kind.DIGITS},
        ("quoted", "not_served"),
        {"price": Kind.INT, "days": Kind.INT},
    ),
    Operation(
        "coverage",
        "is an area served; `partly`: 超区 places exist there",
        {"area": Kind.DIGITS},
        ("served", "partly", "not_served"),
        {"same_day": Kind.BOOL},
    ),
    Operation(
        "branch_phone",
        "phone of the station of an area",
        {"area": Kind.DIGITS},
        ("found", "none"),
        {"phone": Kind.DIGITS, "name": Kind.TEXT},
    ),
    Operation(
        "pickup_create",
        "book a pick-up at the address kept for the calling number; `no_address`: a person must ask for it",
        {"caller": Kind.DIGITS, "day": Kind.CHOICE, "part": Kind.CHOICE, "pieces": Kind.INT},
        ("created", "no_address", "full"),
        {"ref": Kind.DIGITS, "from_at": Kind.TIME, "until_at": Kind.TIME},
        writes=True,
    ),
    Operation(
        "complaint_create",
        "write a complaint with its recording and the promised time of an answer",
        {"caller": Kind.DIGITS, "number": Kind.DIGITS, "category": Kind.CHOICE, "recording": Kind.TEXT},
        ("created",),
        {"id": Kind.DIGITS, "due_at": Kind.TIME},
        writes=True,
    ),
    Operation(
        "claim_create",
        "write a claim (理赔)",
        {
            "caller": Kind.DIGITS,
            "number": Kind.DIGITS,
            "category": Kind.CHOICE,
            "value": Kind.INT,
            "recording": Kind.TEXT,
        },
        ("created", "exists"),
        {"id": Kind.DIGITS, "due_at": Kind.TIME},
        writes=True,
    ),
    Operation(
        "suggestion_create",
        "keep a suggestion (建议)",
        {"caller": Kind.DIGITS, "recording": Kind.TEXT},
        ("created",),
        writes=True,
    ),
    Operation(
        "points",
        "积分 of the calling number",
        {"caller": Kind.DIGITS},
        ("found", "none"),
        {"points": Kind.INT},
    ),
    Operation(
        "queue_status",
        "the caller's place if joining this queue now (1 = next) and the expected wait in seconds",
        {"queue": Kind.CHOICE, "priority": Kind.INT},
        ("free", "waiting", "full", "closed"),
        {"position": Kind.INT, "wait_s": Kind.INT},
    ),
    Operation(
        "callback_request",
        "put a number on the callback list of a queue; one entry a number, which keeps its place",
        {"caller": Kind.DIGITS, "queue": Kind.CHOICE, "number": Kind.DIGITS},
        ("accepted", "duplicate", "refused"),
        {"position": Kind.INT},
        writes=True,
    ),
    Operation(
        "survey_save",
        "keep the caller's score of the call, 1-5",
        {"score": Kind.INT, "agent": Kind.DIGITS},
        ("saved",),
        writes=True,
    ),
)

OPERATIONS: Mapping[str, Operation] = {o.name: o for o in _ALL}
"""By name."""

CALLBACK = OPERATIONS["callback_request"]
SURVEY = OPERATIONS["survey_save"]
