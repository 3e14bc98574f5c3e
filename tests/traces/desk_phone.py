"""A desk phone with two lines, in Python, for the one thing that SIPp cannot do: hold a caller, call a
colleague on the second line and transfer the one to the other (REFER with Replaces, RFC 3891).

It sends no audio and knows just enough SIP for a real Asterisk on loopback.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import quote

from cti.config import Settings
from cti.errors import DeadlineExceeded, ProtocolError
from tests.plugins.asterisk import free_udp

HOST = "127.0.0.1"
Headers = dict[str, str]


@dataclass(eq=False)
class Line:
    """One dialog."""

    call_id: str
    local: str  # our From or To value, with tag
    remote: str
    target: str  # where requests go
    cseq: int = 1
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def tag(self, party: str) -> str:
        """The tag of ``local`` or ``remote``."""
        found = re.search(r"tag=([^;>\s]+)", getattr(self, party))
        return found[1] if found else ""


class DeskPhone(asyncio.DatagramProtocol):
    """``async with DeskPhone(settings, "1001") as phone`` is registered and answers at once."""

    def __init__(self, settings: Settings, device: str) -> None:
        self.device = device
        self.port = free_udp()
        self.server = (HOST, settings.asterisk.sip_port)
        self.lines: asyncio.Queue[Line] = asyncio.Queue()
        self._secret = settings.asterisk.device_secret.get_secret_value()
        self._transport: asyncio.DatagramTransport | None = None
        self._open: dict[str, Line] = {}
        self._answers: dict[tuple[str, int], asyncio.Queue[tuple[int, Headers, str]]] = {}
        self._cseq = 0

    async def __aenter__(self) -> DeskPhone:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, self.port))
        await self._register(3600)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._register(0)
        if self._transport is not None:
            self._transport.close()

    # ---- what a person does with it ------------------------------------------------------------

    async def ring_and_answer(self) -> Line:
        """The next call, answered."""
        async with asyncio.timeout(15):
            return await self.lines.get()

    async def hold(self, line: Line) -> None:
        """Put the other side on hold."""
        await self._in_dialog(line, "INVITE", body=self._sdp("sendonly"))

    async def call(self, number: str) -> Line:
        """Call from a free line; returns when it is answered."""
        call_id, local = secrets.token_hex(8), f"<sip:{self.device}@{HOST}>;tag={secrets.token_hex(4)}"
        line = Line(call_id, local, f"<sip:{number}@{HOST}>", f"sip:{number}@{HOST}:{self.server[1]}")
        self._open[call_id] = line
        headers = await self._in_dialog(line, "INVITE", body=self._sdp("sendrecv"))
        line.remote = headers["to"]
        line.target = re.sub(r"^<|>.*$", "", headers["contact"])
        return line

    async def transfer(self, line: Line, to: Line) -> None:
        """Give the caller on `line` to whom we talk with on `to`."""
        replaces = quote(f"{to.call_id};to-tag={to.tag('remote')};from-tag={to.tag('local')}", safe="")
        where = re.sub(r"^<|>.*$", "", to.remote)
        await self._in_dialog(line, "REFER", extra=f"Refer-To: <{where}?Replaces={replaces}>\r\n")

    async def hang_up(self, line: Line) -> None:
        """End a call, if the other side has not."""
        if not line.over.is_set():
            await self._in_dialog(line, "BYE")
            line.over.set()

    # ---- SIP -----------------------------------------------------------------------------------

    async def _register(self, expires: int) -> None:
        uri = f"sip:{HOST}:{self.server[1]}"
        me = f"<sip:{self.device}@{HOST}>"
        line = Line(secrets.token_hex(8), f"{me};tag={secrets.token_hex(4)}", me, uri)
        await self._in_dialog(line, "REGISTER", extra=f"Expires: {expires}\r\n")

    async def _in_dialog(self, line: Line, method: str, *, extra: str = "", body: str = "") -> Headers:
        """Send a request, with credentials if asked for them; returns the headers of its 2xx."""
        authorization = ""
        for _ in range(2):
            line.cseq += 1
            answers: asyncio.Queue[tuple[int, Headers, str]] = asyncio.Queue()
            self._answers[line.call_id, line.cseq] = answers
            branch = f"z9hG4bK{secrets.token_hex(6)}"
            self._send(self._request(line, method, line.cseq, branch, extra + authorization, body))
            try:
                async with asyncio.timeout(15):
                    code = 100
                    while code < 200:
                        code, headers, _ = await answers.get()
            except TimeoutError as e:
                raise DeadlineExceeded(f"no final answer to {method}") from e
            finally:
                del self._answers[line.call_id, line.cseq]
            if method == "INVITE":
                target = line if code >= 300 else Line(line.call_id, line.local, headers["to"], line.target)
                if code < 300 and "contact" in headers:
                    target.target = re.sub(r"^<|>.*$", "", headers["contact"])
                self._send(
                    self._request(target, "ACK", line.cseq, branch if code >= 300 else branch + "a", "", "")
                )
            if code < 300:
                return headers
            challenge = headers.get("www-authenticate") or headers.get("proxy-authenticate")
            if code not in (401, 407) or challenge is None or authorization:
                raise ProtocolError(f"{method} was answered {code}")
            authorization = self._authorization(challenge, method, line.target)
        raise ProtocolError(f"{method}: no success")

    def _request(self, line: Line, method: str, cseq: int, branch: str, extra: str, body: str) -> str:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {line.target} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{self.port};branch={branch};rport\r\n"
            f"From: {line.local}\r\nTo: {line.remote}\r\nCall-ID: {line.call_id}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:{self.device}@{HOST}:{self.port}>\r\nMax-Forwards: 70\r\n{extra}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _authorization(self, challenge: str, method: str, uri: str) -> str:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))

        def digest(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        who, what = digest(f"{self.device}:{given['realm']}:{self._secret}"), digest(f"{method}:{uri}")
        nonce, count, ours = given["nonce"], "00000001", secrets.token_hex(4)
        response = digest(f"{who}:{nonce}:{count}:{ours}:auth:{what}")
        return (
            f'Authorization: Digest username="{self.device}", realm="{given["realm"]}", nonce="{nonce}", '
            f'uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc={count}, cnonce="{ours}"'
            + (f', opaque="{given["opaque"]}"' if "opaque" in given else "")
            + "\r\n"
        )

    def _sdp(self, direction: str) -> str:
        return (
            f"v=0\r\no=desk 1 {secrets.randbelow(1 << 30)} IN IP4 {HOST}\r\n"
            f"s=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
            f"m=audio {self.port + 1} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na={direction}\r\n"
        )

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        headers = {
            key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in rest)
        }
        if not headers.get("cseq"):
            return
        if first.startswith("SIP/2.0 "):
            number = int(headers["cseq"].split()[0])
            waiting = self._answers.get((headers["call-id"], number))
            if waiting is not None:
                waiting.put_nowait((int(first.split()[1]), headers, body))
            return
        self._asked(first.split()[0], headers, [line for line in rest if line.lower().startswith("via:")])

    def _asked(self, method: str, headers: Headers, vias: list[str]) -> None:
        line = self._open.get(headers["call-id"])
        if method == "INVITE" and line is None:
            to = f"{headers['to']};tag={secrets.token_hex(4)}"
            target = re.sub(r"^<|>.*$", "", headers["contact"])
            line = self._open[headers["call-id"]] = Line(headers["call-id"], to, headers["from"], target)
            self._answer("180 Ringing", headers, vias, to)
            self._answer("200 OK", headers, vias, to, self._sdp("sendrecv"))
            self.lines.put_nowait(line)
        elif method == "INVITE" and line is not None:
            self._answer("200 OK", headers, vias, line.local, self._sdp("sendrecv"))
        elif method != "ACK":
            self._answer("200 OK", headers, vias, headers["to"])
            if method == "BYE" and line is not None:
                line.over.set()

    def _answer(self, status: str, headers: Headers, vias: list[str], to: str, body: str = "") -> None:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._send(
            f"SIP/2.0 {status}\r\n"
            + "".join(f"{via}\r\n" for via in vias)
            + f"From: {headers['from']}\r\nTo: {to}\r\n"
            f"Call-ID: {headers['call-id']}\r\nCSeq: {headers['cseq']}\r\n"
            f"Contact: <sip:{self.device}@{HOST}:{self.port}>\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _send(self, text: str) -> None:
        if self._transport is not None:
            self._transport.sendto(text.encode(), self.server)
