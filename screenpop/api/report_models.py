"""Reports by day on the wire: the rows with their means, the definitions beside them."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from cti.domain.report import Row
from cti.store.repos.reports import Report
from screenpop.api.models import In, Out
from screenpop.wire import Instant

DEFINITIONS: dict[str, str] = {
    "day": "所有数字按来电到达时的日期与小时计（时区见设置 timezone）；跨零点的通话整通计入到达当日",
    "offered": "进线：开始等待人工的来电 = 接起 + 放弃 + 短放弃 + 离队；转到另一队列再计一次",
    "abandoned": "放弃：等待中挂机；短放弃（floor.short_abandon_s 秒内挂机）单列",
    "left": "离队：等待超时、选择回呼或转往别的队列",
    "lost": "不明：与交换机断开期间结束，不计入其它数字",
    "service_level": "服务水平 = queue.service_level_s 秒内接起 ÷（进线 − 短放弃）",
    "mean_wait_s": "平均等待：已接起来电从开始排队到接起；最长等待含放弃的来电",
    "talks": "通话：每位座席接起的一段计一次，含呼出；转接后由对方再计一次",
    "self_service_share": "自助占比 = 在语音菜单中办结的来电 ÷（办结 + 进线）",
    "occupancy": "占用率 =（通话含保持 + 话后）÷ 登录时长，按日与座席计；登录指工作台页面打开（误差 20 秒）",
    "score": "质检分：已有最终分的录音的平均；满意度：来电后按键评价的平均（1–5）",
}


class ReportRow(Out):
    """One line. Means are null where there is nothing to take them of; seconds."""

    key: str
    label: str = ""
    offered: int
    answered: int
    in_time: int
    abandoned: int
    short: int
    left: int
    lost: int
    service_level: float | None
    mean_wait_s: float | None
    longest_s: float
    rung: int
    missed: int
    talks: int
    talk_s: float
    mean_talk_s: float | None
    hold_s: float
    mean_hold_s: float | None
    wrapup_s: float
    mean_wrapup_s: float | None
    transfers: int
    callbacks: int
    callbacks_done: int
    self_service: int
    self_service_share: float | None
    complaints: int
    surveys: int
    satisfaction: float | None
    scored: int
    score: float | None
    signed_in_s: float
    occupancy: float | None


class Named(Out):
    name: str
    count: int


class ReportGap(Out):
    node: str
    since: Instant
    until: Instant | None


class ReportQuery(In):
    """Days in the zone of the hotline, both included; default today."""

    first: date | None = None
    last: date | None = None
    queue: str | None = Field(None, max_length=64, description="one queue; empty text: straight to agents")


class ReportOut(Out):
    first: date
    last: date
    timezone: str
    total: ReportRow
    before: ReportRow = Field(description="as many days just before")
    days: tuple[ReportRow, ...]
    hours: tuple[ReportRow, ...]
    queues: tuple[ReportRow, ...]
    agents: tuple[ReportRow, ...]
    tiers: tuple[ReportRow, ...]
    dispositions: tuple[Named, ...]
    categories: tuple[Named, ...] = Field(description="complaints by category")
    gaps: tuple[ReportGap, ...] = Field(description="the PBX was not heard: figures may miss something")
    definitions: dict[str, str]
    synthetic: bool


def _mean(total: float, count: int) -> float | None:
    return round(total / count, 1) if count else None


def row_of(key: object, row: Row, label: str = "") -> ReportRow:
    """A line with its means."""
    c = row.counts
    return ReportRow(
        key=str(key),
        label=label or str(key),
        offered=c.offered,
        answered=c.answered,
        in_time=c.in_time,
        abandoned=c.abandoned,
        short=c.short,
        left=c.left,
        lost=c.lost,
        service_level=c.service_level,
        mean_wait_s=_mean(c.wait_s, c.answered),
        longest_s=round(c.longest_s, 1),
        rung=row.rung,
        missed=row.missed,
        talks=row.talks,
        talk_s=round(row.talk_s, 1),
        mean_talk_s=_mean(row.talk_s, row.talks),
        hold_s=round(row.hold_s, 1),
        mean_hold_s=_mean(row.hold_s, row.talks),
        wrapup_s=round(row.wrapup_s, 1),
        mean_wrapup_s=_mean(row.wrapup_s, row.wrapups),
        transfers=row.transfers,
        callbacks=row.callbacks,
        callbacks_done=row.callbacks_done,
        self_service=row.self_service,
        self_service_share=row.self_service_share,
        complaints=row.complaints,
        surveys=row.surveys,
        satisfaction=_mean(row.survey_sum, row.surveys),
        scored=row.scored,
        score=_mean(row.score_sum, row.scored),
        signed_in_s=round(row.signed_in_s, 1),
        occupancy=row.occupancy,
    )


def report_out(
    report: Report, before: Report, *, queues: dict[str, str], names: dict[str, str], synthetic: bool
) -> ReportOut:
    """The whole report; `queues` are labels, `names` those of agents."""
    most = sorted(report.dispositions.items(), key=lambda d: (-d[1], d[0]))
    worst = sorted(report.categories.items(), key=lambda d: (-d[1], d[0]))
    return ReportOut(
        first=report.span.first,
        last=report.span.last,
        timezone=report.span.zone.key,
        total=row_of("total", report.total, "合计"),
        before=row_of("before", before.total, "上一期"),
        days=tuple(row_of(k, r) for k, r in sorted(report.days.items())),
        hours=tuple(row_of(k, r, f"{k:02d}:00") for k, r in sorted(report.hours.items())),
        queues=tuple(row_of(k, r, queues.get(k, k) or "直呼座席") for k, r in sorted(report.queues.items())),
        agents=tuple(
            row_of(k, r, f"{k} {names.get(k, '')}".strip() or "未知")
            for k, r in sorted(report.agents.items())
        ),
        tiers=tuple(row_of(k, r, k or "未知等级") for k, r in sorted(report.tiers.items())),
        dispositions=tuple(Named(name=n or "未填写", count=c) for n, c in most),
        categories=tuple(Named(name=n, count=c) for n, c in worst),
        gaps=tuple(ReportGap(node=g["node"], since=g["since"], until=g["until"]) for g in report.gaps),
        definitions=DEFINITIONS,
        synthetic=synthetic,
    )
