"""domain.md §2 and §4 beside the thresholds: what a tier steers, classes, windows, steps of retention."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cti.domain.alerts import churn_sentence
from cti.domain.classification import INDUSTRIES, SERVICES, region_of, services_from
from cti.domain.growth import above, rank, wanting
from cti.domain.periods import months_before, windows
from cti.domain.retention import LABELS, NEXT, Step, advance, effort
from cti.errors import StateError
from cti.schemes import PRESETS, load_scheme, load_schemes

CHINA = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("tier", "route", "green", "services"),
    [
        ("project", "大客户销售专员", True, ("基础", "增值", "专享", "定制")),
        ("vip", "VIP客服代表", True, ("基础", "增值", "专享")),
        ("mid", "热线客户管理师", False, ("基础", "增值")),
        ("regular", "热线", False, ("基础", "增值")),
        ("casual", "热线", False, ("基础",)),
    ],
)
def test_sf_steers_route_green_channel_and_menu(
    tier: str, route: str, green: bool, services: tuple[str, ...]
) -> None:
    """domain.md §2: sf steers, service menu — who serves a tier, its 绿色服务通道, its part of the menu."""
    found = load_scheme("sf").tier(tier)
    assert found is not None
    assert (found.benefits.route, found.benefits.green_channel, found.benefits.services) == (
        route,
        green,
        services,
    )


def test_key_account_gets_what_the_source_names() -> None:
    """domain.md §2: key_account steers — KA: 专属客服经理, 快速查询通道, 优先配送, 账期."""
    key = load_scheme("key_account").tiers[0].benefits
    assert (key.route, key.dedicated) == ("专属客服经理", True)
    assert key.services == ("快速查询通道", "优先配送", "账期")


def test_yuantong_gets_a_window_of_its_own() -> None:
    """domain.md §2: yuantong steers — YT: 单独对接窗口."""
    assert load_scheme("yuantong").tiers[0].benefits.route == "单独对接窗口"


@pytest.mark.parametrize("name", PRESETS)
def test_priority_falls_with_the_tier(name: str) -> None:
    """domain.md §2: jingguang steers — a higher tier never waits behind a lower one (JG 5.2: order of
    care)."""
    levels = [t.benefits.priority for t in load_scheme(name).tiers]
    assert levels == sorted(levels, reverse=True)
    assert all(0 <= level <= 14 for level in levels)


@pytest.mark.parametrize(("name", "ours"), [("jingguang", 2), ("abcd", 3), ("hubei_ems", 0), ("yuantong", 0)])
def test_open_thresholds_are_marked_and_can_be_set(name: str, ours: int) -> None:
    """Thresholds that a source leaves open are parameters marked as ours; an owner's value lifts the mark."""
    assert sum(p.ours for p in load_scheme(name).parameters.values()) == ours
    own = {n: p.value for n, p in load_scheme(name).parameters.items()}
    (scheme,) = load_schemes([name], (), {name: own})
    assert not any(p.ours for p in scheme.parameters.values())


def test_hubei_classes() -> None:
    """domain.md §2: hubei_ems classes — HB: industry, service, region; 全省性 from two prefectures on, 区域性
    for one."""
    assert INDUSTRIES == ("金融", "批发零售", "教育", "房地产", "制造")
    assert SERVICES == ("国内异地", "同城", "国际", "礼仪", "一体化物流", "中邮快货", "国际货代")
    assert [region_of(n) for n in (None, 0, 1, 2, 17)] == ["", "", "区域性", "全省性", "全省性"]
    assert services_from(["国际", "快递", "同城"]) == (("同城", "国际"), ("快递",))


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 2, 28), 12, date(2025, 2, 28)),
        (date(2026, 12, 1), 12, date(2025, 12, 1)),
    ],
)
def test_months_back(day: date, months: int, before: date) -> None:
    """The same day of an earlier month, or its last one."""
    assert months_before(day, months) == before


def test_windows_begin_at_local_midnight_wherever_the_clock_stands() -> None:
    """23:30 UTC is already the next day in China; the windows are of that day and adjoin."""
    at = windows(datetime(2026, 3, 9, 23, 30, tzinfo=UTC), CHINA)
    assert at.months[1] == datetime(2026, 2, 11, tzinfo=CHINA)
    assert at.months[12] == datetime(2025, 3, 11, tzinfo=CHINA)
    assert at.days30[1] == datetime(2026, 2, 9, tzinfo=CHINA)
    assert at.days30[1] - at.days30[4] == timedelta(days=90)
    berlin = windows(datetime(2026, 3, 29, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert berlin.days30[1].astimezone(ZoneInfo("Europe/Berlin")).hour == 0  # over the change of the clock


def test_retention_is_a_table() -> None:
    """JG 5.6: every step has a label and a way on or is the end; an absent edge says state and step."""
    assert set(NEXT) == set(LABELS) == set(Step)
    assert advance(Step.OPEN, Step.CONTACTED) is Step.CONTACTED
    with pytest.raises(StateError, match="no step remedied from contacted"):
        advance(Step.CONTACTED, Step.REMEDIED)
    assert [s for s in Step if not NEXT[s]] == [Step.KEPT, Step.LOST]


def test_effort_follows_the_tier() -> None:
    """domain.md §4: effort by tier — JG 5.6: the higher the tier the harder one tries."""
    told = [effort(t.benefits) for t in load_scheme("sf").tiers]
    assert told[0] == told[1] == "当日由专属代表联系，可上门"
    assert told[2] == told[3] == "24 小时内电话联系"
    assert told[4] == effort(None) == "3 日内电话或短信联系"


def test_what_is_wanting_for_the_next_tier() -> None:
    """The next tier up, and the figure that is missing, for ≥ and for >."""
    sf, ka = load_scheme("sf"), load_scheme("key_account")
    up = above(sf, "mid")
    assert up is not None
    assert (up.id, above(sf, "project"), above(sf, "nope"), rank(sf, "nope")) == ("vip", None, None, 5)
    assert wanting(sf, "vip", {"monthly_revenue": 9200}) == "月贡献再增 800 元（现 9,200，需 10,000）"
    assert wanting(ka, "key", {"orders_per_year": 4500}) == "年订单再增 500 单（现 4,500，需 超过 5,000）"
    assert wanting(sf, "vip", {}) == ""


def test_seldom_or_small_senders_are_not_missed_for_an_empty_month() -> None:
    """Volume says nothing of who orders every six weeks, or sends a handful of pieces."""
    assert churn_sentence(45, 40, 0, 30) is None
    assert churn_sentence(None, None, 0, 9) is None
    assert "0 件" in str(churn_sentence(7, 10, 0, 30))
