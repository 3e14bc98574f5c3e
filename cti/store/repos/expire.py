"""Retention: what is past its days goes, or loses its person where sums need it; it can be counted first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.config import EventSettings, PrivacySettings
from cti.store import tables as t
from cti.store.repos.commands import NO_NUMBER, dialled
from cti.store.repos.erase import REMEMBERED, scrubbed
from cti.store.repos.people import add_audit
from cti.store.tables_control import call_commands
from cti.store.tables_ivr import callbacks, ivr_requests, surveys
from cti.store.tables_links import audit_horizons, deliveries, erasures, hook_deliveries, outbox
from cti.store.tables_quality import recordings, transcripts

BATCH = 2000
ACTION = "expire"


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind: which rows are past their days, and what becomes of them (`values` None: they go)."""

    label: str
    table: sa.Table
    past: sa.ColumnElement[bool]
    before: datetime
    values: dict[str, Any] | None = None
    each: Callable[[Connection, list[Any]], None] | None = None


def rules(privacy: PrivacySettings, events: EventSettings, now: datetime) -> list[Rule]:
    """The rules of these settings; days count back from now, so no day's border matters."""

    def ago(days: int) -> datetime:
        return now - timedelta(days=days)

    found: list[Rule] = []
    if privacy.transcripts_days:
        before = ago(privacy.transcripts_days)
        old = sa.select(recordings.c.id).where(recordings.c.ended_at < before)
        found.append(Rule("转写文字", transcripts, transcripts.c.recording_id.in_(old), before))
    if privacy.contacts_days:
        before = ago(privacy.contacts_days)
        c, p = t.contacts.c, t.pops.c
        named = sa.or_(c.number_key != "", c.note != "", c.summary != "")
        bare = {"number_key": "", "number_display": "", "note": "", "summary": "", "ivr": {}}
        found.append(Rule("联系历史", t.contacts, sa.and_(c.at < before, named), before, bare))
        named = sa.or_(p.number_key != "", p.note != "", p.number_display != "")
        over = sa.and_(p.pbx_at < before, p.closed_at.is_not(None), named)
        bare = {"number_key": "", "number_display": "", "note": ""}
        found.append(Rule("弹屏台账", t.pops, over, before, bare, _scrub))
        late = sa.and_(call_commands.c.asked_at < before, dialled())
        found.append(Rule("转接的号码", call_commands, late, before, dict(NO_NUMBER)))
    if privacy.menu_days:
        before = ago(privacy.menu_days)
        found.append(Rule("回呼", callbacks, callbacks.c.ended_at < before, before))
        closed = sa.and_(ivr_requests.c.at < before, ivr_requests.c.state != "open")
        found.append(Rule("自助登记", ivr_requests, closed, before))
        scored = sa.and_(surveys.c.at < before, surveys.c.number_key != "")
        found.append(Rule("评分的号码", surveys, scored, before, {"number_key": ""}))
    before = ago(privacy.hooks_days)
    found.append(Rule("推送记录", hook_deliveries, hook_deliveries.c.at < before, before))
    before = ago(events.keep_days)
    waits = sa.exists().where(deliveries.c.event_id == outbox.c.id, deliveries.c.state == "waiting")
    newest = sa.select(sa.func.max(outbox.c.seq)).scalar_subquery()  # the count goes on from it
    gone = sa.and_(outbox.c.at < before, outbox.c.seq < newest, ~waits)
    found.append(Rule("对外事件", outbox, gone, before))
    if privacy.audit_days:
        before = ago(privacy.audit_days)
        found.append(Rule("审计", t.audit, t.audit.c.at < before, before))
    return found


def expire(
    conn: Connection, rule: Rule, *, dry_run: bool, now: datetime, who: str = "system", limit: int = BATCH
) -> int:
    """One batch of a rule; how many rows (with `dry_run`: how many there are in all)."""
    if dry_run:
        query = sa.select(sa.func.count()).select_from(rule.table).where(rule.past)
        return int(conn.execute(query).scalar_one())
    id_ = rule.table.c.id
    ids = list(conn.execute(sa.select(id_).where(rule.past).order_by(id_).limit(limit)).scalars())
    if not ids:
        return 0
    if rule.table is t.audit:
        conn.execute(sa.insert(audit_horizons).values(at=now, until=rule.before, who=who))
    if rule.each is not None:
        rule.each(conn, ids)
    if rule.values is None:
        conn.execute(sa.delete(rule.table).where(id_.in_(ids)))
    else:
        conn.execute(sa.update(rule.table).where(id_.in_(ids)).values(rule.values))
    return len(ids)


def done(conn: Connection, counts: dict[str, int], *, now: datetime, who: str) -> None:
    """Write down that it was done; hashes of erased numbers are forgotten too."""
    conn.execute(sa.update(erasures).where(erasures.c.at < now - REMEMBERED).values(keys={}))
    add_audit(conn, at=now, who=who, action=ACTION, detail={k: n for k, n in counts.items() if n})


def last_done(conn: Connection) -> datetime | None:
    """When it was last done by a service."""
    a = t.audit.c
    query = sa.select(sa.func.max(a.at)).where(a.action == ACTION, a.who == "system")
    found: datetime | None = conn.execute(query).scalar()
    return found


def _scrub(conn: Connection, ids: list[Any]) -> None:
    p = t.pops.c
    for row in conn.execute(sa.select(p.id, p.snapshot).where(p.id.in_(ids))).all():
        conn.execute(sa.update(t.pops).where(p.id == row.id).values(snapshot=scrubbed(row.snapshot or {})))
