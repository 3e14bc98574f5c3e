"""The waybill port: what is asked of any back end that knows where parcels are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_LISTED = 9
"""As many as a caller can choose by one key."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel as callers may be told of it. Texts are the back end's and are not trusted.

    `state` is a word that `cti.domain.waybill.state_of` knows; `place` is where it is now; times are UTC.
    `sender_key` and `receiver_key` are canonical keys (`cti.domain.phone`) or "": they say whose it is.
    """

    number: str
    state: str
    origin: str
    destination: str
    place: str
    updated_at: datetime
    due_at: datetime | None = None
    problem: str = ""
    reason: str = ""
    signer: str = ""
    sender_key: str = ""
    receiver_key: str = ""

    def belongs_to(self, key: str) -> bool:
        """True when `key` is the sender's or the receiver's."""
        return bool(key) and key in (self.sender_key, self.receiver_key)

    def unlocked_by(self, last4: str) -> bool:
        """True when `last4` are the last four digits of the receiver's phone."""
        return len(last4) == 4 and bool(self.receiver_key) and self.receiver_key.endswith(last4)


class Waybills(Protocol):
    """A back end. Every method raises Unavailable, TransportError, DeadlineExceeded or ProtocolError."""

    async def find(self, number: str) -> Parcel | None:
        """The parcel whose number was typed: digits only, so a back end tries its own letters before them."""

    async def of_phone(self, key: str) -> tuple[Parcel, ...]:
        """Parcels sent or received by this phone, newest first, at most `MAX_LISTED`."""

    async def close(self) -> None:
        """Let go of connections."""
