"""Recorded calls as the QA desk shows them: a row of the list, and one call with everything in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from cti.domain.phone import parse
from cti.domain.review import ReviewState
from cti.quality.compare import compare, pause_of
from cti.quality.sound import simplify
from cti.quality.transcript import Leg, Transcript, from_json, turns_of
from cti.speech.facts import trusted
from cti.speech.peaks import values
from cti.store.repos import qa_lists, quality, reviews
from cti.store.repos.qa_lists import Beside, CallFilter
from screenpop.api import qa_models as m
from screenpop.api.context import Context
from screenpop.api.qa_access import GONE, Viewer, allowed

Row = Mapping[Any, Any]
_MOST_OF_IT = 0.6  # evidence over more of the call than this is no mark on a time line
_TOLD = frozenset(
    {"review", "publish", "acknowledge", "appeal", "withdraw", "forward", "assign", "final", "sample"}
)
_COMPARABLE = 0.5  # less alike than this is something else that was said, and no variant of what was due
_WORDS = frozenset({"SAY", "FORBID", "FOLLOW", "COUNT", "SEQ"})


@dataclass(frozen=True, slots=True)
class Look:
    """What goes into showing rows."""

    ctx: Context
    viewer: Viewer
    masked: bool
    beside: Beside

    @property
    def voices(self) -> str:
        return "synthetic" if self.ctx.settings.demo else ""


def brief(row: Row, look: Look) -> dict[str, Any]:
    """The fields of `QaCall`."""
    key = (row["node"], row["linkedid"])
    name, team = look.beside.agents.get(row["agent"], ("", ""))
    complaint, customer = look.beside.complaints.get(key), look.beside.customers.get(key)
    ended, started = row["ended_at"], row["started_at"]
    number = parse(row["number_display"], look.ctx.plan)
    labels = {q.name: q.label for q in look.ctx.settings.queues}
    current: Mapping[str, str] = row["review_current"] or {}
    fatal_rules = [r for r in _fatal_rules(row) if current.get(r) == "fail"]
    final, manual, auto = row["review_final_score"], row["review_manual_score"], row["review_auto_score"]
    return {
        "id": row["id"],
        "started_at": started,
        "ended_at": ended,
        "duration_s": round((ended - started).total_seconds(), 1) if ended else None,
        "agent": row["agent"],
        "agent_name": name,
        "team": team,
        "queue": row["queue"],
        "queue_label": labels.get(row["queue"], row["queue"]),
        "direction": row["direction"] or "inbound",
        "number": number.masked if look.masked else number.display,
        "customer": m.QaCustomer(id=customer["id"], name=customer["name"], title=customer["title"])
        if customer is not None
        else None,
        "hung_up_by": row["hung_up_by"],
        "complaint": _complaint(complaint) if complaint is not None else None,
        "job": _job(row),
        "score": final if final is not None else manual if manual is not None else auto,
        "auto_score": auto,
        "manual_score": manual,
        "final_score": final,
        "decided": row["review_decided"],
        "fatal": tuple(
            m.QaFatal(rule=r, title=_titles(row).get(r, r), proposed=_proposed(row)) for r in fatal_rules
        ),
        "fails": tuple(r for r, v in current.items() if v == "fail"),
        "reviews": tuple(r for r, v in current.items() if v == "review"),
        "review": _review(row),
    }


def _fatal_rules(row: Row) -> Sequence[str]:
    return [r for r, known in (row["score_rules"] or {}).items() if known.get("fatal")]


def _titles(row: Row) -> dict[str, str]:
    return {r: str(known.get("title", r)) for r, known in (row["score_rules"] or {}).items()}


def _proposed(row: Row) -> bool:
    return row["review_reviewed_at"] is None


def _complaint(row: Row) -> m.QaComplaint:
    return m.QaComplaint(
        id=row["id"],
        code=row["code"],
        category=row["category"],
        state=row["state"],
        waybill=row["waybill"],
        promised_at=row["promised_at"],
    )


def _job(row: Row) -> m.QaJob | None:
    if row["job_state"] is None:
        return None
    names = ("state", "phase", "percent", "reason", "note", "attempts")
    return m.QaJob(**{n: row[f"job_{n}"] for n in names})


def _review(row: Row) -> m.QaReviewPart | None:
    if row["review_state"] is None:
        return None
    return m.QaReviewPart(
        state=row["review_state"],
        reason=row["review_reason"],
        inspector=row["review_inspector"],
        sampled=row["review_sample_id"] is not None,
        version=row["review_version"],
        updated_at=row["review_updated_at"],
    )


def page(
    conn: Connection, ctx: Context, viewer: Viewer, f: CallFilter, *, sort: str, offset: int, limit: int
) -> m.QaCallsOut:
    """A page of calls as this person may see them."""
    total, rows = qa_lists.list_calls(conn, viewer.limit(f), sort=sort, offset=offset, limit=limit)
    look = Look(ctx, viewer, ctx.masked(viewer.who), qa_lists.beside(conn, rows))
    return m.QaCallsOut(total=total, items=tuple(m.QaCall(**brief(r, look)) for r in rows))


def one(conn: Connection, ctx: Context, viewer: Viewer, id: str) -> Row:
    """The row of one call; 404 where this person may not see it."""
    _, rows = qa_lists.list_calls(conn, viewer.limit(CallFilter(ids=[id])), limit=1)
    if not rows:
        raise GONE
    return rows[0]


def detail(conn: Connection, ctx: Context, viewer: Viewer, id: str) -> m.QaDetail:
    """One call with everything in it."""
    row = one(conn, ctx, viewer, id)
    look = Look(ctx, viewer, ctx.masked(viewer.who), qa_lists.beside(conn, [row]))
    sheet = quality.score(conn, row["review_score_id"])
    kept = quality.transcript_of(conn, id, sheet["engine"] if sheet is not None else "")
    transcript = from_json(kept["body"]) if kept is not None else None
    said = _may_see(reviews.hits(conn, id), row, viewer)
    names = {r["username"]: r["name"] for r in qa_lists.inspectors(conn)}
    happened = [e for e in reviews.events(conn, id) if viewer.inside or e["action"] in _TOLD]
    state = ReviewState(row["review_state"]) if row["review_state"] is not None else None
    rows = _sheet(row, sheet, said, viewer) if sheet is not None else ()
    duration = transcript.duration if transcript is not None else 0
    own = {"agent": row["agent"], "inspector": row["review_inspector"] or ""}
    offered = (
        allowed(viewer, **own, first=row["review_first_inspector"] or "", state=state)
        if state is not None
        else []
    )
    if viewer.inside and row["job_state"] in (None, "waiting", "failed") and row["state"] != "purged":
        offered.append("transcribe")
    return m.QaDetail(
        **brief(row, look),
        bridge_s=row["bridge_s"],
        file_s=row["file_s"],
        drift=row["drift"],
        timing_trusted=trusted(row, row["drift"]),
        holds=tuple(_span(s) for s in row["holds"]),
        pauses=tuple(_span(s) for s in row["pauses"]),
        audio=row["state"] in ("ended", "lost"),
        legs=_legs(conn, row, kept, transcript),
        turns=_turns(transcript) if transcript is not None else (),
        sheet=rows,
        marks=_marks(rows, said, duration),
        added=tuple(_added(h) for h in said if h["decision"] == "added"),
        comments=tuple(
            m.Comment(by=e["who"], at=e["at"], text=e["note"])
            for e in happened
            if e["note"] and e["role"] != "system"
        ),
        history=tuple(_history(e, names) for e in happened),
        appeals=tuple(m.AppealOut(**a) for a in row["review_appeal"] or ()),
        scores=tuple(_score(s) for s in quality.scores_of(conn, id)) if viewer.inside else (),
        engine=sheet["engine"] if sheet is not None else "",
        rules_version=sheet["rules_version"] if sheet is not None else "",
        voices=look.voices,
        actions=tuple(offered),
    )


def _may_see(hits: Sequence[Row], row: Row, viewer: Viewer) -> list[Row]:
    """An agent or supervisor sees what was published, not what is being looked at again."""
    if viewer.inside:
        return list(hits)
    if row["review_published_at"] is None:
        return []
    last = 2 if row["review_state"] == ReviewState.FINAL else 1
    return [h for h in hits if h["round"] <= last]


def _span(pair: Sequence[int]) -> tuple[int, int]:
    return int(pair[0]), int(pair[1])


def _legs(conn: Connection, row: Row, kept: Row | None, transcript: Transcript | None) -> dict[str, m.QaLeg]:
    waves = quality.waveforms_of(conn, row["id"])
    out = {}
    for role in ("agent", "caller"):
        wave = waves.get(role)
        leg: Leg | None = transcript.leg(role) if transcript is not None else None
        state = kept[f"{role}_state"] if kept is not None else ""
        out[role] = m.QaLeg(
            state="purged" if row["state"] == "purged" else state,
            note=kept[f"{role}_note"] if kept is not None else "",
            duration_ms=wave["duration_ms"] if wave is not None else 0,
            peaks=m.Peaks(
                per_s=wave["per_s"] if wave is not None else 50,
                values=tuple(values(wave["peaks"])) if wave is not None else (),
            ),
            speech=tuple((s.t0, s.t1) for s in leg.speech) if leg is not None else (),
            noise=leg.noise if leg is not None else None,
        )
    return out


def _turns(transcript: Transcript) -> tuple[m.QaTurn, ...]:
    """Words in the turns of their own leg; a word between two turns goes with the one before it."""
    out = []
    for role in ("agent", "caller"):
        turns = [t for t in turns_of(transcript) if t.role == role]
        words = transcript.leg(role).words
        at = 0
        for turn, following in zip(turns, [*turns[1:], None][: len(turns)], strict=True):
            mine = []
            while at < len(words) and (
                following is None or (words[at].t0 + words[at].t1) // 2 < following.t0
            ):
                mine.append(words[at])
                at += 1
            out.append(
                m.QaTurn(
                    role=role,
                    t0=turn.t0,
                    t1=turn.t1,
                    text=simplify("".join(w.text for w in mine)),
                    words=tuple(
                        m.QaWord(text=simplify(w.text), t0=w.t0, t1=w.t1, confidence=w.confidence)
                        for w in mine
                    ),
                )
            )
    return tuple(sorted(out, key=lambda t: (t.t0, t.t1)))


def _sheet(row: Row, sheet: Row, said: Sequence[Row], viewer: Viewer) -> tuple[m.SheetRow, ...]:
    now, _ = reviews.effective(sheet, said)
    if not viewer.inside:
        now = row["review_current"]
    last = {h["rule"]: h for h in said if h["decision"] != "added"}
    out = []
    for verdict in sheet["verdicts"]:
        rule = verdict["rule"]
        known = sheet["rules"].get(rule, {})
        said_of = last.get(rule)
        out.append(
            m.SheetRow(
                rule=rule,
                title=known.get("title", rule),
                source=known.get("source", ""),
                weight=known.get("weight", 0.0),
                fatal=known.get("fatal", False),
                advisory=known.get("advisory", False),
                note=known.get("note", ""),
                auto=verdict["verdict"],
                verdict=now.get(rule, verdict["verdict"]),
                proposed=bool(known.get("fatal")) and verdict["verdict"] == "fail" and said_of is None,
                decision=m.QaDecision(
                    decision=said_of["decision"],
                    by=said_of["who"],
                    at=said_of["at"],
                    comment=said_of["comment"],
                )
                if said_of is not None
                else None,
                evidence=tuple(_evidence(e) for e in verdict["evidence"]),
            )
        )
    return tuple(out)


def _evidence(e: Mapping[str, Any]) -> m.QaEvidence:
    diff = None
    if e["operator"] in _WORDS and (e["similarity"] or 0) >= _COMPARABLE:
        found = compare(e["due"].removeprefix("不得说："), e["heard"])
        if found is not None:
            due, heard = (tuple(m.DiffPart(text=p.text, same=p.same) for p in side) for side in found)
            diff = m.Diff(due=due, heard=heard)
    pause = pause_of(e["heard"], e["due"]) if e["operator"] == "GAP" else None
    return m.QaEvidence(
        **{k: e[k] for k in ("leg", "t0", "t1", "operator", "due", "similarity")},
        heard=simplify(e["heard"]),
        diff=diff,
        pause=m.Pause(measured_ms=pause[0], min_ms=pause[1], max_ms=pause[2]) if pause else None,
    )


def _marks(sheet: Sequence[m.SheetRow], said: Sequence[Row], duration: int) -> tuple[m.Mark, ...]:
    marks = [
        m.Mark(rule=r.rule, verdict=r.verdict, leg=e.leg, t0=e.t0, t1=e.t1, added=False)
        for r in sheet
        if r.auto in ("fail", "review")
        for e in r.evidence
        if e.leg in ("agent", "caller") and 0 <= e.t1 - e.t0 < _MOST_OF_IT * max(1, duration)
    ]
    marks += [
        m.Mark(rule=h["rule"], verdict="fail", leg=h["leg"], t0=h["t0"], t1=h["t1"], added=True)
        for h in said
        if h["decision"] == "added"
    ]
    return tuple(sorted(set(marks), key=lambda x: (x.t0, x.t1, x.rule)))


def _added(h: Row) -> m.AddedOut:
    return m.AddedOut(
        id=h["id"],
        rule=h["rule"],
        leg=h["leg"],
        t0=h["t0"],
        t1=h["t1"],
        comment=h["comment"],
        by=h["who"],
        at=h["at"],
    )


def _history(e: Row, names: Mapping[str, str]) -> m.HistoryRow:
    return m.HistoryRow(
        at=e["at"],
        who=e["who"],
        who_name=names.get(e["who"], e["who"]),
        role=e["role"],
        action=e["action"],
        before=e["from_state"],
        after=e["to_state"],
        note=e["note"],
    )


def _score(s: Row) -> m.ScoreRow:
    engine, _, model = s["engine"].partition(":")
    return m.ScoreRow(
        at=s["at"],
        engine=engine,
        model=model,
        rules_version=s["rules_version"],
        score=s["score"],
        decided=s["decided"],
    )
