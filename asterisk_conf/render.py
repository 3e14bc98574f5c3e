"""Fill the templates. Every value passes one door, which refuses what could end a line or begin code."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import SecretStr

from asterisk_conf.door import Door, text_of
from asterisk_conf.plan import Places, plan
from cti.config import Settings
from cti.errors import ConfigError

TEMPLATES = Path(__file__).parent / "templates"
DIALPLAN_FILES = frozenset({"extensions.conf.j2", "queues.conf.j2"})  # their values are code


def render(settings: Settings, places: Places) -> dict[str, str]:
    """File name → text of every file under etc/. Raises ConfigError with every value that is refused."""
    context = plan(settings, places)
    door = Door()
    plain, dialplan = _environment(door, door.plain), _environment(door, door.dialplan)
    files = {}
    for template in sorted(TEMPLATES.glob("*.conf.j2")):
        environment = dialplan if template.name in DIALPLAN_FILES else plain
        files[template.stem] = environment.get_template(template.name).render(context)
    faults = [*_addresses(settings), *_explained(door, settings)]
    if faults:
        lines = "\n".join(f"  {fault}" for fault in dict.fromkeys(faults))
        raise ConfigError(f"settings cannot be put into Asterisk's files:\n{lines}")
    return files


def _environment(door: Door, finalize: Callable[[Any], str]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - not HTML: the door refuses instead of escaping
    )
    environment.filters["section"] = door.section
    return environment


def _explained(door: Door, settings: Settings) -> Iterator[str]:
    """Each refused value under the key, or keys, that hold it; a secret is not shown."""
    held: dict[str, list[str]] = {}
    secrets: set[str] = set()

    def walk(key: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{key}.{name}" if key else name, inner)
        elif isinstance(value, (list, tuple)):
            for number, inner in enumerate(value):
                walk(f"{key}[{number}]", inner)
        elif isinstance(value, (str, SecretStr, Path)):
            held.setdefault(text_of(value), []).append(key)
            if isinstance(value, SecretStr):
                secrets.add(text_of(value))

    walk("", settings.model_dump())
    for value, why in door.refused.items():
        keys = ", ".join(held.get(value, ["a path or name"]))
        yield f"{keys}: {why}: {'(a secret)' if value in secrets else _short(value)}"


def _addresses(settings: Settings) -> Iterator[str]:
    asterisk = settings.asterisk
    checks: list[tuple[str, str, Callable[[str], object]]] = [
        ("asterisk.bind", asterisk.bind, ipaddress.ip_address),
        ("asterisk.ami_bind", asterisk.ami_bind, ipaddress.ip_address),
        *(("asterisk.trunk_match", v, ipaddress.ip_network) for v in asterisk.trunk_match),
        *(("asterisk.ami_permit", v, ipaddress.ip_network) for v in asterisk.ami_permit),
    ]
    for key, value, parse in checks:
        try:
            parse(value)
        except ValueError:
            yield f"{key}: not an IP address or network: {_short(value)}"
    contact = asterisk.trunk_contact
    if contact and not re.fullmatch(r"sips?:[\w.@:;=-]+", contact, re.ASCII):
        yield f"asterisk.trunk_contact: not a SIP address: {_short(contact)}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
