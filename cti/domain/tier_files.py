"""From the text of a scheme file (TOML) to a scheme, or to the list of all its faults with their lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cti.domain import tier_check
from cti.domain.tier_reader import TermError, parse_term
from cti.domain.tier_terms import METRICS
from cti.domain.tiers import Benefits, MeanOfMonths, Parameter, Scheme, Tier

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")

Fault = tuple[int, str]
Path = tuple[str | int, ...]


class SchemeFaults(ValueError):
    """A scheme file is wrong; `faults` are (line, what) in the order of the lines."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"line {line}: {what}" for line, what in faults))
        self.faults = sorted(faults)


@dataclass(slots=True)
class _Shape:
    """Keys of one table: name → allowed types; the names that must be there."""

    keys: Mapping[str, tuple[type, ...]]
    must: tuple[str, ...] = ()


_NUMBER = (int, float)
_TOP = _Shape(
    {
        "name": (str,),
        "label": (str,),
        "source": (str,),
        "parameters": (dict,),
        "derived": (dict,),
        "tiers": (list,),
    },
    must=("name", "label", "source", "tiers"),
)
_PARAMETER = _Shape({"value": _NUMBER, "label": (str,), "ours": (bool,)}, must=("value", "label"))
_DERIVED = _Shape({"mean_of": (str,), "months": (int,), "days": _NUMBER}, must=("mean_of", "months", "days"))
_TIER = _Shape(
    {"id": (str,), "label": (str,), "when": (str,), "otherwise": (bool,), "gets": (dict,)},
    must=("id", "label"),
)
_GETS = _Shape(
    {
        "priority": (int,),
        "green_channel": (bool,),
        "dedicated": (bool,),
        "route": (str,),
        "greeting": (str,),
        "services": (list,),
        "visits_per_month": _NUMBER,
        "calls_per_week": _NUMBER,
    }
)


