"""What a token of another system may do: one table, shown by the command, the page and the API document."""

from __future__ import annotations

from collections.abc import Iterable

from cti.errors import UsageError

SCOPES: dict[str, str] = {
    "waybills:write": "推送运单与轨迹",
    "waybills:read": "查询运单",
    "orders:write": "推送订单",
    "customers:read": "查询客户与时间线（号码脱敏）",
    "numbers:read": "看到完整号码",
    "complaints:read": "查询投诉",
    "problems:read": "查询问题件",
    "events:read": "拉取事件",
}
RATE_PER_MIN = 600
MAX_RATE_PER_MIN = 60_000


def checked(scopes: Iterable[str]) -> list[str]:
    """The scopes in the table's order, each once. UsageError for an unknown one or for none."""
    given = {s.strip() for s in scopes if s.strip()}
    if unknown := sorted(given - SCOPES.keys()):
        raise UsageError(f"unknown scope {', '.join(unknown)}; known: {', '.join(SCOPES)}")
    if not given:
        raise UsageError(f"which scopes? known: {', '.join(SCOPES)}")
    return [s for s in SCOPES if s in given]
