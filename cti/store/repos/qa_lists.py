"""Recorded calls as the QA desk lists them: filters, paging, and the figures of its dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.review import SEEN_BY_AGENT, ReviewState
from cti.store.tables import audit, complaints, customers, pops, users
from cti.store.tables_quality import recordings, review_events, reviews, scores, speech_jobs

_NOT = "-"
SORTS = ("-started", "started", "score", "-score")


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls; empty fields mean all. `own` limits to what an agent may see of himself."""

    agent: str = ""
    agents: Sequence[str] | None = None  # a supervisor's team
    team: Sequence[str] | None = None  # the team that was asked for
    own: str = ""
    queue: str = ""
    since: datetime | None = None
    until: datetime | None = None
    score_min: float | None = None
    score_max: float | None = None
    fatal: bool = False
    complaint: bool | None = None
    rule: str = ""
    verdict: str = ""
    state: str = ""
    reason: str = ""
    job: str = ""
    inspector: str = ""
    sample: int | None = None
    search: str = ""
    ids: Sequence[str] | None = None


def shown_score() -> sa.ColumnElement[Any]:
    """Final, else manual, else automatic."""
    return sa.func.coalesce(reviews.c.final_score, reviews.c.manual_score, reviews.c.auto_score)


def complained() -> sa.ColumnElement[bool]:
    """Whether the call has a complaint record."""
    return sa.exists().where(
        complaints.c.node == recordings.c.node, complaints.c.linkedid == recordings.c.linkedid
    )


def _conditions(f: CallFilter) -> list[sa.ColumnElement[bool]]:
    out: list[sa.ColumnElement[bool]] = [recordings.c.state != "recording"]
    if f.own:
        out += [recordings.c.agent == f.own, reviews.c.state.in_([s.value for s in SEEN_BY_AGENT])]
    out += [recordings.c.agent.in_(list(some)) for some in (f.agents, f.team) if some is not None]
    if f.ids is not None:
        out.append(recordings.c.id.in_(list(f.ids)))
    equal = (
        (recordings.c.agent, f.agent),
        (recordings.c.queue, f.queue),
        (reviews.c.state, f.state),
        (reviews.c.reason, f.reason),
        (speech_jobs.c.state, f.job),
        (reviews.c.inspector, f.inspector),
    )
    out += [column == value for column, value in equal if value]
    if f.since is not None:
        out.append(recordings.c.started_at >= f.since)
    if f.until is not None:
        out.append(recordings.c.started_at < f.until)
    if f.score_min is not None:
        out.append(shown_score() >= f.score_min)
    if f.score_max is not None:
        out.append(shown_score() <= f.score_max)
    if f.sample is not None:
        out.append(reviews.c.sample_id == f.sample)
    if f.fatal:
        out.append(reviews.c.has_fatal)
    if f.complaint is not None:
        out.append(complained() if f.complaint else sa.not_(complained()))
    if f.rule or f.verdict:
        out.append(_verdict(f.rule, f.verdict or "fail"))
    if f.search:
        out.append(_search(f.search))
    return out


def _verdict(rule: str, verdict: str) -> sa.ColumnElement[bool]:
    if rule:
        return sa.cast(reviews.c.current[rule].as_string(), sa.Text) == sa.literal(verdict)
    # any rule: the stored object is small, and so is the set that the other filters leave
    return sa.cast(reviews.c.current, sa.Text).like(f'%"{verdict}"%')


def _search(text: str) -> sa.ColumnElement[bool]:
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    of_complaint = sa.exists().where(
        complaints.c.node == recordings.c.node,
        complaints.c.linkedid == recordings.c.linkedid,
        complaints.c.code == text,
    )
    ways = [recordings.c.linkedid == text, recordings.c.id == text, of_complaint]
    if len(text) >= 4 and text.isdigit():
        ways.append(recordings.c.number_key.like(pattern, escape="\\"))
    return sa.or_(*ways)


def _joined() -> sa.Join:
    with_review = recordings.outerjoin(reviews, reviews.c.recording_id == recordings.c.id)
    return with_review.outerjoin(speech_jobs, speech_jobs.c.recording_id == recordings.c.id)


_REVIEW = [c.label(f"review_{c.name}") for c in reviews.c if c.name != "recording_id"]
_JOB = [c.label(f"job_{c.name}") for c in speech_jobs.c if c.name != "recording_id"]


def list_calls(
    conn: Connection, f: CallFilter, *, sort: str = "-started", offset: int = 0, limit: int = 50
) -> tuple[int, Sequence[RowMapping]]:
    """How many there are, and one page of recordings with review (``review_…``) and job (``job_…``)."""
    conditions = _conditions(f)
    count = sa.select(sa.func.count()).select_from(_joined()).where(*conditions)
    total = int(conn.execute(count).scalar_one())
    orders: dict[str, list[sa.ColumnElement[Any]]] = {
        "-started": [recordings.c.started_at.desc()],
        "started": [recordings.c.started_at.asc()],
        "score": [shown_score().is_(None), shown_score()],
        "-score": [shown_score().is_(None), shown_score().desc()],
    }
    order = orders[sort]
    tables = _joined().outerjoin(scores, scores.c.id == reviews.c.score_id)
    columns: tuple[Any, ...] = (recordings, *_REVIEW, *_JOB, scores.c.rules.label("score_rules"))
    query = sa.select(*columns).select_from(tables).where(*conditions)
    page = query.order_by(*order, recordings.c.id).offset(offset).limit(limit)
    return total, conn.execute(page).mappings().all()