def read_scheme(text: str, overrides: Mapping[str, float] | None = None) -> Scheme:
    """Read and prove one scheme. `overrides` are an owner's own values of its parameters.

    Raises SchemeFaults with every fault: syntax, unknown keys, bad predicates, gaps and overlaps.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        at = re.search(r"line (\d+)", str(e))
        raise SchemeFaults([(int(at[1]) if at else text.count("\n") + 1, f"not TOML: {e}")]) from e
    return _Builder(data, _lines(text), overrides or {}).build()


class _Builder:
    def __init__(self, data: dict[str, Any], lines: dict[Path, int], overrides: Mapping[str, float]) -> None:
        self._data = data
        self._lines = lines
        self._overrides = overrides
        self._faults: list[Fault] = []

    def build(self) -> Scheme:
        self._check(self._data, _TOP, ())
        parameters = self._parameters()
        derived = self._derived()
        tiers = self._tiers({p.name: p.value for p in parameters.values()})
        if not self._faults and tiers:
            self._faults += tier_check.faults(tiers)
        if self._faults:
            raise SchemeFaults(self._faults)
        top = {key: self._data[key] for key in ("name", "label", "source")}
        return Scheme(**top, tiers=tuple(tiers), parameters=parameters, derived=tuple(derived))

    def _fault(self, path: Path, what: str) -> None:
        while path and path not in self._lines:
            path = path[:-1]
        self._faults.append((self._lines.get(path, 1), what))

    def _check(self, table: Any, shape: _Shape, path: Path) -> bool:
        """Whether a table has the keys and types of its shape; each deviation is a fault."""
        before = len(self._faults)
        if not isinstance(table, dict):
            self._fault(path, f"{'.'.join(map(str, path))} must be a table")
            return False
        for key, value in table.items():
            allowed = shape.keys.get(key)
            wrong_bool = isinstance(value, bool) and bool not in (allowed or ())
            if allowed is None:
                self._fault((*path, key), f"unknown key {key!r}; known: {', '.join(shape.keys)}")
            elif not isinstance(value, allowed) or wrong_bool:
                self._fault((*path, key), f"{key} has the wrong type: {value!r}")
        for key in shape.must:
            if key not in table:
                self._fault(path, f"{key} is missing")
        return len(self._faults) == before

    def _tables(self, key: str) -> list[tuple[str, Any]]:
        found = self._data.get(key, {})
        return list(found.items()) if isinstance(found, dict) else []

    def _parameters(self) -> dict[str, Parameter]:
        made: dict[str, Parameter] = {}
        for name, table in self._tables("parameters"):
            if not self._check(table, _PARAMETER, ("parameters", name)):
                continue
            if name in METRICS:
                self._fault(("parameters", name), f"parameter {name} has the name of a metric")
            own = self._overrides.get(name)
            ours = bool(table.get("ours", False)) and own is None
            value = float(table["value"] if own is None else own)
            made[name] = Parameter(name, value, table["label"], ours)
        for name in sorted(set(self._overrides) - set(made)):
            self._fault(("parameters",), f"the scheme has no parameter {name!r}")
        return made

    def _derived(self) -> list[MeanOfMonths]:
        made = []
        for metric, table in self._tables("derived"):
            path = ("derived", metric)
            if not self._check(table, _DERIVED, path):
                continue
            if metric not in METRICS:
                self._fault(path, f"unknown metric {metric!r}; known: {', '.join(METRICS)}")
            if table["months"] < 1 or table["days"] <= 0:
                self._fault(path, "months and days must be positive")
            made.append(MeanOfMonths(metric, table["mean_of"], table["months"], float(table["days"])))
        return made

    def _tiers(self, values: Mapping[str, float]) -> list[Tier]:
        made: list[Tier] = []
        listed = self._data.get("tiers", [])
        for i, table in enumerate(listed if isinstance(listed, list) else []):
            path: Path = ("tiers", i)
            if not self._check(table, _TIER, path):
                continue
            tier = self._tier(table, path, values, last=i == len(listed) - 1)
            if tier.id in {t.id for t in made}:
                self._fault((*path, "id"), f"tier {tier.id} appears twice")
            made.append(tier)
        if not listed:
            self._fault(("tiers",), "there are no tiers")
        return made

    def _tier(self, table: dict[str, Any], path: Path, values: Mapping[str, float], *, last: bool) -> Tier:
        when = None
        rest = bool(table.get("otherwise", False))
        if rest == ("when" in table):
            self._fault(path, f"tier {table['id']} needs either a predicate `when` or `otherwise = true`")
        elif rest and not last:
            self._fault((*path, "otherwise"), "only the last tier may take what is left")
        elif not rest:
            try:
                when = parse_term(table["when"], values)
            except TermError as e:
                self._fault((*path, "when"), str(e))
        gets = table.get("gets", {})
        benefits = Benefits()
        if self._check(gets, _GETS, (*path, "gets")):
            benefits = self._benefits(gets, (*path, "gets"))
        line = self._lines.get((*path, "otherwise" if rest else "when")) or self._lines.get(path, 1)
        return Tier(table["id"], table["label"], when, benefits, line)

    def _benefits(self, gets: dict[str, Any], path: Path) -> Benefits:
        if not 0 <= gets.get("priority", 0) <= 14:
            self._fault((*path, "priority"), "priority must be a queue level from 0 to 14")
        try:
            gets.get("greeting", "").format(name="", title="", company="")
        except (LookupError, ValueError, AttributeError):
            self._fault((*path, "greeting"), "greeting: only {name}, {title}, {company} can be filled in")
        services = tuple(str(s) for s in gets.get("services", ()))
        known = {f.name for f in fields(Benefits)}
        return Benefits(**{**{k: v for k, v in gets.items() if k in known}, "services": services})


def _lines(text: str) -> dict[Path, int]:
    """Where each table and key stands, by a look at the lines; TOML's own reader does not tell."""
    found: dict[Path, int] = {}
    counts: dict[str, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            names = [n.strip().strip("\"'") for n in header[2].split(".")]
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table = (*names, counts[header[2]])
            elif names[0] in counts:
                table = (names[0], counts[names[0]], *names[1:])
            else:
                table = tuple(names)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1]), number)
    return found
