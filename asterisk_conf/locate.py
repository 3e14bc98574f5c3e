"""Find an Asterisk: one on PATH, else a small root file system of our own with Debian's package in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cti.errors import Unavailable
from cti.obs import get_logger

log = get_logger(__name__)

MINIMUM = 20  # the oldest major version whose files and events these are; 22 is what is tested
SUITES = ("forky", "sid")
PACKAGES = ("asterisk", "asterisk-core-sounds-en-wav")
BUILD_DEADLINE_S = 900.0


@dataclass(frozen=True, slots=True)
class Installation:
    """Where an Asterisk is. `root` is "/" for one of this machine, else the root file system it lives in.

    `program` and the folders are as seen from inside `root`.
    """

    root: Path
    program: Path
    moddir: Path | None
    sharedir: Path | None

    @property
    def foreign(self) -> bool:
        """Is it in a root file system of its own?"""
        return self.root != Path("/")

    def outside(self, path: Path) -> Path:
        """A path inside the root as this machine sees it."""
        return self.root / path.relative_to("/")


def cache_root() -> Path:
    """Where the root file system is kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "laidian" / "asterisk-root"


def locate(*, build: bool = True) -> Installation:
    """An Asterisk that can be run here; with `build`, one is put together (about half a minute) if need be.

    Raises Unavailable with what to install.
    """
    program = shutil.which("asterisk", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program and _major(program) >= MINIMUM:
        return _survey(Path("/"), Path(program).resolve())
    root = cache_root()
    if not _complete(root):
        if not build:
            raise Unavailable(f"no Asterisk {MINIMUM} or newer on PATH and none in {root}")
        _build(root)
    return _survey(root, Path("/usr/sbin/asterisk"))


def _major(program: str) -> int:
    try:
        run = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.match(r"Asterisk (?:certified/)?(?:GIT-)?(\d+)", run.stdout)
    return int(match[1]) if match else 0


def _survey(root: Path, program: Path) -> Installation:
    def first(patterns: tuple[str, ...], probe: str) -> Path | None:
        for pattern in patterns:
            for folder in sorted(root.glob(pattern)):
                if (folder / probe).exists():
                    return Path("/") / folder.relative_to(root)
        return None

    return Installation(
        root=root,
        program=program,
        moddir=first(
            ("usr/lib/*/asterisk/modules", "usr/lib*/asterisk/modules", "usr/local/lib*/asterisk/modules"),
            "chan_pjsip.so",
        ),
        sharedir=first(
            ("usr/share/asterisk", "var/lib/asterisk", "usr/local/share/asterisk"),
            "documentation/core-en_US.xml",
        ),
    )


def _complete(root: Path) -> bool:
    return (root / "usr/sbin/asterisk").exists()


def _build(root: Path) -> None:
    """Make the root file system beside its place and move it there, one builder at a time."""
    missing = "no Asterisk was found on PATH; install Asterisk 22"
    if os.geteuid() != 0:
        raise Unavailable(f"{missing} (as root with mmdebstrap this command would put one together itself)")
    tool = shutil.which("mmdebstrap")
    if tool is None:
        raise Unavailable(f"{missing}, or: apt-get install mmdebstrap (then one is put together from Debian)")
    mirror = debian_mirror()
    if mirror is None:
        raise Unavailable(f"{missing} (this machine's apt sources name no Debian mirror to take it from)")
    root.parent.mkdir(parents=True, exist_ok=True)
    with _lock(root.parent / "asterisk-root.lock"):
        if _complete(root):  # somebody else was quicker
            return
        log.info("asterisk_build", root=str(root))
        faults = []
        for suite in SUITES:
            work = Path(tempfile.mkdtemp(prefix="asterisk-root.", dir=root.parent))
            fault = _bootstrap(tool, suite, work, mirror)
            if fault is None:
                shutil.rmtree(root, ignore_errors=True)  # a half one from before
                work.rename(root)
                return
            shutil.rmtree(work, ignore_errors=True)
            faults.append(f"{suite}: {fault}")
    raise Unavailable(f"{missing} (putting one together from Debian failed: {'; '.join(faults)})")


def _bootstrap(tool: str, suite: str, target: Path, mirror: str) -> str | None:
    """Run mmdebstrap; None, or its last words."""
    command = [
        tool,
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        suite,
        str(target),
        mirror,
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_DEADLINE_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"not done after {BUILD_DEADLINE_S:.0f} s"
    if run.returncode != 0:
        return (run.stderr.strip().splitlines() or ["no reason given"])[-1]
    target.chmod(0o755)
    return None if _complete(target) else "the package holds no /usr/sbin/asterisk"


def debian_mirror(sources: Path = Path("/etc/apt")) -> str | None:
    """The address of the main Debian archive in the machine's own apt sources."""
    files = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    for file in files:
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        for line in file.read_text(errors="replace").splitlines():
            match = re.match(r"\s*(?:deb\s+(?:\[[^]]*\]\s*)?|URIs:\s*)(\S+)", line)
            if match and re.search(r"/debian/?$", match[1]):
                return match[1]
    return None


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
