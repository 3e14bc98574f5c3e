"""Places that were recorded as units: cities by 区号 or name, districts by name (``places.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("places.yaml")
_ENDINGS = ("特别行政区", "自治州", "自治区", "地区", "新区", "省", "市", "区", "县")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One place: its prompt id, its name as it is spoken, its 区号 ("" for a district or province)."""

    id: str
    name: str
    area: str = ""


@cache
def all_places() -> tuple[Place, ...]:
    """Every place of the table, in its order."""
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found = [Place(f"place_{area}", name, area) for area, name in data["cities"].items()]
    for group in ("towns", "provinces", "districts"):
        found += [Place(f"place_{key}", name) for key, name in data[group].items()]
    return tuple(found)


@cache
def by_area() -> Mapping[str, Place]:
    """Cities by 区号."""
    return {p.area: p for p in all_places() if p.area}


@cache
def by_name() -> Mapping[str, Place]:
    """Places by name."""
    return {p.name: p for p in all_places()}


def find(text: str) -> Place | None:
    """The place of a 区号 or a name, with or without 市, 区, 县 …; None when it was not recorded."""
    if text in by_area():
        return by_area()[text]
    if text in by_name():
        return by_name()[text]
    for ending in _ENDINGS:
        if text.endswith(ending) and (place := by_name().get(text.removesuffix(ending))):
            return place
    return None


def within(text: str) -> tuple[Place, ...]:
    """Cities and districts named in a longer text such as 广东省深圳市福田区, in their order, at most two.

    A province is left out when a city follows: nobody says both.
    """
    hits = sorted((at, place) for name, place in by_name().items() if (at := text.find(name)) >= 0)
    provinces = [p for _, p in hits if not p.area and p.id in _provinces()]
    towns = [p for _, p in hits if p not in provinces]
    return tuple(towns[:2] or provinces[:1])


@cache
def _provinces() -> frozenset[str]:
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return frozenset(f"place_{key}" for key in data["provinces"])
