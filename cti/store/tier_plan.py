"""From the settings to what is to be computed of customers' tiers."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from cti.config import Settings
from cti.schemes import load_schemes
from cti.store.repos.tiering import Plan


def tier_plan(settings: Settings) -> Plan:
    """The active scheme with those beside it; UsageError or ConfigError where one cannot be had."""
    tiers = settings.tiers
    names = (tiers.scheme, *tiers.beside)
    active, *beside = load_schemes(names, tiers.files, tiers.parameters)
    return Plan(active, tuple(beside), tiers.reach, tiers.revenue == "settled")


def zone_of(settings: Settings) -> ZoneInfo:
    """The zone whose midnights begin days and months."""
    return ZoneInfo(settings.timezone)
