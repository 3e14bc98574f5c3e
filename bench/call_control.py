"""Call control: from the click to the PBX's own event that it has acted, at 200 agents talking.

A real Asterisk, SIPp phones without sound, and ``laidian run`` as an owner runs it, with the self-service:
callers press 0 in the welcome. Every agent talks; a few
colleagues are free, to be consulted and to be transferred to. Commands go through HTTP; the time of acting is
the PBX's time stamp of the first event that the command causes (same machine, same clock). At the end
everybody is hung up by command, and what is left in Asterisk is counted: channels, bridges, rooms.

``python -m bench call_control`` takes LAIDIAN_BENCH_AGENTS (200) and LAIDIAN_BENCH_ROUNDS (200: agents that
each go once through all commands, so about twenty times as many commands) from the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from asterisk_conf import scenario
from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_tcp, free_udp
from asterisk_conf.softphones import Phones
from bench import machine
from bench.control.agents import WAIT_S, Agent, Run
from cti.ami.client import AmiClient
from cti.config import Settings
from cti.store import repos
from cti.store.db import Database
from cti.store.migrations import upgrade
from screenpop.auth import token_hash

FIRST, COLLEAGUES = 2001, 8
PHONES_PER_PROCESS = 50
TO_A_PERSON = (scenario.wait(1.5), scenario.dtmf("0"))  # what callers do in the welcome


def main() -> dict[str, Any]:
    """Measure; writes bench/results/call_control.json."""
    agents = int(os.environ.get("LAIDIAN_BENCH_AGENTS", "200"))
    rounds = int(os.environ.get("LAIDIAN_BENCH_ROUNDS", "200"))
    given = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("LAIDIAN_BENCH_")]
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as folder:
        found = asyncio.run(_measure(Path(folder), agents, rounds))
    command = " ".join([*given, "python -m bench call_control"])
    return machine.write("call_control", {"command": command, "agents": agents, "rounds": rounds, **found})


def _settings(folder: Path, agents: int) -> Settings:
    numbers = [str(FIRST + i) for i in range(agents + COLLEAGUES)]
    secret, ami = secrets.token_urlsafe(18), free_tcp()
    return Settings(
        agents=[{"number": n, "queues": ["hotline"] if i < agents else []} for i, n in enumerate(numbers)],
        queues=[{"name": "hotline", "label": "热线", "did": "95001", "strategy": "random", "wrapup_s": 0}],
        store={"url": f"sqlite:///{folder / 'bench.db'}"},
        web={"port": free_tcp()},
        agi={"enabled": True, "port": free_tcp(), "survey": False},
        pop={"journal": folder / "journal", "wrapup_s": 0},
        ami=[{"name": "pbx1", "port": ami, "username": "laidian", "secret": secret}],
        asterisk={
            "directory": folder / "pbx",
            "sip_port": free_udp(),
            "ami_port": ami,
            "http_port": free_tcp(),
            "rtp_start": 20000,
            "rtp_end": 20000 + 4 * (agents + COLLEAGUES) + 199,
            "ami_secret": secret,
            "device_secret": secrets.token_urlsafe(18),
            "qualify_s": 0,
            "rtp_timeout_s": 0,
        },
    )


async def _measure(folder: Path, agents: int, rounds: int) -> dict[str, Any]:
    settings = _settings(folder, agents)
    database = Database(settings.store.url)
    upgrade(database)
    tokens = _users(database, settings)
    database.close()
    instance = Instance(settings)
    await asyncio.to_thread(instance.up, tied=True)
    log = (folder / "service.log").open("wb")
    service = subprocess.Popen(  # noqa: ASYNC220 - before anything is measured
        [sys.executable, "-m", "cti", "run", "--config", str(_file(folder, settings))],
        stdout=log,
        stderr=log,
    )
    try:
        async with Phones(settings) as phones, aiohttp.ClientSession() as http:
            run = Run(f"http://127.0.0.1:{settings.web.port}", http)
            client = AmiClient(settings.ami[0], run.acts, wanted=None)
            async with client:
                await client.wait_ready()
                await _ready(run)
                await _answer(phones, settings)
                callers = [(f"1380{i:07d}", "") for i in range(agents)]
                await phones.calls("95001", callers, per_second=10, hold=None, steps=TO_A_PERSON)
                everybody = [Agent(run, n.number, t) for n, t in zip(settings.agents, tokens, strict=True)]
                busy = everybody[:agents]
                if not await _until(lambda: _all_talk(busy), 60 + agents):
                    raise SystemExit(f"only {sum(bool(a.pop) for a in busy)} agents talk")
                before, begin = psutil.Process(service.pid).cpu_times(), time.monotonic()
                await _rounds(busy, everybody[agents:], rounds)
                seconds = time.monotonic() - begin
                after = psutil.Process(service.pid).cpu_times()
                await _hang_up(busy)
                left = await _left(instance)
    finally:
        service.terminate()
        service.wait(30)
        log.close()
        await asyncio.to_thread(instance.down)
    commands = sum(len(times) for times in run.acted.values())
    return {
        "commands": commands,
        "click_to_act_ms": {name: _figures(times) for name, times in run.acted.items()},
        "click_to_answer_ms": {name: _figures(times) for name, times in run.told.items()},
        "failed": run.faults[:50],
        "failures": len(run.faults),
        "left_in_asterisk": left,
        "service_cores": round((after.user + after.system - before.user - before.system) / seconds, 2),
    }


async def _rounds(busy: Sequence[Agent], colleagues: Sequence[Agent], rounds: int) -> None:
    """Agents go through all commands, as many at once as there are colleagues to be asked."""
    free: asyncio.Queue[Agent] = asyncio.Queue()
    for colleague in colleagues:
        free.put_nowait(colleague)

    async def one(agent: Agent) -> None:
        colleague = await free.get()
        try:
            await _all_commands(agent, colleague)
        finally:
            free.put_nowait(colleague)

    for start in range(0, rounds, len(busy)):
        await asyncio.gather(*(one(agent) for agent in busy[: rounds - start]))


async def _all_commands(agent: Agent, colleague: Agent) -> None:
    """One agent with a caller, one without; at the end it is so again."""
    await agent.press("hold")
    await agent.press("resume")
    await agent.press("ivr", "waybill", "flow")
    await agent.situation("ivr")
    await agent.press("resume")
    await _consult(agent, colleague)
    await agent.press("cancel")
    await agent.situation("talking")
    await _consult(agent, colleague)
    await agent.press("swap")
    await agent.press("three")
    await agent.press("drop")
    await agent.situation("talking")
    await agent.press("rejoin")
    if not await agent.take(agent.linkedid):
        return
    for giving in (("complete",), ("three", "leave")):
        await _consult(agent, colleague)
        for command in giving:
            await agent.press(command)
        if not await colleague.take(agent.linkedid):
            return
        await colleague.press("blind", agent.number)
        if not await agent.take(agent.linkedid):
            return


async def _consult(agent: Agent, colleague: Agent) -> None:
    await agent.press("consult", colleague.number)
    await agent.situation("consulting")


async def _hang_up(busy: Sequence[Agent]) -> None:
    """Everybody, a few at a time."""
    for start in range(0, len(busy), COLLEAGUES):
        await asyncio.gather(*(agent.press("hangup") for agent in busy[start : start + COLLEAGUES]))


async def _left(instance: Instance) -> dict[str, int]:
    """Channels, bridges and rooms that are still there when all calls have ended."""
    await _until(lambda: _none_left(instance), WAIT_S)
    status = await asyncio.to_thread(instance.status)
    bridges = await asyncio.to_thread(instance.console, "bridge show all")
    rooms = await asyncio.to_thread(instance.console, "confbridge list")
    return {
        "channels": status.channels or 0,
        "bridges": sum(1 for line in bridges.splitlines()[1:] if line.strip()),
        "rooms": sum(1 for line in rooms.splitlines() if line[:1].isdigit()),
    }


async def _none_left(instance: Instance) -> bool:
    return not (await asyncio.to_thread(instance.status)).channels


async def _until(true: Callable[[], Any], timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if await true():
            return True
        await asyncio.sleep(0.25)
    return False


async def _all_talk(busy: Sequence[Agent]) -> bool:
    missing = [agent for agent in busy if not agent.pop]
    return all([await agent.find() for agent in missing])


async def _ready(run: Run) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with run.http.get(f"{run.url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def _answer(phones: Phones, settings: Settings) -> None:
    """All devices registered; a few SIPp processes answer for all of them."""
    numbers = [agent.number for agent in settings.agents]
    for start in range(0, len(numbers), PHONES_PER_PROCESS):
        port = free_udp()
        for number in numbers[start : start + PHONES_PER_PROCESS]:
            await phones._register(number, port, port)
        await phones._start(
            scenario.agent(user=numbers[start], answer_after=0.2, reject=None, steps=()), port=port
        )


def _users(database: Database, settings: Settings) -> list[str]:
    """An agent's user with a session each; the tokens."""
    now = datetime.now(UTC)
    tokens = [secrets.token_urlsafe(32) for _ in settings.agents]
    with database.begin() as conn:
        for agent, token in zip(settings.agents, tokens, strict=True):
            n = agent.number
            user = repos.add_user(
                conn, username=n, password_hash="-", name=n, roles=("agent",), now=now, agent=n
            )
            repos.add_session(
                conn,
                token_hash=token_hash(token),
                user_id=user,
                created_at=now,
                expires_at=now + timedelta(hours=2),
            )
    return tokens


def _file(folder: Path, settings: Settings) -> Path:
    node = settings.ami[0]
    lines = [
        f"[store]\nurl = {json.dumps(settings.store.url)}",
        f"[web]\nport = {settings.web.port}",
        f"[agi]\nenabled = true\nport = {settings.agi.port}\nsurvey = false",
        "[quality]\nworkers = 0",
        f"[pop]\njournal = {json.dumps(str(settings.pop.journal))}\nwrapup_s = 0",
        f'[[ami]]\nname = "pbx1"\nport = {node.port}\nusername = "{node.username}"',
        f"secret = {json.dumps(node.secret.get_secret_value())}",
        *(f'[[queues]]\nname = "{q.name}"\nlabel = "{q.label}"\nwrapup_s = 0' for q in settings.queues),
        *(f'[[agents]]\nnumber = "{a.number}"\nqueues = {json.dumps(a.queues)}' for a in settings.agents),
    ]
    file = folder / "laidian.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def _figures(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 1),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
        "max": round(ordered[-1], 1),
    }
