"""Reading a tier predicate: from its text to the terms of `cti.domain.tier_terms`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cti.domain.tier_terms import (
    FLAG_LABELS,
    METRICS,
    OPERATORS,
    All,
    Any_,
    Compare,
    Has,
    Is,
    Kind,
    Not,
    Term,
)

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|(<=|>=|==|[<>()\[\],]))")


class TermError(ValueError):
    """The predicate cannot be read; the text says where and why."""


def parse_term(text: str, parameters: Mapping[str, float]) -> Term:
    """Read a predicate; TermError for syntax, an unknown name, or a metric of the wrong kind."""
    tokens = _tokens(text)
    reader = _Reader(tokens, parameters)
    term = reader.either()
    if reader.peek() is not None:
        raise TermError(f"unexpected {reader.peek()!r} in {text!r}")
    return term


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise TermError(f"cannot read {text[at:].strip()[:20]!r}")
        found.append(match[1] or match[2] or match[3])
        at = match.end()
    return found


class _Reader:
    """Recursive descent over the tokens of one predicate."""

    def __init__(self, tokens: list[str], parameters: Mapping[str, float]) -> None:
        self._tokens = tokens
        self._at = 0
        self._parameters = parameters

    def peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> str:
        token = self.peek()
        if token is None:
            raise TermError("the predicate ends too early")
        self._at += 1
        return token

    def _take(self, *wanted: str) -> bool:
        if self.peek() in wanted:
            self._at += 1
            return True
        return False

    def either(self) -> Term:
        terms = [self._both()]
        while self._take("or"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else Any_(tuple(terms))

    def _both(self) -> Term:
        terms = [self._single()]
        while self._take("and"):
            terms.append(self._single())
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _single(self) -> Term:
        if self._take("not"):
            return Not(self._single())
        if self._take("("):
            inner = self.either()
            if not self._take(")"):
                raise TermError("a bracket is not closed")
            return inner
        left = self._next()
        if self._take("has"):
            return self._has(left)
        if self.peek() not in OPERATORS:
            return self._yes_no(left)
        op, middle = self._next(), self._next()
        first = self._compare(left, op, middle)
        if self.peek() in OPERATORS:
            return All((first, self._compare(middle, self._next(), self._next())))
        return first

    def _compare(self, left: str, op: str, right: str) -> Compare:
        flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
        if self._is_metric(left):
            return Compare(left, op, *self._number(right))
        if self._is_metric(right):
            return Compare(right, flipped[op], *self._number(left))
        raise TermError(f"no metric in {left} {op} {right}; known: {', '.join(METRICS)}")

    def _is_metric(self, name: str) -> bool:
        if name in METRICS and METRICS[name].kind is not Kind.NUMBER:
            raise TermError(f"{name} is not a number")
        return name in METRICS

    def _number(self, token: str) -> tuple[float, str]:
        if token in self._parameters:
            return self._parameters[token], token
        try:
            return float(token), ""
        except ValueError:
            raise TermError(f"{token!r} is neither a number nor a parameter of this scheme") from None

    def _yes_no(self, name: str) -> Is:
        if name not in METRICS:
            raise TermError(f"unknown metric {name!r}; known: {', '.join(METRICS)}")
        if METRICS[name].kind is not Kind.YES_NO:
            raise TermError(f"{name} needs a comparison")
        return Is(name)

    def _has(self, name: str) -> Has:
        if name not in METRICS or METRICS[name].kind is not Kind.FLAGS:
            raise TermError(f"{name!r} holds no flags")
        flags = [self._next()]
        if flags == ["["]:
            flags = []
            while not self._take("]"):
                flags.append(self._next())
                self._take(",")
        unknown = [f for f in flags if f not in FLAG_LABELS]
        if unknown or not flags:
            raise TermError(f"unknown flag {', '.join(unknown)}; known: {', '.join(FLAG_LABELS)}")
        return Has(name, tuple(flags))
