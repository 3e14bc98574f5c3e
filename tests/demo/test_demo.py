"""``laidian demo`` as a newcomer runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# both prefer the well-known ports: one after the other
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("demo")]
WELCOME_S = 60.0


@contextmanager
def _demo(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo as a process of its own, and the address that it printed."""
    command = [sys.executable, "-m", "cti", "demo", "--folder", str(folder), "--pace", "2", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            yield process, _address(process)
        finally:
            if process.poll() is None:
                process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    said = []
    for line in process.stdout or ():
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            return found[0]
    raise AssertionError("the demo printed no address: " + "".join(said))


def _sign_in(address: str, username: str) -> dict[str, object]:
    body = json.dumps({"username": username, "password": "laidian-demo"}).encode()
    request = urllib.request.Request(
        address + "api/v1/login", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def _get(address: str, path: str, token: str) -> Any:
    request = urllib.request.Request(address + "api/v1/" + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _pops(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(f"file:{folder}/laidian.db?mode=ro", uri=True, timeout=10) as conn:
        return conn.execute("SELECT agent, outcome FROM pops WHERE node <> 'synthetic'").fetchall()


def _until_pops(folder: Path, count: int) -> None:
    end = time.monotonic() + WELCOME_S
    while len(_pops(folder)) < count:
        assert time.monotonic() < end, "no call made a pop"
        time.sleep(0.5)


def _stopped(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=40) == 0
    # not communicate(): it reads past the lines that iterating has already buffered
    return process.stdout.read() if process.stdout else ""


@pytest.mark.asterisk
@pytest.mark.usefixtures("asterisk")
def test_the_demo_rings_real_phones_until_ctrl_c(tmp_path: Path) -> None:
    """Asterisk, service, agents and callers run, the printed sign-ins work, and Ctrl-C ends it all."""
    with _demo(tmp_path) as (process, address):
        for username in ("1001", "supervisor", "qa_lead", "admin"):
            assert _sign_in(address, username)["token"]
        _until_pops(tmp_path, 3)
        assert "stopped" in _stopped(process)
    home = str(tmp_path / "asterisk")
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if home in _read(p)]


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def test_without_asterisk_the_demo_plays_recorded_calls(tmp_path: Path) -> None:
    """Where no Asterisk can be had, recorded traces make pops through the same service, and it says so."""
    with _demo(tmp_path, "--no-asterisk") as (process, address):
        signed_in = _sign_in(address, "1001")
        assert signed_in["agent"] == "1001"
        # a call of this morning, in which the agent gave commands
        recent = _get(address, "pops", str(signed_in["token"]))
        assert any(pop["call"]["node"] == "synthetic" for pop in recent["items"])
        _until_pops(tmp_path, 2)
        assert "recorded traces" in _stopped(process)
