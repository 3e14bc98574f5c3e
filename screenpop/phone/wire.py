"""What ``/ws/phone`` says beside SIP, and how it closes.

The first message is the ``auth`` of ``/ws/agent``. After ``phone_ready`` every frame is one SIP message
(RFC 7118), except those that begin with ``{``: no SIP message does.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from screenpop.wire import Wire

TAKEN_OVER = 4010
NO_PHONE = 4011
NOT_YOURS = 4012
PBX_AWAY = 4013

CLOSE_CODES: dict[int, str] = {
    TAKEN_OVER: "话机在另一页面上 (another page has this phone, or has taken it over)",
    NO_PHONE: "此帐号没有网页话机 (no device of this person is in the browser)",
    NOT_YOURS: "只能使用本人的话机 (SIP that this device may not send)",
    PBX_AWAY: "话机连不到交换机；稍后自动重连 (Asterisk cannot be reached, reconnect with back-off)",
}


class PhoneReady(Wire):
    """The way to Asterisk is open; SIP may follow."""

    type: Literal["phone_ready"] = "phone_ready"
    device: str
    password: str = Field(description="random, of this connection alone, never stored")
    valid_s: float = Field(description="the next one comes before these seconds are over")


class PhonePassword(Wire):
    """From now on this password counts, for the next registration."""

    type: Literal["phone_password"] = "phone_password"
    password: str
    valid_s: float
