"""/api/v1 and what lies beside it: signing in, roles, OpenAPI, headers, junk."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from screenpop.api.app import ROUTES, make_app
from screenpop.auth import Brake
from tests.plugins.screenpop import PASSWORD, WANG, PopLine, Story


async def test_sign_in_gives_a_token_for_everything(popline: PopLine) -> None:
    """Right password: token, agent, roles; the token then opens /me."""
    body = {"username": "a1001", "password": PASSWORD}
    status, answer = await popline.api("POST", "/login", body=body)
    assert (status, answer["agent"], answer["user"]["roles"]) == (200, "1001", ["agent"])
    headers = {"Authorization": f"Bearer {answer['token']}"}
    async with popline.http.get(f"{popline.base}/api/v1/me", headers=headers) as me:
        assert (await me.json())["name"] == "张一"


async def test_wrong_password_and_unknown_user_are_told_alike(popline: PopLine) -> None:
    """The answer does not tell whether the user exists."""
    answers = [
        await popline.api("POST", "/login", body={"username": u, "password": "wrong-wrong"})
        for u in ("a1001", "nobody")
    ]
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["error"]["code"]) == (401, "bad_credentials")


async def test_guessing_is_braked_per_name_and_not_for_others(popline: PopLine) -> None:
    """After five wrong passwords the name has to wait, even with the right one; others do not."""
    wrong = {"username": "a1001", "password": "wrong-wrong"}
    statuses = [(await popline.api("POST", "/login", body=wrong))[0] for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    right = {"username": "a1001", "password": PASSWORD}
    async with popline.http.post(f"{popline.base}/api/v1/login", json=right) as answer:
        assert (answer.status, answer.headers["Retry-After"].isdigit()) == (429, True)
    assert (await popline.api("POST", "/login", body={"username": "a1002", "password": PASSWORD}))[0] == 200


def test_brake_lets_go_after_its_window_and_forgets_old_keys() -> None:
    """The limit holds within the window only, and keys are bounded."""
    brake = Brake(2, 60.0, keys=3)
    for at in (0.0, 10.0):
        brake.failed("x", at)
    assert (brake.wait("x", 20.0), brake.wait("x", 61.0)) == (40.0, 0.0)
    for key in "abc":
        brake.failed(key, 20.0)
    assert brake.wait("x", 20.0) == 0.0


async def test_the_document_is_valid_openapi_and_names_every_route(popline: PopLine) -> None:
    """The OpenAPI 3.1 document passes the validator and holds each path with its method."""
    status, document = await popline.api("GET", "/openapi.json")
    assert status == 200
    OpenAPIV31SpecValidator(document).validate()
    told = {(m.upper(), p) for p, ops in document["paths"].items() for m in ops}
    assert told == {(r.method, f"/api/v1{r.path}") for r in ROUTES}
    assert "4008" in document["x-websocket"]["close_codes"]


async def test_every_route_but_the_public_ones_needs_a_token(popline: PopLine) -> None:
    """Without a token, and with a wrong one, every other route answers 401 in the one shape."""
    for route in ROUTES:
        if route.public:
            continue
        path = re.sub(r"\{\w+\}", "1", route.path)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
            url = f"{popline.base}/api/v1{path}"
            async with popline.http.request(route.method, url, headers=headers) as answer:
                assert answer.status == 401, route.path
                assert set((await answer.json())["error"]) == {"code", "message"}


async def test_headers_keep_browsers_strict(popline: PopLine) -> None:
    """Pages, API, errors and health all carry CSP without unsafe-inline, and forbid framing and sniffing."""
    for path in ("/", "/api/v1/meta", "/api/v1/none", "/healthz", "/nothing.js"):
        async with popline.http.get(popline.base + path) as answer:
            csp = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in csp
            assert "unsafe" not in csp
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert "Server" not in answer.headers


async def test_pages_are_served_and_never_leave_their_folder(popline: PopLine, tmp_path: Path) -> None:
    """Built files, the page for its own routes, 404 for the rest, nothing from outside."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html>page", encoding="utf-8")
    (dist / "assets" / "a.js").write_text("1", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    runner = aiohttp.web.AppRunner(make_app(popline.parts.ctx, dist))
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    seen = {}
    for path in ("/", "/desk/1", "/assets/a.js", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/none.js"):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        seen[path] = (await asyncio.wait_for(reader.read(), 10)).decode()
        writer.close()
    await runner.cleanup()
    assert seen["/"].endswith("page")
    assert seen["/desk/1"].endswith("page")
    assert "immutable" in seen["/assets/a.js"]
    assert " 404 " in seen["/assets/none.js"]
    assert not [p for p, text in seen.items() if "secret" in text.partition("\r\n\r\n")[2]]


async def test_health_readiness_and_metrics(popline: PopLine) -> None:
    """Alive, ready, and the figures of a pop that was shown and acknowledged."""
    async with popline.page("a1001") as page:
        popline.hear(*Story().rings("1001"))
        await page.ack(await page.next("pop"))
        await page.silent()
        async with popline.http.get(f"{popline.base}/metrics") as answer:
            text = await answer.text()
    assert "laidian_pops_opened_total 1.0" in text
    assert "laidian_ring_to_ack_seconds_count 1.0" in text
    for path in ("/healthz", "/readyz"):
        async with popline.http.get(popline.base + path) as answer:
            assert answer.status == 200


async def test_search_finds_by_number_name_and_waybill(popline: PopLine) -> None:
    """Each key finds the customer or waybill and says which it was; agents see no whole number."""
    found = {}
    for q in (WANG, "王小明", "SF1234567890"):
        status, body = await popline.api("GET", f"/search?q={q}", user="a1001")
        assert status == 200
        found[q] = (body["items"][0]["kind"], body["items"][0]["matched"])
        assert WANG not in str(body)
    assert found == {
        WANG: ("customer", "number"),
        "王小明": ("customer", "name"),
        "SF1234567890": ("waybill", "waybill"),
    }


async def test_waybill_and_complaint_are_written_and_read(popline: PopLine) -> None:
    """A waybill with its events; a complaint from a pop carries customer, number and deadline."""
    _, body = await popline.api("GET", "/waybills/SF1234567890", user="a1001")
    assert [e["text"] for e in body["waybill"]["events"]] == ["已发出"]
    async with popline.page("a1001") as page:
        popline.hear(*Story().rings("1001"))
        pop = await page.next("pop")
    ask = {"pop_id": pop["id"], "category": "延误", "waybill": "SF1234567890", "text": "三天没到"}
    status, made = await popline.api("POST", "/complaints", user="a1001", body=ask)
    assert status == 201
    _, complaint = await popline.api("GET", f"/complaints/{made['id']}", user="a1001")
    assert (complaint["customer_id"], complaint["state"]) == (pop["customer"]["id"], "open")
    assert complaint["due_at"] > complaint["opened_at"]
    bad = {**ask, "category": "天气"}
    assert (await popline.api("POST", "/complaints", user="a1001", body=bad))[0] == 400
    unknown = {"category": "延误", "text": "x", "customer_id": 999}
    assert (await popline.api("POST", "/complaints", user="a1001", body=unknown))[0] == 404


async def test_a_waybill_is_found_without_its_letters(
    start_popline: Callable[..., Any], seeded_url: str
) -> None:
    """A number as callers say it gets the prefixes of the settings; without a setting nothing is guessed."""
    line = await start_popline(seeded_url, seeded=True, waybills={"prefixes": ["YT", "SF"]})
    _, body = await line.api("GET", "/waybills/1234567890", user="a1001")
    assert body["waybill"]["number"] == "SF1234567890"
    assert (await line.api("GET", "/waybills/1234567891", user="a1001"))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/agent/state", {"state": "gone"}, 422),
        ("PUT", "/agent/state", {"state": "paused", "reason": "钓鱼"}, 400),
        ("PUT", "/agent/state", {"state": "available", "x": 1}, 422),
        ("PUT", "/agent/state", {"state": "paused", "reason": "小休"}, 503),
        ("GET", "/search", None, 422),
        ("GET", "/search?q=x&limit=100000", None, 422),
        ("GET", "/search?q=%00%ff", None, 200),
        ("GET", "/customers/0", None, 404),
        ("GET", "/customers/99999999999999999999", None, 404),
        ("GET", "/customers/x", None, 404),
        ("GET", "/customers/1/timeline?before=yesterday", None, 422),
        ("GET", "/waybills/'%20OR%201=1", None, 404),
        ("GET", "/pops/none", None, 404),
        ("GET", "/complaints/12345", None, 404),
        ("DELETE", "/pops/x", None, 405),
        ("GET", "/nothing", None, 404),
        ("POST", "/reveal", {"what": "number", "id": "x"}, 404),
    ],
)
async def test_bad_requests_have_their_status_and_one_sentence(
    popline: PopLine, method: str, path: str, body: Any, status: int
) -> None:
    """Each wrong request is answered in the one shape with a Chinese sentence."""
    got, answer = await popline.api(method, path, user="a1001", body=body)
    assert got == status
    if status >= 400:
        assert answer["error"]["message"].endswith("。")


