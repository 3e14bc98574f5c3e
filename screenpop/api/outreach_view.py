"""Tasks as one person sees them: names and numbers masked, the script filled in, what may be done now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain import interview
from cti.domain.outreach import LIVE, NO_CALL, TaskKind, TaskState, actions, may
from cti.domain.phone import parse
from cti.domain.script import script
from cti.store.repos import outreach
from cti.store.repos.dialling import attempts_of
from cti.store.repos.outreach_lists import TaskFilter, find_tasks
from cti.store.tables import numbers
from screenpop import card
from screenpop.api import dial
from screenpop.api import outreach_models as m
from screenpop.api.route import ApiCall, ApiError

GONE = ApiError(404, "no_such_task", "没有找到这个任务，可能已被删除。")
Row = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One task with everything around it."""

    row: RowMapping
    steps: Sequence[RowMapping]
    scores: Mapping[str, int]
    numbers: Sequence[RowMapping]
    calls: Sequence[RowMapping]


def filter_of(call: ApiCall, query: m.TaskQuery) -> TaskFilter:
    """The filter that the query asks for; agents see what is theirs or nobody's."""
    who, owner = call.who, query.owner
    return TaskFilter(
        state="" if query.state == "all" else query.state,
        kind=query.kind,
        owner={"": None, "me": who.username, "nobody": ""}.get(owner, owner),
        seen_by="" if who.has("supervisor", "qa_lead") else who.username,
        late_at=call.ctx.now() if query.late else None,
        due_before=query.due_before,
        customer_id=query.customer_id,
        since=query.since,
        until=query.until,
        q=query.q.strip(),
    )


def visible(call: ApiCall, row: Row) -> bool:
    """Whether this person may see the task at all."""
    return call.who.has("supervisor", "qa_lead") or row["owner"] in ("", call.who.username)


def read(conn: Connection, task_id: int) -> Found | None:
    """One task, whole."""
    rows = find_tasks(conn, TaskFilter(id=task_id), limit=1)
    if not rows:
        return None
    row = rows[0]
    mine = sa.select(numbers).where(numbers.c.customer_id == row["customer_id"]).limit(20)
    mine = mine.order_by(sa.desc(numbers.c.label == "移动电话"), numbers.c.id)
    stored = conn.execute(mine).mappings().all() if row["customer_id"] is not None else []
    return Found(
        row,
        outreach.steps_of(conn, task_id),
        outreach.scores_of(conn, task_id),
        stored,
        attempts_of(conn, task_id),
    )


def troubles(kind: TaskKind, answers: Mapping[str, str]) -> tuple[m.TroubleOut, ...]:
    """What the answers call for."""
    found = interview.troubles(kind, answers)
    return tuple(m.TroubleOut(text=t.text, category=t.category, problem=t.problem) for t in found)


class View:
    """What one request shows."""

    def __init__(self, call: ApiCall, now: datetime) -> None:
        self._call, self._now = call, now
        self._hide = card.mask_text if call.masked else str

    def item(self, row: Row) -> m.TaskItem:
        """One line."""
        return m.TaskItem(**self._known(row))

    def whole(self, found: Found) -> m.TaskOut:
        """The task with its script, questions, numbers, calls and steps."""
        row, who = found.row, self._call.who
        kind, state = TaskKind(row["kind"]), TaskState(row["state"])
        known = self._known(row)
        said = script(
            kind,
            name=card.surname(known["name"]) if row["customer_title"] else known["name"],
            title=row["customer_title"] or "",
            company=self._call.ctx.settings.company,
            detail=self._hide(row["detail"]),
        )
        allowed = [a for a in actions(state) if may(a, who.roles, who=who.username, owner=row["owner"])]
        called = state in LIVE and kind not in NO_CALL
        return m.TaskOut(
            **known,
            detail=self._hide(row["detail"]),
            created_at=row["created_at"],
            parent_id=row["parent_id"],
            script=tuple(m.ScriptLine(rule=s.rule, text=s.text) for s in said) if kind not in NO_CALL else (),
            questions=tuple(_question(q) for q in interview.QUESTIONS.get(kind, ())),
            answers=row["answers"],
            scores=dict(found.scores),
            troubles=troubles(kind, row["answers"]),
            numbers=self._numbers(found),
            calls=tuple(dial.shown(self._call, c) for c in found.calls if c["ended_at"] is not None),
            steps=tuple(self.step(s) for s in found.steps),
            actions=tuple(allowed),
            callable=called and "agent" in who.roles and row["owner"] in ("", who.username),
        )

    def step(self, row: Row) -> m.TaskStep:
        """One step."""
        names = ("at", "who", "action", "from_state", "to_state")
        return m.TaskStep(**{n: row[n] for n in names}, note=self._hide(row["note"]))

    def _numbers(self, found: Found) -> tuple[m.TaskNumber, ...]:
        own = found.row["number_display"]
        shown = [m.TaskNumber(number_id=None, display=self._number(own), label="")] if own else []
        key = found.row["number_key"]
        shown += [
            m.TaskNumber(number_id=n["id"], display=self._number(n["display"]), label=n["label"])
            for n in found.numbers
            if n["key"] != key
        ]
        return tuple(shown)

    def _number(self, text: str) -> str:
        number = parse(text, self._call.ctx.plan)
        return number.masked if self._call.masked else number.display

    def _known(self, row: Row) -> dict[str, Any]:
        tier = None
        if row["tier_id"]:
            tier = m.TaskTier(scheme=row["tier_scheme"], id=row["tier_id"], label=row["tier_label"])
        same = ("id", "kind", "state", "customer_id", "waybill", "complaint_id", "due_at", "owner")
        more = ("outcome", "ended_at", "version")
        return {
            **{name: row[name] for name in (*same, *more)},
            "title": self._hide(row["title"]),
            "result": self._hide(row["result"]),
            "name": self._hide(row["customer_name"] or row["name"]),
            "company": self._hide(row["customer_company"] or ""),
            "tier": tier,
            "late": TaskState(row["state"]) in LIVE and row["due_at"] < self._now,
        }


def _question(q: interview.Question) -> m.QuestionOut:
    return m.QuestionOut(id=q.id, text=q.text, choices=dict(q.choices), must=q.must, after=q.after)
