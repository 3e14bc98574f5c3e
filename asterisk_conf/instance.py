"""One private Asterisk: up, status, down. Everything of it is in one folder; nothing outlives it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from asterisk_conf.launch import ENVIRONMENT, Launcher, launcher
from asterisk_conf.locate import Installation, locate
from asterisk_conf.plan import Places
from asterisk_conf.render import render
from asterisk_conf.sounds import lay_sounds
from cti.config import Settings
from cti.errors import ConfigError, DeadlineExceeded, Unavailable

FOLDERS = (
    "etc",
    "var/cache",
    "var/keys",
    "log",
    "run",
    "spool/monitor",
    "spool/tmp",
    "spool/outgoing",
    "spool/recording",
    "data/sounds/laidian",
    "data/moh",
    "data/agi-bin",
)


@dataclass(frozen=True, slots=True)
class Status:
    """What `laidian asterisk status` prints. Counts are None while it is down."""

    running: bool
    directory: str
    pid: int | None = None
    version: str = ""
    uptime_s: int | None = None
    channels: int | None = None
    registrations: tuple[str, ...] = ()
    sip: str = ""
    ami: str = ""
    jailed: bool | None = None


class Instance:
    """The private Asterisk of these settings. No process is started before `up`."""

    def __init__(self, settings: Settings, installation: Installation | None = None) -> None:
        self.settings = settings
        self.home = settings.asterisk.directory.resolve()
        self._installation = installation
        self._launcher: Launcher | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # ---- paths others need -------------------------------------------------------------------

    @property
    def recordings(self) -> Path:
        """Where both legs of a talk are written."""
        return self.home / "spool" / "monitor"

    @property
    def sounds(self) -> Path:
        """WAVs here are played as ``laidian/NAME``."""
        return self.home / "data" / "sounds" / "laidian"

    @property
    def logs(self) -> Path:
        """Folder of messages.log and queue_log."""
        return self.home / "log"

    # ---- up, down, status --------------------------------------------------------------------

    def up(self, *, tied: bool = False, deadline_s: float = 30.0) -> Status:
        """Start it and wait until it is fully booted; says the status at once if it already is.

        `tied` ends it with the thread that called (tests). Raises ConfigError for settings that cannot be
        rendered or ports that are taken, Unavailable when there is no Asterisk or it ends at once,
        DeadlineExceeded when it is not ready in time (it is stopped then).
        """
        with self._locked():
            if self.pid() is not None:
                return self.status()
            self._check_path()
            self._check_ports()
            self.render()
            with self._console_log.open("ab") as console:
                self._process = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
                    self._way().start(tied=tied),
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    env=ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
            pid = self._process.pid
            self._state.write_text(json.dumps({"pid": pid, "started": _started(pid)}))
            try:
                self._await_boot(deadline_s)
            except BaseException:
                self._stop(grace_s=0.0)
                raise
        return self.status()

    def down(self, *, grace_s: float = 5.0) -> bool:
        """Stop it: politely, then by SIGKILL after `grace_s`. False when it was not running."""
        if not self.home.exists():
            return False
        with self._locked():
            return self._stop(grace_s)

    def status(self) -> Status:
        """How it is."""
        pid = self.pid()
        if pid is None:
            return Status(running=False, directory=str(self.home))
        asterisk = self.settings.asterisk
        uptime = re.search(r"System uptime: (\d+)", self.console("core show uptime seconds"))
        channels = re.search(r"^(\d+) active channel", self.console("core show channels count"), re.MULTILINE)
        contacts = re.findall(
            r"^\s*Contact:\s+([^/\s<]+)/", self.console("pjsip show contacts"), re.MULTILINE
        )
        return Status(
            running=True,
            directory=str(self.home),
            pid=pid,
            version=self.console("core show version").partition(" built")[0].strip(),
            uptime_s=int(uptime[1]) if uptime else None,
            channels=int(channels[1]) if channels else None,
            registrations=tuple(sorted(set(contacts) - {"trunk"})),
            sip=f"{asterisk.bind}:{asterisk.sip_port}",
            ami=f"{asterisk.ami_bind}:{asterisk.ami_port}",
            jailed=self._way().jailed,
        )

    def pid(self) -> int | None:
        """The running process, or None; a file left by one that is gone is seen through."""
        try:
            state = json.loads(self._state.read_text())
            pid, started = int(state["pid"]), int(state["started"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if self._process is not None and self._process.pid == pid and self._process.poll() is not None:
            return None
        return pid if _started(pid) == started else None

    def console(self, command: str, *, timeout_s: float = 10.0) -> str:
        """What Asterisk's own console answers to one command.

        Raises Unavailable when it is not running, DeadlineExceeded when it does not answer.
        """
        pid = self.pid()
        if pid is None:
            raise Unavailable(f"the Asterisk in {self.home} is not running (laidian asterisk up)")
        try:
            run = subprocess.run(  # noqa: S603
                self._way().console(pid, command),
                capture_output=True,
                text=True,
                errors="replace",
                env=ENVIRONMENT,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as e:
            raise DeadlineExceeded(
                f"Asterisk's console gave no answer to {command!r} in {timeout_s:g} s"
            ) from e
        if run.returncode != 0:
            raise Unavailable((run.stdout + run.stderr).strip() or "Asterisk's console is not there")
        return run.stdout

    def render(self) -> Path:
        """Write every file under etc/ (readable by its owner only) and the folders beside it."""
        way = self._way()
        for folder in FOLDERS:
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        etc = _write(render(self.settings, way.places), self.home / "etc")
        lay_sounds(self.home / "data", way, self.settings.asterisk.sounds)
        return etc

    def render_to(self, folder: Path) -> Path:
        """Write the files alone, for an Asterisk that somebody else runs; needs none here."""
        return _write(render(self.settings, Places(self.home)), folder)

    # ---- inside ------------------------------------------------------------------------------

    @property
    def _state(self) -> Path:
        return self.home / "laidian.json"

    @property
    def _console_log(self) -> Path:
        # not in log/, which belongs to the user that Asterisk runs as
        return self.home / "console.log"

    def _way(self) -> Launcher:
        if self._launcher is None:
            self._launcher = launcher(self._installation or locate(), self.home)
        return self._launcher

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "laidian.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _check_path(self) -> None:
        # unix(7): sun_path holds 107 bytes and a zero
        if len(os.fsencode(self.home / "run" / "asterisk.ctl")) > 107:
            raise ConfigError(f"asterisk.directory: the path is too long for a control socket: {self.home}")

    def _check_ports(self) -> None:
        asterisk = self.settings.asterisk
        wanted = [
            ("asterisk.sip_port", asterisk.bind, asterisk.sip_port, socket.SOCK_DGRAM),
            ("asterisk.ami_port", asterisk.ami_bind, asterisk.ami_port, socket.SOCK_STREAM),
        ]
        if asterisk.softphones or asterisk.ari_username:
            wanted.append(("asterisk.http_port", asterisk.ami_bind, asterisk.http_port, socket.SOCK_STREAM))
        for key, host, port, kind in wanted:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, kind) as probe:
                if kind == socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as e:
                    raise ConfigError(f"{key}: {host}:{port} cannot be used: {e.strerror}") from e

    def _await_boot(self, deadline_s: float) -> None:
        end = time.monotonic() + deadline_s
        control = self.home / "run" / "asterisk.ctl"
        while time.monotonic() < end:
            if self._process is not None and self._process.poll() is not None:
                raise Unavailable(f"Asterisk ended at once: {self._last_words()}")
            if control.exists():
                with contextlib.suppress(Unavailable, DeadlineExceeded):
                    self.console("core waitfullybooted", timeout_s=max(end - time.monotonic(), 0.1))
                    return
            time.sleep(0.05)
        raise DeadlineExceeded(f"Asterisk was not ready after {deadline_s:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        lines: list[str] = []
        for file in (self._console_log, self.logs / "messages.log"):
            with contextlib.suppress(OSError):
                lines += file.read_text(errors="replace").strip().splitlines()[-3:]
        return " | ".join(lines) or "it left no log"

    def _stop(self, grace_s: float) -> bool:
        pid = self.pid()
        if pid is not None and grace_s > 0:
            with contextlib.suppress(Unavailable, DeadlineExceeded):
                self.console("core stop now", timeout_s=grace_s)
            self._wait_gone(pid, grace_s)
        if self.pid() is not None and pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._wait_gone(pid, 5.0)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5.0)
        for file in (self._state, self.home / "run" / "asterisk.ctl", self.home / "run" / "asterisk.pid"):
            file.unlink(missing_ok=True)
        return pid is not None

    def _wait_gone(self, pid: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.pid() == pid and time.monotonic() < end:
            time.sleep(0.02)


def _write(files: Mapping[str, str], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        target = folder / name
        target.touch(mode=0o640)
        target.chmod(0o640)
        target.write_text(text, encoding="utf-8")
    return folder


def _started(pid: int) -> int:
    """Start time of a live process in clock ticks since boot (proc(5), stat field 22); 0 when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])
