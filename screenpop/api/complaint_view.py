"""Complaints as one person sees them: numbers hidden, and what may be done now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection, RowMapping

from cti.domain.complaint import PENDING, ComplaintState, actions, may
from cti.domain.complaint_clock import LEVELS
from cti.domain.phone import parse
from cti.domain.review import SEEN_BY_AGENT, ReviewState
from cti.store import repos
from cti.store.repos import complaint_lists as lists
from screenpop import card
from screenpop.api import complaint_models as m
from screenpop.api.route import ApiCall, ApiError
from screenpop.auth import Principal

GONE = ApiError(404, "no_such_complaint", "没有找到这条投诉。")
Row = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One complaint with everything that it is joined to."""

    row: RowMapping
    steps: Sequence[RowMapping]
    recordings: Sequence[RowMapping]


def filter_of(call: ApiCall, query: m.BoardQuery) -> lists.ComplaintFilter:
    """The filter that the query asks for."""
    return lists.ComplaintFilter(
        state="" if query.state == "all" else query.state,
        category=query.category,
        department=query.department,
        cause=query.cause,
        owner=call.who.username if query.owner == "me" else query.owner,
        level=query.level,
        late_at=call.ctx.now() if query.late else None,
        customer_id=query.customer_id,
        since=query.since,
        until=query.until,
        q=query.q.strip(),
    )


def read(conn: Connection, complaint_id: int) -> Found | None:
    """One complaint, whole."""
    rows = lists.find_complaints(conn, lists.ComplaintFilter(id=complaint_id), limit=1)
    if not rows:
        return None
    steps = repos.complaint_history(conn, complaint_id)
    return Found(rows[0], steps, lists.recordings_of(conn, rows[0]))


def editable(row: Row, who: Principal) -> bool:
    """Whether this person may edit the fields: supervisors, and agents what is theirs or nobody's yet."""
    if ComplaintState(row["state"]) in (ComplaintState.CLOSED, ComplaintState.WITHDRAWN):
        return False
    if who.has("supervisor"):
        return True
    return who.has("agent") and row["owner"] in ("", who.username)


def may_hear(row: Row, who: Principal) -> bool:
    """What the caller said to the menu: supervisors, the QA desk, agents what is theirs or nobody's yet."""
    return who.has("supervisor", "qa", "qa_lead") or (who.has("agent") and row["owner"] in ("", who.username))


class View:
    """What one request shows."""

    def __init__(self, call: ApiCall, now: datetime) -> None:
        self._call, self._now = call, now
        self._hide = card.mask_text if call.masked else str

    def item(self, row: Row) -> m.BoardItem:
        """One card of the board."""
        return m.BoardItem(**self._known(row))

    def whole(self, found: Found) -> m.ComplaintOut:
        """The record with its steps, its recordings and what this person may do."""
        row, who = found.row, self._call.who
        state = ComplaintState(row["state"])
        known = self._known(row)
        allowed = [a for a in actions(state) if may(a, who.roles, who=who.username, owner=row["owner"])]
        return m.ComplaintOut(
            **known,
            text=self._hide(row["detail"] or row["summary"]),
            result=self._hide(row["result"]),
            told_at=row["told_at"],
            told_by=row["told_by"],
            told_how=row["told_how"],
            closed_at=row["closed_at"],
            level_label=LEVELS[known["level"]],
            voice_message=bool(row["recording_id"]),
            voice_open=bool(row["recording_id"]) and may_hear(row, who),
            node=row["node"],
            linkedid=row["linkedid"],
            recordings=tuple(self._recording(r) for r in found.recordings),
            steps=tuple(self.step(s) for s in found.steps),
            actions=tuple(allowed),
            editable=editable(row, who),
        )

    def step(self, row: Row) -> m.ComplaintStep:
        """One step."""
        names = ("at", "who", "action", "from_state", "to_state")
        changes = {
            name: [self._hide(v) if isinstance(v, str) else v for v in values]
            for name, values in (row["changes"] or {}).items()
        }
        return m.ComplaintStep(
            **{n: row[n] for n in names},
            note=self._hide(row["note"]),
            result=self._hide(row["result"]),
            changes=changes,
        )

    def _known(self, row: Row) -> dict[str, Any]:
        ctx = self._call.ctx
        state, due = ComplaintState(row["state"]), row["due_at"]
        number = parse(row["number_display"], ctx.plan) if row["number_display"] else None
        shown = "" if number is None else number.masked if self._call.masked else number.display
        tier = None
        if row["tier_id"]:
            tier = m.BoardTier(scheme=row["tier_scheme"], id=row["tier_id"], label=row["tier_label"])
        same = (
            *("id", "opened_at", "category", "state", "waybill", "due_at", "code", "customer_id"),
            *("department", "owner", "cause", "opened_by", "channel", "promised_at", "call_at", "version"),
        )
        return {
            **{name: row[name] for name in same},
            "summary": self._hide(row["summary"]),
            "caller": self._hide(row["caller_name"]),
            "customer_name": self._hide(row["customer_name"] or ""),
            "number": shown,
            "tier": tier,
            # between two looks of the escalation the clock has gone on
            "level": max(row["level"], ctx.deadlines.level(state, due, self._now)),
            "late": state in PENDING and due is not None and due < self._now,
        }

    def _recording(self, row: Row) -> m.CallRecording:
        who = self._call.who
        inside = who.has("qa", "qa_lead", "supervisor")
        published = row["review_state"] is not None and ReviewState(row["review_state"]) in SEEN_BY_AGENT
        own = bool(who.agent) and who.agent == row["agent"] and published
        return m.CallRecording(
            id=row["id"],
            agent=row["agent"],
            started_at=row["started_at"],
            seconds=row["bridge_s"],
            transcribed=bool(row["transcribed"]),
            score=row["score"] if inside or own else None,
            open=inside or own,
        )


def figures(
    since: datetime, until: datetime, counted: Mapping[str, Any], kinds: Sequence[tuple[str, int]]
) -> m.ComplaintFigures:
    """Counts with their shares."""

    def shares(of: Sequence[tuple[str, int]]) -> tuple[m.Share, ...]:
        total = sum(n for _, n in of)
        return tuple(m.Share(name=name, count=n, share=round(n / total, 4)) for name, n in of)

    return m.ComplaintFigures(
        since=since,
        until=until,
        total=counted["total"],
        in_time=counted["in_time"],
        late=counted["late"],
        category=shares(counted["category"]),
        department=shares(counted["department"]),
        cause=shares(counted["cause"]),
        problem_kind=shares(kinds),
    )
