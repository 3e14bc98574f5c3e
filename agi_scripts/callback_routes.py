"""The three scripts of a callback that are no menus: take the place, dial, tell how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agi_scripts import context
from agi_scripts.callback import CallbackDesk
from agi_scripts.link import CallLink
from agi_scripts.ports import CallInfo
from agi_scripts.session import Session

STORE_S = 5.0
"""Deadline of each step; nobody listens yet, but an agent may be waiting."""

Env = Mapping[str, str]


def scripts(desk: CallbackDesk) -> Mapping[str, Callable[[Session, CallLink, CallInfo, Env], None]]:
    """By the name of the AGI request."""

    def wait(session: Session, link: CallLink, call: CallInfo, env: Env) -> None:
        placed = link.wait(desk.place(_id(env)), STORE_S)
        if placed is None:
            return
        row, position = placed
        number = row["number_display"]
        told = {"callback": "yes", "asked_at": row["requested_at"].isoformat(timespec="seconds")}
        session.set_variables(
            [
                ("CALLERID(num)", number),
                ("__LAIDIAN_CALLER", number),
                ("__LAIDIAN_CALLBACK", str(row["id"])),
                ("__LAIDIAN_DID", str(row["context"].get("did", ""))),
                *context.pairs(told),
                ("__LAIDIAN_PRIORITY", str(row["priority"])),
                ("LAIDIAN_POSITION", str(position)),
            ]
        )
        session.application("UserEvent", context.user_event(told))
        # last: without it the dialplan does not enter the queue
        session.set_variable("__LAIDIAN_QUEUE", row["queue"])

    def dial(session: Session, link: CallLink, call: CallInfo, env: Env) -> None:
        row = link.wait(desk.dial(_id(env)), STORE_S)
        if row is not None:
            session.set_variables(
                [
                    ("LAIDIAN_CALLBACK", str(row["id"])),
                    ("LAIDIAN_DID", str(row["context"].get("did", ""))),
                    ("LAIDIAN_NUMBER", row["number_display"]),
                ]
            )

    def done(session: Session, link: CallLink, call: CallInfo, env: Env) -> None:
        if env.get("agi_arg_3"):
            link.wait(desk.done(_id(env), env.get("agi_arg_4", "")), STORE_S)

    return {"callback-wait": wait, "callback-dial": dial, "callback-done": done}


def _id(env: Env) -> int:
    text = env.get("agi_arg_3", "")
    return int(text) if text.isdigit() and len(text) < 19 else 0
