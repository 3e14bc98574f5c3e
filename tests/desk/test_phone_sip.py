"""What a page may say in SIP through /ws/phone."""

from __future__ import annotations

import pytest

from cti.errors import ProtocolError
from screenpop.phone.sip import METHODS, check

ME = '"张一" <sip:1001@laidian>;tag=a'


def said(method: str = "REGISTER", **headers: str) -> str:
    lines = {"From": ME, "To": "<sip:1001@laidian>", **headers}
    return (
        f"{method} sip:laidian SIP/2.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v) + "\r\n"
    )


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_own_device_may_do_what_a_phone_does(method: str) -> None:
    """Each method in the own name, an answer to Asterisk and a keep-alive pass."""
    check(said(method, To=ME if method == "REGISTER" else "<sip:95001@laidian>"), "1001")
    check(said(method, Authorization='Digest username="1001", realm="laidian"'), "1001")
    check("SIP/2.0 200 OK\r\nFrom: <sip:138@laidian>\r\n\r\nv=0\r\n", "1001")
    check("\r\n\r\n", "1001")


@pytest.mark.parametrize(
    "text",
    [
        said(From="<sip:1002@laidian>"),
        said(To="<sip:1002@laidian>"),
        said(From=""),
        said(From="<sip:1001@laidian>, <sip:1002@laidian>"),
        said(From="sip:1002@laidian <sip:1001@laidian>"),
        said(f=ME),
        said(Authorization='Digest username="1002"'),
        said(Authorization='Digest username="1001", username="1002"'),
        said("INVITE", From='"<sip:1001@laidian>" <sip:trunk@laidian>'),
        said("REFER"),
        said("NOTIFY"),
        said("register"),
        said()[:-2],
        said(From=f"{ME}\r\n x"),
        "{}",
        "",
        "GET /ari HTTP/1.1\r\n\r\n",
        "SIP/2.0 999 No\r\n\r\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """Another's name anywhere, a transfer, half a message, no SIP at all."""
    with pytest.raises(ProtocolError):
        check(text, "1001")
