"""The live sound of both sides of a talk: for each leg a snoop, an external channel, and a bridge of both.

Everything is made under ids that we choose, so that it can be taken away again also when the answer to its
making was lost, the call ended meanwhile, or an earlier run of the service died (`sweep`). Snooping never
touches the call itself.

Tried on Asterisk 22.10: the external channel and the bridge outlive the call, ``connection_type`` is
required, and a channel can only be put into a bridge after its StasisStart. A snoop channel that was hung
up stays in the list of channels, doing nothing, until the channel that it listened to has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cti.ari.client import AriClient, AriRefused
from cti.errors import DeadlineExceeded, LaidianError, ProtocolError
from cti.obs import get_logger

_log = get_logger("ari")
PREFIX = "laidian-live-"
APP = "laidian-live"
START_S = 5.0
# what is heard on the agent's channel: "in" is his microphone, "out" what he hears, the caller
SPIES = {"agent": "in", "caller": "out"}
_PARTS = ("snoop", "media")


@dataclass(frozen=True, slots=True)
class Opened:
    """A talk that can be listened to: the media address of each leg."""

    name: str
    urls: Mapping[str, str]


class Legs:
    """Opens and closes the live sound on one node. `run` tells this run of the service from others."""

    def __init__(self, ari: AriClient, media: str, run: str) -> None:
        self._ari, self._media, self._run = ari, media, run
        self._starts: dict[str, asyncio.Future[None]] = {}
        self._count = 0

    def heard(self, event: Mapping[str, Any]) -> None:
        """An event of the application."""
        if event.get("type") == "StasisStart":
            start = self._starts.get(str(event.get("channel", {}).get("id")))
            if start is not None and not start.done():
                start.set_result(None)

    def name(self) -> str:
        """A new name for a talk; everything that is made for it begins with it."""
        self._count += 1
        return f"{PREFIX}{self._run}-{self._count}"

    async def open(self, name: str, channel: str) -> Opened:
        """Make both legs of an agent's channel; `join` them once their media are connected.

        Raises AriRefused (404: the call is over), Unavailable, DeadlineExceeded, TransportError. What was
        made until then is for `close`.
        """
        # both at once: every round trip costs the first words of the talk
        opened = await asyncio.gather(
            *(self._leg(name, leg, channel) for leg in SPIES), return_exceptions=True
        )
        for fault in opened:
            if isinstance(fault, BaseException):
                raise fault
        return Opened(name, dict(zip(SPIES, map(str, opened), strict=True)))

    async def _leg(self, name: str, leg: str, channel: str) -> str:
        """The media address of one leg."""
        loop = asyncio.get_running_loop()
        snoop, media = (f"{name}-{leg}-{part}" for part in _PARTS)
        self._starts[snoop], self._starts[media] = loop.create_future(), loop.create_future()
        spied = {"app": APP, "spy": SPIES[leg], "snoopId": snoop}
        await self._ari.request("POST", "channels", channel, "snoop", params=spied)
        asked = {
            "app": APP,
            "channelId": media,
            "external_host": "INCOMING",
            "transport": "websocket",
            "encapsulation": "none",
            "connection_type": "server",
            "format": "slin",
        }
        made = await self._ari.request("POST", "channels", "externalMedia", params=asked)
        return f"{self._media}/media/{_connection(made)}"

    async def join(self, name: str) -> None:
        """Let the sound flow: put each snoop and its external channel into a bridge. Raises as `open`."""
        joined = await asyncio.gather(*(self._join(name, leg) for leg in SPIES), return_exceptions=True)
        for fault in joined:
            if isinstance(fault, BaseException):
                raise fault

    async def _join(self, name: str, leg: str) -> None:
        parts = [f"{name}-{leg}-{part}" for part in _PARTS]
        bridge = f"{name}-{leg}-bridge"
        await self._ari.request(
            "POST", "bridges", params={"type": "mixing", "bridgeId": bridge, "name": bridge}
        )
        try:
            async with asyncio.timeout(START_S):
                await asyncio.gather(*(self._starts[p] for p in parts))
        except TimeoutError as e:
            raise DeadlineExceeded(f"ARI: {name} did not start within {START_S:g} s") from e
        await self._ari.request("POST", "bridges", bridge, "addChannel", params={"channel": ",".join(parts)})

    async def close(self, name: str) -> bool:
        """Take everything of a talk away; False when that is not certain (`sweep` does it later)."""
        certain = True
        for leg in SPIES:
            for part in _PARTS:
                self._starts.pop(f"{name}-{leg}-{part}", None)
                certain &= await self._gone("channels", f"{name}-{leg}-{part}")
            certain &= await self._gone("bridges", f"{name}-{leg}-bridge")
        return certain

    async def sweep(self, keep: Collection[str] = (), *, everything: bool = False) -> int:
        """Delete what is left over of talks that are not kept; of earlier runs too with `everything`.

        Returns how many objects there were. Raises as `open`.
        """
        prefix = PREFIX if everything else f"{PREFIX}{self._run}-"
        found = [x for x in await self.there(prefix) if not any(x[1].startswith(f"{k}-") for k in keep)]
        for kind, id in found:
            await self._gone(kind, id)
        if found:
            _log.info("leftovers of live audio deleted", count=len(found), node=self._ari.node)
        return len(found)

    async def there(self, prefix: str = PREFIX) -> list[tuple[str, str]]:
        """What there is in Asterisk: ("channels" or "bridges", id)."""
        found = []
        for kind in ("channels", "bridges"):
            for item in await self._ari.request("GET", kind) or ():
                if str(item.get("id", "")).startswith(prefix):
                    found.append((kind, str(item["id"])))
        return found

    async def _gone(self, kind: str, id: str) -> bool:
        try:
            await self._ari.request("DELETE", kind, id)
        except AriRefused as e:
            return e.status == 404
        except LaidianError as e:
            _log.warning("live audio not deleted", id=id, why=str(e))
            return False
        return True


def _connection(made: Any) -> str:
    found = made.get("channelvars", {}).get("MEDIA_WEBSOCKET_CONNECTION_ID") if isinstance(made, dict) else ""
    if not isinstance(found, str) or not found.replace("-", "").replace("_", "").isalnum():
        raise ProtocolError("ARI: externalMedia answered without a connection id")
    return found
