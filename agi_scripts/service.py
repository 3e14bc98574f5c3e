"""Prices, places served, stations and pick-up times: the owner's data, read from one YAML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cti.errors import ConfigError

FILE = Path(__file__).with_name("service.yaml")
LATER_DAYS = 2
"""The pick-up day "later": the day after tomorrow."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Part):
    """分 for the first kilogram and for each further one begun, and days to delivery."""

    first: int = Field(gt=0)
    further: int = Field(ge=0)
    days: int = Field(ge=0, le=60)


class Area(_Part):
    """What is special about one area."""

    served: Literal["served", "partly", "not_served"] = "served"
    same_day: bool = False
    phone: str = Field("", pattern=r"^\d*$")
    name: str = ""


class Slot(_Part):
    """A part of a day, by local hours."""

    from_: int = Field(alias="from", ge=0, le=23)
    until: int = Field(ge=1, le=24)
    capacity: int = Field(ge=0)


class Prices(_Part):
    """By how far it is."""

    same_area: Price
    same_zone: Price
    other: Price
    far: Price


class _File(_Part):
    prices: Prices
    zones: dict[str, list[str]]
    far_zones: list[str] = []
    areas: dict[str, Area] = {}
    pickup: dict[Literal["morning", "afternoon", "evening"], Slot]


@dataclass(frozen=True, slots=True)
class Service:
    """The file, ready to be asked. Areas are 区号 with their leading 0."""

    prices: Prices
    zones: Mapping[str, str] = field(repr=False)
    far: frozenset[str]
    areas: Mapping[str, Area]
    pickup: Mapping[str, Slot]
    zone: ZoneInfo

    @classmethod
    def load(cls, file: Path = FILE, timezone: str = "Asia/Shanghai") -> Service:
        """Read the file; ConfigError with every fault at once."""
        try:
            data: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
            read = _File.model_validate(data)
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(f"{file}: cannot be read: {e}") from e
        except yaml.YAMLError as e:
            raise ConfigError(f"{file}: not valid YAML: {e}") from e
        except ValidationError as e:
            faults = "\n".join(f"  {'.'.join(str(p) for p in f['loc'])}: {f['msg']}" for f in e.errors())
            raise ConfigError(f"{file}:\n{faults}") from e
        zones = {start: name for name, starts in read.zones.items() for start in starts}
        return cls(
            read.prices,
            zones,
            frozenset(read.far_zones),
            read.areas,
            {str(k): v for k, v in read.pickup.items()},
            ZoneInfo(timezone),
        )

    def zone_of(self, area: str) -> str | None:
        """The zone of an area by the longest beginning that is listed, None where nobody delivers."""
        return next((self.zones[area[:n]] for n in range(len(area), 0, -1) if area[:n] in self.zones), None)

    def coverage(self, area: str) -> tuple[str, bool]:
        """``served``, ``partly`` or ``not_served``, and whether there is delivery on the same day."""
        special = self.areas.get(area)
        if special is not None:
            return special.served, special.same_day
        return ("served" if self.zone_of(area) else "not_served"), False

    def quote(self, grams: int, origin: str, destination: str) -> Price | None:
        """The price between two areas with `first` as the whole sum in 分; None where one is not served."""
        zones = self.zone_of(origin), self.zone_of(destination)
        if None in zones or "not_served" in (self.coverage(origin)[0], self.coverage(destination)[0]):
            return None
        if origin == destination:
            rate = self.prices.same_area
        elif self.far & set(zones):
            rate = self.prices.far
        else:
            rate = self.prices.same_zone if zones[0] == zones[1] else self.prices.other
        further = max(math.ceil(grams / 1000) - 1, 0)
        return Price(first=rate.first + further * rate.further, further=rate.further, days=rate.days)

    def span(self, day: str, part: str, now: datetime) -> tuple[datetime, datetime]:
        """From when to when (UTC) a part of a day lasts; `day` is today, tomorrow or later."""
        slot = self.pickup[part]
        local: date = now.astimezone(self.zone).date()
        local += timedelta(days={"today": 0, "tomorrow": 1}.get(day, LATER_DAYS))
        start = datetime.combine(local, time(slot.from_), self.zone).astimezone(UTC)
        return start, start + timedelta(hours=slot.until - slot.from_)
