"""The rules in force with what is still a default, a changed file tried on stored calls, and the jobs."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection, RowMapping

from cti.config import Settings
from cti.errors import ConfigError, UsageError
from cti.quality.rules import DEFAULT, PRESETS, UNCONFIRMED, RuleSet, load, with_weights
from cti.quality.score import Diff, diff
from cti.quality.transcript import from_json
from cti.speech.start import rules_of
from cti.store.repos import jobs, quality
from screenpop.api import qa_models as m
from screenpop.api.qa_calls import engine_now, read
from screenpop.api.route import ApiCall, ApiError, Route

_ONE = asyncio.Semaphore(1)  # a preview scores many calls: one at a time
PREVIEW_BODY = 1024 * 1024


def files_of(settings: Settings) -> dict[str, Path]:
    """Name → rule file in force (presets where the owner has none), with what they include."""
    own = list(settings.quality.rules)
    files = own or [PRESETS / f"{n}.yaml" for n in DEFAULT]
    return {f.name: f for f in files}


async def qa_rules(call: ApiCall) -> m.RulesOut:
    settings = call.ctx.settings

    def collect() -> m.RulesOut:
        rules = rules_of(settings)
        return m.RulesOut(
            rules_version=rules.version,
            unconfirmed=UNCONFIRMED,
            rules=tuple(_rule(r) for r in rules.rules),
            parameters=tuple(
                m.ParameterOut(
                    name=p.name,
                    value=p.value,
                    unit=p.unit,
                    title=p.title,
                    note="" if p.confirmed else UNCONFIRMED,
                    file=p.file,
                )
                for p in rules.parameters
            ),
            files=tuple(
                m.RuleFile(name=name, text=path.read_text(encoding="utf-8"))
                for name, path in files_of(settings).items()
            ),
        )

    return await asyncio.to_thread(collect)


def _rule(r: Any) -> m.RuleOut:
    return m.RuleOut(
        rule=r.id,
        title=r.title,
        source=r.source,
        weight=r.weight,
        fatal=r.fatal,
        advisory=r.weight == 0,
        note="" if r.confirmed else UNCONFIRMED,
        file=r.file,
        line=r.line,
        examples=len(r.examples),
    )


async def preview_qa_rules(call: ApiCall) -> m.PreviewOut:
    body, settings = call.body(m.PreviewIn), call.ctx.settings

    def stored(conn: Connection) -> list[RowMapping]:
        return list(quality.stored_transcripts(conn, since=body.since, until=body.until, limit=body.limit))

    try:
        changed = await asyncio.to_thread(changed_rules, settings, {f.name: f.text for f in body.files})
    except ConfigError as e:
        raise ApiError(422, "bad_rules", str(e)) from None
    rows = await read(call, stored)
    async with _ONE:
        result = await asyncio.to_thread(_compare, rows, rules_of(settings), changed)
    return _answer(result, rows)


def changed_rules(settings: Settings, texts: dict[str, str]) -> RuleSet:
    """The rules as they would be with these files; ConfigError with every fault, file and line."""
    with tempfile.TemporaryDirectory(prefix="laidian-rules-") as name:
        folder = Path(name)
        known = files_of(settings)
        for file, path in known.items():
            text = texts.get(file)
            (folder / file).write_text(
                text if text is not None else path.read_text(encoding="utf-8"), encoding="utf-8"
            )
        for file, text in texts.items():
            if file not in known:
                (folder / file).write_text(text, encoding="utf-8")
        try:
            rules = load([folder / file for file in dict.fromkeys([*known, *texts])])
        except ConfigError as e:
            raise ConfigError(str(e).replace(f"{folder}/", "")) from None
    weights = {r: w for r, w in settings.quality.weights.items() if r in {x.id for x in rules.rules}}
    return with_weights(rules, weights) if weights else rules


def _compare(rows: list[RowMapping], before: RuleSet, after: RuleSet) -> Diff:
    transcripts = []
    for row in rows:
        try:
            transcripts.append(from_json(row["body"]))
        except UsageError:
            continue
    return diff(transcripts, before, after)


def _answer(result: Diff, rows: list[RowMapping]) -> m.PreviewOut:
    known = {r["recording_id"]: r for r in rows}
    counted = Counter(c.rule for c in result.changes)
    return m.PreviewOut(
        calls=result.calls,
        before=result.before,
        after=result.after,
        changes=tuple(
            m.PreviewChange(
                call=c.call,
                agent=known[c.call]["agent"],
                started_at=known[c.call]["started_at"],
                rule=c.rule,
                before=c.before,
                after=c.after,
            )
            for c in result.changes
            if c.call in known
        ),
        scores=tuple(m.PreviewScore(call=c, before=b, after=a) for c, b, a in result.scores),
        rules=tuple(m.PreviewRule(rule=r, changes=n) for r, n in sorted(counted.items())),
    )


async def list_qa_jobs(call: ApiCall) -> m.JobsOut:
    query = call.query(m.JobsQuery)

    def collect(conn: Connection) -> m.JobsOut:
        total, rows = jobs.list_jobs(conn, state=query.state, offset=query.offset, limit=query.limit)
        held = Counter(r["worker"] for r in rows if r["worker"])
        same = ("id", "agent", "started_at", "state", "phase", "percent", "attempts", "reason", "note")
        more = ("worker", "created_at", "updated_at", "finished_at")
        return m.JobsOut(
            total=total,
            counts=jobs.counts(conn),
            workers=tuple(
                m.WorkerRow(worker=w["worker"], jobs=held[w["worker"]], seen_at=w["seen_at"])
                for w in jobs.workers(conn)
            ),
            engine=engine_now(conn, call.ctx),
            items=tuple(m.JobRow(call=r["recording_id"], **{k: r[k] for k in (*same, *more)}) for r in rows),
        )

    return await read(call, collect)


_INSPECT = ("qa", "qa_lead")
ROUTES = (
    Route("GET", "/qa/rules", qa_rules, m.RulesOut, "现行规则与参数", "qa", roles=_INSPECT),
    Route(
        "POST",
        "/qa/rescore-preview",
        preview_qa_rules,
        m.PreviewOut,
        "改后的规则会改变哪些已存录音的判定（不写入）",
        "qa",
        body=m.PreviewIn,
        roles=("qa_lead",),
        max_body=PREVIEW_BODY,
    ),
    Route(
        "GET",
        "/qa/jobs",
        list_qa_jobs,
        m.JobsOut,
        "转写评分任务",
        "qa",
        query=m.JobsQuery,
        roles=("qa", "qa_lead", "supervisor"),
    ),
)
