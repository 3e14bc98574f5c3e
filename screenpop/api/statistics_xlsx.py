"""The statistics as a workbook: one sheet a part, days of the installation's zone."""

from __future__ import annotations

import io
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from cti.config import Settings
from cti.domain.problem import LABELS as KINDS
from cti.domain.problem import ProblemKind
from cti.store.repos.timeline import CALLBACKS, REQUESTS
from screenpop.api import statistics_models as m
from screenpop.api.xlsx import local_text, sheet_of

CHANNELS = {
    "call": "电话",
    "ivr": "自助语音",
    "sms": "短信",
    "app": "App",
    "wechat": "微信",
    "email": "邮件",
    "visit": "拜访",
    "survey": "调查",
}


def workbook(f: m.StatisticsOut, settings: Settings) -> bytes:
    """The file."""
    book = Workbook()
    first = book.active
    about = first if isinstance(first, Worksheet) else book.create_sheet()
    about.title = "说明"
    for line in (
        f"统计区间 {f.first} – {f.last}（含首尾，时区 {settings.timezone}）",
        f"统计于 {local_text(f.at, ZoneInfo(settings.timezone))}；等级分布为当时的现状，其余为区间内",
        "已撤销的投诉不计；答复时限为系统默认，待确认（设置 complaints）",
        "数据均为合成" if settings.demo else "",
    ):
        about.append([line])
    if f.tiers is not None:
        rows = [(t.label, t.customers, round(t.revenue, 2)) for t in f.tiers.tiers]
        sheet_of(book.create_sheet("等级"), ("等级", "客户数", "近一年收入（元）"), rows)
        moves = [(x.from_tier, x.tier, "升" if x.up else "降", x.count) for x in f.tiers.moves]
        sheet_of(book.create_sheet("等级变动"), ("原等级", "新等级", "方向", "客户数"), moves)
    c = f.complaints
    parts = (("类别", c.category), ("责任部门", c.department), ("原因", c.cause))
    causes = [(title, s.name or "未填写", s.count, s.share) for title, part in parts for s in part]
    sheet_of(book.create_sheet("投诉因素比例"), ("分组", "名称", "件数", "比例"), causes)
    answers = [
        (a.name, a.count, a.in_time, a.late, a.waiting, a.overdue, a.hours, a.allowed) for a in c.answers
    ]
    head = (
        "类别",
        "件数",
        "按时答复",
        "超时答复",
        "等待中",
        "超时未答复",
        "平均用时（小时）",
        "平均时限（小时）",
    )
    sheet_of(book.create_sheet("答复时限"), head, answers)
    kinds = [(KINDS[ProblemKind(k.name)], k.count, k.share, k.late, k.overdue) for k in f.problems]
    sheet_of(book.create_sheet("滞留原因比例"), ("类别", "件数", "比例", "超时登记", "超时未结"), kinds)
    scores = [(score, n) for score, n in enumerate(f.satisfaction.scores, 1)]
    sheet_of(book.create_sheet("满意度"), ("评分", "次数"), scores)
    told = [("渠道", CHANNELS.get(x.name, x.name), x.count) for x in f.contacts.channels]
    told += [("处理结果", x.name, x.count) for x in f.contacts.dispositions]
    sheet_of(book.create_sheet("联系"), ("分组", "名称", "次数"), told)
    own = f.self_service
    used = [("自助完成", own.served), ("转人工", own.to_person), ("自助投诉", own.complaints)]
    used += [(f"菜单 {x.name}", x.count) for x in own.uses]
    used += [(f"登记 {REQUESTS.get(x.name, x.name)}", x.count) for x in own.requests]
    used += [(f"回拨 {CALLBACKS.get(x.name, x.name)}", x.count) for x in own.callbacks]
    sheet_of(book.create_sheet("自助"), ("项目", "次数"), used)
    opened = {d.day: d.count for d in c.days}
    moved = {d.day: d for d in (f.tiers.days if f.tiers is not None else ())}
    means = {d.day: d.mean for d in f.satisfaction.days}
    by_day = [
        (
            day.isoformat(),
            opened.get(day, 0),
            *((moved[day].up, moved[day].down) if day in moved else (0, 0)),
            means.get(day),
        )
        for day in sorted({*opened, *moved, *means})
    ]
    sheet_of(book.create_sheet("按日"), ("日期", "投诉", "升级客户", "降级客户", "满意度均分"), by_day)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
