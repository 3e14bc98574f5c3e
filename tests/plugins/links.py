"""Another system at the door of a running service: a token, signed requests."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from cti.domain import signing
from cti.store.repos.integrations import add_integration
from screenpop.auth import token_hash
from screenpop.integrations import new_token
from tests.plugins.screenpop import PopLine


@dataclass
class System:
    """A TMS with its token."""

    line: PopLine
    token: str
    secret: str = ""

    async def send(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> tuple[int, Any]:
        """One request; status and JSON. Signed when the system has a secret, or as a header says."""
        data = raw if raw is not None else b"" if body is None else json.dumps(body, default=str).encode()
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if self.secret:
            sent[signing.HEADER] = signing.sign(self.secret, data, time.time())
        url = f"{self.line.base}/api/v1{path}"
        async with self.line.http.request(method, url, data=data, headers=sent | headers) as answer:
            return answer.status, await answer.json()


Join = Callable[..., Awaitable[System]]


@pytest.fixture
def join_system() -> Join:
    """``await join_system(popline, "waybills:write")`` makes a token."""

    async def join(line: PopLine, *scopes: str, name: str = "TMS", secret: str = "", **more: Any) -> System:
        token = new_token()
        at = datetime.now(UTC)
        how = {"name": name, "token_hash": token_hash(token), "scopes": scopes, "secret": secret, **more}
        await line.parts.ctx.db.write(lambda c: add_integration(c, at=at, who="root", **how))
        return System(line, token, secret)

    return join
