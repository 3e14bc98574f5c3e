"""How a plan reaches the PBX: what prepares the move, the move, what follows it."""

from __future__ import annotations

import asyncio

from cti.ami.client import AmiClient
from cti.ami.moves import Action, Plan
from cti.errors import Refused
from cti.obs import get_logger

_log = get_logger("control")
BEING_MOVED_S = (0.1, 0.3)  # pauses before a move that was refused is tried again


async def send(client: AmiClient, planned: Plan) -> None:
    """Send all of it, in order. Raises what the client raises; Refused when nothing was moved."""
    for action in planned.before:
        await client.send(action)
    if planned.move is not None:
        await _move(client, planned.move)
    for action in planned.after:
        try:
            await client.send(action)
        except Refused:  # gone by itself
            _log.debug("nothing left to hang up")


async def _move(client: AmiClient, action: Action) -> None:
    """The Redirect; while the dialplan itself moves the channel Asterisk refuses it, and does nothing.

    To Asterisk a channel with a pending move looks like one that hangs up: "channel not up". The caller of a
    consultation that was rejected at once is such a one for some milliseconds.
    """
    for wait_s in BEING_MOVED_S:
        try:
            await client.send(action)
        except Refused as e:
            if "not up" not in str(e):
                raise
        else:
            return
        await asyncio.sleep(wait_s)
    await client.send(action)
