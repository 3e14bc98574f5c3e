"""The private Asterisk: it loads what is rendered, keeps to itself, and leaves nothing behind."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from asterisk_conf.instance import Instance
from asterisk_conf.locate import debian_mirror
from cti.errors import ConfigError, Unavailable
from tests.plugins.ami_tap import Tap
from tests.plugins.asterisk import asterisk_settings

pytestmark = pytest.mark.asterisk
EVERYTHING = {
    "asterisk": {
        "trunk_contact": "sip:127.0.0.1:5090",
        "softphones": ["1006"],
        "ari_username": "ari",
        "ari_secret": "ari-secret",
    },
    "agi": {"enabled": True},
    "recording": {"enabled": True, "consent_prompt": "consent"},
}


def complaints(instance: Instance) -> list[str]:
    log = (instance.logs / "messages.log").read_text(errors="replace")
    return [line for line in log.splitlines() if re.search(r"\b(WARNING|ERROR)\b", line)]


@pytest.mark.parametrize("overrides", [{}, EVERYTHING], ids=["plain", "everything"])
def test_asterisk_loads_every_file_without_complaint(
    start_asterisk: Callable[..., Instance], overrides: dict[str, object]
) -> None:
    """No warning or error at the start, every listed module runs, every queue and endpoint is there."""
    instance = start_asterisk(**overrides)
    assert complaints(instance) == []
    listed = re.findall(r"^load = (\S+)", (instance.home / "etc/modules.conf").read_text(), re.MULTILINE)
    running = set(re.findall(r"^(\S+\.so) .*Running", instance.console("module show"), re.MULTILINE))
    assert set(listed) == running
    for queue in instance.settings.queues:
        assert re.search(rf"^{queue.name} has 0 calls", instance.console("queue show"), re.MULTILINE)
    endpoints = re.findall(r"^ Endpoint:  (\w+)", instance.console("pjsip show endpoints"), re.MULTILINE)
    assert sorted(set(endpoints)) == ["1001", "1002", "1003", "1004a", "1004b", "1005", "1006", "trunk"]
    assert "feature" in instance.console("features show").lower()
    assert "hotline" in instance.console("dialplan show from-trunk")


def test_it_serves_on_loopback_only(asterisk: Instance) -> None:
    """SIP and AMI are bound to 127.0.0.1; PJSIP's two resolver sockets, which are not, answer nobody."""
    connections = psutil.Process(asterisk.pid()).net_connections("inet")
    loopback = {c.laddr.port for c in connections if c.laddr.ip == "127.0.0.1"}
    assert {asterisk.settings.asterisk.sip_port, asterisk.settings.asterisk.ami_port} <= loopback
    others = [c for c in connections if c.laddr.ip != "127.0.0.1"]
    assert all(c.type == socket.SOCK_DGRAM for c in others)
    options = (
        "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bKtest\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: test\r\nCSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    )

    def answers(port: int) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            probe.settimeout(0.5)
            probe.sendto(options.format(port=probe.getsockname()[1]).encode(), ("127.0.0.1", port))
            try:
                return probe.recv(2000).startswith(b"SIP/2.0")
            except OSError:
                return False

    assert answers(asterisk.settings.asterisk.sip_port)
    assert not any(answers(c.laddr.port) for c in others)


def test_it_runs_without_rights(asterisk: Instance) -> None:
    """Not as root, without capabilities, and unable to change its own configuration."""
    if os.geteuid() != 0:
        pytest.skip("not root: it runs as whoever started it")
    status = Path(f"/proc/{asterisk.pid()}/status").read_text()
    uids = re.search(r"^Uid:\s+(\d+)\s+(\d+)", status, re.MULTILINE)
    assert uids is not None
    assert uids[2] != "0"
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    for path in (asterisk.home / "etc").glob("*.conf"):
        assert path.stat().st_uid == 0
        assert path.stat().st_mode & 0o037 == 0


async def test_the_manager_user_has_least_rights(asterisk: Instance, tap: Tap) -> None:
    """Listing, pausing and calls are allowed; console, files, configuration and shell are refused."""
    assert tap.login["Response"] == "Success"
    for action, headers in (
        ("CoreShowChannels", {}),
        ("QueueStatus", {}),
        ("QueuePause", {"Interface": "PJSIP/1001", "Paused": "false"}),
        ("Ping", {}),
    ):
        assert (await tap.action(action, **headers))["Response"] == "Success", action
    for action, headers in (
        ("Command", {"Command": "core show uptime"}),
        ("GetConfig", {"Filename": "manager.conf"}),
        ("UpdateConfig", {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"}),
        ("ModuleLoad", {"LoadType": "reload"}),
        ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
        ("Originate", {"Channel": "Local/1001@agents", "Application": "System", "Data": "id"}),
    ):
        answer = await tap.action(action, **headers)
        assert answer["Response"] == "Error", action
        assert re.search("[Pp]ermission denied|Forbidden", answer["Message"]), answer


async def test_a_wrong_manager_secret_is_refused(asterisk: Instance) -> None:
    """Nobody gets in with another secret."""
    async with Tap(asterisk, secret="wrong") as tap:
        assert tap.login["Response"] == "Error"


async def test_events_carry_the_time_of_the_pbx(tap: Tap) -> None:
    """Every event has a Timestamp, from which ring-to-pop is measured."""
    await tap.action("UserEvent", UserEvent="LaidianTest")
    event = await tap.event("UserEvent")
    assert abs(float(event["Timestamp"]) - time.time()) < 60


def test_up_down_up_leaves_nothing_behind(start_asterisk: Callable[..., Instance]) -> None:
    """After down there is no process, mount, control socket or taken port, and up works again."""
    instance = start_asterisk()
    first = instance.pid()
    assert first is not None
    assert instance.up().pid == first  # a second up is no second Asterisk
    assert instance.down()
    assert not psutil.pid_exists(first)
    assert str(instance.home) not in Path("/proc/mounts").read_text()
    assert [p.name for p in (instance.home / "run").iterdir()] in ([], ["jail"])
    assert not any((instance.home / "run").rglob("*.ctl"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", instance.settings.asterisk.sip_port))
    assert not instance.status().running
    assert not instance.down()
    assert instance.up(tied=True).running
    assert instance.pid() != first


def test_one_that_was_killed_is_not_taken_for_running(start_asterisk: Callable[..., Instance]) -> None:
    """After SIGKILL the files it left are seen through: status says down, and up starts a new one."""
    instance = start_asterisk()
    pid = instance.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    other = Instance(instance.settings)
    assert not other.status().running
    with pytest.raises(Unavailable, match="not running"):
        other.console("core show uptime")
    assert instance.up(tied=True).running


def test_a_foreign_pid_is_not_touched(start_asterisk: Callable[..., Instance], tmp_path: Path) -> None:
    """A state file that names some other living process neither counts as running nor kills it."""
    instance = Instance(asterisk_settings(tmp_path / "asterisk"))
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "asterisk").mkdir()
        (tmp_path / "asterisk/laidian.json").write_text(json.dumps({"pid": bystander.pid, "started": 1}))
        assert not instance.status().running
        assert not instance.down()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_two_run_at_once(asterisk: Instance, start_asterisk: Callable[..., Instance]) -> None:
    """A second instance beside the first has its own process, folder and ports."""
    second = start_asterisk()
    assert asterisk.status().running
    assert second.status().running
    assert second.pid() != asterisk.pid()
    assert second.down()
    assert asterisk.status().running


def test_a_port_that_is_taken_is_named(asterisk_here: None, tmp_path: Path) -> None:
    """Starting on a used port says which setting to change instead of half a start."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        instance = Instance(asterisk_settings(tmp_path, asterisk={"ami_port": taken.getsockname()[1]}))
        with pytest.raises(ConfigError, match=r"asterisk\.ami_port"):
            instance.up()
        assert not instance.status().running


def test_a_folder_too_deep_for_the_control_socket_is_named(asterisk_here: None, tmp_path: Path) -> None:
    """A path that no unix socket can have is refused before anything is started."""
    with pytest.raises(ConfigError, match=r"asterisk\.directory"):
        Instance(asterisk_settings(tmp_path / ("x" * 100))).up()


def test_it_ends_with_its_starter_when_tied(asterisk_here: None, tmp_path: Path) -> None:
    """A test process that is killed takes its Asterisk with it."""
    settings = asterisk_settings(tmp_path / "asterisk")
    values = settings.model_dump(mode="json")
    values["asterisk"]["ami_secret"] = values["asterisk"]["device_secret"] = "secret"
    program = (
        "import json, sys, time\n"
        "from asterisk_conf.instance import Instance\n"
        "from cti.config import Settings\n"
        "print(Instance(Settings(**json.loads(sys.argv[1]))).up(tied=True).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(values)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    asterisk = psutil.Process(pid)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    asterisk.wait(10)
    assert not psutil.pid_exists(pid)


def test_it_runs_without_a_jail_too(asterisk_here: None, tmp_path: Path) -> None:
    """Where nothing may be mounted (not root) the same files run with the program started directly."""
    instance = Instance(asterisk_settings(tmp_path))
    instance._launcher = dataclasses.replace(instance._way(), jailed=False)
    try:
        assert instance.up(tied=True).jailed is False
        assert complaints(instance) == []
        assert "hotline" in instance.console("queue show")
    finally:
        instance.down()


def test_the_command_line(asterisk_here: None, tmp_path: Path) -> None:
    """render, up, status and down answer in JSON; status says by its exit code that it is down."""
    settings = asterisk_settings(tmp_path / "asterisk").asterisk
    (tmp_path / "laidian.toml").write_text(
        f'[asterisk]\ndirectory = "{tmp_path}/asterisk"\nsip_port = {settings.sip_port}\n'
        f'ami_port = {settings.ami_port}\nami_secret = "a"\n'
    )

    def laidian(*arguments: str) -> tuple[int, dict[str, object]]:
        run = subprocess.run(
            [sys.executable, "-m", "cti", "asterisk", *arguments, "--json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert run.stdout, run.stderr
        return run.returncode, json.loads(run.stdout)

    code, rendered = laidian("render")
    assert code == 0
    assert "extensions.conf" in str(rendered["files"])
    try:
        code, up = laidian("up")
        assert (code, up["running"]) == (0, True)
        code, status = laidian("status")
        assert (code, status["pid"], status["channels"]) == (0, up["pid"], 0)
    finally:
        code, down = laidian("down")
    assert (code, down["stopped"]) == (0, True)
    code, status = laidian("status")
    assert (code, status["running"]) == (3, False)
    assert laidian("down") == (0, {"stopped": False, "directory": str(tmp_path / "asterisk")})


def test_the_mirror_is_read_from_the_machines_own_sources(tmp_path: Path) -> None:
    """The archive's address is found in both forms of apt sources, others are passed over."""
    assert debian_mirror(tmp_path) is None
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/other.list").write_text(
        "deb [signed-by=/k] http://other.test/apt stable main\n"
    )
    assert debian_mirror(tmp_path) is None
    (tmp_path / "sources.list.d/debian.sources").write_text(
        "Types: deb\nURIs: http://mirror.test/debian-security\n\nTypes: deb\nURIs: http://mirror.test/debian\n"
    )
    assert debian_mirror(tmp_path) == "http://mirror.test/debian"
    (tmp_path / "sources.list").write_text(
        "# deb http://no.test/debian\ndeb [arch=amd64] http://list.test/debian/ x main\n"
    )
    assert debian_mirror(tmp_path) == "http://list.test/debian/"
