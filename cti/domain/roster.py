"""Which device belongs to which agent.

Asterisk speaks of interfaces (``PJSIP/1001``) and channels (``PJSIP/1001-0000002a``); people and pops
are per agent, however many devices an agent has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def interface_of(channel: str) -> str:
    """The interface part of a channel name: ``PJSIP/1001-0000002a`` → ``PJSIP/1001``.

    Local channels lose context, flags and the half: ``Local/1001@agents-00000001;2`` → ``Local/1001@agents``.
    """
    name = channel.partition(";")[0]
    head, dash, tail = name.rpartition("-")
    if dash and len(tail) == 8 and all(c in "0123456789abcdef" for c in tail):
        name = head
    return name.removesuffix("/n")


@dataclass(frozen=True, slots=True)
class Roster:
    """Interface → agent number, from the settings (``[[agents]] devices``)."""

    interfaces: Mapping[str, str]

    def agent_of(self, channel_or_interface: str) -> str:
        """The agent of a device, or "" when it is nobody's."""
        return self.interfaces.get(interface_of(channel_or_interface), "")
