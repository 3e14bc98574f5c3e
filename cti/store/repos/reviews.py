"""What people do with a scored call, and the random samples; every step is kept with who, when and why."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.review import Decision, ReviewReason, ReviewState, advance, manual_verdict
from cti.errors import StateError, UsageError
from cti.quality.logic import Outcome
from cti.quality.score import totals
from cti.store.repos.records import StaleVersion
from cti.store.tables_quality import (
    recordings,
    review_events,
    review_hits,
    review_samples,
    reviews,
    scores,
)

_DONE = frozenset({"review", "final"})  # a sheet is complete and counts from now on
_JUDGING = frozenset({"save", "review", "final"})


class Undecided(StateError):
    """Faults that the machine found and nobody has decided on; `rules` names them."""

    def __init__(self, rules: Sequence[str]) -> None:
        super().__init__(f"undecided: {', '.join(rules)}")
        self.rules = tuple(rules)


class SameInspector(StateError):
    """An appeal must not go to the person it is against."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A person's word on one rule; `decision` None takes an earlier one back."""

    rule: str
    decision: Decision | None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """A fault that the machine missed, where it is heard (ms)."""

    rule: str
    leg: str
    t0: int
    t1: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """One step of a person."""

    action: str
    version: int
    who: str
    role: str
    at: datetime
    note: str = ""
    judged: Sequence[Judged] = ()
    added: Sequence[Added] = ()
    remove_added: Sequence[int] = ()
    inspector: str = ""
    appeals: Sequence[tuple[str, str]] = field(default=())  # rule, reason


def review(conn: Connection, recording: str) -> RowMapping | None:
    """The review of a recording."""
    query = sa.select(reviews).where(reviews.c.recording_id == recording)
    return conn.execute(query).mappings().first()


def events(conn: Connection, recording: str) -> Sequence[RowMapping]:
    """Everything that was done, oldest first."""
    query = sa.select(review_events).where(review_events.c.recording_id == recording)
    return conn.execute(query.order_by(review_events.c.id)).mappings().all()


def hits(conn: Connection, recording: str) -> Sequence[RowMapping]:
    """Every word of a person that stands, oldest round first."""
    query = sa.select(review_hits).where(review_hits.c.recording_id == recording)
    return conn.execute(query.order_by(review_hits.c.round, review_hits.c.id)).mappings().all()


def act(conn: Connection, recording: str, step: Act) -> int:
    """Do one step; returns the new version.

    StateError where the state has no such edge, StaleVersion where somebody was quicker, Undecided and
    SameInspector as they say, UsageError for rules that the score does not have.
    """
    row = review(conn, recording)
    if row is None:
        raise UsageError(f"recording {recording} has no score yet")
    state = ReviewState(row["state"])
    target = advance(state, step.action)
    sheet = conn.execute(sa.select(scores).where(scores.c.id == row["score_id"])).mappings().first()
    if sheet is None:
        raise UsageError(f"recording {recording} has no score")
    round = 2 if state is ReviewState.REASSIGNED else 1
    values: dict[str, Any] = {"state": target.value, "updated_at": step.at}
    if step.action in _JUDGING:
        _judge(conn, recording, step, round, {v["rule"] for v in sheet["verdicts"]})
    if step.action in _DONE:
        values |= _totalled(conn, recording, sheet, final=step.action == "final")
    values |= _consequences(row, step, state, target, values)
    same = sa.and_(reviews.c.recording_id == recording, reviews.c.version == step.version)
    done = conn.execute(sa.update(reviews).where(same).values(**values, version=step.version + 1))
    if done.rowcount != 1:
        raise StaleVersion(f"the review of {recording} was changed by somebody else meanwhile")
    _keep(conn, recording, step, state, target)
    return step.version + 1


def _judge(conn: Connection, recording: str, step: Act, round: int, rules: set[str]) -> None:
    unknown = sorted(({j.rule for j in step.judged} | {a.rule for a in step.added}) - rules)
    if unknown:
        raise UsageError(f"the score has no rule {', '.join(unknown)}")
    here = sa.and_(review_hits.c.recording_id == recording, review_hits.c.round == round)
    for judged in step.judged:
        old = sa.and_(here, review_hits.c.rule == judged.rule, review_hits.c.decision != "added")
        conn.execute(sa.delete(review_hits).where(old))
        if judged.decision is not None:
            _hit(conn, recording, step, round, judged.rule, judged.decision.value, judged.comment)
    for added in step.added:
        place = {"leg": added.leg, "t0": added.t0, "t1": added.t1}
        _hit(conn, recording, step, round, added.rule, "added", added.comment, **place)
    if step.remove_added:
        own = sa.and_(
            here,
            review_hits.c.id.in_(list(step.remove_added)),
            review_hits.c.decision == "added",
            review_hits.c.who == step.who,
        )
        conn.execute(sa.delete(review_hits).where(own))


