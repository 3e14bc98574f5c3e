"""The export of the complaint board as a workbook: complaints, their steps, the shares of their causes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from cti.config import Settings
from cti.domain.complaint import LABELS, ComplaintState
from cti.domain.complaint_clock import LEVELS
from cti.domain.problem import LABELS as KINDS
from cti.domain.problem import ProblemKind
from screenpop.api import complaint_models as m
from screenpop.api.xlsx import local_text, sheet_of

ACTIONS = {
    "open": "登记",
    "edit": "修改",
    "escalate": "升级",
    "take": "受理",
    "follow_up": "跟进",
    "hand_over": "移交",
    "resolve": "给出结果",
    "tell": "已回复客户",
    "call_failed": "回复未接通",
    "close": "结案",
    "reopen": "重新处理",
    "withdraw": "撤销",
}
_HEAD = (
    *("投诉编号", "登记时间", "类别", "状态", "客户", "等级", "号码", "运单", "内容", "责任部门", "原因"),
    *("负责人", "答复时限", "承诺答复", "超时", "升级", "处理结果", "登记人", "渠道"),
)


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into the workbook."""

    items: Sequence[tuple[m.BoardItem, str]]  # with the result
    steps: Sequence[tuple[str, m.ComplaintStep]]  # by the complaint's code
    figures: m.ComplaintFigures


def workbook(content: Content, settings: Settings) -> bytes:
    """The file."""
    zone = ZoneInfo(settings.timezone)
    book = Workbook()
    first = book.active
    sheet = first if isinstance(first, Worksheet) else book.create_sheet()
    sheet.title = "投诉"
    sheet_of(sheet, _HEAD, (_row(i, result, zone) for i, result in content.items))
    sheet_of(
        book.create_sheet("处理经过"),
        ("投诉编号", "时间", "人员", "操作", "原状态", "新状态", "说明", "结果"),
        (
            (
                code,
                local_text(s.at, zone),
                s.who,
                ACTIONS.get(s.action, s.action),
                _state(s.from_state),
                _state(s.to_state),
                s.note,
                s.result,
            )
            for code, s in content.steps
        ),
    )
    f = content.figures
    groups = (("类别", f.category), ("责任部门", f.department), ("原因", f.cause))
    told = [(title, s.name or "未填写", s.count, s.share) for title, part in groups for s in part]
    told += [("问题件", KINDS[ProblemKind(s.name)], s.count, s.share) for s in f.problem_kind]
    sheet_of(book.create_sheet("因素比例"), ("分组", "名称", "件数", "比例"), told)
    about = book.create_sheet("说明")
    for line in (
        f"统计区间 {local_text(f.since, zone)} – {local_text(f.until, zone)}，共 {f.total} 件，"
        f"按时回复 {f.in_time} 件，超时 {f.late} 件（已撤销的不计）",
        "答复时限、等级系数、升级时间为系统默认，待确认（设置 complaints）",
        f"时区 {settings.timezone}",
        "客户均为合成数据" if settings.demo else "",
    ):
        about.append([line])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _row(i: m.BoardItem, result: str, zone: ZoneInfo) -> tuple[object, ...]:
    def at(moment: datetime | None) -> str:
        return "" if moment is None else local_text(moment, zone)

    return (
        *(i.code, at(i.opened_at), i.category, _state(i.state), i.customer_name or i.caller),
        *(i.tier.label if i.tier is not None else "", i.number, i.waybill, i.summary, i.department, i.cause),
        *(i.owner, at(i.due_at), at(i.promised_at), "超时" if i.late else "", LEVELS[i.level], result),
        *(i.opened_by, i.channel),
    )


def _state(code: str) -> str:
    return LABELS[ComplaintState(code)] if code else ""
