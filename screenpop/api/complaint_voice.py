"""What the caller said to the menu: played on the record of the complaint, and each hearing written down."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy.engine import Connection

from cti.store import repos
from cti.store.repos import qa_lists
from screenpop.api.complaint_view import GONE, may_hear
from screenpop.api.qa_models import Binary
from screenpop.api.route import ApiCall, ApiError, Route

HEARD_AGAIN = timedelta(hours=1)  # a player asks for many pieces of one file
_NAME = re.compile(r"ivr-[A-Za-z0-9.-]+")  # as the self-service names them: agi_scripts.recording
_NO_SOUND = ApiError(404, "no_audio", "这条留言的声音已按保存期限删除，或文件不在。")


async def get_voice(call: ApiCall) -> web.StreamResponse:
    complaint_id = call.path["complaint_id"]
    row = await call.ctx.db.run(lambda c: repos.complaint(c, complaint_id))
    if row is None:
        raise GONE
    if not may_hear(row, call.who):
        raise ApiError(403, "no_permission", "这件投诉由别人负责，您不能听留言。")
    file = await asyncio.to_thread(_file, call, row["recording_id"])
    if file is None:
        raise _NO_SOUND
    who, now, subject = call.who.username, call.ctx.now(), f"complaint:{complaint_id}"

    def note(conn: Connection) -> None:
        if not qa_lists.heard_since(conn, who, subject, now - HEARD_AGAIN):
            repos.add_audit(conn, at=now, who=who, action="listen", subject=subject, remote=call.remote)

    await call.ctx.db.write(note)
    return web.FileResponse(file, headers={"Content-Type": "audio/wav", "Cache-Control": "private, no-store"})


def _file(call: ApiCall, name: str) -> Path | None:
    """Where the menus left it: Asterisk's own folder, or that of the recorded legs."""
    if not _NAME.fullmatch(name):
        return None
    settings = call.ctx.settings
    for folder in (settings.asterisk.directory / "spool" / "monitor", settings.recordings):
        file = (folder / f"{name}.wav").resolve()
        if file.parent == folder.resolve() and file.is_file():
            return file
    return None


_ID: dict[str, Any] = {"complaint_id": int}
ROUTES = (
    Route(
        "GET",
        "/complaints/{complaint_id}/voice",
        get_voice,
        Binary,
        "来电者在菜单中的留言（支持 Range，记入审计）",
        "complaints",
        params=_ID,
        roles=("agent", "supervisor", "qa", "qa_lead"),
        media="audio/wav",
    ),
)
