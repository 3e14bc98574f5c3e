"""``laidian record``: write down what the PBX says, to be replayed later."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command

if TYPE_CHECKING:
    from cti.config import AmiNode
    from cti.domain.roster import Roster


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "record",
        run,
        "录制: write an AMI trace for laidian replay, until Ctrl-C; secrets are never written",
        examples="  laidian record trace.jsonl\n  laidian record trace.jsonl --node pbx2 --mask --seconds 60",
        config=True,
    )
    parser.add_argument(
        "trace", type=Path, metavar="TRACE", help="the file to write; it must not be there yet"
    )
    parser.add_argument("--node", default="", help="which [[ami]] node (default: the first)")
    parser.add_argument("--mask", action="store_true", help="hide the middle of phone numbers")
    parser.add_argument("--seconds", type=float, default=None, help="stop after so long")
    parser.add_argument("--about", default="", help="a sentence on what is recorded")


def run(args: argparse.Namespace) -> int:
    """Connect as the service would and write each event that matters."""
    import asyncio
    import contextlib

    from cti.config import load
    from cti.errors import UsageError

    settings = load(args.config)
    nodes = [node for node in settings.ami if args.node in ("", node.name)]
    if not nodes:
        raise UsageError(f"no [[ami]] node {args.node or 'at all'} in the settings")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_record(args, nodes[0], settings.roster()))
    return 0


async def _record(args: argparse.Namespace, node: AmiNode, roster: Roster) -> None:
    import asyncio

    from cti.ami.client import AmiClient
    from cti.ami.trace import Recorder
    from cti.errors import UsageError

    try:
        file = args.trace.open("x", encoding="utf-8", buffering=1)  # each line is on disk at once
    except OSError as e:
        raise UsageError(f"{args.trace}: {e.strerror}") from e
    with file:
        recorder = Recorder(file, node.name, roster, about=args.about, mask_numbers=args.mask)
        async with AmiClient(node, recorder):
            print(f"recording {node.name} to {args.trace}, Ctrl-C ends it", flush=True)
            await asyncio.wait({asyncio.create_task(asyncio.Event().wait())}, timeout=args.seconds)
