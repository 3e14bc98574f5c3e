"""``laidian demo``: set up and run the main job on synthetic data until Ctrl-C."""

from __future__ import annotations

import argparse
from pathlib import Path

from cti.commands.output import Subparsers, add_command


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "demo",
        _demo,
        "一条自己运转的演示热线: Asterisk, the service, simulated agents and callers, until Ctrl-C",
        examples="  laidian demo\n  laidian demo --port 8400 --pace 5\n  laidian demo --fresh --seconds 60",
    )
    parser.add_argument("--folder", type=Path, default=Path("var/demo"), help="where it lives (var/demo)")
    parser.add_argument("--port", type=int, default=8380, help="web port (8380, or a free one)")
    parser.add_argument("--pace", type=float, default=12.0, metavar="S", help="seconds between calls (12)")
    parser.add_argument("--seed", type=int, default=1, help="of the callers and the synthetic data (1)")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs stored")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop by itself after so long")
    parser.add_argument("--no-asterisk", action="store_true", help="play recorded traces, as where none is")


def _demo(args: argparse.Namespace) -> int:
    import asyncio

    from cti.demo.stage import Stage

    stage = Stage(
        folder=args.folder,
        port=args.port,
        pace_s=args.pace,
        seed=args.seed,
        fresh=args.fresh,
        seconds=args.seconds,
        asterisk=not args.no_asterisk,
    )
    return asyncio.run(stage.run())
