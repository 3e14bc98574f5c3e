"""The statistics page: everything that it draws in one answer, and the same as a workbook."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy.engine import Connection

from cti.store import repos
from cti.store.repos import statistics as store
from cti.store.repos import value
from cti.store.repos.complaint_lists import complaint_figures
from screenpop.api import statistics_models as m
from screenpop.api import statistics_xlsx
from screenpop.api.complaint_models import Share
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.api.value_models import TierCount
from screenpop.api.xlsx import MEDIA

FIGURES_S = 30.0
DAYS, MOST_DAYS = 30, 400
_READERS = ("supervisor", "qa_lead")


async def statistics(call: ApiCall) -> m.StatisticsOut:
    first, last = _days(call)
    return await call.ctx.db.run(lambda c: _figures(c, call, first, last), deadline=FIGURES_S)


async def export_statistics(call: ApiCall) -> web.StreamResponse:
    first, last = _days(call)
    figures = await call.ctx.db.run(lambda c: _figures(c, call, first, last), deadline=FIGURES_S)
    told = {"first": first.isoformat(), "last": last.isoformat()}
    at, who, remote = call.ctx.now(), call.who.username, call.remote
    await call.ctx.db.write(
        lambda c: repos.add_audit(
            c, at=at, who=who, action="export", subject="statistics", detail=told, remote=remote
        )
    )
    data = await asyncio.to_thread(statistics_xlsx.workbook, figures, call.ctx.settings)
    name = f"statistics-{first:%Y%m%d}-{last:%Y%m%d}.xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=data, content_type=MEDIA, headers=headers)


def _days(call: ApiCall) -> tuple[date, date]:
    query, today = call.query(m.StatisticsQuery), call.ctx.now().astimezone(_zone(call)).date()
    last = query.last or today
    first = query.first or last - timedelta(days=DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise ApiError(422, "invalid", f"统计的时间段要在 {MOST_DAYS} 天以内，且不能倒过来。")
    return first, last


def _zone(call: ApiCall) -> ZoneInfo:
    return ZoneInfo(call.ctx.settings.timezone)


def _figures(conn: Connection, call: ApiCall, first: date, last: date) -> m.StatisticsOut:
    zone, now = _zone(call), call.ctx.now()
    span = _midnight(first, zone), _midnight(last + timedelta(days=1), zone)
    causes = complaint_figures(conn, since=span[0], until=span[1], now=now)
    kinds = store.problem_kinds(conn, span, now=now)
    scores = store.satisfaction(conn, span, zone)
    about = store.reasons(conn, span)
    menus = store.self_service(conn, span)
    of_both = menus["served"] + menus["to_person"]
    everything = sum(k["n"] for k in kinds)
    return m.StatisticsOut(
        first=first,
        last=last,
        at=now,
        tiers=_tiers(conn, call, span, zone),
        complaints=m.ComplaintPart(
            total=causes["total"],
            days=tuple(
                m.DayCount(day=d["day"], count=d["n"]) for d in store.complaint_days(conn, span, zone)
            ),
            category=_shares(causes["category"]),
            department=_shares(causes["department"]),
            cause=_shares(causes["cause"]),
            answers=tuple(m.Answered(count=a.pop("n"), **a) for a in store.answers(conn, span, now=now)),
        ),
        problems=tuple(
            m.ProblemKindCount(count=k["n"], share=round(k.pop("n") / everything, 4), **k) for k in kinds
        ),
        satisfaction=m.SatisfactionPart(
            scores=tuple(n for _, n in scores["scores"]),
            mean=scores["mean"],
            days=tuple(m.ScoreDay(count=d.pop("n"), **d) for d in scores["days"]),
        ),
        contacts=m.ContactPart(
            channels=_counts(about["channels"]), dispositions=_shares(about["dispositions"])
        ),
        self_service=m.SelfServicePart(
            served=menus["served"],
            to_person=menus["to_person"],
            share=round(menus["served"] / of_both, 4) if of_both else None,
            uses=_counts(menus["uses"]),
            requests=_counts(menus["requests"]),
            complaints=menus["complaints"],
            callbacks=_counts(menus["callbacks"]),
        ),
    )


def _tiers(conn: Connection, call: ApiCall, span: store.Span, zone: ZoneInfo) -> m.TierFigures | None:
    plan = call.ctx.tier_plan
    if plan is None:
        return None
    scheme = plan.active
    moved = store.tier_moves(conn, scheme.name, span, zone)
    labels = {t.id: t.label for t in scheme.tiers}
    return m.TierFigures(
        scheme=scheme.name,
        label=scheme.label,
        tiers=tuple(TierCount(**t) for t in value.distribution(conn, scheme, value.Filter())),
        up=sum(d["up"] for d in moved["days"]),
        down=sum(d["down"] for d in moved["days"]),
        days=tuple(m.MoveDay(**d) for d in moved["days"]),
        moves=tuple(
            m.Move(
                from_tier=labels.get(w["from_tier_id"], w["from_tier_id"]),
                tier=labels.get(w["tier_id"], w["tier_id"]),
                up=w["step"] > 0,
                count=w["n"],
            )
            for w in moved["ways"]
        ),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _counts(of: Sequence[tuple[str, int]]) -> tuple[m.Counted, ...]:
    return tuple(m.Counted(name=name, count=n) for name, n in of)


def _shares(of: Sequence[tuple[str, int]]) -> tuple[Share, ...]:
    total = sum(n for _, n in of)
    return tuple(Share(name=name, count=n, share=round(n / total, 4)) for name, n in of)


def _route(path: str, handler: Any, summary: str, **more: Any) -> Route:
    return Route(
        "GET",
        path,
        handler,
        m.StatisticsOut,
        summary,
        "statistics",
        query=m.StatisticsQuery,
        roles=_READERS,
        **more,
    )


ROUTES = (
    _route("/statistics", statistics, "一段日子的统计：等级、投诉、问题件、满意度、联系、自助"),
    _route("/statistics/export.xlsx", export_statistics, "导出统计（记入审计）", media=MEDIA),
)
