"""How an Asterisk is started here: in a jail of mounts as root, directly as anybody else.

As root the instance runs as user ``asterisk`` in a mount namespace of its own (jail.sh). Without root a
program from a foreign root file system is started through that root's own dynamic loader.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asterisk_conf.locate import Installation
from asterisk_conf.plan import Places
from cti.errors import Unavailable

JAIL = Path(__file__).parent / "jail.sh"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}


@dataclass(frozen=True, slots=True)
class Launcher:
    """Commands that start and question one instance in `home`."""

    installation: Installation
    home: Path
    jailed: bool

    @property
    def places(self) -> Places:
        """Paths for the templates: the jail shows the installation at its own paths, the loader does not."""
        found = self.installation
        if self.jailed or not found.foreign:
            return Places(self.home, found.moddir, found.sharedir)
        return Places(
            self.home,
            found.outside(found.moddir) if found.moddir else None,
            found.outside(found.sharedir) if found.sharedir else None,
        )

    def start(self, *, tied: bool) -> list[str]:
        """The command that becomes Asterisk in the foreground (one process, no fork).

        `tied`: the kernel kills it when the thread that started it is gone.
        """
        asterisk = ["-f", "-C", str(self.home / "etc" / "asterisk.conf")]
        if self.jailed:
            return [
                *("unshare", "--mount", "--propagation", "private", "--"),
                *("/bin/sh", str(JAIL), str(self.installation.root), str(self.home), self._user()),
                "KILL" if tied else "",
                str(self.installation.program),
                *asterisk,
            ]
        tie = ["setpriv", "--pdeathsig", "KILL", "--"] if tied and shutil.which("setpriv") else []
        return [*tie, *self._program(), *asterisk]

    def console(self, pid: int, command: str) -> list[str]:
        """The command that asks the running instance `pid` one thing."""
        ask = ["-C", str(self.home / "etc" / "asterisk.conf"), "-rx", command]
        if self.jailed:
            enter = ["nsenter", "--target", str(pid), "--mount", "--root", "--wd=/", "--"]
            return [*enter, str(self.installation.program), *ask]
        return [*self._program(), *ask]

    def _program(self) -> list[str]:
        found = self.installation
        if not found.foreign:
            return [str(found.program)]
        loaders = sorted(found.root.glob("usr/lib*/**/ld-linux*.so.*"))
        if not loaders:
            raise Unavailable(f"{found.root}: holds no dynamic loader")
        libraries = ":".join(
            str(p) for p in (*sorted(found.root.glob("usr/lib/*-linux-gnu*")), found.root / "usr/lib")
        )
        return [str(loaders[0]), "--library-path", libraries, str(found.outside(found.program))]

    def _user(self) -> str:
        if self.installation.foreign:
            return "asterisk"
        try:
            return pwd.getpwnam("asterisk").pw_name
        except KeyError:
            return "nobody"


@cache
def may_jail() -> bool:
    """Root with the right to mount, and the tools for it?"""
    if os.geteuid() != 0 or not all(shutil.which(t) for t in ("unshare", "nsenter", "chroot", "mount")):
        return False
    try:
        probe = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "true"],  # noqa: S607
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def launcher(installation: Installation, home: Path) -> Launcher:
    """The way that this machine and this user allow."""
    return Launcher(installation, home.resolve(), jailed=may_jail())
