"""Alerts of domain.md §3 and §4: the sentence holds the figures that caused it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from cti.domain import alerts
from cti.domain.alerts import ChurnSigns
from cti.domain.customer import ComplaintSummary, WaybillSummary

NOW = datetime(2025, 3, 10, 8, 0, tzinfo=UTC)
CHINA = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("born", "today", "said"),
    [
        (date(1985, 3, 10), date(2025, 3, 10), "今天"),
        (date(1985, 3, 12), date(2025, 3, 10), "3月12日"),
        (date(1985, 1, 2), date(2025, 12, 30), "1月2日"),
        (date(1985, 3, 18), date(2025, 3, 10), None),
        (date(1985, 3, 9), date(2025, 3, 10), None),
        (date(1984, 2, 29), date(2025, 2, 28), "今天"),
        (date(1984, 2, 29), date(2024, 2, 29), "今天"),
        (None, date(2025, 3, 10), None),
    ],
)
def test_birthday(born: date | None, today: date, said: str | None) -> None:
    """domain.md §3: birthday — 生日 is told on the day and a week ahead, over the turn of the year and on
    29 February."""
    text = alerts.birthday_alert(born, today)
    assert text is None if said is None else said in str(text)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 9, 25), "今天是中秋节"),
        (date(2026, 9, 23), "中秋节将至"),
        (date(2026, 12, 30), "元旦将至"),
        (date(2026, 9, 22), None),
        (date(2026, 9, 26), None),
    ],
)
def test_festival(today: date, said: str | None) -> None:
    """domain.md §3: festival — 节日 is told on its day and two days ahead, over the turn of the year."""
    text = alerts.festival_alert(today)
    assert text is None if said is None else said in str(text)


def test_birthday_month() -> None:
    """Where only the month is known it is told during that month."""
    assert "本月" in str(alerts.birthday_alert(date(1985, 3, 1), date(2025, 3, 31), month_only=True))
    assert alerts.birthday_alert(date(1985, 3, 1), date(2025, 4, 1), month_only=True) is None


def test_arrears() -> None:
    """domain.md §3: arrears — 欠款 in 元."""
    assert alerts.arrears_alert(123450) == "欠款 1,234.50 元"
    assert alerts.arrears_alert(0) is None


def _weekly(last_days_ago: float, count: int = 9) -> tuple[datetime, ...]:
    return tuple(NOW - timedelta(days=last_days_ago + 7 * i) for i in range(count))


def test_churn_past_twice_the_usual_cycle() -> None:
    """domain.md §4: silence — a weekly regular is missed after more than 14 days, not before."""
    assert alerts.churn_alert(ChurnSigns(_weekly(14)), NOW) is None
    assert alerts.churn_alert(ChurnSigns(_weekly(15)), NOW) == "流失警示：已 15 天未下单，通常约每 7 天一单"


def test_churn_needs_eight_gaps() -> None:
    """Who has ordered less than nine times has no usual cycle yet."""
    assert alerts.churn_alert(ChurnSigns(_weekly(100, count=8)), NOW) is None


def test_churn_by_volume() -> None:
    """domain.md §4: volume — less than half of the mean of the three windows before is told with both
    figures."""
    assert alerts.churn_alert(ChurnSigns(volume_30d=20, volume_before=40), NOW) is None
    text = alerts.churn_alert(ChurnSigns(volume_30d=19, volume_before=40), NOW)
    assert text == "流失警示：近 30 天 19 件，低于此前月均 40 件的一半"


def test_complaints_tell_the_first_deadline() -> None:
    """Open complaints are counted, with the earliest deadline in Chinese time, and late ones as such."""
    due = [ComplaintSummary(i, NOW, "延误", "open", "", NOW + timedelta(hours=i), "") for i in (5, 2)]
    assert alerts.complaint_alert(due, NOW, CHINA) == "有 2 件投诉未办结，最早 03-10 18:00 前答复"
    assert "已超时" in str(alerts.complaint_alert(due, NOW + timedelta(hours=3), CHINA))
    assert alerts.complaint_alert([], NOW, CHINA) is None


def test_problem_items_are_named_up_to_three() -> None:
    """Each open problem item is a sentence; more than three are counted."""
    parcels = [WaybillSummary(f"HC{i}", "problem", NOW, "", "", "", "", "破损") for i in range(5)]
    told = alerts.waybill_alerts(parcels)
    assert told[0] == "问题件 HC0：破损"
    assert told[-1] == "另有 2 件问题件"
    assert len(told) == 4
