"""A report by day as a workbook: a sheet for each grouping, the definitions, and when the PBX was away."""

from __future__ import annotations

import io
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from screenpop.api.report_models import ReportOut, ReportRow
from screenpop.api.xlsx import local_text, sheet_of

COLUMNS: tuple[tuple[str, str], ...] = (
    ("offered", "进线"),
    ("answered", "接起"),
    ("in_time", "时限内接起"),
    ("service_level", "服务水平"),
    ("abandoned", "放弃"),
    ("short", "短放弃"),
    ("left", "离队"),
    ("lost", "不明"),
    ("mean_wait_s", "平均等待 秒"),
    ("longest_s", "最长等待 秒"),
    ("rung", "振铃"),
    ("missed", "未接"),
    ("talks", "通话"),
    ("talk_s", "通话 秒"),
    ("mean_talk_s", "平均通话 秒"),
    ("hold_s", "保持 秒"),
    ("wrapup_s", "话后 秒"),
    ("mean_wrapup_s", "平均话后 秒"),
    ("transfers", "转出"),
    ("callbacks", "申请回呼"),
    ("callbacks_done", "回呼完成"),
    ("self_service", "自助办结"),
    ("self_service_share", "自助占比"),
    ("complaints", "投诉"),
    ("surveys", "评价数"),
    ("satisfaction", "满意度"),
    ("scored", "质检数"),
    ("score", "质检分"),
    ("signed_in_s", "登录 秒"),
    ("occupancy", "占用率"),
)
_SHARES = frozenset({"service_level", "self_service_share", "occupancy"})


def workbook(report: ReportOut) -> bytes:
    """The file."""
    book = Workbook()
    first = book.active
    sheet = first if isinstance(first, Worksheet) else book.create_sheet()
    for title, head, rows in (
        ("按日", "日期", (*report.days, report.total, report.before)),
        ("按队列", "队列", report.queues),
        ("按座席", "座席", report.agents),
        ("按等级", "客户等级", report.tiers),
        ("按小时", "小时", report.hours),
    ):
        sheet.title = title
        sheet_of(sheet, (head, *(name for _, name in COLUMNS)), (_cells(r) for r in rows))
        _shares(sheet)
        sheet = book.create_sheet()
    sheet.title = "通话小结与投诉"
    told = [("通话小结", d.name, d.count) for d in report.dispositions]
    sheet_of(
        sheet, ("分组", "名称", "件数"), [*told, *(("投诉类别", c.name, c.count) for c in report.categories)]
    )
    zone = ZoneInfo(report.timezone)
    about = book.create_sheet("说明")
    lines = [f"{report.first} – {report.last}，时区 {report.timezone}", *report.definitions.values()]
    for g in report.gaps:
        until = local_text(g.until, zone) if g.until else "至今"
        lines.append(f"{g.node} 与服务断开 {local_text(g.since, zone)} – {until}，期间的数字可能不全")
    if report.synthetic:
        lines.append("数据均为合成")
    for line in lines:
        about.append([line])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cells(row: ReportRow) -> tuple[object, ...]:
    return (row.label, *(getattr(row, name) for name, _ in COLUMNS))


def _shares(sheet: Worksheet) -> None:
    for number, (name, _) in enumerate(COLUMNS, 2):
        if name in _SHARES:
            for row in range(2, sheet.max_row + 1):
                sheet.cell(row, number).number_format = "0.0%"
