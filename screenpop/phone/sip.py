"""What a browser may say in SIP, and in whose name. Sans-IO.

The relay hands text on as it is; here it is read only as far as is needed to see that a page speaks for its
own device and for nothing else (RFC 3261 §7, §20).
"""

from __future__ import annotations

import re

from cti.errors import ProtocolError

KEEP_ALIVE = frozenset({"\r\n", "\r\n\r\n"})  # RFC 7118 §6 allows the double CRLF of RFC 5626
METHODS = frozenset({"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "INFO", "OPTIONS", "UPDATE", "PRACK"})
"""Transfers (REFER) are commands of the service, so that it is known who pressed what."""

_REQUEST = re.compile(r"([A-Z]{3,12}) sips?:\S+ SIP/2\.0", re.ASCII)
_RESPONSE = re.compile(r"SIP/2\.0 [1-6]\d\d(?: .*)?")
_HEADER = re.compile(r"([A-Za-z-]{1,40})[ \t]*:[ \t]*(.*)", re.ASCII)
_USER = re.compile(r"sips?:([^@:;?>\s]+)(?::[^@>\s]*)?@", re.ASCII)
_USERNAME = re.compile(r'\busername="([^"]*)"')
_SHORT = {"f": "from", "t": "to"}


def check(text: str, device: str) -> None:
    """Raises ProtocolError unless `text` is a SIP message that `device` itself may send."""
    if text in KEEP_ALIVE:
        return
    head, gap, _ = text.partition("\r\n\r\n")
    if not gap:
        raise ProtocolError("a SIP message without an end of its headers")
    first, *lines = head.split("\r\n")
    if _RESPONSE.fullmatch(first):
        return  # to a request that Asterisk sent over this very connection
    request = _REQUEST.fullmatch(first)
    if request is None or request[1] not in METHODS:
        raise ProtocolError("not a SIP request that a phone sends")
    headers = _headers(lines)
    names = {"from", "to"} if request[1] == "REGISTER" else {"from"}
    for name in names:
        found = headers.get(name, [])
        if len(found) != 1 or _users(found[0]) != [device]:
            raise ProtocolError(f"the {name} of a {request[1]} is not this device")
    for value in headers.get("authorization", []) + headers.get("proxy-authorization", []):
        if _USERNAME.findall(value) != [device]:
            raise ProtocolError("credentials of another device")


def _users(value: str) -> list[str]:
    return [str(user) for user in _USER.findall(value)]


def _headers(lines: list[str]) -> dict[str, list[str]]:
    """Names in lower case and long form. Folded lines are refused: no phone writes them any more."""
    headers: dict[str, list[str]] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise ProtocolError("not a SIP header")
        name = header[1].lower()
        headers.setdefault(_SHORT.get(name, name), []).append(header[2])
    return headers
