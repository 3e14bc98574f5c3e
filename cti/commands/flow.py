"""``laidian flow check|graph|simulate``: prove, draw and play the self-service flows without Asterisk."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from ivr_flows.simulate import Backend


def register(subparsers: Subparsers) -> None:
    """Add ``laidian flow``."""
    flow = subparsers.add_parser("flow", help="self-service flows: check, draw, play as text")
    commands = flow.add_subparsers(metavar="COMMAND", required=True)
    check = add_command(
        commands,
        "check",
        run_check,
        "prove every flow: edges, ways, loops, values, prompts; each fault with file and line",
        examples="  laidian flow check\n  laidian flow check main tracking --json",
        json_output=True,
        config=True,
    )
    check.add_argument("flow", nargs="*", help="names of flows, or flow files (default: all)")
    _folders(check)
    graph = add_command(
        commands,
        "graph",
        run_graph,
        "draw a flow",
        examples="  laidian flow graph tracking\n  laidian flow graph main --format svg > main.svg",
    )
    graph.add_argument("flow", help="name of a flow, or a flow file")
    graph.add_argument("--format", choices=("mermaid", "svg"), default="mermaid")
    _folders(graph)
    simulate = add_command(
        commands,
        "simulate",
        run_simulate,
        "play a flow as text, without Asterisk",
        examples='  laidian flow simulate main --keys "1,1234567890#" --json\n'
        '  laidian flow simulate tracking --keys "2234567890#,7000" --caller 13900139000\n'
        "  laidian flow simulate main --tier VIP客户 --at 2026-03-04T10:00+08:00",
        json_output=True,
        config=True,
    )
    simulate.add_argument("flow", help="name of a flow, or a flow file")
    simulate.add_argument(
        "--keys",
        default="",
        help="entries for successive questions: 1,1234567890# ('-' silence, 'x' hangs up)",
    )
    simulate.add_argument("--caller", help='calling number (default: the invented 13800138000; "" withheld)')
    simulate.add_argument("--did", default="", help="dialled number")
    simulate.add_argument("--tier", default="", help="tier of the caller, such as VIP客户")
    simulate.add_argument("--at", help="moment of the call, ISO 8601 (default: a Wednesday at 10:00)")
    simulate.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="preset a variable"
    )
    simulate.add_argument("--data", type=Path, metavar="FILE.json", help="answers of the back ends")
    simulate.add_argument("--no-recording", action="store_true", help="recordings fail (no disk space)")
    _folders(simulate)


def _folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--flows", type=Path, metavar="DIR", help="folder of flows (default: the shipped ones)"
    )
    parser.add_argument(
        "--hours", type=Path, metavar="FILE", help="opening hours (default: the shipped ones)"
    )


def _where(args: argparse.Namespace, named: list[str]) -> tuple[Path, list[str]]:
    """The folder of flows, and the names in it; a flow may be given as a file."""
    from ivr_flows import loader

    folder: Path = args.flows or loader.FLOWS
    names: list[str] = []
    for name in named:
        path = Path(name)
        if path.suffix in (".yaml", ".yml"):
            folder = path.parent
        names.append(path.stem if path.suffix in (".yaml", ".yml") else name)
    return folder, names


def run_check(args: argparse.Namespace) -> int:
    """Exit status 1 when there is a fault."""
    from cti.config import load
    from cti.errors import UsageError
    from ivr_flows import check, hours

    folder, names = _where(args, args.flow)
    missing = [n for n in names if not (folder / f"{n}.yaml").is_file()]
    if missing:
        raise UsageError(f"no flow named {', '.join(missing)} in {folder}")
    queues = {q.name for q in load(args.config).queues} if args.config else None
    flows, faults = check.check(folder, hours_file=args.hours or hours.FILE, only=names, queues=queues)
    chosen = [n for n in flows if not names or n in names]
    if args.json:
        dump(
            {
                "ok": not faults,
                "flows": [{"name": n, "title": flows[n].title, "nodes": len(flows[n].nodes)} for n in chosen],
                "faults": [{"file": f.file, "line": f.line, "code": f.code, "text": f.text} for f in faults],
            }
        )
    else:
        for fault in faults:
            print(fault)
        nodes = sum(len(flows[n].nodes) for n in chosen)
        print(
            f"{len(chosen)} flows, {nodes} nodes: {len(faults)} fault(s)"
            if faults
            else f"{len(chosen)} flows, {nodes} nodes: right"
        )
    return 1 if faults else 0


def run_graph(args: argparse.Namespace) -> int:
    """Print the picture."""
    from cti.errors import ConfigError, UsageError
    from ivr_flows import graph, loader

    folder, (name,) = _where(args, [args.flow])
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise UsageError(f"no flow named {name} in {folder}")
    flow, faults = loader.load_file(path)
    if flow is None:
        raise ConfigError("\n".join(map(str, faults)))
    sys.stdout.write(graph.svg(flow) if args.format == "svg" else graph.mermaid(flow))
    return 0


def run_simulate(args: argparse.Namespace) -> int:
    """Print path, words, variables and end."""
    from cti.config import load
    from ivr_flows import hours, prompts, sample, simulate
    from ivr_flows.engine import Engine
    from ivr_flows.protocol import Started

    settings = load(args.config)
    folder, (name,) = _where(args, [args.flow])
    engine = Engine.load(
        folder,
        hours_file=args.hours or hours.FILE,
        timezone=settings.timezone,
        waybill_pattern=settings.waybills.pattern,
    )
    at = _moment(args.at, settings.timezone) if args.at else simulate.DEFAULT_AT
    caller = sample.CALLER if args.caller is None else args.caller
    data: Backend = sample.built_in(at, args.tier, caller)
    if args.data:
        data = sample.from_file(args.data, at)
    started = Started(caller, args.did, at, args.tier, _presets(args.set))
    recording: Any = "failed" if args.no_recording else "ok"
    if args.config and not args.data:
        from cti.commands.flow_store import store_backend

        with store_backend(settings, caller, data) as backend:
            played = simulate.play(engine, name, args.keys, backend, started=started, recording=recording)
    else:
        played = simulate.play(engine, name, args.keys, data, started=started, recording=recording)
    if args.json:
        dump(played.as_json())
        return 0
    manifest, _ = prompts.load()
    print("path:  " + " → ".join(played.path))
    print("heard: " + "".join(manifest.text(s) for s in played.spoken))
    for key, value in played.vars.items():
        print(f"  {key} = {value}")
    print("end:   " + played.end)
    return 0


def _moment(text: str, timezone: str) -> Any:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from cti.errors import UsageError

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is no moment such as 2026-03-04T10:00+08:00") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))


def _presets(given: list[str]) -> dict[str, str]:
    from cti.errors import UsageError

    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"'{text}' is not NAME=VALUE")
        found[name] = value
    return found
