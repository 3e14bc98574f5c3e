"""Whose device is in the browser, and on which node it registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cti.config import AmiNode, Settings


@dataclass(frozen=True, slots=True)
class BrowserPhone:
    """The phones of one agent: the one in the browser, and those on the table beside it."""

    device: str
    beside: tuple[str, ...]


def browser_phones(settings: Settings) -> Mapping[str, BrowserPhone]:
    """Agent → phone; agents without a device among asterisk.softphones have none."""
    found: dict[str, BrowserPhone] = {}
    for agent in settings.agents:
        devices = agent.devices or (agent.number,)
        ours = [d for d in devices if d in settings.asterisk.softphones]
        if ours:
            beside = tuple(d for d in devices if d != ours[0])
            found[agent.number] = BrowserPhone(ours[0], beside)
    return found


def phone_node(settings: Settings) -> AmiNode | None:
    """The node that browsers register on: softphone.node, else the first with a REST interface."""
    wanted = settings.softphone.node
    nodes = [n for n in settings.ami if n.ari_url and wanted in ("", n.name)]
    return nodes[0] if nodes else None
