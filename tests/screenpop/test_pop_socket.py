"""The protocol of /ws/agent at its edges: who gets in, who is shown out, and with which code."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain.call import CallEventKind as K
from cti.errors import ProtocolError
from screenpop import wire
from screenpop.door import origin_allowed
from tests.plugins.screenpop import PopLine, Story


async def code_after(popline: PopLine, *frames: str | bytes) -> int | None:
    """Send frames to a fresh socket; the code it is closed with."""
    async with popline.http.ws_connect(f"{popline.base}/ws/agent") as ws:
        for frame in frames:
            await (ws.send_bytes(frame) if isinstance(frame, bytes) else ws.send_str(frame))
        async with asyncio.timeout(15):
            while (await ws.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                pass
        return ws.close_code


async def test_who_does_not_sign_in_is_shown_out(popline: PopLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence after the upgrade ends with 4001."""
    monkeypatch.setattr(wire, "AUTH_DEADLINE_S", 0.2)
    assert await code_after(popline) == wire.AUTH_LATE


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"type":"auth","token":"nonsense"}', wire.BAD_TOKEN),
        ('{"type":"auth","token":""}', wire.BAD_MESSAGE),
        ('{"type":"auth","token":5}', wire.BAD_MESSAGE),
        ('{"type":"ping"}', wire.BAD_MESSAGE),
        ("{}", wire.BAD_MESSAGE),
        ("", wire.BAD_MESSAGE),
        ("[" * 30000, wire.BAD_MESSAGE),
        (b"\x00\xff", wire.BAD_MESSAGE),
        ("x" * (wire.MAX_MESSAGE_BYTES + 1), wire.TOO_BIG),
    ],
)
async def test_wrong_first_message_has_its_code(popline: PopLine, frame: str | bytes, code: int) -> None:
    """Each kind of wrong first message is answered with its own close code."""
    assert await code_after(popline, frame) == code


async def test_wrong_message_after_sign_in_closes(popline: PopLine) -> None:
    """Junk from a signed-in page ends the connection with 4000; a second auth only gets an error."""
    token = await popline.token("a1001")
    auth = json.dumps({"type": "auth", "token": token})
    assert await code_after(popline, auth, "junk") == wire.BAD_MESSAGE
    async with popline.page("a1001") as page:
        await page.ws.send_str(auth)
        assert (await page.next("error"))["code"] == "signed_in_already"


async def test_sign_out_closes_the_page(popline: PopLine) -> None:
    """After logout the socket of that token closes with 4003, and the token opens nothing."""
    async with popline.page("a1001") as page:
        assert (await popline.api("POST", "/logout", user="a1001"))[0] == 200
        assert await page.closed() == wire.BAD_TOKEN
    token = await popline.token("a1001")
    assert await code_after(popline, json.dumps({"type": "auth", "token": token})) == wire.BAD_TOKEN
    assert (await popline.api("GET", "/me", user="a1001"))[0] == 401


async def test_no_token_in_an_address(popline: PopLine) -> None:
    """A query string at the socket is refused before the upgrade."""
    async with popline.http.get(f"{popline.base}/ws/agent?token=abc") as answer:
        assert answer.status == 400


async def test_pages_of_other_origins_are_refused(popline: PopLine) -> None:
    """A browser on another site cannot open the socket; the own host can."""
    url = f"{popline.base}/ws/agent"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await popline.http.ws_connect(url, headers={"Origin": "https://evil.example"})
    assert refused.value.status == 403
    async with popline.http.ws_connect(url, headers={"Origin": popline.base}) as ws:
        assert not ws.closed


def test_origin_is_compared_whole() -> None:
    """A host that merely begins like ours, or a null origin, is another origin."""
    host = "desk.example:8380"
    assert origin_allowed("https://desk.example:8380", host, ())
    assert origin_allowed("https://ok.example", host, ("https://ok.example",))
    for other in ("https://desk.example:8380.evil", "https://desk.example", "null", "", "desk.example:8380"):
        assert not origin_allowed(other, host, ())


