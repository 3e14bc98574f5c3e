"""湖北邮政速递's classification of customers (domain.md §2, HB): by industry, by service, by region."""

from __future__ import annotations

from collections.abc import Iterable

# the source's list of industries is open ("…"): others are taken as they are written
INDUSTRIES = ("金融", "批发零售", "教育", "房地产", "制造")
SERVICES = ("国内异地", "同城", "国际", "礼仪", "一体化物流", "中邮快货", "国际货代")
PROVINCE, PREFECTURE = "全省性", "区域性"
REGIONS = (PROVINCE, PREFECTURE)
PROVINCE_FROM = 2  # prefectures


def region_of(regions: float | None) -> str:
    """全省性 from two prefectures on, 区域性 for one, "" where it is not known."""
    if not regions:
        return ""
    return PROVINCE if regions >= PROVINCE_FROM else PREFECTURE


def services_from(words: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Known services in the order of the source, and the words that are none."""
    given = list(words)
    return tuple(s for s in SERVICES if s in given), tuple(w for w in given if w not in SERVICES)