@dataclass(frozen=True, slots=True)
class Beside:
    """What goes with a page of calls: agents by number, complaints and customers by call."""

    agents: Mapping[str, tuple[str, str]]  # number → name, team
    complaints: Mapping[tuple[str, str], Mapping[Any, Any]]  # node, linkedid
    customers: Mapping[tuple[str, str], Mapping[Any, Any]]


def beside(conn: Connection, rows: Sequence[Mapping[Any, Any]]) -> Beside:
    """Three queries for a whole page."""
    keys = {(r["node"], r["linkedid"]) for r in rows}
    if not keys:
        return Beside({}, {}, {})
    linked = {k[1] for k in keys}
    found = conn.execute(sa.select(complaints).where(complaints.c.linkedid.in_(linked)).order_by("id"))
    of_call = {(r["node"], r["linkedid"]): r for r in found.mappings()}
    query = (
        sa.select(pops.c.node, pops.c.linkedid, customers.c.id, customers.c.name, customers.c.title)
        .join(customers, customers.c.id == pops.c.customer_id)
        .where(pops.c.linkedid.in_(linked))
        .order_by(pops.c.pbx_at)
    )
    who = {(r["node"], r["linkedid"]): r for r in conn.execute(query).mappings()}
    return Beside(agent_names(conn), of_call, who)


def agent_names(conn: Connection) -> Mapping[str, tuple[str, str]]:
    """Agent number → name and team."""
    query = sa.select(users.c.agent, users.c.name, users.c.team).where(users.c.agent != "")
    return {agent: (name, team) for agent, name, team in conn.execute(query)}


def team_agents(conn: Connection, team: str) -> Sequence[str]:
    """Agent numbers of a team."""
    query = sa.select(users.c.agent).where(users.c.team == team, users.c.agent != "")
    return list(conn.execute(query).scalars())


def team_of(conn: Connection, username: str) -> str:
    """The team of a user."""
    return conn.execute(sa.select(users.c.team).where(users.c.username == username)).scalar() or ""


def figures(conn: Connection, f: CallFilter, limit: int = 100_000) -> Sequence[RowMapping]:
    """What the dashboard counts, one row a call, oldest first."""
    columns = (
        recordings.c.id,
        recordings.c.started_at,
        recordings.c.agent,
        recordings.c.queue,
        reviews.c.state,
        reviews.c.has_fatal,
        reviews.c.current,
        reviews.c.decided,
        reviews.c.auto_score,
        reviews.c.reviewed_at,
        reviews.c.appeal,
        shown_score().label("score"),
    )
    query = sa.select(*columns).select_from(_joined()).where(*_conditions(f))
    return conn.execute(query.order_by(recordings.c.started_at).limit(limit)).mappings().all()


def sampled_hits(conn: Connection, f: CallFilter) -> Sequence[RowMapping]:
    """People's decisions on calls of random samples: recording, rule, decision, round."""
    from cti.store.tables_quality import review_hits

    query = (
        sa.select(review_hits.c.recording_id, review_hits.c.rule, review_hits.c.decision, review_hits.c.round)
        .select_from(_joined().join(review_hits, review_hits.c.recording_id == recordings.c.id))
        .where(*_conditions(f), reviews.c.sample_id.is_not(None), reviews.c.reviewed_at.is_not(None))
        .order_by(review_hits.c.round, review_hits.c.id)
    )
    return conn.execute(query).mappings().all()


def backlog(conn: Connection, agents: Sequence[str] | None = None) -> Sequence[tuple[str, str, int, Any]]:
    """State, reason, how many, oldest queueing; of reviews that wait for somebody."""
    waiting = (ReviewState.QUEUED, ReviewState.APPEALED, ReviewState.FORWARDED, ReviewState.REASSIGNED)
    query = (
        sa.select(reviews.c.state, reviews.c.reason, sa.func.count(), sa.func.min(reviews.c.queued_at))
        .join(recordings, recordings.c.id == reviews.c.recording_id)
        .where(reviews.c.state.in_([s.value for s in waiting]))
        .group_by(reviews.c.state, reviews.c.reason)
    )
    if agents is not None:
        query = query.where(recordings.c.agent.in_(list(agents)))
    return [(s, r, int(n), at) for s, r, n, at in conn.execute(query)]


def events_of(conn: Connection, ids: Sequence[str]) -> Sequence[RowMapping]:
    """Review events of several calls, for the export."""
    query = sa.select(review_events).where(review_events.c.recording_id.in_(list(ids)))
    return conn.execute(query.order_by(review_events.c.recording_id, review_events.c.id)).mappings().all()


def heard_since(conn: Connection, who: str, subject: str, since: datetime) -> bool:
    """Whether somebody's listening to a recording is already in the audit trail since then."""
    query = sa.select(audit.c.id).where(
        audit.c.subject == subject, audit.c.who == who, audit.c.action == "listen", audit.c.at >= since
    )
    return conn.execute(query.limit(1)).first() is not None


def inspectors(conn: Connection) -> Sequence[RowMapping]:
    """Who may be given a review."""
    query = sa.select(users.c.username, users.c.name, users.c.roles, users.c.disabled)
    rows = conn.execute(query.order_by(users.c.username)).mappings()
    return [r for r in rows if not r["disabled"] and {"qa", "qa_lead"} & set(r["roles"])]
