"""The pops of a recorded trace, without a store, a clock or a socket: for ``laidian replay`` and tests.

>>> offline = Offline()
>>> for event in events:
...     for message in offline.feed(event):
...         print(message)
>>> for message in offline.finish():
...     print(message)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cti.domain.call import AgentEvent, CallEvent, GapEvent
from cti.domain.customer import Lookup, Outcome
from cti.domain.phone import DEFAULT_PLAN, parse
from cti.errors import StateError
from screenpop import wire
from screenpop.book import PopBook
from screenpop.card import Style, card, parts
from screenpop.lookup import at_once
from screenpop.pop import Effect, EffectKind, PopState

_STYLE = Style("{name}{title}，请问有什么可以帮助您？", "您好，请问有什么可以帮助您？")


def nobody(number: str) -> Lookup:
    """Every number is one that no customer has."""
    return at_once(number, DEFAULT_PLAN) or Lookup(Outcome.NONE, parse(number).rule)


class Offline:
    """Feeds call events to a book; look-ups are answered at once, wrap-ups end by the events' own time."""

    def __init__(
        self,
        look_up: Callable[[str], Lookup] = nobody,
        *,
        wrapup_s: float = 15.0,
        style: Style = _STYLE,
        masked: bool = True,
    ) -> None:
        self.faults: list[str] = []
        self._book = PopBook(lambda queue: wrapup_s)
        self._look_up = look_up
        self._style = style
        self._masked = masked

    def feed(self, event: CallEvent | AgentEvent | GapEvent) -> list[dict[str, Any]]:
        """The messages that follow from one event, each with its ``agent``."""
        if not isinstance(event, CallEvent):
            return []
        out = self._wrapups(event.at)
        try:
            effects = self._book.apply(event)
        except StateError as e:
            self.faults.append(f"{event.kind} of {event.key.linkedid}: {e}")
            return out
        return out + self._carry_out(effects)

    def finish(self) -> list[dict[str, Any]]:
        """Let wrap-ups that are still open come to their end."""
        return self._wrapups(None)

    def _wrapups(self, now: datetime | None) -> list[dict[str, Any]]:
        out = []
        writing = [p for p in self._book.everything() if p.state is PopState.WRAPUP]
        for pop in sorted(writing, key=lambda p: p.wrapup_until or p.offered_at):
            if pop.wrapup_until is not None and (now is None or pop.wrapup_until <= now):
                out += self._carry_out(self._book.complete(pop.id, pop.wrapup_until))
        return out

    def _carry_out(self, effects: list[Effect]) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        todo = list(effects)
        while todo:
            effect = todo.pop(0)
            if effect.kind is EffectKind.LOOK_UP:
                todo += self._book.looked_up(effect.call.key, self._look_up(effect.call.asked or ""))
            message = self._message(effect)
            if message is not None and effect.pop is not None:
                shown = message.model_dump(mode="json", by_alias=True)
                out.append({"agent": effect.pop.agent, **shown})
        return out

    def _message(self, effect: Effect) -> wire.Wire | None:
        pop, call = effect.pop, effect.call
        if pop is None:
            return None
        match effect.kind:
            case EffectKind.OPENED:
                return card(pop, call, self._style, masked=self._masked)
            case EffectKind.CHANGED:
                return parts(pop, call, self._style, effect.parts, masked=self._masked)
            case EffectKind.CLOSED if pop.pushed and pop.closed_at is not None:
                reason = wire.close_reason(pop.reason)
                return wire.PopClose(id=pop.id, seq=pop.seq, reason=reason, by=pop.by, at=pop.closed_at)
        return None
