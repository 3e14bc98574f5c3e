"""Passwords of the devices in browsers: random, set through ARI, in Asterisk's memory only.

No file holds one (sorcery.conf gives `auth` a second home in memory, which ARI writes to), a page knows its
own until the next, and with the page's connection it is taken back.
See https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/Asterisk_REST_API/
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict

from cti.ari.client import AriClient
from cti.errors import LaidianError
from cti.obs import get_logger

_log = get_logger("phone")


class Passwords:
    """Gives and takes; the latest that was given for a device is the one that counts."""

    def __init__(self, ari: AriClient) -> None:
        self._ari = ari
        self._given: dict[str, str] = {}
        # a late DELETE of the one before must not void the new one
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def give(self, device: str) -> str:
        """A new password that Asterisk knows; the one before is void. Raises what ARI raises."""
        password = secrets.token_urlsafe(24)
        fields = {"auth_type": "digest", "username": device, "password": password}
        body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
        async with self._turn[device]:
            self._given[device] = password
            await self._ari.request("PUT", *_path(device), body=body)
        return password

    async def take_back(self, device: str, password: str) -> None:
        """Void it, unless a newer one was given since. An Asterisk that is away has forgotten it anyway."""
        async with self._turn[device]:
            if self._given.get(device) != password:
                return
            del self._given[device]
            try:
                await self._ari.request("DELETE", *_path(device))
            except LaidianError as e:
                _log.warning("a password could not be taken back", device=device, why=type(e).__name__)


def _path(device: str) -> tuple[str, ...]:
    return ("asterisk", "config", "dynamic", "res_pjsip", "auth", f"{device}-auth")
