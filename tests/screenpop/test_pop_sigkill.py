"""The service is killed in the middle of a call and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import sqlalchemy as sa

from asterisk_conf.instance import Instance
from asterisk_conf.ports import free_tcp
from asterisk_conf.softphones import Phones
from cti.store.db import Database
from cti.store.tables import contacts, pops
from tests.plugins.screenpop import WANG, PopLine

pytestmark = [pytest.mark.asterisk, pytest.mark.xdist_group("asterisk")]


def write_settings(folder: Path, url: str, port: int, asterisk: Instance) -> Path:
    """A settings file as an owner would write it."""
    s = asterisk.settings
    lines = [
        f"[store]\nurl = {json.dumps(url)}",
        f"[web]\nport = {port}",
        f"[pop]\njournal = {json.dumps(str(folder / 'journal'))}",
        f'[[ami]]\nname = "pbx1"\nport = {s.asterisk.ami_port}\nusername = "{s.asterisk.ami_username}"',
        f"secret = {json.dumps(s.asterisk.ami_secret.get_secret_value())}",
    ]
    lines += [
        f'[[agents]]\nnumber = "{a.number}"\nqueues = {json.dumps(list(a.queues))}' for a in s.agents[:3]
    ]
    lines += [f'[[queues]]\nname = "{q.name}"\nlabel = "{q.label}"\nwrapup_s = 3' for q in s.queues]
    file = folder / "laidian.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


@contextlib.asynccontextmanager
async def process(settings: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """``laidian run`` in a process of its own, ready for work; killed at the end if it still runs."""
    log = settings.with_suffix(".log")
    with log.open("ab") as out:
        run = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "cti", "run", "--config", str(settings)),
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(60):
            while True:
                if run.returncode is not None:
                    raise AssertionError(log.read_text(encoding="utf-8")[-2000:])
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        if answer.status == 200:
                            break
                await asyncio.sleep(0.05)
        yield run
    finally:
        if run.returncode is None:
            run.kill()
        await run.wait()


async def test_killed_in_a_call_and_back(
    tmp_path: Path, seeded_url: str, asterisk: Instance, phones: Phones
) -> None:
    """The card comes back with its id, state and draft; one row, one contact, nothing recorded is lost."""
    port = free_tcp()
    settings = write_settings(tmp_path, seeded_url, port, asterisk)
    await phones.agent("1001", answer_after=0.5)
    async with aiohttp.ClientSession() as http:
        popline = PopLine(f"http://127.0.0.1:{port}", http)
        async with process(settings, port) as first, popline.page("a1001") as page:
            await phones.call("95001", number=WANG, hold=None)
            pop = await page.next("pop")
            await page.ack(pop)
            await page.until("pop_update", lambda m: m["changes"].get("call", {}).get("state") == "talking")
            draft = {"note": "写到一半的话", "disposition": "查件"}
            path = f"/pops/{pop['id']}/draft"
            assert (await popline.api("PUT", path, user="a1001", body=draft))[0] == 200
            first.send_signal(signal.SIGKILL)
            await first.wait()
            assert await page.closed() == 1006
        async with process(settings, port) as second, popline.page("a1001") as page:
            ready = page.messages[0]
            assert [(p["id"], p["call"]["state"]) for p in ready["snapshot"]] == [(pop["id"], "talking")]
            assert ready["drafts"] == {pop["id"]: draft}
            shown = ready["snapshot"][0]
            if shown["customer"] is None:
                update = await page.until("pop_update", lambda m: "customer" in m["changes"])
                shown = {**shown, **update["changes"]}
            assert shown["customer"]["name"] == "王小明"
            await asyncio.to_thread(asterisk.console, "channel request hangup all")
            wrapup = await page.until("pop_update", lambda m: "call" in m["changes"])
            assert (wrapup["id"], wrapup["changes"]["call"]["state"]) == (pop["id"], "wrapup")
            close = await page.next("pop_close")
            assert (close["id"], close["reason"]) == (pop["id"], "completed")
            second.send_signal(signal.SIGTERM)
            assert await page.closed() == 1001
            assert await asyncio.wait_for(second.wait(), 15) == 0
    db = Database(seeded_url)
    with db.begin() as conn:
        rows = conn.execute(sa.select(pops)).mappings().all()
        notes = conn.execute(sa.select(contacts.c.note, contacts.c.agent)).all()
    db.close()
    (row,) = rows
    assert (row["id"], row["reason"], row["note"]) == (pop["id"], "completed", "写到一半的话")
    assert None not in (row["pushed_at"], row["acked_at"], row["answered_at"], row["closed_at"])
    assert [tuple(n) for n in notes] == [("写到一半的话", "1001")]
    log = settings.with_suffix(".log").read_text(encoding="utf-8")
    assert "open pops given back" in log
    assert WANG not in log


async def test_killed_while_ringing_and_the_caller_is_gone(
    tmp_path: Path, seeded_url: str, asterisk: Instance, phones: Phones
) -> None:
    """What rang when the service died and is no more closes as lost; no card stays on the screen."""
    port = free_tcp()
    settings = write_settings(tmp_path, seeded_url, port, asterisk)
    await phones.agent("1001", answer_after=None)
    async with aiohttp.ClientSession() as http:
        popline = PopLine(f"http://127.0.0.1:{port}", http)
        async with process(settings, port) as first, popline.page("a1001") as page:
            call = await phones.call("1001", number=WANG)
            pop = await page.next("pop")
            # what was answered for is on the disk, and all that came before it
            path = f"/pops/{pop['id']}/draft"
            assert (await popline.api("PUT", path, user="a1001", body={"note": "响铃"}))[0] == 200
            first.send_signal(signal.SIGKILL)
            await first.wait()
        await asyncio.to_thread(asterisk.console, "channel request hangup all")
        await call.result()
        async with process(settings, port), popline.page("a1001") as page:
            assert page.messages[0]["snapshot"] == []
            _, body = await popline.api("GET", "/ledger", user="boss")
    assert [(r["id"], r["final"]) for r in body["items"]] == [(pop["id"], "lost")]


async def test_killed_in_mid_command(
    tmp_path: Path, seeded_url: str, asterisk: Instance, phones: Phones
) -> None:
    """A command whose answer died with the service has an end after the restart, and is not done again."""
    port = free_tcp()
    settings = write_settings(tmp_path, seeded_url, port, asterisk)
    await phones.agent("1001", answer_after=0.3)
    order = {"id": "0b7c1d1e-killed-in-mid-command", "command": "hold"}
    async with aiohttp.ClientSession() as http:
        popline = PopLine(f"http://127.0.0.1:{port}", http)
        async with process(settings, port) as first, popline.page("a1001") as page:
            call = await phones.call("1001", number=WANG, hold=None)
            pop = await page.next("pop")
            await page.until("pop_update", lambda m: m["changes"].get("call", {}).get("state") == "talking")
            path = f"/calls/{pop['id']}/commands"
            asked = asyncio.create_task(popline.api("POST", path, user="a1001", body=order))
            await page.until("command", lambda m: m["state"] == "pending")
            first.send_signal(signal.SIGKILL)
            await first.wait()
            with contextlib.suppress(aiohttp.ClientError):
                await asked
        async with process(settings, port), popline.page("a1001") as page:
            (shown,) = page.messages[0]["snapshot"]
            assert shown["id"] == pop["id"]
            status, answer = await popline.api("POST", path, user="a1001", body=order)
            held = shown["control"]["situation"] == "held"
            assert (status, answer.get("state")) == (200, "done") if held else (status == 409), answer
            again = {"id": "0b7c1d1e-the-next-command", "command": "hangup"}
            assert (await popline.api("POST", path, user="a1001", body=again))[1]["state"] == "done"
            assert "bye" in (await call.result()).events
