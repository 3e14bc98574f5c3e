"""Which script serves which AGI request: ``agi://host/NAME,LINKEDID,…`` of the dialplan."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agi_scripts.errors import CallerHungUp
from agi_scripts.link import CallLink
from agi_scripts.ports import Answers, CallInfo, Places, Voice
from agi_scripts.runner import Ended, Runner
from agi_scripts.session import Session
from agi_scripts.wire import Environment
from cti.domain import phone
from cti.errors import LaidianError
from cti.obs import get_logger
from ivr_flows.engine import Engine
from ivr_flows.protocol import Scalar, Started

_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}").fullmatch
_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch
_log = get_logger("agi.routes")

POSITION_S = 2.0
"""Deadline for finding a caller's place again; after it the caller joins at the end."""

Special = Callable[[Session, CallLink, CallInfo, Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Routes:
    """Everything a call needs, found once at the start.

    `arrived` hears the canonical number of each caller who comes in, `served` of each whom the menus served
    without a person; both return at once. `special` are scripts that are no flows.
    """

    engine: Engine
    answers: Answers
    voice: Voice
    places: Places
    node: str
    plan: phone.Plan
    arrived: Callable[[CallInfo, str], None]
    position: Callable[[str, datetime], Awaitable[int]]
    special: Mapping[str, Special]
    served: Callable[[CallInfo, str, Ended], None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def serve(self, link: CallLink, environment: Environment) -> None:
        """The script of one connection; runs in the greenlet of the call."""
        env = environment.values
        session = Session(env, link)
        route = env.get("agi_network_script", "").partition("?")[0]
        number = phone.parse(env.get("agi_callerid", ""), self.plan)
        call = CallInfo(
            node=self.node,
            linkedid=_first(_ID, env.get("agi_arg_1", ""), env.get("agi_uniqueid", "")),
            uniqueid=_first(_ID, env.get("agi_uniqueid", "")),
            caller=_typed(number),
            waiting_since=_moment(env.get("agi_arg_4", "")) if route == "callback" else None,
            did="".join(c for c in env.get("agi_arg_2") or env.get("agi_dnid", "") if c in "0123456789")[:20],
        )
        try:
            if route in self.special:
                self.special[route](session, link, call, env)
            elif route in ("hotline", "survey", "callback", "waybill"):
                self._flow(route, session, link, call, env, number.key or "")
            else:
                _log.error("agi_unknown_route", route=route[:40])
        except CallerHungUp:
            pass  # ordinary, at any moment
        except LaidianError as e:
            _log.error("agi_route_failed", route=route[:40], error=repr(e), call=call.linkedid)

    def _flow(
        self, route: str, session: Session, link: CallLink, call: CallInfo, env: Mapping[str, str], key: str
    ) -> None:
        values: dict[str, Scalar] = {}
        flow = route
        if route == "hotline":
            flow = "main"
            if key:
                self.arrived(call, key)
        elif route == "survey":
            values["agent"] = _first(_QUEUE, env.get("agi_arg_3", ""))
        elif route == "callback":
            values["queue"] = _first(_QUEUE, env.get("agi_arg_3", ""))
        runner = Runner(
            self.engine,
            session,
            link,
            call,
            answers=self.answers,
            voice=self.voice,
            places=self.places,
            now=self.now,
        )
        ended = runner.run(flow, Started(caller=call.caller, did=call.did, at=self.now(), values=values))
        if route == "callback" and call.waiting_since and ended.end.startswith("transfer:"):
            # back into the queue: to the place that was left
            place = link.wait(self.position(str(values["queue"]), call.waiting_since), POSITION_S)
            session.set_variable("LAIDIAN_POSITION", str(place))
        if route == "hotline" and ended.end == "hangup":
            self.served(call, key, ended)


def _first(good: Callable[[str], object], *texts: str) -> str:
    return next((text for text in texts if good(text)), "")


def _moment(epoch: str) -> datetime | None:
    """Seconds since 1970, as the dialplan gives them."""
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() and len(epoch) <= 10 else None


def _typed(number: phone.Number) -> str:
    """A number as its digits, from which the same key can be made again; "" where no look-up may be made."""
    if number.key is None:
        return ""
    digits = "".join(c for c in number.national if c in "0123456789")
    return f"00{digits}" if number.cls is phone.NumberClass.INTL else digits
