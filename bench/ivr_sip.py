"""The self-service on a real Asterisk under SIPp: how many callers a second still hear everything in time.

Every caller dials the hotline, presses 1 in the welcome, types a waybill and hears where the parcel is. Two
times are taken per call, both from Asterisk's own log: from the INVITE to the start of the first prompt
(limit 1 s), and from the last key of the waybill to the start of the answer (limit 1.5 s); the first packet
of a sound leaves within 20 ms of its start. The rate is raised until a call misses a limit. SIPp runs on the
same machine and takes its share. Answer() itself waits up to 0.5 s for a caller's sound; SIPp sends none.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from asterisk_conf import scenario
from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_tcp, free_udp
from asterisk_conf.scenario import dtmf, hangup, wait
from asterisk_conf.softphones import Phones
from bench import machine
from cti.config import Settings
from cti.store.db import Database
from cti.store.migrations import upgrade
from cti.store.tables import waybills

RATES = (1, 2, 5, 10, 15, 20, 30, 40, 60)  # calls a second
SECONDS = 12.0  # of steady arrival at each rate
FIRST_S, ANSWER_S = 1.0, 1.5
WAYBILL = "800100200301"
CALLER = "13800138000"
_LINE = re.compile(r"^\[(\S+ \S+)\] (\w+)\[\d+\](?:\[(C-[0-9a-f]+)\])? (.*)$")

SERVER = """
import asyncio, json, signal, sys, uvloop
from agi_scripts.host import serve
from cti import obs
from cti.config import Settings
obs.configure("WARNING")
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(Settings(**json.loads(sys.argv[1])), stop)
uvloop.run(main())
"""


def main() -> dict[str, Any]:
    """Raise the rate until a limit is missed; keep every step."""
    return machine.write("ivr_sip", asyncio.run(_measure()))


async def _measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="laidian-bench-") as folder:
        settings = _settings(Path(folder))
        _fill(settings.store.url)
        instance = Instance(settings)
        instance.up(tied=True)
        try:
            instance.console("core set verbose 3")
            instance.console("logger add channel played.log verbose(3),dtmf")
            server = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SERVER, json.dumps(_plain(settings)), stdin=asyncio.subprocess.DEVNULL
            )
            try:
                await _listening(settings.agi.port)
                return await _steps(instance, server.pid)
            finally:
                server.terminate()
                await server.wait()
        finally:
            instance.down()


async def _steps(instance: Instance, server: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for rate in RATES:
        step = await _step(instance, server, rate)
        steps.append(step)
        print(json.dumps(step), file=sys.stderr)
        if not step["held"]:
            break
    held = [s for s in steps if s["held"]]
    return {
        "limits_s": {"first_prompt": FIRST_S, "answer": ANSWER_S},
        "highest": held[-1] if held else None,
        "stopped_by": None if steps[-1]["held"] else steps[-1]["why"],
        "steps": steps,
    }


async def _step(instance: Instance, server: int, rate: int) -> dict[str, Any]:
    log = instance.logs / "played.log"
    before = log.stat().st_size if log.exists() else 0
    calls = max(int(rate * SECONDS), 5)
    asterisk = psutil.Process(instance.pid())
    agi = psutil.Process(server)
    steps = (wait(1.0), dtmf("1"), wait(1.0), dtmf(WAYBILL + "#"), wait(4.0), hangup())
    script = scenario.caller(to="95001", number=CALLER, name="", password="", give_up_after=None, steps=steps)
    async with Phones(instance.settings) as phones:
        start, used = time.monotonic(), _cpu(asterisk, agi)
        process, where, _ = await phones._start(script, "-m", str(calls), "-r", str(rate), "-l", "4000")
        sipp = psutil.Process(process.pid)
        most = 0
        while process.returncode is None and time.monotonic() - start < SECONDS + 60:
            try:
                sipp_used = _cpu(sipp)[0]
            except psutil.NoSuchProcess:
                break
            channels = re.search(r"(\d+) active channel", instance.console("core show channels count"))
            most = max(most, int(channels[1]) if channels else 0)
            await asyncio.sleep(1.0)
        took = time.monotonic() - start
        used = [b - a for a, b in zip(used, _cpu(asterisk, agi), strict=True)]
        status = await process.wait() if process.returncode is not None else None
        failures = (where / "errors.log").read_text(errors="replace").count("Aborting") if status else 0
    times = _times(log.read_bytes()[before:].decode(errors="replace"))
    first = sorted(t["first"] for t in times if "first" in t)
    answer = sorted(t["answer"] for t in times if "answer" in t)
    why = []
    if len(first) < calls:
        why.append(f"{calls - len(first)} callers heard no first prompt")
    if len(answer) < calls:
        why.append(f"{calls - len(answer)} callers heard no answer")
    if first and first[-1] > FIRST_S:
        why.append(f"first prompt after {first[-1]:.2f} s")
    if answer and answer[-1] > ANSWER_S:
        why.append(f"answer after {answer[-1]:.2f} s")
    return {
        "rate": rate,
        "calls": calls,
        "concurrent_channels": most,
        "first_prompt_s": _spread(first),
        "answer_s": _spread(answer),
        "cores_used": {
            "asterisk": round(used[0] / took, 2),
            "agi": round(used[1] / took, 2),
            "sipp": round(sipp_used / took, 2),
            "machine_load": round(os.getloadavg()[0], 1),
        },
        "sipp_failures": failures,
        "held": not why,
        "why": "; ".join(why),
    }


def _times(text: str) -> list[dict[str, float]]:
    """Per call: seconds from its first line to the welcome, and from the last # to the answer."""
    calls: dict[str, dict[str, float]] = {}
    channels: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        stamp, level, call, said = match.groups()
        at = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC).timestamp()
        if level == "DTMF":
            channel = re.search(r"DTMF end '#' received on (PJSIP/\S+?),", said)
            if channel and channel[1] in channels:
                calls[channels[channel[1]]]["hash"] = at
            continue
        if call is None:
            continue
        found = calls.setdefault(call, {"begin": at})
        name = re.search(r"(PJSIP/trunk-[0-9a-f]+)", said)
        if name:
            channels[name[1]] = call
        if "Playing 'laidian/welcome" in said:
            found.setdefault("first", at - found["begin"])
        if "Playing 'laidian/your_parcel_tail" in said and "hash" in found:
            found.setdefault("answer", at - found["hash"])
    return list(calls.values())


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {
        "p50": round(values[len(values) // 2], 3),
        "p99": round(values[int(len(values) * 0.99)], 3),
        "max": round(values[-1], 3),
    }


def _cpu(*processes: psutil.Process) -> list[float]:
    return [sum(p.cpu_times()[:2]) for p in processes]


def _settings(folder: Path) -> Settings:
    return Settings(
        queues=[{"name": "hotline", "label": "热线", "did": "95001"}],
        store={"url": f"sqlite:///{folder}/bench.db"},
        agi={"enabled": True, "port": free_tcp(), "max_calls": 5000, "drain_s": 1.0},
        callback={"enabled": False},
        asterisk={
            "directory": folder / "asterisk",
            "sip_port": free_udp(),
            "ami_port": free_tcp(),
            "http_port": free_tcp(),
            "rtp_start": 20000,
            "rtp_end": 29999,
            "ami_secret": secrets.token_urlsafe(18),
            "device_secret": secrets.token_urlsafe(18),
            "qualify_s": 0,
            "rtp_timeout_s": 0,
        },
    )


def _plain(settings: Settings) -> dict[str, Any]:
    return {
        "queues": [q.model_dump() for q in settings.queues],
        "store": {"url": settings.store.url},
        "agi": settings.agi.model_dump(mode="json"),
        "callback": {"enabled": False},
        "asterisk": {"directory": str(settings.asterisk.directory)},
    }


def _fill(url: str) -> None:
    db = Database(url)
    upgrade(db)
    now = datetime.now(UTC)
    with db.begin() as conn:
        conn.execute(
            sa.insert(waybills).values(
                number=WAYBILL,
                receiver_key=f"mobile:{CALLER}",
                state="delivering",
                origin="北京",
                destination="深圳",
                promised_at=now + timedelta(hours=2),
                created_at=now,
                updated_at=now,
            )
        )
    db.close()


async def _listening(port: int) -> None:
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("the self-service did not start")


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False, indent=1))
