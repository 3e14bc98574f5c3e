"""A small client of Asterisk's REST interface: one request, one deadline, our own errors.

Paths are given in pieces, each escaped by itself, so that nothing a caller supplied can become part of a
path. Name and secret go in a header; neither they nor the bodies reach an error text or a log.
See https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from cti.config import AmiNode
from cti.errors import DeadlineExceeded, ProtocolError, Refused, TransportError, Unavailable, UsageError

HEARTBEAT_S = 5.0  # a silent open connection of events is noticed within two of them
BIGGEST = 4 << 20  # bytes of an answer or an event
Params = Mapping[str, str]


class AriRefused(Refused):
    """Asterisk understood and said no. `status` is HTTP's: 404 no such thing, 409 wrong state."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class AriClient:
    """One node's REST interface, to be used as ``async with AriClient(node) as ari``.

    `node` must have ``ari_url``; each request gets ``action_timeout_s`` of the node.
    """

    def __init__(self, node: AmiNode) -> None:
        if not node.ari_url:
            raise UsageError(f"ami.{node.name}: ari_url is not set")
        self.node = node.name
        self._base = node.ari_url.rstrip("/")
        self._deadline_s = node.action_timeout_s
        secret = node.ari_secret.get_secret_value()
        self._headers = {"Authorization": aiohttp.encode_basic_auth(node.ari_username, secret)}
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AriClient:
        # total None: the deadline is put around each use, events are waited for without end
        self._http = aiohttp.ClientSession(
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._deadline_s),
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def request(
        self, method: str, *path: str, params: Params | None = None, body: Any = None, deadline_s: float = 0.0
    ) -> Any:
        """``await ari.request("GET", "asterisk", "info")`` → the answer's JSON, or None where there is none.

        `deadline_s` 0: that of the node. Raises AriRefused (4xx), Unavailable (5xx), DeadlineExceeded (what
        was asked may have been done all the same), TransportError, ProtocolError.
        """
        what = f"ARI {method} {self._path(path)}"
        deadline_s = deadline_s or self._deadline_s
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._session.request(
                    method, f"{self._base}{self._path(path)}", params=params, json=body, allow_redirects=False
                ) as answer,
            ):
                status, raw = answer.status, await answer.content.read(BIGGEST)
                while more := await answer.content.read(BIGGEST):
                    raw += more
                    if len(raw) > BIGGEST:
                        raise ProtocolError(f"{what}: the answer has more than {BIGGEST} bytes")
        except TimeoutError as e:
            raise DeadlineExceeded(f"{what}: no answer within {deadline_s:g} s") from e
        except (aiohttp.ClientError, OSError) as e:
            # the exception's own text may hold the address with what was asked
            raise TransportError(f"{what}: {type(e).__name__}") from None
        except RuntimeError as e:  # closed by another task while this one waited for a connection
            raise TransportError(f"{what}: the connection is closed") from e
        return _said(what, status, raw)

    @contextlib.asynccontextmanager
    async def events(self, app: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The events of a Stasis application, which exists from now until the block ends.

        Only what belongs to the application is told. The iterator ends by TransportError when the connection
        is lost, by ProtocolError when something else than JSON comes.
        """
        what = f"ARI events of {app}"
        try:
            async with asyncio.timeout(self._deadline_s):
                socket = await self._session.ws_connect(
                    f"{self._base}/ari/events",
                    params={"app": app, "subscribeAll": "false"},
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=BIGGEST,
                )
        except TimeoutError as e:
            raise DeadlineExceeded(f"{what}: no answer within {self._deadline_s:g} s") from e
        except aiohttp.WSServerHandshakeError as e:
            raise AriRefused(f"{what}: refused with {e.status}", e.status) from None
        except (aiohttp.ClientError, OSError) as e:
            raise TransportError(f"{what}: {type(e).__name__}") from None
        async with socket:
            yield _told(what, socket)

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise UsageError("AriClient is used outside of its block")
        if self._http.closed:
            raise TransportError(f"ARI of {self.node}: the connection is closed")
        return self._http

    @staticmethod
    def _path(pieces: tuple[str, ...]) -> str:
        if not pieces or any(p in {"", ".", ".."} for p in pieces):
            raise UsageError(f"not a path: {pieces}")
        return "/ari/" + "/".join(quote(p, safe="") for p in pieces)


async def _told(what: str, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[dict[str, Any]]:
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.TEXT:
            break
        try:
            event = json.loads(message.data)
        except ValueError as e:
            raise ProtocolError(f"{what}: not JSON") from e
        if isinstance(event, dict):
            yield event
    raise TransportError(f"{what}: connection lost")


def _said(what: str, status: int, raw: bytes) -> Any:
    """The JSON of an answer, or the error that it means."""
    try:
        told = json.loads(raw) if raw.strip() else None
    except ValueError as e:
        if status < 400:
            raise ProtocolError(f"{what}: not JSON") from e
        told = None
    if status < 300:
        return told
    reason = ""
    if isinstance(told, dict):
        # {"message": "Channel not found"}; a bad request names it "error"
        reason = str(told.get("message") or told.get("error") or "")[:200]
    text = f"{what}: {status} {reason}".rstrip()
    if status >= 500:
        raise Unavailable(text)
    raise AriRefused(text, status)
