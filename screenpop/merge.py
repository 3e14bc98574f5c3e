"""How two things known of one caller become one; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from cti.domain.customer import Customer, Lookup, Outcome
from screenpop.pop import Fresh

MAX_CONTEXT_KEYS = 40
MAX_TEXT = 500
# a NUL or half a surrogate pair would make the store refuse the whole row
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def better(old: Lookup | None, new: Lookup, *, by_waybill: bool) -> Lookup:
    """Which of two answers to show: one certain customer is never replaced by less.

    A waybill that belongs to somebody outside the several candidates of the number joins them: nobody
    is chosen silently.
    """
    if old is None:
        return new
    if old.outcome is Outcome.ONE:
        return old if by_waybill or new.outcome is not Outcome.ONE or old.rule == "chosen" else new
    if not by_waybill:
        return new
    if new.outcome is not Outcome.ONE or new.customer is None:
        return old
    found: Customer = new.customer
    if old.outcome is Outcome.MANY and all(c.id != found.id for c in old.candidates):
        return replace(old, candidates=(*old.candidates, found))
    return new


def difference(old: Lookup, new: Lookup, at: datetime) -> tuple[frozenset[str], Fresh | None]:
    """The parts of a card that differ between two answers, and what of it is worth a mark.

    Alerts and contacts follow from other things and from the clock: they are brought up to date unmarked.
    """
    parts: set[str] = set()
    if (old.customer, old.candidates) != (new.customer, new.candidates):
        parts |= {"customer", "candidates", "hints"}
    if (old.outcome, old.rule) != (new.outcome, new.rule):
        parts |= {"caller"}
    if (old.waybills, old.complaints, old.contacts) != (new.waybills, new.complaints, new.contacts):
        parts |= {"history"}
    waybills = tuple(w.number for w in new.waybills if w not in old.waybills)
    complaints = tuple(c.id for c in new.complaints if c not in old.complaints)
    customer = _plain(old.customer) != _plain(new.customer)
    if not (customer or waybills or complaints):
        return frozenset(parts), None
    return frozenset(parts | {"fresh"}), Fresh(at, customer, waybills, complaints)


def _plain(customer: Customer | None) -> Customer | None:
    return replace(customer, alerts=()) if customer is not None else None


def clean(text: str) -> str:
    """A text from a caller, fit to be kept and shown: bounded, without control characters."""
    return without_control(text[:MAX_TEXT])


def without_control(text: str) -> str:
    """The text without control characters, line ends and tabs excepted."""
    return _CONTROL.sub("", text)


def merge_context(old: Mapping[str, str], new: Mapping[str, str]) -> Mapping[str, str]:
    """Later words replace earlier ones; bounded in number and length, because a caller typed them."""
    if not new:
        return old
    merged = dict(old)
    for key, value in new.items():
        if key in merged or len(merged) < MAX_CONTEXT_KEYS:
            merged[clean(key)[:64]] = clean(value)
    return merged
