"""How long a caller would wait in a queue, asked of Asterisk on the call's own connection."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from agi_scripts.session import Session
from ivr_flows.protocol import Answered, AskFailed, Event, Scalar

TALK_S = 120
"""Mean length of a talk while the queue has not yet measured one; ours."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch


def queue_status(session: Session, args: Mapping[str, Scalar]) -> Event:
    """Place and expected wait of who joins now.

    Those who wait are counted whatever their priority, so a caller with priority may be told a place too
    many, never one too few.
    """
    name = str(args.get("queue", ""))
    if not _NAME(name):
        return AskFailed("error")
    asked = (
        (
            "${QUEUE_EXISTS(Q)}/${QUEUE_MEMBER(Q,logged)}/${QUEUE_MEMBER(Q,free)}/${QUEUE_WAITING_COUNT(Q)}"
            "/${QUEUE_VARIABLES(Q)}/${QUEUEMAX}/${QUEUETALKTIME}"
        )
        .replace("Q)", f"{name})")
        .replace("(Q,", f"({name},")
    )
    answer = session.get_full_variable(asked)
    try:
        exists, members, free, waiting, _code, most, talk = (_whole(part) for part in answer.split("/"))
    except ValueError:
        return AskFailed("error")
    if not exists:
        return AskFailed("error")
    position = waiting + 1
    data = {"position": position, "wait_s": math.ceil(position * (talk or TALK_S) / max(members, 1))}
    if members == 0:
        return Answered("closed", data)
    if most and waiting >= most:
        return Answered("full", data)
    if free > waiting:
        return Answered("free", {"position": 1, "wait_s": 0})
    return Answered("waiting", data)


def _whole(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0