def _hit(
    conn: Connection, recording: str, step: Act, round: int, rule: str, word: str, comment: str, **place: Any
) -> None:
    row = {"recording_id": recording, "round": round, "rule": rule, "decision": word, "comment": comment}
    conn.execute(sa.insert(review_hits).values(**row, **place, who=step.who, at=step.at))


def effective(
    sheet: Mapping[Any, Any], said: Sequence[Mapping[Any, Any]]
) -> tuple[dict[str, str], dict[str, Decision]]:
    """Rule → the verdict that counts, and rule → the last decision, out of a sheet and people's words.

    A later round goes over an earlier one; a fault added in the first round falls when the second one says
    that it is none.
    """
    decided: dict[str, Decision] = {}
    added: dict[str, int] = {}
    rounds: dict[str, int] = {}
    for hit in said:
        if hit["decision"] == "added":
            added[hit["rule"]] = max(hit["round"], added.get(hit["rule"], 0))
        else:
            decided[hit["rule"]] = Decision(hit["decision"])
            rounds[hit["rule"]] = hit["round"]
    current = {}
    for verdict in sheet["verdicts"]:
        rule = verdict["rule"]
        still = rule in added and not (
            added[rule] < rounds.get(rule, 0) and decided[rule] is not Decision.HIT
        )
        current[rule] = manual_verdict(verdict["verdict"], decided.get(rule), added=still)
    return current, decided


def _totalled(conn: Connection, recording: str, sheet: RowMapping, *, final: bool) -> dict[str, Any]:
    said = hits(conn, recording)
    current, decided = effective(sheet, said)
    rules: Mapping[str, Any] = sheet["rules"]
    added = {h["rule"] for h in said if h["decision"] == "added"}
    open_ = [
        v["rule"]
        for v in sheet["verdicts"]
        if v["verdict"] == "fail" and v["rule"] not in decided and v["rule"] not in added
    ]
    if open_:
        raise Undecided(open_)
    value, share = totals(
        (Outcome(verdict), float(rules.get(rule, {}).get("weight", 0))) for rule, verdict in current.items()
    )
    fatal = [r for r, v in current.items() if v == "fail" and rules.get(r, {}).get("fatal")]
    if fatal:
        value = 0.0
    column = "final_score" if final else "manual_score"
    return {column: value, "decided": share, "current": current, "has_fatal": bool(fatal)}


def _consequences(
    row: RowMapping, step: Act, state: ReviewState, target: ReviewState, done: Mapping[str, Any]
) -> dict[str, Any]:
    """What else a step changes."""
    match step.action:
        case "queue":
            return {"reason": ReviewReason.ASKED.value, "queued_at": step.at}
        case "assign":
            if target is ReviewState.REASSIGNED and step.inspector == row["first_inspector"]:
                raise SameInspector("an appeal goes to another inspector")
            queued = {"queued_at": step.at, "reason": row["reason"] or ReviewReason.ASKED.value}
            return {"inspector": step.inspector, **(queued if state is ReviewState.AUTO_SCORED else {})}
        case "review":
            return {"inspector": step.who, "first_inspector": step.who, "reviewed_at": step.at}
        case "publish":
            return {"published_at": step.at}
        case "acknowledge":
            return {"final_score": row["manual_score"]}
        case "appeal":
            made = {"by": step.who, "at": step.at.isoformat(), "outcome": ""}
            return {"appeal": [{"rule": r, "reason": why, **made} for r, why in step.appeals]}
        case "withdraw":
            return {"appeal": []}
        case "final":
            before, after = row["current"], done["current"]
            kept = {True: "rejected", False: "upheld"}
            told = [
                {**a, "outcome": kept[before.get(a["rule"]) == after.get(a["rule"])]} for a in row["appeal"]
            ]
            return {"appeal": told}
    return {}


