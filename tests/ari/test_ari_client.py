"""The REST client against a real Asterisk, and against servers that behave as no healthy one does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr, ValidationError

from asterisk_conf.instance import Instance
from cti.ari.client import AriClient, AriRefused
from cti.config import AmiNode
from cti.errors import DeadlineExceeded, ProtocolError, TransportError, Unavailable, UsageError
from tests.plugins.asterisk import ari_sections

SECRET = "s3cr3t-of-the-test"


def node(url: str, **values: object) -> AmiNode:
    """A node with a REST interface at `url`."""
    return AmiNode.model_validate(
        {
            "name": "n",
            "username": "u",
            "secret": "s",
            "ari_url": url,
            "ari_username": "ari",
            "ari_secret": SECRET,
            **values,
        }
    )


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[str]:
    """Says `answer` to whatever comes (None: says nothing); its address."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        await reader.read(4096)
        if answer is not None:
            writer.write(answer)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for writer in open_ones:
            if not writer.is_closing():
                writer.transport.abort()


def http(status: str, body: bytes) -> bytes:
    """An answer as bytes."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def all_of(events: AsyncIterator[object]) -> list[object]:
    """Listen to the end."""
    return [e async for e in events]


@pytest.mark.asterisk
async def test_requests_and_events_of_a_real_asterisk(start_asterisk: Callable[..., Instance]) -> None:
    """Answers come as JSON, refusals with their reason, and an application lives with its events."""
    pbx = await asyncio.to_thread(lambda: start_asterisk(**ari_sections()))
    async with AriClient(pbx.settings.ami[0]) as ari:
        info = await ari.request("GET", "asterisk", "info", params={"only": "system"})
        assert "version" in info["system"]
        with pytest.raises(
            AriRefused, match=r"GET /ari/channels/a%2F\.\.%2Fb%3Fc: 404 Channel not found"
        ) as no:
            await ari.request("GET", "channels", "a/../b?c")
        assert no.value.status == 404
        with pytest.raises(AriRefused):
            await ari.request("GET", "applications", "listening")
        async with ari.events("listening") as events:
            assert (await ari.request("GET", "applications", "listening"))["name"] == "listening"
            made = await ari.request(
                "POST", "bridges", body={"type": "mixing", "name": "b", "bridgeId": "b1"}
            )
            assert made["id"] == "b1"
            subscription = {"eventSource": "bridge:b1"}
            await ari.request("POST", "applications", "listening", "subscription", params=subscription)
            assert await ari.request("DELETE", "bridges", "b1") is None
            told = await asyncio.wait_for(anext(events), 20)
            assert (told["type"], told["bridge"]["id"]) == ("BridgeDestroyed", "b1")
            await asyncio.to_thread(pbx.down)
            with pytest.raises(TransportError):
                await asyncio.wait_for(all_of(events), 20)
    wrong = pbx.settings.ami[0].model_copy(update={"ari_secret": SecretStr(SECRET)})
    await asyncio.to_thread(pbx.up, tied=True)
    async with AriClient(wrong) as ari:
        with pytest.raises(AriRefused, match="401") as refused:
            await ari.request("GET", "asterisk", "info")
        assert SECRET not in str(refused.value)
        with pytest.raises(AriRefused):
            async with ari.events("listening"):
                pass


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (None, DeadlineExceeded, "no answer within 0.1 s"),
        (b"", TransportError, "GET /ari/x"),
        (b"nonsense\r\n\r\n", TransportError, "GET /ari/x"),
        (http("200 OK", b"<html>"), ProtocolError, "not JSON"),
        (http("200 OK", b'"' + b"x" * (5 << 20) + b'"'), ProtocolError, "more than"),
        (http("500 Internal Server Error", b"<html>"), Unavailable, "500"),
        (http("503 No", json.dumps({"message": "down"}).encode()), Unavailable, "503 down"),
        (http("302 Found", b""), AriRefused, "302"),
    ],
)
async def test_a_bad_server_gives_an_error_that_says_whose_fault(
    answer: bytes | None, error: type[Exception], says: str
) -> None:
    """Silence, noise, a wrong type and a fault of the server are told apart, no secret in the text."""
    async with server(answer) as url, AriClient(node(url)) as ari:
        with pytest.raises(error, match=says) as raised:
            await ari.request("GET", "x", deadline_s=0.1 if answer is None else 0.0)
        assert SECRET not in f"{raised.value!r}"


async def test_nobody_listening_is_an_error_of_transport() -> None:
    """A port that nobody listens on is TransportError, for requests and for events."""
    async with server(b"") as url:
        pass
    async with AriClient(node(url)) as ari:
        with pytest.raises(TransportError):
            await ari.request("GET", "x")
        with pytest.raises(TransportError):
            async with ari.events("app"):
                pass


async def test_misuse_is_refused() -> None:
    """A node without an address, a path that climbs and use outside of the block are misuse."""
    with pytest.raises(UsageError, match="ari_url"):
        AriClient(node("", ari_username=""))
    ari = AriClient(node("http://127.0.0.1:1/"))
    with pytest.raises(UsageError):
        await ari.request("GET", "channels", "..")
    with pytest.raises(UsageError, match="block"):
        await ari.request("GET", "x")


@pytest.mark.parametrize(
    ("url", "values"),
    [
        ("http://127.0.0.1:8088", {"ari_secret": ""}),
        ("http://127.0.0.1:8088", {"ari_username": ""}),
        ("http://ari:secret@127.0.0.1:8088", {}),
    ],
)
def test_half_a_setting_is_refused(url: str, values: dict[str, str]) -> None:
    """An address without user and secret, or with them inside, does not load."""
    with pytest.raises(ValidationError):
        node(url, **values)
