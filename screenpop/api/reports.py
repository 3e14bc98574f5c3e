"""Reports by day in the zone of the hotline: as data for the page, as a workbook."""

from __future__ import annotations

import asyncio

from aiohttp import web
from sqlalchemy.engine import Connection

from cti.config import Settings
from cti.domain.report import Span
from cti.errors import UsageError
from cti.store.repos.people import add_audit, list_users
from cti.store.repos.reports import report
from cti.store.tier_plan import zone_of
from screenpop.api import report_models as m
from screenpop.api.report_xlsx import workbook
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.api.xlsx import MEDIA

REPORT_S = 60.0
_ROLES = ("supervisor",)


def read_report(conn: Connection, settings: Settings, span: Span, queue: str | None = None) -> m.ReportOut:
    """The report with the span just before it, in people's words."""
    levels = {q.name: float(q.service_level_s) for q in settings.queues}
    short_s = settings.floor.short_abandon_s
    now = report(conn, span, levels=levels, short_s=short_s, queue=queue)
    before = report(conn, span.before(), levels=levels, short_s=short_s, queue=queue)
    return m.report_out(
        now,
        before,
        queues={q.name: q.label for q in settings.queues},
        names={u.agent: u.name for u in list_users(conn) if u.agent},
        synthetic=settings.demo,
    )


def _span(call: ApiCall) -> Span:
    query, zone = call.query(m.ReportQuery), zone_of(call.ctx.settings)
    today = call.ctx.now().astimezone(zone).date()
    first = query.first or query.last or today
    try:
        return Span(first, query.last or first, zone)
    except UsageError:
        raise ApiError(400, "bad_span", "日期范围不对：起始日不能晚于结束日，一次最多 92 天。") from None


async def get_report(call: ApiCall) -> m.ReportOut:
    span, queue = _span(call), call.query(m.ReportQuery).queue
    return await call.ctx.db.run(lambda c: read_report(c, call.ctx.settings, span, queue), deadline=REPORT_S)


async def export_report(call: ApiCall) -> web.StreamResponse:
    span, queue = _span(call), call.query(m.ReportQuery).queue
    found = await call.ctx.db.run(lambda c: read_report(c, call.ctx.settings, span, queue), deadline=REPORT_S)
    at, who, remote = call.ctx.now(), call.who.username, call.remote
    detail = {"first": span.first.isoformat(), "last": span.last.isoformat(), "queue": queue}
    await call.ctx.db.write(
        lambda c: add_audit(
            c, at=at, who=who, action="export", subject="report", detail=detail, remote=remote
        )
    )
    data = await asyncio.to_thread(workbook, found)
    name = f"report-{span.first:%Y%m%d}-{span.last:%Y%m%d}.xlsx"
    return web.Response(
        body=data,
        content_type=MEDIA,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


ROUTES = (
    Route(
        "GET",
        "/reports/days",
        get_report,
        m.ReportOut,
        "日报：按日、队列、座席、等级、小时，定义随附",
        "floor",
        query=m.ReportQuery,
        roles=_ROLES,
    ),
    Route(
        "GET",
        "/reports/days.xlsx",
        export_report,
        m.ReportOut,
        "日报导出为 XLSX（记入审计）",
        "floor",
        query=m.ReportQuery,
        roles=_ROLES,
        media=MEDIA,
    ),
)
