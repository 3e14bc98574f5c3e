"""Waybills from the owner's own service over HTTP.

``GET {base}/waybills/{number}`` answers one object or 404; ``GET {base}/waybills?phone={key}`` a list, newest
first. An object holds ``number``, ``state``, ``updated_at`` (ISO 8601) and may hold ``origin``,
``destination``, ``place``, ``due_at``, ``problem``, ``reason``, ``signer``, ``sender_phone``,
``receiver_phone``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote

import aiohttp

from cti.domain import phone
from cti.errors import DeadlineExceeded, ProtocolError, TransportError, Unavailable
from cti.waybills.breaker import Breaker
from cti.waybills.port import MAX_LISTED, Parcel

MAX_ANSWER = 256 * 1024  # bytes
MAX_TEXT = 200  # characters of one field
PAUSE_S = 0.1  # between tries
_TEXTS = ("origin", "destination", "place", "problem", "reason", "signer")


class HttpWaybills:
    """The port over HTTP. One try lasts at most `timeout_s`; reads are tried `tries` times.

    After `failures` failed calls in a row the service is left alone for `rest_s` and callers get Unavailable
    at once: a caller on the phone is sent on to a person rather than kept in silence.
    """

    def __init__(
        self,
        base: str,
        *,
        token: str = "",
        timeout_s: float = 0.8,
        tries: int = 2,
        failures: int = 5,
        rest_s: float = 10.0,
        prefixes: Sequence[str] = (),
        plan: phone.Plan = phone.DEFAULT_PLAN,
    ) -> None:
        self._base = base.rstrip("/")
        self._headers = {"Accept": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._tries = tries
        self._prefixes = ("", *prefixes)
        self._plan = plan
        self.breaker = Breaker(failures, rest_s)
        self._client: aiohttp.ClientSession | None = None

    async def find(self, number: str) -> Parcel | None:
        """By number, with each prefix in turn."""
        for prefix in self._prefixes:
            found = await self._get(f"/waybills/{quote(prefix + number, safe='')}")
            if found is not None:
                return self._parcel(found)
        return None

    async def of_phone(self, key: str) -> tuple[Parcel, ...]:
        """Newest first."""
        found = await self._get(f"/waybills?phone={quote(key, safe='')}")
        if found is None:
            return ()
        if not isinstance(found, list):
            raise ProtocolError("waybill service: a list was expected")
        parcels = [self._parcel(item) for item in found[:MAX_LISTED]]
        return tuple(sorted(parcels, key=lambda p: p.updated_at, reverse=True))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _get(self, path: str) -> Any:
        """The JSON of an answer, None for 404."""
        self.breaker.enter()
        try:
            answer = await self._tried(path)
        except (DeadlineExceeded, TransportError, Unavailable, ProtocolError):
            self.breaker.failed()
            raise
        except BaseException:
            self.breaker.left()
            raise
        self.breaker.succeeded()
        return answer

    async def _tried(self, path: str) -> Any:
        for attempt in range(1, self._tries + 1):
            try:
                return await self._once(path)
            except (DeadlineExceeded, TransportError, Unavailable):
                if attempt == self._tries:
                    raise
                await asyncio.sleep(PAUSE_S)
        raise Unavailable("waybill service: not tried")

    async def _once(self, path: str) -> Any:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                headers=self._headers, connector=aiohttp.TCPConnector(limit=32), auto_decompress=False
            )
        try:
            async with self._client.get(
                self._base + path, timeout=self._timeout, allow_redirects=False
            ) as response:
                if response.status == 404:
                    return None
                if response.status >= 500 or response.status == 429:
                    raise Unavailable(f"waybill service: status {response.status}")
                if response.status != 200:
                    raise ProtocolError(f"waybill service: status {response.status}")
                body = await _bounded(response)
        except TimeoutError as e:
            raise DeadlineExceeded(f"waybill service: no answer within {self._timeout.total} s") from e
        except aiohttp.ClientError as e:
            raise TransportError(f"waybill service: {type(e).__name__}") from e
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as e:
            raise ProtocolError("waybill service: the answer is not JSON") from e

    def _parcel(self, found: object) -> Parcel:
        if not isinstance(found, Mapping):
            raise ProtocolError("waybill service: an object was expected")
        texts = {name: _text(found, name) for name in _TEXTS}
        updated = _moment(found, "updated_at")
        number, state = _text(found, "number"), _text(found, "state")
        if not number or not state or updated is None:
            raise ProtocolError("waybill service: number, state or updated_at is missing")
        return Parcel(
            number=number,
            state=state,
            updated_at=updated,
            due_at=_moment(found, "due_at"),
            sender_key=phone.key_of(_text(found, "sender_phone"), self._plan) or "",
            receiver_key=phone.key_of(_text(found, "receiver_phone"), self._plan) or "",
            **texts,
        )


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise ProtocolError(f"waybill service: more than {MAX_ANSWER} bytes")
    return body


def _text(found: Mapping[Any, Any], name: str) -> str:
    value = found.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ProtocolError(f"waybill service: {name} is no text")
    return str(value)[:MAX_TEXT]


def _moment(found: Mapping[Any, Any], name: str) -> datetime | None:
    value = found.get(name)
    if value in (None, ""):
        return None
    try:
        at = datetime.fromisoformat(cast("str", value))
        # a time without zone is taken as UTC, as the port says
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as e:
        raise ProtocolError(f"waybill service: {name} is no ISO 8601 time") from e
