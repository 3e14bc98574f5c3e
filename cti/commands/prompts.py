"""``laidian prompts check|list``: the recorded prompts against their manifest."""

from __future__ import annotations

import argparse
from pathlib import Path

from cti.commands.output import Subparsers, add_command, dump


def register(subparsers: Subparsers) -> None:
    """Add ``laidian prompts``."""
    prompts = subparsers.add_parser("prompts", help="recorded prompts: check, list")
    commands = prompts.add_subparsers(metavar="COMMAND", required=True)
    check = add_command(
        commands,
        "check",
        run_check,
        "manifest against sound files: missing, format, level, length for the words; against flows: unused",
        json_output=True,
    )
    listing = add_command(commands, "list", run_list, "id, text and making of every prompt", json_output=True)
    for parser in (check, listing):
        parser.add_argument("--prompts", type=Path, metavar="DIR", help="folder (default: the shipped one)")
    check.add_argument("--flows", type=Path, metavar="DIR", help="flows that use them (default: the shipped)")


def run_check(args: argparse.Namespace) -> int:
    """Exit status 1 when there is a fault; an unused prompt is told and is none."""
    from ivr_flows import check, loader, prompts

    folder = args.prompts or prompts.FOLDER
    manifest, faults = prompts.load(folder)
    flows, _ = loader.load_all(args.flows or loader.FLOWS)
    faults += prompts.sound_faults(manifest)
    faults += check.unlisted_faults(flows, manifest)
    unused = sorted(set(manifest.entries) - check.used_prompts(flows))
    faults = sorted(set(faults), key=lambda f: (f.line, f.code, f.text))
    seconds = sum(s.seconds for s in prompts.measured(manifest))
    if args.json:
        dump(
            {
                "ok": not faults,
                "prompts": len(manifest.entries),
                "seconds": round(seconds, 1),
                "unused": unused,
                "faults": [{"file": f.file, "line": f.line, "code": f.code, "text": f.text} for f in faults],
            }
        )
        return 1 if faults else 0
    for fault in faults:
        print(fault)
    print(f"{len(manifest.entries)} prompts, {seconds:.0f} s of sound: {len(faults)} fault(s)")
    if unused:
        print(f"not used by a flow ({len(unused)}): {', '.join(unused)}")
    return 1 if faults else 0


def run_list(args: argparse.Namespace) -> int:
    """Print the manifest."""
    from ivr_flows import prompts

    manifest, faults = prompts.load(args.prompts or prompts.FOLDER)
    if args.json:
        dump([{"id": e.id, "text": e.text, "made_how": e.made_how} for e in manifest.entries.values()])
    else:
        for entry in manifest.entries.values():
            print(f"{entry.id}\t{entry.made_how}\t{entry.text}")
    return 1 if faults else 0
