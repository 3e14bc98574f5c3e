"""A real Asterisk and real phones. Agents 1001–1006 (1004 has two devices), queues hotline, vip, hunt.

Dialled numbers: 95001 hotline (ring-all), 95002 vip (round robin), 95003 hunt (one after the other, three
seconds each); an agent's own number rings that agent.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.locate import locate
from asterisk_conf.ports import free_tcp, free_udp
from asterisk_conf.softphones import Phones
from cti.config import Settings
from cti.errors import Unavailable
from tests.plugins.ami_tap import Tap

AGENTS = [
    {"number": "1001", "queues": ["hotline", "vip", "hunt"]},
    {"number": "1002", "queues": ["hotline", "vip", "hunt"]},
    {"number": "1003", "queues": ["hotline", "hunt"]},
    {"number": "1004", "queues": ["hotline"], "devices": ["1004a", "1004b"]},
    {"number": "1005", "queues": ["hotline", "vip"], "languages": ["普通话", "粤语"]},
    {"number": "1006", "queues": []},
]
QUEUES = [
    {"name": "hotline", "label": "热线", "did": "95001", "strategy": "ringall", "wrapup_s": 0, "retry_s": 1},
    {"name": "vip", "label": "VIP", "did": "95002", "strategy": "rrmemory", "wrapup_s": 0, "retry_s": 1},
    {
        "name": "hunt",
        "label": "顺序",
        "did": "95003",
        "strategy": "linear",
        "ring_s": 3,
        "wrapup_s": 0,
        "retry_s": 1,
    },
]


def asterisk_settings(directory: Path, **overrides: Any) -> Settings:
    """Settings of an instance on free ports; `overrides` are sections, merged key by key."""
    rtp = random.SystemRandom().randrange(10000, 19000, 2)
    values: dict[str, Any] = {
        "agents": AGENTS,
        "queues": QUEUES,
        "asterisk": {
            "directory": directory,
            "sip_port": free_udp(),
            "ami_port": free_tcp(),
            "http_port": free_tcp(),
            "rtp_start": rtp,
            "rtp_end": rtp + 799,
            "ami_secret": secrets.token_urlsafe(18),
            "device_secret": secrets.token_urlsafe(18),
            "qualify_s": 0,
            "rtp_timeout_s": 0,
        },
    }
    for section, value in overrides.items():
        values[section] = values.get(section, {}) | value if isinstance(value, dict) else value
    return Settings(**values)


def ari_sections(**asterisk: Any) -> dict[str, Any]:
    """Sections ``asterisk`` and ``ami`` of an instance whose REST interface is on; its one node is pbx1."""
    ami_port, http_port, secret = free_tcp(), free_tcp(), secrets.token_urlsafe(18)
    ari = {"ari_username": "ari", "ari_secret": secrets.token_urlsafe(18)}
    node = {"name": "pbx1", "port": ami_port, "username": "laidian", "secret": secret}
    return {
        "asterisk": {"ami_port": ami_port, "http_port": http_port, "ami_secret": secret, **ari, **asterisk},
        "ami": [{**node, "ari_url": f"http://127.0.0.1:{http_port}", **ari}],
    }


@pytest.fixture(scope="session")
def asterisk_here() -> None:
    """Skip where no Asterisk can be had."""
    try:
        locate()
    except Unavailable as e:
        pytest.skip(f"no Asterisk: {e}")


@pytest.fixture(scope="session")
def asterisk(asterisk_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The instance that the tests of one worker share. Leave no calls, pauses or registrations behind."""
    instance = Instance(asterisk_settings(tmp_path_factory.mktemp("pbx")))
    instance.up(tied=True)
    yield instance
    instance.down()


@pytest.fixture
def start_asterisk(asterisk_here: None, tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Start an own instance (under a second): ``start_asterisk(agi={"enabled": True, "port": p})``."""
    started: list[Instance] = []

    def start(**overrides: Any) -> Instance:
        instance = Instance(asterisk_settings(tmp_path / f"pbx{len(started)}", **overrides))
        started.append(instance)
        instance.up(tied=True)
        return instance

    yield start
    for instance in started:
        instance.down()


@pytest.fixture
async def phones(asterisk: Instance) -> AsyncIterator[Phones]:
    """Phones of the shared instance; gone after the test."""
    try:
        async with Phones(asterisk.settings) as phones:
            yield phones
    except Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture
async def tap(asterisk: Instance) -> AsyncIterator[Tap]:
    """A listener on the shared instance's AMI."""
    async with Tap(asterisk) as tap:
        yield tap
