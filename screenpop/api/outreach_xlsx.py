"""The export of the worklist as a workbook: tasks, what was done in time, satisfaction by aspect."""

from __future__ import annotations

import io
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from cti.config import Settings
from cti.domain.outreach import KINDS, OUTCOMES, STATES, Outcome
from screenpop.api import outreach_models as m
from screenpop.api.xlsx import local_text, sheet_of

_HEAD = (
    *("任务", "种类", "状态", "客户", "公司", "等级", "运单", "内容", "负责人"),
    *("到期", "逾期", "完成时间", "结果", "说明"),
)


def workbook(items: Sequence[m.TaskItem], figures: m.OutreachFigures, settings: Settings) -> bytes:
    """The file."""
    zone = ZoneInfo(settings.timezone)
    book = Workbook()
    first = book.active
    sheet = first if isinstance(first, Worksheet) else book.create_sheet()
    sheet.title = "任务"
    sheet_of(sheet, _HEAD, (_row(i, zone) for i in items))
    sheet_of(
        book.create_sheet("完成情况"),
        ("种类", "应做", "按时完成", "逾期完成", "未做", "无需再做"),
        ((KINDS[k.kind], k.due, k.in_time, k.late, k.missed, k.met) for k in figures.kinds),
    )
    scores = [(a.label, a.count, a.mean, a.low) for a in figures.aspects]
    keypad = [(f"按键 {n} 分", figures.keypad.get(n, 0), None, None) for n in range(5, 0, -1)]
    sheet_of(book.create_sheet("满意度"), ("方面", "次数", "平均分", "低分次数"), [*scores, *keypad])
    about = book.create_sheet("说明")
    for line in (
        f"统计区间 {local_text(figures.since, zone)} – {local_text(figures.until, zone)}",
        "按到期时间计，已取消的不计",
        f"时区 {settings.timezone}",
        "客户均为合成数据" if settings.demo else "",
    ):
        about.append([line])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _row(i: m.TaskItem, zone: ZoneInfo) -> tuple[object, ...]:
    tier = i.tier.label if i.tier is not None else ""
    ended = "" if i.ended_at is None else local_text(i.ended_at, zone)
    return (
        *(i.id, KINDS[i.kind], STATES[i.state], i.name, i.company, tier, i.waybill, i.title, i.owner),
        *(local_text(i.due_at, zone), "逾期" if i.late else "", ended),
        *(OUTCOMES[Outcome(i.outcome)] if i.outcome else "", i.result),
    )
