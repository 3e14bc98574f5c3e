"""``laidian score``: the service-language score of one call, from its two legs or from its words."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from cti.config import Settings
    from cti.quality.rules import RuleSet
    from cti.quality.score import Score
    from cti.quality.transcript import Transcript


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "score",
        run,
        "score a call against the service language (服务用语质检)",
        examples="  laidian score --agent A.wav --caller C.wav --meta M.json --json\n"
        "  laidian score --transcript T.json --rules my-rules.yaml",
        json_output=True,
        config=True,
    )
    parser.add_argument("--agent", type=Path, metavar="WAV", help="the agent's leg")
    parser.add_argument("--caller", type=Path, metavar="WAV", help="the caller's leg")
    parser.add_argument("--meta", type=Path, metavar="JSON", help="what is known of the call")
    parser.add_argument("--transcript", type=Path, metavar="JSON", help="true turns or a stored transcript")
    parser.add_argument(
        "--rules", type=Path, action="append", default=[], metavar="FILE", help="own rule file"
    )
    parser.add_argument(
        "--engine", choices=("auto", "vosk", "whisper"), help="default: setting speech.engine"
    )
    parser.add_argument("--save", type=Path, metavar="JSON", help="keep the transcript for later scoring")


def run(args: argparse.Namespace) -> int:
    from cti.config import load
    from cti.errors import UsageError
    from cti.quality.score import score
    from cti.quality.transcript import from_json

    settings = load(args.config)
    rules = rule_set(args.rules, settings)
    if args.transcript is not None:
        if args.agent or args.caller or args.meta:
            raise UsageError("--transcript stands alone, without --agent, --caller and --meta")
        transcript = from_json(read_object(args.transcript))
    else:
        if args.agent is None or args.caller is None or args.meta is None:
            raise UsageError("needs --agent, --caller and --meta together, or --transcript")
        transcript = _recognise(args, settings)
    sheet = score(transcript, rules)
    if args.json:
        dump(sheet.to_json())
    else:
        print(as_text(sheet))
    return 0


def _recognise(args: argparse.Namespace, settings: Settings) -> Transcript:
    from cti.errors import UsageError
    from cti.quality.transcript import facts_of, to_json
    from cti.speech.transcribe import transcribe

    facts = facts_of(read_object(args.meta))
    for path in (args.agent, args.caller):
        if not path.is_file():
            raise UsageError(f"no such file: {path}")
    speech = settings.speech
    done = transcribe(
        args.agent,
        args.caller,
        facts,
        engine_loader(settings, args.engine or speech.engine),
        longest_s=speech.longest_s,
    )
    print(f"录音：{done.note}", file=sys.stderr)
    if args.save is not None:
        try:
            args.save.write_text(json.dumps(to_json(done.transcript), ensure_ascii=False), encoding="utf-8")
        except OSError as e:
            raise UsageError(f"cannot write {args.save}: {e}") from e
    return done.transcript


def engine_loader(settings: Settings, wanted: str) -> Any:
    """A function that chooses and loads the engine when first asked, and says on stderr which it is."""
    loaded: list[Any] = []

    def load_once() -> Any:
        from cti.speech.choose import choose, load_engine

        if not loaded:
            speech = settings.speech
            choice = choose(
                wanted,
                speech.models.expanduser(),
                vosk_folder=speech.vosk_model.expanduser() if speech.vosk_model else None,
                may_pull=speech.auto_pull,
            )
            print(f"识别引擎：{choice.engine}（{choice.model}）— {choice.reason}", file=sys.stderr)
            loaded.append(load_engine(choice, threads=speech.threads))
        return loaded[0]

    return load_once


def rule_set(files: list[Path], settings: Settings) -> RuleSet:
    """The rules asked for: files of the command, else of the settings, else the presets."""
    from cti.quality.rules import load, load_presets, with_weights

    chosen = files or list(settings.quality.rules)
    rules = load(chosen) if chosen else load_presets()
    return with_weights(rules, settings.quality.weights) if settings.quality.weights else rules


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object out of a file; UsageError in one sentence otherwise."""
    from cti.errors import UsageError

    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UsageError(f"{path}: {e.strerror or e}") from e
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{path} is not JSON: {e}") from e
    if not isinstance(value, dict):
        raise UsageError(f"{path} holds no JSON object")
    return value


_WORD = {"pass": "合格", "fail": "不合格", "na": "不适用", "review": "待复核"}


def as_text(sheet: Score) -> str:
    """The score sheet for people: what was due beside what was heard."""
    value = "—" if sheet.value is None else f"{sheet.value:.1f}"
    lines = [
        f"得分 {value}（系统默认权重，待确认） 已判定 {sheet.decided:.0%}",
        f"引擎 {sheet.engine} 规则 {sheet.rules_version}",
    ]
    for fatal in sheet.fatal:
        lines.append(f"致命项 {fatal.rule}：{'建议，待人工确认' if fatal.proposed else '成立'}")
    for v in sheet.verdicts:
        if v.outcome.value == "na":
            continue
        lines.append(f"{v.rule:8} {_WORD[v.outcome.value]}  {v.title}")
        if v.outcome.value == "pass":
            continue
        for e in v.evidence:
            near = "" if e.similarity is None else f" 相似度 {e.similarity:.2f}"
            when = f"{e.t0 / 1000:.1f}–{e.t1 / 1000:.1f}s"
            lines.append(f"         {e.operator} {e.leg} {when} 听到“{e.heard}” 应为“{e.due}”{near}")
    return "\n".join(lines)