async def test_compression_is_never_agreed_to(popline: PopLine) -> None:
    """permessage-deflate is offered by the client and not taken."""
    async with popline.http.ws_connect(f"{popline.base}/ws/agent", compress=15) as ws:
        assert not ws.compress


async def test_too_many_pages_of_one_user(popline: PopLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit a further page is closed with 4009, and room is made when one leaves."""
    monkeypatch.setattr("screenpop.hub.MAX_PER_USER", 1)
    auth = json.dumps({"type": "auth", "token": await popline.token("a1001")})
    async with popline.page("a1001"):
        assert await code_after(popline, auth) == wire.TOO_MANY
    async with popline.page("a1002"), asyncio.timeout(5):
        while len(popline.parts.ctx.service.hub) > 1:
            await asyncio.sleep(0.01)
    async with popline.page("a1001") as page:
        assert page.messages[0]["type"] == "ready"


async def test_supervisor_without_a_number_gets_no_pops(popline: PopLine) -> None:
    """A person without an agent number may connect, and only sees the state of the floor."""
    async with popline.page("boss") as page:
        popline.hear(*Story().rings("1001"))
        assert await page.silent() == []
        assert (page.messages[0]["agent"], page.messages[0]["snapshot"]) == ("", [])


async def test_browser_that_stops_reading_is_let_go_and_harms_nobody(
    start_popline: Callable[..., Any], seeded_url: str
) -> None:
    """A stuffed socket is closed as too slow while another agent's pops arrive, and memory is given back."""
    popline: PopLine = await start_popline(seeded_url, web={"push_queue": 8})
    token = await popline.token("a1001")
    service = popline.parts.ctx.service
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (popline.parts.host, popline.parts.port))
    upgrade = (
        "GET /ws/agent HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await loop.sock_sendall(sock, upgrade.encode())
    await loop.sock_recv(sock, 4096)
    payload = json.dumps({"type": "auth", "token": token}).encode()
    await loop.sock_sendall(sock, b"\x81" + bytes([0x80 | len(payload)]) + b"\0\0\0\0" + payload)
    async with popline.page("a1002") as other:
        async with asyncio.timeout(10):
            while len(service.hub) < 2:
                await asyncio.sleep(0.01)
        story = Story(context={f"k{i}": "长" * 400 for i in range(20)})
        popline.hear(*story.rings("1001", "1002"))
        await other.next("pop")
        async with asyncio.timeout(30):
            n = 0
            while service.hub.slow == 0:
                n += 1
                popline.hear(story.tell(K.CONTEXT, context={"n": str(n)}))
                await other.next("pop_update")
        popline.hear(*story.answered("1002", "1001"))
        assert (await other.next("pop_update"))["changes"]["call"]["state"] == "talking"
        assert len(service.hub) == 1
    sock.close()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
_ALMOST = st.fixed_dictionaries(
    {"type": st.sampled_from(["auth", "ack", "ping", "pop", ""])},
    optional={"token": _JSON, "id": _JSON, "tab": _JSON},
)


@given(st.text() | _JSON.map(json.dumps) | _ALMOST.map(json.dumps))
def test_client_messages_parse_or_raise_protocol_error(text: str) -> None:
    """Any text is a message of the protocol or a ProtocolError that does not quote it."""
    said = "not a message of this protocol (auth, ack, ping)"
    try:
        assert isinstance(wire.parse_client(text), wire.Said)
    except ProtocolError as e:
        said = str(e)
    assert said == "not a message of this protocol (auth, ack, ping)"


async def test_every_close_code_is_documented() -> None:
    """Each code of ours that is used has a sentence."""
    used = {v for k, v in vars(wire).items() if k.isupper() and isinstance(v, int) and 1000 <= v <= 4999}
    assert used == set(wire.CLOSE_CODES)
