"""The export of the QA desk as a workbook: calls, verdicts, what people did. Texts are never formulas."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from cti.config import Settings
from screenpop.api import qa_models as m
from screenpop.api.xlsx import MEDIA, local_text, sheet_of

__all__ = ["MEDIA", "Content", "workbook"]

VERDICT = {"pass": "合格", "fail": "不合格", "na": "不适用", "review": "待复核"}
DECISION = {"hit": "命中", "false_hit": "误命中", "na": "不适用", "added": "人工补充"}
STATE = {
    "auto_scored": "已自动评分",
    "queued": "待质检",
    "reviewed": "已质检",
    "published": "已发布",
    "acknowledged": "已确认",
    "appealed": "已申诉",
    "forwarded": "申诉已转交",
    "reassigned": "复核中",
    "final": "已终审",
}
BY = {"agent": "座席", "caller": "客户", "transfer": "转接", "phone": "话机断开", "unknown": "未知"}
_CALLS = (
    *("录音编号", "开始时间", "时长（秒）", "座席", "姓名", "班组", "技能组", "号码", "挂机方"),
    *("投诉编号", "投诉类别", "得分", "自动得分", "人工得分", "终审得分", "已判定", "致命项", "状态"),
)


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into the workbook."""

    calls: Sequence[m.QaCall]
    rows: Sequence[Mapping[Any, Any]]
    hits: Sequence[Mapping[Any, Any]]
    events: Sequence[Mapping[Any, Any]]
    inside: bool


def workbook(content: Content, settings: Settings) -> bytes:
    """The file."""
    zone = ZoneInfo(settings.timezone)
    book = Workbook()
    first = book.active
    sheet = first if isinstance(first, Worksheet) else book.create_sheet()
    sheet.title = "通话"
    sheet_of(sheet, _CALLS, (_call(c, zone) for c in content.calls))
    titles = {
        rule: str(known.get("title", rule))
        for row in content.rows
        for rule, known in (row["score_rules"] or {}).items()
    }
    said = {(h["recording_id"], h["rule"]): h for h in content.hits}
    sheet_of(
        book.create_sheet("判定"),
        ("录音编号", "规则", "名称", "判定", "人工", "说明"),
        (
            (c.id, rule, titles.get(rule, rule), VERDICT.get(v, v), *_word(said.get((c.id, rule))))
            for c, row in zip(content.calls, content.rows, strict=True)
            for rule, v in (row["review_current"] or {}).items()
        ),
    )
    if content.inside:
        sheet_of(
            book.create_sheet("复核记录"),
            ("录音编号", "时间", "人员", "角色", "操作", "原状态", "新状态", "说明"),
            (
                (
                    e["recording_id"],
                    local_text(e["at"], zone),
                    e["who"],
                    e["role"],
                    e["action"],
                    STATE.get(e["from_state"], e["from_state"]),
                    STATE.get(e["to_state"], e["to_state"]),
                    e["note"],
                )
                for e in content.events
            ),
        )
    about = book.create_sheet("说明")
    synthetic = "语音与客户均为合成数据" if settings.demo else ""
    for line in ("权重、致命清单、容差为系统默认，待确认", f"时区 {settings.timezone}", synthetic):
        about.append([line])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _call(c: m.QaCall, zone: ZoneInfo) -> tuple[Any, ...]:
    return (
        c.id,
        local_text(c.started_at, zone),
        c.duration_s,
        c.agent,
        c.agent_name,
        c.team,
        c.queue_label,
        c.number,
        BY.get(c.hung_up_by, c.hung_up_by),
        c.complaint.code if c.complaint is not None else "",
        c.complaint.category if c.complaint is not None else "",
        c.score,
        c.auto_score,
        c.manual_score,
        c.final_score,
        c.decided,
        "、".join(f.rule + ("（待确认）" if f.proposed else "") for f in c.fatal),
        STATE.get(c.review.state, c.review.state) if c.review is not None else "",
    )


def _word(hit: Mapping[Any, Any] | None) -> tuple[str, str]:
    return ("", "") if hit is None else (DECISION.get(hit["decision"], ""), hit["comment"])
