"""Calls over a real Asterisk that end at once, often while their live sound is opened; what is left there."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path
from typing import Any

from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_tcp, free_udp
from asterisk_conf.scenario import wait
from asterisk_conf.softphones import Phones
from cti.ari.client import AriClient
from cti.ari.legs import PREFIX
from cti.config import Settings
from cti.errors import LaidianError
from screenpop.root import running

AGENTS = ("1001", "1002", "1003", "1004")
HOLDS = (0.4, 0.7, 1.0, 1.5, 2.5)  # s from the queue's answer; an agent answers about 0.3 s later
GONE_S = 60.0


def _settings(folder: Path) -> Settings:
    http, ami = free_tcp(), free_tcp()
    secret, ari = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    user = {"ari_username": "ari", "ari_secret": ari}
    node = {"name": "pbx1", "port": ami, "username": "laidian", "secret": secret}
    return Settings(
        store={"url": f"sqlite:///{folder / 'live.db'}"},
        web={"port": free_tcp()},
        pop={"journal": folder / "journal"},
        asterisk={
            "directory": folder / "pbx",
            "sip_port": free_udp(),
            "ami_port": ami,
            "http_port": http,
            "rtp_start": 17000,
            "rtp_end": 17799,
            "ami_secret": secret,
            "device_secret": secrets.token_urlsafe(18),
            "qualify_s": 0,
            "rtp_timeout_s": 0,
            **user,
        },
        ami=[{**node, "ari_url": f"http://127.0.0.1:{http}", **user}],
        agents=[{"number": a, "queues": ["hotline"]} for a in AGENTS],
        queues=[
            {
                "name": "hotline",
                "label": "热线",
                "did": "95001",
                "wrapup_s": 0,
                "retry_s": 1,
                "live_help": True,
            }
        ],
        live={"max_calls": 8},
    )


async def leftovers(folder: Path, count: int) -> dict[str, Any]:
    """Place `count` calls, a few at once; what of live help is in Asterisk afterwards."""
    settings = _settings(folder)
    pbx = await asyncio.to_thread(Instance, settings)
    await asyncio.to_thread(pbx.up, tied=True)
    most = 0
    try:
        async with (
            running(settings) as service,
            Phones(settings) as phones,
            AriClient(settings.ami[0]) as ari,
        ):
            for agent in AGENTS:
                await phones.agent(agent, answer_after=0.05, steps=[wait(30)])
            live = service.live
            async with asyncio.timeout(120):
                while live is None or not live.ready:  # noqa: ASYNC110 - a measure may look now and then
                    await asyncio.sleep(0.2)

            async def left() -> int:
                kinds = [await ari.request("GET", kind) for kind in ("channels", "bridges")]
                return sum(i["id"].startswith(PREFIX) for kind in kinds for i in kind)

            began, ended = time.monotonic(), 0
            gate = asyncio.Semaphore(len(AGENTS))

            async def one(n: int) -> bool:
                async with gate:
                    with contextlib.suppress(LaidianError):
                        call = await phones.call("95001", number="13800138000", hold=HOLDS[n % len(HOLDS)])
                        return (await call.result()).ok
                    return False

            work = [asyncio.create_task(one(n)) for n in range(count)]
            while not all(t.done() for t in work):
                most = max(most, await left())
                await asyncio.sleep(0.5)
            ended = sum(t.result() for t in work)
            took = time.monotonic() - began
            give_up = time.monotonic() + GONE_S
            while (there := await left()) and time.monotonic() < give_up:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.2)
            return {
                "calls": count,
                "calls_ok": ended,
                "seconds": round(took, 1),
                "most_at_once": most,
                "left": there,
                "talks_left": live.count,
            }
    finally:
        await asyncio.to_thread(pbx.down)
