"""``laidian quality``: rule files checked and shown, a changed one tried on stored calls, honest figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cti.commands.output import Subparsers, add_command, dump
from cti.commands.score import engine_loader, read_object, rule_set

if TYPE_CHECKING:
    from cti.config import Settings
    from cti.quality.report import Labelled
    from cti.quality.rules import RuleSet


def register(subparsers: Subparsers) -> None:
    group = subparsers.add_parser("quality", help="service-language rules and how right they are (质检)")
    commands = group.add_subparsers(metavar="COMMAND", required=True)
    check = add_command(
        commands, "check", run_check, "check rule files and run their examples", json_output=True
    )
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: the presets")
    rules = add_command(
        commands, "rules", run_rules, "list the rules in force", json_output=True, config=True
    )
    rules.add_argument("--rules", type=Path, action="append", default=[], metavar="FILE")
    diff = add_command(
        commands,
        "diff",
        run_diff,
        "what a changed rule file would change on stored calls, without changing anything",
        examples="  laidian quality diff --rules new.yaml CALLS_DIR --json",
        json_output=True,
        config=True,
    )
    diff.add_argument("calls", type=Path, metavar="CALLS_DIR", help="folder of transcripts (JSON)")
    diff.add_argument(
        "--rules", type=Path, action="append", required=True, metavar="FILE", help="the new rules"
    )
    diff.add_argument(
        "--against", type=Path, action="append", default=[], metavar="FILE", help="default: in force"
    )
    report = add_command(
        commands,
        "report",
        run_report,
        "precision and recall per rule on a folder of calls with known verdicts",
        examples="  laidian quality report CALLS_DIR\n  laidian quality report CALLS_DIR --text-only --json",
        json_output=True,
        config=True,
    )
    report.add_argument(
        "calls", type=Path, metavar="CALLS_DIR", help="ID.json with turns and expect, ID-agent.wav …"
    )
    report.add_argument("--rules", type=Path, action="append", default=[], metavar="FILE")
    report.add_argument("--engine", choices=("auto", "vosk", "whisper"))
    report.add_argument("--text-only", action="store_true", help="true turns only, no recognition")

    jobs = add_command(
        commands, "jobs", run_jobs, "transcription jobs and how far they are", json_output=True, config=True
    )
    jobs.add_argument(
        "--state", default="", help="only these: waiting queued transcribing scoring done failed"
    )
    jobs.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    add_command(
        commands,
        "rescore",
        run_rescore,
        "score every stored call again with the rules in force; the old scores stay",
        json_output=True,
        config=True,
    )
    add_command(
        commands,
        "purge",
        run_purge,
        "delete the sound of recordings older than recording.keep_days (the worker does it by itself)",
        json_output=True,
        config=True,
    )


def run_check(args: argparse.Namespace) -> int:
    from cti.quality.rules import load, load_presets
    from cti.quality.score import score
    from cti.quality.transcript import from_json

    rules = load(args.files) if args.files else load_presets()
    faults = []
    count = 0
    for rule in rules.rules:
        for example in rule.examples:
            count += 1
            sheet = score(from_json(example.call), rules)
            got = next(v for v in sheet.verdicts if v.rule == rule.id).outcome.value
            if got != example.expect:
                where = f"{rule.file}:{example.line}: rule {rule.id}"
                faults.append(f"{where}: example gives {got}, expected {example.expect}")
    if args.json:
        dump({"rules": len(rules.rules), "examples": count, "faults": faults, "rules_version": rules.version})
    else:
        print(
            "\n".join(faults) or f"{len(rules.rules)} 条规则，{count} 个例子全部符合（版本 {rules.version}）"
        )
    return 1 if faults else 0


def run_rules(args: argparse.Namespace) -> int:
    from cti.config import load
    from cti.quality.rules import UNCONFIRMED

    rules = rule_set(args.rules, load(args.config))
    rows = [
        {
            "rule": r.id,
            "title": r.title,
            "source": r.source,
            "weight": r.weight,
            "fatal": r.fatal,
            "note": "" if r.confirmed else UNCONFIRMED,
            "examples": len(r.examples),
            "file": r.file,
            "line": r.line,
        }
        for r in rules.rules
    ]
    parameters = [
        {
            "name": p.name,
            "value": p.value,
            "unit": p.unit,
            "title": p.title,
            "note": "" if p.confirmed else UNCONFIRMED,
        }
        for p in rules.parameters
    ]
    if args.json:
        dump({"rules_version": rules.version, "rules": rows, "parameters": parameters})
        return 0
    print(f"规则版本 {rules.version}")
    for row in rows:
        fatal = "致命 " if row["fatal"] else ""
        print(f"{row['rule']:8} {row['weight']:>5g} 分 {fatal}{row['title']}  {row['note']}")
    for p in parameters:
        print(f"参数 {p['name']} = {p['value']:g} {p['unit']}：{p['title']}  {p['note']}")
    return 0


def run_diff(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from cti.config import load
    from cti.quality.rules import load as load_rules
    from cti.quality.score import diff
    from cti.quality.transcript import from_json

    settings = load(args.config)
    transcripts = [from_json(data) for _, data in _calls(args.calls)]
    result = diff(transcripts, rule_set(args.against, settings), load_rules(args.rules))
    if args.json:
        dump(asdict(result))
        return 0
    print(f"{result.calls} 通，{result.before} → {result.after}：{len(result.changes)} 项判定会变")
    for c in result.changes:
        print(f"{c.call}  {c.rule}  {c.before} → {c.after}")
    for call, before, after in result.scores:
        print(f"{call}  得分 {before} → {after}")
    return 0


def run_report(args: argparse.Namespace) -> int:
    from cti.config import load
    from cti.quality.report import as_text, report

    settings = load(args.config)
    rules = rule_set(args.rules, settings)
    data = report(list(_labelled(args, settings, rules)))
    data["rules_version"] = rules.version
    if args.json:
        dump(data)
    else:
        print(as_text(data))
        print("* 少于 30 例，样本不足")
    return 0


def _calls(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    from cti.errors import UsageError

    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UsageError(f"no calls (*.json) in {folder}")
    for file in files:
        yield file, read_object(file)


def _labelled(args: argparse.Namespace, settings: Settings, rules: RuleSet) -> Iterator[Labelled]:
    from cti.errors import UsageError
    from cti.quality.report import Labelled
    from cti.quality.score import score
    from cti.quality.transcript import facts_of, from_json
    from cti.speech.transcribe import transcribe

    engine = engine_loader(settings, args.engine or settings.speech.engine)
    for file, data in _calls(args.calls):
        expect = data.get("expect")
        if not isinstance(expect, dict):
            raise UsageError(f"{file}: no 'expect' with the verdicts the call should get")
        true_turns = from_json(data)
        legs = [file.with_name(f"{file.stem}-{role}.wav") for role in ("agent", "caller")]
        heard_turns = None
        if not args.text_only and all(leg.is_file() for leg in legs):
            done = transcribe(legs[0], legs[1], facts_of(data), engine, longest_s=settings.speech.longest_s)
            heard_turns = done.transcript
            print(f"{file.stem}: {done.note}", file=sys.stderr)
        # a call counts as real only where its own file says so
        voices = "real" if data.get("voices") == "real" else "synthetic"
        yield Labelled(
            str(data.get("id") or file.stem),
            voices,
            {str(k): str(v) for k, v in expect.items()},
            score(true_turns, rules),
            score(heard_turns, rules) if heard_turns is not None else None,
            true_turns,
            heard_turns,
        )


def run_jobs(args: argparse.Namespace) -> int:
    from cti.config import load
    from cti.store.db import Database
    from cti.store.repos import jobs

    db = Database(load(args.config).store.url)
    try:
        with db.begin(write=False) as conn:
            total, found = jobs.list_jobs(conn, state=args.state, limit=max(1, args.limit))
            counts = jobs.counts(conn)
    finally:
        db.close()
    shown = (
        "id",
        "recording_id",
        "agent",
        "state",
        "phase",
        "percent",
        "attempts",
        "reason",
        "note",
        "worker",
    )
    rows = [{k: r[k] for k in shown} | {"updated_at": r["updated_at"].isoformat()} for r in found]
    if args.json:
        dump({"total": total, "counts": counts, "jobs": rows})
        return 0
    print("  ".join(f"{state} {n}" for state, n in counts.items()))
    for row in rows:
        why = row["reason"] or row["note"]
        how = f"{row['state']:<12} {row['percent']:>3}% {row['phase']}"
        print(f"{row['id']:>6} {row['recording_id']} {how} {why}")
    return 0


def run_rescore(args: argparse.Namespace) -> int:
    from cti.config import load
    from cti.speech.rescore import rescore
    from cti.store.db import Database

    settings = load(args.config)
    rules = rule_set([], settings)
    db = Database(settings.store.url)
    try:
        done = rescore(db, rules, low=settings.quality.low_score)
    finally:
        db.close()
    if args.json:
        dump({"rules_version": rules.version, "calls": done.calls, "scored": done.scored})
    else:
        print(f"{done.calls} 通，其中 {done.scored} 通按规则版本 {rules.version} 重新评分")
    return 0


def run_purge(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from cti.config import load
    from cti.speech.worker import purge
    from cti.store.db import Database

    settings = load(args.config)
    db = Database(settings.store.url)
    try:
        count = purge(db, settings, datetime.now(UTC))
    finally:
        db.close()
    if args.json:
        dump({"purged": count, "keep_days": settings.recording.keep_days})
    else:
        print(f"已删除 {count} 通录音的声音（保存 {settings.recording.keep_days} 天）")
    return 0
