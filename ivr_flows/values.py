"""Values of variables: every one typed and bounded, whatever the caller or a back end sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ivr_flows import clean
from ivr_flows.lookups import PARCEL, Kind
from ivr_flows.model import Variable
from ivr_flows.protocol import Row, Scalar, Value

MAX_ROWS = 9
_LIMIT = 10**12
_NUMBER = frozenset("0123456789+- ()")  # a number as people write it; only the digits are kept


def empty(kind: Kind) -> Value:
    """What a variable holds before anything was put into it."""
    if kind is Kind.INT:
        return 0
    if kind is Kind.BOOL:
        return False
    if kind is Kind.ROW:
        return {}
    if kind is Kind.ROWS:
        return ()
    return ""


def coerce(variable: Variable, value: object) -> Value:
    """`value` as this variable may hold it; ValueError when it cannot (the text never holds the value)."""
    if variable.kind is Kind.ROW:
        return row(value)
    if variable.kind is Kind.ROWS:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise ValueError("a list of records is expected")
        return tuple(row(one) for one in value[: min(MAX_ROWS, variable.maximum or MAX_ROWS)])
    plain = scalar(variable.kind, value, variable.maximum)
    if variable.kind is Kind.CHOICE and plain and plain not in variable.values:
        raise ValueError(f"not one of {', '.join(variable.values)}")
    if variable.maximum and variable.kind is Kind.INT and isinstance(plain, int):
        within = variable.minimum <= plain <= variable.maximum
        if not within:
            raise ValueError(f"not between {variable.minimum} and {variable.maximum}")
    return plain


def scalar(kind: Kind, value: object, limit: int = 0) -> Scalar:
    """One plain value of a kind, cleaned; ValueError when the shape is wrong. None counts as empty."""
    if value is None:
        value = empty(kind)
    if kind is Kind.BOOL:
        if not isinstance(value, bool):
            raise ValueError("true or false is expected")
        return value
    if kind is Kind.INT:
        if isinstance(value, bool) or not isinstance(value, int) or not -_LIMIT <= value <= _LIMIT:
            raise ValueError("a whole number is expected")
        return value
    if kind is Kind.TIME:
        return _time(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("a text is expected")
    if kind is Kind.DIGITS:
        if set(str(value)) - _NUMBER:
            raise ValueError("digits are expected")
        return clean.digits(str(value), limit or 20)
    return clean.text(str(value), limit or 64)


def _time(value: object) -> str:
    if isinstance(value, datetime):
        at = value
    elif isinstance(value, str):
        if not value:
            return ""
        at = datetime.fromisoformat(value)
    else:
        raise ValueError("a time is expected")
    if at.tzinfo is None:
        raise ValueError("a time with its zone is expected")
    return at.astimezone(UTC).isoformat(timespec="seconds")


def row(value: object) -> Row:
    """One record with the known fields only, all of them; an empty one stays empty."""
    if not isinstance(value, Mapping):
        raise ValueError("a record is expected")
    if not value:
        return {}
    found = {name: scalar(kind, value.get(name)) for name, kind in PARCEL.items() if name != "number"}
    # carriers put letters around the digits, which no keypad types and nobody reads out
    return {"number": clean.digits(str(value.get("number", "")), 20), **found}