async def test_junk_neither_kills_nor_freezes(
    popline: PopLine,
    record_property: Callable[[str, object], None],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten thousand generated requests and frames: no 500, no dead loop, no token in the log."""
    dice = random.Random(20260309)
    host, port = popline.parts.host, popline.parts.port
    token = await popline.token("a1001")
    paths = [r.path for r in ROUTES] + ["/ws/agent", "/", "/../..", "*", "/api/v1"]

    def junk(n: int) -> bytes:
        return dice.randbytes(dice.randrange(n))

    def request() -> bytes:
        method = dice.choice(["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", junk(8).decode("latin-1")])
        path = dice.choice(paths)
        if dice.random() < 0.7:
            path = f"/api/v1{path}"
        if dice.random() < 0.3:
            path += "?" + junk(30).hex() + "=%zz&q=" + junk(9).decode("latin-1").replace(" ", "")
        body = dice.choice([b"", junk(300), b"{" * dice.randrange(3000), b'{"note":"\\u0000"}', b"null"])
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        if dice.random() < 0.7:
            head += f"Authorization: Bearer {token if dice.random() < 0.8 else 'x'}\r\n"
        length = len(body) if dice.random() < 0.9 else dice.choice([-1, 10**12, "x"])
        head += f"Content-Length: {length}\r\n"
        return dice.choice([head.encode("latin-1") + b"\r\n" + body] * 9 + [junk(2000)])

    statuses: dict[bytes, int] = {}

    async def throw(data: bytes) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(data)
            if writer.can_write_eof():
                writer.write_eof()
            answer = await asyncio.wait_for(reader.read(65536), 20)
            for line in answer.split(b"\r\n")[:1]:
                statuses[line[9:12]] = statuses.get(line[9:12], 0) + 1
        except ConnectionError:
            pass
        finally:
            writer.close()

    upgraded = 0

    async def throw_frames() -> None:
        nonlocal upgraded
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(
                b"GET /ws/agent HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            upgraded += b" 101 " in head
            if dice.random() < 0.5:
                auth = json.dumps({"type": "auth", "token": token}).encode()
                writer.write(b"\x81" + bytes([0x80 | len(auth)]) + b"\0\0\0\0" + auth)
            for _ in range(5):
                writer.write(junk(200))
            writer.write_eof()
            while await asyncio.wait_for(reader.read(65536), 20):
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - begin)

    watcher = asyncio.create_task(watch())
    try:
        for _ in range(150):
            await asyncio.gather(*(throw(request()) for _ in range(50)))
        for _ in range(50):
            await asyncio.gather(*(throw_frames() for _ in range(10)))
    finally:
        watcher.cancel()
    record_property("statuses", str(statuses))
    record_property("longest_pause_s", longest)
    assert b"500" not in statuses
    assert sum(statuses.values()) > 5000
    assert upgraded == 500
    async with popline.page("a1002") as page:
        popline.hear(*Story().rings("1002"))
        assert (await page.next("pop"))["customer"]["name"] == "王小明"
    said = "".join(capfd.readouterr()) + caplog.text
    assert "bad request" in said
    assert not [text for text in (token, "Traceback", WANG) if text in said]
