"""Imports by upload and exports as files, for supervisors and admins; each in the audit log."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from cti.errors import StateError, UsageError
from cti.store.exports import export_file
from cti.store.tables import imports
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.api.xlsx import MEDIA
from screenpop.imports import Job, shown

BINARY = "application/octet-stream"
MAX_FILE = 100 * 1024 * 1024
EXPORT_MOST = 200_000
UPLOAD_S = 300.0
_ROLES = ("supervisor", "admin")
_PLAIN = re.compile(r"[^\w.\- （）()]")


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ImportQuery(_In):
    name: str = Field(min_length=1, max_length=200, description="文件名")
    dry_run: bool = Field(True, description="只检查，不写入")
    skip_bad: bool = Field(False, description="有坏行时仍导入好行")


class ExportQuery(_In):
    form: Literal["xlsx", "csv"] = "xlsx"


class FaultOut(BaseModel):
    line: int
    column: str
    reason: str


class JobOut(BaseModel):
    id: str
    kind: str
    file_name: str
    dry_run: bool
    who: str
    state: Literal["running", "done", "refused", "failed"]
    step: str
    rows: int
    created: int
    changed: int
    unchanged: int
    bad: int
    written: bool
    already: datetime | None = Field(description="同一文件以前导入过的时间")
    tiers_changed: int | None
    faults: tuple[FaultOut, ...] = Field(description="最多 200 条")
    warnings: tuple[str, ...]
    error: str
    started_at: datetime
    finished_at: datetime | None


class ImportRow(BaseModel):
    kind: str
    file_name: str
    who: str
    finished_at: datetime
    rows: int
    created: int
    changed: int
    unchanged: int
    bad: int


class ImportsOut(BaseModel):
    """`job` is the upload that runs or ran last in this service; `items` everything that was written."""

    job: JobOut | None
    items: tuple[ImportRow, ...]


async def upload(call: ApiCall) -> JobOut:
    query, kind = call.query(ImportQuery), str(call.path["kind"])
    if kind not in ("customers", "waybills", "orders", "payments"):
        raise ApiError(404, "no_such_kind", "没有这种导入。")
    work = call.ctx.imports
    if work is None or work.busy:
        raise ApiError(409, "import_running", "另一个导入正在进行，请等它结束。")
    name = _PLAIN.sub("_", query.name)
    file = await _save(call, ".xlsx" if name.lower().endswith(".xlsx") else ".csv")
    try:
        how = {"dry_run": query.dry_run, "skip_bad": query.skip_bad}
        job = work.start(kind, file, name, who=call.who.username, **how)
    except StateError:
        await asyncio.to_thread(_away, file)
        raise ApiError(409, "import_running", "另一个导入正在进行，请等它结束。") from None
    return _out(job)


async def _save(call: ApiCall, ending: str) -> Path:
    """The upload as a file of ours; its name has nothing of the uploader's."""
    if call.upload is None:
        raise ApiError(400, "no_body", "请求缺少文件。")
    handle, path = tempfile.mkstemp(prefix="laidian-import-", suffix=ending)
    size = 0
    try:
        with os.fdopen(handle, "wb") as out:
            async with asyncio.timeout(UPLOAD_S):
                async for chunk in call.upload.iter_chunked(1 << 18):
                    size += len(chunk)
                    if size > MAX_FILE:
                        raise ApiError(413, "too_large", "文件超过 100 MB，请拆分，或用 laidian import。")
                    await asyncio.to_thread(out.write, chunk)
        if size == 0:
            raise ApiError(400, "no_body", "文件是空的。")
    except BaseException as e:
        await asyncio.to_thread(_away, Path(path))
        if isinstance(e, TimeoutError):
            raise ApiError(408, "upload_late", "上传太慢，请重试。") from None
        raise
    return Path(path)


def _away(file: Path) -> None:
    file.unlink(missing_ok=True)


async def list_imports(call: ApiCall) -> ImportsOut:
    def read(conn: Connection) -> tuple[ImportRow, ...]:
        query = sa.select(imports).order_by(imports.c.id.desc()).limit(50)
        names = ImportRow.model_fields
        return tuple(ImportRow(**{n: r[n] for n in names}) for r in conn.execute(query).mappings())

    rows = await call.ctx.db.run(read)
    jobs = list(call.ctx.imports.jobs.values()) if call.ctx.imports is not None else []
    return ImportsOut(job=_out(jobs[-1]) if jobs else None, items=rows)


async def get_import(call: ApiCall) -> JobOut:
    job = call.ctx.imports.jobs.get(str(call.path["job_id"])) if call.ctx.imports is not None else None
    if job is None:
        raise ApiError(404, "no_such_import", "没有找到这次导入，可能已过去太久。")
    return _out(job)


def _out(job: Job) -> JobOut:
    return JobOut(**shown(job))


async def export(call: ApiCall) -> web.StreamResponse:
    kind, form, at = str(call.path["kind"]), call.query(ExportQuery).form, call.ctx.now()
    if kind not in ("customers", "waybills", "orders", "payments", "complaints"):
        raise ApiError(404, "no_such_kind", "没有这种导出。")
    handle, path = tempfile.mkstemp(prefix="laidian-export-", suffix=f".{form}")
    os.close(handle)
    file = Path(path)
    by: dict[str, Any] = {"at": at, "who": call.who.username, "remote": call.remote}
    try:
        await asyncio.to_thread(export_file, call.ctx.db, kind, file, most=EXPORT_MOST, **by)
        data = await asyncio.to_thread(file.read_bytes)
    except UsageError:
        words = f"超过 {EXPORT_MOST} 行，请在服务器上用 laidian export。"
        raise ApiError(422, "too_many", words) from None
    finally:
        await asyncio.to_thread(_away, file)
    name = f"{kind}-{at:%Y%m%d}.{form}"
    return web.Response(
        body=data,
        content_type=MEDIA if form == "xlsx" else "text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


ROUTES = (
    Route(
        *("POST", "/imports/{kind}", upload, JobOut, "上传并导入（先 dry_run 检查）", "admin"),
        params={"kind": str},
        query=ImportQuery,
        roles=_ROLES,
        takes=BINARY,
        status=202,
        errors=(400, 408, 409, 413),
    ),
    Route("GET", "/imports", list_imports, ImportsOut, "导入记录，新的在前", "admin", roles=_ROLES),
    Route(
        *("GET", "/imports/jobs/{job_id}", get_import, JobOut, "一次导入的进度与错误（行号与原因）", "admin"),
        params={"job_id": str},
        roles=_ROLES,
    ),
    Route(
        *("GET", "/exports/{kind}", export, ImportsOut, "导出，列名与导入相同（记入审计）", "admin"),
        params={"kind": str},
        query=ExportQuery,
        roles=_ROLES,
        media=BINARY,
    ),
)
