"""Problem items: registered only with a whole remark, one open item of a kind a waybill, late ones first.

An open item of a waybill that is known stands at the waybill itself (``problem``), where the pop's look-up
finds it without asking further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.problem import LABELS, ProblemKind, Shift, due_at
from cti.domain.remark import RemarkCheck, check
from cti.errors import StateError, UsageError
from cti.store.repos import outbox
from cti.store.repos.common import known, upsert
from cti.store.repos.records import StaleVersion
from cti.store.tables import waybills
from cti.store.tables_care import OPEN, problem_items


class BadRemark(UsageError):
    """The remark is void or lacks something; `check` says what."""

    def __init__(self, found: RemarkCheck) -> None:
        super().__init__("void remark" if found.void else f"the remark lacks {'、'.join(found.missing)}")
        self.check = found


class AlreadyOpen(StateError):
    """This waybill has an open item of the kind; `item_id` is the one."""

    def __init__(self, item_id: int, code: str) -> None:
        super().__init__(f"problem item {code} is open for this waybill")
        self.item_id, self.code = item_id, code


@dataclass(frozen=True, slots=True)
class ProblemFilter:
    """Which items; empty fields mean all. `state` is open, closed or late."""

    state: str = ""
    kind: str = ""
    customer_id: int | None = None
    waybill: str = ""
    q: str = ""
    since: datetime | None = None
    until: datetime | None = None


def register_problem(
    conn: Connection,
    *,
    kind: ProblemKind,
    shift: Shift,
    remark: str,
    arose_at: datetime,
    at: datetime,
    who: str,
    same_day: bool = True,
    waybill: str = "",
    **columns: Any,
) -> int:
    """Register one; `arose_at` is local, with its zone (`cti.domain.problem.due_at`). Returns its id.

    BadRemark, and nothing is written, unless the remark is whole; AlreadyOpen for a second one.
    """
    known(problem_items, columns)
    found = check(remark)
    if not found.valid:
        raise BadRemark(found)
    values = {
        **columns,
        "kind": kind.value,
        "shift": shift.value,
        "same_day": same_day,
        "waybill": waybill,
        "remark": remark,
        "arose_at": arose_at,
        "due_at": due_at(kind, arose_at, shift, same_day=same_day),
        "registered_at": at,
        "registered_by": who,
        "code": uuid4().hex,
    }
    insert = upsert(conn.dialect.name)(problem_items).values(values)
    once = insert.on_conflict_do_nothing(index_elements=["waybill", "kind"], index_where=sa.text(OPEN))
    item_id = conn.execute(once.returning(problem_items.c.id)).scalar()
    if item_id is None:
        same = sa.select(problem_items.c.id, problem_items.c.code).where(
            problem_items.c.waybill == waybill,
            problem_items.c.kind == kind.value,
            problem_items.c.closed_at.is_(None),
        )
        there = conn.execute(same).one()
        raise AlreadyOpen(there.id, there.code)
    code = f"WT{at:%Y%m%d}-{item_id:04d}"
    conn.execute(sa.update(problem_items).where(problem_items.c.id == item_id).values(code=code))
    _tell_waybill(conn, waybill)
    told = {"code": code, "kind": kind.value, "waybill": waybill, "due_at": values["due_at"].isoformat()}
    told["customer_id"] = columns.get("customer_id")
    outbox.emit(conn, "problem.opened", f"problem:{item_id}", at=at, body=told, mark=f"{item_id}")
    return int(item_id)


def problem(conn: Connection, item_id: int) -> RowMapping | None:
    """One item."""
    return conn.execute(sa.select(problem_items).where(problem_items.c.id == item_id)).mappings().first()


def close_problem(
    conn: Connection, item_id: int, *, version: int, result: str, who: str, at: datetime
) -> int:
    """Close it with what was done; returns the new version. StateError if it is closed, StaleVersion …"""
    row = problem(conn, item_id)
    if row is None:
        raise UsageError(f"there is no problem item {item_id}")
    if row["closed_at"] is not None:
        raise StateError("a problem item that is closed cannot be closed again")
    same = sa.and_(problem_items.c.id == item_id, problem_items.c.version == version)
    values = {"closed_at": at, "closed_by": who, "result": result, "version": version + 1}
    if conn.execute(sa.update(problem_items).where(same).values(values)).rowcount != 1:
        raise StaleVersion(f"problem item {item_id} was changed by somebody else meanwhile")
    _tell_waybill(conn, row["waybill"], closed=True)
    told = {n: row[n] for n in ("code", "kind", "waybill", "customer_id")}
    outbox.emit(conn, "problem.closed", f"problem:{item_id}", at=at, body=told, mark=f"{item_id}")
    return version + 1


def list_problems(
    conn: Connection, f: ProblemFilter, *, now: datetime, limit: int = 200, offset: int = 0
) -> Sequence[RowMapping]:
    """Open ones past their deadline on top, then open ones, then closed ones, newest first."""
    p = problem_items.c
    late_first = sa.case((_overdue(now), 0), (p.closed_at.is_(None), 1), else_=2)
    query = sa.select(problem_items).where(*_conditions(f, now))
    page = query.order_by(late_first, p.registered_at.desc(), p.id.desc()).limit(limit).offset(offset)
    return conn.execute(page).mappings().all()


def count_problems(conn: Connection, f: ProblemFilter, *, now: datetime) -> dict[str, int]:
    """How many under these filters: ``total``, ``open``, ``overdue`` (open past due), ``late``."""
    p, one = problem_items.c, sa.literal(1)

    def number(of: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
        return sa.func.coalesce(sa.func.sum(sa.case((of, one), else_=0)), 0)

    query = sa.select(
        sa.func.count().label("total"),
        number(p.closed_at.is_(None)).label("open"),
        number(_overdue(now)).label("overdue"),
        number(p.registered_at > p.due_at).label("late"),
    ).where(*_conditions(f, now))
    return {
        name: int(n) for name, n in conn.execute(query.select_from(problem_items)).mappings().one().items()
    }


def problem_figures(conn: Connection, *, since: datetime, until: datetime) -> list[tuple[str, int]]:
    """滞留原因比例: how many of each kind were registered in a span, the most frequent first."""
    p, n = problem_items.c, sa.func.count()
    query = sa.select(p.kind, n).where(p.registered_at >= since, p.registered_at < until)
    return [(str(k), int(c)) for k, c in conn.execute(query.group_by(p.kind).order_by(n.desc(), p.kind))]


def _overdue(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(problem_items.c.closed_at.is_(None), problem_items.c.due_at < now)


def _conditions(f: ProblemFilter, now: datetime) -> list[sa.ColumnElement[bool]]:
    p = problem_items.c
    out: list[sa.ColumnElement[bool]] = []
    if f.state == "open":
        out.append(p.closed_at.is_(None))
    elif f.state == "closed":
        out.append(p.closed_at.is_not(None))
    elif f.state == "late":
        out.append(sa.or_(_overdue(now), p.registered_at > p.due_at))
    if f.kind:
        out.append(p.kind == f.kind)
    if f.customer_id is not None:
        out.append(p.customer_id == f.customer_id)
    if f.waybill:
        out.append(p.waybill == f.waybill)
    if f.since is not None:
        out.append(p.registered_at >= f.since)
    if f.until is not None:
        out.append(p.registered_at < f.until)
    if f.q:
        part = "%" + f.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        exact = f.q.upper()
        out.append(sa.or_(p.code == exact, p.waybill == exact, p.remark.like(part, escape="\\")))
    return out


def _tell_waybill(conn: Connection, number: str, *, closed: bool = False) -> None:
    """What is open stands at the waybill; what an import wrote stays until an item of ours replaces it."""
    if not number:
        return
    p = problem_items.c
    newest = (
        sa.select(problem_items)
        .where(p.waybill == number, p.closed_at.is_(None))
        .order_by(p.registered_at.desc(), p.id.desc())
    )
    row = conn.execute(newest.limit(1)).mappings().first()
    if row is not None:
        kind = ProblemKind(row["kind"])
        text = f"{LABELS[kind]} {row['code']}"
        values: dict[str, Any] = {
            "problem": text,
            "problem_kind": LABELS[kind],
            "problem_at": row["arose_at"],
        }
    elif closed:
        values = {"problem": "", "problem_kind": "", "problem_at": None}
    else:
        return
    conn.execute(sa.update(waybills).where(waybills.c.number == number).values(values))
