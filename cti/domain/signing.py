"""Signatures of webhooks, both ways: ``t=SECONDS,v1=HEX`` over ``SECONDS.BODY`` with HMAC-SHA256.

The time is part of what is signed, so that a recorded delivery cannot be played again later.
"""

from __future__ import annotations

import hashlib
import hmac
import re

HEADER = "Laidian-Signature"
WINDOW_S = 300  # clocks of two systems may differ so much
_FORM = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def sign(secret: str, body: bytes, at: float) -> str:
    """The header's value; `at` in seconds since 1970 UTC."""
    seconds = int(at)
    return f"t={seconds},v1={_mac(secret, body, seconds)}"


def fault(header: str, secret: str, body: bytes, now: float, window_s: float = WINDOW_S) -> str:
    """Why a signature is not accepted (``missing``, ``malformed``, ``late``, ``wrong``), "" when it is."""
    if not header:
        return "missing"
    found = _FORM.fullmatch(header.strip())
    if found is None:
        return "malformed"
    seconds = int(found[1])
    if not hmac.compare_digest(found[2], _mac(secret, body, seconds)):
        return "wrong"
    return "" if abs(now - seconds) <= window_s else "late"


def _mac(secret: str, body: bytes, seconds: int) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
