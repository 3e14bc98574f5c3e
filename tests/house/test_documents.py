"""The documents say what the code does: settings, protocol, commands, change log."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import get_args

import pytest

from cti import __version__
from cti.__main__ import parser
from cti.commands.settings import keys, markdown
from cti.config import Settings
from screenpop import wall_wire, wire, wire_live
from screenpop.phone import wire as phone_wire

ROOT = Path(__file__).resolve().parents[2]
TRACKED_TEXT = (".py", ".md", ".yaml", ".yml", ".toml", ".ts", ".vue", ".j2", ".txt", ".json", ".mjs", ".sh")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_settings_reference_is_what_the_code_knows() -> None:
    """docs/settings.md is exactly what ``laidian settings --markdown`` prints."""
    assert _text("docs/settings.md") == markdown(list(keys(Settings)))


def test_every_setting_has_a_meaning() -> None:
    """No key is left unexplained."""
    assert [row["key"] for row in keys(Settings) if not row["meaning"]] == []


CLOSE_CODES = wire.CLOSE_CODES | phone_wire.CLOSE_CODES


@pytest.mark.parametrize("code", CLOSE_CODES)
def test_close_codes_are_documented(code: int) -> None:
    """Each close code stands in docs/protocol.md with the words of the code."""
    assert f"| {int(code)} | {CLOSE_CODES[code]} |" in _text("docs/protocol.md")


def _message_types() -> list[str]:
    modules = (wire, wire_live, wall_wire, phone_wire)
    named = [value for module in modules for value in vars(module).values()]
    models = [m for m in named if isinstance(m, type) and issubclass(m, wire.BaseModel)]
    return sorted(
        {get_args(m.model_fields["type"].annotation)[0] for m in models if "type" in m.model_fields}
    )


@pytest.mark.parametrize("kind", _message_types())
def test_messages_are_documented(kind: str) -> None:
    """Each message of the socket stands in docs/protocol.md."""
    assert f"`{kind}`" in _text("docs/protocol.md")


@pytest.mark.parametrize("reason", get_args(wire.CloseReason))
def test_close_reasons_are_documented(reason: str) -> None:
    """Each reason of pop_close stands in docs/protocol.md."""
    assert f"`{reason}`" in _text("docs/protocol.md")


def _commands() -> dict[str, str]:
    found = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return {action.dest: action.help or "" for action in found._choices_actions}


@pytest.mark.parametrize("command", _commands())
def test_commands_are_in_the_readme_and_explain_themselves(command: str) -> None:
    """Each command stands in the README, and ``laidian --help`` explains it."""
    assert f"laidian {command}" in _text("README.md")
    assert len(_commands()[command]) > 10


def test_change_log_knows_the_version() -> None:
    """The change log has a part for this version or for what comes next."""
    assert re.search(rf"^## \[({re.escape(__version__)}|Unreleased)\]", _text("CHANGELOG.md"), re.MULTILINE)


def test_lock_file_is_hashed_and_names_no_address() -> None:
    """Dependencies are pinned with hashes and say nothing of where they were fetched."""
    lock = _text("requirements/lock.txt")
    assert "://" not in lock
    pins = re.findall(r"^([A-Za-z0-9_.\[\]-]+)==", lock, re.MULTILINE)
    assert len(pins) > 40
    assert lock.count("--hash=sha256:") >= len(pins)


def test_state_diagrams_are_drawn_from_the_tables() -> None:
    """docs/states.md shows the tables as they are now."""
    from cti.ami.states import diagrams
    from cti.domain import complaint, outreach, review

    assert diagrams() in _text("docs/states.md")
    for table in (review, complaint, outreach):
        assert f"```mermaid\n{table.diagram()}```\n" in _text("docs/states.md")
