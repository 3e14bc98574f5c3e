"""The house keeps its shape: imports point down only, and each library has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cti", "agi_scripts", "ivr_flows", "screenpop", "asterisk_conf")

# From the top of the house to the ground; a room may use its own floor and any below it.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("cti.__main__", "cti.commands", "cti.demo"),
    ("screenpop", "agi_scripts"),
    ("ivr_flows", "asterisk_conf"),
    ("cti.ami", "cti.ari", "cti.store", "cti.speech", "cti.quality", "cti.waybills"),
    ("cti.collector", "cti.config", "cti.obs", "cti.places", "cti.schemes", "cti.tiers_presets"),
    ("cti.domain",),
    ("cti.errors", "cti"),
)
DOORS = {
    "asterisk.manager": "cti/ami/pyst.py",
    "asterisk.agi": "agi_scripts/session.py",
    "vosk": "cti/speech/vosk_engine.py",
    "faster_whisper": "cti/speech/whisper_engine.py",
}
# the rooms that must not even be able to touch a socket, a clock or a loop
PURE = ("cti/domain", "cti/quality", "cti/ami/wire.py", "cti/ami/tracker.py", "agi_scripts/wire.py")
IMPURE = {"socket", "asyncio", "time", "threading", "subprocess", "aiohttp", "sqlalchemy", "requests"}


def _sources() -> list[Path]:
    return sorted(f for p in PACKAGES for f in (ROOT / p).rglob("*.py") if "node_modules" not in f.parts)


def _module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: Path) -> Iterator[tuple[str, int]]:
    package = _module(file) if file.name == "__init__.py" else _module(file).rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, *([base] if base else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno


def _floor(module: str) -> int | None:
    best: tuple[int, int] | None = None
    for level, rooms in enumerate(FLOORS):
        for room in rooms:
            if (module == room or module.startswith(room + ".")) and (best is None or len(room) > best[0]):
                best = (len(room), level)
    return None if best is None else best[1]


@pytest.mark.parametrize("file", _sources(), ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_point_down(file: Path) -> None:
    """A module imports from its own floor or below, never from above."""
    own = _floor(_module(file))
    upward = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for name, line in _imports(file)
        if (floor := _floor(name)) is not None and own is not None and floor < own
    ]
    assert not upward


def test_every_module_has_a_floor() -> None:
    """No module of the product stands outside the order of the house."""
    assert [m for m in map(_module, _sources()) if m != "cti" and _floor(m) in (None, len(FLOORS) - 1)] == [
        "cti.errors"
    ]


@pytest.mark.parametrize(("library", "door"), DOORS.items())
def test_one_door_per_library(library: str, door: str) -> None:
    """A third-party library with surprises is imported in one file only."""
    users = {
        str(f.relative_to(ROOT))
        for f in _sources()
        for name, _ in _imports(f)
        if name == library or name.startswith(library + ".")
    }
    assert users <= {door}


@pytest.mark.parametrize(
    "file",
    [f for f in _sources() if any(str(f.relative_to(ROOT)).startswith(p) for p in PURE)],
    ids=lambda f: str(f.relative_to(ROOT)),
)
def test_pure_rooms_stay_pure(file: Path) -> None:
    """Domain, rules and wire parsers import no socket, loop, clock or database."""
    assert not {n for n, _ in _imports(file) if n.split(".")[0] in IMPURE}
