"""The audit log: who saw and changed what, for admins and supervisors, with export."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from cti.domain.audit import ACTIONS
from cti.store import repos
from cti.store.repos.audit import AuditFilter, all_audit, find_audit
from screenpop.api import admin_models as m
from screenpop.api.route import ApiCall, Route
from screenpop.api.xlsx import MEDIA, local_text, sheet_of

LISTS_S = 10.0
EXPORT_MOST = 20_000
_HEAD = ("时间", "谁", "操作", "对象", "详情", "来自")
_READERS = ("admin", "supervisor")


async def list_audit(call: ApiCall) -> m.AuditOut:
    q = call.query(m.AuditQuery)
    f = _filter(q)
    rows = await call.ctx.db.run(lambda c: find_audit(c, f, before=q.before, limit=q.limit), deadline=LISTS_S)
    items = tuple(m.AuditEntry(**r, label=ACTIONS.get(r["action"], r["action"])) for r in rows)
    return m.AuditOut(items=items, actions=dict(ACTIONS))


async def export_audit(call: ApiCall) -> web.StreamResponse:
    q, now, zone = call.query(m.AuditQuery), call.ctx.now(), ZoneInfo(call.ctx.settings.timezone)
    f = _filter(q)
    rows = await call.ctx.db.run(lambda c: list(all_audit(c, f, EXPORT_MOST)), deadline=60.0)
    by: dict[str, Any] = {"who": call.who.username, "remote": call.remote, "at": now}
    detail = {"rows": len(rows)}
    await call.ctx.db.write(
        lambda c: repos.add_audit(c, action="export", subject="audit", detail=detail, **by)
    )

    def build() -> bytes:
        book = Workbook()
        first = book.active
        sheet = first if isinstance(first, Worksheet) else book.create_sheet()
        sheet.title = "审计"
        sheet_of(sheet, _HEAD, (_row(r, zone) for r in rows))
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    data = await asyncio.to_thread(build)
    return web.Response(
        body=data,
        content_type=MEDIA,
        headers={"Content-Disposition": f'attachment; filename="audit-{now:%Y%m%d}.xlsx"'},
    )


def _row(r: Mapping[Any, Any], zone: ZoneInfo) -> tuple[Any, ...]:
    detail = "；".join(f"{name}：{value}" for name, value in r["detail"].items())
    action = ACTIONS.get(r["action"], r["action"])
    return (local_text(r["at"], zone), r["who"], action, r["subject"], detail[:1000], r["remote"])


def _filter(q: m.AuditQuery) -> AuditFilter:
    return AuditFilter(q.who, q.action, q.subject, q.since, q.until)


ROUTES = (
    Route(
        *("GET", "/audit", list_audit, m.AuditOut, "审计记录，新的在前", "admin"),
        query=m.AuditQuery,
        roles=_READERS,
    ),
    Route(
        *("GET", "/audit/export.xlsx", export_audit, m.AuditOut, "导出审计（本身也记入审计）", "admin"),
        query=m.AuditQuery,
        roles=_READERS,
        media=MEDIA,
    ),
)
