"""Click-to-dial: the life of one attempt as a table, and when calling out is allowed. Pure.

An attempt is written down before anything is sent to the PBX, and is sent once: what was not answered for
ends as `unknown` and is never tried again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from cti.errors import StateError


class DialState(StrEnum):
    """外呼状态."""

    STORED = "stored"  # not yet sent
    AGENT = "agent"  # the agent's own phone rings
    CUSTOMER = "customer"  # the agent has answered, the customer's phone rings
    TALKING = "talking"
    ENDED = "ended"  # it was a talk
    AGENT_NO_ANSWER = "agent_no_answer"
    AGENT_BUSY = "agent_busy"
    AGENT_AWAY = "agent_away"  # no device of the agent is there
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    CANCELLED = "cancelled"  # the agent hung up before the customer answered
    PBX_AWAY = "pbx_away"
    UNKNOWN = "unknown"  # sent, and then nothing was heard


LABELS: Mapping[DialState, str] = {
    DialState.STORED: "准备呼叫",
    DialState.AGENT: "正在呼叫您的话机",
    DialState.CUSTOMER: "正在呼叫客户",
    DialState.TALKING: "通话中",
    DialState.ENDED: "已通话",
    DialState.AGENT_NO_ANSWER: "您没有接听",
    DialState.AGENT_BUSY: "您的话机忙",
    DialState.AGENT_AWAY: "您的话机未注册",
    DialState.BUSY: "客户忙",
    DialState.NO_ANSWER: "客户无人接听",
    DialState.FAILED: "呼叫失败",
    DialState.CANCELLED: "您先挂断了",
    DialState.PBX_AWAY: "与交换机断开",
    DialState.UNKNOWN: "结果不明，不会自动重拨",
}
OVER = frozenset(set(DialState) - {DialState.STORED, DialState.AGENT, DialState.CUSTOMER, DialState.TALKING})

_S, _A, _C, _T = DialState.STORED, DialState.AGENT, DialState.CUSTOMER, DialState.TALKING
# what may follow; a state that is not a key is the end
NEXT: Mapping[DialState, frozenset[DialState]] = {
    _S: frozenset({_A, DialState.AGENT_AWAY, DialState.AGENT_BUSY, DialState.PBX_AWAY, DialState.UNKNOWN}),
    _A: frozenset({_C, _T} | (OVER - {DialState.BUSY, DialState.NO_ANSWER})),
    # told twice: by the answer to Originate, and by the call, which also says which call it is
    _C: frozenset({_C, _T, DialState.BUSY, DialState.NO_ANSWER, DialState.FAILED})
    | {DialState.CANCELLED, DialState.UNKNOWN},
    _T: frozenset({DialState.ENDED, DialState.UNKNOWN}),
}
# DIALSTATUS of the call to the customer ("Application_Dial" of Asterisk's documentation)
OF_DIALSTATUS: Mapping[str, DialState] = {
    "BUSY": DialState.BUSY,
    "NOANSWER": DialState.NO_ANSWER,
    "CANCEL": DialState.CANCELLED,
    "CONGESTION": DialState.FAILED,
    "CHANUNAVAIL": DialState.FAILED,
}
# Reason of OriginateResponse (AST_CONTROL_* of the agent's leg); anything else is a failure
OF_ORIGINATE: Mapping[str, DialState] = {
    "1": DialState.AGENT_NO_ANSWER,
    "3": DialState.AGENT_NO_ANSWER,
    "5": DialState.AGENT_BUSY,
    "0": DialState.AGENT_BUSY,  # rejected at the device
    "8": DialState.AGENT_AWAY,
}


def advance(state: DialState, to: DialState) -> DialState:
    """The next state; StateError where the table has no such edge."""
    if to not in NEXT.get(state, frozenset()):
        raise StateError(f"a call out that is {state} cannot become {to}")
    return to


@dataclass(frozen=True, slots=True)
class Hours:
    """Between two times of the day, the second excluded."""

    since: time
    until: time

    @classmethod
    def read(cls, text: str) -> Hours:
        """``09:00-20:00``, ``00:00-24:00``; ValueError for anything else, or an end before the beginning."""
        first, found, last = text.partition("-")
        since = time.fromisoformat(first.strip())
        until = time.max if last.strip() == "24:00" else time.fromisoformat(last.strip() or "x")
        if not found or until <= since:
            raise ValueError("hours are written 09:00-20:00")
        return cls(since, until)

    def hold(self, now: datetime, zone: tzinfo) -> bool:
        """Whether customers may be called now."""
        return self.since <= now.astimezone(zone).time().replace(tzinfo=None) < self.until

    def __str__(self) -> str:
        return f"{self.since:%H:%M}–{'24:00' if self.until == time.max else format(self.until, '%H:%M')}"


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls out per minute, by one agent and by the whole hotline, and how many may go on at once."""

    agent: int
    hotline: int
    live: int

    def refuse(self, agent: int, hotline: int, live: int) -> str:
        """Why another call may not begin now; "" when it may. Counts of the last minute."""
        if agent >= self.agent:
            return f"您一分钟内已外呼 {agent} 次，请稍后再拨"
        if hotline >= self.hotline:
            return "热线外呼太多，请稍后再拨"
        return "同时外呼已到上限，请稍后再拨" if live >= self.live else ""


MINUTE = timedelta(minutes=1)
