"""From two voices on a real Asterisk, through the service an owner runs, to the score on the QA desk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from asterisk_conf import tones
from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_tcp
from asterisk_conf.scenario import play, wait
from asterisk_conf.softphones import Phones
from tests.plugins.qa import PROMPTS, put_together
from tests.plugins.screenpop import WANG, PopLine

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.speech,
    pytest.mark.xdist_group("speech"),
    pytest.mark.timeout(300),
]
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "calls"
DONE_S = 200.0


@dataclass(frozen=True)
class Script:
    """Two legs, how long they take, and what has to come of them."""

    agent: Path
    caller: Path
    seconds: float
    rule: str
    verdict: str
    agent_says: str
    caller_says: str


def shared_call() -> Script:
    """A call that opens with a forbidden phrase."""
    if not SHARED.is_dir():
        pytest.skip("../shared/calls is not on this machine")
    legs = [SHARED / f"v02-forbidden-opening-{role}.wav" for role in ("agent", "caller")]
    return Script(legs[0], legs[1], 13.5, "OPN-02", "fail", "登记", "投诉")


def own_call(folder: Path) -> Script:
    """A call put together from the menu's own prompts: no greeting first, the right words at the end."""
    parts = [(1.0, PROMPTS / "ask_waybill.wav"), (10.5, PROMPTS / "goodbye.wav")]
    agent = put_together(folder / "own-agent.wav", parts, 14)
    caller = put_together(folder / "own-caller.wav", [(8.6, PROMPTS / "points_none.wav")], 14)
    return Script(agent, caller, 14.0, "OPN-01", "fail", "感谢您的来", "")


def as_alaw(file: Path, target: Path) -> Path:
    """What a phone plays."""
    with wave.open(str(file), "rb") as f:
        samples = array("h", f.readframes(f.getnframes()))
    target.write_bytes(tones.alaw(samples))
    return target


def write_settings(folder: Path, url: str, port: int, asterisk: Instance) -> Path:
    """A settings file as an owner would write it: recording on, every call scored, one speech worker."""
    s = asterisk.settings
    lines = [
        'company = "顺达速运"',
        f"[store]\nurl = {json.dumps(url)}",
        f"[web]\nport = {port}",
        f"[pop]\njournal = {json.dumps(str(folder / 'journal'))}",
        f"[recording]\nenabled = true\ndirectory = {json.dumps(str(asterisk.recordings))}",
        '[quality]\ncalls = "all"\nworkers = 1',
        '[speech]\nengine = "whisper"',
        f'[[ami]]\nname = "pbx1"\nport = {s.asterisk.ami_port}\nusername = "{s.asterisk.ami_username}"',
        f"secret = {json.dumps(s.asterisk.ami_secret.get_secret_value())}",
        '[[agents]]\nnumber = "1001"\nqueues = ["hotline"]',
        '[[queues]]\nname = "hotline"\nlabel = "热线"\nwrapup_s = 1',
    ]
    file = folder / "laidian.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


@contextlib.asynccontextmanager
async def service(settings: Path, port: int) -> AsyncIterator[None]:
    """``laidian run``, until it is ready; ended politely, and its speech worker with it."""
    log = settings.with_suffix(".log")
    with log.open("ab") as out:
        run = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "cti", "run", "--config", str(settings)),
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(90):
            while True:
                if run.returncode is not None:
                    raise AssertionError(log.read_text(encoding="utf-8")[-2000:])
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        if answer.status == 200:
                            break
                await asyncio.sleep(0.1)
        yield
        run.terminate()
        assert await asyncio.wait_for(run.wait(), 60) == 0
    finally:
        if run.returncode is None:
            run.kill()
        await run.wait()


async def scored(line: PopLine) -> dict[str, Any]:
    """The only call of the desk, once its job is over."""
    async with asyncio.timeout(DONE_S):
        while True:
            status, body = await line.api("GET", "/qa/calls", user="qa")
            assert status == 200, body
            job = body["items"][0]["job"] if body["items"] else None
            if job is not None and job["state"] in ("done", "failed"):
                assert job["state"] == "done", job
                _, call = await line.api("GET", f"/qa/calls/{body['items'][0]['id']}", user="qa")
                return dict(call)
            await asyncio.sleep(0.3)


@pytest.mark.parametrize("source", ["shared", "own"])
async def test_a_call_is_recorded_recognised_scored_and_shown(
    source: str,
    start_asterisk: Callable[..., Instance],
    whisper_base: Path,
    seeded_url: str,
    tmp_path: Path,
) -> None:
    """A SIP call with two voices ends as a score with evidence, outlines, words and sound in the API."""
    script = shared_call() if source == "shared" else own_call(tmp_path)
    asterisk = start_asterisk(recording={"enabled": True})
    agent, caller = (
        as_alaw(file, tmp_path / f"{n}.al")
        for n, file in (("agent", script.agent), ("caller", script.caller))
    )
    port = free_tcp()
    settings = write_settings(tmp_path, seeded_url, port, asterisk)
    async with (
        service(settings, port),
        aiohttp.ClientSession() as http,
        Phones(asterisk.settings) as phones,
    ):
        line = PopLine(f"http://127.0.0.1:{port}", http)
        await phones.agent("1001", answer_after=0.2, steps=[play(agent), wait(60)])
        # the caller hears the queue first: the talk begins about half a second later
        steps = [wait(0.5), play(caller)]
        call = await phones.call("95001", number=WANG, steps=steps, hold=script.seconds)
        assert (await call.result()).ok
        seen = await scored(line)
        headers = {"Authorization": f"Bearer {await line.token('qa')}"}
        url = f"{line.base}/api/v1/qa/calls/{seen['id']}/audio/caller"
        async with http.get(url, headers=headers) as answer:
            assert answer.status == 200
            assert len(await answer.read()) > (script.seconds - 2) * 16000
    assert (seen["agent"], seen["queue"], seen["hung_up_by"]) == ("1001", "hotline", "caller")
    assert seen["customer"]["name"] == "王小明"
    assert seen["timing_trusted"], (seen["drift"], seen["bridge_s"], seen["file_s"])
    assert seen["engine"] == "whisper:whisper-base"
    said = {role: "".join(t["text"] for t in seen["turns"] if t["role"] == role) for role in seen["legs"]}
    assert script.agent_says in said["agent"]
    assert script.caller_says in said["caller"]
    for leg in seen["legs"].values():
        assert leg["state"] == "ok"
        assert max(leg["peaks"]["values"]) > 5
    row = next(r for r in seen["sheet"] if r["rule"] == script.rule)
    assert row["verdict"] == script.verdict
    evidence = row["evidence"][0]
    assert (evidence["leg"], bool(evidence["due"])) == ("agent", True)
    assert next(r["verdict"] for r in seen["sheet"] if r["rule"] == "HUP-01") == "pass"
    if row["fatal"]:
        assert (seen["review"]["state"], seen["review"]["reason"]) == ("queued", "fatal")
        assert seen["fatal"][0]["proposed"]
