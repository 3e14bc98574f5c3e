"""The dashboard of the QA desk: trends, rules with the precision of their hits, fatal faults, backlog.

Every share says what it is a share of, and precision comes only from random samples.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from cti.domain.review import ReviewReason
from cti.quality.report import ENOUGH, wilson
from cti.quality.rules import RuleSet
from cti.speech.start import rules_of
from cti.store.repos import jobs, qa_lists
from cti.store.repos.qa_lists import CallFilter
from screenpop.api import qa_models as m
from screenpop.api.qa_access import SEES, Viewer, viewer_of
from screenpop.api.qa_calls import with_team
from screenpop.api.route import ApiCall, ApiError, Route

Row = Mapping[Any, Any]
DEFAULT_DAYS, MOST_DAYS = 30, 400
FATAL_MOST = 200
FIGURES_S = 30.0


@dataclass
class Tally:
    """Counts of some calls."""

    calls: int = 0
    scored: int = 0
    total: float = 0.0
    valued: int = 0
    fatal: int = 0
    appeals: int = 0
    days: dict[str, Tally] = field(default_factory=dict)

    def add(self, row: Row, day: str = "") -> None:
        self.calls += 1
        if row["state"] is not None:
            self.scored += 1
            self.fatal += bool(row["has_fatal"])
            self.appeals += bool(row["appeal"])
        if row["score"] is not None:
            self.total += row["score"]
            self.valued += 1
        if day:
            self.days.setdefault(day, Tally()).add(row)

    @property
    def mean(self) -> float | None:
        return round(self.total / self.valued, 1) if self.valued else None

    def trend(self) -> tuple[m.DayRow, ...]:
        return tuple(
            m.DayRow(day=d, calls=t.calls, scored=t.scored, mean_score=t.mean, fatal=t.fatal)
            for d, t in sorted(self.days.items())
        )

    def shown(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "scored": self.scored,
            "mean_score": self.mean,
            "fatal": self.fatal,
            "appeals": self.appeals,
            "trend": self.trend(),
        }


async def qa_dashboard(call: ApiCall) -> m.DashboardOut:
    query, viewer, now = call.query(m.FiguresQuery), await viewer_of(call), call.ctx.now()
    until = query.until or now
    since = query.since or until - timedelta(days=DEFAULT_DAYS)
    if not timedelta() < until - since <= timedelta(days=MOST_DAYS):
        raise ApiError(422, "invalid", f"统计的时间段要在 {MOST_DAYS} 天以内。")
    f = CallFilter(agent=query.agent, queue=query.queue, since=since, until=until)
    f = viewer.limit(await with_team(call, f, query.team, viewer))
    settings = call.ctx.settings

    def compute(conn: Connection) -> m.DashboardOut:
        return _dashboard(conn, f, viewer, rules_of(settings), ZoneInfo(settings.timezone), settings.demo)

    return await call.ctx.db.run(compute, deadline=FIGURES_S)


def _dashboard(
    conn: Connection, f: CallFilter, viewer: Viewer, rules: RuleSet, zone: ZoneInfo, demo: bool
) -> m.DashboardOut:
    rows = qa_lists.figures(conn, f)
    names = qa_lists.agent_names(conn)
    everything, agents, teams = Tally(), defaultdict[str, Tally](Tally), defaultdict[str, Tally](Tally)
    for row in rows:
        day = f"{row['started_at'].astimezone(zone):%Y-%m-%d}"
        team = names.get(row["agent"], ("", ""))[1]
        for tally in (everything, agents[row["agent"]], *((teams[team],) if team else ())):
            tally.add(row, day)
    scored = [r for r in rows if r["state"] is not None]
    reviewed = sum(r["reviewed_at"] is not None for r in scored)
    return m.DashboardOut(
        since=_given(f.since),
        until=_given(f.until),
        calls=everything.calls,
        scored=everything.scored,
        coverage=_share(everything.scored, everything.calls),
        reviewed=reviewed,
        review_coverage=_share(reviewed, everything.calls),
        decided_share=_mean([r["decided"] for r in scored], 4),
        mean_score=everything.mean,
        mean_auto=_mean([r["auto_score"] for r in scored], 1),
        trend=everything.trend(),
        agents=tuple(
            m.AgentRow(agent=a, name=names.get(a, ("", ""))[0], team=names.get(a, ("", ""))[1], **t.shown())
            for a, t in sorted(agents.items())
        ),
        teams=tuple(m.TeamRow(team=name, **t.shown()) for name, t in sorted(teams.items())),
        rules=_rules(conn, f, scored, rules, zone),
        fatal=_fatal(scored, rules, names),
        backlog=_backlog(conn, viewer),
        voices="synthetic" if demo else "",
    )


def _given(at: datetime | None) -> datetime:
    if at is None:
        raise ApiError(422, "invalid", "统计需要时间段。")
    return at


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Iterable[float | None], digits: int) -> float | None:
    known = [v for v in values if v is not None]
    return round(sum(known) / len(known), digits) if known else None


def _rules(
    conn: Connection, f: CallFilter, scored: Sequence[Row], rules: RuleSet, zone: ZoneInfo
) -> tuple[m.RuleRow, ...]:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    days: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row in scored:
        day = f"{row['started_at'].astimezone(zone):%Y-%m-%d}"
        for rule, verdict in row["current"].items():
            counts[rule][verdict] += 1
            if verdict in ("pass", "fail"):
                days[rule][day][0] += verdict == "fail"
                days[rule][day][1] += 1
    confirmed = precision(qa_lists.sampled_hits(conn, f))
    return tuple(
        m.RuleRow(
            rule=r.id,
            title=r.title,
            weight=r.weight,
            fatal=r.fatal,
            passed=counts[r.id]["pass"],
            fail=counts[r.id]["fail"],
            na=counts[r.id]["na"],
            review=counts[r.id]["review"],
            fail_share=_share(counts[r.id]["fail"], counts[r.id]["fail"] + counts[r.id]["pass"]),
            trend=tuple(m.RuleDay(day=d, fail=n[0], decided=n[1]) for d, n in sorted(days[r.id].items())),
            precision=_precision(*confirmed.get(r.id, (0, 0))),
        )
        for r in rules.rules
    )


def precision(said: Sequence[Row]) -> dict[str, tuple[int, int]]:
    """Rule → (confirmed, judged) automatic fails of sampled calls; the last word on each counts."""
    last = {(h["recording_id"], h["rule"]): h["decision"] for h in said if h["decision"] != "added"}
    out: dict[str, tuple[int, int]] = {}
    for (_, rule), decision in last.items():
        hits, n = out.get(rule, (0, 0))
        out[rule] = (hits + (decision == "hit"), n + 1)
    return out


def _precision(hits: int, n: int) -> m.Precision:
    bounds = wilson(hits, n)
    return m.Precision(
        n=n,
        hits=hits,
        value=round(hits / n, 4) if n else None,
        low=bounds[0] if bounds else None,
        high=bounds[1] if bounds else None,
        enough=n >= ENOUGH,
        note="" if n >= ENOUGH else f"样本不足（n={n}）",
    )


def _fatal(
    scored: Sequence[Row], rules: RuleSet, names: Mapping[str, tuple[str, str]]
) -> tuple[m.FatalRow, ...]:
    fatal = {r.id: r.title for r in rules.rules if r.fatal}
    found = [
        m.FatalRow(
            id=row["id"],
            started_at=row["started_at"],
            agent=row["agent"],
            agent_name=names.get(row["agent"], ("", ""))[0],
            rule=rule,
            title=fatal[rule],
            proposed=row["reviewed_at"] is None,
            state=row["state"],
        )
        for row in reversed(scored)
        if row["has_fatal"]
        for rule, verdict in row["current"].items()
        if verdict == "fail" and rule in fatal
    ]
    return tuple(found[:FATAL_MOST])


def _backlog(conn: Connection, viewer: Viewer) -> m.Backlog:
    if viewer.own:
        waiting: Sequence[tuple[str, str, int, Any]] = ()
        of_jobs = dict.fromkeys(jobs.STATES, 0)
    else:
        waiting = qa_lists.backlog(conn, viewer.agents)
        of_jobs = jobs.counts(conn)
    states: dict[str, int] = defaultdict(int)
    reasons = dict.fromkeys((r.value for r in ReviewReason), 0)
    oldest = None
    for state, reason, n, at in waiting:
        states[state] += n
        if state == "queued":
            reasons[reason] = reasons.get(reason, 0) + n
            oldest = min(x for x in (oldest, at) if x is not None) if oldest or at else None
    return m.Backlog(
        queued=states["queued"],
        by_reason=reasons,
        oldest_at=oldest,
        appealed=states["appealed"],
        forwarded=states["forwarded"],
        reassigned=states["reassigned"],
        jobs={k: v for k, v in of_jobs.items() if k != "done"},
    )


ROUTES = (
    Route(
        "GET",
        "/qa/dashboard",
        qa_dashboard,
        m.DashboardOut,
        "质检看板",
        "qa",
        query=m.FiguresQuery,
        roles=SEES,
    ),
)
