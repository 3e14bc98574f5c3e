"""``laidian replay``: what a recorded AMI trace meant, as call events and pops."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from cti.ami.trace import Heard
    from cti.domain.roster import Roster


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "replay",
        run,
        "重放: call events and pops of a recorded AMI trace (JSON lines of ours, or raw AMI text)",
        examples="  laidian replay tests/traces/blind.jsonl\n"
        "  laidian replay capture.txt --json\n"
        "  laidian replay capture.txt --config laidian.toml",
        json_output=True,
        config=True,
    )
    parser.add_argument("trace", type=Path, metavar="TRACE", help="the file")
    parser.add_argument("--agents", action="store_true", help="agents' states as well (always with --json)")
    parser.add_argument("--node", default="", help="name of the node, where the trace does not say it")
    parser.add_argument("--mask", action="store_true", help="hide the middle of phone numbers")


def run(args: argparse.Namespace) -> int:
    """Print one event a line, in the order of the trace."""
    from cti.ami.trace import as_json, replay
    from cti.domain.call import AgentEvent
    from screenpop.replay import Offline

    pops = Offline(masked=args.mask)
    for event in replay(args.trace, node=args.node, roster=_roster(args)):
        if args.json:
            dump(_masked(as_json(event), args.mask))
        elif args.agents or not isinstance(event, AgentEvent):
            print(_line(event, args.mask))
        _show(pops.feed(event), args.json)
    _show(pops.finish(), args.json)
    return 0


def _roster(args: argparse.Namespace) -> Roster | None:
    """The settings' roster if settings were named; else the trace's own, or a guess from device names."""
    if args.config is None:
        return None
    from cti.config import load

    return load(args.config).roster()


def _show(messages: list[dict[str, Any]], json: bool) -> None:
    for message in messages:
        if json:
            dump(message)
            continue
        detail = message.get("reason") or " ".join(message.get("changes", ()))
        if message["type"] == "pop":
            detail = (
                f"{message['caller']['display'] or message['caller']['number']} {message['call']['state']}"
            )
        print(f"{'':12}  └ {message['type']:<12} {message['agent']}  {detail}")


def _masked(line: dict[str, Any], masked: bool) -> dict[str, Any]:
    """Names and context may hold numbers, too."""
    if not masked:
        return line
    from cti.obs import mask

    hidden: dict[str, Any] = {key: mask(line[key]) for key in ("caller_number", "caller_name") if key in line}
    if "context" in line:
        hidden["context"] = {key: mask(value) for key, value in line["context"].items()}
    return {**line, **hidden}


def _line(event: Heard, masked: bool) -> str:
    from cti.ami.trace import as_json

    shown = _masked(as_json(event), masked)
    at = str(shown.pop("at", shown.get("since", "")))[11:23]
    for key in ("type", "node", "linkedid", "direction", "did", "position", "cause", "since"):
        shown.pop(key, None)
    what = shown.pop("kind", "") or shown.pop("state", "") or "gap"
    who = shown.pop("agent", "")
    rest = "  ".join(f"{key}={value}" for key, value in shown.items() if value not in (None, "", {}, []))
    return f"{at}  {what:<14} {who:<6} {rest}".rstrip()
