"""Tier schemes as files: the six published ones, and an owner's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from cti.domain.tier_files import SchemeFaults, read_scheme
from cti.domain.tiers import Scheme
from cti.errors import ConfigError, UsageError

PRESETS = ("sf", "jingguang", "hubei_ems", "key_account", "yuantong", "abcd")


def load_scheme(
    name: str, files: Iterable[Path] = (), parameters: Mapping[str, float] | None = None
) -> Scheme:
    """The scheme called `name`: from an owner's files first, then of the presets.

    Raises UsageError if there is none, ConfigError with file and line of every fault.
    """
    own = {scheme.name: scheme for scheme in (load_file(file) for file in files)}
    if name in own and not parameters:
        return own[name]
    for file in files:
        if name in own and load_file(file).name == name:
            return load_file(file, parameters)
    if name not in PRESETS:
        raise UsageError(f"unknown tier scheme {name!r}; known: {', '.join((*PRESETS, *own))}")
    if not parameters:
        return _preset(name)
    return _read(_text(name), f"{name}.toml", parameters)


def load_schemes(
    names: Iterable[str], files: Iterable[Path], parameters: Mapping[str, Mapping[str, float]]
) -> list[Scheme]:
    """The schemes of these names, each with an owner's own thresholds; UsageError, ConfigError as above."""
    files = list(files)
    return [load_scheme(name, files, parameters.get(name)) for name in dict.fromkeys(names)]


def load_file(file: Path, parameters: Mapping[str, float] | None = None) -> Scheme:
    """An owner's scheme file; ConfigError with every fault."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{file}: cannot be read: {e}") from e
    return _read(text, str(file), parameters)


@cache
def _preset(name: str) -> Scheme:
    return _read(_text(name), f"{name}.toml", None)


def _text(name: str) -> str:
    return resources.files("cti.tiers_presets").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def _read(text: str, where: str, parameters: Mapping[str, float] | None) -> Scheme:
    try:
        return read_scheme(text, parameters)
    except SchemeFaults as e:
        listed = "\n".join(f"  {where}:{line}: {what}" for line, what in e.faults)
        raise ConfigError(f"{where}: {len(e.faults)} fault(s) in the tier scheme\n{listed}") from e
