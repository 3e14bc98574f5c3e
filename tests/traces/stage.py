"""The hotline on which the traces are recorded: a real Asterisk, simulated phones, a proxy before AMI."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from asterisk_conf.instance import Instance
from asterisk_conf.softphones import Phones
from cti.ami.client import AmiClient
from cti.ami.fleet import Fleet
from cti.ami.trace import Heard
from cti.config import AgentSettings, AmiNode, AsteriskSettings, QueueSettings, Settings
from cti.domain.call import AgentState, CallEvent, CallEventKind
from tests.ami.tcp_proxy import Proxy

NODE = "pbx1"


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody holds now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def hotline(directory: Path) -> Settings:
    """Three agents with one device, one with two; queues that ring all, that hunt, and one for the pair."""
    asterisk = AsteriskSettings(
        node=NODE,
        directory=directory,
        sip_port=free_port(socket.SOCK_DGRAM),
        trunk_contact=f"sip:127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
        ami_port=free_port(),
        http_port=free_port(),
        ami_secret=SecretStr("only-for-tests"),
        device_secret=SecretStr("only-for-tests"),
        rtp_start=32768,
        rtp_end=33767,
    )
    return Settings(
        asterisk=asterisk,
        ami=(AmiNode(name=NODE, port=asterisk.ami_port, username="laidian", secret=asterisk.ami_secret),),
        agents=(
            AgentSettings(number="1001", queues=("all", "hunt")),
            AgentSettings(number="1002", queues=("all", "hunt")),
            AgentSettings(number="1003", queues=("all",)),
            AgentSettings(number="1004", devices=("1004a", "1004b"), queues=("pair",)),
        ),
        queues=(
            QueueSettings(name="all", label="客服", did="95543", strategy="ringall", ring_s=10, wrapup_s=0),
            QueueSettings(
                name="hunt", label="轮呼", did="95544", strategy="linear", ring_s=3, retry_s=1, wrapup_s=0
            ),
            QueueSettings(name="pair", label="双机", did="95545", strategy="ringall", ring_s=10, wrapup_s=0),
        ),
    )


@dataclass
class Stage:
    """What a scenario plays on."""

    settings: Settings
    phones: Phones
    proxy: Proxy
    fleet: Fleet
    heard: list[Heard] = field(default_factory=list)

    @property
    def carrier(self) -> int:
        """The port behind which customers are called."""
        return int(self.settings.asterisk.trunk_contact.rpartition(":")[2])

    @property
    def client(self) -> AmiClient:
        """The client of the one node."""
        return self.fleet.client(NODE)

    async def until(self, what: Callable[[Heard], bool], times: int = 1, timeout_s: float = 20.0) -> None:
        """Wait until so many events of this sort have been heard."""
        async with asyncio.timeout(timeout_s):
            while sum(map(what, self.heard)) < times:
                await asyncio.sleep(0.02)

    async def told(
        self, kind: CallEventKind, agent: str = "", times: int = 1, timeout_s: float = 20.0
    ) -> None:
        """Wait for a call event."""
        await self.until(
            lambda e: isinstance(e, CallEvent) and e.kind is kind and (not agent or e.agent == agent),
            times,
            timeout_s,
        )

    async def available(self, *agents: str) -> None:
        """Wait until the PBX says that these agents are free."""
        async with asyncio.timeout(10):
            while not all(self._state(agent) is AgentState.AVAILABLE for agent in agents):
                await asyncio.sleep(0.02)

    async def ended(self, calls: int = 1, timeout_s: float = 30.0) -> None:
        """Wait until so many calls have ended and nothing is live."""
        await self.told(CallEventKind.ENDED, times=calls, timeout_s=timeout_s)
        async with asyncio.timeout(10):
            while self.fleet.tracker(NODE).live():
                await asyncio.sleep(0.02)

    def _state(self, agent: str) -> AgentState | None:
        known = [e for e in self.fleet.tracker(NODE).agents() if e.agent == agent]
        return known[0].state if known else None


@asynccontextmanager
async def pbx(directory: Path) -> AsyncIterator[Settings]:
    """A running Asterisk with the hotline of the traces."""
    instance = Instance(hotline(directory))
    instance.up(tied=True)
    try:
        yield instance.settings
    finally:
        instance.down()


@asynccontextmanager
async def stage(
    settings: Settings, wrap: Callable[[AmiClient], None] = lambda _: None
) -> AsyncIterator[Stage]:
    """Phones and a connected client, on a running Asterisk; `wrap` may put a recorder before the tracker."""
    heard: list[Heard] = []
    node = settings.ami[0]
    async with Proxy((node.host, node.port)) as proxy, Phones(settings) as phones:
        behind = node.model_copy(update={"port": proxy.port})
        fleet = Fleet((behind,), settings.roster(), heard.append)
        wrap(fleet.client(NODE))
        async with fleet:
            await fleet.client(NODE).wait_ready()
            yield Stage(settings, phones, proxy, fleet, heard)
