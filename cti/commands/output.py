"""What every command shares: ``--json``, ``--config`` and one clear sentence on bad input."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Subparsers = Any  # argparse keeps its sub-parser action's class private


def add_command(
    subparsers: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], int],
    help: str,
    *,
    examples: str = "",
    json_output: bool = False,
    config: bool = False,
) -> argparse.ArgumentParser:
    """Add a sub-command whose ``run(args)`` returns the exit status."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=help,
        description=help,
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if json_output:
        parser.add_argument("--json", action="store_true", help="print JSON")
    if config:
        parser.add_argument("--config", type=Path, metavar="FILE", help="settings (default: laidian.toml)")
    parser.set_defaults(run=run)
    return parser


def dump(data: Any) -> None:
    """Print one JSON document on one line."""
    print(json.dumps(data, ensure_ascii=False, default=str), flush=True)