def _keep(conn: Connection, recording: str, step: Act, state: ReviewState, target: ReviewState) -> None:
    detail: dict[str, Any] = {}
    if step.judged:
        detail["decisions"] = [
            {"rule": j.rule, "decision": j.decision, "comment": j.comment} for j in step.judged
        ]
    if step.added:
        detail["added"] = [
            {"rule": a.rule, "leg": a.leg, "t0": a.t0, "t1": a.t1, "comment": a.comment} for a in step.added
        ]
    if step.remove_added:
        detail["removed"] = list(step.remove_added)
    if step.inspector:
        detail["inspector"] = step.inspector
    if step.appeals:
        detail["appeals"] = [{"rule": r, "reason": why} for r, why in step.appeals]
    conn.execute(
        sa.insert(review_events).values(
            recording_id=recording,
            at=step.at,
            who=step.who,
            role=step.role,
            action=step.action,
            from_state=state.value,
            to_state=target.value,
            note=step.note,
            detail=detail,
        )
    )


@dataclass(frozen=True, slots=True)
class Draw:
    """What a random sample is drawn from: scored calls of a span, so many of each agent."""

    per_agent: int
    seed: str
    since: datetime
    until: datetime
    queue: str = ""
    agents: Sequence[str] = ()
    complaints_only: bool = False

    def filter(self) -> dict[str, Any]:
        """As it is kept with the sample."""
        return {
            "from": self.since.isoformat(),
            "to": self.until.isoformat(),
            "queue": self.queue,
            "agents": list(self.agents),
            "complaints_only": self.complaints_only,
        }


def draw(conn: Connection, what: Draw, *, who: str, at: datetime) -> RowMapping:
    """Draw a sample; with the same seed and the same calls always the same one.

    Every scored call can be drawn, reviewed or not, or the sample would only hold what nothing was found in;
    none is in two samples.
    """
    from cti.store.repos.qa_lists import complained

    query = (
        sa.select(recordings.c.id, recordings.c.agent)
        .join(reviews, reviews.c.recording_id == recordings.c.id)
        .where(
            recordings.c.started_at >= what.since,
            recordings.c.started_at < what.until,
            reviews.c.sample_id.is_(None),
        )
        .order_by(recordings.c.agent, recordings.c.id)
    )
    if what.queue:
        query = query.where(recordings.c.queue == what.queue)
    if what.agents:
        query = query.where(recordings.c.agent.in_(list(what.agents)))
    if what.complaints_only:
        query = query.where(complained())
    by_agent: dict[str, list[str]] = {}
    for id, agent in conn.execute(query):
        by_agent.setdefault(agent, []).append(id)
    drawn, told = [], []
    for agent, calls in by_agent.items():
        dice = random.Random(f"{what.seed}/{agent}")  # noqa: S311 - repeatable is the point
        mine = sorted(dice.sample(calls, min(what.per_agent, len(calls))))
        drawn += mine
        told.append({"agent": agent, "population": len(calls), "drawn": len(mine)})
    row = {
        "at": at,
        "who": who,
        "seed": what.seed,
        "per_agent": what.per_agent,
        "filter": what.filter(),
        "population": sum(len(c) for c in by_agent.values()),
        "agents": told,
        "calls": drawn,
    }
    statement = sa.insert(review_samples).values(row).returning(*review_samples.c)
    sample = conn.execute(statement).mappings().one()
    for id in drawn:
        _into_sample(conn, id, int(sample["id"]), who, at)
    return sample


def _into_sample(conn: Connection, id: str, sample: int, who: str, at: datetime) -> None:
    row = review(conn, id)
    if row is None:
        return
    values: dict[str, Any] = {"sample_id": sample, "updated_at": at, "version": row["version"] + 1}
    state = ReviewState(row["state"])
    target = state
    if state is ReviewState.AUTO_SCORED:
        target = advance(state, "queue")
        values |= {"state": target.value, "reason": ReviewReason.SAMPLE.value, "queued_at": at}
    conn.execute(sa.update(reviews).where(reviews.c.recording_id == id).values(values))
    step = Act("sample", row["version"], who, "qa_lead", at, note=f"样本 {sample}")
    _keep(conn, id, step, state, target)


def samples(conn: Connection, limit: int = 100) -> Sequence[RowMapping]:
    """Samples, newest first."""
    query = sa.select(review_samples).order_by(review_samples.c.id.desc()).limit(limit)
    return conn.execute(query).mappings().all()
