"""A tier scheme as SQL: which tier a row of figures has and why, for a million rows as for one.

What `Scheme.classify` says of one customer, these expressions say of every row, to the letter; a test holds
them side by side. SQL's three-valued logic is Kleene's, which is what the predicates are defined by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from cti.domain.growth import GROWING
from cti.domain.tier_terms import (
    FLAG_LABELS,
    METRICS,
    NEGATED,
    SIGNS,
    All,
    Any_,
    Compare,
    Has,
    Is,
    Not,
    Term,
    amount,
    atoms,
)
from cti.domain.tiers import OURS_NOTE, Scheme, Tier

Sql = ColumnElement[Any]
NOWHERE = 1e300  # the rank of who has none: infinity, which a predicate only ever compares


@dataclass(frozen=True, slots=True)
class Figures:
    """The columns of ``customer_metrics`` (or a sub-query with the same names) on one kind of database.

    `reach` below 1 makes growing figures so much larger, for the question which tier is within reach.
    """

    columns: Any
    dialect: str
    reach: float = 1.0

    def number(self, metric: str) -> Sql:
        column: Sql = self.columns[metric]
        if self.reach != 1.0 and metric in GROWING:
            # not below zero: a refund divided would become a larger refund
            column = sa.case((column > 0, column / self.reach), else_=column)
        if METRICS[metric].default is not None:
            column = sa.func.coalesce(sa.cast(column, sa.Float), NOWHERE)
        return column

    def yes_no(self, metric: str) -> Sql:
        return sa.func.coalesce(self.columns[metric], sa.false())

    def flag(self, flag: str) -> Sql:
        """Whether the flag is set; the column is a JSON list of words without quotes in them."""
        return sa.cast(self.columns["flags"], sa.Text).like(f'%"{flag}"%')


def tier_id(scheme: Scheme, figures: Figures) -> Sql:
    """The id of the tier, NULL where a missing figure would decide."""
    return _first(scheme, figures, lambda tier: sa.literal(tier.id))


def of_tier(scheme: Scheme, tier: Sql, value: Callable[[Tier], Any], default: Any) -> Sql:
    """What `value` says of the tier whose id is in the column `tier`."""
    return sa.case(*((tier == t.id, sa.literal(value(t))) for t in scheme.tiers), else_=sa.literal(default))


def place(scheme: Scheme, tier: Sql) -> Sql:
    """The place of a tier, 0 the highest; NULL for one that the scheme does not have."""
    return sa.case(*((tier == t.id, i) for i, t in enumerate(scheme.tiers)))


def reason(scheme: Scheme, tier: Sql, figures: Figures) -> Sql:
    """Why it is that tier, in words; the figures are those without `reach`."""
    return sa.case(*((tier == t.id, _reason(scheme, t, figures)) for t in scheme.tiers), else_="")


def _first(scheme: Scheme, figures: Figures, value: Callable[[Tier], Sql]) -> Sql:
    whens: list[tuple[Sql, Sql]] = []
    otherwise: Sql = sa.null()
    for tier in scheme.tiers:
        if tier.when is None:
            otherwise = value(tier)
            break
        test = _test(tier.when, figures)
        whens += [(test.is_(None), sa.null()), (test, value(tier))]
    return sa.case(*whens, else_=otherwise)


def _test(term: Term, figures: Figures) -> Sql:
    match term:
        case Compare(metric, op, value):
            number = figures.number(metric)
            return {
                "<": number < value,
                "<=": number <= value,
                ">": number > value,
                ">=": number >= value,
                "==": number == value,
            }[op]
        case Is(metric):
            return figures.yes_no(metric).is_(sa.true())
        case Has(_, flags):
            return sa.or_(*(figures.flag(f) for f in flags))
        case Not(inner):
            return sa.not_(_test(inner, figures))
        case All(terms):
            return sa.and_(*(_test(t, figures) for t in terms))
        case Any_(terms):
            return sa.or_(*(_test(t, figures) for t in terms))


def _reason(scheme: Scheme, tier: Tier, figures: Figures) -> Sql:
    said: Sql
    if tier.when is not None:
        terms, said = [tier.when], _say(tier.when, figures, True)
    else:
        terms = [t.when for t in scheme.tiers if t.when is not None]
        joined = _joined(_once_each([_say(t, figures, False) for t in terms]))
        said = sa.case((joined == "", "不满足以上各级条件"), else_=joined)
    used = {a.threshold for t in terms for a in atoms(t) if isinstance(a, Compare)}
    if any(scheme.parameters[name].ours for name in used if name):
        return said.concat(f"（{OURS_NOTE}）")
    return said


def _say(term: Term, figures: Figures, wanted: bool) -> Sql:
    match term:
        case Compare(metric, op, value):
            known = METRICS[metric]
            sign = SIGNS.get(op if wanted else NEGATED[op], op if wanted else NEGATED[op])
            unit = f" {known.unit}" if known.unit else ""
            given = figures.columns[metric]
            told = sa.literal(f"{known.label} ").concat(_amount(given, figures.dialect))
            told = told.concat(f"{unit} {sign} {amount(value)}")
            return sa.case((given.is_(None), f"{known.label}未知"), else_=told)
        case Is(metric):
            return sa.literal(f"{'' if wanted else '非'}{METRICS[metric].label}")
        case Has(_, flags):
            if not wanted:
                return sa.literal("")
            named = [sa.case((figures.flag(f), FLAG_LABELS.get(f, f)), else_="") for f in flags]
            return sa.literal("属").concat(_joined(named, "、"))
        case Not(inner):
            return _say(inner, figures, not wanted)
        case All(terms):
            return _all(terms, figures) if wanted else _first_said(terms, figures, False)
        case Any_(terms):
            if wanted:
                return _first_said(terms, figures, True)
            return _joined([_say(t, figures, False) for t in terms])


def _all(terms: Sequence[Term], figures: Figures) -> Sql:
    """Every term; a range of one metric as one: 月贡献 12,000 元 ≥ 10,000 且 < 100,000."""
    parts: list[Sql] = []
    before = ""
    for term in terms:
        metric = term.metric if isinstance(term, Compare) else ""
        if isinstance(term, Compare) and metric == before:
            parts[-1] = parts[-1].concat(f" 且 {SIGNS.get(term.op, term.op)} {amount(term.value)}")
        else:
            parts.append(_say(term, figures, True))
        before = metric
    return _joined(parts)


def _first_said(terms: Sequence[Term], figures: Figures, wanted: bool) -> Sql:
    """The first term that is so (or, not wanted, is not so)."""
    tests = [(_test(t, figures), _say(t, figures, wanted)) for t in terms]
    return sa.case(*((t if wanted else sa.not_(t), said) for t, said in tests), else_="")


def _once_each(parts: Sequence[Sql]) -> list[Sql]:
    return [
        sa.case((sa.or_(*(part == other for other in parts[:i])), ""), else_=part) if i else part
        for i, part in enumerate(parts)
    ]


def _joined(parts: Sequence[Sql], mark: str = "，") -> Sql:
    if len(parts) == 1:
        return parts[0]
    marked = [sa.case((part == "", ""), else_=sa.literal(mark).concat(part)) for part in parts]
    whole: Sql = marked[0]
    for part in marked[1:]:
        whole = whole.concat(part)
    return sa.func.substr(whole, 1 + len(mark), type_=sa.Text())


def _amount(value: Sql, dialect: str) -> Sql:
    """A figure for reading, as `tier_terms.amount`: 12,000 · 312.5."""
    if dialect == "postgresql":
        figure = sa.func.round(sa.cast(value, sa.Numeric), 2)
        told = sa.func.to_char(figure, "FM999,999,999,999,990.99", type_=sa.Text())
        return sa.func.rtrim(told, ".", type_=sa.Text())
    figure = sa.func.round(value, 2)
    whole = sa.cast(sa.func.abs(figure), sa.Integer)
    sign = sa.case((figure < 0, "-"), else_="")
    rest = sa.func.substr(sa.func.printf("%.2f", sa.func.abs(figure) - whole), 2, type_=sa.Text())
    rest = sa.func.rtrim(sa.func.rtrim(rest, "0"), ".", type_=sa.Text())
    return sign.concat(sa.func.printf("%,d", whole, type_=sa.Text())).concat(rest)
