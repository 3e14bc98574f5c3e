"""/ws/phone as a client sees it: who may come in, passwords that change and end, SIP of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from screenpop import wire
from screenpop.phone import wire as phone_wire
from tests.plugins.phone_desk import PhoneDesk, phone_desk, until
from tests.plugins.screenpop import PopLine

REGISTER = "REGISTER sip:laidian SIP/2.0\r\nFrom: <sip:{0}@laidian>;tag=1\r\nTo: <sip:{0}@laidian>\r\n\r\n"


async def signed_in(line: PopLine, user: str, **more: Any) -> aiohttp.ClientWebSocketResponse:
    ws = await line.http.ws_connect(f"{line.base}/ws/phone")
    await ws.send_json({"type": "auth", "token": await line.token(user), **more})
    return ws


async def code_of(ws: aiohttp.ClientWebSocketResponse) -> int | None:
    """How the service closes."""
    while (await ws.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
        pass
    return ws.close_code


async def test_nobody_comes_in_without_a_phone(popline: PopLine) -> None:
    """A token in the address, a wrong one, an account without a browser phone: each is told what it is."""
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        await popline.http.ws_connect(f"{popline.base}/ws/phone?token=x")
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await popline.http.ws_connect(f"{popline.base}/ws/phone", origin="https://elsewhere.example")
    ws = await popline.http.ws_connect(f"{popline.base}/ws/phone")
    await ws.send_json({"type": "auth", "token": "wrong"})
    assert await code_of(ws) == wire.BAD_TOKEN
    assert await code_of(await signed_in(popline, "a1001")) == phone_wire.NO_PHONE
    status, told = await popline.api("GET", "/phone", user="a1001")
    assert (status, told["device"], told["why_not"], told["beside"]) == (200, "", "no_device", ["1001"])


@pytest.mark.asterisk
@pytest.mark.xdist_group("asterisk")
async def test_passwords_change_and_end_with_the_connection(
    asterisk_here: None, seeded_url: str, tmp_path: Path
) -> None:
    """Random, renewed in time, void afterwards; another browser is refused; another's name ends it."""
    async with phone_desk(tmp_path, seeded_url, softphone={"password_min": 0.05}) as desk:
        ws = await signed_in(desk.line, "a1001", tab="one")
        ready = await ws.receive_json(timeout=10)
        assert (ready["type"], ready["device"]) == ("phone_ready", "1001")
        assert ready["password"] in shown(desk)
        other = await signed_in(desk.line, "a1001", tab="two")
        assert await code_of(other) == phone_wire.TAKEN_OVER
        renewed = await ws.receive_json(timeout=10)
        assert renewed["type"] == "phone_password"
        assert renewed["password"] != ready["password"]
        assert renewed["password"] in shown(desk)
        await ws.send_str("\r\n\r\n")
        assert (await ws.receive(timeout=10)).data == "\r\n"
        await ws.send_str(REGISTER.format("1002"))
        assert await code_of(ws) == phone_wire.NOT_YOURS
        await until(lambda: "Unable to find object" in shown(desk))
        status, told = await desk.line.api("GET", "/phone", user="a1003")
        assert (status, told["device"], told["beside"]) == (200, "", ["1003"])


def shown(desk: PhoneDesk) -> str:
    """What Asterisk knows of the device's password."""
    return desk.pbx.console("pjsip show auth 1001-auth")
