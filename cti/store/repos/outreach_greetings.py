"""Greetings at birthdays and festivals (JG 5.7), each once a year."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.domain.consent import Purpose
from cti.domain.festivals import birthday_in, coming, greeting_text
from cti.domain.visits import at_hour, midnight
from cti.store.outreach_rules import SCHEME, Rules
from cti.store.repos.consents import refuses
from cti.store.repos.outreach_base import OWNER, Row, key_of, unplanned
from cti.store.tables import customers
from cti.store.tables_tiers import customer_tiers

_C, _TIER = customers.c, customer_tiers.c


def birthdays(conn: Connection, rules: Rules, day: date) -> list[Row]:
    """Birthdays of today and the coming days; who told only the month is greeted on its first days."""
    rows: list[Row] = []
    for ahead in range(rules.own.greet_ahead_days + 1):
        then = day + timedelta(days=ahead)
        month, of = sa.extract("month", _C.birthday), sa.extract("day", _C.birthday)
        days = [then.day]
        if (then.month, then.day) == (2, 28) and birthday_in(date(2000, 2, 29), then.year) == then:
            days.append(29)
        kept = sa.and_(month == then.month, of.in_(days))
        query = (
            sa.select(_C.id, _C.name, _C.title, OWNER)
            .where(
                _C.birthday.is_not(None),
                kept,
                ~refuses(_C.id, Purpose.MARKETING),
                unplanned(key_of("greeting:birthday:", _C.id, f":{then.year}")),
            )
            .order_by(_C.id)
            .limit(rules.own.plan_most + 1)
        )
        rows += [_greeting(r, "birthday", "生日", then, rules) for r in conn.execute(query)]
    return rows


def festivals(conn: Connection, rules: Rules, day: date) -> list[Row]:
    """Festivals of today and the coming days, for the tiers that are greeted."""
    rows: list[Row] = []
    for festival, on in coming(day, rules.own.greet_ahead_days, rules.festivals):
        query = (
            sa.select(_C.id, _C.name, _C.title, OWNER)
            .join(customer_tiers, sa.and_(_TIER.customer_id == _C.id, _TIER.scheme == SCHEME))
            .where(_TIER.tier_id.in_(rules.own.greet_tiers), ~refuses(_C.id, Purpose.MARKETING))
            .where(unplanned(key_of(f"greeting:{festival.id}:", _C.id, f":{on.year}")))
            .order_by(_TIER.tier_id, _C.id)
            .limit(rules.own.plan_most + 1)
        )
        rows += [_greeting(r, festival.id, festival.label, on, rules) for r in conn.execute(query)]
    return rows


def _greeting(r: Any, id: str, label: str, on: date, rules: Rules) -> Row:
    template = rules.own.birthday_text if id == "birthday" else rules.own.festival_text
    words = greeting_text(template, name=r.name, title=r.title, company=rules.company, festival=label)
    return {
        "key": f"greeting:{id}:{r.id}:{on.year}",
        "customer_id": r.id,
        "owner": r.owner,
        "title": f"{label}问候",
        "detail": words,
        "due_at": at_hour(on, rules.own.due_hour, rules.zone),
        "lapses_at": midnight(on + timedelta(days=1), rules.zone),
    }
