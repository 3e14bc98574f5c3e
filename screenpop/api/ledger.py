"""The ledger of pops for supervisors: every step with its time, and when the PBX was not heard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.config import SoftphoneSettings
from cti.domain.phone import parse
from cti.store import repos
from cti.store.repos.commands import count_commands
from cti.store.repos.phone import quality_of
from cti.store.tables import pops
from screenpop.api import models as m
from screenpop.api.route import ApiCall, Route

GAPS_SINCE = timedelta(days=7)


async def get_ledger(call: ApiCall) -> m.LedgerOut:
    query, now, masked = call.query(m.LedgerQuery), call.ctx.now(), call.masked

    def read(
        conn: Connection,
    ) -> tuple[list[RowMapping], dict[str, list[RowMapping]], dict[tuple[str, str], int], list[RowMapping]]:
        select = sa.select(pops).order_by(pops.c.pbx_at.desc()).limit(query.limit)
        if query.agent:
            select = select.where(pops.c.agent == query.agent)
        if query.open:
            select = select.where(pops.c.closed_at.is_(None))
        found = list(conn.execute(select).mappings())
        voices = quality_of(conn, [row["id"] for row in found])
        pressed = count_commands(conn, [(row["node"], row["linkedid"]) for row in found])
        return found, voices, pressed, list(repos.list_gaps(conn, since=now - GAPS_SINCE, limit=200))

    rows, voices, pressed, gaps = await call.ctx.db.run(read)
    return m.LedgerOut(
        items=tuple(
            _row(
                call,
                dict(row),
                voices.get(row["id"], []),
                pressed.get((row["node"], row["linkedid"]), 0),
                masked=masked,
            )
            for row in rows
        ),
        gaps=tuple(
            m.GapRow(node=g["node"], since=g["since"], until=g["until"], reason=g["reason"]) for g in gaps
        ),
    )


def _row(
    call: ApiCall, row: Mapping[str, Any], voices: Iterable[RowMapping], pressed: int, *, masked: bool
) -> m.LedgerRow:
    number = parse(row["number_display"], call.ctx.plan)
    return m.LedgerRow(
        id=row["id"],
        node=row["node"],
        linkedid=row["linkedid"],
        agent=row["agent"],
        queue=row["queue"],
        number=number.masked if masked else number.display,
        outcome=row["outcome"],
        pbx_at=row["pbx_at"],
        received_at=row["received_at"],
        looked_up_at=row["looked_up_at"],
        pushed_at=row["pushed_at"],
        acked_at=row["acked_at"],
        answered_at=row["answered_at"],
        closed_at=row["closed_at"],
        final=row["reason"] or row["state"],
        by=str(row["snapshot"].get("by", "")),
        lookup_ms=_ms(row["received_at"], row["looked_up_at"]),
        push_ms=_ms(row["received_at"], row["pushed_at"]),
        ack_ms=_ms(row["pushed_at"], row["acked_at"]),
        # a page that was opened later has it from its snapshot: that is no time of ours
        total_ms=_ms(row["pbx_at"], row["acked_at"]) if row["pushed_at"] is not None else None,
        recovered=bool(row["recovered"]),
        voice=tuple(_voice(v, call.ctx.settings.softphone) for v in voices),
        pressed=pressed,
    )


def _voice(row: RowMapping, limits: SoftphoneSettings) -> m.Voice:
    measures = {n: row[n] for n in ("rtt_ms", "rtt_max_ms", "jitter_ms", "jitter_max_ms")}
    shares = {n: row[n] for n in ("loss_in", "loss_out")}
    bad = (
        (row["rtt_ms"] or 0) > limits.rtt_ms
        or (row["jitter_ms"] or 0) > limits.jitter_ms
        or any((share or 0) * 100 > limits.loss_percent for share in shares.values())
        or (row["silent_s"] or 0) > limits.silent_s
    )
    return m.Voice(
        seconds=row["seconds"], silent_s=row["silent_s"], codec=row["codec"], bad=bad, **measures, **shares
    )


def _ms(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return round((end - start).total_seconds() * 1000, 3)


ROUTES = (
    Route(
        "GET",
        "/ledger",
        get_ledger,
        m.LedgerOut,
        "弹屏台账与连接中断",
        "ledger",
        query=m.LedgerQuery,
        roles=("supervisor",),
    ),
)
